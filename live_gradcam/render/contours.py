"""Contours: lines of equal heat, smooth, and thick enough for a hall."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import Levels, levels_over_region
from live_gradcam.render.heat import colours_of
from live_gradcam.render.lettering import Colour

CONTOURS = (0.25, 0.5, 0.75)
"""The heat along each line."""

_MESH = 288
"""Points of the longer side of the mesh on which the lines are found."""

_BEYOND = 12
"""Points by which the mesh is continued beyond the region: there the lines close, unseen."""

_SMOOTHED = 11
"""Neighbouring points that a line is averaged over: the mesh's steps vanish."""

_EVERY = 3
_FEWEST = 16
"""Points of a line; a shorter one is a speck."""

_THICKNESS = 1 / 100
"""Of the region's shorter side."""

_FRACTION = 4
_DARK = 110.0
"""Grey level below which a line has a light edge rather than a dark one."""


def draw_contours_onto(
    picture: Pixels, heatmap: HeatMap, region: Region, colormap: int, inset: Inset = WHOLE
) -> None:
    """Draw lines of equal heat over one region of a picture, in place, in the colours that the heat has there.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heatmap: (h, w) float32 in [0, 1].
        region: (x, y, width, height) within the picture.
        colormap: OpenCV's number of the colour map.
        inset: the part of the heat map that lies over the region.
    """
    x, y, width, height = region
    within = picture[y : y + height, x : x + width]
    scale = _MESH / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mesh = cv2.GaussianBlur(levels_over_region(heatmap, size, inset), (5, 5), 0)
    mesh = cv2.copyMakeBorder(mesh, _BEYOND, _BEYOND, _BEYOND, _BEYOND, cv2.BORDER_REPLICATE)
    enlarged = np.array([width / size[0], height / size[1]], np.float32)
    thick = max(1, round(min(width, height) * _THICKNESS))
    for share in CONTOURS:
        lines = [
            np.rint(((line - _BEYOND + 0.5) * enlarged - 0.5) * (1 << _FRACTION)).astype(np.int32)
            for line in _lines(np.asarray(mesh, np.uint8), share)
        ]
        colour, edge = _colours(colormap, share)
        for drawn, wide in ((edge, thick + 2 * max(1, thick // 3)), (colour, thick)):
            cv2.polylines(within, lines, True, drawn, wide, cv2.LINE_AA, _FRACTION)


def _lines(mesh: Levels, share: float) -> list[npt.NDArray[np.float32]]:
    """Return closed lines, (n, 1, 2) float32 (x, y) in points of the mesh."""
    above = cv2.threshold(mesh, round(share * 255) - 1, 255, cv2.THRESH_BINARY)[1]
    found, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    smooth = []
    for line in found:
        if len(line) < _FEWEST:
            continue
        around = _SMOOTHED // 2
        closed = np.concatenate([line[-around:], line, line[:around]]).astype(np.float32)
        smooth.append(cv2.blur(closed, (1, _SMOOTHED))[around:-around:_EVERY].astype(np.float32))
    return smooth


def _colours(colormap: int, share: float) -> tuple[Colour, Colour]:
    """Return the colour of a line and that of its edge."""
    blue, green, red = (int(each) for each in colours_of(colormap)[round(share * 255), 0])
    grey = 0.114 * blue + 0.587 * green + 0.299 * red
    return (blue, green, red), ((255, 255, 255) if grey < _DARK else (16, 16, 16))
