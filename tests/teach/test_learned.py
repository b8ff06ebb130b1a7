from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from lessons import extractor_for, figures
from networks import pooled_network

from live_gradcam.models.loading import load_model
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.examples import PARTS, Burst, Examples, burst_of
from live_gradcam.teach.learned import (
    ClassDifference,
    HeatShares,
    Learned,
    class_differences,
    heat_share,
    heat_shares,
)


def burst(parts: npt.ArrayLike, *, frames: int = 10, reached: float = 0.2, found_by: Any = "motion") -> Burst:
    divided = np.asarray(parts, np.float32)
    return Burst(
        features=np.broadcast_to(divided.sum(axis=0), (frames, 4, divided.shape[1])).copy(),
        parts=divided,
        reached=reached,
        frames=frames,
        found_by=found_by,
        samples=np.zeros((1, 4, 4, 3), np.uint8),
        covered=np.ones((1, 1, 1), np.bool_),
        shown_at=0.0,
    )


def head(*labels: str, features: int = 3, seed: int = 0) -> TaughtHead:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(features, len(labels))).astype(np.float32)
    return TaughtHead(labels, kernel, random.normal(size=len(labels)).astype(np.float32))


def parts(seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).random((5, 3))


def test_the_parts_sum_to_the_mean_difference_of_the_logits_over_all_frames() -> None:
    shown = (
        Examples().with_burst("mug", burst(parts(0), frames=30)).with_burst("mug", burst(parts(1), frames=10))
    )
    shown = shown.with_burst("pen", burst(parts(2))).with_burst("key", burst(parts(3)))
    taught = head("mug", "pen", "key")
    found = class_differences(taught, shown)
    assert [(each.first, each.second) for each in found] == [("mug", "pen"), ("mug", "key"), ("pen", "key")]
    features = {
        name: np.concatenate([each.features[:, 0] for each in shown.bursts_of(name)]) for name in shown.labels
    }
    for each in found:
        a, b = taught.labels.index(each.first), taught.labels.index(each.second)
        means = [
            (taught.logits(features[name])[:, a] - taught.logits(features[name])[:, b]).mean()
            for name in (each.first, each.second)
        ]
        assert each.difference == pytest.approx(means[0] - means[1], abs=1e-5)
        assert sum(each.parts) == pytest.approx(each.difference, abs=1e-9)


def test_each_part_is_what_its_features_add() -> None:
    shown = Examples().with_burst("mug", burst(parts(0))).with_burst("pen", burst(parts(2)))
    taught = head("mug", "pen")
    (found,) = class_differences(taught, shown)
    weight = (taught.kernel[:, 0] - taught.kernel[:, 1]).astype(np.float64)
    for number, part in enumerate(found.parts):
        expected = (parts(0).astype(np.float32)[number] - parts(2).astype(np.float32)[number]) @ weight
        assert part == pytest.approx(expected, abs=1e-6)


def only(**logits: float) -> npt.NDArray[np.float64]:
    """Parts of one feature, with what each adds."""
    return np.array([[logits.get(part, 0.0)] for part in PARTS])


def difference(reached: float = 0.25, found_by: Any = "motion", **logits: float) -> ClassDifference:
    shown = Examples().with_burst("mug", burst(only(**logits), reached=reached, found_by=found_by))
    shown = shown.with_burst("banana", burst(only(), reached=reached))
    taught = TaughtHead(("mug", "banana"), np.array([[1.0, 0.0]], np.float32), np.zeros(2, np.float32))
    (found,) = class_differences(taught, shown)
    return found


def test_a_background_alone_counts_as_the_background_also_around_the_thing() -> None:
    # Of a uniform background, a quarter lies in the thing's places.
    found = difference(reached=0.25, thing=1.0, left=0.75, right=0.75, above=0.75, below=0.75)
    assert found.background == pytest.approx(1.0)


def test_a_thing_alone_has_no_background() -> None:
    assert difference(thing=3.0).background == 0
    assert difference(thing=3.0).warning == ""


@pytest.mark.parametrize(
    ("logits", "where"),
    [
        ({"left": 1.0, "right": 0.9}, "left and right of them"),
        ({"left": 1.0}, "left of them"),
        ({"below": 1.0, "left": 0.1}, "below them"),
        ({"above": 1.0, "below": 0.8}, "above and below them"),
        ({"right": 1.0, "above": 0.8, "left": -1.0}, "right of and above them"),
        ({"left": 1.0, "right": 1.0, "above": 1.0}, "around them"),
        ({"left": 1.0, "right": 1.0, "above": 1.0, "below": 1.0}, "around them"),
    ],
)
def test_the_warning_names_where_the_classes_differ_and_what_to_do(
    logits: dict[str, float], where: str
) -> None:
    wanted = f"mug and banana are told apart by what lies {where}: show both in front of the same wall"
    assert difference(**logits).warning == wanted


def test_where_nothing_moved_the_warning_speaks_of_the_middle_of_the_picture() -> None:
    assert (
        "what lies left of the middle of the picture: show" in difference(left=1.0, found_by="middle").warning
    )


def test_the_warning_comes_from_more_than_half_on() -> None:
    assert difference(reached=0.25, thing=5.1, left=3.0).background < 0.5
    assert difference(reached=0.25, thing=5.1, left=3.0).warning == ""
    assert difference(reached=0.25, thing=4.9, left=3.0).warning


def test_classes_that_are_not_told_apart_give_no_warning() -> None:
    found = difference(left=-1.0)
    assert found.difference < 0
    assert found.warning == ""


def test_a_thing_that_fills_the_frame_has_no_background() -> None:
    assert difference(reached=1.0, thing=1.0).background == 0


def test_the_worst_pair_is_warned_of_first() -> None:
    shown = Examples()
    for name, logits in (("a", {}), ("b", {"thing": 1.0, "left": 2.0}), ("c", {"thing": -4.0, "left": -9.0})):
        shown = shown.with_burst(name, burst(only(**logits)))
    kernel = np.array([[0.0, 1.0, -1.0]], np.float32)
    found = Learned(class_differences(TaughtHead(("a", "b", "c"), kernel, np.zeros(3, np.float32)), shown))
    # The shares are 9 / 0.8 of 13, 11 / 0.8 of 16, and 2 / 0.8 of 3.
    assert [each.partition(" are")[0] for each in found.warnings] == ["a and c", "b and c", "a and b"]


def test_the_share_of_the_heat_is_that_of_the_positive_sums_in_the_things_places() -> None:
    maps = np.zeros((2, 1, 3, 2), np.float32)
    maps[0, 0, :, 0] = (3, 1, -2)
    maps[1, 0, :, 1] = (1, 1, 2)
    covered = np.array([[[True, False, True]], [[False, False, True]]])
    found = heat_share(maps, covered, np.array([1.0, 2.0], np.float32))
    assert found == pytest.approx((3 / 4 + 4 / 8) / 2)
    assert heat_share(-maps[:1], covered[:1], np.array([0.0, 1.0], np.float32)) is None


def test_the_heat_is_measured_on_the_pictures_that_were_kept() -> None:
    extractor = extractor_for(load_model(pooled_network(), preprocess="tf"))
    pictures = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), np.uint8)
    shown = Examples().with_burst("a", burst_of(extractor, pictures, 0.0))
    shown = shown.with_burst("b", burst_of(extractor, 255 - pictures, 0.0))
    taught = head("a", "b", features=6)
    found = heat_shares(extractor, taught, shown).shares
    for number, name in enumerate(taught.labels):
        (only_burst,) = shown.bursts_of(name)
        assert len(only_burst.samples) == 4
        shares = []
        for picture, covered in zip(only_burst.samples, only_burst.covered, strict=True):
            heat = np.maximum(extractor.maps(picture[None])[0] @ taught.kernel[:, number], 0)
            shares.append(heat[covered].sum() / heat.sum())
        assert found[name] == pytest.approx(np.mean(shares), rel=1e-4)


def test_the_heat_is_measured_on_the_newest_bursts_only() -> None:
    extractor = extractor_for(load_model(pooled_network(), preprocess="tf"))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 9, 16, 16, 3), np.uint8)
    three = Examples()
    for each in pictures:
        three = three.with_burst("a", burst_of(extractor, each, 0.0))
    two = Examples(bursts=three.bursts[1:])
    taught = head("a", features=6)
    assert heat_shares(extractor, taught, three) == heat_shares(extractor, taught, two)


def test_where_the_heat_lies_is_said_for_each_of_a_few_classes_and_as_a_range_for_many() -> None:
    few = {"a": 0.171, "c": 0.2}
    assert HeatShares(few).sentence == "heat on the thing: a 17%, c 20%"
    assert HeatShares(few, "middle").sentence == "heat in the middle: a 17%, c 20%"
    many = {"a": 0.5, "b": 0.1, "c": 0.3, "d": 0.2}
    assert HeatShares(many).sentence == "heat on the thing: 10% (b) to 50% (a)"
    assert HeatShares({}).sentence == ""


def test_sentences_follow_other_names_and_nothing_else_in_them_changes() -> None:
    found = Learned((difference(left=1.0),), HeatShares({"mug": 0.1, "banana": 0.2})).renamed({"mug": "a"})
    assert found.warnings[0].startswith("a and banana are told apart by")
    again = found.renamed({"a": "heat"})
    assert again.warnings[0].startswith("heat and banana are told apart by")
    assert again.heat.sentence == "heat on the thing: heat 10%, banana 20%"


@pytest.mark.lessons
@pytest.mark.long
def test_a_planted_shortcut_is_told_and_gone_when_both_backgrounds_are_taught() -> None:
    found = figures(extractor_for(load_model("efficientnet-lite0")), 9)
    assert "first and second are told apart by what lies" in found.shortcut.warning
    assert found.same.warning == found.both.warning == ""
    assert found.follows >= 0.9
    assert found.right >= 0.95
    assert found.heat_after >= 2.5 * found.heat_before
