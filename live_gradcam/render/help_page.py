"""The help: which key does what, over the whole picture, on as many pages as it takes to be read."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import cv2

from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import AMBER, BOLD, CAP, GREY, REGULAR, shortened, text_width, write

_LIGHT_KEPT = 0.12
_LARGEST = 1 / 20
"""Font size, as a part of the picture's shorter side."""

_LEGIBLE, _SMALLEST = 11, 8
"""Font sizes in pixels: the one below which more pages are made, and the one for rows that are too long even so."""

_MARGIN, _LINE, _KEY_GAP, _COLUMN_GAP = 0.8, 1.5, 0.8, 1.6
"""In units of the font size."""

_MOST_COLUMNS = 3

Rows = tuple[tuple[str, str], ...]


def help_pages(rows: Rows, size: tuple[int, int]) -> int:
    """Return how many pages the help has on a picture of (width, height) pixels."""
    return _layout(rows, *size)[0]


def draw_help_onto(picture: Pixels, rows: Rows, page: int = 0) -> int:
    """Draw a page of the help over a picture, in place, as large as its rows can be.

    Args:
        picture: (H, W, 3) uint8 BGR.
        rows: keys, and what they do.
        page: from 0; one that there is not is the last.

    Returns:
        The font size in pixels.
    """
    height, width = picture.shape[:2]
    cv2.convertScaleAbs(picture, dst=picture, alpha=_LIGHT_KEPT)
    pages, columns, size = _layout(rows, width, height)
    page = min(page, pages - 1)
    long = -(-len(rows) // pages)
    down = -(-long // columns)
    shown = rows[page * long : (page + 1) * long]
    line = round(size * _LINE)
    # All pages are set as wide as the widest: what is turned must not jump.
    keys, texts = _widths(rows, pages, columns, size)
    left = x = max(0, (width - _width(keys, texts, size)) // 2)
    top = max(0, (height - (down + (pages > 1)) * line) // 2)
    for column in range(columns):
        text_x = x + keys[column] + round(size * _KEY_GAP)
        for number, (key, text) in enumerate(shown[column * down : (column + 1) * down]):
            base = top + number * line + (line + round(size * CAP)) // 2
            key_x = x + keys[column] - text_width(key, size, BOLD)
            write(picture, key, (key_x, base), size, weight=BOLD, colour=AMBER)
            write(picture, shortened(text, size, REGULAR, width - text_x), (text_x, base), size)
        x = text_x + texts[column] + round(size * _COLUMN_GAP)
    if pages > 1:
        base = top + down * line + (line + round(size * CAP)) // 2
        mark = f"page {page + 1} of {pages}: h {'turns it' if page + 1 < pages else 'hides it'}"
        write(picture, mark, (left + keys[0] + round(size * _KEY_GAP), base), size, colour=GREY)
    return size


@lru_cache(maxsize=8)
def _layout(rows: Rows, width: int, height: int) -> tuple[int, int, int]:
    """Return on how many pages, in how many columns, and at which font size the rows stand.

    They stand on as few pages as can be read, as large as they fit there. On a picture so narrow that not even one
    row fits, they stand in one column, and what is too long is shortened.
    """
    sizes = range(_LEGIBLE, _SMALLEST, -1)
    legible = next((size for size in sizes if _fits(rows, len(rows), 1, size, width, height)), _SMALLEST)
    largest = max(legible, round(min(width, height) * _LARGEST))
    for pages in range(1, len(rows) + 1):
        for size, columns in product(range(largest, legible - 1, -1), range(1, _MOST_COLUMNS + 1)):
            if _fits(rows, pages, columns, size, width, height):
                return pages, columns, size
    down = max(1, round((height / _SMALLEST - _MARGIN) / _LINE) - 1)
    return -(-len(rows) // down), 1, _SMALLEST


def _fits(rows: Rows, pages: int, columns: int, size: int, width: int, height: int) -> bool:
    lines = -(-len(rows) // (pages * columns)) + (pages > 1)
    wide = _width(*_widths(rows, pages, columns, size), size)
    return wide + 2 * _MARGIN * size <= width and (lines * _LINE + _MARGIN) * size <= height


def _width(keys: list[int], texts: list[int], size: int) -> int:
    gaps = len(keys) * round(size * _KEY_GAP) + (len(keys) - 1) * round(size * _COLUMN_GAP)
    return sum(keys) + sum(texts) + gaps


def _widths(rows: Rows, pages: int, columns: int, size: int) -> tuple[list[int], list[int]]:
    """Return how wide the keys and the texts of each column are, in pixels, on all pages alike."""
    long = -(-len(rows) // pages)
    down = -(-long // columns)
    parts = [
        [row for number, row in enumerate(rows) if number % long // down == column]
        for column in range(columns)
    ]
    keys = [max((text_width(key, size, BOLD) for key, _ in part), default=0) for part in parts]
    texts = [max((text_width(text, size, REGULAR) for _, text in part), default=0) for part in parts]
    return keys, texts
