"""Heat maps drawn over a region of a picture, and OpenCV's colour maps."""

from __future__ import annotations

import base64
from functools import cache, lru_cache

import cv2
import numpy as np

from live_gradcam.errors import RenderError
from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import levels_over_region
from live_gradcam.name_suggestions import unknown_name

# Rows that are coloured and blended at a time: this many fit in the processor's cache, which halves the time.
BAND = 32


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
        alpha: weight of the heat in [0, 1]; the picture's weight is `1 - alpha`.
        colormap: OpenCV's number of the colour map.
        inset: the part of the heat map that lies over the region: (left, top, right, bottom) as fractions of the map.
        image: (H, W, 3) uint8 BGR to blend with instead of the picture's own content; None for the picture itself.
    """
    x, y, width, height = region
    levels = levels_over_region(heatmap, (width, height), inset)
    colours = colours_of(colormap)
    below = picture if image is None else image
    coloured = np.empty((BAND, width, 3), np.uint8)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        cv2.applyColorMap(levels[top : top + rows], colours, coloured[:rows])
        band = slice(y + top, y + top + rows), slice(x, x + width)
        cv2.addWeighted(below[band], 1.0 - alpha, coloured[:rows], alpha, 0.0, dst=picture[band])


@lru_cache(maxsize=8)
def colours_of(colormap: int) -> Pixels:
    """Return the 256 colours of a colour map, (256, 1, 3) uint8 BGR. Cached, because computing them takes 0.2 ms."""
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    return np.asarray(cv2.applyColorMap(levels, colormap), np.uint8)


_PREFIX = "COLORMAP_"


@cache
def colormap_names() -> tuple[str, ...]:
    """Return the names of this OpenCV's colour maps, sorted: `autumn`, …, `jet`, …, `winter`."""
    return tuple(sorted(name.removeprefix(_PREFIX).lower() for name in dir(cv2) if name.startswith(_PREFIX)))


@cache
def colormap_code(name: str) -> int:
    """Return OpenCV's number of a colour map.

    Args:
        name: such as `jet` or `twilight_shifted`; letter case is ignored, and a hyphen equals an underscore.

    Raises:
        RenderError: there is no such colour map; the message lists the nearest and all names.
    """
    names = colormap_names()
    plain = name.strip().lower().replace("-", "_")
    if plain not in names:
        raise RenderError(unknown_name("colour map", name, names, f"All of them: {', '.join(names)}."))
    return int(getattr(cv2, _PREFIX + plain.upper()))


PALETTES = ("jet", "turbo", "viridis", "cividis", "inferno")
"""Colour maps that one key cycles through: the common one, and perceptually uniform ones for colour-blind viewers."""


@cache
def palette(name: str) -> str:
    """Return a colour map's 256 colours, RGB, as base64 of 768 bytes.

    Raises:
        RenderError: there is no such colour map.
    """
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    colours = cv2.applyColorMap(levels, colormap_code(name))
    return base64.b64encode(np.ascontiguousarray(colours[:, 0, ::-1]).tobytes()).decode()
