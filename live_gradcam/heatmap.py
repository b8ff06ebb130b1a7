"""Heat maps resized to the region that the network saw, and where they are hot."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region

# Linear enlargement shows a 7×7 map's cells as diamonds; cubic interpolation does not. But a cubic resize to a whole 4K
# picture takes 28 ms. So the cubic curve is computed on a mesh of at most this many points per cell and per side, and
# the mesh is enlarged linearly: 6 ms, and at most 0.01 off on smooth maps.
_MESH_POINTS_PER_CELL = 25
_MESH_SIDE = 256

Levels = npt.NDArray[np.uint8]
"""(h, w) uint8: heat in 256 levels, 255 for 1."""

_HOT = 0.5
"""Heat counts as hot from this share of its own maximum."""

_PLACE_SIDE = 256
"""Points along the region's longer side at which hot places are searched; finer than any layer."""


@dataclass(frozen=True, slots=True)
class HeatPlace:
    """Where a heat map is at least half of its maximum, in pixels of the frame."""

    centre: tuple[float, float]
    """(x, y) of the centre of mass of the hot heat."""

    box: Region
    """(x, y, width, height): its bounding box."""


def enlarge(heatmap: HeatMap, size: tuple[int, int]) -> HeatMap:
    """Return the heat map at another size: cubic interpolation, clipped to [0, 1].

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) in pixels.

    Returns:
        (height, width) float32 in [0, 1]. Cell centres keep their values, so the peak keeps its position.
    """
    return np.asarray(cv2.resize(_mesh(heatmap, size), size, interpolation=cv2.INTER_LINEAR), np.float32)


def over_region(heatmap: HeatMap, size: tuple[int, int], inset: Inset = WHOLE) -> HeatMap:
    """Return the heat of every pixel of a region.

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) of the region in pixels.
        inset: (left, top, right, bottom): the part of the heat map that lies over the region, as fractions of the map.
            Below 0 or above 1 the region extends beyond the map; there the heat fades out within half a cell.

    Returns:
        (height, width) float32 in [0, 1].
    """
    if _reaches_beyond(inset):
        return _laid(_mesh(heatmap, _around(size, inset)[0]), heatmap.shape, size, inset)
    whole, cut = _around(size, inset)
    return enlarge(heatmap, whole)[cut]


def levels_over_region(heatmap: HeatMap, size: tuple[int, int], inset: Inset = WHOLE) -> Levels:
    """Return the heat of every pixel of a region in 256 levels; see `over_region`.

    The map is converted to bytes before it is enlarged: at 4K this saves 5 ms and is at most one level off.

    Returns:
        (height, width) uint8, 255 for 1.
    """
    if _reaches_beyond(inset):
        return np.asarray(cv2.convertScaleAbs(over_region(heatmap, size, inset), alpha=255.0), np.uint8)
    whole, cut = _around(size, inset)
    mesh = cv2.convertScaleAbs(_mesh(heatmap, whole), alpha=255.0)
    return np.asarray(cv2.resize(mesh, whole, interpolation=cv2.INTER_LINEAR), np.uint8)[cut]


def _mesh(heatmap: HeatMap, size: tuple[int, int]) -> HeatMap:
    """Return the heat map at a size of at most `size` from which it can be enlarged linearly; in [0, 1]."""
    rows, columns = heatmap.shape
    points = min(_MESH_POINTS_PER_CELL, _MESH_SIDE // max(rows, columns))
    points -= 1 - points % 2  # an odd number puts one point on the cell's centre, where the peak is
    if points <= 1 or min(size) <= 1:
        return heatmap
    mesh_size = (min(columns * points, size[0]), min(rows * points, size[1]))
    mesh = cv2.resize(heatmap, mesh_size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(mesh, np.float32), 0.0, 1.0)


def _around(size: tuple[int, int], inset: Inset) -> tuple[tuple[int, int], tuple[slice, slice]]:
    """Return the (width, height) of the whole heat map around a region, and the (rows, columns) of the region in it.

    Values outside the region affect the cubic curve inside, so the whole map is enlarged and then cut.
    """
    width, height = size
    if inset == WHOLE:
        return size, (slice(None), slice(None))
    left, top, right, bottom = inset
    whole = (max(1, round(width / (right - left))), max(1, round(height / (bottom - top))))
    x = min(round(left * whole[0]), whole[0] - width)
    y = min(round(top * whole[1]), whole[1] - height)
    return whole, (slice(y, y + height), slice(x, x + width))


def _reaches_beyond(inset: Inset) -> bool:
    """Return whether part of the region has no map over it."""
    left, top, right, bottom = inset
    return min(left, top) < 0 or max(right, bottom) > 1


def _laid(mesh: HeatMap, cells: tuple[int, ...], size: tuple[int, int], inset: Inset) -> HeatMap:
    """Return a mesh placed over a region that extends beyond the mesh.

    Args:
        mesh: (mesh rows, mesh columns) float32.
        cells: the map's (rows, columns).
        size: (width, height) of the region in pixels.
        inset: the part of the map that lies over the region, as fractions of the map.
    """
    scales, shifts, fades = [], [], []
    for axis, pixels in enumerate(size):
        begin, end = inset[axis], inset[axis + 2]
        points, number = mesh.shape[1 - axis], cells[1 - axis]
        scale = (end - begin) * points / pixels
        scales.append(scale)
        shifts.append(begin * points + 0.5 * scale - 0.5)
        places = begin + (np.arange(pixels) + 0.5) / pixels * (end - begin)
        beyond = np.maximum(0.0, np.maximum(-places, places - 1.0)) * number
        fades.append(np.clip(1.0 - 2.0 * beyond, 0.0, 1.0).astype(np.float32))
    affine = np.array([[scales[0], 0.0, shifts[0]], [0.0, scales[1], shifts[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(mesh, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid * fades[1][:, None] * fades[0][None, :], np.float32)


def heat_place(heatmap: HeatMap, region: Region, inset: Inset = WHOLE) -> HeatPlace | None:
    """Return where a heat map is hot; None if there is no heat.

    Args:
        heatmap: (h, w) float32 in [0, 1].
        region: (x, y, width, height) of the frame that it lies over, in pixels.
        inset: the part of the heat map that lies over the region, as fractions of the map.
    """
    x, y, width, height = region
    scale = min(1.0, _PLACE_SIDE / max(width, height))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    heat = over_region(heatmap, (columns, rows), inset)
    peak = float(heat.max())
    if not peak > 0:
        return None
    hot = np.where(heat >= _HOT * peak, heat, np.float32(0))
    across, down = width / columns, height / rows
    along, upright = hot.sum(axis=0, dtype=np.float64), hot.sum(axis=1, dtype=np.float64)
    left, right = _ends(along, across)
    top, bottom = _ends(upright, down)
    mass = float(along.sum())
    centre_x = float(along @ (np.arange(columns) + 0.5)) / mass * across
    centre_y = float(upright @ (np.arange(rows) + 0.5)) / mass * down
    return HeatPlace((x + centre_x, y + centre_y), (x + left, y + top, right - left, bottom - top))


def share_within(heatmap: HeatMap, region: Region, box: Region) -> float:
    """Return the share of the hot heat that lies within a box, in [0, 1]; 0 if there is no heat.

    Args:
        heatmap: (h, w) float32 in [0, 1], all of it over the region.
        region: (x, y, width, height) in pixels.
        box: (x, y, width, height) in pixels.
    """
    x, y, width, height = region
    rows, columns = heatmap.shape
    left, right = (round((each - x) * columns / width) for each in (box[0], box[0] + box[2]))
    top, bottom = (round((each - y) * rows / height) for each in (box[1], box[1] + box[3]))
    peak = float(heatmap.max())
    if not peak > 0:
        return 0.0
    hot = heatmap >= _HOT * peak
    within = hot[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return np.count_nonzero(within) / np.count_nonzero(hot)


def _ends(mass: npt.NDArray[np.float64], pixels: float) -> tuple[int, int]:
    """Return where the mass along an axis begins and ends, in pixels, for points that are `pixels` wide."""
    hot = np.flatnonzero(mass)
    begin = int(hot[0] * pixels)
    return begin, max(begin + 1, round(float(hot[-1] + 1) * pixels))
