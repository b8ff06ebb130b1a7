"""Photographs to mark: things of a known colour in a known place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from live_gradcam.audit.marks import Marks
from live_gradcam.audit.photo_folders import photos_in_folders

SIZE = (120, 80)
"""(width, height) of the photographs."""

DISC = (60, 40, 20)
"""Centre and radius of the thing in each."""


def drawn_photograph(seed: int = 0) -> Any:
    """Return a picture (80, 120, 3) uint8 BGR: a noisy red disc on noisy blue."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 40, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    pixels[..., 0] += 180
    mask = disc_mask()
    pixels[mask] = random.integers(0, 40, (int(mask.sum()), 3))
    pixels[mask, 2] += 180
    return pixels


def disc_mask() -> Any:
    """Return the pixels of the disc, (80, 120) bool."""
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    return (across - DISC[0]) ** 2 + (down - DISC[1]) ** 2 <= DISC[2] ** 2


def drawn_photographs(folder: Path, *, cats: int = 3, dogs: int = 2) -> Path:
    """Write `photos/cats` and `photos/dogs`, and return `photos`."""
    for name, count in (("cats", cats), ("dogs", dogs)):
        for number in range(count):
            path = folder / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), drawn_photograph(number))
    return folder / "photos"


def marks_of(photos: Path, out: Path) -> Marks:
    """Return the marks of photographs in folders."""
    return Marks(photos_in_folders([str(photos)])[0], out)
