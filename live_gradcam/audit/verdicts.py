"""Verdicts: from the needs of a class's photographs to one word and one sentence.

Over the photographs of a class whose thing is known, B is the mean background need and T the mean exchange need (both:
`needs`). The share of the background is

    s = max(B, 0) ÷ (max(B, 0) + max(T, 0)).

Intervals are bootstrap percentile intervals of 95%, which draw photographs and lenders (`need_intervals`). A need is
there if its whole interval lies above `NEED`. Then the verdict is

- *cannot tell*, with fewer than `FEW_PHOTOS` photographs, if fewer than `FEW_LENDERS` photographs of other classes lend
  their backgrounds and things, or if neither need is there;
- *cannot tell* as well, if most masks cover what lies around, and not the thing: they may be inverted;
- *background*, if the whole interval of s lies above 1/2: most of the effect is the background;
- *thing*, if the whole interval of s lies below 1/3, and s itself does on the backgrounds of each other class: a mean
  over many classes hides one whose backgrounds mislead the network;
- *both*, if it does not on those of one, and its whole interval lies above there;
- *both*, if both needs are there;
- *cannot tell* otherwise: the interval of s spans a threshold.

T is the exchange need and not the thing need, because a network of two classes must name one of them when the thing is
gone. With forty linear heads on EfficientNet-Lite0's features (tests/audit/test_planted_shortcuts.py), the thing need
was −0.11 to 1.00 where the head recognises the thing, and −0.01 to 0.33 where it recognises the background; the
exchange need was 0.60 to 1.00, and 0.00 to 0.37. *thing* needs a share of less than a third, because it is an
acquittal; a background that carries 40% of the effect is worth a photograph more.

Frames of one film are no independent photographs, so a film counts as one: its values are the means of its frames'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from live_gradcam.audit.findings import ClassFinding, ClusterFinding, PhotoFinding, Verdict
from live_gradcam.audit.need_intervals import (
    FEW_LENDERS,
    background_share,
    class_sample,
    shares_by_background,
    source_means,
)
from live_gradcam.metrics.bootstrap import Mean, bootstrap_mean
from live_gradcam.metrics.evaluation import FEW_PHOTOS
from live_gradcam.number_format import counted

NEED = 0.10
"""A need is there if its whole interval lies above this fall of the probability."""

EFFECT = "of the effect"
"""What a sentence with a share says the share of."""

MOST, THIRD = 1 / 2, 1 / 3

_WORST_FIRST: tuple[Verdict, ...] = ("background", "both", "cannot tell", "thing")


def class_finding(
    name: str,
    photos: Sequence[PhotoFinding],
    *,
    clusters: Sequence[ClusterFinding] = (),
    estimated: int = 0,
) -> ClassFinding:
    """Return the finding of a class.

    Args:
        name: of the class.
        photos: its photographs, at least one.
        clusters: as `ClassFinding` takes them.
        estimated: of how many photographs the outline of the thing is estimated.
    """
    background = thing = share = None
    sample = class_sample(photos)
    if len(sample.values):
        background, thing = sample.means_with_intervals()
        share = background_share(sample)
    lenders = min((each.lenders for each in photos if each.lenders is not None), default=None)
    by_background = shares_by_background(photos)
    verdict, why = _verdict(photos, background, thing, share, lenders, by_background)
    return ClassFinding(
        name=name,
        count=len(photos),
        accuracy=sum(each.right for each in photos) / len(photos),
        verdict=verdict,
        sentence=f"{name}: {why}",
        background_need=background,
        thing_need=_mean(photos, "thing_need"),
        neutral_need=_mean(photos, "neutral_need"),
        exchange_need=thing,
        share=share,
        inside=_mean(photos, "inside"),
        lift=_mean(photos, "lift"),
        pointing=_mean(photos, "pointing"),
        clusters=tuple(clusters),
        estimated=estimated,
        lenders=lenders,
        by_background=by_background,
    )


def worst_first(classes: Sequence[ClassFinding]) -> tuple[ClassFinding, ...]:
    """Return classes by verdict, and within each by the background's share, the largest first.

    Those with too few photographs come after the others of their verdict: their shares say nothing yet.
    """

    def place(each: ClassFinding) -> tuple[int, bool, float, str]:
        share = -1.0 if each.share is None else each.share.mean
        few = each.background_need is None or each.background_need.count < FEW_PHOTOS
        return _WORST_FIRST.index(each.verdict), few, -share, each.name

    return tuple(sorted(classes, key=place))


def _verdict(
    photos: Sequence[PhotoFinding],
    background: Mean | None,
    thing: Mean | None,
    share: Mean | None,
    lenders: int | None,
    by_background: Mapping[str, Mean],
) -> tuple[Verdict, str]:
    """Return the verdict, and the sentence without the name of the class."""
    if background is None or thing is None:
        return "cannot tell", f"cannot tell: {_without_needs(photos)}"
    if background.count < FEW_PHOTOS:
        have = sources_text(background.count, photos)
        return "cannot tell", f"cannot tell: {have} with a known thing, and {FEW_PHOTOS} are needed"
    if lenders is not None and lenders < FEW_LENDERS:
        return "cannot tell", f"cannot tell: {few_lenders(lenders)}"
    known = [each for each in photos if each.thing_need is not None]
    around = sum(each.mask_around for each in known)
    if 2 * around > len(known):
        have = f"{around} of {len(known)} masks cover the edges and leave out a part inside"
        return "cannot tell", f"cannot tell: {have}, so they may be inverted"
    there = [each.low > NEED for each in (background, thing)]
    if share is None or not any(there):
        return "cannot tell", f"cannot tell: {_without_effect(photos, background, thing)}"
    said = f"{_percent(share.mean)} {EFFECT} is the background (95%: {_range(share)})"
    worst, most = next(iter(by_background.items()), ("", share))
    hidden = share.high < THIRD < most.mean  # by the mean over all other classes
    if hidden or most.low > share.high:
        said += f", on the backgrounds of {worst} {_percent(most.mean)} ({_range(most)})"
    if share.low > MOST:
        return "background", said
    if share.high < THIRD and not hidden:
        return "thing", said
    both = most.low > THIRD if hidden else all(there)
    if both:
        return "both", f"{said}, and both matter"
    limits = {
        THIRD: f"{_percent(THIRD)}, below which it is the thing",
        MOST: f"{_percent(MOST)}, above which it is the background",
    }
    unsure = most if hidden else share
    spanned = ", and ".join(text for limit, text in limits.items() if unsure.low <= limit <= unsure.high)
    said += f", on both sides of {spanned}" if spanned else ""
    return "cannot tell", f"cannot tell: {said}; more photographs make the interval narrower"


def _without_needs(photos: Sequence[PhotoFinding]) -> str:
    known = [each for each in photos if each.thing_need is not None or each.unseen]
    if not known:
        faulty = sum(each.mask_fault is not None for each in photos)
        if not faulty:
            return "nobody said where the thing is: there are no masks and no boxes"
        return f"nobody said where the thing is: {counted(faulty, 'mask')} cannot be used"
    if all(each.unseen for each in known):
        return "where the thing is known, it lies outside the part of the photograph that the network sees"
    return "no other class has a photograph whose thing is known"


def few_lenders(lenders: int) -> str:
    """Return why so few photographs of other classes are too few."""
    have = counted(lenders, "photograph")
    return (
        f"the backgrounds come from only {have} of other classes, and {FEW_LENDERS} are needed: "
        "say of more of them where the thing is"
    )


def _without_effect(photos: Sequence[PhotoFinding], background: Mean, thing: Mean) -> str:
    probability = float(np.mean([each.truth_probability for each in photos]))
    if not any(each.right for each in photos):
        have = counted(len(photos), "photograph")
        return f"the network recognises none of {have} (mean probability {probability:.2f})"
    return (
        f"neither another background nor another thing changes the probability by more than {NEED:.2f} for sure "
        f"(background need {_interval(background)}; exchange need {_interval(thing)})"
    )


def _interval(mean: Mean) -> str:
    return f"{mean.mean:z.2f}, 95%: {mean.low:z.2f} to {mean.high:z.2f}".replace("-", "−")


def _range(mean: Mean) -> str:
    return f"{_percent(mean.low, sign='')} to {_percent(mean.high, sign='')}"


def _percent(share: float, *, sign: str = "%") -> str:
    return f"{100 * share:.0f}{sign}"


def sources_text(count: int, photos: Sequence[PhotoFinding]) -> str:
    """Return a number of photographs in words, or of photographs and films if some are frames."""
    if all(each.film is None for each in photos):
        return counted(count, "photograph")
    return f"{count} photographs or films"


def _mean(photos: Sequence[PhotoFinding], name: str) -> Mean | None:
    values = source_means([[getattr(each, name)] for each in photos], [each.film for each in photos])
    return bootstrap_mean(values[:, 0]) if len(values) else None
