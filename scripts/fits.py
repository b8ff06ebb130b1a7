"""Measures how often each fit names photographs that lie in a frame of 1280×720: alone, and two or three side by side.

.venv/bin/python scripts/fits.py PHOTOS [--photos 250] [--engine auto]

PHOTOS is a folder with one photograph of each of the 1000 ImageNet classes, in their order, such as a clone of
github.com/EliSchwartz/imagenet-sample-images. A photograph is cut to a square, and the background is a blurred one. The
table stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import live_gradcam as lg
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels

WIDTH, HEIGHT = 1280, 720
ALONE, TWO, THREE = 520, 520, 400
"""Side of the photographs in pixels."""

BACKGROUND = 812
"""The photograph that the background is made of: of nothing that a fit could name."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=250)
    parser.add_argument("--engine", default="auto")
    given = parser.parse_args()
    files = sorted(
        path for path in given.folder.iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png")
    )
    if len(files) != 1000:
        raise SystemExit(
            f"{given.folder} has {len(files)} photographs: one of each of the 1000 classes is needed."
        )
    chosen = list(range(0, 1000, 1000 // given.photos))[: given.photos]
    rng = np.random.default_rng(0)
    pairs, triples = (
        [rng.choice(1000, count, replace=False).tolist() for _ in range(given.photos // 2)]
        for count in (2, 3)
    )
    model = lg.load_model("efficientnet-lite0")
    enlarged = cv2.resize(read(files[BACKGROUND]), (WIDTH, HEIGHT))
    background = np.asarray(cv2.GaussianBlur(enlarged, (0, 0), 40), np.uint8)
    print(
        "| fit | left | middle | right | of two | of three | wrong names a frame |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for fit in ("crop", "wide", "scan"):
        explainer = lg.Explainer(model, fit=fit, engine=given.engine)
        alone = [
            np.mean(
                [
                    explainer.explain(frame(background, files, [number], ALONE, [x])).top[0].class_id
                    == number
                    for number in chosen
                ]
            )
            for x in (280, 640, 1000)
        ]
        beside, wrong = [], []
        for groups, side, places in ((pairs, TWO, (320, 960)), (triples, THREE, (213, 640, 1067))):
            found = [
                names(explainer.explain(frame(background, files, group, side, places))) for group in groups
            ]
            beside.append(
                np.mean(
                    [len(set(group) & each) / len(group) for group, each in zip(groups, found, strict=True)]
                )
            )
            wrong += [len(each - set(group)) for group, each in zip(groups, found, strict=True)]
        print(
            f"| {fit} | " + " | ".join(f"{each:.2f}" for each in (*alone, *beside, np.mean(wrong))) + " |",
            flush=True,
        )
        explainer.close()


def read(path: Path) -> Pixels:
    """Return a photograph's central square."""
    image = cv2.imread(str(path))
    assert image is not None, path
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.asarray(image[top : top + side, left : left + side], np.uint8)


def frame(
    background: Pixels, files: Sequence[Path], numbers: Sequence[int], side: int, places: Sequence[int]
) -> Pixels:
    """Return a frame with photographs of (side, side) pixels, centred at these columns."""
    picture = background.copy()
    top = (HEIGHT - side) // 2
    for number, x in zip(numbers, places, strict=True):
        photo = cv2.resize(read(files[number]), (side, side), interpolation=cv2.INTER_AREA)
        picture[top : top + side, x - side // 2 : x - side // 2 + side] = photo
    return picture


def names(explanation: Explanation) -> set[Any]:
    """Return the classes that are named on the picture."""
    if explanation.things is not None:
        return {thing.prediction.class_id for thing in explanation.things}
    best = explanation.top[0]
    return {best.class_id} if (best.probability or 0.0) >= explanation.needed else set()


if __name__ == "__main__":
    main()
