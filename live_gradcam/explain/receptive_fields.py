"""Receptive fields: which places of an earlier tensor the cells of a later one depend on, and where that puts a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from live_gradcam.explain.geometry import Geometry

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

_UNSURE = 0.25
"""How many cells more may seem so, where every place has some energy and what is measured is off a little."""

_NO_STRIDE = 0.05
"""Places from cell to cell below which all cells look at the same."""

_OFF = 0.35
"""How many strides a cell may lie off the line through the three that are probed; a place at least."""

_UNSEEN = 0.015
"""Share of the input's length along one side that may go unseen before it counts as cut off: a stride that does not
divide the length leaves a pixel or two."""


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

    exact: bool
    """Whether a cell depends on the places within its reach, and on nothing else."""


@dataclass(frozen=True, slots=True)
class _Support:
    """The places along an axis that a cell depends on."""

    first: int
    last: int
    centre: float
    """Of mass."""

    exact: bool
    """Whether it depends on no others."""

    @property
    def width(self) -> int:
        return self.last - self.first + 1


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


def laid_out(
    centre: float,
    stride: float,
    cells: int,
    seen: tuple[float, float],
    length: int,
    *,
    slack: float = _HALF_A_CELL,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return begin and end of a map along one axis of the input, and of what it sees, as fractions of the input.

    Args:
        centre: the place that cell 0 looks at, the first one being 0.
        stride: places from one cell to the next.
        cells: how many there are.
        seen: the first and the last place that any cell depends on.
        length: of the input, in places.
        slack: how many cells a cell may lie from where it is drawn.
    """
    part = _seen(seen[0] / length, (seen[1] + 1) / length, length)
    extent = (centre + 0.5 - stride / 2) / length, (centre + 0.5 + stride * (cells - 0.5)) / length
    return _snapped(extent, part, cells, slack), part


def _axis(
    probings: Sequence[Probing], length: int, *, vertical: bool
) -> tuple[tuple[float, float], tuple[float, float], bool]:
    """Return begin and end of the map, and of what it sees, along one axis of the input, and whether measured."""
    cells = probings[0].size[0 if vertical else 1]
    first, stride = 0.0, 1.0
    low, high = 0.0, cells - 1.0
    measured = exact = True
    for probing in probings:
        step = _step(probing, vertical=vertical)
        later = probing.size[0 if vertical else 1]
        ends = sorted((step.first + step.stride * low, step.first + step.stride * high))
        # From the whole of the later tensor all that was seen is known; of a part of it, what its cells reach.
        whole = low <= 0 and high >= later - 1
        low = step.seen[0] if whole else max(step.seen[0], ends[0] - step.reach)
        high = step.seen[1] if whole else min(step.seen[1], ends[1] + step.reach)
        first, stride = step.first + step.stride * first, step.stride * stride
        measured, exact = measured and step.measured, exact and step.exact
    slack = _HALF_A_CELL if exact else _HALF_A_CELL + _UNSURE
    return *laid_out(first, stride, cells, (low, high), length, slack=slack), measured


def _seen(begin: float, end: float, length: int) -> tuple[float, float]:
    margin = max(_UNSEEN, 2.0 / length)
    return (0.0 if begin <= margin else begin), (1.0 if end >= 1 - margin else end)


def _snapped(
    extent: tuple[float, float], seen: tuple[float, float], cells: int, slack: float
) -> tuple[float, float]:
    """Return what is seen in place of the extent, where no cell lies more than `slack` cells away then."""
    begin, end = extent
    if begin > end:
        mirrored = _snapped((end, begin), seen, cells, slack)
        return mirrored[1], mirrored[0]
    cell, even = (end - begin) / cells, (seen[1] - seen[0]) / cells
    off = (begin + cell / 2 - (seen[0] + even / 2), end - cell / 2 - (seen[1] - even / 2))
    return seen if max(abs(each) for each in off) <= slack * cell else extent


def _step(probing: Probing, *, vertical: bool) -> _Step:
    """Return one axis of the way between two tensors."""
    axis = 0 if vertical else 1
    cells = probing.size[axis]
    length = probing.everything.shape[axis]
    seen = _seen_of(probing.everything, axis)
    stride = (seen[1] - seen[0] + 1) / cells
    even = _Step(
        seen[0] + stride / 2 - 0.5, stride, max(0.0, (stride - 1) / 2), seen, measured=False, exact=False
    )
    numbers = probing.rows if vertical else probing.columns
    supports = [_support(each, axis) for each in probing.cells]
    found = [(at, each) for at, each in zip(numbers, supports, strict=True) if each is not None]
    widths = [each.width for _, each in found if each.first > 0 and each.last < length - 1]
    if not widths:
        return even
    widest = max(widths)
    places, centres = [], []
    for at, each in found:
        first, last = each.first, each.last
        if first == 0 and last == length - 1:
            continue
        # What lies beyond the border is not there to be seen; how wide it would be is known from the others.
        hidden = max(0, widest - each.width)
        first -= hidden if first == 0 else 0
        last += hidden if last == length - 1 else 0
        places.append(at)
        centres.append((first + last) / 2 if widest > 2 else each.centre)
    if len(set(places)) < 2:
        return even
    stride, begin = (float(each) for each in np.polyfit(places, centres, 1))
    off = np.abs(begin + stride * np.array(places) - np.array(centres)).max()
    if abs(stride) < _NO_STRIDE or off > max(1.0, _OFF * abs(stride)):
        return even
    exact = all(each.exact for _, each in found)
    if not exact and cells == math.ceil((seen[1] - seen[0] + 1) / max(1, round(stride))):
        # As many cells as padding makes of what is seen, and a support that is a place too short on one side where all
        # has some energy: within a place of an even division, that is taken.
        ends = np.array([0.0, cells - 1.0])
        drift = np.abs(begin + stride * ends - (even.first + even.stride * ends)).max()
        if drift <= max(1.0, even.stride / 2):
            return replace(even, reach=(widest - 1) / 2, measured=True)
    return _Step(begin, stride, (widest - 1) / 2, seen, measured=True, exact=exact)


def _seen_of(energies: Energies, axis: int) -> tuple[float, float]:
    """Return the first and the last place along an axis that has any energy; where none has, all of them."""
    (places,) = np.nonzero((energies > _SMALLEST * energies.max(initial=0.0)).any(axis=1 - axis))
    return (float(places[0]), float(places[-1])) if len(places) else (0.0, energies.shape[axis] - 1.0)


def _support(energies: Energies, axis: int) -> _Support | None:
    """Return the places along an axis that matter; None where none does."""
    peak = float(energies.max(initial=0.0))
    if not (peak > 0 and np.isfinite(energies).all()):
        return None
    floor = float(np.quantile(energies, 0.25))
    least = _SMALLEST * peak
    exact = floor <= least
    if not exact:
        least = max(_BACKGROUND * floor, _SALIENT * peak)
    kept = np.where(energies > least, energies - floor, 0.0)
    mass = np.sqrt(kept.sum(axis=1 - axis, dtype=np.float64))
    (places,) = np.nonzero(mass)
    if len(places) == 0:
        return None
    return _Support(int(places[0]), int(places[-1]), float(mass @ np.arange(len(mass)) / mass.sum()), exact)
