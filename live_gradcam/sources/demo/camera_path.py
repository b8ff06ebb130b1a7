"""The path of the demo's camera: from stop to stop over the desk, moving like a hand-held camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Affine = npt.NDArray[np.float64]
"""(2, 3) float64: a point of the desk (x, y, 1) to a point of the frame."""

REFERENCE_LINES = 720
"""At zoom 1 one unit of the desk is one pixel of a frame whose shorter side has this many pixels."""

DWELL = 3.0
"""Seconds that the camera stays at a stop."""

TRAVEL = 1.1
"""Seconds from one stop to the next."""

PUSH = 0.05
"""Increase of the zoom while the camera stays, as a share of the zoom."""

DRIFT = 26.0
"""Distance that the camera glides while it stays, in units of the desk."""

RISE = 0.16
"""Decrease of the zoom half-way between two stops, as a share of the zoom."""

SWAY = 3.5
"""Amplitude of the hand's movement, in units of the desk."""


@dataclass(frozen=True, slots=True)
class CameraPosition:
    """Position of the camera."""

    x: float
    """The point of the desk in the frame's centre, in units of the desk."""

    y: float
    zoom: float
    """1 as in `REFERENCE_LINES`; larger is nearer."""

    angle: float
    """Clockwise rotation of the picture, in radians."""

    def affine(self, size: tuple[int, int]) -> Affine:
        """Return the (2, 3) float64 matrix from the desk to a frame of this (width, height)."""
        width, height = size
        scale = self.zoom * min(size) / REFERENCE_LINES
        cosine, sine = scale * math.cos(self.angle), scale * math.sin(self.angle)
        return np.array(
            [
                [cosine, -sine, width / 2 - cosine * self.x + sine * self.y],
                [sine, cosine, height / 2 - sine * self.x - cosine * self.y],
            ]
        )


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the camera stays."""

    x: float
    """The point of the desk in the frame's centre, in units of the desk."""

    y: float
    zoom: float
    """Zoom in the middle of the stay."""


class CameraPath:
    """A closed tour: the camera stays at each stop for `DWELL` seconds and moves for `TRAVEL` seconds to the next.

    The path is smooth everywhere, also from the last stop to the first, and a pure function of the time.

    Args:
        stops: the places in order, at least one.
    """

    def __init__(self, stops: Sequence[Stop]) -> None:
        self._stops = tuple(stops)
        self.duration = len(self._stops) * (DWELL + TRAVEL)
        """Seconds of one tour."""

    def view_at(self, seconds: float) -> CameraPosition:
        """Return the camera's position at a time; after `duration` the tour repeats."""
        seconds %= self.duration
        leg, within = divmod(seconds, DWELL + TRAVEL)
        here = int(leg)
        there = (here + 1) % len(self._stops)
        way = max(0.0, within - DWELL) / TRAVEL
        x, y, zoom = self._stay(here, within - DWELL / 2)
        if way > 0:
            x_there, y_there, zoom_there = self._stay(there, within - 1.5 * DWELL - TRAVEL)
            eased = way**3 * (10 - 15 * way + 6 * way**2)
            x += (x_there - x) * eased
            y += (y_there - y) * eased
            zoom *= (zoom_there / zoom) ** eased * (1 - RISE * math.sin(math.pi * way) ** 2)
        sway_x, sway_y, sway_angle = self._sway(seconds)
        return CameraPosition(x + sway_x, y + sway_y, zoom, sway_angle)

    def _stay(self, number: int, since_middle: float) -> tuple[float, float, float]:
        """Return x, y and zoom at a stop, this many seconds after the middle of the stay."""
        stop = self._stops[number]
        direction = 2.4 * number + 0.5
        part = since_middle / DWELL
        glide = DRIFT * part
        return (
            stop.x + glide * math.cos(direction),
            stop.y + glide * math.sin(direction),
            stop.zoom * (1 + PUSH * part),
        )

    def _sway(self, seconds: float) -> tuple[float, float, float]:
        """Return the hand's movement: x and y in units of the desk, and an angle.

        Every wave has a whole number of periods in the tour, so that the tour closes.
        """

        def wave(hertz: float, phase: float) -> float:
            cycles = max(1, round(hertz * self.duration))
            return math.sin(2 * math.pi * cycles * seconds / self.duration + phase)

        x = SWAY * (0.7 * wave(0.31, 0.3) + 0.3 * wave(0.83, 1.9))
        y = SWAY * (0.7 * wave(0.23, 2.2) + 0.3 * wave(0.71, 0.7))
        return x, y, 0.008 * wave(0.17, 1.1)
