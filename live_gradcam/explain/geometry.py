"""The geometry of a feature map: where on the network's input its cells look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, Inset

Energies = npt.NDArray[np.float32]
"""(h, w) float32: sum of the squared gradient of a cell's activation over the channels of an earlier tensor."""

_SMALLEST = 1e-10
"""Share of the largest energy below which there is only rounding noise."""

_BACKGROUND = 9.0
"""How many times the lower quartile a place must have, where every place has some energy: squeeze-and-excitation
and attention let each cell depend on all places a little."""

_SALIENT = 0.01
"""Share of the largest energy that a place must have besides, where every place has some."""

_HALF_A_CELL = 0.5
"""How far a cell may lie from where it is drawn."""

_UNSEEN = 0.015
"""Share of the input's length along one side that may go unseen before it counts as cut off: a stride that does not
divide the length leaves a pixel or two."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a feature map lies on the network's input. Fractions of the input's width and height."""

    extent: Inset = WHOLE
    """(left, top, right, bottom) of the map: its cells divide it evenly. Below 0 or above 1 where the map reaches
    beyond the input; left above right where the network mirrors its input, top above bottom likewise."""

    seen: Inset = WHOLE
    """(left, top, right, bottom) of the part of the input that the map depends on."""

    @property
    def is_whole(self) -> bool:
        """Whether the map covers the input and depends on all of it."""
        return self.extent == WHOLE and self.seen == WHOLE

    @property
    def upright(self) -> Geometry:
        """How the map lies once `turned` has undone what the network mirrored."""
        return Geometry(_upright(self.extent), self.seen)

    def turned(self, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return maps (…, h, w) as the input has them, where the network mirrors it."""
        left, top, right, bottom = self.extent
        maps = maps[..., ::-1] if left > right else maps
        return np.ascontiguousarray(maps[..., ::-1, :] if top > bottom else maps)


COVERING = Geometry()
"""The map covers the input, and depends on all of it."""


@dataclass(frozen=True, slots=True)
class Probing:
    """What was measured between two tensors of a network, the later one's cells against the earlier one's places."""

    rows: tuple[int, int, int]
    """Row of the cell in each of the three measurements."""

    columns: tuple[int, int, int]
    size: tuple[int, int]
    """(h, w) of the later tensor."""

    cells: Sequence[Energies]
    """Energies of the three cells, each of the earlier tensor's (h, w)."""

    everything: Energies
    """Energies of all cells together."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One axis of the way from a later tensor to an earlier one; all in places, the first being 0."""

    first: float
    """The place that cell 0 looks at."""

    stride: float
    """Places from one cell to the next; negative where the axis is mirrored."""

    reach: float
    """Places to either side that a cell depends on."""

    seen: tuple[float, float]
    """The first and the last place that any cell depends on."""

    measured: bool
    """False where the cells are taken to divide what is seen evenly, as nothing better is known."""


def geometry_of(probings: Sequence[Probing], input_size: tuple[int, int]) -> tuple[Geometry, bool]:
    """Return how a map lies on the input, from what was measured between the tensors on the way to it.

    Where the map covers what it sees to half a cell, as the maps of most networks do, it is said to cover it exactly.

    Args:
        probings: from the map back to the input; each one's earlier tensor is the next one's later tensor.
        input_size: (height, width) in pixels.

    Returns:
        The geometry, and whether all of it was measured.
    """
    (top, bottom), (above, below), sure = _axis(probings, input_size[0], vertical=True)
    (left, right), (before, behind), certain = _axis(probings, input_size[1], vertical=False)
    return Geometry((left, top, right, bottom), (before, above, behind, below)), sure and certain


def union(
    geometries: Sequence[Geometry], sizes: Sequence[tuple[int, int]]
) -> tuple[Geometry, tuple[int, int]]:
    """Return one geometry that several maps can be laid into, and its (rows, columns), as fine as the finest map.

    Args:
        geometries: of each map.
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
        cells: of the map.
        extent: begin and end of the map, as fractions of the input.
        points: how many values are wanted.
        span: begin and end of what they divide evenly, as fractions of the input.
        fading: whether values beyond the map fall to zero within half a cell; else they are those of its last cell.
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


def _axis(
    probings: Sequence[Probing], length: int, *, vertical: bool
) -> tuple[tuple[float, float], tuple[float, float], bool]:
    """Return begin and end of the map, and of what it sees, along one axis of the input, and whether measured."""
    cells = probings[0].size[0 if vertical else 1]
    first, stride = 0.0, 1.0
    low, high = 0.0, cells - 1.0
    measured = True
    for probing in probings:
        step = _step(probing, vertical=vertical)
        later = probing.size[0 if vertical else 1]
        ends = sorted((step.first + step.stride * low, step.first + step.stride * high))
        # From the whole of the later tensor all that was seen is known; of a part of it, what its cells reach.
        whole = low <= 0 and high >= later - 1
        low = step.seen[0] if whole else max(step.seen[0], ends[0] - step.reach)
        high = step.seen[1] if whole else min(step.seen[1], ends[1] + step.reach)
        first, stride = step.first + step.stride * first, step.stride * stride
        measured = measured and step.measured
    begin, end = (first + 0.5 - stride / 2) / length, (first + 0.5 + stride * (cells - 0.5)) / length
    seen = _seen(low / length, (high + 1) / length, length)
    return _snapped((begin, end), seen, cells), seen, measured


def _seen(begin: float, end: float, length: int) -> tuple[float, float]:
    margin = max(_UNSEEN, 2.0 / length)
    return (0.0 if begin <= margin else begin), (1.0 if end >= 1 - margin else end)


def _snapped(extent: tuple[float, float], seen: tuple[float, float], cells: int) -> tuple[float, float]:
    """Return what is seen in place of the extent, where no cell lies more than half a cell away then."""
    begin, end = extent
    if begin > end:
        mirrored = _snapped((end, begin), seen, cells)
        return mirrored[1], mirrored[0]
    cell, even = (end - begin) / cells, (seen[1] - seen[0]) / cells
    off = (begin + cell / 2 - (seen[0] + even / 2), end - cell / 2 - (seen[1] - even / 2))
    return seen if max(abs(each) for each in off) <= _HALF_A_CELL * cell else extent


def _step(probing: Probing, *, vertical: bool) -> _Step:
    """Return one axis of the way between two tensors."""
    axis = 0 if vertical else 1
    cells = probing.size[axis]
    length = probing.everything.shape[axis]
    seen = _seen_of(probing.everything, axis)
    stride = (seen[1] - seen[0] + 1) / cells
    even = _Step(seen[0] + stride / 2 - 0.5, stride, max(0.0, (stride - 1) / 2), seen, measured=False)
    numbers = np.array(probing.rows if vertical else probing.columns)
    supports = [_support(each, axis) for each in probing.cells]
    found = [(at, each) for at, each in zip(numbers, supports, strict=True) if each is not None]
    whole = [high - low + 1 for _, (low, high, _) in found if low > 0 and high < length - 1]
    if not whole:
        return even
    widest = max(whole)
    places, centres = [], []
    for at, (low, high, middle) in found:
        if low == 0 and high == length - 1:
            continue
        # What lies beyond the border is not there to be seen; how wide it would be is known from the others.
        short = max(0, widest - (high - low + 1)) if low == 0 or high == length - 1 else 0
        begin, end = (low - short, high) if low == 0 else (low, high + short)
        centres.append((begin + end) / 2 if widest > 2 else middle)
        places.append(at)
    if len(set(places)) < 2:
        return even
    stride, first = (float(each) for each in np.polyfit(places, centres, 1))
    off = np.abs(first + stride * np.array(places) - np.array(centres)).max()
    if abs(stride) < 0.05 or off > max(1.0, 0.35 * abs(stride)):
        return even
    return _Step(first, stride, (widest - 1) / 2, seen, measured=True)


def _seen_of(energies: Energies, axis: int) -> tuple[float, float]:
    """Return the first and the last place along an axis that has any energy; where none has, all of them."""
    (places,) = np.nonzero((energies > _SMALLEST * energies.max(initial=0.0)).any(axis=1 - axis))
    return (float(places[0]), float(places[-1])) if len(places) else (0.0, energies.shape[axis] - 1.0)


def _support(energies: Energies, axis: int) -> tuple[int, int, float] | None:
    """Return the first and the last place along an axis that matter, and the centre of mass; None without any."""
    peak = float(energies.max(initial=0.0))
    if not (peak > 0 and np.isfinite(energies).all()):
        return None
    floor = float(np.quantile(energies, 0.25))
    least = _SMALLEST * peak
    if floor > least:
        least = max(_BACKGROUND * floor, _SALIENT * peak)
    kept = np.where(energies > least, energies - floor, 0.0)
    mass = np.sqrt(kept.sum(axis=1 - axis, dtype=np.float64))
    (places,) = np.nonzero(mass)
    if len(places) == 0:
        return None
    return int(places[0]), int(places[-1]), float(mass @ np.arange(len(mass)) / mass.sum())
