"""Colour maps: OpenCV's, by name."""

from __future__ import annotations

from functools import cache

import cv2

from live_gradcam.errors import RenderError, unknown_name

_PREFIX = "COLORMAP_"


@cache
def colormap_names() -> tuple[str, ...]:
    """Return the names of all colour maps that this OpenCV has, sorted: `autumn`, …, `jet`, …, `winter`."""
    return tuple(sorted(name.removeprefix(_PREFIX).lower() for name in dir(cv2) if name.startswith(_PREFIX)))


@cache
def colormap_code(name: str) -> int:
    """Return OpenCV's number for a colour map.

    Args:
        name: such as `jet` or `twilight_shifted`; letter case does not count, a hyphen is as good as an underscore.

    Raises:
        RenderError: there is no such colour map; the message names the nearest and all the others.
    """
    names = colormap_names()
    plain = name.strip().lower().replace("-", "_")
    if plain not in names:
        raise RenderError(unknown_name("colour map", name, names, f"All of them: {', '.join(names)}."))
    return int(getattr(cv2, _PREFIX + plain.upper()))
