"""The lock: a target that follows the most probable class, but does not flap."""

from __future__ import annotations

from collections.abc import Sequence

from live_gradcam.explanation import Prediction

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
        if self._held is None or held is None:
            self._held = best.class_id
            return
        leads = best.class_id != self._held and best.probability - held >= self._margin
        self._led = self._led + 1 if leads else 0
        if self._led >= self._frames:
            self._held = best.class_id
            self._led = 0
