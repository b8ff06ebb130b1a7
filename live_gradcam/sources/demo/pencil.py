"""A pencil on the demo's desk, for decoration."""

from __future__ import annotations

import numpy as np

from live_gradcam.sources.demo.clock_face import Patch

LACQUER = (60, 92, 40)
WOOD = (150, 196, 226)
LEAD = (58, 54, 52)
METAL = (176, 182, 186)
RUBBER = (130, 132, 226)


def draw_pencil(length: float, width: float) -> Patch:
    """Draw a six-sided pencil that points to the left.

    Args:
        length: from the tip to the end of the rubber, in pixels.
        width: in pixels.

    Returns:
        (H, W, 4) float32: BGR from 0 to 255, premultiplied with the opacity, and the opacity from 0 to 1.
    """
    high, wide = round(width) + 4, round(length) + 4
    y = (np.arange(high, dtype=np.float32) - (high - 1) / 2)[:, None] / (width / 2)
    x = np.arange(wide, dtype=np.float32)[None, :] - 2
    cone, lead = 2.6 * width, 0.8 * width
    ferrule, rubber = length - 2.6 * width, length - 1.3 * width

    # Sharpening cuts the lacquer of the three visible sides in arcs.
    side = np.clip(np.floor((y + 1) * 1.5), 0, 2)
    within_side = (y + 1) * 1.5 - side - 0.5
    cut = cone - 2.0 * within_side**2 * width * 0.8
    colour = np.where((x < cut)[..., None], np.array(WOOD, np.float32), np.array(LACQUER, np.float32))
    for start, end, paint in ((-2.0, lead, LEAD), (ferrule, rubber, METAL), (rubber, length + 2, RUBBER)):
        part = (x >= start) & (x < end) & (np.abs(y) < 2)
        colour = np.where(part[..., None], np.array(paint, np.float32), colour)

    # The lamp is above: the upper side is the brightest; round parts are shaded smoothly.
    flat = np.choose(side.astype(np.intp), [np.float32(1.28), np.float32(1.0), np.float32(0.68)])
    round_ = 1.0 - 0.42 * y + 0.5 * np.exp(-((y + 0.45) ** 2) / 0.02)
    rings = 1 - 0.25 * (np.sin((x - ferrule) / (0.11 * width)) > 0.55)
    light = np.where(
        x < cut,
        1.05 - 0.25 * y,
        np.where(x < ferrule, flat, np.where(x < rubber, round_ * rings, 1 - 0.3 * y)),
    )
    colour = np.clip(colour * light[..., None], 0, 255)

    half = np.clip(x / cone, 0, 1) * width / 2
    inside = np.clip(half - np.abs(y) * width / 2 + 0.5, 0, 1)
    opacity = inside * np.clip(x + 0.5, 0, 1) * np.clip(length - x + 0.5, 0, 1)
    return np.concatenate([colour * opacity[..., None], opacity[..., None]], axis=2).astype(np.float32)
