"""Ask a running `live-gradcam serve` about a photo, from any program that speaks HTTP.

    live-gradcam serve
    python examples/ask_the_endpoint.py 'http://127.0.0.1:8000/#token=…' photo.jpg

The address is the link that the server prints.
"""

import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path

link, photo = sys.argv[1:3]
address, _, fragment = link.partition("#")
request = urllib.request.Request(
    urllib.parse.urljoin(address, "explain"),
    data=Path(photo).read_bytes(),
    headers={"Content-Type": "image/jpeg"},
)
token = urllib.parse.parse_qs(fragment).get("token")
if token:
    request.add_header("Authorization", f"Bearer {token[0]}")
with urllib.request.urlopen(request) as answer:
    said = json.load(answer)
del said["heatmap"]  # rows of numbers from 0 to 1
print(json.dumps(said, indent=2))
