"""The intervals of needs: closed forms, and simulations in which photographs and lenders are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from live_gradcam.audit.need_intervals import (
    FEW_LENDERS,
    Need,
    NeedSample,
    Row,
    background_share,
    need_sample,
)
from live_gradcam.audit.needs import LentPart
from live_gradcam.metrics.bootstrap import bootstrap_mean

Numbers = npt.NDArray[np.float64]


def need(falls: Sequence[tuple[str, float]], class_name: str = "duck") -> Need:
    """Return a need from the names of its lenders and the falls of p with them; p itself is 1."""
    parts = [(LentPart(class_name, lender, 1 - fall), fall) for lender, fall in falls]
    return Need(float(np.mean([fall for _, fall in falls])), parts)


def grid(falls: Numbers, class_name: str = "duck") -> list[Row]:
    """Return one need for each photograph: the falls (photographs, lenders)."""
    return [[need([(f"{class_name}{n}", float(f)) for n, f in enumerate(row)], class_name)] for row in falls]


def moves_of(rows: Sequence[Row], films: Sequence[str | None] | None = None) -> Numbers:
    """Return the variance of the means by lenders: (needs,)."""
    sample = need_sample(rows, films or [None] * len(rows))
    return sum(((each**2).sum(axis=0) for each in sample.moves), np.zeros(sample.values.shape[1]))


def test_lenders_that_differ_give_the_variance_of_their_mean() -> None:
    """Where photographs do not differ, Σm² is the variance of a mean of 8 lenders, and Σu² an eighth of its 7/8."""
    falls = np.random.default_rng(0).normal(0.4, 0.1, 8)
    found = moves_of(grid(np.tile(falls, (20, 1))))
    chance = falls.var() / (20 * 8)
    assert found == pytest.approx([falls.var(ddof=1) / 8 - chance], rel=1e-9)


def test_the_drawn_means_vary_by_photographs_and_by_lenders() -> None:
    random = np.random.default_rng(0)
    falls = 0.4 + 0.2 * random.normal(size=(20, 1)) + 0.1 * random.normal(size=(1, 8))
    sample = need_sample(grid(falls), [None] * 20)
    photos, lenders = falls.mean(axis=1), falls.mean(axis=0)
    chance = ((falls - falls.mean()) ** 2).sum() / falls.size**2
    wanted = photos.var() / 20 + lenders.var(ddof=1) / 8 - chance
    assert sample.drawn_means().var() == pytest.approx(wanted, rel=0.1)  # 2000 draws
    assert sample.drawn_means().mean() == pytest.approx(falls.mean(), abs=0.01)


def test_lenders_that_differ_by_chance_alone_move_little() -> None:
    random = np.random.default_rng(0)
    found = [float(moves_of(grid(random.normal(0.4, 0.2, (20, 8))))[0]) for _ in range(200)]
    assert np.mean(found) < 0.5 * 0.2**2 / (20 * 8)
    assert np.median(found) == 0


def test_lenders_are_drawn_within_their_class() -> None:
    """Backgrounds of ducks mislead and those of cups do not, which no choice of lenders changes."""
    rows: list[Row] = []
    for _ in range(20):
        ducks, cups = (
            [(f"{name}{number}", fall) for number in range(4)] for name, fall in (("d", 0.8), ("c", 0.1))
        )
        both = need(ducks), need(cups, "cup")
        rows.append([Need(0.45, [*both[0].falls, *both[1].falls])])
    assert moves_of(rows) == pytest.approx([0], abs=1e-12)
    alone = [
        [Need(0.45, [(part._replace(class_name=part.lender), fall) for part, fall in row[0].falls])]
        for row in rows
        if row[0] is not None
    ]
    falls = np.array([0.8] * 4 + [0.1] * 4)
    assert moves_of(alone) == pytest.approx([falls.var(ddof=1) / 8 - falls.var() / 160], rel=1e-9)


def test_a_film_counts_as_one_photograph_with_all_its_lenders() -> None:
    falls = np.random.default_rng(0).normal(0.4, 0.1, (20, 8))
    whole = grid(falls)
    frames: list[Row] = []
    for (each,) in whole:
        assert each is not None
        parts = each.falls[:4], each.falls[4:]
        frames += [[Need(float(np.mean([fall for _, fall in some])), some)] for some in parts]
    films = [f"{number // 2}.mp4" for number in range(40)]
    one, other = need_sample(whole, [None] * 20), need_sample(frames, films)
    assert other.values == pytest.approx(one.values, abs=1e-12)
    assert moves_of(frames, films) == pytest.approx(moves_of(whole), abs=1e-12)


def test_photographs_without_one_of_the_needs_are_left_out() -> None:
    falls = np.random.default_rng(0).normal(0.4, 0.1, (20, 8))
    whole = grid(falls)
    found = need_sample([*whole, [None]], [None] * 21)
    assert found.values == pytest.approx(need_sample(whole, [None] * 20).values)
    assert need_sample([[None, None]], [None]).values.shape == (0, 2)


def test_the_share_is_that_of_plain_numpy() -> None:
    random = np.random.default_rng(2)
    background, thing = random.normal(0.3, 0.2, 30), random.normal(0.5, 0.2, 30)
    found = background_share(NeedSample(np.stack([background, thing], axis=1)))
    assert found is not None
    assert found.mean == pytest.approx(background.mean() / (background.mean() + thing.mean()), abs=1e-12)
    draws = np.random.default_rng(0).integers(0, 30, (2000, 30))
    shares = [
        max(background[each].mean(), 0) / (max(background[each].mean(), 0) + max(thing[each].mean(), 0))
        for each in draws
    ]
    assert found.low == pytest.approx(np.quantile(shares, 0.025), abs=1e-6)
    assert found.high == pytest.approx(np.quantile(shares, 0.975), abs=1e-6)
    assert found.count == 30
    assert background_share(NeedSample(np.array([[0.0, 0.0], [-0.1, 0.0]]))) is None


def test_intervals_hold_the_truth_in_about_95_of_100_repetitions() -> None:
    """Needs as they occur: most photographs near 0 or near 1, and both needs of a photograph depend on each other."""
    random = np.random.default_rng(3)
    held_share = held_mean = 0
    for _ in range(100):
        depends = random.random(60) < 0.7
        background = np.where(depends, random.beta(5, 2, 60), random.beta(1, 9, 60))
        thing = np.where(depends, random.beta(1, 9, 60), random.beta(4, 2, 60))
        true_background = 0.7 * 5 / 7 + 0.3 * 1 / 10
        true_thing = 0.7 * 1 / 10 + 0.3 * 4 / 6
        share = background_share(NeedSample(np.stack([background, thing], axis=1)))
        assert share is not None
        held_share += share.low <= true_background / (true_background + true_thing) <= share.high
        mean = bootstrap_mean(background)
        held_mean += mean.low <= true_background <= mean.high
    assert 90 <= held_share <= 99
    assert 90 <= held_mean <= 99


@dataclass(frozen=True)
class Nature:
    """Logits of p vary with the photograph, with the lender, and with both together, each with its own deviation."""

    photo: float = 1.0
    lender: float = 1.0
    both: float = 1.0

    def rows(self, random: np.random.Generator, photos: int, lenders: int) -> list[Row]:
        """Return two needs of each photograph, with four of the lenders."""
        own = random.normal(0, self.photo, photos)
        lent = random.normal(0, self.lender, (2, lenders))
        rows: list[Row] = []
        for each in own:
            drawn = random.permutation(lenders)[:4]
            row = []
            for which, middle in enumerate((1.5, -1.5)):
                p = _sigmoid(middle + each + lent[which, drawn] + random.normal(0, self.both, len(drawn)))
                row.append(
                    need([(f"{one}", float(_sigmoid(3 + each) - q)) for one, q in zip(drawn, p, strict=True)])
                )
            rows.append(row)
        return rows

    def means(self) -> Numbers:
        """Return the two needs that all photographs and lenders have on average."""
        random = np.random.default_rng(99)
        own = random.normal(0, self.photo, 400_000)
        rest = random.normal(0, np.hypot(self.lender, self.both), (2, 400_000))
        return np.array(
            [
                (_sigmoid(3 + own) - _sigmoid(m + own + each)).mean()
                for m, each in zip((1.5, -1.5), rest, strict=True)
            ]
        )


def _sigmoid(logits: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float64)


def held(nature: Nature, photos: int, lenders: int, tries: int) -> tuple[Numbers, Numbers]:
    """Return the share of tries in which the intervals of both needs and of the share hold the truth.

    Returns:
        Those of intervals that draw photographs and lenders, and those of intervals that draw photographs alone.
    """
    random, means, found = np.random.default_rng(1), nature.means(), np.zeros((2, 3))
    truths = [*means, means[0] / means.sum()]
    for _ in range(tries):
        both = need_sample(nature.rows(random, photos, lenders), [None] * photos)
        for which, sample in enumerate((both, replace(both, moves=()))):
            intervals = [*sample.means_with_intervals(), background_share(sample)]
            found[which] += [
                each is not None and each.low <= truth <= each.high
                for each, truth in zip(intervals, truths, strict=True)
            ]
    return found[0] / tries, found[1] / tries


@pytest.mark.audits
@pytest.mark.parametrize(("photos", "lenders"), [(24, 24), (40, 20), (200, 20)])
def test_intervals_hold_the_truth_for_other_photographs_and_other_lenders(photos: int, lenders: int) -> None:
    found, by_photographs_alone = held(Nature(), photos, lenders, 500)
    assert np.all((found >= 0.90) & (found <= 0.99))
    assert np.all(by_photographs_alone < 0.85)


@pytest.mark.audits
def test_where_lenders_do_not_differ_the_intervals_are_no_wider_than_they_must_be() -> None:
    found, by_photographs_alone = held(Nature(photo=1.5, lender=0), 24, 20, 500)
    assert np.all((found >= 0.90) & (found <= 0.99))
    assert np.all(found - by_photographs_alone <= 0.03)


@pytest.mark.audits
def test_few_lenders_are_those_whose_intervals_are_too_narrow() -> None:
    assert np.all(held(Nature(), 20, FEW_LENDERS, 500)[0] >= 0.88)
    assert np.all(held(Nature(), 20, 3, 500)[0] < 0.85)
