"""Confidence: what the network says of the picture multiplied by its map.

Y is the probability of the explained class c for the picture I, and O that for the picture I ∘ L: each pixel multiplied
by its heat L, which is divided by its maximum and clipped at 0. A pixel without heat becomes black. I is the picture
itself, as in the paper. Programs that multiply the network's input after its preprocessing leave there what 0 stands
for: often the mean colour, which costs a little less than black.

- average drop, Chattopadhay et al. 2017, arXiv:1710.11063, section 4.1: max(0, Y − O) / Y.
- increase in confidence, the same section: 1 if Y < O, else 0.
- average gain, Zhang et al. 2023, "Opti-CAM", arXiv:2301.07002, its metric AG: max(0, O − Y) / (1 − Y).

The papers give the means over all photographs in percent; here one photograph's value is in [0, 1]. A low drop, a high
increase and a high gain are good. Opti-CAM's authors show the flaw of the first two: a map that is 1 everywhere has no
drop, and the increase counts how often and not how much. The gain is meant to be read beside the drop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import ScoreOf


@dataclass(frozen=True, slots=True)
class Confidence:
    """The probability of one class for a picture, and for the picture multiplied by a map."""

    whole: float
    """Y: for the picture, in [0, 1]."""

    masked: float
    """O: for the picture multiplied by the map, in [0, 1]."""

    @property
    def drop(self) -> float:
        """max(0, Y − O) / Y, in [0, 1]; lower is better. 0 where Y is 0: nothing can be lost."""
        return max(0.0, self.whole - self.masked) / self.whole if self.whole > 0 else 0.0

    @property
    def increase(self) -> float:
        """1 if Y < O, else 0; higher is better."""
        return float(self.whole < self.masked)

    @property
    def gain(self) -> float:
        """max(0, O − Y) / (1 − Y), in [0, 1]; higher is better. 0 where Y is 1: nothing can be gained."""
        return max(0.0, self.masked - self.whole) / (1 - self.whole) if self.whole < 1 else 0.0


def multiplied(picture: Pixels, heat: HeatMap) -> Pixels:
    """Return a picture multiplied by a map, rounded to whole numbers.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32; it is divided by its maximum and clipped at 0. A map without heat gives a black picture.
    """
    peak = float(heat.max())
    if not peak > 0:
        return np.zeros_like(picture)
    shares = np.clip(heat / np.float32(peak), 0, 1)
    return np.asarray(np.rint(picture * shares[..., None]), np.uint8)


def confidence(picture: Pixels, heat: HeatMap, score_of: ScoreOf) -> Confidence:
    """Return what a network says of a picture with and without a map over it.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32, as `multiplied` takes it.
        score_of: returns the probability of the explained class for each picture.
    """
    whole, masked = np.asarray(score_of([picture, multiplied(picture, heat)]), np.float64).tolist()
    return Confidence(whole, masked)
