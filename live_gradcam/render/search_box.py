"""The search box: a class name while it is typed, and the matching names."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    Colour,
    fitted,
    plain,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    write,
)

MOST_COMPLETIONS = 6

_SHORTER_SIDE, _SMALLEST = 1 / 18, 11
_WIDTH, _WIDTH_IN_NARROW, _NARROW = 14, 18, 28
"""Width on most pictures; width on pictures narrower than the third number; in units of the font size, and at most the
picture's width."""

_SMALLEST_NAME, _MESSAGE_LINES = 9, 3

_TOP = 0.16
_ROW = 1.5
_CHOSEN: Colour = (172, 108, 44)
_HINT = "type the name of a class"
_NONE = "no such class"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBox:
    """Content of the search box."""

    typed: str = ""

    completions: tuple[str, ...] = ()
    """Matching names, the best first; six are shown."""

    chosen: int | None = None
    """Index of the selected completion."""

    hint: str = _HINT
    """Text shown while nothing is typed."""

    none: str = _NONE
    """Text shown if nothing matches."""


def draw_prompt_onto(picture: Pixels, prompt: SearchBox) -> Region | None:
    """Draw the search box into the upper middle of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        prompt: the typed text and the matching names.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    padding, row = round(size * 0.5), round(size * _ROW)
    wide = min((_WIDTH if width >= _NARROW * size else _WIDTH_IN_NARROW) * size, width - 2 * padding)
    inner = wide - 2 * padding
    names = [plain(each) for each in prompt.completions[:MOST_COMPLETIONS]]
    row_size = size
    if not names:
        message = prompt.none if prompt.typed else prompt.hint
        row_size, lines = fitted(message, size, _SMALLEST_NAME, REGULAR, max(1, inner), _MESSAGE_LINES)
        names = list(lines)
    top = round(height * _TOP)
    rows = min(len(names), (height - top - 3 * padding) // row - 1)
    if rows < 1 or wide < 6 * size:
        return None
    left = (width - wide) // 2
    tall = (rows + 1) * row + round(2.5 * padding)
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))  # twice, because there is much to read

    x, middle = left + padding, top + padding + row // 2
    base = middle + round(size * CAP) // 2
    typed = _end_of(f"/{prompt.typed}", size, inner - size // 2)
    write(picture, typed, (x, base), size, weight=BOLD)
    caret = x + text_width(typed, size, BOLD) + max(1, size // 10)
    cv2.rectangle(
        picture, (caret, base - round(size * 0.9), max(1, size // 12), round(size * 1.1)), WHITE, cv2.FILLED
    )
    line = top + padding + row + padding // 4
    cv2.line(picture, (x, line), (left + wide - padding, line), GREY, max(1, size // 20))
    for number, name in enumerate(names[:rows]):
        y = line + padding // 4 + number * row
        if prompt.completions and number == prompt.chosen:
            cv2.rectangle(picture, (left + padding // 2, y, wide - padding, row), _CHOSEN, cv2.FILLED)
        colour = WHITE if prompt.completions else GREY
        small = size_that_fits(name, row_size, _SMALLEST_NAME, REGULAR, inner)
        at = (x, y + (row + round(small * CAP)) // 2)
        write(picture, shortened(name, small, REGULAR, inner), at, small, colour=colour)
    return left, top, wide, tall


def _end_of(text: str, size: int, room: int) -> str:
    """Return as much of a text's end as fits, because typing continues there."""
    if text_width(text, size, BOLD) <= room:
        return text
    while len(text) > 1 and text_width(f"…{text}", size, BOLD) > room:
        text = text[1:]
    return f"…{text}"
