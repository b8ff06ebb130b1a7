"""Drawn things and backgrounds for the lesson, for machines without the photographs: two mugs, a wall and a shelf."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.clock_face import Patch

_SIDE = 320
"""Side of a drawn thing in pixels."""

_SHARPER = 4
"""Things are drawn so many times larger, so that their edges are smooth."""

_BRICK = (88, 30)
"""(width, height) of a brick in pixels, with its mortar."""

_MORTAR = (150, 160, 164)


def draw_mug(colour: tuple[int, int, int], stripe: tuple[int, int, int]) -> Patch:
    """Return a mug seen from the side.

    Args:
        colour: of the mug, BGR.
        stripe: colour of its two stripes, BGR.

    Returns:
        (H, W, 4) float32: BGR from 0 to 255, premultiplied with the opacity, and the opacity in [0, 1].
    """
    side = _SIDE * _SHARPER
    pixels = np.zeros((side, side, 3), np.uint8)
    shape = np.zeros((side, side), np.uint8)

    def at(*parts: float) -> tuple[int, ...]:
        return tuple(round(part * side) for part in parts)

    handle = (at(0.74, 0.55), at(0.2, 0.22))
    cv2.ellipse(shape, handle[0], handle[1], 0, 0, 360, (255,), round(0.09 * side))
    cv2.rectangle(shape, at(0.06, 0.14), at(0.74, 0.86), (255,), cv2.FILLED)
    for middle in (0.14, 0.86):
        cv2.ellipse(shape, at(0.4, middle), at(0.34, 0.1), 0, 0, 360, (255,), cv2.FILLED)
    pixels[:] = colour
    for middle in (0.42, 0.66):
        cv2.ellipse(pixels, at(0.4, middle), at(0.34, 0.1), 0, 0, 180, stripe, round(0.07 * side))
    across = np.linspace(0, np.pi, side, dtype=np.float32)
    shade = 0.55 + 0.5 * np.sin(across * 1.1 + 0.2)
    lit = np.clip(pixels * shade[None, :, None], 0, 255).astype(np.uint8)
    cv2.ellipse(lit, at(0.4, 0.14), at(0.31, 0.08), 0, 0, 360, (28, 40, 62), cv2.FILLED)  # the coffee
    small = (_SIDE, _SIDE)
    opacity = cv2.resize(shape, small, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    colours = cv2.resize(lit, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.concatenate([colours * opacity, opacity], axis=2)


def draw_brick_wall(size: tuple[int, int], *, seed: int = 3) -> Pixels:
    """Return a brick wall of (width, height), (height, width, 3) uint8 BGR."""
    random = np.random.default_rng(seed)
    width, height = size
    wall = np.empty((height, width, 3), np.uint8)
    wall[:] = _MORTAR
    long, tall = _BRICK
    for row, top in enumerate(range(0, height, tall)):
        for left in range(-(row % 2) * long // 2, width, long):
            tone = random.uniform(0.7, 1.15)
            colour = [round(each * tone) for each in (58, 76, 158)]
            cv2.rectangle(wall, (left + 3, top + 3), (left + long - 3, top + tall - 3), colour, cv2.FILLED)
    return _grained(wall, random)


def draw_bookshelf(size: tuple[int, int], *, seed: int = 4) -> Pixels:
    """Return a shelf with rows of books, of (width, height), (height, width, 3) uint8 BGR."""
    random = np.random.default_rng(seed)
    width, height = size
    shelf = np.empty((height, width, 3), np.uint8)
    shelf[:] = (24, 34, 44)
    tall = 178
    for top in range(-20, height, tall):
        floor = top + tall - 14
        left = 0
        while left < width:
            thick, high = int(random.integers(18, 46)), int(random.integers(118, 156))
            colour = [int(each) for each in random.integers(30, 220, 3)]
            cv2.rectangle(shelf, (left, floor - high), (left + thick - 2, floor), colour, cv2.FILLED)
            for line in (0.14, 0.8):
                y = floor - high + round(line * high)
                cv2.line(shelf, (left, y), (left + thick - 3, y), (150, 200, 226), 3)
            left += thick
        cv2.rectangle(shelf, (0, floor), (width, floor + 13), (58, 92, 132), cv2.FILLED)
    return _grained(shelf, random)


def _grained(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Return a picture with the fine grain of a real surface."""
    grain = random.normal(0, 9, picture.shape[:2])[..., None]
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)
