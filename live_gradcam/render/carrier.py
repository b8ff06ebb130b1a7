"""The carrier: the heat of the newest explanation, carried along with the picture until the next one comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import cv2
import numpy as np

from live_gradcam.config import Following
from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap, Region
from live_gradcam.frame import Frame
from live_gradcam.render.motion import Field, Motion, Shift, Way, sampled
from live_gradcam.render.steady import Heat, Steady


@dataclass(frozen=True, slots=True, eq=False)
class CarriedHeat:
    """What is to be drawn on a frame."""

    explanation: Explanation
    """The newest; of an earlier frame as a rule."""

    index: int
    """Of the frame that was explained."""

    captured_at: float
    """When that frame was taken: `Frame.captured_at`."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1]: where the heat is on the present frame, over `explanation.region`."""

    opacity: float
    """In [0, 1], to be multiplied with the alpha of the heat: below 1 while it fades for want of evidence; 0 where
    the scene has changed since."""


class HeatCarrier:
    """Carries heat along with the picture, and keeps it steady.

    It belongs to one thread: the one that presents. For every frame that is shown it calls `see`, in order; and
    whenever an explanation has come, before that, `explained`:

        carrier.explained(frame_that_was_explained, explanation)
        carried = carrier.see(frame)

    An explanation may be of a frame that was seen some time ago, that is seen next, or that was never seen. What is
    older than the newest explanation, or from before a cut, is left out.

    Args:
        motion: `on`, or `off` for heat that is held until the next explanation.
        steady: how heat is made steady.

    Raises:
        RenderError: `motion` is neither.
    """

    def __init__(self, *, motion: Following = "on", steady: Steady | None = None) -> None:
        if motion not in get_args(Following):
            raise RenderError(f"motion is '{motion}'. Valid: {', '.join(get_args(Following))}.")
        self._motion = Motion() if motion == "on" else None
        self._steady = steady or Steady()
        self._waiting: tuple[Frame, Explanation] | None = None
        self._newest: _Explained | None = None

    def explained(self, frame: Frame, explanation: Explanation) -> None:
        """Take in an explanation.

        Args:
            frame: the frame that was explained.
            explanation: of it.
        """
        motion, newest = self._motion, self._newest
        if motion is None:
            self._take(frame, explanation, None, 1.0)
        elif motion.newest is None or frame.index > motion.newest:
            self._waiting = (frame, explanation)
        elif motion.reaches(frame.index):
            way = motion.refer_to(frame.index, frame.pixels)
            if newest is None or way is None or newest.size != frame.size:
                self._take(frame, explanation, None, 0.0)
            else:
                mesh = _Mesh.of(newest, way)
                self._take(frame, explanation, mesh.carried(newest.heat.heatmap, way), mesh.known(way))

    def see(self, frame: Frame) -> CarriedHeat | None:
        """Go on to the next frame that is shown.

        Args:
            frame: newer than all that were seen before; an older one begins a new scene.

        Returns:
            The heat for it; None as long as no frame of its size was explained.
        """
        motion = self._motion
        if motion is not None:
            if self._waiting is not None and self._waiting[0].index <= frame.index:
                waiting, explanation = self._waiting
                self._waiting = None
                motion.see(waiting.index, waiting.pixels)
                self.explained(waiting, explanation)
            motion.see(frame.index, frame.pixels)
        newest = self._newest
        if newest is None or newest.size != frame.size:
            return None
        heatmap, opacity = newest.heat.heatmap, newest.heat.opacity
        if motion is not None and newest.index != frame.index:
            way = motion.way()
            if way is None:
                opacity = 0.0
            else:
                mesh = _Mesh.of(newest, way)
                heatmap = mesh.carried(heatmap, way) * mesh.trust(way)
        return CarriedHeat(newest.explanation, newest.index, newest.captured_at, heatmap, opacity)

    def _take(
        self, frame: Frame, explanation: Explanation, moved: HeatMap | None, known: HeatMap | float
    ) -> None:
        before = None if self._newest is None else self._newest.heat
        heat = self._steady.heat(explanation, frame.time, before, moved=moved, known=known)
        self._newest = _Explained(explanation, heat, frame.index, frame.captured_at, frame.size)


@dataclass(frozen=True, slots=True, eq=False)
class _Explained:
    """The newest explanation, its heat, and of the frame what is needed; not its pixels."""

    explanation: Explanation
    heat: Heat
    index: int
    captured_at: float
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """The points of a heat map over a region, as places among the cells that motion is known for."""

    places: Shift
    """(h, w, 2) float32: x and y of each point, in cells."""

    points: Shift
    """(h, w, 2) float32: each point's own x and y in the heat map."""

    scale: Field
    """(2,) float32: points of the heat map to a cell, across and down."""

    @staticmethod
    def of(newest: _Explained, way: Way) -> _Mesh:
        """Return the mesh of a heat map."""
        rows, columns = newest.heat.heatmap.shape
        cell_rows, cell_columns = way.trust.shape
        return _mesh(newest.explanation.region, newest.size, (rows, columns), (cell_rows, cell_columns))

    def carried(self, heatmap: HeatMap, way: Way) -> HeatMap:
        """Return a heat map moved along; what comes from outside of the region is no heat."""
        origin = self.points + sampled(way.shift, self.places) * self.scale
        return sampled(heatmap, origin, border=cv2.BORDER_CONSTANT)

    def trust(self, way: Way) -> HeatMap:
        """Return how far the motion is to be believed, at each point."""
        return sampled(way.trust, self.places)

    def known(self, way: Way) -> HeatMap:
        """Return how far a moved heat map is to be believed; not where it comes from outside of the region."""
        return self.trust(way) * self.carried(np.ones(self.points.shape[:2], np.float32), way)


@lru_cache(maxsize=2)
def _mesh(region: Region, size: tuple[int, int], points: tuple[int, int], cells: tuple[int, int]) -> _Mesh:
    """Lay a heat map of (rows, columns) points over the region of a frame of (width, height) pixels."""
    x, y, width, height = region
    rows, columns = points
    across, down = cells[1] / size[0], cells[0] / size[1]
    own = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)
    to_cells = np.array([width / columns * across, height / rows * down], np.float32)
    offset = np.array([x * across - 0.5, y * down - 0.5], np.float32)
    return _Mesh((own + np.float32(0.5)) * to_cells + offset, own, np.float32(1.0) / to_cells)
