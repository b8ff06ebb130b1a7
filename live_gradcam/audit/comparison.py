"""Two models on the same photographs: by how much a class's values differ, and whether that can be an accident.

The first model is the one that is audited; the other is what it is compared with, such as the network before it was
trained again. Every difference is first − other and is paired: a photograph that is hard for one model is often hard
for the other, so the difference is taken photograph by photograph. Its bootstrap interval of 95% draws photographs with
the values of both models.

The share of the background is no mean over photographs but a ratio of two means (`verdicts`). So each resample gives
the shares of both models, and the interval is that of their differences. A resample in which a model shows no effect
says nothing about its share: it counts as the share, between 0 and 1, that makes the interval widest.

A film counts as one photograph, with the means of its frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np

from live_gradcam.audit.change_texts import ChangeText, share_text
from live_gradcam.audit.findings import (
    AuditReport,
    ClassComparison,
    ModelComparison,
    PairedChange,
    PhotoFinding,
)
from live_gradcam.audit.verdicts import (
    FEW_LENDERS,
    NEED,
    Numbers,
    few_lenders,
    shares_of,
    source_means,
    sources_text,
)
from live_gradcam.metrics.bootstrap import LEVEL, RESAMPLES, Mean, bootstrap_mean, paired_difference
from live_gradcam.metrics.evaluation import FEW_PHOTOS

_AT_ONCE = 1_000_000
"""Numbers that are drawn in one array."""

Pairs = Sequence[tuple[PhotoFinding, PhotoFinding]]
"""Photographs of one class: what was found with the first model, and with the other."""


def compared(first: AuditReport, other: AuditReport) -> ModelComparison:
    """Compare two models by the photographs that both audits finished.

    Args:
        first: the findings about the model that is audited.
        other: those about the model with which it is compared.
    """
    beside = {each.name: each for each in other.photos}
    pairs: dict[str, list[tuple[PhotoFinding, PhotoFinding]]] = {}
    for each in first.photos:
        if each.name in beside:
            pairs.setdefault(each.truth, []).append((each, beside[each.name]))
    classes = [_class(name, some, first, other) for name, some in pairs.items()]
    return ModelComparison(report=other, classes=tuple(sorted(classes, key=_place)))


def plain_names(first: str, other: str) -> tuple[str, str]:
    """Return the names of two models without their folders, unless only these tell the models apart."""
    names = Path(first).name or first, Path(other).name or other
    return (first, other) if names[0] == names[1] else names


def value_change(pairs: Pairs, name: str) -> PairedChange | None:
    """Return the change of a mean over photographs; None where no photograph has the value with both models.

    Args:
        pairs: the photographs.
        name: a field of `PhotoFinding` that is a number, a truth value or None.
    """
    value = attrgetter(name)
    values = _of_both(pairs, [[value(each) for each in pair] for pair in pairs])
    difference = paired_difference(*(dict(enumerate(values[:, which].tolist())) for which in (0, 1)))
    if difference is None:
        return None
    means = values.mean(axis=0).tolist()
    return PairedChange(first=means[0], other=means[1], difference=difference)


def share_change(first: Numbers, other: Numbers, *, seed: int = 0) -> PairedChange | None:
    """Return the change of the background's share of the effect; None where a model shows no effect at all.

    Args:
        first: (N, 2): the background need and the exchange need of N photographs with the first model.
        other: (N, 2): those of the same photographs with the other model.
        seed: the same seed gives the same interval.
    """
    shares = [float(shares_of(each.mean(axis=0))) for each in (first, other)]
    if not all(map(math.isfinite, shares)):
        return None
    random = np.random.default_rng(seed)
    count = len(first)
    rows = max(1, _AT_ONCE // count)
    lows, highs = [], []
    for done in range(0, RESAMPLES, rows):
        drawn = random.integers(0, count, (min(rows, RESAMPLES - done), count))
        own, beside = (shares_of(each[drawn].mean(axis=1)) for each in (first, other))
        lows.append(_or(own, 0.0) - _or(beside, 1.0))
        highs.append(_or(own, 1.0) - _or(beside, 0.0))
    low = float(np.quantile(np.concatenate(lows), (1 - LEVEL) / 2))
    high = float(np.quantile(np.concatenate(highs), (1 + LEVEL) / 2))
    return PairedChange(
        first=shares[0], other=shares[1], difference=Mean(shares[0] - shares[1], low, high, count)
    )


def _or(shares: Numbers, value: float) -> Numbers:
    return np.where(np.isfinite(shares), shares, value)


def _class(name: str, pairs: Pairs, first: AuditReport, other: AuditReport) -> ClassComparison:
    other_name = pairs[0][1].truth
    needs = _of_both(
        pairs,
        [[need for each in pair for need in (each.background_need, each.exchange_need)] for pair in pairs],
    )
    own, beside = needs[:, :2], needs[:, 2:]
    names = plain_names(first.model, other.model)
    unshaken = [model for model, each in zip(names, (own, beside), strict=True) if not _has_effect(each)]
    share = None if unshaken else share_change(own, beside)
    accuracy = value_change(pairs, "right")
    assert accuracy is not None  # every photograph is right or wrong
    photos = [each for each, _ in pairs]
    lenders = [each.lenders for pair in pairs for each in pair if each.lenders is not None] or [FEW_LENDERS]
    if not len(own):
        said = _accuracy_said(accuracy, photos)
    elif len(own) < FEW_PHOTOS:
        have = sources_text(len(own), photos)
        said = f"cannot tell: {have} with a known thing for both models, and {FEW_PHOTOS} are needed"
        share = None
    elif min(lenders) < FEW_LENDERS:
        said, share = f"cannot tell: {few_lenders(min(lenders))}", None
    elif share is None:
        said = (
            f"cannot tell: with {' and with '.join(unshaken)}, neither another background nor another thing changes "
            f"the probability by more than {NEED:.2f} for sure; {_accuracy_said(accuracy, photos)}"
        )
    else:
        said = _share_said(share)
    return ClassComparison(
        name=name,
        other_name=other_name,
        count=len(pairs),
        verdict=first.of(name).verdict,
        other_verdict=other.of(other_name).verdict,
        sentence=f"{name}: {said}",
        accuracy=accuracy,
        share=share,
        background_need=value_change(pairs, "background_need"),
        exchange_need=value_change(pairs, "exchange_need"),
        thing_need=value_change(pairs, "thing_need"),
        neutral_need=value_change(pairs, "neutral_need"),
    )


def _of_both(pairs: Pairs, rows: Sequence[Sequence[float | None]]) -> Numbers:
    """Return rows of values with both models, one for each photograph and film that has them all."""
    return source_means(rows, [each.film for each, _ in pairs])


def _has_effect(needs: Numbers) -> bool:
    """Return whether the network is shaken by backgrounds or by things, as the verdicts have it."""
    return len(needs) > 0 and any(bootstrap_mean(needs[:, each]).low > NEED for each in (0, 1))


def _place(each: ClassComparison) -> tuple[bool, float, str]:
    """Return a key that sorts by the change of the share; where it is unknown, by that of the accuracy."""
    change = each.share or each.accuracy
    return each.share is None, -abs(change.difference.mean), each.name


def _share_said(share: PairedChange) -> str:
    said = share_text(share)
    if not share.is_known:
        return (
            f"no difference that the photographs can show: the background's share was {said.other} and is {said.first} "
            f"({_interval(said)})"
        )
    went = "rose" if share.difference.mean > 0 else "fell"
    return f"the background's share {went} from {said.other} to {said.first} ({_interval(said)})"


def _accuracy_said(accuracy: PairedChange, photos: Sequence[PhotoFinding]) -> str:
    if accuracy.difference.count < FEW_PHOTOS:
        have = sources_text(accuracy.difference.count, photos)
        return f"cannot tell: {have}, and {FEW_PHOTOS} are needed"
    said = share_text(accuracy)
    if not accuracy.is_known:
        return (
            f"no difference that the photographs can show: {said.other} were recognised and {said.first} are "
            f"({_interval(said)})"
        )
    went = "rose" if accuracy.difference.mean > 0 else "fell"
    return f"the share of recognised photographs {went} from {said.other} to {said.first} ({_interval(said)})"


def _interval(said: ChangeText) -> str:
    return f"difference {said.difference} points, 95%: {said.interval}"
