"""Robustness: how much a map changes with the picture, with the class, and with the network's weights.

Φ(I, c) is the map of class c for the picture I.

- stability, Yeh et al. 2019, arXiv:1901.09392, max-sensitivity: the greatest ‖Φ(J) − Φ(I)‖ over pictures J whose pixels
  differ from those of I by at most a radius, estimated with random J; here divided by ‖Φ(I)‖, so that maps
  of any scale compare. Lower is better. A map that never changes has 0, and is worth nothing.
- class sensitivity: Pearson's correlation of the maps of the two most probable classes, in [-1, 1]. Lower is better: a
  map that is the same whatever the class is about the picture, and not about the class.
- randomisation, Adebayo et al. 2018, arXiv:1810.03292, section 3.1 (cascading randomisation): Spearman's correlation of
  the map with the map of the same network whose last layers have random weights, as a mean over how many layers those
  are; in [-1, 1]. Lower is better: a map that survives random weights does not explain the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.adcc import HeatsOf
from live_gradcam.metrics.correlation import pearson, spearman

RADIUS = 5
"""By how many of the 255 levels a pixel of a nearby picture differs at most: 0.02 of the range."""

SAMPLES = 8
"""How many nearby pictures are looked at."""


def nearby_pictures(
    picture: Pixels, *, radius: int = RADIUS, samples: int = SAMPLES, seed: int = 0
) -> list[Pixels]:
    """Return pictures whose levels differ from those of a picture by whole numbers in [-radius, radius], uniformly.

    Args:
        picture: (H, W, 3) uint8 BGR.
        radius: the greatest difference; levels stay in [0, 255].
        samples: how many pictures.
        seed: the same seed gives the same differences.
    """
    random = np.random.default_rng(seed)
    changes = random.integers(-radius, radius, (samples, *picture.shape), np.int16, endpoint=True)
    return list(np.clip(picture.astype(np.int16) + changes, 0, 255).astype(np.uint8))


def stability(
    picture: Pixels,
    heat: HeatMap,
    heats_of: HeatsOf,
    *,
    radius: int = RADIUS,
    samples: int = SAMPLES,
    seed: int = 0,
) -> float:
    """Return the greatest relative change of a map among nearby pictures, at least 0; lower is better.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32: the map of the picture. Without heat the result is 0.
        heats_of: returns the maps of the same class.
        radius: as in `nearby_pictures`.
        samples: as in `nearby_pictures`.
        seed: as in `nearby_pictures`.
    """
    own = heat.astype(np.float64)
    length = float(np.linalg.norm(own))
    others = heats_of(nearby_pictures(picture, radius=radius, samples=samples, seed=seed))
    return max(float(np.linalg.norm(other - own)) for other in others) / length if length > 0 else 0.0


def class_sensitivity(heat: HeatMap, other: HeatMap) -> float:
    """Return the correlation of the maps of two classes, in [-1, 1]; lower is better.

    Args:
        heat: (H, W) float32: the map of the most probable class.
        other: of the same shape: the map of the second most probable class.
    """
    return pearson(heat, other)


def randomisation(heat: HeatMap, randomised: Sequence[HeatMap]) -> float:
    """Return the mean rank correlation of a map with those of randomised networks, in [-1, 1]; lower is better.

    Args:
        heat: (H, W) float32: the map of the trained network.
        randomised: maps of the same shape and class: of the network with more and more random layers, from the top.
    """
    return float(np.mean([spearman(heat, each) for each in randomised]))
