"""The label plate: prediction and chart, readable from the back of a room."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.render.caption import NOTE_GAP, Caption, figure
from live_gradcam.render.lettering import (
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

# All lengths below are in units of the headline's font size, which is a share of the frame's shorter side.
_SHORTER_SIDE = 1 / 14
_SMALLEST, _SMALLEST_NOTE = 12, 10
_MARGIN, _PADDING = 0.45, 0.42
_NOTE, _LINE = 0.56, 0.86
_HEADLINE_LINE = 1.1
_RADIUS = 0.32

_ROW, _ROW_HEIGHT, _ROW_GAP = 0.43, 0.56, 0.05
_CHART_WIDTH, _CHART_NARROW, _CHART_SHARE = 7.2, 6.0, 0.34
"""Largest and smallest width in units of the headline's font size; between them, a share of the picture's width."""

_HIDES = 0.1
"""A plate that hides this share of the hot heat should move."""

_PATIENCE = 1.0
"""Seconds for which it must hide that share before it moves."""

_BAR: Colour = (172, 108, 44)
_BAR_OF_TARGET: Colour = (0, 112, 176)


def draw_plate_onto(
    picture: Pixels,
    caption: Caption,
    chart: Sequence[Prediction] = (),
    *,
    marked: int | None = None,
    side: int | None = None,
    right: bool = False,
) -> Region | None:
    """Draw the plate into a lower corner of a picture, in place, and never beyond the picture.

    On small pictures first the chart is left out, then the note. If not even the headline is readable, there is no
    plate.

    Args:
        picture: (H, W, 3) uint8 BGR.
        caption: the text.
        chart: the top classes, drawn as bars above the headline, or several values as rows of numbers.
        marked: id of the class that the heat explains; its bar has another colour.
        side: length in pixels that the letters are sized by; None for the picture's shorter side.
        right: whether to use the right corner instead of the left one.

    Returns:
        (x, y, width, height) of the plate; None if there is none.
    """
    height, width = picture.shape[:2]
    full = max(_SMALLEST, round((side or min(width, height)) * _SHORTER_SIDE))
    if width - 2 * round(full * (_MARGIN + _PADDING)) < 4 * full or height < 5 * full:
        return None
    alone = len(chart) == 1 and chart[0].probability is None  # the headline already shows a single value
    charted = bool(chart) and not alone and round(full * _ROW) >= _SMALLEST_NOTE
    headline = _draw_headline_onto(picture, caption, full, charted=charted, right=right)
    return _draw_chart_onto(picture, chart, full, headline, marked, right=right) if charted else headline


def _draw_headline_onto(
    picture: Pixels, caption: Caption, full: int, *, charted: bool, right: bool
) -> Region:
    height, width = picture.shape[:2]
    margin, padding = round(full * _MARGIN), round(full * _PADDING)
    room = width - 2 * (margin + padding)
    weight, colour = (BOLD, WHITE) if caption.sure else (REGULAR, GREY)
    size = size_that_fits(f"{caption.label} {caption.percent}", full, _SMALLEST, weight, room)
    tail = f" {caption.percent}" if caption.percent else ""
    tail_width = text_width(tail, size, REGULAR)
    step = round(size * _HEADLINE_LINE)
    most = 2 if height >= 8 * full + 2 * padding else 1
    lines = _headline_lines(caption.label, size, weight, room, tail_width, most)
    wide = max(text_width(line, size, weight) for line in lines)
    last_width = text_width(lines[-1], size, weight)
    wide = max(wide, last_width + tail_width)

    note_size = max(_SMALLEST_NOTE, round(full * _NOTE))
    note = caption.note if caption.note_matters or round(full * _NOTE) >= _SMALLEST_NOTE else ""
    if note and not (charted and caption.note_in_chart):
        note = note_that_fits(caption, note_size, room)
        wide = max(wide, text_width(note, note_size, REGULAR))
    else:
        note = ""
    # The width grows in steps, because one that changed with each digit would make the plate tremble.
    wide = min(room, -(-wide // full) * full)
    tall = (
        round(size * CAP) + (len(lines) - 1) * step + (round(note_size * _LINE + full * 0.34) if note else 0)
    )

    left, bottom = width - margin - wide - 2 * padding if right else margin, height - margin
    top = bottom - tall - 2 * padding
    shade_onto(picture, left, top, wide + 2 * padding, bottom - top, round(full * _RADIUS))
    base = top + padding + round(size * CAP)
    for number, line in enumerate(lines):
        write(picture, line, (left + padding, base + number * step), size, weight=weight, colour=colour)
    if tail:
        write(picture, tail, (left + padding + last_width, base + (len(lines) - 1) * step), size)
    if note:
        write(picture, note, (left + padding, bottom - padding), note_size, colour=caption.note_colour)
    return left, top, wide + 2 * padding, bottom - top


def _headline_lines(label: str, size: int, weight: int, room: int, tail: int, most: int) -> tuple[str, ...]:
    """Return the lines of a name; the last one leaves `tail` pixels free."""
    lines = wrapped(label, size, weight, room, most)
    if text_width(lines[-1], size, weight) + tail <= room:
        return lines
    if len(lines) < most:
        return *lines, ""
    return *lines[:-1], shortened(lines[-1], size, weight, max(0, room - tail))


def note_that_fits(caption: Caption, size: int, room: int) -> str:
    """Return the note of a caption, shortened; of a list of classes, as many as fit."""
    if caption.note_matters:
        return shortened(caption.note, size, REGULAR, room)
    parts = caption.note.split(NOTE_GAP)
    while len(parts) > 1 and text_width(NOTE_GAP.join(parts), size, REGULAR) > room:
        parts.pop()
    return shortened(NOTE_GAP.join(parts), size, REGULAR, room)


def _draw_chart_onto(
    picture: Pixels,
    chart: Sequence[Prediction],
    full: int,
    below: Region,
    marked: int | None,
    *,
    right: bool,
) -> Region:
    """Draw a narrow plate with bars above the headline, so that the middle of the picture stays free."""
    begin, bottom, wide_below, tall_below = below
    margin = round(full * _MARGIN)
    size, high, gap = round(full * _ROW), round(full * _ROW_HEIGHT), max(1, round(full * _ROW_GAP))
    padding = round(full * 0.22)
    narrow, share = round(full * _CHART_NARROW), round(picture.shape[1] * _CHART_SHARE)
    wide = min(round(full * _CHART_WIDTH), max(narrow, share), picture.shape[1] - 2 * margin)
    left = picture.shape[1] - margin - wide if right else margin
    bottom -= round(full * 0.14)
    top = bottom - len(chart) * (high + gap) + gap - 2 * padding
    if top < 0:
        return below
    shade_onto(picture, left, top, wide, bottom - top, round(full * _RADIUS))
    inner = wide - 2 * padding
    for row, each in enumerate(chart):
        x, y = left + padding, top + padding + row * (high + gap)
        is_target = each.class_id == marked
        if each.probability is None:
            length = inner if is_target else 0  # a value has no bar; a full row marks the explained one
        else:
            length = round(inner * min(max(each.probability, 0.0), 1.0))
        if length > 0:
            colour = _BAR_OF_TARGET if is_target else _BAR
            cv2.rectangle(picture, (x, y, length, high), colour, cv2.FILLED)
        base = y + (high + round(size * CAP)) // 2
        number = figure(each, chart)
        number_width = text_width(number, size, REGULAR)
        inset = round(size * 0.3)
        taken = max(number_width, text_width("100%", size, REGULAR))
        label = shortened(plain(each.label), size, REGULAR, inner - 3 * inset - taken)
        write(picture, label, (x + inset, base), size)
        write(picture, number, (x + inner - inset - number_width, base), size)
    return min(left, begin), top, max(wide, wide_below), below[1] + tall_below - top


class Corner:
    """Chooses the plate's lower corner: the left one, unless the plate hides hot heat there and not at the right.

    A change needs a second of frame time, so that the plate does not move back and forth.

    Args:
        at_once: whether each picture is independent, so that changes need no time.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self._since: float | None = None
        self.right = False
        """Whether the right corner is chosen."""

    def update(self, time: float, left: float, right: float) -> None:
        """Advance to a frame.

        Args:
            time: of the frame, in seconds.
            left: share of the hot heat that the plate hides in the left corner, in [0, 1].
            right: the same for the right corner.
        """
        here, there = (right, left) if self.right else (left, right)
        if not (here > _HIDES and there < here / 2):
            self._since = None
        elif self._at_once or (self._since is not None and time - self._since >= _PATIENCE):
            self.right, self._since = not self.right, None
        elif self._since is None or time < self._since:
            self._since = time
