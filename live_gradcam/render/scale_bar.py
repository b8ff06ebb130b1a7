"""The scale bar: which colour means how much heat."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.appearance import Style
from live_gradcam.render.heat import colours_of
from live_gradcam.render.lettering import CAP, GREY, REGULAR, WHITE, fill_onto, shade_onto, text_width, write
from live_gradcam.render.styles import shown_levels

_SHORTER_SIDE, _SMALLEST = 1 / 24, 11
_HEIGHT = 0.42
_TICKS = (("1", 1.0), ("0.5", 0.5), ("0", 0.0))


def scale_column_width(canvas: tuple[int, int], title: str = "heat") -> int:
    """Return the width of the scale bar's column on a canvas of (width, height), in pixels; 0 if it is too wide."""
    size, _, _, wide = _measures(min(canvas), title)
    return wide if wide <= canvas[0] // 3 and canvas[1] * _HEIGHT >= 4 * size else 0


def draw_scale_bar_onto(
    picture: Pixels,
    colormap: int,
    *,
    style: Style,
    kept: float,
    title: str = "heat",
    side: int | None = None,
) -> Region | None:
    """Draw the scale bar into the lower right corner of a picture, in place; statistics are in the upper right.

    Args:
        picture: (H, W, 3) uint8 BGR.
        colormap: OpenCV's number of the colour map.
        style: for `masked`, the bar goes from dim to bright.
        kept: brightness of what is masked, in [0, 1].
        title: the bar's title.
        side: if the picture is a column for the bar alone, which is painted over: the shorter side of its canvas, by
            which the letters are sized. None for a picture.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    height, width = picture.shape[:2]
    size, padding, bar_wide, wide = _measures(side or min(width, height), title)
    margin = 0 if side else round(size * 0.6)
    bar_tall = round(height * _HEIGHT)
    title_tall = round(size * 1.45)
    tall = title_tall + bar_tall + 2 * padding
    if side:
        fill_onto(picture)
        margin = (height - tall) // 2
        if bar_tall < 3 * size or margin < 0:
            return None
        left, top = width - wide, margin
    elif wide + 2 * margin > width // 3 or bar_tall < 4 * size:
        return None
    else:
        left, top = width - margin - wide, height - margin - tall
        shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    write(picture, title, (left + padding, top + padding + round(size * CAP)), size, colour=GREY)
    bar_left, bar_top = left + padding, top + padding + title_tall
    levels = np.rint(np.linspace(255, 0, bar_tall)).astype(np.uint8)
    if style == "masked":
        light = shown_levels(levels).astype(np.float32) / 255
        colours = np.repeat((255 * (light + (1 - light) * kept * 0.6))[:, None], 3, axis=1).astype(np.uint8)
    else:
        colours = colours_of(colormap)[levels, 0]
    picture[bar_top : bar_top + bar_tall, bar_left : bar_left + bar_wide] = colours[:, None]
    cv2.rectangle(picture, (bar_left, bar_top, bar_wide, bar_tall), GREY, max(1, size // 20))
    for text, share in _TICKS:
        y = bar_top + round((1 - share) * (bar_tall - 1))
        base = min(max(y + round(size * CAP / 2), bar_top + round(size * CAP)), bar_top + bar_tall)
        write(picture, text, (bar_left + bar_wide + round(size * 0.45), base), size, colour=WHITE)
    return left, top, wide, tall


def _measures(side: int, title: str) -> tuple[int, int, int, int]:
    """Return the font size, the padding, the width of the bar and the width of the plate, in pixels."""
    size = max(_SMALLEST, round(side * _SHORTER_SIDE))
    padding, bar_wide = round(size * 0.5), round(size * 1.1)
    text_wide = max(text_width(text, size, REGULAR) for text, _ in _TICKS)
    wide = max(bar_wide + round(size * 0.45) + text_wide, text_width(title, size, REGULAR)) + 2 * padding
    return size, padding, bar_wide, wide
