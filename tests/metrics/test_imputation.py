from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from metric_networks import random_explainer, scores_of
from networks import picture

from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Scores
from live_gradcam.metrics.imputation import linear_imputation, noisy_imputation, road, road_pictures


def solved(image: Any, missing: Any) -> Any:
    """The system of the paper, written down pixel by pixel and solved directly."""
    height, width = missing.shape
    places = [(int(row), int(column)) for row, column in np.argwhere(missing)]
    number = {place: at for at, place in enumerate(places)}
    matrix, right = np.zeros((len(places), len(places))), np.zeros((len(places), 3))
    for at, (row, column) in enumerate(places):
        for down, across in itertools.product((-1, 0, 1), repeat=2):
            other = (row + down, column + across)
            if (down, across) == (0, 0) or not (0 <= other[0] < height and 0 <= other[1] < width):
                continue
            weight = 1 / 6 if 0 in (down, across) else 1 / 12
            matrix[at, at] += weight
            if other in number:
                matrix[at, number[other]] -= weight
            else:
                right[at] += weight * image[other]
    result = image.astype(np.float64)
    result[missing] = np.linalg.solve(matrix, right)
    return result


@pytest.mark.parametrize(
    ("share", "shape"), [(0.1, (12, 11)), (0.5, (16, 16)), (0.9, (13, 17)), (0.99, (9, 9))]
)
def test_the_missing_pixels_solve_the_system_of_the_paper(share: float, shape: tuple[int, int]) -> None:
    image = picture(*shape)
    missing = np.random.default_rng(1).random(shape) < share
    np.testing.assert_allclose(linear_imputation(image, missing), solved(image, missing), atol=1e-3)


def test_a_hole_in_a_ramp_is_filled_with_the_ramp() -> None:
    """The weighted mean of the neighbours of a linear function is its own value."""
    ramp = np.broadcast_to(np.arange(0, 240, 5, dtype=np.uint8)[:, None], (48, 48))
    image = np.stack([ramp, ramp, ramp], axis=2)
    missing = np.zeros((48, 48), np.bool_)
    missing[8:40, 10:38] = True
    np.testing.assert_allclose(linear_imputation(image, missing), image, atol=1e-3)


def test_a_large_picture_with_little_left_is_solved() -> None:
    image = picture(224, 224)
    missing = np.random.default_rng(2).random((224, 224)) < 0.5
    missing[40:200, 30:190] = True
    found = linear_imputation(image, missing)
    inner = found[1:-1, 1:-1]
    around = (
        sum(found[1 + a : 223 + a, 1 + b : 223 + b] for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0))) / 6
        + sum(found[1 + a : 223 + a, 1 + b : 223 + b] for a, b in itertools.product((-1, 1), repeat=2)) / 12
    )
    apart = np.abs(inner - around)[missing[1:-1, 1:-1]]
    assert apart.max() < 1e-3
    assert (found[~missing] == image[~missing]).all()


def test_noise_lies_on_missing_pixels_only_and_is_the_same_for_every_mask() -> None:
    image = np.full((40, 40, 3), 100, np.uint8)
    masks = np.random.default_rng(3).random((2, 40, 40)) < 0.5
    first, second = (noisy_imputation(image, each, noise=4.0, seed=7) for each in masks)
    assert (first[~masks[0]] == 100).all()
    both = masks[0] & masks[1]
    assert (first[both] == second[both]).all()
    assert np.std(first[masks[0]].astype(float)) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_road_is_the_mean_probability_in_both_orders(seed: int) -> None:
    explainer = random_explainer(seed)
    image = picture(16, 16, seed)
    heat = np.random.default_rng(seed).random((16, 16)).astype(np.float32)
    score = scores_of(explainer, 2)
    order = sorted(np.ndindex(16, 16), key=lambda place: -float(heat[place]))
    means = []
    for places in (order, order[::-1]):
        found = []
        for share in (0.2, 0.6):
            missing = np.zeros((16, 16), np.bool_)
            for place in places[: round(share * 256)]:
                missing[place] = True
            levels = np.floor(solved(image, missing) + 0.5 + 1e-3)  # halves up
            found.append(score([levels.astype(np.uint8)])[0])
        means.append(np.mean(found))
    result = road(image, heat, score, shares=(0.2, 0.6), noise=0)
    assert result.most == pytest.approx(means[0], abs=1e-6)
    assert result.least == pytest.approx(means[1], abs=1e-6)
    assert result.combined == pytest.approx((means[1] - means[0]) / 2, abs=1e-6)


def test_the_hottest_pixels_are_imputed_first_then_the_coldest() -> None:
    image = picture(10, 10)
    heat = np.arange(100, dtype=np.float32).reshape(10, 10)
    most, least = road_pictures(image, heat, (0.5,), noise=0)
    assert (most[:5] == image[:5]).all()
    assert (least[5:] == image[5:]).all()
    assert not (most[5:] == image[5:]).all()


def test_a_network_that_sees_one_part_is_found_out() -> None:
    """The score falls if that part is imputed: it becomes grey, as its surroundings are."""
    image = np.full((32, 32, 3), 60, np.uint8)
    image[8:16, 8:16] = 255

    def bright(pictures: Sequence[Pixels]) -> Scores:
        return np.array([each[8:16, 8:16].mean() / 255 for each in pictures])

    heat = np.zeros((32, 32), np.float32)
    heat[8:16, 8:16] = 1
    right = road(image, heat, bright, shares=(0.1, 0.2, 0.5))
    wrong = road(image, np.roll(heat, (16, 16), (0, 1)), bright, shares=(0.1, 0.2, 0.5))
    assert right.combined > 0.25
    assert abs(wrong.combined) < 0.05
