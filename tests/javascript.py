"""The modules of the page in Node.js, which Playwright brings along: their formulas need no browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import playwright

import live_gradcam

PAGE = Path(live_gradcam.__file__).parent / "server" / "page"
_NODE = Path(playwright.__file__).parent / "driver" / ("node.exe" if sys.platform == "win32" else "node")


def run_javascript(module: str, names: str, body: str, *arguments: Any) -> Any:
    """Import names from a module of the page, run the body of a function, and return what it returns.

    Args:
        module: such as `label_plate.js`.
        names: what is imported, separated by commas.
        body: JavaScript; `given` is the list of the arguments, and it may await.
        arguments: values that JSON can hold.
    """
    code = (
        f"import {{ {names} }} from {json.dumps((PAGE / module).as_uri())};\n"
        f"const given = {json.dumps(arguments)};\n"
        f"const found = await (async () => {{ {body} }})();\n"
        "process.stdout.write(JSON.stringify(found));\n"
    )
    command = [str(_NODE), "--no-warnings", "--input-type=module", "-"]
    done = subprocess.run(command, input=code, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
