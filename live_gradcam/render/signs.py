"""Signs: toasts, pane titles, the frozen and recording signs, and hints."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    REGULAR,
    WHITE,
    Colour,
    fill_onto,
    fitted,
    plain,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    wrapped,
    write,
)

_RED: Colour = (48, 48, 240)

# All lengths are in units of a font size, which is a share of the picture's shorter side.
_TOAST, _SMALLEST_TOAST = 1 / 15, 10
_TOAST_LINES = 3
_TOAST_TOP = 0.17
"""Top of a toast as a share of the height: below the notices, above the middle."""

_LINE = 1.35
"""Line spacing."""

_SIGN, _SMALLEST_SIGN = 1 / 24, 12

HINT_GAP = "   "
"""Separates the parts of a hint."""

_TITLE, _SMALLEST_NAME = 1.7, 9
"""Height of a title strip in units of its font size, and its smallest font size in pixels."""


def draw_toast_onto(
    picture: Pixels, text: str, *, below: Region | None = None, avoid: Region | None = None
) -> Region | None:
    """Draw a toast with the latest change, in large letters, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: wrapped to up to three lines, and smaller if the picture is narrow.
        below: (x, y, width, height) of statistics that it must not cover.
        avoid: (x, y, width, height) of the scale bar at the right, which it must not cover either.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    height, width = picture.shape[:2]
    full = max(_SMALLEST_TOAST + 2, round(min(width, height) * _TOAST))
    top = round(height * _TOAST_TOP)
    if below is not None:
        top = max(top, below[1] + below[3] + full // 4)
    padding, margin = round(full * 0.45), round(full * 0.3)
    room = width - 2 * (margin + padding)
    line = plain(text)
    if not line or room < 3 * full:
        return None
    size, lines = fitted(line, full, _SMALLEST_TOAST, BOLD, room, _TOAST_LINES)
    step = round(size * _LINE)
    while len(lines) > 1 and top + _toast_height(size, len(lines), padding) > height:
        lines = wrapped(line, size, BOLD, room, len(lines) - 1)
    tall = _toast_height(size, len(lines), padding)
    if top + tall > height:
        return None
    wide = max(text_width(each, size, BOLD) for each in lines) + 2 * padding
    left = (width - wide) // 2
    if avoid is not None and left + wide > avoid[0] and top + tall > avoid[1]:
        return draw_toast_onto(picture[:, : avoid[0]], text, below=below)
    shade_onto(picture, left, top, wide, tall, round(full * 0.35))
    for number, each in enumerate(lines):
        x = (width - text_width(each, size, BOLD)) // 2
        write(picture, each, (x, top + padding + round(size * CAP) + number * step), size, weight=BOLD)
    return left, top, wide, tall


def _toast_height(size: int, lines: int, padding: int) -> int:
    return round(size * CAP) + (lines - 1) * round(size * _LINE) + 2 * padding


def draw_title_onto(strip: Pixels, name: str, tail: str = "") -> None:
    """Draw the title of a pane into the strip above it, in place.

    Args:
        strip: (H, W, 3) uint8 BGR; it is painted over.
        name: one line; smaller, then shortened, if the strip is too narrow.
        tail: text after the name that is never shortened: `62%`.
    """
    fill_onto(strip)
    height, width = strip.shape[:2]
    full, margin = round(height / _TITLE), round(height * 0.25)
    line = plain(name)
    after = f" {tail}" if tail else ""
    size = size_that_fits(line + after, full, _SMALLEST_NAME, REGULAR, width - 2 * margin)
    line = shortened(line, size, REGULAR, max(0, width - 2 * margin - text_width(after, size, REGULAR)))
    write(strip, line + after, (margin, (height + round(size * CAP)) // 2), size)


def draw_pause_onto(picture: Pixels) -> Region | None:
    """Draw the sign of a frozen picture into the top right, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.

    Returns:
        (x, y, width, height) of the plate; None if there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture)
    side = dot + 2 * padding
    place = _free_place(picture, (side, side), margin, ())
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, side, side, round(size * 0.4))
    draw_bars_onto(picture, left + padding, top + padding, dot)
    return left, top, side, side


def draw_recording_onto(
    picture: Pixels, seconds: float, *, plates: Sequence[Region] = (), marks: Sequence[Region] = ()
) -> Region | None:
    """Draw a red dot and the recording's duration, in place, as near to the top right as there is room.

    Args:
        picture: (H, W, 3) uint8 BGR.
        seconds: since the recording began.
        plates: (x, y, width, height) of plates that it must not cover.
        marks: (x, y, width, height) of the viewfinder's brackets, which it covers only if there is no other room.

    Returns:
        (x, y, width, height) of the plate; None if there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture)
    text, indent = clock(seconds), dot + round(size * 0.4)
    wide, tall = indent + text_width(text, size, REGULAR) + 2 * padding, dot + 2 * padding
    place = _free_place(picture, (wide, tall), margin, (*plates, *marks))
    place = place or _free_place(picture, (wide, tall), margin, plates)
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    draw_dot_onto(picture, left + padding, top + padding, dot)
    write(picture, text, (left + padding + indent, top + padding + (dot + round(size * CAP)) // 2), size)
    return left, top, wide, tall


def draw_hint_onto(
    picture: Pixels, text: str, *, plates: Sequence[Region] = (), marks: Sequence[Region] = ()
) -> Region | None:
    """Draw a hint, in place, as near to the top right as there is room.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: one line, such as `h: keys`. If it is too wide, its parts, separated by three spaces, are drawn below each
            other.
        plates: (x, y, width, height) of plates that it must not cover.
        marks: (x, y, width, height) of the viewfinder's brackets, which it covers only if there is no other room.

    Returns:
        (x, y, width, height) of the plate; None if there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture)
    room = picture.shape[1] - 2 * (margin + padding)
    lines = [text] if text_width(text, size, REGULAR) <= room else text.split(HINT_GAP)
    wide = max(text_width(line, size, REGULAR) for line in lines) + 2 * padding
    step = round(size * _LINE)
    tall = dot + 2 * padding + (len(lines) - 1) * step
    place = _free_place(picture, (wide, tall), margin, (*plates, *marks))
    place = place or _free_place(picture, (wide, tall), margin, plates)
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    for number, line in enumerate(lines):
        base = top + padding + (dot + round(size * CAP)) // 2 + number * step
        write(picture, line, (left + padding, base), size)
    return left, top, wide, tall


def draw_bars_onto(picture: Pixels, x: int, y: int, side: int) -> None:
    """Draw the two bars of a frozen picture into a square, in place."""
    bar = max(1, round(side * 0.34))
    for at in (x, x + side - bar):
        cv2.rectangle(picture, (at, y, bar, side), WHITE, cv2.FILLED)


def draw_dot_onto(picture: Pixels, x: int, y: int, side: int) -> None:
    """Draw the red dot of a recording into a square, in place."""
    radius = side / 2
    centre = (round((x + radius) * 16), round((y + radius) * 16))
    cv2.circle(picture, centre, round(radius * 16), _RED, cv2.FILLED, cv2.LINE_AA, 4)


def _sign_measures(picture: Pixels) -> tuple[int, int, int, int]:
    """Return the font size of a sign, its margin, its padding and the side of its dot, in pixels."""
    size = max(_SMALLEST_SIGN, round(min(picture.shape[:2]) * _SIGN))
    return size, round(size * 0.64), round(size * 0.5), round(size * 0.8)


def _free_place(
    picture: Pixels, size: tuple[int, int], margin: int, plates: Sequence[Region]
) -> tuple[int, int] | None:
    """Return a free place for a plate: left of the plates in the top right, else below one; None if there is none."""
    height, width = picture.shape[:2]
    wide, tall = size
    for top in (margin, *sorted(y + down + margin // 2 for _, y, _, down in plates)):
        left = width - margin - wide
        for x, y, across, down in sorted(plates, reverse=True):
            if x < left + wide and left < x + across and y < top + tall and top < y + down:
                left = x - margin // 2 - wide
        if left >= 0 and top + tall <= height:
            return left, top
    return None


def clock(seconds: float) -> str:
    """Return minutes and seconds, and hours if there are any: `0:07`, `1:02:03`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
