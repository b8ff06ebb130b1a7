"""Localization: how much of the heat lies on the thing, where boxes or a mask say where that is.

M is the set of pixels that belong to the thing: a mask, or the union of boxes. These metrics do not ask the network. A
map can be right and score badly: a network may recognise a boat by the water.

- pointing game, Zhang et al. 2016, arXiv:1608.00507, section 4.2: 1 if the hottest pixel lies in M or at most a
  tolerance away from it (15 pixels there), else 0. Higher is better. Its mean is the share of hits.
- energy inside, Wang et al. 2019, "Score-CAM", arXiv:1910.01279, section 4.3 ("energy-based pointing game"): the heat
  in M divided by all heat, in [0, 1]. Higher is better.
- rank accuracy, Arras et al. 2020, arXiv:2003.07258, "relevance rank accuracy": of the |M| hottest pixels, the share
  that lies in M, in [0, 1]. Higher is better.

What a map without any knowledge reaches is about the share of the picture that M takes; the controls measure it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.explanation import HeatMap, Region
from live_gradcam.metrics.changed_pictures import Mask, hottest_first


def boxes_mask(
    boxes: Sequence[tuple[float, float, float, float]], part: Region, size: tuple[int, int]
) -> Mask:
    """Return the pixels of a part of a photograph that lie in boxes.

    Args:
        boxes: (x, y, width, height) each, in pixels of the photograph.
        part: (x, y, width, height): the part that the network sees.
        size: (width, height) at which it sees the part.

    Returns:
        (height, width) bool. A pixel belongs to a box that covers its centre.
    """
    width, height = size
    across = part[0] + (np.arange(width) + 0.5) * part[2] / width
    down = part[1] + (np.arange(height) + 0.5) * part[3] / height
    mask = np.zeros((height, width), np.bool_)
    for left, top, wide, high in boxes:
        inside = (across >= left) & (across < left + wide)
        mask |= ((down >= top) & (down < top + high))[:, None] & inside
    return mask


def scaled_mask(mask: Mask, part: Region, size: tuple[int, int]) -> Mask:
    """Return the part of a photograph's mask that the network sees, at its scale: (height, width) bool.

    Args:
        mask: (H, W) bool over the whole photograph.
        part: (x, y, width, height): the part that the network sees.
        size: (width, height) at which it sees the part. A pixel belongs to the thing if half of its area does.
    """
    x, y, width, height = part
    cut = mask[y : y + height, x : x + width].astype(np.float32)
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA) >= 0.5, np.bool_)


def pointing_game(heat: HeatMap, mask: Mask, *, tolerance: int = 0) -> float:
    """Return 1 if the hottest pixel belongs to the thing, else 0.

    Args:
        heat: (H, W) float32. Of equally hot pixels the one furthest up and to the left counts.
        mask: (H, W) bool.
        tolerance: how many pixels away from the thing still count.
    """
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    if not tolerance:
        return float(mask[row, column])
    rows, columns = np.nonzero(mask)
    near = (rows - row) ** 2 + (columns - column) ** 2 <= tolerance**2
    return float(np.any(near))


def energy_inside(heat: HeatMap, mask: Mask) -> float:
    """Return the share of the heat that lies on the thing, in [0, 1]; 0 if there is no heat.

    Args:
        heat: (H, W) float32; what is below 0 does not count.
        mask: (H, W) bool.
    """
    positive = np.maximum(heat.astype(np.float64), 0)
    total = float(positive.sum())
    return float(positive[mask].sum()) / total if total > 0 else 0.0


def rank_accuracy(heat: HeatMap, mask: Mask) -> float:
    """Return the share of the |M| hottest pixels that belong to the thing, in [0, 1]; 0 if the mask is empty.

    Args:
        heat: (H, W) float32.
        mask: (H, W) bool: the |M| pixels of the thing.
    """
    count = int(np.count_nonzero(mask))
    return float(np.mean(mask.ravel()[hottest_first(heat)[:count]])) if count else 0.0
