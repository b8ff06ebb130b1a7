"""Signs: what was just changed, that it records, that it stands still; and the header above several panes."""

from __future__ import annotations

from collections.abc import Sequence

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
    fill_onto,
    plain,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    write,
)

_RED: Colour = (48, 48, 240)

# All lengths are in units of a font size, which is itself a part of the picture's shorter side.
_TOAST, _SMALLEST_TOAST = 1 / 15, 10
_TOAST_TOP = 0.17
"""Where a toast begins, as a part of the height: below the notices, above the middle."""

_SIGN, _SMALLEST_SIGN = 1 / 24, 12
_NAME, _SMALLEST_NAME = 1 / 13, 11

_HEADER_NAME, _HEADER_LINE, _HEADER_MARGIN, _HEADER_SIGN = 0.5, 0.4, 0.25, 1.9
"""In units of the header's height; the last is the room for the sign that it records."""


def draw_toast_onto(picture: Pixels, text: str, *, below: Region | None = None) -> Region | None:
    """Draw what was just changed, for the back of the room, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: one line; it is made smaller, then shortened, where the picture is too narrow.
        below: (x, y, width, height) of figures that it must not cover.

    Returns:
        (x, y, width, height) of its plate; None where the picture is too small for one.
    """
    height, width = picture.shape[:2]
    full = max(_SMALLEST_TOAST + 2, round(min(width, height) * _TOAST))
    top = round(height * _TOAST_TOP)
    if below is not None:
        top = max(top, below[1] + below[3] + full // 4)
    return _draw_centred_onto(picture, text, full, top, _SMALLEST_TOAST)


def draw_name_onto(picture: Pixels, text: str, *, side: int | None = None) -> Region | None:
    """Draw the name of a pane into the middle of its upper edge, in place.

    Args:
        picture: (H, W, 3) uint8 BGR: the pane.
        text: one line.
        side: in pixels, that the letters are measured by; None: the pane's shorter side.

    Returns:
        (x, y, width, height) of its plate; None where the pane is too small for one.
    """
    full = max(_SMALLEST_NAME, round((side or min(picture.shape[:2])) * _NAME))
    return _draw_centred_onto(picture, text, full, round(full * 0.35), _SMALLEST_NAME, weight=REGULAR)


def draw_header_onto(
    header: Pixels, names: Sequence[tuple[str, int]], line: str, *, frozen: bool
) -> Region | None:
    """Draw what stands above several panes, in place: at the left of each its name, at the right what goes on.

    Args:
        header: (H, W, 3) uint8 BGR; all that it holds is painted over.
        names: of the panes of the upper row, from left to right, and where each begins.
        line: what goes on; it is shortened where there is too little room.
        frozen: whether the picture stands still.

    Returns:
        (x, y, width, height) of the sign that it stands still; None where there is none. Beside it there is room for
        the sign that it records.
    """
    fill_onto(header)
    height, width = header.shape[:2]
    size, small = round(height * _HEADER_NAME), round(height * _HEADER_LINE)
    margin = round(height * _HEADER_MARGIN)
    pause = draw_pause_onto(header, size=_size_in_header(header)) if frozen else None
    room = (width if pause is None else pause[0]) - margin - round(height * _HEADER_SIGN)
    ends = [begin for _, begin in names[1:]] + [room]
    used = 0
    for (name, begin), end in zip(names, ends, strict=True):
        text = shortened(plain(name), size, REGULAR, max(0, end - begin - 2 * margin))
        write(header, text, (begin + margin, (height + round(size * CAP)) // 2), size)
        used = begin + margin + text_width(text, size, REGULAR) if text else 0
    free = room - used - 2 * margin
    if line and free >= 5 * small:
        text = shortened(plain(line), small, REGULAR, free)
        left = room - text_width(text, small, REGULAR)
        write(header, text, (left, (height + round(small * CAP)) // 2), small, colour=GREY)
    return pause


def _size_in_header(header: Pixels) -> int:
    """Return the font size of a sign that fills a header."""
    height: int = header.shape[0]
    return max(1, round(height / 3.2))


def draw_pause_onto(picture: Pixels, *, size: int | None = None) -> Region | None:
    """Draw into the top right that the picture stands still, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        size: font size in pixels that it is measured by; None: by the picture.

    Returns:
        (x, y, width, height) of the plate; None where there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture, size)
    side = dot + 2 * padding
    place = _free_place(picture, (side, side), margin, ())
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, side, side, round(size * 0.4))
    x, y, bar = left + padding, top + padding, max(1, round(dot * 0.34))
    for at in (x, x + dot - bar):
        cv2.rectangle(picture, (at, y, bar, dot), WHITE, cv2.FILLED)
    return left, top, side, side


def draw_recording_onto(
    picture: Pixels, seconds: float, *, plates: Sequence[Region] = (), header: bool = False
) -> Region | None:
    """Draw a red dot, and for how long it records, in place: as near to the top right as there is room.

    Args:
        picture: (H, W, 3) uint8 BGR.
        seconds: since the recording began.
        plates: (x, y, width, height) of what it must not cover.
        header: whether the picture is a header.

    Returns:
        (x, y, width, height) of the plate; None where there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture, _size_in_header(picture) if header else None)
    text, indent = _clock(seconds), dot + round(size * 0.4)
    wide, tall = indent + text_width(text, size, REGULAR) + 2 * padding, dot + 2 * padding
    place = _free_place(picture, (wide, tall), margin, plates)
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    x, y, radius = left + padding, top + padding, dot / 2
    centre = (round((x + radius) * 16), round((y + radius) * 16))
    cv2.circle(picture, centre, round(radius * 16), _RED, cv2.FILLED, cv2.LINE_AA, 4)
    write(picture, text, (x + indent, y + (dot + round(size * CAP)) // 2), size)
    return left, top, wide, tall


def draw_hint_onto(picture: Pixels, text: str, *, plates: Sequence[Region] = ()) -> Region | None:
    """Draw a quiet line, in place: as near to the top right as there is room.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: one line, such as `h: keys`.
        plates: (x, y, width, height) of what it must not cover.

    Returns:
        (x, y, width, height) of the plate; None where there is no room.
    """
    size, margin, padding, dot = _sign_measures(picture)
    wide, tall = text_width(text, size, REGULAR) + 2 * padding, dot + 2 * padding
    place = _free_place(picture, (wide, tall), margin, plates)
    if place is None:
        return None
    left, top = place
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    write(picture, text, (left + padding, top + padding + (dot + round(size * CAP)) // 2), size)
    return left, top, wide, tall


def _sign_measures(picture: Pixels, size: int | None = None) -> tuple[int, int, int, int]:
    """Return the font size of a sign, its margin, its padding and the side of its dot, in pixels."""
    size = size or max(_SMALLEST_SIGN, round(min(picture.shape[:2]) * _SIGN))
    return size, round(size * 0.64), round(size * 0.5), round(size * 0.8)


def _free_place(
    picture: Pixels, size: tuple[int, int], margin: int, plates: Sequence[Region]
) -> tuple[int, int] | None:
    """Return where a plate has room: left of what stands in the top right, else below something; None: nowhere."""
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


def _draw_centred_onto(
    picture: Pixels, text: str, full: int, top: int, smallest: int, *, weight: int = BOLD
) -> Region | None:
    height, width = picture.shape[:2]
    padding, margin = round(full * 0.45), round(full * 0.3)
    room = width - 2 * (margin + padding)
    line = plain(text)
    size = size_that_fits(line, full, smallest, weight, room)
    tall = round(size * CAP) + 2 * padding
    if not line or room < 3 * full or top + tall > height:
        return None
    line = shortened(line, size, weight, room)
    wide = text_width(line, size, weight) + 2 * padding
    left = (width - wide) // 2
    shade_onto(picture, left, top, wide, tall, round(full * 0.35))
    write(picture, line, (left + padding, top + padding + round(size * CAP)), size, weight=weight)
    return left, top, wide, tall


def _clock(seconds: float) -> str:
    """Return minutes and seconds, and hours where there are any: `0:07`, `1:02:03`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
