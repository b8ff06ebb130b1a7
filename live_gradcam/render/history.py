"""History of the last minute: a ribbon of the top classes, or a curve of a value."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from live_gradcam.explanation import Explanation, Region
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Pixels
from live_gradcam.number_format import number_text
from live_gradcam.prediction import Prediction
from live_gradcam.render.lettering import (
    CAP,
    GREY,
    INK,
    REGULAR,
    WHITE,
    Colour,
    fill_onto,
    plain,
    shortened,
    text_width,
    write,
)

SECONDS = 60.0

_SHORTER_SIDE, _SMALLEST = 1 / 24, 10
_TALL = 1.7
"""Height of the segments, in units of the font size."""

_FEWEST_LETTERS = 3
_NOBODY: Colour = (70, 66, 62)
_GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class _Segment:
    since: float
    class_id: int | None
    """None if the network was not sure."""

    label: str


class ClassHistory:
    """The top classes of the last minute, by frame time."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self._until = 0.0

    def add(self, time: float, first: Prediction | None) -> None:
        """Add the top class at a frame's time, in seconds; None if the network is not sure.

        An earlier time than the last one removes the entries after it.
        """
        segments = self._segments
        while segments and segments[-1].since > time:
            segments.pop()
        class_id, label = (None, "") if first is None else (first.class_id, plain(first.label))
        if not segments or (segments[-1].class_id, segments[-1].label) != (class_id, label):
            segments.append(_Segment(time, class_id, label))
        while len(segments) > 1 and segments[1].since <= time - SECONDS:
            segments.popleft()
        self._until = time

    def draw_onto(self, picture: Pixels, now: str = "now") -> None:
        """Draw the ribbon along the bottom of a picture, in place; the current time is at the right.

        Args:
            picture: (H, W, 3) uint8 BGR.
            now: the text at the right end.
        """
        height, width = picture.shape[:2]
        size, tall, scale = ribbon_measures((width, height))
        band = picture[height - tall - scale :]
        fill_onto(band)
        edges = [self._place(segment.since, width) for segment in self._segments] + [width]
        for segment, left, right in zip(self._segments, edges, edges[1:], strict=False):
            if right <= left:
                continue
            colour = _NOBODY if segment.class_id is None else _colour(segment.class_id)
            cv2.rectangle(band, (left, 0, right - left, tall), colour, cv2.FILLED)
            if left > 0:
                cv2.line(band, (left, 0), (left, tall - 1), INK, 1)
            inset = round(size * 0.35)
            name = shortened(segment.label, size, REGULAR, right - left - 2 * inset)
            if len(name.rstrip("…")) >= min(_FEWEST_LETTERS, len(segment.label)):
                write(band, name, (left + inset, (tall + round(size * CAP)) // 2), size)
        if scale:
            _draw_time_scale_onto(band, tall, scale, round(size * 0.72), now)

    def _place(self, time: float, width: int) -> int:
        return round(width * min(max(1.0 - (self._until - time) / SECONDS, 0.0), 1.0))


def ribbon_height(size: tuple[int, int]) -> int:
    """Return the ribbon's height at the bottom of a canvas of (width, height) pixels."""
    _, tall, scale = ribbon_measures(size)
    return tall + scale


def ribbon_places(size: tuple[int, int], view: View) -> tuple[Region, ...]:
    """Return (x, y, width, height) of the ribbon on a canvas of (width, height) pixels, in the view that has one."""
    width, height = size
    tall = ribbon_height(size)
    return ((0, height - tall, width, tall),) if view == "history" else ()


def ribbon_measures(size: tuple[int, int]) -> tuple[int, int, int]:
    """Return the font size, the height of the segments and the height of the time scale, in pixels."""
    width, height = size
    letters = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    tall = min(height, round(letters * _TALL))
    return letters, tall, round(letters * 1.05) if height > 10 * letters else 0


def _draw_time_scale_onto(band: Pixels, tall: int, scale: int, size: int, word: str = "now") -> None:
    """Draw the time scale, `scale` pixels high, below the first `tall` rows, in font size `size`."""
    width = band.shape[1]
    base = tall + (scale + round(size * CAP)) // 2
    marks = [(-60, 0), (-45, width // 4), (-30, width // 2), (-15, 3 * width // 4)]
    for seconds, x in marks:
        cv2.line(band, (x, tall), (x, tall + max(1, scale // 5)), GREY, max(1, size // 14))
        write(band, f"{seconds} s".replace("-", "−"), (x + size // 3, base), size, colour=GREY)
    now = text_width(word, size, REGULAR)
    write(band, word, (width - now - size // 3, base), size, colour=WHITE)


@lru_cache(maxsize=256)
def _colour(class_id: int) -> Colour:
    """Return a class's colour; all have equal lightness, on which white letters are readable."""
    angle = 2 * np.pi * ((class_id * _GOLDEN) % 1.0)
    lab = np.array([[[46.0, 42 * np.cos(angle), 42 * np.sin(angle)]]], np.float32)
    blue, green, red = (
        round(255 * min(max(float(each), 0.0), 1.0)) for each in cv2.cvtColor(lab, cv2.COLOR_Lab2BGR)[0, 0]
    )
    return blue, green, red


_GROUND: Colour = (70, 66, 62)
_LINE: Colour = (90, 200, 255)
_SPACE = 0.12
"""Free space above and below the curve, as a share of its height."""


class ValueHistory:
    """A value of the last minute, by frame time."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float | None]] = deque()
        self._label = ""
        self._until = 0.0

    def add(self, time: float, label: str, value: float | None) -> None:
        """Add a value at a frame's time, in seconds.

        An earlier time than the last one removes the points after it; another label removes all points.

        Args:
            time: of the frame.
            label: name of the value.
            value: the number; None for NaN, which leaves a gap.
        """
        points = self._points
        if label != self._label:
            points.clear()
            self._label = label
        while points and points[-1][0] >= time:
            points.pop()
        points.append((time, value))
        while len(points) > 1 and points[1][0] <= time - SECONDS:
            points.popleft()
        self._until = time

    def draw_onto(self, picture: Pixels, now: str = "now") -> None:
        """Draw the curve along the bottom of a picture, in place; the current time is at the right.

        The scale goes from the minimum to the maximum of the minute; both are written at the left.

        Args:
            picture: (H, W, 3) uint8 BGR.
            now: the text at the right end.
        """
        height, width = picture.shape[:2]
        size, tall, scale = ribbon_measures((width, height))
        band = picture[height - tall - scale :]
        fill_onto(band)
        cv2.rectangle(band, (0, 0, width, tall), _GROUND, cv2.FILLED)
        known = [value for _, value in self._points if value is not None]
        if known:
            low, high = min(known), max(known)
            for run in self._runs():
                self._draw_run_onto(band[:tall], run, low, high, max(1, size // 10))
            _write_range_onto(band, low, high, size, tall)
        if scale:
            _draw_time_scale_onto(band, tall, scale, round(size * 0.72), now)

    def _runs(self) -> list[list[tuple[float, float]]]:
        """Return the continuous stretches of the curve."""
        runs: list[list[tuple[float, float]]] = [[]]
        for time, value in self._points:
            if value is None:
                runs.append([])
            else:
                runs[-1].append((time, value))
        return [run for run in runs if run]

    def _draw_run_onto(
        self, band: Pixels, run: list[tuple[float, float]], low: float, high: float, thick: int
    ) -> None:
        tall, width = band.shape[:2]
        times, values = np.array(run, np.float64).T
        x = width * (1.0 - (self._until - times) / SECONDS)
        share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
        y = (tall - 1) * (1.0 - _SPACE - (1.0 - 2 * _SPACE) * share)
        points = np.rint(np.stack([x, y], axis=1)).astype(np.int32)
        if len(points) == 1:
            cv2.circle(band, (int(points[0, 0]), int(points[0, 1])), thick, _LINE, cv2.FILLED)
        cv2.polylines(band, [points], False, _LINE, thick, cv2.LINE_AA)


def _write_range_onto(band: Pixels, low: float, high: float, size: int, tall: int) -> None:
    """Write both ends of the scale at the left if there is room for two lines; a constant value is centred."""
    small = max(8, round(size * 0.6))
    if low == high:
        write(band, number_text(high), (small // 2, (tall + round(small * CAP)) // 2), small, colour=WHITE)
    elif tall >= 2.2 * small:
        write(band, number_text(high, (low,)), (small // 2, round(small * (CAP + 0.25))), small, colour=WHITE)
        write(band, number_text(low, (high,)), (small // 2, tall - round(small * 0.25)), small, colour=GREY)


class LastMinute:
    """The last minute of a run: the top classes or, if the network is no classifier, the explained value."""

    def __init__(self) -> None:
        self._classes, self._values = ClassHistory(), ValueHistory()
        self._current: ClassHistory | ValueHistory = self._classes

    def add(self, time: float, explanation: Explanation, named: Prediction | None) -> None:
        """Add an explanation at a frame's time, in seconds, and the class that the label names; None if not sure."""
        if explanation.task == "values":
            self._values.add(time, explanation.target.label, explanation.target.value)
            self._current = self._values
        else:
            self._classes.add(time, named)
            self._current = self._classes

    def draw_onto(self, picture: Pixels, now: str) -> None:
        """Draw the last minute along the bottom of a picture, in place; `now` is the text at the right end."""
        self._current.draw_onto(picture, now)
