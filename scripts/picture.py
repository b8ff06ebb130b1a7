"""Makes the README's picture: one frame of the demo, explained. The clocks only, for they are drawn here.

.venv/bin/python scripts/picture.py docs/demo.jpg
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import cv2

import live_gradcam as lg
from live_gradcam.sources.demo import DemoSource

INDEX = 40
SIZE = (1280, 720)


def main(path: Path) -> None:
    """Write the picture to a file."""
    explainer = lg.Explainer("efficientnet-lite0")
    with DemoSource(
        live=False, size=SIZE, photographs=False, wall_time=lambda: dt.datetime(2026, 1, 1, 10, 9, 36)
    ) as demo:
        frame = demo.frame_at(INDEX)
    picture = lg.draw(frame.pixels, explainer.explain(frame.pixels))
    path.write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
    print(f"{path}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
