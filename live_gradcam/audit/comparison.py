"""Two models on the same photographs: by how much a class's values differ, and whether that can be an accident.

The first model is the one that is audited; the other is what it is compared with, such as the network before it was
trained again. Every difference is first − other and is paired: a photograph that is hard for one model is often hard
for the other, so the difference is taken photograph by photograph. Its bootstrap interval of 95% draws photographs with
the values of both models, and lenders with what they do to both (`need_intervals`).

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

from live_gradcam.audit.change_texts import ChangeText, share_text
from live_gradcam.audit.findings import (
    AuditReport,
    ClassComparison,
    ModelComparison,
    PairedChange,
    PhotoFinding,
)
from live_gradcam.audit.need_intervals import (
    FEW_LENDERS,
    NeedSample,
    interval_ends,
    need_sample,
    or_else,
    photo_needs,
    shares_of,
    source_means,
)
from live_gradcam.audit.verdicts import NEED, few_lenders, sources_text
from live_gradcam.metrics.bootstrap import Mean, paired_difference
from live_gradcam.metrics.evaluation import FEW_PHOTOS

_MODELS = slice(0, 2), slice(2, 4)
"""The columns of the first model's needs, and of the other's."""

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
    values = source_means([[value(each) for each in pair] for pair in pairs], _films(pairs))
    difference = paired_difference(*(dict(enumerate(values[:, which].tolist())) for which in (0, 1)))
    if difference is None:
        return None
    means = values.mean(axis=0).tolist()
    return PairedChange(first=means[0], other=means[1], difference=difference)


def need_change(sample: NeedSample, column: int) -> PairedChange:
    """Return the change of a need.

    Args:
        sample: of the needs of `share_change`.
        column: 0 for the background need, 1 for the exchange need.
    """
    means, drawn = sample.means, sample.drawn_means()
    ends = interval_ends(drawn[:, column] - drawn[:, 2 + column])
    first, other = means[column], means[2 + column]
    difference = Mean(float(first - other), *ends, len(sample.values))
    return PairedChange(first=float(first), other=float(other), difference=difference)


def share_change(sample: NeedSample, *, seed: int = 0) -> PairedChange | None:
    """Return the change of the background's share of the effect; None where a model shows no effect at all.

    Args:
        sample: of the background need and the exchange need with the first model, and then with the other.
        seed: the same seed gives the same interval.
    """
    first, other = (float(shares_of(sample.means[each])) for each in _MODELS)
    if not (math.isfinite(first) and math.isfinite(other)):
        return None
    drawn = sample.drawn_means(seed=seed)
    own, beside = (shares_of(drawn[:, each]) for each in _MODELS)
    ends = interval_ends(or_else(own, 0.0) - or_else(beside, 1.0), or_else(own, 1.0) - or_else(beside, 0.0))
    return PairedChange(first=first, other=other, difference=Mean(first - other, *ends, len(sample.values)))


def _class(name: str, pairs: Pairs, first: AuditReport, other: AuditReport) -> ClassComparison:
    other_name = pairs[0][1].truth
    needs = need_sample([[*photo_needs(own), *photo_needs(beside)] for own, beside in pairs], _films(pairs))
    names = plain_names(first.model, other.model)
    known = len(needs.values)
    unshaken = [name for name, each in zip(names, _MODELS, strict=True) if not _has_effect(needs, each)]
    share = None if unshaken else share_change(needs)
    accuracy = value_change(pairs, "right")
    assert accuracy is not None  # every photograph is right or wrong
    photos = [each for each, _ in pairs]
    lenders = [each.lenders for pair in pairs for each in pair if each.lenders is not None] or [FEW_LENDERS]
    if not known:
        said = _accuracy_said(accuracy, photos)
    elif known < FEW_PHOTOS:
        have = sources_text(known, photos)
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
        background_need=need_change(needs, 0) if known else None,
        exchange_need=need_change(needs, 1) if known else None,
        thing_need=value_change(pairs, "thing_need"),
        neutral_need=value_change(pairs, "neutral_need"),
    )


def _films(pairs: Pairs) -> list[str | None]:
    return [each.film for each, _ in pairs]


def _has_effect(needs: NeedSample, model: slice) -> bool:
    """Return whether the network is shaken by backgrounds or by things, as the verdicts have it."""
    return len(needs.values) > 0 and any(each.low > NEED for each in needs.means_with_intervals()[model])


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
