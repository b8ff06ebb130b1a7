"""Styles: five ways to draw heat on a picture."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import Levels, levels_over_region
from live_gradcam.render.appearance import Style
from live_gradcam.render.heat import BAND, colours_of, draw_heat_onto
from live_gradcam.render.lettering import Colour

_COLD, _HOT = 0.15, 0.75
"""Heat in the style `fade` becomes opaque between these values."""

_AROUND_HEAT = 0.3
"""Brightness of the picture around the heat in the style `heat`."""


def paint_onto(
    picture: Pixels,
    image: Pixels,
    heatmap: HeatMap | None,
    region: Region,
    *,
    style: Style,
    alpha: float,
    colormap: int,
    opacity: float = 1.0,
    inset: Inset = WHOLE,
) -> None:
    """Paint an image and its heat over a whole picture.

    Args:
        picture: (H, W, 3) uint8 BGR; it is painted over.
        image: (H, W, 3) uint8 BGR; it is not changed.
        heatmap: (h, w) float32 in [0, 1]; None to paint the image alone.
        region: (x, y, width, height) of the image that the heat lies over.
        style: `overlay` blends the colours into the image with the same weight everywhere; `fade` blends them more
            strongly where it is hotter, so that cold places keep their colours; `contours` draws lines at 25%, 50% and
            75% of full heat; `masked` keeps hot places bright, and makes the rest dim and grey; `heat` shows the
            colours alone.
        alpha: in [0, 1]: opacity of an overlay, or darkness of what is masked. In the style `fade` the hottest places
            are opaque from 0.5.
        colormap: OpenCV's number of the colour map.
        opacity: in [0, 1]: factor of the heat, for heat that fades without evidence.
        inset: the part of the heat map that lies over the region, as fractions of the map.
    """
    if heatmap is None or opacity <= 0:
        picture[:] = image
        return
    if style == "overlay":
        height, width = image.shape[:2]
        if region != (0, 0, width, height):
            picture[:] = image
        draw_heat_onto(picture, heatmap, region, alpha * opacity, colormap, inset, image=image)
        return
    if style == "contours":
        picture[:] = image
        draw_contours_onto(picture, heatmap, region, colormap, inset)
    elif style == "fade":
        picture[:] = image
        _paint_faded_onto(picture, image, heatmap, region, alpha, colormap, inset)
    elif style == "masked":
        _paint_masked_onto(picture, image, heatmap, region, kept_at(alpha), inset)
    else:
        cv2.convertScaleAbs(image, dst=picture, alpha=_AROUND_HEAT)
        draw_heat_onto(picture, heatmap, region, 1.0, colormap, inset)
    if opacity < 1:
        cv2.addWeighted(image, 1.0 - opacity, picture, opacity, 0.0, dst=picture)


def kept_at(alpha: float) -> float:
    """Return how bright the picture stays where there is no heat, in [0, 1]."""
    return (1.0 - alpha) ** 2


def _paint_faded_onto(
    picture: Pixels,
    image: Pixels,
    heatmap: HeatMap,
    region: Region,
    alpha: float,
    colormap: int,
    inset: Inset,
) -> None:
    x, y, width, height = region
    levels = levels_over_region(heatmap, (width, height), inset)
    kept, colours = _fading(alpha, colormap)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = slice(y + top, y + top + rows), slice(x, x + width)
        below = cv2.applyColorMap(levels[top : top + rows], kept)
        cv2.multiply(image[band], below, dst=below, scale=1 / 255)
        picture[band] = cv2.add(below, cv2.applyColorMap(levels[top : top + rows], colours))


@lru_cache(maxsize=32)
def _fading(alpha: float, colormap: int) -> tuple[Pixels, Pixels]:
    """Return for each of 256 levels the picture's remaining share, and the colour to add.

    Returns:
        Two (256, 1, 3) uint8.
    """
    levels = np.arange(256) / 255
    share = np.clip((levels - _COLD) / (_HOT - _COLD), 0.0, 1.0)
    weights = (min(1.0, 2 * alpha) * share * share * (3 - 2 * share))[:, None, None]
    kept = np.broadcast_to(np.rint(255 * (1 - weights)), (256, 1, 3)).astype(np.uint8)
    return kept, np.rint(weights * colours_of(colormap)).astype(np.uint8)


def _paint_masked_onto(
    picture: Pixels, image: Pixels, heatmap: HeatMap, region: Region, kept: float, inset: Inset
) -> None:
    x, y, width, height = region
    shown = shown_levels(levels_over_region(heatmap, (width, height), inset))
    for top in range(0, image.shape[0], BAND):
        band = slice(top, min(top + BAND, image.shape[0]))
        grey = cv2.convertScaleAbs(cv2.cvtColor(image[band], cv2.COLOR_BGR2GRAY), alpha=kept)
        cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR, dst=picture[band])
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = slice(y + top, y + top + rows)
        across = slice(x, x + width)
        light = cv2.cvtColor(shown[top : top + rows], cv2.COLOR_GRAY2BGR)
        bright = cv2.multiply(image[band, across], light, scale=1 / 255)
        dim = cv2.multiply(picture[band, across], cv2.bitwise_not(light), scale=1 / 255)
        cv2.add(bright, dim, dst=picture[band, across])


def shown_levels(levels: Levels) -> Levels:
    """Return how visible a masked picture is at heat levels: 255 for fully, 0 below a fifth of full heat."""
    return np.asarray(cv2.LUT(levels, _SHOWN).reshape(levels.shape), np.uint8)


def _smooth_step() -> Levels:
    share = np.clip((np.arange(256) / 255 - 0.2) / 0.4, 0.0, 1.0)
    return np.rint(255 * share * share * (3 - 2 * share)).astype(np.uint8)


_SHOWN = _smooth_step()


CONTOURS = (0.25, 0.5, 0.75)
"""Heat along each contour line."""

_MESH = 288
"""Points along the longer side of the mesh on which contours are found."""

_BEYOND = 12
"""Points by which the mesh extends beyond the region, so that lines close outside it."""

_SMOOTHED = 11
"""Points of the moving average along a line, which removes the mesh's steps."""

_EVERY = 3
_FEWEST = 16
"""Points that a line must have; a shorter one is noise."""

_THICKNESS = 1 / 100
"""Line width as a share of the region's shorter side."""

_FRACTION = 4
_DARK = 110.0
"""Grey level of a line below which its edge is light instead of dark."""


def draw_contours_onto(
    picture: Pixels, heatmap: HeatMap, region: Region, colormap: int, inset: Inset = WHOLE
) -> None:
    """Draw contour lines over one region of a picture, in place, in the colour that the heat has there.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heatmap: (h, w) float32 in [0, 1].
        region: (x, y, width, height) within the picture.
        colormap: OpenCV's number of the colour map.
        inset: the part of the heat map that lies over the region, as fractions of the map.
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
    """Return the closed lines of one level, each (n, 1, 2) float32 (x, y) in points of the mesh."""
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
