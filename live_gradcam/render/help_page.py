"""The help and the menu: keys and their actions over the whole picture, on as many pages as are needed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    AMBER,
    BOLD,
    CAP,
    GREY,
    REGULAR,
    Colour,
    shortened,
    text_width,
    write,
)

_LIGHT_KEPT = 0.12
_LARGEST = 1 / 20
"""Font size, as a part of the picture's shorter side."""

_LEGIBLE, _SMALLEST = 11, 8
"""Font sizes in pixels: below the first more pages are made; the second is for rows that are too long even then."""

_MARGIN, _LINE, _KEY_GAP, _COLUMN_GAP = 0.8, 1.5, 0.8, 1.6
"""Lengths in units of the font size."""

_MOST_COLUMNS = 3

_CHOSEN: Colour = (172, 108, 44)

TURN = -1
"""Number of the line below the rows that turns the page."""

Rows = tuple[tuple[str, str], ...]


def help_pages(rows: Rows, size: tuple[int, int]) -> int:
    """Return how many pages the help has on a picture of (width, height) pixels."""
    return _layout(rows, *size)[0]


def draw_help_onto(
    picture: Pixels,
    rows: Rows,
    page: int = 0,
    *,
    chosen: int | None = None,
    footer: str = "page {} of {}: h turns it",
    last_footer: str = "page {} of {}: h hides it",
) -> int:
    """Draw a page of the help over a picture, in place, in the largest font that fits.

    Args:
        picture: (H, W, 3) uint8 BGR.
        rows: keys and their actions.
        page: from 0; a number beyond the last page means the last.
        chosen: number of the marked row, or `TURN` for the line that turns the page; None for none.
        footer: text of that line, with placeholders for the page and the number of pages; not drawn if one page is
            enough.
        last_footer: the same on the last page.

    Returns:
        The font size in pixels.
    """
    height, width = picture.shape[:2]
    cv2.convertScaleAbs(picture, dst=picture, alpha=_LIGHT_KEPT)
    pages, _, size = _layout(rows, width, height)
    page = min(page, pages - 1)
    for number, (x, y, wide, high), key_width in _places(rows, page, width, height):
        base = y + (high + round(size * CAP)) // 2
        if number == chosen:
            cv2.rectangle(picture, (x - size // 3, y, wide + 2 * (size // 3), high), _CHOSEN, cv2.FILLED)
        text_x = x + key_width + round(size * _KEY_GAP)
        if number == TURN:
            text = (footer if page + 1 < pages else last_footer).format(page + 1, pages)
            write(picture, text, (text_x, base), size, colour=GREY)
            continue
        key, text = rows[number]
        key_x = x + key_width - text_width(key, size, BOLD)
        write(picture, key, (key_x, base), size, weight=BOLD, colour=AMBER)
        write(picture, shortened(text, size, REGULAR, width - text_x), (text_x, base), size)
    return size


def row_at(rows: Rows, size: tuple[int, int], page: int, x: int, y: int) -> int | None:
    """Return the number of the row at a point of a page, or `TURN`; None if there is none.

    Args:
        rows: keys and their actions.
        size: (width, height) of the picture in pixels.
        page: from 0.
        x: pixels from the picture's left.
        y: pixels from its top.
    """
    page = min(page, help_pages(rows, size) - 1)
    for number, (left, top, wide, high), _ in _places(rows, page, *size):
        if left <= x < left + wide and top <= y < top + high:
            return number
    return None


def page_of(rows: Rows, size: tuple[int, int], number: int) -> int:
    """Return the page of a row."""
    pages = help_pages(rows, size)
    return min(number // -(-len(rows) // pages), pages - 1)


def _places(rows: Rows, page: int, width: int, height: int) -> Iterator[tuple[int, Region, int]]:
    """Yield each row of a page: its number, its (x, y, width, height), and the width of its column's keys."""
    pages, columns, size = _layout(rows, width, height)
    long = -(-len(rows) // pages)
    down = -(-long // columns)
    numbers = range(len(rows))[page * long : (page + 1) * long]
    line = round(size * _LINE)
    # All pages have the width of the widest, so that nothing jumps when a page is turned.
    keys, texts = _widths(rows, pages, columns, size)
    left = x = max(0, (width - _width(keys, texts, size)) // 2)
    top = max(0, (height - (down + (pages > 1)) * line) // 2)
    for column in range(columns):
        wide = keys[column] + round(size * _KEY_GAP) + texts[column]
        for place, number in enumerate(numbers[column * down : (column + 1) * down]):
            yield number, (x, top + place * line, wide, line), keys[column]
        x += wide + round(size * _COLUMN_GAP)
    if pages > 1:
        wide = keys[0] + round(size * _KEY_GAP) + texts[0]
        yield TURN, (left, top + down * line, wide, line), keys[0]


@lru_cache(maxsize=8)
def _layout(rows: Rows, width: int, height: int) -> tuple[int, int, int]:
    """Return the number of pages, the number of columns and the font size.

    The smallest number of readable pages is used, with the largest font that fits. If the picture is too narrow for a
    single row, there is one column, and long rows are shortened.
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
    return wide + 2 * _MARGIN * size <= width and lines * round(size * _LINE) + _MARGIN * size <= height


def _width(keys: list[int], texts: list[int], size: int) -> int:
    gaps = len(keys) * round(size * _KEY_GAP) + (len(keys) - 1) * round(size * _COLUMN_GAP)
    return sum(keys) + sum(texts) + gaps


@lru_cache(maxsize=64)
def _widths(rows: Rows, pages: int, columns: int, size: int) -> tuple[list[int], list[int]]:
    """Return the width of each column's keys and texts in pixels, equal on all pages."""
    long = -(-len(rows) // pages)
    down = -(-long // columns)
    parts = [
        [row for number, row in enumerate(rows) if number % long // down == column]
        for column in range(columns)
    ]
    keys = [max((text_width(key, size, BOLD) for key, _ in part), default=0) for part in parts]
    texts = [max((text_width(text, size, REGULAR) for _, text in part), default=0) for part in parts]
    return keys, texts
