"""The help page: which key does what, over the whole picture."""

from __future__ import annotations

from functools import lru_cache

import cv2

from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import AMBER, BOLD, CAP, REGULAR, shortened, text_width, write

_LIGHT_KEPT = 0.12
_LARGEST, _SMALLEST = 1 / 20, 8
"""Font size: of the picture's shorter side, and in pixels."""

_MARGIN, _LINE, _KEY_GAP, _COLUMN_GAP = 0.8, 1.5, 0.8, 1.6
"""In units of the font size."""

_MOST_COLUMNS = 3

Rows = tuple[tuple[str, str], ...]


def draw_help_onto(picture: Pixels, rows: Rows) -> int:
    """Draw the help over a picture, in place, as large as it can be with all rows on it.

    Args:
        picture: (H, W, 3) uint8 BGR.
        rows: keys, and what they do.

    Returns:
        The font size in pixels.
    """
    height, width = picture.shape[:2]
    cv2.convertScaleAbs(picture, dst=picture, alpha=_LIGHT_KEPT)
    size, columns = _set(rows, width, height)
    down = -(-len(rows) // columns)
    margin, line = round(size * _MARGIN), round(size * _LINE)
    keys, texts = _widths(rows, columns, size)
    x = max(margin, (width - _width(keys, texts, size)) // 2)
    top = max(margin // 2, (height - down * line) // 2)
    for column in range(columns):
        text_x = x + keys[column] + round(size * _KEY_GAP)
        for number, (key, text) in enumerate(rows[column * down : (column + 1) * down]):
            base = top + number * line + (line + round(size * CAP)) // 2
            if base > height:
                break
            key_x = x + keys[column] - text_width(key, size, BOLD)
            write(picture, key, (key_x, base), size, weight=BOLD, colour=AMBER)
            write(picture, shortened(text, size, REGULAR, width - text_x - margin // 2), (text_x, base), size)
        x = text_x + texts[column] + round(size * _COLUMN_GAP)
    return size


@lru_cache(maxsize=8)
def _set(rows: Rows, width: int, height: int) -> tuple[int, int]:
    """Return the largest font size at which all rows fit, and in how many columns.

    Where they do not fit at all it is the smallest size, in as few columns as the height allows.
    """
    for size in range(max(_SMALLEST, round(min(width, height) * _LARGEST)), _SMALLEST - 1, -1):
        for columns in range(1, _MOST_COLUMNS + 1):
            tall = (-(-len(rows) // columns) * _LINE + _MARGIN) * size
            wide = _width(*_widths(rows, columns, size), size) + 2 * _MARGIN * size
            if tall <= height and wide <= width:
                return size, columns
    return _SMALLEST, 2 if width >= height else 1


def _width(keys: list[int], texts: list[int], size: int) -> int:
    gaps = len(keys) * round(size * _KEY_GAP) + (len(keys) - 1) * round(size * _COLUMN_GAP)
    return sum(keys) + sum(texts) + gaps


def _widths(rows: Rows, columns: int, size: int) -> tuple[list[int], list[int]]:
    """Return how wide the keys and the texts of each column are, in pixels."""
    down = -(-len(rows) // columns)
    parts = [rows[column * down : (column + 1) * down] for column in range(columns)]
    keys = [max((text_width(key, size, BOLD) for key, _ in part), default=0) for part in parts]
    texts = [max((text_width(text, size, REGULAR) for _, text in part), default=0) for part in parts]
    return keys, texts
