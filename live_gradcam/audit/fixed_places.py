"""Fixed places: parts of the frame that are hot in many photographs of a class, whatever these show.

Things stand in different places of different photographs; a watermark, a date or a logo does not. Yet much heat in one
place proves little: some places are hot by chance, and a cluster of maps that are alike has one place by construction.
So a place is compared with its mirror images (left-right, top-bottom and both): things stand on the left about as often
as on the right, a mark does not. With n photographs whose heat is mostly there, and m at the mirror image that has most
of them, the strength is

    z = (n − m) ÷ √(n + m),

the normal approximation of the sign test. Only recognised photographs count: where a network finds nothing, its map is
noise divided by its maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_STRENGTH = 2.4
"""z of a place that is suspicious: six photographs there and none at the mirror images, or nine and one."""

_FEWEST = 6
"""Photographs that have their heat in such a place, at least."""

_MOSTLY = 0.45
"""The heat is mostly in a place if this share of it lies there."""

_LARGEST = 0.25
"""Share of the frame that a place takes at most."""

_SIDE = 3 / 7
"""Longest side of a place that is searched for, as a share of the frame's."""

_MIDDLE = 0.2
"""How far the centre of a place is from the frame's middle at least, in widths or heights: things are there."""

_BORDER = 3 / 7
"""A place hugs the border if it touches it and reaches no farther into the frame than this."""

Maps = npt.NDArray[np.float32]
"""(N, h, w) float32: the heat maps of the photographs of a class, each divided by its sum; zeros without heat."""

Cells = npt.NDArray[np.bool_]
"""(h, w) bool: a part of the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class FixedPlace:
    """A part of the frame that is hot in more photographs than its mirror images are."""

    cells: Cells
    strength: float
    """z."""

    @property
    def name(self) -> str:
        """Where it is, such as `bottom right` or `left`; `middle` near the middle."""
        x, y = _centre(self.cells)
        words = [
            (low if at < 0.5 else high)
            for at, low, high in ((y, "top", "bottom"), (x, "left", "right"))
            if abs(at - 0.5) > _MIDDLE
        ]
        return " ".join(words) or "middle"

    @property
    def hugs_border(self) -> bool:
        """Whether it lies along an edge of the frame."""
        rows, columns = np.nonzero(self.cells)
        height, width = self.cells.shape
        depths = [
            ((columns.max() + 1) / width, columns.min() == 0),
            (1 - columns.min() / width, columns.max() == width - 1),
            ((rows.max() + 1) / height, rows.min() == 0),
            (1 - rows.min() / height, rows.max() == height - 1),
        ]
        return any(touches and depth <= _BORDER + 1e-9 for depth, touches in depths)

    @property
    def reason(self) -> str:
        """Why it is suspicious."""
        where = f"heat in the same place of the frame: {self.name}"
        return f"{where}, at the border" if self.hugs_border else where


def unit_sums(maps: Maps) -> Maps:
    """Return heat maps divided by their sums; zeros stay zeros."""
    return np.asarray(maps / np.maximum(maps.sum(axis=(1, 2), keepdims=True), 1e-12), np.float32)


def is_mostly_in(heat: Maps, cells: Cells) -> npt.NDArray[np.bool_]:
    """Return which maps, (N,) bool, have most of their heat in a place."""
    return np.asarray(heat[:, cells].sum(axis=1) >= _MOSTLY, np.bool_)


def fixed_place(
    heat: Maps, right: npt.NDArray[np.bool_], cells: Cells, *, own: npt.NDArray[np.bool_] | None = None
) -> FixedPlace | None:
    """Return a place with its strength; None if it is not suspicious.

    Args:
        heat: the maps of all photographs of the class.
        right: (N,) bool: which of them are recognised.
        cells: the place.
        own: (N,) bool: those of them that count for the place; None for all. All count for its mirror images.
    """
    if cells.mean() > _LARGEST or FixedPlace(cells, 0.0).name == "middle":
        return None
    # Where a place and its mirror image have cells in common, the sides are not told apart.
    others = [each for each in (cells[:, ::-1], cells[::-1], cells[::-1, ::-1]) if not (each & cells).any()]
    counted = right if own is None else right & own
    here = int((is_mostly_in(heat, cells) & counted).sum())
    if here < _FEWEST or not others:
        return None
    mirrored = max(int((is_mostly_in(heat, each) & right).sum()) for each in others)
    strength = (here - mirrored) / float(np.sqrt(here + mirrored))
    return FixedPlace(cells, strength) if strength >= LEAST_STRENGTH else None


def fixed_border_places(heat: Maps, right: npt.NDArray[np.bool_]) -> list[FixedPlace]:
    """Return the suspicious places along the border, the strongest first; no two have a cell in common.

    All rectangles of up to 3/7 of the frame's sides that touch the border are tried.

    Args:
        heat: the maps of all photographs of the class.
        right: (N,) bool: which of them are recognised.
    """
    found = [fixed_place(heat, right, cells) for cells in _rectangles(*heat.shape[1:])]
    places = [each for each in found if each is not None and each.hugs_border]
    places.sort(key=lambda each: (-each.strength, int(each.cells.sum())))
    kept: list[FixedPlace] = []
    for place in places:
        if not any((place.cells & each.cells).any() for each in kept):
            kept.append(place)
    return kept


def hot_cells(mean: npt.NDArray[np.float32]) -> Cells:
    """Return where a map is at least half of its maximum; nowhere if it has no heat."""
    peak = float(mean.max())
    return np.asarray(mean >= peak / 2, np.bool_) if peak > 0 else np.zeros(mean.shape, np.bool_)


def _rectangles(height: int, width: int) -> Iterator[Cells]:
    for rows in range(1, max(1, round(_SIDE * height)) + 1):
        for columns in range(1, max(1, round(_SIDE * width)) + 1):
            for top in range(height - rows + 1):
                for left in range(width - columns + 1):
                    if top in (0, height - rows) or left in (0, width - columns):
                        cells = np.zeros((height, width), np.bool_)
                        cells[top : top + rows, left : left + columns] = True
                        yield cells


def _centre(cells: Cells) -> tuple[float, float]:
    rows, columns = np.nonzero(cells)
    return float(columns.mean() + 0.5) / cells.shape[1], float(rows.mean() + 0.5) / cells.shape[0]
