"""The heat: a small map, laid over the part of the picture that the network saw."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels

# A 7×7 map that is enlarged linearly shows its cells as diamonds; a cubic curve through the same points does not.
# The cubic resize of a whole 4K picture costs 28 ms, though, so the curve is computed on a mesh of at most this
# many points a cell and a side, and the mesh is enlarged linearly: 6 ms, and on smooth maps nowhere more than 0.01 off.
_MESH_POINTS_PER_CELL = 25
_MESH_SIDE = 384


def enlarge(heatmap: HeatMap, size: tuple[int, int]) -> HeatMap:
    """Return the heat map at another size: a cubic curve through its cells, clipped to [0, 1].

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) in pixels.

    Returns:
        (height, width) float32 in [0, 1]; cell centres keep their values, and so the peak its place.
    """
    rows, columns = heatmap.shape
    points = min(_MESH_POINTS_PER_CELL, _MESH_SIDE // max(rows, columns))
    points -= 1 - points % 2  # with an odd number one of them is the middle of the cell, where the peak is
    mesh = heatmap
    if points > 1 and min(size) > 1:
        mesh_size = (min(columns * points, size[0]), min(rows * points, size[1]))
        mesh = np.clip(cv2.resize(heatmap, mesh_size, interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    return np.asarray(cv2.resize(mesh, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def over_region(heatmap: HeatMap, size: tuple[int, int], inset: Inset = WHOLE) -> HeatMap:
    """Return the heat of every pixel of a region.

    Args:
        heatmap: (h, w) float32 in [0, 1].
        size: (width, height) of the region in pixels.
        inset: (left, top, right, bottom): the part of the heat map that lies over the region, as fractions of it.

    Returns:
        (height, width) float32 in [0, 1].
    """
    if inset == WHOLE:
        return enlarge(heatmap, size)
    # What lies outside still pulls at the curve inside, so all of it is enlarged before it is cut.
    left, top, right, bottom = inset
    width, height = size
    whole_width, whole_height = (round(width / (right - left)), round(height / (bottom - top)))
    x = min(round(left * whole_width), whole_width - width)
    y = min(round(top * whole_height), whole_height - height)
    return enlarge(heatmap, (whole_width, whole_height))[y : y + height, x : x + width]


def draw_heat_onto(
    picture: Pixels, heatmap: HeatMap, region: Region, alpha: float, colormap: int, inset: Inset = WHOLE
) -> None:
    """Blend the coloured heat map into one region of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        heatmap: (h, w) float32 in [0, 1].
        region: (x, y, width, height) within the picture.
        alpha: weight of the heat in [0, 1]; the picture keeps `1 - alpha`.
        colormap: OpenCV's number of the colour map.
        inset: the part of the heat map that lies over the region: (left, top, right, bottom) as fractions of it.
    """
    x, y, width, height = region
    levels = cv2.convertScaleAbs(over_region(heatmap, (width, height), inset), alpha=255.0)
    colours = cv2.applyColorMap(levels, colormap)
    seen = picture[y : y + height, x : x + width]
    cv2.addWeighted(seen, 1.0 - alpha, colours, alpha, 0.0, dst=seen)
