"""Verdicts: from the needs of a class's photographs to one word and one sentence.

Over the photographs of a class whose thing is known, B is the mean background need and T the mean exchange need (both:
`needs`). The share of the background is

    s = max(B, 0) ÷ (max(B, 0) + max(T, 0)).

Intervals are bootstrap percentile intervals of 95%; that of s draws photographs with both of their needs. A need is
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

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import ClassFinding, ClusterFinding, PhotoFinding, Verdict
from live_gradcam.metrics.bootstrap import LEVEL, RESAMPLES, Mean, bootstrap_mean
from live_gradcam.metrics.evaluation import FEW_PHOTOS
from live_gradcam.number_format import counted

NEED = 0.10
"""A need is there if its whole interval lies above this fall of the probability."""

FEW_LENDERS = 3
"""Below this number of photographs of other classes that lend their backgrounds and things, a need says more about
these than about the class: the interval is about its photographs, and not about the lenders."""

EFFECT = "of the effect"
"""What a sentence with a share says the share of."""

MOST, THIRD = 1 / 2, 1 / 3

_AT_ONCE = 1_000_000
"""Numbers that are drawn in one array."""

_WORST_FIRST: tuple[Verdict, ...] = ("background", "both", "cannot tell", "thing")

Numbers = npt.NDArray[np.float64]


def background_share(
    background: Sequence[float] | Numbers, thing: Sequence[float] | Numbers, *, seed: int = 0
) -> Mean | None:
    """Return the background's share of the effect with its interval; None if neither need is above 0.

    Args:
        background: the background need of each photograph.
        thing: the exchange need of the same photographs.
        seed: the same seed gives the same interval.
    """
    both = np.stack([np.asarray(background, np.float64), np.asarray(thing, np.float64)], axis=1)
    share = float(shares_of(both.mean(axis=0)))
    if not math.isfinite(share):
        return None
    random = np.random.default_rng(seed)
    count = len(both)
    rows = max(1, _AT_ONCE // count)
    shares = np.concatenate(
        [
            shares_of(both[random.integers(0, count, (min(rows, RESAMPLES - done), count))].mean(axis=1))
            for done in range(0, RESAMPLES, rows)
        ]
    )
    # A sample without any effect says nothing about who has it: its share is anything.
    low = np.quantile(np.where(np.isfinite(shares), shares, 0.0), (1 - LEVEL) / 2)
    high = np.quantile(np.where(np.isfinite(shares), shares, 1.0), (1 + LEVEL) / 2)
    return Mean(share, float(low), float(high), count)


def shares_by_background(photos: Sequence[PhotoFinding]) -> dict[str, Mean]:
    """Return the background's share of the effect on the backgrounds of each other class, the largest first.

    Classes on whose backgrounds fewer than `FEW_PHOTOS` photographs and films were put are left out; all are, if there
    is one other class only.
    """
    films = [each.film for each in photos]
    others = {name for each in photos for name, _ in each.on_backgrounds}
    found: dict[str, Mean] = {}
    for other in sorted(others) if len(others) > 1 else ():
        rows = []
        for each in photos:
            there = [p for name, p in each.on_backgrounds if name == other]
            need = each.truth_probability - float(np.mean(there)) if there else None
            rows.append((need, each.exchange_need))
        needs = source_means(rows, films)
        share = background_share(needs[:, 0], needs[:, 1]) if len(needs) >= FEW_PHOTOS else None
        if share is not None:
            found[other] = share
    return dict(sorted(found.items(), key=lambda item: -item[1].mean))


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
    needs = _values(photos, "background_need", "exchange_need")
    if len(needs):
        background, thing = (bootstrap_mean(needs[:, each]) for each in (0, 1))
        share = background_share(needs[:, 0], needs[:, 1])
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
    spanned = " and ".join(text for limit, text in limits.items() if unsure.low <= limit <= unsure.high)
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


def source_means(rows: Sequence[Sequence[float | None]], films: Sequence[str | None]) -> Numbers:
    """Return the rows of photographs, and of each film one row with the means of its frames: (N, columns).

    Args:
        rows: the values of each photograph or frame. A row without one of them is left out.
        films: the film of each; None for a photograph.
    """
    found: dict[int | str, list[Sequence[float | None]]] = {}
    for number, (row, film) in enumerate(zip(rows, films, strict=True)):
        if None not in row:
            found.setdefault(number if film is None else film, []).append(row)
    means = [np.asarray(some, np.float64).mean(axis=0) for some in found.values()]
    return np.stack(means) if means else np.empty((0, len(rows[0]) if rows else 0))


def _values(photos: Sequence[PhotoFinding], *names: str) -> Numbers:
    rows = [[getattr(each, name) for name in names] for each in photos]
    return source_means(rows, [each.film for each in photos])


def _mean(photos: Sequence[PhotoFinding], name: str) -> Mean | None:
    values = _values(photos, name)
    return bootstrap_mean(values[:, 0]) if len(values) else None


def shares_of(means: Numbers) -> Numbers:
    """Return the background's share for means (..., 2) of both needs; NaN where neither is above 0."""
    positive = np.maximum(means, 0)
    total = positive.sum(axis=-1)
    shares = np.divide(positive[..., 0], total, out=np.full_like(total, np.nan), where=total > 0)
    return np.asarray(shares, np.float64)
