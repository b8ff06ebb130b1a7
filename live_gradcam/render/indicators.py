"""Indicators: notices at the top left, statistics at the top right, and the scale bar of the heat."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.appearance import Style
from live_gradcam.render.heat import colours_of
from live_gradcam.render.lettering import (
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
    wrapped,
    write,
)
from live_gradcam.render.styles import shown_levels

# All lengths are in units of the font size, which is a share of the frame's shorter side.
_SHORTER_SIDE = 1 / 30
_SMALLEST, _SMALLEST_ROW = 11, 8
_MARGIN, _PADDING, _LINE, _GAP = 0.8, 0.6, 1.45, 1.0
_RADIUS = 0.5

_SPINNER, _TURN_SECONDS = 1.3, 1.0
"""Width of the spinner in units of the font size, and seconds per turn."""


def draw_notice_onto(
    picture: Pixels,
    text: str,
    *,
    above: Region | None = None,
    beside: Region | None = None,
    turning: float | None = None,
    colour: Colour = WHITE,
) -> Region | None:
    """Draw a line such as `camera lost, reconnecting` into the top left of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        text: wrapped to two lines and shortened if the picture is too narrow.
        above: (x, y, width, height) of a notice above this one.
        beside: (x, y, width, height) of a sign at the right that it must not cover.
        turning: the frame's time in seconds, to draw a spinner before the line; None for no spinner.
        colour: BGR of the letters.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    size, margin, padding, room = _measures(picture)
    if beside is not None:
        room = beside[0] - 2 * (margin + padding)
    if not text or room < 4 * size or not _fits(picture, size, 1 if above is None else 3):
        return None
    indent = 0 if turning is None else round(size * _SPINNER)
    most = 2 if _fits(picture, size, 2 if above is None else 4) else 1
    lines = wrapped(plain(text), size, REGULAR, room - indent, most)
    left = margin
    top = margin if above is None else above[1] + above[3] + margin // 2
    width = indent + max(text_width(line, size, REGULAR) for line in lines) + 2 * padding
    height = round(size * CAP) + (len(lines) - 1) * round(size * _LINE) + 2 * padding
    shade_onto(picture, left, top, width, height, round(size * _RADIUS))
    for number, line in enumerate(lines):
        base = top + padding + round(size * CAP) + number * round(size * _LINE)
        write(picture, line, (left + padding + indent, base), size, colour=colour)
    if turning is not None:
        middle = top + (round(size * CAP) + 2 * padding) // 2
        draw_spinner_onto(picture, (left + padding + indent // 3, middle), size, turning)
    return left, top, width, height


def draw_spinner_onto(picture: Pixels, centre: tuple[int, int], size: int, time: float) -> None:
    """Draw three quarters of a ring, turned by the time in seconds."""
    radius, thick = max(3, round(size * 0.36)), max(1, round(size * 0.13))
    angle = 360.0 * ((time / _TURN_SECONDS) % 1.0)
    cv2.ellipse(picture, centre, (radius, radius), 0, 0, 360, (110, 110, 110), thick, cv2.LINE_AA)
    cv2.ellipse(picture, centre, (radius, radius), angle, 0, 100, WHITE, thick, cv2.LINE_AA)


def draw_statistics_onto(
    picture: Pixels, lines: Sequence[str], *, plates: Sequence[Region] = (), lowest: int | None = None
) -> Region | None:
    r"""Draw statistics into the top right of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        lines: such as `shown\t30.0 fps`: the text before the tab is left-aligned, the text after it right-aligned.
            Lines that do not fit the picture's height are left out; lines that are too wide are smaller or shortened.
        plates: (x, y, width, height) of plates that they must stay below.
        lowest: the row above which they end; None to end above the label plate.

    Returns:
        (x, y, width, height) of the plate; None if the picture is too small for one.
    """
    size, margin, padding, room = _measures(picture)
    rows = [line.partition("\t")[::2] for line in lines]
    if not rows:
        return None
    widest = [max(text_width(row[side], size, REGULAR) for row in rows) for side in (0, 1)]
    # The width grows in steps, because one that changed with each digit would make the plate tremble.
    wide = min(room, -(-(sum(widest) + round(size * _GAP)) // (2 * size)) * 2 * size)
    left = picture.shape[1] - margin - padding - wide
    beside = [y + tall for x, y, across, tall in plates if x + across > left - padding]
    top = max([margin, *(end + margin // 2 for end in beside)])
    bottom = picture.shape[0] if lowest is None else lowest

    def tall_with(count: int) -> int:
        return round(size * (CAP + (count - 1) * _LINE)) + 2 * padding

    taken = 0 if not beside else 2
    while rows and not (
        _fits(picture, size, len(rows) + taken) and top + tall_with(len(rows)) + margin // 2 <= bottom
    ):
        rows.pop()
    if not rows:
        return None
    tall = tall_with(len(rows))
    shade_onto(picture, left - padding, top, wide + 2 * padding, tall, round(size * _RADIUS))
    for number, (label, value) in enumerate(rows):
        base = top + padding + round(size * (CAP + number * _LINE))
        small = size_that_fits(f"{label} {value}", size, _SMALLEST_ROW, REGULAR, wide)
        value = shortened(value, small, REGULAR, wide)
        value_width = text_width(value, small, REGULAR)
        label = shortened(label, small, REGULAR, max(0, wide - value_width))
        write(picture, label, (left, base), small, colour=GREY)
        write(picture, value, (left + wide - value_width, base), small)
    return left - padding, top, wide + 2 * padding, tall


def _measures(picture: Pixels) -> tuple[int, int, int, int]:
    """Return the font size, the margin, the padding and the room for text, in pixels."""
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    margin, padding = round(size * _MARGIN), round(size * _PADDING)
    return size, margin, padding, width - 2 * (margin + padding)


def _fits(picture: Pixels, size: int, lines: int) -> bool:
    """Return whether this many lines fit above the label plate, and a few letters across."""
    height, width = picture.shape[:2]
    needed = size * (2 * (_MARGIN + _PADDING) + lines * _LINE)
    return bool(width >= 8 * size and needed <= 0.75 * height)


_SCALE_BAR_SIDE, _SMALLEST_SCALE_BAR = 1 / 24, 11
_SCALE_BAR_HEIGHT = 0.42
_TICKS = (("1", 1.0), ("0.5", 0.5), ("0", 0.0))


def scale_column_width(canvas: tuple[int, int], title: str = "heat") -> int:
    """Return the width of the scale bar's column on a canvas of (width, height), in pixels; 0 if it is too wide."""
    size, _, _, wide = _scale_bar_measures(min(canvas), title)
    return wide if wide <= canvas[0] // 3 and canvas[1] * _SCALE_BAR_HEIGHT >= 4 * size else 0


def draw_scale_bar_onto(
    picture: Pixels,
    colormap: int,
    *,
    style: Style,
    kept: float,
    title: str = "heat",
    side: int | None = None,
) -> Region | None:
    """Draw the scale bar into the lower right corner of a picture, in place; statistics are in the upper right.

    Args:
        picture: (H, W, 3) uint8 BGR.
        colormap: OpenCV's number of the colour map.
        style: for `masked`, the bar goes from dim to bright.
        kept: brightness of what is masked, in [0, 1].
        title: the bar's title.
        side: if the picture is a column for the bar alone, which is painted over: the shorter side of its canvas, by
            which the letters are sized. None for a picture.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    height, width = picture.shape[:2]
    size, padding, bar_wide, wide = _scale_bar_measures(side or min(width, height), title)
    margin = 0 if side else round(size * 0.6)
    bar_tall = round(height * _SCALE_BAR_HEIGHT)
    title_tall = round(size * 1.45)
    tall = title_tall + bar_tall + 2 * padding
    if side:
        fill_onto(picture)
        margin = (height - tall) // 2
        if bar_tall < 3 * size or margin < 0:
            return None
        left, top = width - wide, margin
    elif wide + 2 * margin > width // 3 or bar_tall < 4 * size:
        return None
    else:
        left, top = width - margin - wide, height - margin - tall
        shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    write(picture, title, (left + padding, top + padding + round(size * CAP)), size, colour=GREY)
    bar_left, bar_top = left + padding, top + padding + title_tall
    levels = np.rint(np.linspace(255, 0, bar_tall)).astype(np.uint8)
    if style == "masked":
        light = shown_levels(levels).astype(np.float32) / 255
        colours = np.repeat((255 * (light + (1 - light) * kept * 0.6))[:, None], 3, axis=1).astype(np.uint8)
    else:
        colours = colours_of(colormap)[levels, 0]
    picture[bar_top : bar_top + bar_tall, bar_left : bar_left + bar_wide] = colours[:, None]
    cv2.rectangle(picture, (bar_left, bar_top, bar_wide, bar_tall), GREY, max(1, size // 20))
    for text, share in _TICKS:
        y = bar_top + round((1 - share) * (bar_tall - 1))
        base = min(max(y + round(size * CAP / 2), bar_top + round(size * CAP)), bar_top + bar_tall)
        write(picture, text, (bar_left + bar_wide + round(size * 0.45), base), size, colour=WHITE)
    return left, top, wide, tall


def _scale_bar_measures(side: int, title: str) -> tuple[int, int, int, int]:
    """Return the font size, the padding, the width of the bar and the width of the plate, in pixels."""
    size = max(_SMALLEST_SCALE_BAR, round(side * _SCALE_BAR_SIDE))
    padding, bar_wide = round(size * 0.5), round(size * 1.1)
    text_wide = max(text_width(text, size, REGULAR) for text, _ in _TICKS)
    wide = max(bar_wide + round(size * 0.45) + text_wide, text_width(title, size, REGULAR)) + 2 * padding
    return size, padding, bar_wide, wide
