"""Findings made by hand: photographs with drawn heat, and whole reports."""

from __future__ import annotations

import numpy as np

from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.explanation import HeatMap

SIDE = 7


def spot(x: float, y: float, spread: float = 0.8) -> HeatMap:
    """Return a map (7, 7) with one round spot; x and y in cells."""
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    heat = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * spread**2))
    return np.asarray(heat / heat.max(), np.float32)


def photo(
    name: str, heat: HeatMap, *, truth: str = "cat", predicted: str | None = None, probability: float = 0.9
) -> PhotoFinding:
    """Return a photograph's finding; it is recognised unless something else is predicted."""
    predicted = predicted or truth
    return PhotoFinding(
        name=name,
        truth=truth,
        predicted=predicted,
        probability=probability,
        truth_probability=probability if predicted == truth else 1 - probability,
        heatmap=heat,
    )
