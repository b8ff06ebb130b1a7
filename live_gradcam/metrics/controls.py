"""Controls: maps with as much heat as an explanation's own, in places that have nothing to do with the answer."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.explanation import Explanation, HeatMap, Region
from live_gradcam.metrics.changed_pictures import heat_over

_MOST_CELLS = 16
"""A finer map is averaged to this many cells along its longer side before its cells are shuffled."""

CENTRAL_SIGMA = 0.25
"""Standard deviation of the central map as a share of each side."""


def shifted(heat: HeatMap) -> HeatMap:
    """Return the map shifted by half its height and half its width; what leaves at one side enters at the other.

    Args:
        heat: (H, W) float32 over a whole picture.
    """
    height, width = heat.shape
    return np.roll(heat, (height // 2, width // 2), axis=(0, 1))


def shuffled(heatmap: HeatMap, seed: int = 0) -> HeatMap:
    """Return the map with its cells in random order: (h, w) float32, at most `_MOST_CELLS` along its longer side.

    Args:
        heatmap: (h, w) float32 at the layer's resolution.
        seed: the same seed gives maps of one size the same order.
    """
    rows, columns = heatmap.shape
    scale = min(1.0, _MOST_CELLS / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    cells = np.asarray(cv2.resize(heatmap, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.random.default_rng(seed).permutation(cells.ravel()).reshape(cells.shape)


def central(shape: tuple[int, int]) -> HeatMap:
    """Return a map that is hot in the middle, whatever the picture: a Gaussian, (H, W) float32 in (0, 1].

    Args:
        shape: (H, W).
    """
    down, across = (
        np.exp(-0.5 * ((np.arange(length) + 0.5 - length / 2) / (CENTRAL_SIGMA * length)) ** 2)
        for length in shape
    )
    return np.asarray(np.outer(down, across), np.float32)


def control_map(name: str, heat: HeatMap, explanation: Explanation, part: Region) -> HeatMap:
    """Return a control map over a picture.

    Args:
        name: `shifted`, `shuffled` or `central`.
        heat: (H, W) float32: the explanation's own heat over the picture.
        explanation: whose cells are shuffled.
        part: the part of the frame that the picture shows.

    Returns:
        (H, W) float32.
    """
    if name == "shifted":
        return shifted(heat)
    if name == "central":
        return central((heat.shape[0], heat.shape[1]))
    return heat_over(explanation, part, heat.shape[::-1], shuffled(explanation.heatmap))
