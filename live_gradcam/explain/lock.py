"""The lock: a target that follows the most probable class, but does not flap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from live_gradcam.explain.targets import Aim, parse_target
from live_gradcam.explanation import Contrast, Explanation, Prediction
from live_gradcam.models.labels import Labels
from live_gradcam.question import TargetSpec

LOCK = "lock"
"""The target that stands for it."""

MARGIN = 0.05
FRAMES = 5


class TargetLock:
    """Keeps to one class until another has led by a margin for some frames.

    Args:
        margin: by how much probability another class must lead.
        frames: for how many frames in a row.
    """

    def __init__(self, margin: float = MARGIN, frames: int = FRAMES) -> None:
        self._margin = margin
        self._frames = frames
        self._held: int | None = None
        self._led = 0

    @property
    def class_id(self) -> int | None:
        """The class that is kept to; None before the first frame."""
        return self._held

    def see(self, top: Sequence[Prediction], held: float | None) -> None:
        """Take note of one frame.

        Args:
            top: the most probable classes, best first.
            held: the probability of the class that is kept to; None before the first frame.
        """
        if not top:
            return
        best = top[0]
        probability = best.probability
        if self._held is None or held is None:
            self._held = best.class_id
            return
        leads = probability is not None and best.class_id != self._held and probability - held >= self._margin
        self._led = self._led + 1 if leads else 0
        if self._led >= self._frames:
            self._held = best.class_id
            self._led = 0

    def follow(self, explanation: Explanation) -> None:
        """Take note of an explanation whose target was this lock's."""
        target = explanation.target
        held = target.probability if isinstance(target, Prediction | Contrast) else None
        self.see(explanation.top, None if self._held is None else held)


def is_lock(target: TargetSpec) -> bool:
    """Whether a target stands for the lock."""
    return isinstance(target, str) and target.strip().casefold() == LOCK


def aim_of(
    target: TargetSpec, labels: Labels, *, rivals: bool, strength: float, lock: TargetLock | None
) -> Aim:
    """Return what a class, a contrast or the lock means now.

    Args:
        target: no function.
        labels: the model's class names.
        rivals: whether a class that is named alone is set against its strongest rivals.
        strength: how much of the strongest rivals' score is taken off.
        lock: what the lock keeps to; None where nothing is locked.

    Raises:
        TargetError: there is no such class, or several.
    """
    assert not callable(target)
    if not is_lock(target):
        return parse_target(target, labels, rivals=rivals, strength=strength)
    aim = parse_target(None, labels, rivals=rivals, strength=strength)
    return aim if lock is None or lock.class_id is None else replace(aim, class_id=lock.class_id)
