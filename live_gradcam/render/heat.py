"""The heat: a small map, laid over the part of the picture that the network saw."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels

Levels = npt.NDArray[np.uint8]

# A 7×7 map that is enlarged linearly shows its cells as diamonds; a cubic curve through the same points does not.
# The cubic resize of a whole 4K picture costs 28 ms, though, so the curve is computed on a mesh of at most this
# many points a cell and a side, and the mesh is enlarged linearly: 6 ms, and on smooth maps nowhere more than 0.01 off.
_MESH_POINTS_PER_CELL = 25
_MESH_SIDE = 256

# Rows that are coloured and blended at a time: so few stay in the processor's cache, which halves the time.
_BAND = 32


def enlarge(heatmap: HeatMap, size: tuple[int, int]) -> HeatMap:
    """Return the heat map at another size: a cubic curve through its cells, clipped to [0, 1].

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) in pixels.

    Returns:
        (height, width) float32 in [0, 1]; cell centres keep their values, and so the peak its place.
    """
    return np.asarray(cv2.resize(_mesh(heatmap, size), size, interpolation=cv2.INTER_LINEAR), np.float32)


def over_region(heatmap: HeatMap, size: tuple[int, int], inset: Inset = WHOLE) -> HeatMap:
    """Return the heat of every pixel of a region.

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) of the region in pixels.
        inset: (left, top, right, bottom): the part of the heat map that lies over the region, as fractions of it.

    Returns:
        (height, width) float32 in [0, 1].
    """
    whole, cut = _around(size, inset)
    return enlarge(heatmap, whole)[cut]


def _levels(heatmap: HeatMap, size: tuple[int, int], inset: Inset) -> Levels:
    """Return the heat of every pixel of a region as (height, width) uint8, 255 for 1.

    Made bytes before it is enlarged, which at 4K saves 5 ms and is at most one level off.
    """
    whole, cut = _around(size, inset)
    mesh = cv2.convertScaleAbs(_mesh(heatmap, whole), alpha=255.0)
    return np.asarray(cv2.resize(mesh, whole, interpolation=cv2.INTER_LINEAR), np.uint8)[cut]


def _mesh(heatmap: HeatMap, size: tuple[int, int]) -> HeatMap:
    """Return the heat map at a size from which it can be enlarged linearly, at most `size`; in [0, 1]."""
    rows, columns = heatmap.shape
    points = min(_MESH_POINTS_PER_CELL, _MESH_SIDE // max(rows, columns))
    points -= 1 - points % 2  # with an odd number one of them is the middle of the cell, where the peak is
    if points <= 1 or min(size) <= 1:
        return heatmap
    mesh_size = (min(columns * points, size[0]), min(rows * points, size[1]))
    mesh = cv2.resize(heatmap, mesh_size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(mesh, np.float32), 0.0, 1.0)


def _around(size: tuple[int, int], inset: Inset) -> tuple[tuple[int, int], tuple[slice, slice]]:
    """Return the (width, height) of a whole heat map around a region, and the (rows, columns) of the region in it.

    What lies outside still pulls at the curve inside, so all of it is enlarged before it is cut.
    """
    width, height = size
    if inset == WHOLE:
        return size, (slice(None), slice(None))
    left, top, right, bottom = inset
    whole = (round(width / (right - left)), round(height / (bottom - top)))
    x = min(round(left * whole[0]), whole[0] - width)
    y = min(round(top * whole[1]), whole[1] - height)
    return whole, (slice(y, y + height), slice(x, x + width))


def draw_heat_onto(
    picture: Pixels,
    heatmap: HeatMap,
    region: Region,
    alpha: float,
    colormap: int,
    inset: Inset = WHOLE,
    *,
    image: Pixels | None = None,
) -> None:
    """Blend the coloured heat map into one region of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        heatmap: (h, w) float32 in [0, 1].
        region: (x, y, width, height) within the picture.
        alpha: weight of the heat in [0, 1]; the picture keeps `1 - alpha`.
        colormap: OpenCV's number of the colour map.
        inset: the part of the heat map that lies over the region: (left, top, right, bottom) as fractions of it.
        image: (H, W, 3) uint8 BGR: what lies below the heat, and what the picture holds there does not count;
            None: the picture itself.
    """
    x, y, width, height = region
    levels = _levels(heatmap, (width, height), inset)
    colours = _colours(colormap)
    below = picture if image is None else image
    coloured = np.empty((_BAND, width, 3), np.uint8)
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        cv2.applyColorMap(levels[top : top + rows], colours, coloured[:rows])
        band = slice(y + top, y + top + rows), slice(x, x + width)
        cv2.addWeighted(below[band], 1.0 - alpha, coloured[:rows], alpha, 0.0, dst=picture[band])


@lru_cache(maxsize=8)
def _colours(colormap: int) -> Pixels:
    """Return the 256 colours of a colour map, (256, 1, 3) uint8 BGR; to make them anew costs 0.2 ms each time."""
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    return np.asarray(cv2.applyColorMap(levels, colormap), np.uint8)
