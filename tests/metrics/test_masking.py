"""The masking test: its pictures, its controls, and that it tells a true map from a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes import explained

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import Faithfulness, MaskedScores
from live_gradcam.heatmap import over_region
from live_gradcam.metrics.changed_pictures import (
    baseline_picture,
    heat_over,
    hottest,
    hottest_first,
    mixed,
    seen_part,
)
from live_gradcam.metrics.controls import central, control_map, shifted, shuffled
from live_gradcam.metrics.masking import MaskingTest, faithfulness

Array = npt.NDArray[Any]


def spotted(row: int, column: int, cells: int = 7) -> Array:
    """Return a map that is hot in one cell."""
    heat = np.zeros((cells, cells), np.float32)
    heat[row, column] = 1.0
    return heat


def explanation_of(heatmap: Array, size: int = 56) -> Explanation:
    """Return an explanation of a square frame whose network saw all of it."""
    return explained((0, 0, size, size), heatmap)


def test_the_hottest_part_is_a_share_of_the_area() -> None:
    heat = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    for share in (0.0, 0.1, 0.37, 1.0):
        mask = hottest(heat, share)
        assert mask.sum() == round(share * heat.size)
        assert not mask.any() or not (~mask).any() or heat[mask].min() >= heat[~mask].max()


def test_pixels_without_heat_are_never_the_hottest_and_equal_ones_come_in_reading_order() -> None:
    heat = np.zeros((4, 5), np.float32)
    heat[1, 2] = heat[3, 0] = 0.5
    heat[2, 4] = 1.0
    assert hottest(heat, 0.5).sum() == 3
    assert hottest_first(heat)[:4].tolist() == [2 * 5 + 4, 1 * 5 + 2, 3 * 5, 0]
    assert np.flatnonzero(hottest(heat, 0.1)).tolist() == [1 * 5 + 2, 2 * 5 + 4]


def test_the_heat_over_a_part_of_the_frame_is_the_frame_s_own() -> None:
    heatmap = np.random.default_rng(1).random((7, 7)).astype(np.float32)
    explanation = explained((280, 0, 720, 720), heatmap)
    own = over_region(heatmap, (224, 224))
    np.testing.assert_array_equal(heat_over(explanation, (280, 0, 720, 720), (224, 224)), own)
    whole = heat_over(explanation, (0, 0, 1280, 720), (1280, 720))
    np.testing.assert_array_equal(whole[:, 280:1000], over_region(heatmap, (720, 720)))
    assert not whole[:, :280].any()
    assert not whole[:, 1000:].any()


@pytest.mark.parametrize(
    ("fit", "size", "part"),
    [
        ("crop", (224, 224), (280, 0, 720, 720)),
        ("stretch", (224, 224), (0, 0, 1280, 720)),
        ("pad", (224, 126), (0, 0, 1280, 720)),
        ("wide", (384, 224), (0, 0, 1280, 720)),
        ("scan", (1280, 720), (0, 0, 1280, 720)),
    ],
)
def test_the_part_that_the_network_sees_has_the_scale_of_its_input(
    fit: Any, size: tuple[int, int], part: tuple[int, int, int, int]
) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (720, 1280, 3), np.uint8)
    picture, found = seen_part(frame, fit, (224, 224))
    assert picture.shape == (size[1], size[0], 3)
    assert found == part
    again, whole = seen_part(picture, fit, (224, 224))
    np.testing.assert_array_equal(again, picture)  # the same fit changes nothing more
    assert whole == (0, 0, *size)


def test_baselines_take_away_what_they_say() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    assert not baseline_picture(picture, "black").any()
    mean = baseline_picture(picture, "mean")
    assert (mean == mean[0, 0]).all()
    np.testing.assert_allclose(mean[0, 0], picture.mean(axis=(0, 1)), atol=0.5)
    blurred = baseline_picture(picture, "blur").astype(float)
    assert blurred.std() < 0.2 * picture.std()
    np.testing.assert_allclose(blurred.mean(axis=(0, 1)), picture.mean(axis=(0, 1)), atol=4)


def test_a_mask_and_the_rest_make_the_whole_picture() -> None:
    rng = np.random.default_rng(4)
    picture, other = rng.integers(0, 256, (2, 9, 8, 3), np.uint8)
    mask = rng.random((9, 8)) < 0.3
    alone, without = mixed(picture, other, mask), mixed(picture, other, ~mask)
    np.testing.assert_array_equal(np.where(mask[..., None], alone, without), picture)
    np.testing.assert_array_equal(np.where(mask[..., None], without, alone), other)


def test_controls_have_as_much_heat_elsewhere() -> None:
    heat = np.random.default_rng(5).random((8, 12)).astype(np.float32)
    moved = shifted(heat)
    np.testing.assert_array_equal(moved[4:, 6:], heat[:4, :6])
    np.testing.assert_array_equal(shifted(moved), heat)
    mixed_up = shuffled(heat, seed=1)
    np.testing.assert_array_equal(np.sort(mixed_up, axis=None), np.sort(heat, axis=None))
    assert not np.array_equal(mixed_up, heat)
    np.testing.assert_array_equal(mixed_up, shuffled(heat, seed=1))
    assert shuffled(np.ones((224, 224), np.float32)).shape == (16, 16)
    middle = central((20, 30))
    assert divmod(int(middle.argmax()), 30) in ((9, 14), (9, 15), (10, 14), (10, 15))
    np.testing.assert_allclose(middle, middle[::-1, ::-1], rtol=1e-6)


def brightness_of(patch: tuple[slice, slice]) -> Any:
    """Return the score function of a network that sees one patch of the picture only: its share of white."""

    def score(pictures: Sequence[Array]) -> Array:
        return np.array([each[patch].mean() / 255 for each in pictures], np.float64)

    return score


@pytest.mark.parametrize("number", range(20))
def test_the_true_map_holds_and_a_wrong_one_does_not(number: int) -> None:
    """The answer is known: only the pixels of one cell matter."""
    row, column = np.random.default_rng(number).integers(0, 7, 2).tolist()
    patch = slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)
    picture = np.zeros((56, 56, 3), np.uint8)
    picture[patch] = 255
    score = brightness_of(patch)
    part = (0, 0, 56, 56)
    true = faithfulness(
        picture, part, explanation_of(spotted(row, column)), score, share=0.1, baseline="black"
    )
    assert true.probability == 1.0
    assert true.heat.alone > 0.95
    assert true.heat.without < 0.05
    assert true.holds
    wrong = explanation_of(spotted((row + 3) % 7, (column + 3) % 7))
    found = faithfulness(picture, part, wrong, score, share=0.1, baseline="black")
    assert found.heat.alone == 0.0
    assert not found.holds


def test_the_pictures_are_the_hottest_part_alone_and_all_but_it_for_each_map() -> None:
    picture = np.random.default_rng(6).integers(0, 256, (56, 56, 3), np.uint8)
    explanation = explanation_of(spotted(1, 2))
    test = MaskingTest(picture, (0, 0, 56, 56), explanation, share=0.2, baseline="black")
    heat = heat_over(explanation, (0, 0, 56, 56), (56, 56))
    maps = [heat, *(control_map(name, heat, explanation, (0, 0, 56, 56)) for name in ("shifted", "shuffled"))]
    assert len(test) == 6
    for number, each in enumerate(maps):
        mask = hottest(each, 0.2)[..., None]
        np.testing.assert_array_equal(test.picture(2 * number), picture * mask)
        np.testing.assert_array_equal(test.picture(2 * number + 1), picture * ~mask)
    result = test.result(0.8, [0.6, 0.1, 0.0, 0.7, 0.2, 0.5])
    assert result.heat == MaskedScores(0.6, 0.1)
    assert result.controls == (("shifted", MaskedScores(0.0, 0.7)), ("shuffled", MaskedScores(0.2, 0.5)))
    assert result.elsewhere is not None
    assert (result.elsewhere.alone, result.elsewhere.without) == pytest.approx((0.1, 0.6))
    assert result.margin == pytest.approx(0.5 / 0.8 + (0.7 + 0.3) / 2 / 0.8)
    assert result.holds


@pytest.mark.parametrize(
    ("heat", "control", "holds"),
    [
        ((0.5, 0.1), (0.1, 0.5), True),
        ((0.5, 0.1), (0.5, 0.2), True),
        ((0.5, 0.1), (0.5, 0.13), False),  # the control is as good, but for less than the margin
        ((0.1, 0.2), (0.0, 0.9), False),  # the rest says it better than the hottest part
        ((0.1, 0.01), (0.0, 0.5), False),  # alone, the hottest part keeps less than a quarter
        ((0.0, 0.0), (0.0, 0.0), False),
    ],
)
def test_the_heat_holds_if_it_decides_and_beats_its_control(
    heat: tuple[float, float], control: tuple[float, float], holds: bool
) -> None:
    found = Faithfulness(
        label="cup",
        probability=0.5,
        heat=MaskedScores(*heat),
        controls=(("shifted", MaskedScores(*control)),),
    )
    assert found.holds is holds
    assert found.said["holds"] is holds


def test_without_controls_or_probability_nothing_holds() -> None:
    alone = Faithfulness(label="cup", probability=0.9, heat=MaskedScores(0.9, 0.0))
    assert (alone.margin, alone.elsewhere, alone.holds) == (None, None, None)
    sure = Faithfulness(
        label="cup",
        probability=0.9,
        heat=MaskedScores(0.9, 0.0),
        controls=(("shifted", MaskedScores(0.1, 0.5)),),
    )
    assert sure.holds
    assert replace(sure, is_sure=False).holds is None
    assert MaskedScores(0.2, 0.1).score(0.0) == 0.0
