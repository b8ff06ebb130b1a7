"""Measures what a recording costs: each container, live and of files, on pictures of the demo; and what clips cost.

.venv/bin/python scripts/encoders.py [--frames 90]

The figures stand in docs/recording.md.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import cv2
import av
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.sinks.clips import CompressedPicture, compressed, write_clip
from live_gradcam.sinks.codecs import Purpose
from live_gradcam.sinks.encoder import CONTAINERS, Encoder
from live_gradcam.sources.demo.demo import DemoSource

LIKENESS_EVERY = 10
PURPOSES: tuple[Purpose, ...] = ("live", "file")


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
        for extension, purpose in itertools.product(CONTAINERS, PURPOSES):
            print(measured(Path(folder, f"out{extension}"), purpose, pictures), flush=True)
        print(clips_measured(Path(folder), pictures))


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


def clips_measured(folder: Path, pictures: list[Pixels]) -> str:
    """Return a sentence: what it costs to keep the pictures of a clip, and to write it."""
    began = time.process_time()
    kept = [CompressedPicture(index / 15, compressed(each)) for index, each in enumerate(pictures)]
    cost = 1000 * (time.process_time() - began) / len(pictures)
    memory = 150 * sum(len(each.jpeg) for each in kept) / len(kept) / 1e6
    began = time.process_time()
    write_clip(kept, folder / "clip.mp4")
    writing = 150 * (time.process_time() - began) / len(kept)
    size = 150 * (folder / "clip.mp4").stat().st_size / len(kept) / 1e6
    return (
        f"clips: {cost:.1f} ms of CPU time a kept picture; for 10 s {memory:.1f} MB in memory, {writing:.1f} s of "
        f"CPU time to write, a file of {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
