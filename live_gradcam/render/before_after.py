"""Before and after: a stored picture beside the current one, on a canvas of the same size."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.panes import title_height
from live_gradcam.render.signs import draw_title_onto

BEFORE, NOW = "before", "now"


def before_and_after(
    before: Pixels, now: Pixels, names: tuple[str, str] = (BEFORE, NOW), *, foot: int = 0
) -> Pixels:
    """Return a canvas with two pictures side by side, or one above the other if they are upright.

    Args:
        before: (H, W, 3) uint8 BGR of any size: the stored picture.
        now: (H, W, 3) uint8 BGR: the current picture, which has the size of the canvas.
        names: their titles.
        foot: rows at the bottom that stay free.

    Returns:
        New (H, W, 3) uint8 BGR of the size of `now`.
    """
    canvas = np.empty_like(now)
    fill_onto(canvas)
    height, width = now.shape[:2]
    for half, picture, name in zip(_halves((width, height), foot), (before, now), names, strict=True):
        title, cell = half
        x, y, wide, high = _place((picture.shape[1], picture.shape[0]), cell)
        canvas[y : y + high, x : x + wide] = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
        if title[3]:
            draw_title_onto(canvas[title[1] : title[1] + title[3], title[0] : title[0] + title[2]], name)
    return canvas


def in_right_half(point: tuple[int, int], size: tuple[int, int], *, foot: int = 0) -> tuple[int, int]:
    """Return the point of the current picture at a point of the canvas; it may lie outside the picture.

    Args:
        point: (x, y) in pixels of the canvas.
        size: (width, height) of both.
        foot: rows at the bottom that stay free.
    """
    left, top, wide, high = _place(size, _halves(size, foot)[1][1])
    return int((point[0] - left) * size[0] // wide), int((point[1] - top) * size[1] // high)


def _halves(size: tuple[int, int], foot: int) -> tuple[tuple[Region, Region], tuple[Region, Region]]:
    """Divide the canvas in two along its longer side; return the title strip and the cell below it of each half."""
    width, height = size[0], size[1] - foot
    if size[0] >= size[1]:
        cells = (0, 0, width // 2, height), (width // 2, 0, width - width // 2, height)
    else:
        cells = (0, 0, width, height // 2), (0, height // 2, width, height - height // 2)
    title = title_height(size)
    first, second = (((x, y, wide, title), (x, y + title, wide, high - title)) for x, y, wide, high in cells)
    return first, second


def _place(size: tuple[int, int], cell: Region) -> Region:
    """Return where a picture of (width, height) is placed in a cell, as large as it fits and centred."""
    x, y, width, height = cell
    scale = min(width / size[0], height / size[1])
    wide, high = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    return x + (width - wide) // 2, y + (height - high) // 2, wide, high
