"""Before and after: a picture that was kept beside the present one, on a canvas of its size."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.signs import draw_name_onto
from live_gradcam.words import ENGLISH, Words

BEFORE, NOW = "before", "now"


def before_and_after(before: Pixels, now: Pixels, words: Words = ENGLISH) -> tuple[Pixels, int]:
    """Return a picture with two others side by side, or one above the other where they are upright.

    Args:
        before: (H, W, 3) uint8 BGR of any size: what was kept.
        now: (H, W, 3) uint8 BGR: the present picture, which has the size of the canvas.
        words: the viewer's language, for what stands above them.

    Returns:
        New (H, W, 3) uint8 BGR of the size of `now`, and how many rows at its top the names take.
    """
    canvas = np.empty_like(now)
    fill_onto(canvas)
    height, width = now.shape[:2]
    taken = 0
    for cell, picture, name in zip(_cells((width, height)), (before, now), (BEFORE, NOW), strict=True):
        x, y, wide, high = _place((picture.shape[1], picture.shape[0]), cell)
        canvas[y : y + high, x : x + wide] = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
        part = canvas[cell[1] : cell[1] + cell[3], cell[0] : cell[0] + cell[2]]
        plate = draw_name_onto(part, words(name), side=min(width, height) // 2)
        if plate is not None and cell[1] == 0:
            taken = max(taken, plate[1] + plate[3])
    return canvas, taken


def in_right_half(point: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return which point of the present picture is at a point of the canvas; it may lie beyond the picture.

    Args:
        point: (x, y) in pixels of the canvas.
        size: (width, height) of both.
    """
    left, top, wide, high = _place(size, _cells(size)[1])
    return int((point[0] - left) * size[0] // wide), int((point[1] - top) * size[1] // high)


def _cells(size: tuple[int, int]) -> tuple[Region, Region]:
    """Divide the canvas in two along its longer side."""
    width, height = size
    if width >= height:
        return (0, 0, width // 2, height), (width // 2, 0, width - width // 2, height)
    return (0, 0, width, height // 2), (0, height // 2, width, height - height // 2)


def _place(size: tuple[int, int], cell: Region) -> Region:
    """Return where a picture of (width, height) stands in a cell, whole and in the middle."""
    x, y, width, height = cell
    scale = min(width / size[0], height / size[1])
    wide, high = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    return x + (width - wide) // 2, y + (height - high) // 2, wide, high
