"""The styles: five ways to show heat on a picture."""

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
"""Between these levels heat that fades becomes opaque."""

_AROUND_HEAT = 0.3
"""How bright the picture is around heat that stands alone."""


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
    """Paint an image and the heat on it, over all of a picture.

    Args:
        picture: (H, W, 3) uint8 BGR: whatever it holds is painted over.
        image: (H, W, 3) uint8 BGR; it is left as it is.
        heatmap: (h, w) float32 in [0, 1]; None: there is none, and the image alone is painted.
        region: (x, y, width, height) of the image that the heat lies over.
        style: `overlay` blends the colours into the image, everywhere alike; `fade` the more the hotter it is, so
            that cold places keep their own colours; `contours` are lines at a quarter, half and three
            quarters of full heat; `masked` leaves bright what is hot, and dims the rest and takes its colour;
            `heat` is the colours alone.
        alpha: in [0, 1]: how opaque an overlay is, and how dark what is masked; what fades is opaque where it is
            hottest from 0.5 on.
        colormap: OpenCV's number of the colour map.
        opacity: in [0, 1]: how much of the heat there is; it fades where evidence is wanting.
        inset: the part of the heat map that lies over the region.
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
    """Return how bright the picture stays where nothing mattered, in [0, 1]."""
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
    """Return for each of 256 levels how much of the picture stays, and the colour that is added to it.

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
    """Return how far a masked picture is shown where the heat has these levels, 255 for all: not below a fifth."""
    return np.asarray(cv2.LUT(levels, _SHOWN).reshape(levels.shape), np.uint8)


def _smooth_step() -> Levels:
    share = np.clip((np.arange(256) / 255 - 0.2) / 0.4, 0.0, 1.0)
    return np.rint(255 * share * share * (3 - 2 * share)).astype(np.uint8)


_SHOWN = _smooth_step()


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
