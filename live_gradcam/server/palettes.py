"""The colour maps that the page draws with: the same as everywhere else, as text."""

from __future__ import annotations

import base64
from functools import cache

import cv2
import numpy as np

from live_gradcam.render.colormaps import colormap_code

PALETTES = ("jet", "turbo", "viridis", "cividis", "inferno")
"""Those that one key walks through: the usual one, and those that are even and safe for the colour-blind."""


@cache
def palette(name: str) -> str:
    """Return a colour map's 256 colours, RGB, as base64 of 768 bytes.

    Raises:
        RenderError: there is no such colour map.
    """
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    colours = cv2.applyColorMap(levels, colormap_code(name))
    return base64.b64encode(np.ascontiguousarray(colours[:, 0, ::-1]).tobytes()).decode()
