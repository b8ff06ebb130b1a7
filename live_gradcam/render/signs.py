"""Signs: what was just changed, that it records, that it stands still."""

from __future__ import annotations

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    REGULAR,
    WHITE,
    Colour,
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


def draw_state_onto(picture: Pixels, *, recording: float | None, frozen: bool) -> Region | None:
    """Draw into the top right that it records, and for how long, and that the picture stands still, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        recording: seconds since the recording began; None: there is none.
        frozen: whether the picture stands still.

    Returns:
        (x, y, width, height) of the plate; None where there is nothing to say or no room.
    """
    if recording is None and not frozen:
        return None
    height, width = picture.shape[:2]
    size = max(_SMALLEST_SIGN, round(min(width, height) * _SIGN))
    margin, padding, dot = round(size * 0.64), round(size * 0.5), round(size * 0.8)
    text = "" if recording is None else _clock(recording)
    text_wide = text_width(text, size, REGULAR) if text else 0
    pause = dot if frozen else 0
    record = dot + round(size * 0.4) + text_wide if text else 0
    gap = round(size * 0.8) if pause and record else 0
    wide = pause + gap + record + 2 * padding
    tall = dot + 2 * padding
    left, top = width - margin - wide, margin
    if left < 0 or top + tall > height:
        return None
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    x, y = left + padding, top + padding
    if frozen:
        bar = max(1, round(dot * 0.34))
        for at in (x, x + dot - bar):
            cv2.rectangle(picture, (at, y, bar, dot), WHITE, cv2.FILLED)
    if text:
        x += pause + gap
        radius = dot / 2
        centre = (round((x + radius) * 16), round((y + radius) * 16))
        cv2.circle(picture, centre, round(radius * 16), _RED, cv2.FILLED, cv2.LINE_AA, 4)
        base = y + (dot + round(size * CAP)) // 2
        write(picture, text, (x + dot + round(size * 0.4), base), size)
    return left, top, wide, tall


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
