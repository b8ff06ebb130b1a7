"""Two models on the same photographs: differences by their formulas, their intervals, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from live_gradcam.audit.comparison import compared, plain_names, share_change, value_change
from live_gradcam.audit.findings import AuditReport, ClassComparison, PairedChange, PhotoFinding
from live_gradcam.audit.need_intervals import NeedSample
from live_gradcam.audit.verdicts import class_finding

HEAT = np.zeros((2, 2), np.float32)
Needs = npt.NDArray[np.float64]


def change_of_share(first: Needs, other: Needs, seed: int = 0) -> PairedChange | None:
    return share_change(NeedSample(np.hstack([first, other])), seed=seed)


def needs_of(
    background: float, exchange: float, count: int = 40, spread: float = 0.05, seed: int = 0
) -> Needs:
    """Return needs (count, 2) that vary around two means."""
    return np.array([background, exchange]) + spread * np.random.default_rng(seed).normal(size=(count, 2))


def photos_of(
    needs: Needs, truth: str = "elephant", *, wrong: int = 0, places: bool = True
) -> list[PhotoFinding]:
    """Return photographs with these needs; the first `wrong` ones are taken for a giraffe."""
    return [
        PhotoFinding(
            name=f"{truth.lower()}/{number}.jpg",
            truth=truth,
            predicted="giraffe" if number < wrong else truth,
            probability=0.9,
            truth_probability=0.9,
            heatmap=HEAT,
            background_need=background if places else None,
            exchange_need=exchange if places else None,
            thing_need=exchange if places else None,
            neutral_need=background if places else None,
        )
        for number, (background, exchange) in enumerate(needs.tolist())
    ]


def report(photos: Sequence[PhotoFinding], model: str) -> AuditReport:
    names = dict.fromkeys(each.truth for each in photos)
    classes = tuple(class_finding(name, [each for each in photos if each.truth == name]) for name in names)
    return AuditReport(model=model, classes=classes, photos=tuple(photos))


def change_of(first: Sequence[PhotoFinding], other: Sequence[PhotoFinding]) -> ClassComparison:
    (found,) = compared(report(first, "runs/mine.keras"), report(other, "runs/before.keras")).classes
    return found


def test_the_difference_of_shares_is_that_of_the_ratios() -> None:
    first, other = needs_of(0.1, 0.7, spread=0), needs_of(0.7, 0.1, spread=0)
    found = change_of_share(first, other)
    assert found is not None
    assert (found.first, found.other) == pytest.approx((1 / 8, 7 / 8))
    mean = found.difference
    assert (mean.mean, mean.low, mean.high) == pytest.approx((-0.75, -0.75, -0.75))
    assert mean.count == 40
    assert found.is_known


def test_the_interval_equals_a_bootstrap_that_draws_the_photographs_of_both() -> None:
    first, other = needs_of(0.2, 0.5), needs_of(0.3, 0.4, seed=1)
    random, shares = np.random.default_rng(5), []
    for drawn in random.integers(0, 40, (2000, 40)):
        both = []
        for needs in (first, other):
            background, exchange = (max(0.0, float(np.mean(needs[drawn, each]))) for each in (0, 1))
            both.append(background / (background + exchange))
        shares.append(both[0] - both[1])
    found = change_of_share(first, other, seed=5)
    assert found is not None
    assert (found.difference.low, found.difference.high) == pytest.approx(
        np.quantile(shares, (0.025, 0.975)), abs=1e-12
    )


def test_what_is_hard_for_both_makes_no_interval_wide() -> None:
    hard = 0.3 * np.random.default_rng(0).normal(size=(60, 2))
    first, other = hard + [0.45, 0.5], hard + [0.5, 0.45]
    paired, apart = change_of_share(first, other), change_of_share(first, other[::-1])
    assert paired is not None
    assert apart is not None
    assert paired.first == apart.first
    assert (paired.is_known, apart.is_known) == (True, False)


def test_the_interval_holds_the_true_difference_in_95_of_100_tries() -> None:
    random = np.random.default_rng(3)
    truth = 0.3 / 0.8 - 0.5 / 0.8
    held = 0
    for number in range(200):
        hard = 0.1 * random.normal(size=(40, 2))
        found = change_of_share(
            hard + [0.3, 0.5] + 0.1 * random.normal(size=(40, 2)),
            hard + [0.5, 0.3] + 0.1 * random.normal(size=(40, 2)),
            seed=number,
        )
        assert found is not None
        held += found.difference.low <= truth <= found.difference.high
    assert 0.90 <= held / 200 <= 0.99


def test_a_resample_without_effect_makes_the_interval_as_wide_as_it_can() -> None:
    first = np.array([[0.5, 0.0], [-0.5, 0.0]] * 2 + [[0.2, 0.0]])
    other = np.array([[0.0, 0.5]] * 5)
    found = change_of_share(first, other)
    assert found is not None
    assert (found.first, found.other) == (1.0, 0.0)
    assert (found.difference.low, found.difference.high) == (0.0, 1.0)
    assert change_of_share(first - 1, other) is None


def test_a_need_and_the_accuracy_are_compared_photograph_by_photograph() -> None:
    first, other = photos_of(needs_of(0.2, 0.5), wrong=10), photos_of(needs_of(0.3, 0.5), wrong=20)
    pairs = list(zip(first, other, strict=True))
    need, accuracy = value_change(pairs, "background_need"), value_change(pairs, "right")
    assert need is not None
    assert accuracy is not None
    assert need.difference.mean == pytest.approx(-0.1)
    assert (need.difference.low, need.difference.high) == pytest.approx((-0.1, -0.1))
    assert (accuracy.first, accuracy.other, accuracy.difference.mean) == (0.75, 0.5, 0.25)
    # The mean of 40 differences, of which ten are 1 and the rest 0.
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 40)
    assert accuracy.difference.low == pytest.approx(0.25 - spread, abs=0.03)
    assert accuracy.difference.high == pytest.approx(0.25 + spread, abs=0.03)
    without = [(replace(one, background_need=None), two) for one, two in pairs]
    assert value_change(without, "background_need") is None


def test_the_sentence_says_from_what_to_what() -> None:
    fell = change_of(photos_of(needs_of(0.08, 0.72, spread=0)), photos_of(needs_of(0.72, 0.08, spread=0)))
    assert fell.sentence == (
        "elephant: the background's share fell from 90% to 10% (difference −80 points, 95%: −80 to −80)"
    )
    assert (fell.verdict, fell.other_verdict, fell.count) == ("thing", "background", 40)
    rose = change_of(photos_of(needs_of(0.72, 0.08, spread=0)), photos_of(needs_of(0.08, 0.72, spread=0)))
    assert "share rose from 10% to 90% (difference +80 points, 95%: +80 to +80)" in rose.sentence


def test_what_may_be_an_accident_is_no_difference() -> None:
    noise = needs_of(0, 0, spread=0.3, seed=4)
    found = change_of(photos_of(needs_of(0.3, 0.5)), photos_of(needs_of(0.3, 0.5) + noise))
    assert "no difference that the photographs can show: the background's share was " in found.sentence
    assert found.share is not None
    assert not found.share.is_known
    same = change_of(photos_of(needs_of(0.3, 0.5)), photos_of(needs_of(0.3, 0.5)))
    assert same.sentence.endswith("(difference 0 points, 95%: 0 to 0)")


def test_few_photographs_cannot_tell() -> None:
    found = change_of(photos_of(needs_of(0.1, 0.7, 19)), photos_of(needs_of(0.7, 0.1, 19)))
    assert found.sentence == (
        "elephant: cannot tell: 19 photographs with a known thing for both models, and 20 are needed"
    )
    assert found.share is None
    assert found.background_need is not None  # the numbers stay
    found = change_of(
        photos_of(needs_of(0.1, 0.7, 19), places=False), photos_of(needs_of(0.7, 0.1, 19), places=False)
    )
    assert found.sentence == "elephant: cannot tell: 19 photographs, and 20 are needed"


def test_without_places_the_accuracy_is_compared() -> None:
    nowhere = needs_of(0, 0)
    found = change_of(photos_of(nowhere, places=False), photos_of(nowhere, wrong=20, places=False))
    assert found.sentence.startswith(
        "elephant: the share of recognised photographs rose from 50% to 100% (difference +50 points, 95%: +3"
    )
    same = change_of(photos_of(nowhere, places=False), photos_of(nowhere, places=False))
    assert same.sentence == (
        "elephant: no difference that the photographs can show: 100% were recognised and 100% are "
        "(difference 0 points, 95%: 0 to 0)"
    )


def test_a_model_that_nothing_shakes_has_no_share_to_compare() -> None:
    found = change_of(photos_of(needs_of(0.02, 0.01, spread=0.01), wrong=40), photos_of(needs_of(0.7, 0.1)))
    assert found.share is None
    assert "cannot tell: with mine.keras, neither another background nor another thing" in found.sentence
    assert (
        "the share of recognised photographs fell from 100% to 0% (difference −100 points" in found.sentence
    )


def test_only_common_photographs_count_and_each_model_has_its_own_names() -> None:
    first = [*photos_of(needs_of(0.1, 0.7)), *photos_of(needs_of(0.3, 0.5), "zebra")]
    other = [
        *(replace(each, truth="African elephant") for each in photos_of(needs_of(0.7, 0.1, 25))),
        *photos_of(needs_of(0.5, 0.3), "zebra"),
    ]
    found = compared(report(first, "mine"), report(other, "before"))
    assert [(each.name, each.other_name, each.count) for each in found.classes] == [
        ("elephant", "African elephant", 25),
        ("zebra", "zebra", 40),
    ]
    assert found.classes[0].other_verdict == "background"
    assert found.report.model == "before"
    assert compared(report(first, "mine"), report([], "before")).classes == ()


def test_the_class_whose_share_changed_most_comes_first_and_unknown_ones_last() -> None:
    def both(name: str, own: tuple[float, float], beside: tuple[float, float]) -> list[list[PhotoFinding]]:
        return [photos_of(needs_of(*each), name) for each in (own, beside)]

    parts = [
        both("little", (0.4, 0.4), (0.5, 0.3)),
        both("unknown", (0.0, 0.0), (0.5, 0.3)),
        both("more", (0.1, 0.7), (0.5, 0.3)),
        both("worse", (0.7, 0.1), (0.0, 0.8)),
    ]
    first, other = ([each for part in parts for each in part[which]] for which in (0, 1))
    found = compared(report(first, "mine"), report(other, "before")).classes
    assert [each.name for each in found] == ["worse", "more", "little", "unknown"]


def test_names_lose_their_folders_where_that_leaves_them_different() -> None:
    assert plain_names("runs/a/mine.keras", "runs/b/before.keras") == ("mine.keras", "before.keras")
    assert plain_names("runs/a/best.keras", "runs/b/best.keras") == ("runs/a/best.keras", "runs/b/best.keras")
    assert plain_names("vgg16", "saved/") == ("vgg16", "saved")


def test_a_share_that_rests_on_few_lenders_cannot_tell() -> None:
    own, beside = (photos_of(needs_of(*each)) for each in ((0.1, 0.7), (0.7, 0.1)))
    beside[3] = replace(beside[3], lenders=2)
    (found,) = compared(report(own, "mine"), report(beside, "before")).classes
    assert found.sentence == (
        "elephant: cannot tell: the backgrounds come from only 2 photographs of other classes, and 10 are needed: "
        "say of more of them where the thing is"
    )
    assert found.share is None
