"""The panel of curves: how the answer changes while the hottest pixels are taken away, or shown, first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.faithfulness import HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.render.badge import GREEN
from live_gradcam.render.canvas import part_of
from live_gradcam.render.lettering import (
    AMBER,
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    Colour,
    plain,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    wrapped,
    write,
)
from live_gradcam.translations import Words

ELSEWHERE = "elsewhere"
_PLOTS = (
    ("deletion", "the hottest taken away first", "lower is better"),
    ("insertion", "the hottest shown first", "higher is better"),
)
_ACROSS, _UP = "share of the picture changed", "probability"

# All lengths but the first two are in units of the font size, which is a share of the canvas's shorter side.
_SHORTER_SIDE, _SMALLEST, _LEAST = 1 / 36, 10, 180
_MARGIN, _PADDING, _LINE, _HEAD, _TOP, _RADIUS = 0.8, 0.7, 1.4, 1.9, 3.6, 0.5
_PLOT, _TALL, _LOW = 14.5, 8.5, 2.5
"""Width of a plot with its labels, less on a narrow canvas; and the largest and the smallest height of its box."""

_SMALL, _AXIS, _BELOW = 0.8, 3.3, 2.3
"""Size of the letters at the axes; the room left of a box, and below it, for them."""

_COLOURS: tuple[Colour, ...] = (GREEN, (255, 190, 90), (120, 130, 255), (90, 220, 255))
"""Of the methods, in their order: green, blue, red, yellow."""


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """The place of the panel, and how its two plots are arranged."""

    place: Region
    """(x, y, width, height) on the canvas."""

    size: int
    """The font size in pixels."""

    stacked: bool
    """Whether the plots lie below each other; else side by side."""

    labelled: bool
    """Whether there is room to label the axes, and to say which direction is better."""

    plot: tuple[int, int]
    """(width, height) of a plot with its texts."""

    rows: int
    """How many rows the legend of a plot has."""

    head: int
    """Height of the line above the plots, which names the class."""


def font_size(side: int) -> int:
    """Return the font size of the panel for a canvas whose shorter side has so many pixels."""
    return max(_SMALLEST, round(side * _SHORTER_SIDE))


def panel_on(area: Region, curves: Sequence[HeatCurve], *, side: int, low: bool = False) -> CurvePanel | None:
    """Return the panel of curves within an area: at its right, or across an upright one.

    Args:
        area: (x, y, width, height) on the canvas: the room that it may take.
        curves: the curves.
        side: length in pixels that the letters are sized by.
        low: whether it lies at the lower edge of an upright area, not at its upper edge.

    Returns:
        The panel; None if there are no curves, or if there is no room.
    """
    if side < _LEAST or not curves:
        return None
    size, (left, top, width, height) = font_size(side), area
    margin, padding, line, head = (round(size * each) for each in (_MARGIN, _PADDING, _LINE, _HEAD))
    rows = max(sum(each.way == way for each in curves) for way, _, _ in _PLOTS)
    is_upright = height > width
    for stacked, labelled in product((False,) if is_upright else (True, False), (True, False)):
        texts = (2 * line + round(size * _BELOW) if labelled else line + padding // 2) + rows * line
        across, down = (1, 2) if stacked else (2, 1)
        most = (width - 2 * margin - (across + 1) * padding) // across
        wide = min(round(size * _PLOT), most)
        free = (height - 2 * margin - (down + 1) * padding - head) // down - texts
        tall = min(round(size * _TALL), free)
        if wide < 6 * size or tall < _LOW * size:
            continue
        plot = wide, texts + tall
        extent = across * (wide + padding) + padding, down * (plot[1] + padding) + padding + head
        y = top + height - margin - extent[1] if low and is_upright else top + margin
        place = left + width - margin - extent[0], y, *extent
        return CurvePanel(place, size, stacked, labelled, plot, rows, head)
    return None


def overlaid(picture: Pixels, curves: Sequence[HeatCurve], *, side: int, end: int) -> CurvePanel | None:
    """Return the panel over a picture, below the signs at its upper edge; None if there is none.

    Args:
        picture: (H, W, 3) uint8 BGR.
        curves: the curves.
        side: length in pixels that the letters are sized by.
        end: the column of pixels where the panel ends, such as that of the scale bar.
    """
    top = round(font_size(side) * (_TOP - _MARGIN))
    return panel_on((0, top, end, picture.shape[0] - top), curves, side=side)


def draw_reason_onto(picture: Pixels, reason: str, *, side: int) -> Region | None:
    """Write into the upper right of a picture, in place, why there are no curves.

    Args:
        picture: (H, W, 3) uint8 BGR.
        reason: the text, in the viewer's language; empty: nothing is written.
        side: length in pixels that the letters are sized by.

    Returns:
        (x, y, width, height) of its plate; None if there is none.
    """
    if side < _LEAST or not reason:
        return None
    size = font_size(side)
    margin, padding, line = (round(size * each) for each in (_MARGIN, _PADDING, _LINE))
    lines = wrapped(reason, size, REGULAR, picture.shape[1] - 2 * margin - 3 * padding, 2)
    wide = max(text_width(each, size, REGULAR) for each in lines) + 2 * padding
    place = (
        picture.shape[1] - margin - wide,
        round(size * _TOP),
        wide,
        len(lines) * line + 2 * padding,
    )
    shade_onto(picture, *place, round(size * _RADIUS))
    for number, each in enumerate(lines, 1):
        base = place[1] + padding + number * line - (line - round(size * CAP))
        write(picture, each, (place[0] + padding, base), size, colour=AMBER)
    return place


def draw_panel_onto(picture: Pixels, panel: CurvePanel, curves: Sequence[HeatCurve], words: Words) -> None:
    """Draw the curves of deletion and insertion with their areas, below the name of their class, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        panel: the place.
        curves: the curves; the control has no name.
        words: translates texts.
    """
    size, (wide, high) = panel.size, panel.plot
    padding = round(size * _PADDING)
    for _ in range(2):  # twice, because thin lines lie on it
        shade_onto(picture, *panel.place, round(size * _RADIUS))
    _write_class_onto(picture, panel, plain(curves[0].label), words)
    for number, (way, title, better) in enumerate(_PLOTS):
        left, top = panel.place[0] + padding, panel.place[1] + padding + panel.head
        if panel.stacked:
            top += number * (high + padding)
        else:
            left += number * (wide + padding)
        own = [each for each in curves if each.way == way]
        _draw_plot_onto(picture, panel, own, (left, top, wide, high), (words(title), words(better)), words)


def _write_class_onto(picture: Pixels, panel: CurvePanel, label: str, words: Words) -> None:
    """Write which class the probability is of, above the plots: a name that is too long for that stands alone."""
    size, padding = panel.size, round(panel.size * _PADDING)
    room = panel.place[2] - 2 * padding
    text = words(f"probability of {label}")
    fitting = size_that_fits(text, size, _SMALLEST, BOLD, room)
    if text_width(text, fitting, BOLD) > room:
        text, fitting = label, size_that_fits(label, size, _SMALLEST, BOLD, room)
    base = panel.place[1] + padding + round(size * CAP)
    write(
        picture, shortened(text, fitting, BOLD, room), (panel.place[0] + padding, base), fitting, weight=BOLD
    )


def _draw_plot_onto(
    picture: Pixels,
    panel: CurvePanel,
    curves: Sequence[HeatCurve],
    place: Region,
    titles: tuple[str, str],
    words: Words,
) -> None:
    """Draw a plot with its texts: the changed share across, and the probability up, both from 0 to 1."""
    size, (left, top, wide, high) = panel.size, place
    line, cap, small = round(size * _LINE), round(size * CAP), max(_SMALLEST - 2, round(size * _SMALL))

    def put(text: str, base: int, letters: int, colour: Colour, weight: int = REGULAR) -> None:
        fitting = size_that_fits(text, letters, _SMALLEST - 2, weight, wide)
        said = shortened(text, fitting, weight, wide)
        write(picture, said, (left, base), fitting, colour=colour, weight=weight)

    colours = [GREY if not each.name else _COLOURS[n % len(_COLOURS)] for n, each in enumerate(curves)]
    put(titles[0], top + cap, size, WHITE, BOLD if panel.labelled else REGULAR)
    legend = top + high - panel.rows * line
    if panel.labelled:
        put(titles[1], top + line + cap, size, AMBER)
        axis = round(size * _AXIS)
        box = left + axis, top + 2 * line, wide - axis, legend - round(size * _BELOW) - top - 2 * line
        _label_axes(picture, box, small, words)
    else:
        box = left, top + line, wide, legend - round(size * _PADDING) // 2 - top - line
    _draw_lines_onto(picture, curves, colours, box)
    for row, (each, colour) in enumerate(zip(curves, colours, strict=True)):
        area = percent_text(each.area)
        figure = words(f"area {area}") if panel.labelled else area
        put(f"{each.name or words(ELSEWHERE)}  {figure}", legend + row * line + cap + size // 4, size, colour)


def _label_axes(picture: Pixels, box: Region, small: int, words: Words) -> None:
    """Write the ends of both axes, what is across below the box, and what is up beside it."""
    x, y, wide, high = box
    gap, cap = round(small * 0.4), round(small * CAP)

    def put(text: str, right: int, base: int) -> None:
        write(picture, text, (right - text_width(text, small, REGULAR), base), small, colour=GREY)

    put("100%", x - gap, y + cap)
    put("0%", x - gap, y + high)
    write(picture, "0%", (x, y + high + gap + cap), small, colour=GREY)
    put("100%", x + wide, y + high + gap + cap)
    room = wide + 2 * small
    fitting = size_that_fits(words(_ACROSS), small, _SMALLEST - 2, REGULAR, room)
    said = shortened(words(_ACROSS), fitting, REGULAR, room)
    at = x + wide - text_width(said, fitting, REGULAR), y + high + 2 * gap + round(cap * 2.4)
    write(picture, said, at, fitting, colour=GREY)
    # The text beside the box runs upwards: it is written on the turned picture.
    free = high - 2 * (cap + gap)
    fitting = size_that_fits(words(_UP), small, _SMALLEST - 2, REGULAR, free)
    long = text_width(words(_UP), fitting, REGULAR)
    if long > free:
        return
    strip = x - gap - 2 * small, y + (high - long) // 2, 2 * small, long
    turned = np.ascontiguousarray(np.rot90(part_of(picture, strip), -1))
    write(turned, words(_UP), (0, round(small * 1.4)), fitting, colour=GREY)
    part_of(picture, strip)[:] = np.rot90(turned)


def _draw_lines_onto(
    picture: Pixels, curves: Sequence[HeatCurve], colours: Sequence[Colour], box: Region
) -> None:
    """Draw the box and the curves in it, the first one on top."""
    x, y, wide, high = box
    thick = max(1, high // 60)
    cv2.rectangle(picture, box, (110, 110, 110), 1)
    for each, colour in reversed(list(zip(curves, colours, strict=True))):
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
