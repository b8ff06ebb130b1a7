"""Batches: the fastest batch size on this machine, and explaining pictures in batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from live_gradcam.explanation import Explanation
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels

logger = logging.getLogger(__name__)

LARGEST = 32

_WORTH_IT = 1.03
"""A larger batch is taken only if a frame is faster by this factor."""

_SHARE = 64
"""A size is tried only if at least this many such batches are to come: measuring must not cost more than it gains."""

_TRIES = 3

_SLOW_MS = 500.0
"""If a single picture takes longer than this, larger batches are not tried."""


class BatchExplainer(Protocol):
    """The part of an explainer that an archive needs."""

    fit: Fit
    target: Any

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        """Explain several pictures in one call."""


def explain_all(explainer: BatchExplainer, pictures: Sequence[Pixels]) -> list[Explanation]:
    """Explain pictures in one call, or in as few calls as their shapes allow.

    Args:
        explainer: explains the pictures.
        pictures: (H, W, 3) uint8 BGR, of any sizes.

    Returns:
        One explanation for each picture, in order.

    Raises:
        LiveGradcamError: the network fails.
    """
    if explainer.fit != "wide":
        return explainer.explain_batch(pictures)
    # With `wide` the network's input depends on the picture's shape, and a batch has one shape.
    explained: list[Explanation] = []
    for _, alike in groupby(pictures, key=np.shape):
        explained += explainer.explain_batch(list(alike))
    return explained


def fastest_batch_size(explainer: BatchExplainer, size: tuple[int, int], frames: int) -> int:
    """Measure which batch size is fastest.

    Sizes 1, 2, 4, … are tried until two in a row were not faster.

    Args:
        explainer: explains the pictures.
        size: (width, height) of the pictures, in pixels.
        frames: number of frames to come; with few frames, fewer sizes are tried.

    Returns:
        The batch size, at most `LARGEST`.
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
    """Return the cost of one picture of a batch: wall time plus CPU time in milliseconds, the minimum of some calls.

    CPU time counts because reading and writing share the cores; it also varies less with other programs. The first call
    with a batch size is slow, because TensorFlow allocates memory.
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
