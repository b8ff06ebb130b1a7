"""Measures what a recording costs: each container, live and of files, on pictures of the demo.

.venv/bin/python scripts/encoders.py [--frames 90]

The figures stand in docs/recording.md.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import get_args

import cv2
import av
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.sinks.encoder import CONTAINERS, Encoder, Purpose
from live_gradcam.sources.demo.demo import DemoSource

LIKENESS_EVERY = 10


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=90, help="pictures of 1280×720 in each file")
    count = parser.parse_args().frames
    with DemoSource(live=False, size=(1280, 720), fps=30) as source:
        pictures = [frame.pixels for frame in itertools.islice(source, count)]
    print("| file | encoder | CPU ms | Mbit/s | PSNR dB |")
    print("|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for extension, purpose in itertools.product(CONTAINERS, get_args(Purpose)):
            print(measured(Path(folder, f"out{extension}"), purpose, pictures), flush=True)


def measured(path: Path, purpose: Purpose, pictures: list[Pixels]) -> str:
    """Return the row of one file."""
    encoder = Encoder(path, purpose)
    began = time.process_time()
    for index, picture in enumerate(pictures):
        encoder.encode(picture, index / 30)
    encoder.finish()
    cost = 1000 * (time.process_time() - began) / len(pictures)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    pairs = list(zip(pictures, decoded, strict=True))[::LIKENESS_EVERY]
    likeness = np.mean([cv2.PSNR(picture, np.asarray(seen)) for picture, seen in pairs])
    rate = path.stat().st_size * 8 * 30 / len(pictures) / 1e6
    return f"| {path.suffix} {purpose} | {encoder.codec} | {cost:.1f} | {rate:.1f} | {likeness:.1f} |"


if __name__ == "__main__":
    main()
