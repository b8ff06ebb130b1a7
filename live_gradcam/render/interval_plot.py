"""A plot of means with their intervals: one panel for each group, one row for each mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import (
    BOLD,
    REGULAR,
    Colour,
    fill_onto,
    plain,
    shortened,
    text_width,
    write,
)

WIDTH = 1200
"""Width of the plot in pixels."""

_PAPER: Colour = (255, 255, 255)
_TEXT: Colour = (40, 36, 32)
_FAINT: Colour = (150, 146, 142)
_LINE: Colour = (225, 222, 220)
_BAR: Colour = (180, 105, 30)
_FAINT_BAR: Colour = (205, 190, 175)

_SIZE, _TITLE = 22, 28
_ROW, _MARGIN = 36, 32
_MOST_NAME = 420

_THICK = 10
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the plot."""

    group: str
    """The panel that it stands in, which has one scale."""

    name: str
    mean: float
    low: float
    """The lower end of the interval."""

    high: float
    """The upper end."""

    faint: bool = False
    """Whether it is drawn in grey: something to compare with."""


def interval_plot(bars: Sequence[Bar]) -> Pixels:
    """Return the plot, (H, `WIDTH`, 3) uint8 BGR; its height depends on the number of rows.

    Args:
        bars: the rows, in order; rows of one group need not follow each other.
    """
    groups: dict[str, list[Bar]] = {}
    for bar in bars:
        groups.setdefault(bar.group, []).append(bar)
    height = _MARGIN + sum(_panel_height(each) for each in groups.values())
    picture = np.empty((max(height, 2 * _MARGIN), WIDTH, 3), np.uint8)
    fill_onto(picture, _PAPER)
    widest = max((text_width(plain(bar.name), _SIZE, REGULAR) for bar in bars), default=0)
    left = _MARGIN + min(widest, _MOST_NAME) + _MARGIN
    right = WIDTH - _MARGIN - max((text_width(_numbers(bar), _SIZE, REGULAR) for bar in bars), default=0)
    top = _MARGIN
    for title, rows in groups.items():
        _draw_panel_onto(picture[top : top + _panel_height(rows)], title, rows, left, right)
        top += _panel_height(rows)
    return picture


def scale_of(low: float, high: float) -> tuple[float, float, float]:
    """Return begin, end and step of a scale that holds an interval: its ticks are at round numbers."""
    span = max(high - low, 1e-6)
    step = 10.0 ** np.floor(np.log10(span / _TICKS))
    step = next(float(step * each) for each in (1, 2, 5, 10) if span / (step * each) <= _TICKS)
    begin, end = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    return begin, max(end, begin + step), step  # all values may be equal


def _panel_height(rows: Sequence[Bar]) -> int:
    return _ROW * (len(rows) + 2) + _MARGIN


def _draw_panel_onto(picture: Pixels, title: str, rows: Sequence[Bar], left: int, numbers: int) -> None:
    right = numbers - _MARGIN
    begin, end, step = scale_of(min(row.low for row in rows), max(row.high for row in rows))

    def at(value: float) -> int:
        return left + round((value - begin) / (end - begin) * (right - left))

    write(picture, plain(title), (_MARGIN, _TITLE), _TITLE, weight=BOLD, colour=_TEXT)
    bottom = _ROW * (len(rows) + 1) + _ROW // 4
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    for number in range(round((end - begin) / step) + 1):
        x = at(begin + number * step)
        cv2.line(picture, (x, _ROW + _ROW // 4), (x, bottom), _LINE, 1)
        text = f"{begin + number * step:.{digits}f}"
        half = text_width(text, _SIZE, REGULAR) // 2
        write(picture, text, (x - half, bottom + _SIZE), _SIZE, colour=_FAINT)
    for number, row in enumerate(rows):
        base = _ROW * (number + 2) - _ROW // 6
        middle = base - _ROW // 4
        name = shortened(plain(row.name), _SIZE, REGULAR, left - 2 * _MARGIN)
        write(picture, name, (_MARGIN, base), _SIZE, colour=_FAINT if row.faint else _TEXT)
        colour = _FAINT_BAR if row.faint else _BAR
        cv2.line(picture, (at(row.low), middle), (at(row.high), middle), colour, _THICK // 2, cv2.LINE_AA)
        cv2.circle(picture, (at(row.mean), middle), _THICK - 2, colour, cv2.FILLED, cv2.LINE_AA)
        write(picture, _numbers(row), (numbers, base), _SIZE, colour=_FAINT if row.faint else _TEXT)


def _numbers(row: Bar) -> str:
    """Return the mean and its interval: between two numbers of which one is below zero a dash would be a sign."""
    return f"{row.mean:.3f} ({row.low:.3f} to {row.high:.3f})".replace("-", "−")
