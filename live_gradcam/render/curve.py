"""The curve: how a value went over the last minute, of a network that is no classifier."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.number import number_text
from live_gradcam.render.lettering import CAP, GREY, WHITE, Colour, fill_onto, write
from live_gradcam.render.ribbon import SECONDS, draw_foot_onto, ribbon_measures

_GROUND: Colour = (70, 66, 62)
_LINE: Colour = (90, 200, 255)
_SPACE = 0.12
"""Above and below the curve, as a share of its height."""


class Curve:
    """Remembers a value of the last minute, by the frames' own time."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float | None]] = deque()
        self._label = ""
        self._until = 0.0

    def see(self, time: float, label: str, value: float | None) -> None:
        """Take in a value at a frame's time, in seconds.

        A time before the last one forgets what lies after it, and another label all that was before.

        Args:
            time: of the frame.
            label: what the value is called.
            value: the number; None where it is NaN: the curve has a gap there.
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

    def draw_onto(self, picture: Pixels) -> None:
        """Draw the curve along the bottom of a picture, in place: now is at the right, as high as the ribbon.

        Its scale goes from the smallest to the largest value of the minute; both are written at its left end.

        Args:
            picture: (H, W, 3) uint8 BGR.
        """
        height, width = picture.shape[:2]
        size, tall, foot = ribbon_measures((width, height))
        band = picture[height - tall - foot :]
        fill_onto(band)
        cv2.rectangle(band, (0, 0, width, tall), _GROUND, cv2.FILLED)
        known = [value for _, value in self._points if value is not None]
        if known:
            low, high = min(known), max(known)
            for run in self._runs():
                self._draw_run_onto(band[:tall], run, low, high, max(1, size // 10))
            _write_range_onto(band, low, high, size, tall)
        if foot:
            draw_foot_onto(band, tall, foot, round(size * 0.72))

    def _runs(self) -> list[list[tuple[float, float]]]:
        """Return the stretches without a gap."""
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
    """Write both ends of the scale at its left, where there is room for two lines; one that is both stands between."""
    small = max(8, round(size * 0.6))
    if low == high:
        write(band, number_text(high), (small // 2, (tall + round(small * CAP)) // 2), small, colour=WHITE)
    elif tall >= 2.2 * small:
        write(band, number_text(high, (low,)), (small // 2, round(small * (CAP + 0.25))), small, colour=WHITE)
        write(band, number_text(low, (high,)), (small // 2, tall - round(small * 0.25)), small, colour=GREY)
