"""Thinning: which frames of a video are annotated."""

from __future__ import annotations

import math

_GRACE = 1e-6
"""Times are sums of fractions: a frame at 0.1 s may come at 0.09999999 s."""


class Thinning:
    """Keeps one frame of so many, or at most so many of each second; the first always. For one video.

    Args:
        every: keep one frame of so many.
        fps: keep the first frame of each 1/fps seconds; None: all.
    """

    def __init__(self, every: int = 1, fps: float | None = None) -> None:
        self._every = every
        self._fps = fps
        self._last_slot = -1

    def keeps(self, index: int, seconds: float) -> bool:
        """Decide about the next frame; to be asked once about each, in order.

        Args:
            index: counted from 0.
            seconds: into the video.
        """
        if self._fps is None:
            return index % self._every == 0
        slot = math.floor(seconds * self._fps + _GRACE)
        kept = slot > self._last_slot
        self._last_slot = max(slot, self._last_slot)
        return kept
