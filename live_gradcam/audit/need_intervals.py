"""Intervals of needs: how their means would vary with other photographs and other lenders.

A lender is a photograph of another class that lends its background and its thing, to many photographs. Which ones lend
is as much an accident as which photographs a class has. In simulations in which both vary alike, intervals of 95% that
drew photographs alone held the truth in 73 to 83 of 100 repetitions (tests/audit/test_need_intervals.py).

Each of `RESAMPLES` means is that of photographs drawn with replacement (Efron 1979), plus how far lenders drawn with
replacement move it. A need is the mean of a photograph's falls of p, one for each lender, so that the mean of a class
is a weighted mean of falls: each differs from it by u, its weight × (fall − mean). A lender moves the mean by m, the
sum of its u. The m would differ even if all lenders were alike, and therefore all are multiplied by one factor, which
makes their variance

    Σ m² − Σ u²,

the variance by lenders less the one by single falls. With the variance by photographs, which the first draw has, this
is the two-way clustered variance of Cameron, Gelbach and Miller 2011 ("Robust Inference With Multiway Clustering",
Journal of Business & Economic Statistics 29). Where it is below 0, lenders move nothing. Lenders are drawn within their
class, because the classes are no sample; classes with a single lender are drawn from as one.

A film counts as one photograph, with the means of its frames, and lends as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.needs import LentPart
from live_gradcam.metrics.bootstrap import LEVEL, RESAMPLES, Mean
from live_gradcam.metrics.evaluation import FEW_PHOTOS

FEW_LENDERS = 10
"""Below this number of photographs of other classes that lend, an interval is too narrow. In the same simulations those
of ten lenders held the truth in 89 to 90 of 100 repetitions, those of five in 87, and those of three in 79 to 80."""

_AT_ONCE = 1_000_000
"""Numbers that are drawn in one array."""

Numbers = npt.NDArray[np.float64]
T = TypeVar("T")


class Need(NamedTuple):
    """One need of one photograph."""

    value: float
    falls: Sequence[tuple[LentPart, float]] = ()
    """Each lent part, and the fall of p with it. The need is their mean."""


Row = Sequence[Need | None]
"""The needs of one photograph, None where it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class NeedSample:
    """Needs of a class's photographs, and how far each lender moves their means."""

    values: Numbers
    """(N, C): C needs of N photographs and films."""

    moves: tuple[Numbers, ...] = ()
    """(m, C) for each class that lends: how far each of its m lenders moves the means."""

    @property
    def means(self) -> Numbers:
        """The means (C,)."""
        return np.asarray(self.values.mean(axis=0), np.float64)

    def drawn_means(self, *, seed: int = 0) -> Numbers:
        """Return the means of other photographs with other lenders: (`RESAMPLES`, C).

        Args:
            seed: the same seed gives the same means.
        """
        random = np.random.default_rng(seed)
        count = len(self.values)
        rows = max(1, _AT_ONCE // count)
        means = np.concatenate(
            [
                self.values[random.integers(0, count, (min(rows, RESAMPLES - done), count))].mean(axis=1)
                for done in range(0, RESAMPLES, rows)
            ]
        )
        for moves in self.moves:
            size = len(moves)
            means += (random.multinomial(size, np.full(size, 1 / size), RESAMPLES) - 1) @ moves
        return np.asarray(means, np.float64)

    def means_with_intervals(self) -> list[Mean]:
        """Return the mean of each need with its interval."""
        drawn = np.clip(self.drawn_means(), -1, 1)
        return [
            Mean(float(mean), *interval_ends(drawn[:, column]), len(self.values))
            for column, mean in enumerate(self.means)
        ]


def need_sample(rows: Sequence[Row], films: Sequence[str | None]) -> NeedSample:
    """Return the sample of needs.

    Args:
        rows: the needs of each photograph or frame, the same number for each. A row without one of them is left out.
        films: the film of each; None for a photograph.
    """
    sources = _by_source(rows, films)
    if not sources:
        return NeedSample(np.empty((0, len(rows[0]) if rows else 0)))
    values = _means([[[each.value for each in row] for row in some] for some in sources])
    return NeedSample(values, _moves(sources, values.mean(axis=0)))


def class_sample(photos: Sequence[PhotoFinding], other: str | None = None) -> NeedSample:
    """Return the sample of the background need and the exchange need of a class's photographs.

    Args:
        photos: of one class.
        other: the backgrounds of this class alone count; None: those of all other classes.
    """
    return need_sample([photo_needs(each, other) for each in photos], [each.film for each in photos])


def photo_needs(photo: PhotoFinding, other: str | None = None) -> tuple[Need | None, Need | None]:
    """Return a photograph's background need and exchange need; `other` is that of `class_sample`."""
    needs: list[Need | None] = []
    for value, parts, only in (
        (photo.background_need, photo.on_backgrounds, other),
        (photo.exchange_need, photo.with_things, None),
    ):
        falls = [
            (part, photo.truth_probability - part.probability)
            for part in parts
            if only in (None, part.class_name)
        ]
        if only is not None:
            value = float(np.mean([fall for _, fall in falls])) if falls else None
        needs.append(None if value is None else Need(value, falls))
    return needs[0], needs[1]


def background_share(sample: NeedSample, *, seed: int = 0) -> Mean | None:
    """Return the background's share of the effect with its interval; None if neither need is above 0.

    Args:
        sample: of the background need and the exchange need.
        seed: the same seed gives the same interval.
    """
    share = float(shares_of(sample.means))
    if not math.isfinite(share):
        return None
    shares = shares_of(sample.drawn_means(seed=seed))
    # A sample without any effect says nothing about who has it: its share is anything.
    return Mean(share, *interval_ends(or_else(shares, 0.0), or_else(shares, 1.0)), len(sample.values))


def shares_by_background(photos: Sequence[PhotoFinding]) -> dict[str, Mean]:
    """Return the background's share of the effect on the backgrounds of each other class, the largest first.

    Classes on whose backgrounds fewer than `FEW_PHOTOS` photographs and films were put are left out, and those of which
    fewer than `FEW_LENDERS` lend; all are, if there is one other class only.
    """
    put_on: dict[str, set[int | str]] = {}
    lenders: dict[str, set[str]] = {}
    for number, photo in enumerate(photos):
        for part in photo.on_backgrounds:
            put_on.setdefault(part.class_name, set()).add(number if photo.film is None else photo.film)
            lenders.setdefault(part.class_name, set()).add(part.lender)
    found: dict[str, Mean] = {}
    for other in sorted(put_on) if len(put_on) > 1 else ():
        if len(put_on[other]) >= FEW_PHOTOS and len(lenders[other]) >= FEW_LENDERS:
            sample = class_sample(photos, other)
            share = background_share(sample) if len(sample.values) >= FEW_PHOTOS else None
            if share is not None:
                found[other] = share
    return dict(sorted(found.items(), key=lambda item: -item[1].mean))


def source_means(rows: Sequence[Sequence[float | None]], films: Sequence[str | None]) -> Numbers:
    """Return the rows of photographs, and of each film one row with the means of its frames: (N, columns).

    Args:
        rows: the values of each photograph or frame. A row without one of them is left out.
        films: the film of each; None for a photograph.
    """
    sources = _by_source(rows, films)
    return _means(sources) if sources else np.empty((0, len(rows[0]) if rows else 0))


def shares_of(means: Numbers) -> Numbers:
    """Return the background's share for means (..., 2) of both needs; NaN where neither is above 0."""
    positive = np.maximum(means, 0)
    total = positive.sum(axis=-1)
    shares = np.divide(positive[..., 0], total, out=np.full_like(total, np.nan), where=total > 0)
    return np.asarray(shares, np.float64)


def or_else(shares: Numbers, value: float) -> Numbers:
    """Return shares with a value in place of those that are NaN."""
    return np.where(np.isfinite(shares), shares, value)


def interval_ends(lows: Numbers, highs: Numbers | None = None) -> tuple[float, float]:
    """Return the ends of the interval that holds the middle 95% of drawn values.

    Args:
        lows: the values for the lower end.
        highs: those for the upper end; None: the same.
    """
    high = np.quantile(lows if highs is None else highs, (1 + LEVEL) / 2)
    return float(np.quantile(lows, (1 - LEVEL) / 2)), float(high)


def _by_source(rows: Sequence[Sequence[T | None]], films: Sequence[str | None]) -> list[list[list[T]]]:
    """Return the complete rows of each photograph, which has one, and of each film."""
    found: dict[int | str, list[list[T]]] = {}
    for number, (row, film) in enumerate(zip(rows, films, strict=True)):
        known = [each for each in row if each is not None]
        if len(known) == len(row):
            found.setdefault(number if film is None else film, []).append(known)
    return list(found.values())


def _means(sources: Sequence[Sequence[Sequence[float]]]) -> Numbers:
    return np.stack([np.asarray(some, np.float64).mean(axis=0) for some in sources])


def _moves(sources: Sequence[Sequence[Sequence[Need]]], means: Numbers) -> tuple[Numbers, ...]:
    """Return how far each lender moves the means of the needs of photographs and films."""
    moves: dict[str, Numbers] = {}
    classes: dict[str, str] = {}
    chance = np.zeros(len(means))
    for frames in sources:
        own: dict[str, Numbers] = {}
        for frame in frames:
            for column, need in enumerate(frame):
                for part, fall in need.falls:
                    classes.setdefault(part.lender, part.class_name)  # another model may name it otherwise
                    move = own.setdefault(part.lender, np.zeros(len(means)))
                    move[column] += (fall - means[column]) / (len(need.falls) * len(frames) * len(sources))
        for lender, move in own.items():
            moves.setdefault(lender, np.zeros(len(means)))
            moves[lender] += move
            chance += move**2
    strata = [_centred(some) for some in _strata(moves, classes)]
    if not strata:
        return ()
    found = sum(((each**2).sum(axis=0) for each in strata), np.zeros(len(means)))
    kept = np.divide(np.maximum(found - chance, 0), found, out=np.zeros(len(means)), where=found > 0)
    return tuple(each * np.sqrt(kept) for each in strata)


def _strata(moves: Mapping[str, Numbers], classes: Mapping[str, str]) -> list[Numbers]:
    """Return the moves of each class's lenders, and together those of classes that have one."""
    by_class: dict[str, list[Numbers]] = {}
    for lender, move in moves.items():
        by_class.setdefault(classes[lender], []).append(move)
    alone = [some[0] for some in by_class.values() if len(some) == 1]
    return [np.stack(some) for some in (*by_class.values(), alone) if len(some) > 1]


def _centred(moves: Numbers) -> Numbers:
    """Return moves around their mean, scaled so that those of few lenders are not too small on average."""
    return np.asarray((moves - moves.mean(axis=0)) * math.sqrt(len(moves) / (len(moves) - 1)), np.float64)
