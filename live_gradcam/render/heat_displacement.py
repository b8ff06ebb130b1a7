"""Heat displacement: where the points of a heat map lie in a later frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from live_gradcam.explanation import HeatMap, Region
from live_gradcam.render.motion import Displacement, Field, Shift, sampled


class HeatDisplacements:
    """Displacement of heat maps between two frames; computed once for all maps of one shape and region."""

    def __init__(self, displacement: Displacement, size: tuple[int, int]) -> None:
        self._displacement = displacement
        self._size = size
        self._found: dict[tuple[Region, tuple[int, int]], tuple[Shift, HeatMap]] = {}

    def moved(self, heatmap: HeatMap, region: Region) -> HeatMap:
        """Return the heat map of a region moved to the current frame, weaker where the motion is uncertain."""
        origin, confidence = self._origins(heatmap, region)
        return _moved(heatmap, origin) * confidence

    def shift(self, x: float, y: float) -> tuple[float, float]:
        """Return by how many pixels a point of the earlier frame has moved.

        The field has the displacement of each place to the earlier frame; neighbouring places have similar ones.
        """
        field = self._displacement.shift
        cell = self._size[0] / field.shape[1], self._size[1] / field.shape[0]
        place = np.array([[(x / cell[0] - 0.5, y / cell[1] - 0.5)]], np.float32)
        across, down = sampled(field, place)[0, 0]
        return -float(across) * cell[0], -float(down) * cell[1]

    def with_confidence(self, heatmap: HeatMap, region: Region) -> tuple[HeatMap, HeatMap]:
        """Return the heat map of a region moved to the current frame, and the confidence of the motion.

        The confidence is 0 where the heat comes from outside of the region.
        """
        origin, confidence = self._origins(heatmap, region)
        return _moved(heatmap, origin), confidence * _moved(np.ones(confidence.shape, np.float32), origin)

    def _origins(self, heatmap: HeatMap, region: Region) -> tuple[Shift, HeatMap]:
        """Return the origin of each point of a heat map, and the confidence of the motion there."""
        rows, columns = heatmap.shape
        cell_rows, cell_columns = self._displacement.confidence.shape
        key = region, (rows, columns)
        if key not in self._found:
            mesh = _mesh(key[0], self._size, key[1], (cell_rows, cell_columns))
            origin = mesh.points + sampled(self._displacement.shift, mesh.places) * mesh.scale
            self._found[key] = origin, sampled(self._displacement.confidence, mesh.places)
        return self._found[key]


def _moved(heatmap: HeatMap, origin: Shift) -> HeatMap:
    """Return a moved heat map; points from outside of the region have no heat."""
    return sampled(heatmap, origin, border=cv2.BORDER_CONSTANT)


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """Points of a heat map over a region, in coordinates of the motion's cells."""

    places: Shift
    """(h, w, 2) float32: x and y of each point, in cells."""

    points: Shift
    """(h, w, 2) float32: each point's x and y in the heat map."""

    scale: Field
    """(2,) float32: points of the heat map per cell, across and down."""


@lru_cache(maxsize=8)
def _mesh(region: Region, size: tuple[int, int], points: tuple[int, int], cells: tuple[int, int]) -> _Mesh:
    """Return the mesh of a heat map of (rows, columns) points over the region of a frame of (width, height) pixels."""
    x, y, width, height = region
    rows, columns = points
    across, down = cells[1] / size[0], cells[0] / size[1]
    own = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)
    to_cells = np.array([width / columns * across, height / rows * down], np.float32)
    offset = np.array([x * across - 0.5, y * down - 0.5], np.float32)
    return _Mesh((own + np.float32(0.5)) * to_cells + offset, own, np.float32(1.0) / to_cells)
