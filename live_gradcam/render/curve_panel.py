"""The panel of curves: how the answer changes while the hottest pixels are taken away, or shown, first."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.faithfulness import HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.render.badge import GREEN
from live_gradcam.render.lettering import (
    AMBER,
    CAP,
    GREY,
    REGULAR,
    Colour,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    wrapped,
    write,
)
from live_gradcam.translations import Words

DELETED, INSERTED = "the hottest taken away first", "the hottest shown first"
ELSEWHERE = "elsewhere"

# All lengths but the first two are in units of the font size, which is a share of the canvas's shorter side.
_SHORTER_SIDE, _SMALLEST, _LEAST = 1 / 30, 10, 180
_MARGIN, _PADDING, _LINE, _TOP, _RADIUS = 0.8, 0.7, 1.4, 3.6, 0.5
_PLOT, _TALL = 13.0, 7.5
"""Width and height of a plot; the width is less where the canvas is narrow."""

_COLOURS: tuple[Colour, ...] = (GREEN, (255, 190, 90), (120, 130, 255), (90, 220, 255))
"""Of the methods, in their order: green, blue, red, yellow."""


def draw_curves_onto(
    picture: Pixels, curves: Sequence[HeatCurve], reason: str, words: Words, *, side: int
) -> Region | None:
    """Draw the curves into the upper right of a picture, in place: deletion and insertion, with their areas.

    Args:
        picture: (H, W, 3) uint8 BGR.
        curves: the curves; the control has no name. Empty: the reason is written.
        reason: why there are none, in the viewer's language; empty if there are.
        words: translates texts.
        side: length in pixels that the letters are sized by.

    Returns:
        (x, y, width, height) of its plate; None if there is no room.
    """
    height, width = picture.shape[:2]
    if side < _LEAST or not (curves or reason):
        return None
    size = max(_SMALLEST, round(side * _SHORTER_SIDE))
    margin, padding, step = round(size * _MARGIN), round(size * _PADDING), round(size * _LINE)
    room = width - 2 * margin - 3 * padding
    if not curves:
        lines = wrapped(reason, size, REGULAR, room, 2)
        wide = max(text_width(line, size, REGULAR) for line in lines) + 2 * padding
        place = width - margin - wide, round(size * _TOP), wide, len(lines) * step + 2 * padding
        shade_onto(picture, *place, round(size * _RADIUS))
        for number, line in enumerate(lines, 1):
            at = place[0] + padding, place[1] + padding + number * step - (step - round(size * CAP))
            write(picture, line, at, size, colour=AMBER)
        return place
    plot = min(round(size * _PLOT), room // 2)
    rows = max(sum(each.way == way for each in curves) for way in ("deletion", "insertion"))
    tall = min(round(size * _TALL), round(height * 0.32))
    place = (
        width - margin - 2 * plot - 3 * padding,
        round(size * _TOP),
        2 * plot + 3 * padding,
        step + tall + rows * step + 2 * padding + padding // 2,
    )
    if place[0] < 0 or place[1] + place[3] > height or plot < 6 * size:
        return None
    shade_onto(picture, *place, round(size * _RADIUS))
    shade_onto(picture, *place, round(size * _RADIUS))  # twice, because thin lines lie on it
    for number, (way, title) in enumerate((("deletion", DELETED), ("insertion", INSERTED))):
        left, top = place[0] + padding + number * (plot + padding), place[1] + padding
        name = words(title)
        small = size_that_fits(name, size, _SMALLEST - 2, REGULAR, plot)
        write(picture, shortened(name, small, REGULAR, plot), (left, top + round(size * CAP)), small)
        own = [each for each in curves if each.way == way]
        _draw_plot_onto(picture, own, (left, top + step, plot, tall))
        for row, (each, colour) in enumerate(zip(own, _colours(own), strict=True)):
            label = f"{each.name or words(ELSEWHERE)} {percent_text(each.area)}"
            small = size_that_fits(label, size, _SMALLEST - 2, REGULAR, plot)
            base = top + step + tall + padding // 2 + row * step + round(size * CAP) + size // 4
            write(picture, shortened(label, small, REGULAR, plot), (left, base), small, colour=colour)
    return place


def _colours(curves: Sequence[HeatCurve]) -> list[Colour]:
    """Return the colour of each curve: that of the control is grey."""
    return [GREY if not each.name else _COLOURS[n % len(_COLOURS)] for n, each in enumerate(curves)]


def _draw_plot_onto(picture: Pixels, curves: Sequence[HeatCurve], place: Region) -> None:
    """Draw the curves of one plot: the changed share across, and the probability up, both from 0 to 1."""
    x, y, wide, high = place
    thick = max(1, high // 60)
    cv2.rectangle(picture, place, (110, 110, 110), 1)
    for each, colour in reversed(list(zip(curves, _colours(curves), strict=True))):
        across = x + np.asarray(each.fractions) * (wide - 1)
        up = y + (1 - np.clip(each.scores, 0, 1)) * (high - 1)
        points = np.rint(np.column_stack([across, up])).astype(np.int32)
        cv2.polylines(
            picture,
            [points],
            isClosed=False,
            color=colour,
            thickness=thick + bool(each.name),
            lineType=cv2.LINE_AA,
        )
