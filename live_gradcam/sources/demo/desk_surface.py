"""The surface of the demo's desk: a procedural wood texture, and a pencil."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.clock_face import Patch

PLANK = 330
"""Width of a plank in pixels."""

DARK = (38, 66, 104)
"""BGR of the late wood."""

LIGHT = (104, 152, 196)
"""BGR of the early wood."""


def grow_wood(width: int, height: int, *, seed: int = 7) -> Pixels:
    """Return planks of wood with grain along x, lit softly from the upper left.

    Args:
        width: pixels.
        height: pixels.
        seed: of the random texture.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    random = np.random.default_rng(seed)
    # The grain runs along x and has no fine detail in that direction, so half the columns are enough.
    tone = np.empty((height, (width + 1) // 2), np.float32)
    for top in range(0, height, PLANK):
        rows = tone[top : top + PLANK]
        rows[:] = _plank(random, tone.shape[1], PLANK)[: rows.shape[0]]
    light = _light(width, height)
    tone *= 255.0
    shades = cv2.resize(np.clip(tone, 0, 255).astype(np.uint8), (width, height))
    steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    palette = np.array(DARK, np.float32) * (1 - steps) + np.array(LIGHT, np.float32) * steps
    coloured = cv2.LUT(cv2.merge([shades, shades, shades]), palette.round().astype(np.uint8)[None])
    lit = cv2.multiply(coloured, cv2.merge([light, light, light]), scale=1.0 / 160)
    return np.asarray(lit, np.uint8)


def _plank(random: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    """Return one plank's tone, (height, width) float32, mostly in [0, 1]."""

    def noise(across: int, along: int) -> npt.NDArray[np.float32]:
        coarse = random.standard_normal((across, along), dtype=np.float32)
        return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))

    # Year rings cut lengthwise: bands across the plank that vary slowly along it.
    across = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    rings = np.sin((across * 26 + noise(4, 5) * 2.6) * 1.7)
    fibres = noise(height // 2, max(2, width // 85))
    pores = noise(height, max(2, width // 14))
    tone = 0.56 + random.normal(0, 0.07) + 0.10 * rings + 0.055 * fibres + 0.03 * pores + 0.05 * noise(3, 4)
    # The joint between planks: a dark line with a bright edge below it.
    tone[:2] -= 0.42
    tone[2:4] += 0.10
    return np.asarray(tone, np.float32)


def _light(width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the light of the lamp, (height, width) uint8; 160 keeps the wood's colour."""
    x = np.linspace(-1, 1, 64, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    distance = (x + 0.35) ** 2 * 0.8 + (y + 0.45) ** 2
    coarse = 120 + 75 * np.exp(-0.9 * distance)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, 0, 255), np.uint8)


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
