"""Lettering: font, sizes and weights, line breaking, and the dark plate that makes text readable on any picture."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

import cv2
import numpy as np

from live_gradcam.frame import Pixels

Colour = tuple[int, int, int]
"""(blue, green, red), 0 to 255."""

WHITE: Colour = (255, 255, 255)
GREY: Colour = (205, 205, 205)
AMBER: Colour = (90, 200, 255)
INK: Colour = (24, 22, 20)
"""Background where there is no picture."""

FACE = cv2.FontFace("sans")
BOLD, REGULAR = 600, 400

CAP = 0.72
"""Height of a capital letter, in units of the font size."""

_OPACITY = 0.72
_ELLIPSIS = "…"
_CUT_OFF = " ,:;·("
"""Characters removed before an ellipsis."""

_IDEOGRAPHS, _NEVER_FIRST = "\u2e80", "，。：；、）》”"
"""The first code point of the ideographs, each of which counts as a word; and characters that never begin a line."""


def write(
    picture: Pixels,
    text: str,
    at: tuple[int, int],
    size: int,
    *,
    weight: int = REGULAR,
    colour: Colour = WHITE,
) -> None:
    """Write a line of text onto a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: one line.
        at: (x, y) in pixels: start of the base line.
        size: font size in pixels.
        weight: `REGULAR` or `BOLD`.
        colour: of the letters.
    """
    cv2.putText(picture, text, at, colour, FACE, size, weight)


@lru_cache(maxsize=512)
def text_width(text: str, size: int, weight: int) -> int:
    """Return the advance width of a text in pixels; leading and trailing spaces count."""
    x, _, width, _ = cv2.getTextSize((0, 0), f"{text}|", (0, 0), FACE, size, weight)
    bar_x, _, bar_width, _ = cv2.getTextSize((0, 0), "|", (0, 0), FACE, size, weight)
    return int(x + width - bar_x - bar_width)


def size_that_fits(text: str, size: int, smallest: int, weight: int, room: int) -> int:
    """Return the largest font size up to `size`, and down to 60% of it, at which a text fits the room."""
    needed = text_width(text, size, weight)
    if needed <= room:
        return size
    least = max(smallest, round(size * 0.6))
    size = max(least, size * room // needed)
    while size > least and text_width(text, size, weight) > room:  # widths are not exactly proportional
        size -= 1
    return size


@lru_cache(maxsize=512)
def shortened(text: str, size: int, weight: int, room: int) -> str:
    """Return the text, cut and ended by an ellipsis if it is wider than the room.

    It is cut between words; within a word only if not even the first word fits.
    """
    if text_width(text, size, weight) <= room:
        return text

    def cut(length: int) -> str:
        return text[:length].rstrip(_CUT_OFF) + _ELLIPSIS

    longest = bisect_right(
        range(1, len(text)), room, key=lambda length: text_width(cut(length), size, weight)
    )
    return cut(_end_of_word(text, longest) or longest)


@lru_cache(maxsize=256)
def wrapped(text: str, size: int, weight: int, room: int, most: int) -> tuple[str, ...]:
    """Return the text on at most `most` lines, broken between words; the last line is cut if it is too long.

    A word that is wider than the room is broken at the end of the line.
    """
    lines: list[str] = []
    rest = text.strip()
    while len(lines) < most - 1 and text_width(rest, size, weight) > room:
        longest = bisect_right(
            range(1, len(rest)), room, key=lambda length: text_width(rest[:length].rstrip(), size, weight)
        )
        end = _end_of_word(rest, longest) or max(1, longest)
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return (*lines, shortened(rest, size, weight, room))


@lru_cache(maxsize=256)
def fitted(
    text: str, full: int, smallest: int, weight: int, room: int, most: int
) -> tuple[int, tuple[str, ...]]:
    """Return a font size and the lines of a text, such that the whole text is shown if possible.

    One line at 80% of the full size or more is preferred, then as few lines as needed, in the largest font that fits.
    If `most` lines of the smallest size are not enough, the last one is cut.
    """
    for count in range(1, most + 1):
        least = max(smallest, round(0.8 * full)) if count == 1 and most > 1 else smallest
        for size in range(full, least - 1, -1):
            lines = wrapped(text, size, weight, room, count)
            if _is_whole(text, lines):
                return size, lines
    return smallest, wrapped(text, smallest, weight, room, most)


def _is_whole(text: str, lines: tuple[str, ...]) -> bool:
    """Return whether lines hold a whole text without broken words."""
    position = 0
    for line in lines:
        while text[position : position + 1].isspace():
            position += 1
        if text[position : position + len(line)] != line:
            return False
        position += len(line)
        if position < len(text.rstrip()) and not _is_break(text, position):
            return False
    return position >= len(text.rstrip())


def _end_of_word(text: str, longest: int) -> int:
    """Return the end of the last whole word within the first `longest` characters of a text; 0 if there is none."""
    return next((end for end in range(longest, 0, -1) if text[:end].strip() and _is_break(text, end)), 0)


def _is_break(text: str, at: int) -> bool:
    """Return whether a line may end before a character: at a space, and beside characters that are words."""
    before, after = text[at - 1], text[at : at + 1]
    return (
        after.isspace() or before in "/," or (min(before, after) >= _IDEOGRAPHS and after not in _NEVER_FIRST)
    )


def plain(text: str) -> str:
    """Return a text on one line, because a user's labels file may contain tabs or line breaks."""
    return " ".join(text.split())


def fill_onto(picture: Pixels, colour: Colour = INK) -> None:
    """Fill a picture with a colour, in place; five times faster than NumPy's assignment."""
    height, width = picture.shape[:2]
    cv2.rectangle(picture, (0, 0, width, height), colour, cv2.FILLED)


def shade_onto(picture: Pixels, left: int, top: int, width: int, height: int, radius: int) -> None:
    """Darken a rectangle with round corners, in place; it must lie within the picture."""
    under = picture[top : top + height, left : left + width]
    cv2.multiply(under, _light_kept(width, height, radius), dst=under, scale=1 / 255)


@lru_cache(maxsize=16)
def _light_kept(width: int, height: int, radius: int) -> Pixels:
    """Return the share of light that a plate lets through, (height, width, 3) uint8, with anti-aliased corners."""
    fine = 4
    corner = np.zeros((radius * fine, radius * fine), np.uint8)
    cv2.circle(corner, (radius * fine - 1, radius * fine - 1), radius * fine, 255, cv2.FILLED)
    corner = np.asarray(cv2.resize(corner, (radius, radius), interpolation=cv2.INTER_AREA), np.uint8)
    cover = np.full((height, width), 255, np.uint8)
    cover[:radius, :radius] = corner
    cover[:radius, -radius:] = corner[:, ::-1]
    cover[-radius:, :radius] = corner[::-1]
    cover[-radius:, -radius:] = corner[::-1, ::-1]
    kept = np.rint(255 - _OPACITY * cover.astype(np.float32)).astype(np.uint8)
    return np.repeat(kept[:, :, None], 3, axis=2)
