"""Warnings about heat that cost nothing: the same for every class, or jumping while the picture rests."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, Explanation, HeatMap
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer

SAME_FOR_ALL = "the heat is the same for every class"
JUMPS = "the heat jumps while the picture rests"

SAME = 0.98
"""Maps of different classes count as the same from this correlation on. With the default network, the maps of the first
four classes have at least it in one of twenty frames of the demo."""

UNLIKE = 0.5
"""Maps of two explained frames count as unlike below this correlation, once the motion is taken out."""

_CERTAIN = 0.8
"""The least mean confidence of the motion between two explained frames at which they can be compared."""

_SECONDS, _FEWEST, _SHARE = 2.0, 6, 1 / 3
"""Heat jumps if of the pairs of the last two seconds, six or more, at least a third are unlike."""

_STAYS_SECONDS = 2.0
"""A warning stays so long after its last reason."""


class HeatWarnings:
    """Watches explanations as they come, and says what is suspicious about them."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, bool]] = deque()
        self._since: dict[str, float] = {}
        self._seen: Answer | None = None

    def compare(
        self,
        explanation: Explanation,
        before: Explanation,
        moved: HeatMap,
        confidence: HeatMap | float,
        time: float,
    ) -> None:
        """Compare the heat of an explained frame with that of the one before, moved along with the picture.

        Args:
            explanation: of the newer frame.
            before: of the older one. If its target, method or layer is another, the two are not compared.
            moved: (h, w) float32 in [0, 1]: its heat, over the region of the newer frame.
            confidence: of the motion, in [0, 1], for the whole map or each point.
            time: of the newer frame, in seconds.
        """
        alike = _subject(explanation) is not None and _subject(explanation) == _subject(before)
        if not alike or float(np.mean(confidence)) < _CERTAIN:
            return
        rows, columns = explanation.heatmap.shape
        small = cv2.resize(moved, (columns, rows), interpolation=cv2.INTER_AREA)
        pairs = self._pairs
        if pairs and time < pairs[-1][0]:
            pairs.clear()
        pairs.append((time, correlation(explanation.heatmap, np.asarray(small, np.float32)) < UNLIKE))
        while time - pairs[0][0] > _SECONDS:
            pairs.popleft()
        unlike = sum(is_unlike for _, is_unlike in pairs)
        if len(pairs) >= _FEWEST and unlike >= _SHARE * len(pairs):
            self._since[JUMPS] = time

    def line(self, answer: Answer, time: float) -> str:
        """Return the warning about the newest answer, in English; empty if there is none.

        Args:
            answer: the newest one.
            time: of the shown frame, in seconds.
        """
        if answer is not self._seen:
            self._seen = answer
            if same_for_all(answer):
                self._since[SAME_FOR_ALL] = time
            elif len(answer.question.targets) < 2:
                self._since.pop(SAME_FOR_ALL, None)
        standing = (each for each, since in self._since.items() if 0 <= time - since < _STAYS_SECONDS)
        return next(standing, "")

    def cut(self) -> None:
        """Forget everything: the scene or the question is another."""
        self._pairs.clear()
        self._since.clear()


def same_for_all(answer: Answer) -> bool:
    """Return whether the maps of several classes of an answer are the same.

    Only maps with evidence count, of the first model and method. Of fewer than three there is nothing to say: the first
    two classes are often two names of one thing.
    """
    maps = [each.heatmap for each in answer.explanations[: len(answer.question.targets)] if each.has_evidence]
    if len(maps) < 3 or len({each.shape for each in maps}) > 1:
        return False
    return all(correlation(maps[0], each) >= SAME for each in maps[1:])


def correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return Pearson's correlation of two maps of one shape, in [−1, 1]; 1 if they are equal, 0 if one is constant."""
    first, second = (each.ravel().astype(np.float64) - float(each.mean()) for each in (one, other))
    length = float(np.sqrt(first @ first) * np.sqrt(second @ second))
    if length == 0:
        return float(np.array_equal(one, other))
    return float(np.clip(first @ second / length, -1.0, 1.0))


def _subject(explanation: Explanation) -> Sequence[object] | None:
    """Return what two explanations must have in common to be compared; None if one cannot be."""
    target = explanation.target
    if not (explanation.has_evidence and explanation.is_finite and explanation.inset == WHOLE):
        return None
    if not isinstance(target, Prediction):
        return None
    return (
        target.class_id,
        explanation.method,
        explanation.layer,
        explanation.heatmap.shape,
        explanation.region[2:],
    )
