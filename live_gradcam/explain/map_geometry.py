"""The geometry of a feature map: where its cells lie on the network's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, Inset


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a feature map lies on the network's input, in fractions of the input's width and height."""

    extent: Inset = WHOLE
    """(left, top, right, bottom) of the map, which its cells divide evenly. A map that reaches beyond the input has
    values below 0 or above 1. If the network mirrors its input, left is above right, or top above bottom."""

    seen: Inset = WHOLE
    """(left, top, right, bottom) of the part of the input that the map depends on."""

    @property
    def is_whole(self) -> bool:
        """Whether the map covers the input and depends on all of it."""
        return self.extent == WHOLE and self.seen == WHOLE

    @property
    def upright(self) -> Geometry:
        """The geometry of the map after `turned`, which undoes a mirroring."""
        return Geometry(_upright(self.extent), self.seen)

    def turned(self, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return maps (…, h, w) mirrored back, if the network mirrors its input."""
        left, top, right, bottom = self.extent
        maps = maps[..., ::-1] if left > right else maps
        return np.ascontiguousarray(maps[..., ::-1, :] if top > bottom else maps)


COVERING = Geometry()
"""The geometry of a map that covers the input and depends on all of it."""


def union(
    geometries: Sequence[Geometry], sizes: Sequence[tuple[int, int]]
) -> tuple[Geometry, tuple[int, int]]:
    """Return a geometry that encloses several maps, and its (rows, columns), as fine as the finest map.

    Args:
        geometries: the geometry of each map.
        sizes: (rows, columns) of each map.
    """
    boxes = np.array([_upright(each.extent) for each in geometries])
    seen = np.array([each.seen for each in geometries])
    extent = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    cells = (boxes[:, 2:] - boxes[:, :2]) / np.array([(columns, rows) for rows, columns in sizes])
    columns, rows = np.rint((np.array(extent[2:]) - np.array(extent[:2])) / cells.min(axis=0)).astype(int)
    whole = (*seen[:, :2].min(axis=0).tolist(), *seen[:, 2:].max(axis=0).tolist())
    return Geometry(extent, whole), (int(rows), int(columns))


def laying_matrix(
    cells: int,
    extent: tuple[float, float],
    points: int,
    span: tuple[float, float] = (0.0, 1.0),
    *,
    fading: bool = False,
) -> npt.NDArray[np.float32]:
    """Return the matrix (points, cells) that lays one axis of a map onto the input, linearly.

    Args:
        cells: how many cells the map has.
        extent: begin and end of the map, as fractions of the input.
        points: how many values are returned.
        span: begin and end of the range that the points divide evenly, as fractions of the input.
        fading: whether values beyond the map fall to zero within half a cell; else they equal its last cell's.
    """
    places = span[0] + (np.arange(points) + 0.5) / points * (span[1] - span[0])
    at = (places - extent[0]) / (extent[1] - extent[0]) * cells - 0.5
    matrix = np.maximum(0.0, 1.0 - np.abs(np.clip(at, 0, cells - 1)[:, None] - np.arange(cells)))
    if fading:
        beyond = np.maximum(0.0, np.maximum(-0.5 - at, at - (cells - 0.5)))
        matrix *= np.maximum(0.0, 1.0 - 2.0 * beyond)[:, None]
    return matrix.astype(np.float32)


def _upright(extent: Inset) -> Inset:
    left, top, right, bottom = extent
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)
