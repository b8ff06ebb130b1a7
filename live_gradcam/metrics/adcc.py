"""ADCC: average drop, coherency and complexity of a map in one number.

Poppi et al. 2021, arXiv:2104.10252, section 3. L is the map of the picture I for class c, divided by its maximum.

- coherency: Pearson's correlation of L with the map of I ∘ L for the same class, brought to [0, 1] by (1 + r) / 2.
  Higher is better: what is in the map already should keep its map.
- complexity: the mean of |L| over the pixels, its L1 norm divided by the area, in [0, 1]. Lower is better: of two maps
  that explain the same, the smaller one says more.
- ADCC: the harmonic mean of coherency, 1 − complexity and 1 − average drop (equation 6), in [0, 1]. Higher is better.

The authors' published `metrics/adcc.py` returns three times the sum of the reciprocals, not its reciprocal; this is the
formula of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.confidence import multiplied
from live_gradcam.metrics.correlation import pearson

HeatsOf = Callable[[Sequence[Pixels]], Sequence[HeatMap]]
"""Returns the map of one class for each picture: pictures (H, W, 3) uint8 BGR to maps (H, W) float32 over them."""


def complexity(heat: HeatMap) -> float:
    """Return the mean of a map that is divided by its maximum, in [0, 1]; lower is better.

    Args:
        heat: (H, W) float32; what is below 0 does not count. Without heat, the complexity is 0.
    """
    positive = np.maximum(heat.astype(np.float64), 0)
    peak = float(positive.max())
    return float(positive.mean()) / peak if peak > 0 else 0.0


def coherency(picture: Pixels, heat: HeatMap, heats_of: HeatsOf) -> float:
    """Return how much the map of the masked picture is like the map itself, in [0, 1]; higher is better.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32 in [0, 1]: the map of the picture.
        heats_of: returns the maps of the same class.
    """
    (again,) = heats_of([multiplied(picture, heat)])
    return (1 + pearson(heat, again)) / 2


def adcc(drop: float, coherency: float, complexity: float) -> float:
    """Return the harmonic mean of coherency, 1 − complexity and 1 − drop, in [0, 1]; 0 if one of them is 0.

    Args:
        drop: the average drop, in [0, 1] (`confidence.Confidence.drop`).
        coherency: in [0, 1].
        complexity: in [0, 1].
    """
    parts = (coherency, 1 - complexity, 1 - drop)
    return 3 / sum(1 / each for each in parts) if min(parts) > 0 else 0.0
