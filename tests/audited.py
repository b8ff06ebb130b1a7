"""A small model of green things and backgrounds, with photographs and masks of two classes, for tests of `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import keras
import numpy as np

SIDE = 32
NAMES = ("bright", "dark")


def green_model(path: Path, *, sees: Literal["middle", "border"] = "middle", labels: bool = True) -> Path:
    """Write a model: the probability of `bright` grows with the mean green of the part that it sees, and its names."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="green")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2, activation="softmax", name="head")(x)
    network = keras.Model(image, x, name="green_network")
    network.get_layer("green").set_weights([np.array([0, 1, 0], np.float32).reshape(1, 1, 3, 1)])
    part = np.zeros((SIDE, SIDE), np.float32)
    part[8:24, 8:24] = 1
    if sees == "border":
        part[:] = 1
        part[4:28, 4:28] = 0
    weights = np.zeros((SIDE, SIDE, 2), np.float32)
    weights[..., 0] = part / part.sum() / 16
    network.get_layer("head").set_weights([weights.reshape(-1, 2), np.array([-8, 0], np.float32)])
    network.save(path)
    if labels:
        path.with_name(f"{path.stem}.labels.json").write_text('["bright", "dark"]', "utf-8")
    return path


def green_photographs(folder: Path, count: int, *, masks: bool = True, own_backgrounds: bool = False) -> None:
    """Write `photos/` and `masks/`: things of 20×20 pixels in the middle, bright or dark, on any background.

    With `own_backgrounds`, the background is as bright as the thing.
    """
    random = np.random.default_rng(0)
    for number in range(count):
        for name, level in zip(NAMES, (220, 30), strict=True):
            pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            if own_backgrounds:
                pixels[..., 1] = level + random.integers(-15, 16, (SIDE, SIDE))
            pixels[6:26, 6:26, 1] = level + random.integers(-15, 16)
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[6:26, 6:26] = 255
            for kind, image in (("photos", pixels), *((("masks", mask),) if masks else ())):
                path = folder / kind / name / f"{number:03}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image)


class AuditListener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.photos = 0
        self.done = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, photos: int) -> None:
        self.photos = photos

    def advance(self, photos: int) -> None:
        self.done += photos


def findings_of(report: Any) -> list[dict[str, Any]]:
    """The findings of a report's photographs with their heat maps as lists, so that they can be compared."""
    return [
        {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name in each.__slots__
            for value in [getattr(each, name)]
        }
        for each in report.photos
    ]
