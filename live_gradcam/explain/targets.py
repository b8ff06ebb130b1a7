"""Targets: a class, a contrast of classes, or a score function of the user's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from live_gradcam.errors import ModelError, TargetError
from live_gradcam.explanation import Explanation
from live_gradcam.models.labels import Labels
from live_gradcam.models.user_code import callable_named, is_reference
from live_gradcam.name_suggestions import nearest
from live_gradcam.prediction import Contrast, Prediction
from live_gradcam.question import TargetSpec

ScoreFunction = Callable[[Any], Any]
"""Returns one score for each picture, (N,), from a model's outputs; differentiable TensorFlow or `keras.ops`."""

MOST_RANKS = 16
"""How many of the most probable classes can be named by their rank: `#1` to `#16`."""

_DASH = re.compile(r"\s+[-−–]\s*|\s*[-−–]\s+|\s*[-−–]$")

NO_RIVAL = -1_000_000
STRONGEST_RIVALS = -1_000_001
REVERSED = -1_000_002
"""Special numbers in place of a rival's class id. `REVERSED` is the rival of `tabby -`: for a class its strongest
rivals, for a value its negative, so that what lowers the value is explained."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target as numbers, which are arguments of a compiled graph: changing them compiles nothing."""

    class_id: int = -1
    """The class; −1 is the most probable one, −2 the second, and so on. For values −1 is the first value."""

    rival: int = NO_RIVAL
    """The class that it is contrasted with, by id or rank like `class_id`; or one of the three constants above."""

    strength: float = 0.0
    """How much of the rivals' score is subtracted."""

    @property
    def automatic(self) -> bool:
        """Whether the class is chosen by its rank, and contrasted with no named class."""
        return self.class_id < 0 and self.rival in (NO_RIVAL, STRONGEST_RIVALS)


@lru_cache(maxsize=256)  # every frame needs it, and a name is compared with a thousand others
def parse_target(target: int | str | None, labels: Labels, *, rivals: bool, strength: float) -> Aim:
    """Return the aim that a target names.

    Args:
        target: see `question.TargetSpec`.
        labels: the model's class names.
        rivals: whether a class that is named alone is contrasted with its strongest rivals (FinerCAM).
        strength: how much of the strongest rivals' score is subtracted.

    Raises:
        TargetError: there is no such class, or there are several.
    """
    if isinstance(target, str) and not labels.exactly(target):
        first, dash, second = _sides(target)
        if dash and not second:
            return Aim(_class(first or None, labels), REVERSED, strength)
        if dash:
            return Aim(_class(first or None, labels), _class(second, labels), 1.0)
    try:
        class_id = _class(target, labels)
    except TargetError as error:
        meant = _contrast_meant(str(target), labels)
        if meant is None:
            raise
        raise TargetError(
            f"unknown {labels.kind} '{target}'. Did you mean '{meant}'? A contrast has spaces around its dash."
        ) from error
    return Aim(class_id, STRONGEST_RIVALS, strength) if rivals else Aim(class_id)


def _sides(target: str) -> tuple[str, bool, str]:
    """Return the text before the dash of a contrast, whether there is a dash, and the text after it.

    The dash of a contrast has a space on at least one side, or ends the target. Other dashes are part of a name.
    """
    first, *rest = _DASH.split(target.strip(), maxsplit=1)
    return first.strip(), bool(rest), rest[0].strip() if rest else ""


def _contrast_meant(text: str, labels: Labels) -> str | None:
    """Return the contrast that a misspelt text means: `tabby - tiger` for `tabby-tiger`; None if it means none."""
    best: str | None = None
    for dash in re.finditer(r"(?<=[^\s])[-−–](?=[^\s])", text):
        sides = [text[: dash.start()], text[dash.end() :]]
        exact = [_is_known(side, labels) for side in sides]
        if all(exact):
            return " - ".join(sides)
        near = [
            [side] if known else nearest(side, labels, 1) for side, known in zip(sides, exact, strict=True)
        ]
        if any(exact) and all(near):
            best = best or " - ".join(each[0] for each in near)
    return best


def _is_known(name: str, labels: Labels) -> bool:
    try:
        _class(name, labels)
    except TargetError:
        return False
    return True


def _class(name: int | str | None, labels: Labels) -> int:
    if name is None:
        return -1
    rank = re.fullmatch(r"#\s*(\d+)", str(name).strip())
    if rank is None:
        return labels.find(name)
    number = int(rank[1])
    most = max(1, min(MOST_RANKS, len(labels)))
    if not 1 <= number <= most:
        if labels.kind == "value":
            raise TargetError(f"there is no value '{name}': this model's first is '#1', its last '#{most}'.")
        of = "classes" if labels.kind == "class" else "labels"
        raise TargetError(f"there is no rank '{name}' among the most probable {of}: '#1' to '#{most}' are.")
    return -number


def is_function_name(target: object) -> bool:
    """Return whether a target names a function: `module:function`."""
    return isinstance(target, str) and is_reference(target)


def function_of(target: TargetSpec) -> ScoreFunction | None:
    """Return the score function that a target is or names; None for a class or a contrast.

    Raises:
        TargetError: there is no such function.
    """
    if callable(target):
        return target
    return score_function(str(target)) if is_function_name(target) else None


def score_function(name: str) -> ScoreFunction:
    """Import a score function of the user's.

    Args:
        name: `module:function`; the module may lie in the current folder.

    Raises:
        TargetError: there is no such module or function.
    """
    try:
        return callable_named(name)
    except ModelError as error:
        raise TargetError(f"the target '{name}': {error}") from error


LOCK = "lock"
"""The target that is locked to a class."""

MARGIN = 0.05
"""By how much probability another class must lead for the lock to switch to it."""

FRAMES = 5
"""For how many frames in a row it must lead."""


class TargetLock:
    """Keeps one class as the target until another has led by a margin for some frames.

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
        """The class that is kept; None before the first frame."""
        return self._held

    def update(self, top: Sequence[Prediction], held: float | None) -> None:
        """Take in the predictions of one frame.

        Args:
            top: the most probable classes, best first.
            held: the probability of the class that is kept; None before the first frame.
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
        """Take in an explanation whose target is this lock."""
        target = explanation.target
        held = target.probability if isinstance(target, Prediction | Contrast) else None
        self.update(explanation.top, None if self._held is None else held)


def is_lock(target: TargetSpec) -> bool:
    """Return whether a target is the lock."""
    return isinstance(target, str) and target.strip().casefold() == LOCK


def aim_of(
    target: TargetSpec, labels: Labels, *, rivals: bool, strength: float, lock: TargetLock | None
) -> Aim:
    """Return the present aim of a class, a contrast or the lock.

    Args:
        target: no function.
        labels: the model's class names.
        rivals: whether a class that is named alone is contrasted with its strongest rivals.
        strength: how much of the strongest rivals' score is subtracted.
        lock: keeps a class; None: the target `lock` is the most probable class.

    Raises:
        TargetError: there is no such class, or there are several.
    """
    assert not callable(target)
    if not is_lock(target):
        return parse_target(target, labels, rivals=rivals, strength=strength)
    aim = parse_target(None, labels, rivals=rivals, strength=strength)
    return aim if lock is None or lock.class_id is None else replace(aim, class_id=lock.class_id)


def check_classes(asked: str, targets: Sequence[TargetSpec]) -> None:
    """Make sure that no target is a score function.

    Args:
        asked: the name of the call, for the message.
        targets: as they were named.

    Raises:
        TargetError: one is.
    """
    if any(callable(each) or is_function_name(each) for each in targets):
        raise TargetError(f"{asked} takes classes and contrasts; explain a function by itself.")
