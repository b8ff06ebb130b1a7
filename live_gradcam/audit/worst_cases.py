"""The worst cases of an audit: photographs and pairs of classes that deserve a look first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from live_gradcam.audit.findings import PhotoFinding

MOST = 12
"""How many cases of each kind are shown."""

_NEEDED = 0.25
"""A background need from which a right answer rests on the background."""

_CONFIDENT = 0.5
"""A probability from which a wrong answer is confident."""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """A class whose photographs are taken for another class."""

    truth: str
    predicted: str
    photos: tuple[PhotoFinding, ...]
    """Those that are taken for it, the most confident first."""

    share: float
    """Their share of the true class's photographs, in (0, 1]."""


def right_for_the_wrong_reason(photos: Sequence[PhotoFinding], most: int = MOST) -> tuple[PhotoFinding, ...]:
    """Return recognised photographs whose evidence is not the thing, the worst first.

    Where the background need was measured, it decides: at least 0.25. Else the heat: its lift is below 1, so that the
    thing has less of it than of the area. Measured needs come first, the highest before; then the least heat inside.
    """
    right = [each for each in photos if each.right]
    measured = [each for each in right if (each.background_need or 0.0) >= _NEEDED]
    looked_at = [
        each
        for each in right
        if each.background_need is None
        and each.lift is not None
        and each.inside is not None
        and each.lift < 1
    ]
    measured.sort(key=lambda each: (-(each.background_need or 0.0), each.name))
    looked_at.sort(key=lambda each: (each.inside or 0.0, each.name))
    return tuple((measured + looked_at)[:most])


def wrong_with_confidence(photos: Sequence[PhotoFinding], most: int = MOST) -> tuple[PhotoFinding, ...]:
    """Return photographs that are taken for another class with a probability of at least 0.5, the surest first."""
    wrong = [each for each in photos if not each.right and each.probability >= _CONFIDENT]
    return tuple(sorted(wrong, key=lambda each: (-each.probability, each.name))[:most])


def confused_pairs(photos: Sequence[PhotoFinding], most: int = MOST) -> tuple[ConfusedPair, ...]:
    """Return the pairs of true and predicted class that are confused most often, the most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    pairs: dict[tuple[str, str], list[PhotoFinding]] = defaultdict(list)
    for each in photos:
        counts[each.truth] += 1
        if not each.right:
            pairs[each.truth, each.predicted].append(each)
    found = [
        ConfusedPair(
            truth,
            predicted,
            tuple(sorted(some, key=lambda each: (-each.probability, each.name))),
            len(some) / counts[truth],
        )
        for (truth, predicted), some in pairs.items()
    ]
    return tuple(
        sorted(found, key=lambda each: (-len(each.photos), -each.share, each.truth, each.predicted))[:most]
    )


def confusion_matrix(
    names: Sequence[str], of_class: Mapping[str, Sequence[PhotoFinding]]
) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return the rows of the confusion matrix: (true class, [(count, share of the row) for each class, others]).

    Args:
        names: of the classes.
        of_class: name → the photographs of the class.
    """
    rows = []
    for name in names:
        own = of_class.get(name, [])
        counts = Counter(each.predicted for each in own)
        numbers = [counts[each] for each in names]
        numbers.append(len(own) - sum(numbers))
        rows.append((name, [(number, number / max(len(own), 1)) for number in numbers]))
    return rows
