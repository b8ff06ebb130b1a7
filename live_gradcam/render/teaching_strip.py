"""The strip below the picture while a viewer teaches: a cell for each class, and a line on what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    AMBER,
    BOLD,
    CAP,
    GREY,
    INK,
    REGULAR,
    WHITE,
    Colour,
    fill_onto,
    plain,
    shortened,
    size_that_fits,
    text_width,
    wrapped,
    write,
)

_SIZE, _SMALLEST = 1 / 26, 11
"""Font size as a share of the picture's shorter side, and the smallest one in pixels."""

_ROW, _PICTURE, _GAP = 1.5, 3.2, 0.4
"""Height of a line of text, side of a thumbnail, and the space around both, in units of the font size."""

_CORNER = 0.6
"""Font size of the digit on a thumbnail, in units of the font size: its box covers a twentieth of the thumbnail."""

_CELL, _MOST_IN_ROW, _WIDEST = 11.0, 9, 1.6
"""Usual width of a cell in units of the font size, the most cells in a row, and how much wider few cells may be."""

_RED: Colour = (48, 48, 240)
_EDGE: Colour = (90, 84, 78)
_LINES = 3
"""Lines of text below the cells."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StripCell:
    """One class, or the free place for the next one."""

    number: int
    """The digit key that teaches it."""

    name: str
    detail: str = ""
    """A small line below the name: `34 pictures`."""

    picture: Pixels | None = None
    """(h, w, 3) uint8 BGR: its thumbnail, square; None for none."""

    recording: bool = False
    """Whether it is being taught now."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TeachingStrip:
    """Content of the strip."""

    cells: tuple[StripCell, ...]

    task: str = ""
    """What the viewer is asked to do in a lesson, which is drawn in white; empty outside a lesson."""

    line: str = ""
    """What was learned, or what to do next."""

    warning: str = ""
    """A further line, which is drawn in amber."""


def strip_height(size: tuple[int, int]) -> int:
    """Return the height in pixels of the strip below a picture of (width, height)."""
    letters = _letters(size)
    rows = 2 if size[0] < 4 * _CELL * letters else 1
    height = round(letters * (rows * (_PICTURE + 2 * _GAP) + _LINES * _ROW + _GAP))
    return height + height % 2  # videos have even sizes


def cell_at(cells: Sequence[StripCell], size: tuple[int, int], x: int, y: int) -> int | None:
    """Return the digit of the cell at a point of the canvas; None if there is none.

    Args:
        cells: those that are drawn.
        size: (width, height) of the picture above the strip.
        x: pixels from the canvas's left edge.
        y: pixels from the canvas's upper edge.
    """
    for cell, (left, top, width, height) in zip(cells, _places(len(cells), size), strict=True):
        if left <= x < left + width and size[1] + top <= y < size[1] + top + height:
            return cell.number
    return None


def draw_teaching_strip(strip: TeachingStrip, size: tuple[int, int]) -> Pixels:
    """Return the strip below a picture of (width, height), new (h, width, 3) uint8 BGR."""
    drawn = np.empty((strip_height(size), size[0], 3), np.uint8)
    fill_onto(drawn)
    letters = _letters(size)
    places = _places(len(strip.cells), size)
    for cell, place in zip(strip.cells, places, strict=True):
        _draw_cell_onto(drawn, cell, place, letters)
    gap = round(_GAP * letters)
    top = places[-1][1] + places[-1][3] if places else 0
    room = size[0] - 2 * gap
    number = 0
    # The warning is what the strip is for: it gets two lines at least.
    texts = (
        (strip.task, WHITE, 2),
        (strip.line, GREY, 1 if strip.warning else 2),
        (strip.warning, AMBER, _LINES),
    )
    for text, colour, most in texts:
        if not text or number >= _LINES:
            continue
        most = min(most, _LINES - number)
        small = size_that_fits(plain(text), letters, _SMALLEST, REGULAR, round(0.95 * room * most))
        for line in wrapped(plain(text), small, REGULAR, room, most):
            base = top + round(letters * (_ROW * (number + 0.5) + CAP / 2 + _GAP / 2))
            write(drawn, line, (gap, base), small, colour=colour)
            number += 1
    return drawn


def _letters(size: tuple[int, int]) -> int:
    return max(_SMALLEST, round(min(size) * _SIZE))


def _places(count: int, size: tuple[int, int]) -> list[Region]:
    """Return (x, y, width, height) of each cell in the strip."""
    letters = _letters(size)
    gap, tall = round(_GAP * letters), round((_PICTURE + 2 * _GAP) * letters)
    rows = 2 if size[0] < 4 * _CELL * letters else 1
    columns = max(1, min(_MOST_IN_ROW, -(-count // rows)))
    usual = round(_CELL * letters)
    wide = min(round(_WIDEST * usual), (size[0] - gap) // columns)
    return [
        (gap + (number % columns) * wide, (number // columns) * tall, wide - gap, tall)
        for number in range(count)
    ]


def _draw_cell_onto(strip: Pixels, cell: StripCell, place: Region, letters: int) -> None:
    x, y, width, height = place
    gap = round(_GAP * letters)
    side = height - 2 * gap
    top = y + gap
    if width < 2 * letters or side < letters:
        return
    side = min(side, width)
    if cell.picture is not None:
        strip[top : top + side, x : x + side] = cv2.resize(
            cell.picture, (side, side), interpolation=cv2.INTER_AREA
        )
    edge = _RED if cell.recording else _EDGE
    cv2.rectangle(
        strip,
        (x, top),
        (x + side - 1, top + side - 1),
        edge,
        max(1, letters // (6 if cell.recording else 14)),
    )
    _draw_number_onto(strip, cell, (x, top), letters, alone=cell.picture is None, side=side)
    room = width - side - 2 * gap
    if room < 2 * letters:
        return
    left = x + side + gap
    name = plain(cell.name)
    size = size_that_fits(name, letters, _SMALLEST, BOLD, room)
    colour = WHITE if cell.picture is not None else GREY
    middle = top + side // 2
    write(
        strip,
        shortened(name, size, BOLD, room),
        (left, middle - round(0.2 * letters)),
        size,
        weight=BOLD,
        colour=colour,
    )
    if cell.recording:
        cv2.circle(
            strip,
            (left + letters // 3, middle + round(0.75 * letters)),
            letters // 3,
            _RED,
            cv2.FILLED,
            cv2.LINE_AA,
        )
        left, room = left + letters, room - letters
    small = max(_SMALLEST, round(0.8 * letters))
    detail = shortened(plain(cell.detail), small, REGULAR, room)
    write(strip, detail, (left, middle + round(0.75 * letters + small * CAP / 2)), small, colour=GREY)


def _draw_number_onto(
    strip: Pixels, cell: StripCell, at: tuple[int, int], letters: int, *, alone: bool, side: int
) -> None:
    """Draw the digit: large in an empty cell, small in the corner of a thumbnail."""
    text, (x, y) = str(cell.number), at
    if alone:
        big = round(1.6 * letters)
        across = x + (side - text_width(text, big, BOLD)) // 2
        write(strip, text, (across, y + (side + round(big * CAP)) // 2), big, weight=BOLD, colour=GREY)
        return
    small = max(_SMALLEST, round(_CORNER * letters))
    box = round(1.1 * small)
    cv2.rectangle(strip, (x, y), (x + box, y + box), INK, cv2.FILLED)
    across = x + (box - text_width(text, small, BOLD)) // 2
    write(strip, text, (across, y + (box + round(small * CAP)) // 2), small, weight=BOLD)
