from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from lessons import extractor_for
from networks import pooled_network

from live_gradcam.errors import ModelError
from live_gradcam.models.loading import load_model
from live_gradcam.teach.examples import (
    MOST_EXAMPLES,
    MOST_IN_BURST,
    Burst,
    Examples,
    burst_of,
    divided,
    evenly,
    quotas,
)
from live_gradcam.teach.feature_extractor import FeatureExtractor, altered_copies, pooled
from live_gradcam.teach.thing_places import ThingPlaces


def burst(count: int = 3, *, seed: int = 0, features: int = 5) -> Burst:
    random = np.random.default_rng(seed)
    return Burst(
        features=random.random((count, 4, features)).astype(np.float32),
        parts=random.random((5, features)).astype(np.float32),
        reached=0.3,
        frames=count,
        found_by="motion",
        samples=np.zeros((1, 16, 16, 3), np.uint8),
        covered=np.ones((1, 2, 2), np.bool_),
        shown_at=float(seed),
    )


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return extractor_for(load_model(pooled_network(), preprocess="tf"))


def pictures(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)


def test_a_bursts_features_are_those_of_its_pictures_and_of_their_altered_copies(
    extractor: FeatureExtractor,
) -> None:
    shown = pictures(3)
    found = burst_of(extractor, shown, 12.5)
    assert found.features.shape == (3, 4, 6)
    for number, picture in enumerate(shown):
        left, top = ((0, 0), (2, 2), (2, 0))[number]
        part = picture[top : top + 14, left : left + 14]
        cropped = cv2.resize(part, (16, 16), interpolation=cv2.INTER_LINEAR)
        copies = np.stack([picture, picture[:, ::-1], cropped, cropped[:, ::-1]])
        np.testing.assert_allclose(found.features[number], pooled(extractor.maps(copies)), atol=1e-6)
    assert (found.frames, found.found_by, found.shown_at) == (3, "middle", 12.5)
    np.testing.assert_array_equal(found.samples, shown)


def test_the_parts_of_a_burst_sum_to_the_mean_of_its_features(extractor: FeatureExtractor) -> None:
    found = burst_of(extractor, pictures(5), 0.0)
    np.testing.assert_allclose(found.parts.sum(axis=0), found.features[:, 0].mean(axis=0), atol=1e-6)


def test_known_feature_maps_are_taken_as_they_are(extractor: FeatureExtractor) -> None:
    shown = pictures(4)
    maps = extractor.maps(shown)
    given = burst_of(extractor, shown, 0.0, maps=2 * maps)
    np.testing.assert_allclose(given.features[:, 0], 2 * pooled(maps), rtol=1e-6)


def test_a_long_burst_is_thinned_out_evenly_over_its_time(extractor: FeatureExtractor) -> None:
    shown = pictures(150)
    found = burst_of(extractor, shown, 0.0)
    assert len(found.features) == MOST_IN_BURST
    np.testing.assert_allclose(found.features[-1, 0], pooled(extractor.maps(shown[-1:]))[0], atol=1e-6)


def test_an_empty_burst_is_refused(extractor: FeatureExtractor) -> None:
    with pytest.raises(ModelError, match="no picture was given to learn from"):
        burst_of(extractor, pictures(0), 0.0)


def test_pictures_of_another_size_are_refused(extractor: FeatureExtractor) -> None:
    with pytest.raises(
        ModelError, match=r"a picture \(8, 8, 3\) cannot be taught: this network takes \(16, 16, 3\)"
    ):
        burst_of(extractor, np.zeros((1, 8, 8, 3), np.uint8), 0.0)


def test_the_division_gives_each_place_to_the_thing_or_to_its_side() -> None:
    random = np.random.default_rng(4)
    maps = random.random((3, 5, 7, 2)).astype(np.float32)
    reached = random.random((3, 5, 7)) < 0.2
    expected = np.zeros((5, 2))
    for number in range(3):
        inside = np.argwhere(reached[number])
        centre_y, centre_x = ((inside + 0.5) / (5, 7)).mean(axis=0) if len(inside) else (0.0, 0.0)
        for y, x in np.ndindex(5, 7):
            value = maps[number, y, x] / (3 * 35)
            if reached[number, y, x]:
                expected[0] += value
                continue
            across, down = (x + 0.5) / 7 - centre_x, (y + 0.5) / 5 - centre_y
            side_x, side_y = (1 if across < 0 else 2), (3 if down < 0 else 4)
            if np.isclose(abs(across), abs(down)):
                expected[side_x] += value / 2
                expected[side_y] += value / 2
            else:
                expected[side_x if abs(across) > abs(down) else side_y] += value
    found = divided(maps, ThingPlaces(reached, reached, "motion"))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_frame_in_which_the_thing_fills_everything_has_no_sides() -> None:
    every = np.ones((1, 2, 2), np.bool_)
    found = divided(np.ones((1, 2, 2, 1), np.float32), ThingPlaces(every, every, "middle"))
    assert found[:, 0].tolist() == [1, 0, 0, 0, 0]


def test_classes_are_in_the_order_in_which_they_were_first_shown() -> None:
    shown = Examples()
    for seed, name in enumerate(("mug", "pen", "mug", "key")):
        shown = shown.with_burst(name, burst(seed + 1, seed=seed))
    assert shown.labels == ("mug", "pen", "key")
    assert [shown.count(name) for name in shown.labels] == [4, 2, 4]
    rows = shown.rows()
    assert rows.labels == shown.labels
    assert rows.classes.tolist() == [0] * 4 + [1] * 8 + [0] * 12 + [2] * 16
    assert rows.bursts.tolist() == [0] * 4 + [1] * 8 + [2] * 12 + [3] * 16
    assert rows.originals.tolist() == [True, False, False, False] * 10
    np.testing.assert_array_equal(rows.rows[rows.originals][1], shown.bursts_of("pen")[0].features[0, 0])


def test_the_last_burst_is_taken_back_and_its_class_with_it() -> None:
    shown = Examples().with_burst("mug", burst()).with_burst("pen", burst())
    assert shown.without_last_burst().labels == ("mug",)
    assert shown.without_last_burst().without_last_burst().labels == ()
    with pytest.raises(ModelError, match="no burst to take back"):
        Examples().without_last_burst()


def test_a_change_leaves_the_former_examples_as_they_are() -> None:
    before = Examples().with_burst("mug", burst())
    before.with_burst("pen", burst())
    before.renamed("mug", "cup")
    before.without_class("mug")
    assert before.labels == ("mug",)


def test_a_class_is_removed_with_all_its_bursts() -> None:
    shown = Examples().with_burst("mug", burst()).with_burst("pen", burst()).with_burst("mug", burst())
    assert shown.without_class("mug").labels == ("pen",)
    with pytest.raises(ModelError, match=r"unknown class 'mgu'\. Did you mean mug"):
        shown.without_class("mgu")


def test_a_class_gets_another_name_and_keeps_its_place() -> None:
    shown = Examples().with_burst("mug", burst()).with_burst("pen", burst())
    assert shown.renamed("mug", "cup").labels == ("cup", "pen")
    assert shown.renamed("mug", "mug").labels == ("mug", "pen")
    with pytest.raises(ModelError, match="two classes are called 'pen'"):
        shown.renamed("mug", "pen")
    with pytest.raises(ModelError, match="class 1 is called ''"):
        shown.renamed("mug", "")


def test_there_are_nine_classes_at_most() -> None:
    shown = Examples()
    for number in range(9):
        shown = shown.with_burst(f"c{number}", burst())
    shown = shown.with_burst("c3", burst())
    with pytest.raises(ModelError, match="'c9' would be class 10, and 9 are the most: remove one first"):
        shown.with_burst("c9", burst())


def test_a_burst_of_another_network_is_refused() -> None:
    shown = Examples().with_burst("mug", burst())
    with pytest.raises(ModelError, match="belong to another network"):
        shown.with_burst("mug", burst(features=6))


def test_a_class_keeps_200_examples_and_the_longest_bursts_give_first() -> None:
    shown = Examples()
    for count in (20, 60, 60, 60):
        shown = shown.with_burst("mug", burst(count))
    shown = shown.with_burst("pen", burst(60))
    assert shown.count("mug") == MOST_EXAMPLES == 200
    assert [len(each.features) for each in shown.bursts_of("mug")] == [20, 60, 60, 60]
    shown = shown.with_burst("mug", burst(60))
    assert [len(each.features) for each in shown.bursts_of("mug")] == [20, 45, 45, 45, 45]
    assert shown.count("pen") == 60


def test_quotas_take_from_the_longest_and_never_more_than_needed() -> None:
    assert quotas([20, 60], 100) == [20, 60]
    assert quotas([20, 60], 50) == [20, 30]
    assert quotas([5, 4, 4], 11) == [3, 4, 4]
    assert quotas([1, 1, 1], 2) == [0, 1, 1]
    for seed in range(20):
        random = np.random.default_rng(seed)
        counts = random.integers(1, 80, 7).tolist()
        found = quotas(counts, 100)
        assert sum(found) == min(100, sum(counts))
        assert all(0 <= kept <= count for kept, count in zip(found, counts, strict=True))
        cut = [kept for kept, count in zip(found, counts, strict=True) if kept < count]
        assert not cut or max(found) - min(cut) <= 1


def test_evenly_spread_numbers_keep_both_ends_and_are_all_different() -> None:
    assert evenly(3, 5).tolist() == [0, 1, 2]
    for count in (7, 61, 100):
        found = evenly(count, 6)
        assert found[0] == 0
        assert found[-1] == count - 1
        assert len(set(found)) == 6
    assert evenly(9, 1).tolist() == [0]


def test_without_examples_there_are_no_rows() -> None:
    with pytest.raises(ModelError, match="there are no examples"):
        Examples().rows()


def test_a_cropped_copy_shows_the_corners_and_the_middle_in_turn() -> None:
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None], (100, 100, 3))
    copies = altered_copies(np.stack([ramp] * 5))
    cropped = copies[5:10]
    assert [int(each[0, 0, 0]) for each in cropped] == [0, 15, 15, 0, 8]
    assert [int(each[0, -1, 0]) for each in cropped] == [84, 99, 99, 84, 92]
    np.testing.assert_array_equal(copies[10:], cropped[:, :, ::-1])
