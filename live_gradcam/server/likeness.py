"""How strong a visitor's maps are beside those of things that the network recognised of late."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from live_gradcam.explanation import Explanation
from live_gradcam.render.steady import recognised_peak

_MOST_KEPT = 16
"""Kinds of maps that are remembered for each visitor: of each method, layer and shape."""


class Likeness:
    """Remembers the peaks of what was recognised, for one visitor; raw values of different kinds are not compared."""

    def __init__(self) -> None:
        self._peaks: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def of(self, explanation: Explanation, at: float) -> float:
        """Take in one more explanation, and return the peak of its map as a part of what recognised things gave.

        Args:
            explanation: the newest.
            at: when it was made, in seconds.

        Returns:
            0 where nothing was recognised yet, or where there is no evidence.
        """
        if not explanation.has_evidence:
            return 0.0
        kind = explanation.method, explanation.layer, explanation.raw_heatmap.shape
        before, since = self._peaks.pop(kind, (0.0, at))
        peak = max(float(explanation.raw_heatmap.max()), 0.0)
        recognised = recognised_peak(explanation, before, at - since)
        self._peaks[kind] = recognised, at
        if len(self._peaks) > _MOST_KEPT:
            self._peaks.popitem(last=False)
        return peak / recognised if recognised else 0.0
