"""Receptive fields: the places of an earlier tensor that the cells of a later one depend on, and the map's geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from live_gradcam.explain.map_geometry import Geometry

Energies = npt.NDArray[np.float32]
"""(h, w) float32: squared gradient of a cell's activation, summed over the channels of an earlier tensor."""

_SMALLEST = 1e-10
"""Energies below this share of the largest are rounding noise."""

_BACKGROUND = 9.0
"""If every place has some energy, those above this multiple of the lower quartile count. With squeeze-and-excitation
and attention each cell depends on all places a little."""

_SALIENT = 0.01
"""They must also have this share of the largest energy."""

_WIDEST = 0.5
"""If every place has some energy and a field has more than this share of an axis, its centre says nothing: attention
mixes all tokens, and the places that stand out are those of the picture's contents."""

_LEAST_EVEN, _MOST_EVEN = 0.5, 2.0
"""If every place has some energy, how many times the even distance from cell to cell a measured one may be."""

_HALF_A_CELL = 0.5
"""How many cells a cell may lie from where it is drawn."""

_UNSURE = 0.25
"""How many cells more are allowed if every place has some energy, because the measurement is less exact then."""

_NO_STRIDE = 0.05
"""Below this distance from cell to cell, in places, all cells have the same field."""

_OFF = 0.35
"""How many strides a probed cell may lie off the line through all three, and one place at least."""

_UNSEEN = 0.015
"""Up to this share of the input's length may be unseen at one side without counting as cut off: a stride that does not
divide the length leaves out a pixel or two."""


@dataclass(frozen=True, slots=True)
class Probing:
    """A measurement between two tensors of a network: how the later one's cells depend on the earlier one's places."""

    rows: tuple[int, int, int]
    """The rows of the three probed cells."""

    columns: tuple[int, int, int]
    """Their columns."""

    size: tuple[int, int]
    """(h, w) of the later tensor."""

    cells: Sequence[Energies]
    """Energies of the three cells, each of the earlier tensor's (h, w)."""

    everything: Energies
    """Energies of all cells together."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The receptive fields along one axis, from a later tensor to an earlier one, in places counted from 0."""

    first: float
    """The centre of cell 0's field."""

    stride: float
    """Places from one cell to the next; negative if the axis is mirrored."""

    reach: float
    """How many places to either side of the centre a cell depends on."""

    seen: tuple[float, float]
    """The first and the last place that any cell depends on."""

    measured: bool
    """False if the cells are taken to divide the seen places evenly, because nothing better is known."""

    exact: bool
    """Whether a cell depends on the places within its reach only."""


@dataclass(frozen=True, slots=True)
class _Support:
    """The places along an axis that a cell depends on."""

    first: int
    last: int
    centre: float
    """The centre of mass."""

    exact: bool
    """Whether the cell depends on no other places."""

    @property
    def width(self) -> int:
        return self.last - self.first + 1


def geometry_of(probings: Sequence[Probing], input_size: tuple[int, int]) -> tuple[Geometry, bool]:
    """Return the geometry of a map, from measurements between the tensors before it.

    If the map covers the part that it sees to within half a cell, as maps of most networks do, it is assumed to cover
    that part exactly.

    Args:
        probings: from the map back to the input. The earlier tensor of each is the later tensor of the next.
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
    """Return begin and end along one axis of a map and of the part that it sees, as fractions of the input.

    Args:
        centre: the centre of cell 0's field, in places counted from 0.
        stride: places from one cell to the next.
        cells: how many cells there are.
        seen: the first and the last place that any cell depends on.
        length: how many places the input has.
        slack: how many cells a cell may lie from where it is drawn.
    """
    part = _seen(seen[0] / length, (seen[1] + 1) / length, length)
    extent = (centre + 0.5 - stride / 2) / length, (centre + 0.5 + stride * (cells - 0.5)) / length
    return _snapped(extent, part, cells, slack), part


def _axis(
    probings: Sequence[Probing], length: int, *, vertical: bool
) -> tuple[tuple[float, float], tuple[float, float], bool]:
    """Return begin and end along one axis of the map and of the part that it sees, and whether both were measured."""
    cells = probings[0].size[0 if vertical else 1]
    first, stride = 0.0, 1.0
    low, high = 0.0, cells - 1.0
    measured = exact = True
    for probing in probings:
        step = _step(probing, vertical=vertical)
        later = probing.size[0 if vertical else 1]
        ends = sorted((step.first + step.stride * low, step.first + step.stride * high))
        # The measurement tells what all cells of the later tensor see. For a part of them their reach limits it.
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
    """Return the seen part in place of the extent, if that moves no cell by more than `slack` cells."""
    begin, end = extent
    if begin > end:
        mirrored = _snapped((end, begin), seen, cells, slack)
        return mirrored[1], mirrored[0]
    cell, even = (end - begin) / cells, (seen[1] - seen[0]) / cells
    off = (begin + cell / 2 - (seen[0] + even / 2), end - cell / 2 - (seen[1] - even / 2))
    return seen if max(abs(each) for each in off) <= slack * cell else extent


def _step(probing: Probing, *, vertical: bool) -> _Step:
    """Return the receptive fields along one axis between two tensors."""
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
    exact = all(each.exact for _, each in found)
    if not exact and widest > _WIDEST * length:
        return even
    places, centres = [], []
    for at, each in found:
        first, last = each.first, each.last
        if first == 0 and last == length - 1:
            continue
        # A field that the border cuts off is completed: its whole width is known from the other cells.
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
    if not exact and not _LEAST_EVEN <= abs(stride) / even.stride <= _MOST_EVEN:
        return even
    if not exact and cells == math.ceil((seen[1] - seen[0] + 1) / max(1, round(stride))):
        # If all places have some energy, a field may seem one place too short on one side. If the number of cells is
        # that of a padded operation, and even division differs from the measurement by a place at most, it is used.
        ends = np.array([0.0, cells - 1.0])
        drift = np.abs(begin + stride * ends - (even.first + even.stride * ends)).max()
        if drift <= max(1.0, even.stride / 2):
            return replace(even, reach=(widest - 1) / 2, measured=True)
    return _Step(begin, stride, (widest - 1) / 2, seen, measured=True, exact=exact)


def _seen_of(energies: Energies, axis: int) -> tuple[float, float]:
    """Return the first and the last place along an axis with any energy; all places if none has."""
    (places,) = np.nonzero((energies > _SMALLEST * energies.max(initial=0.0)).any(axis=1 - axis))
    return (float(places[0]), float(places[-1])) if len(places) else (0.0, energies.shape[axis] - 1.0)


def _support(energies: Energies, axis: int) -> _Support | None:
    """Return the places along an axis that a cell depends on; None if there are none."""
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
