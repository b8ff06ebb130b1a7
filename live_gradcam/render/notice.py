"""Notices: a quiet line at the top left, and figures at the top right."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.plate import FACE, GREY, REGULAR, WHITE, shade_onto, shortened, text_width

# All lengths are in units of the font size, which is itself a part of the frame's shorter side.
_SHORTER_SIDE = 1 / 30
_SMALLEST = 11
_MARGIN, _PADDING, _LINE, _CAP, _GAP = 0.8, 0.6, 1.45, 0.72, 1.0
_RADIUS = 0.5


def draw_notice_onto(picture: Pixels, text: str) -> Region | None:
    """Draw a line such as `camera lost, reconnecting` into the top left of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        text: one line; it is shortened where the picture is too narrow.

    Returns:
        (x, y, width, height) of its plate; None where the picture is too small for one.
    """
    size, margin, padding, room = _measures(picture)
    if not _fits(picture, size, 1) or not text:
        return None
    line = shortened(" ".join(text.split()), size, REGULAR, room)
    width = text_width(line, size, REGULAR) + 2 * padding
    height = round(size * _CAP) + 2 * padding
    shade_onto(picture, margin, margin, width, height, round(size * _RADIUS))
    base = margin + padding + round(size * _CAP)
    cv2.putText(picture, line, (margin + padding, base), WHITE, FACE, size, REGULAR)
    return margin, margin, width, height


def draw_statistics_onto(picture: Pixels, lines: Sequence[str]) -> Region | None:
    r"""Draw figures into the top right of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        lines: such as `shown\t30.0 fps`: what stands before the tab is set to the left, what follows to the right.
            What does not fit the picture's height is left out, and what is too wide is shortened.

    Returns:
        (x, y, width, height) of the plate; None where the picture is too small for one.
    """
    size, margin, padding, room = _measures(picture)
    rows = [line.partition("\t")[::2] for line in lines]
    while rows and not _fits(picture, size, len(rows)):
        rows.pop()
    if not rows:
        return None
    widest = [max(text_width(row[side], size, REGULAR) for row in rows) for side in (0, 1)]
    # In steps, for a plate whose width changed with each digit would tremble.
    wide = min(room, -(-(sum(widest) + round(size * _GAP)) // (2 * size)) * 2 * size)
    tall = round(size * (_CAP + (len(rows) - 1) * _LINE))
    left = picture.shape[1] - margin - padding - wide
    shade_onto(picture, left - padding, margin, wide + 2 * padding, tall + 2 * padding, round(size * _RADIUS))
    for number, (label, value) in enumerate(rows):
        base = margin + padding + round(size * (_CAP + number * _LINE))
        value = shortened(value, size, REGULAR, wide)
        value_width = text_width(value, size, REGULAR)
        label = shortened(label, size, REGULAR, max(0, wide - value_width))
        cv2.putText(picture, label, (left, base), GREY, FACE, size, REGULAR)
        cv2.putText(picture, value, (left + wide - value_width, base), WHITE, FACE, size, REGULAR)
    return left - padding, margin, wide + 2 * padding, tall + 2 * padding


def _measures(picture: Pixels) -> tuple[int, int, int, int]:
    """Return the font size, the margin, the padding and the room for text, in pixels."""
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    margin, padding = round(size * _MARGIN), round(size * _PADDING)
    return size, margin, padding, width - 2 * (margin + padding)


def _fits(picture: Pixels, size: int, lines: int) -> bool:
    """Return whether lines fit above the label plate, and a few letters across."""
    height, width = picture.shape[:2]
    needed = size * (2 * (_MARGIN + _PADDING) + lines * _LINE)
    return bool(width >= 8 * size and needed <= 0.75 * height)
