"""Batches: explaining many pictures in as few calls as are quickest here."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from live_gradcam.config import Fit
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels

logger = logging.getLogger(__name__)

LARGEST = 32

_WORTH_IT = 1.03
"""How much quicker a frame must be in a larger batch for that to be taken."""

_SHARE = 64
"""A size is tried only where this many such batches are to come: measuring must not cost more than it gains."""

_TRIES = 3

_SLOW_MS = 500.0
"""From here on a single picture keeps the machine busy for so long that batches are not worth trying."""


class BatchExplainer(Protocol):
    """What is needed of an explainer."""

    fit: Fit
    target: Any

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        """Explain several pictures in one call."""


def explain_all(explainer: BatchExplainer, pictures: Sequence[Pixels]) -> list[Explanation]:
    """Explain pictures in one call, or in as few as their shapes allow.

    Args:
        explainer: what explains.
        pictures: (H, W, 3) uint8 BGR, each of its own size.

    Returns:
        One explanation for each, in order.

    Raises:
        LiveGradcamError: the network fails.
    """
    if explainer.fit != "wide":
        return explainer.explain_batch(pictures)
    # There the network's input has the picture's own shape, and a batch has one shape.
    explained: list[Explanation] = []
    for _, alike in groupby(pictures, key=np.shape):
        explained += explainer.explain_batch(list(alike))
    return explained


def fastest_batch_size(explainer: BatchExplainer, size: tuple[int, int], frames: int) -> int:
    """Find by measuring how many pictures are best explained in one call.

    Sizes 1, 2, 4, … are tried until two in a row were no quicker.

    Args:
        explainer: what explains.
        size: (width, height) of the pictures, in pixels.
        frames: how many are to come; the fewer, the less is tried.

    Returns:
        How many, at most `LARGEST`.
    """
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    most = min(LARGEST, frames // _SHARE)
    best, best_ms = 1, _frame_ms(explainer, [picture]) if most > 1 else 0.0
    batch = 2
    while batch <= min(most, 4 * best) and best_ms < _SLOW_MS:
        frame_ms = _frame_ms(explainer, [picture] * batch)
        if frame_ms * _WORTH_IT < best_ms:
            best, best_ms = batch, frame_ms
        batch *= 2
    logger.info("frames are explained in batches of %d", best)
    return best


def _frame_ms(explainer: BatchExplainer, pictures: Sequence[Pixels]) -> float:
    """Return what one picture of a batch costs: milliseconds on the clock and of all cores, the least of some calls.

    The cores count as much as the clock, for reading and writing go on beside it; and they are less disturbed by
    what else runs on the machine. The first call of a size is slow, for then memory is laid out.
    """
    least = float("inf")
    for number in range(1 + _TRIES):
        began = time.perf_counter() + time.process_time()
        explainer.explain_batch(pictures)
        taken = time.perf_counter() + time.process_time() - began
        least = min(least, 1000 * taken / len(pictures))
        if number and least > _SLOW_MS:
            break
    return least
