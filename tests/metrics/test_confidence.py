from __future__ import annotations

import numpy as np
import pytest
from metric_networks import random_explainer, scores_of
from networks import picture

from live_gradcam.metrics.confidence import Confidence, confidence, multiplied


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drop_increase_and_gain_are_those_of_the_papers(seed: int) -> None:
    explainer = random_explainer(seed)
    image = picture(16, 16, seed)
    heat = np.random.default_rng(seed).uniform(-0.5, 2, (16, 16)).astype(np.float32)
    score = scores_of(explainer, 0)
    masked = np.zeros_like(image)
    for row in range(16):
        for column in range(16):
            share = max(0.0, float(heat[row, column])) / float(heat.max())
            masked[row, column] = [round(float(level) * share) for level in image[row, column]]
    before, after = float(score([image])[0]), float(score([masked])[0])
    found = confidence(image, heat, score)
    assert found.drop == pytest.approx(max(0, before - after) / before, abs=1e-6)
    assert found.increase == (1 if after > before else 0)
    assert found.gain == pytest.approx(max(0, after - before) / (1 - before), abs=1e-6)


def test_either_something_is_lost_or_something_is_gained() -> None:
    less, more = Confidence(0.8, 0.2), Confidence(0.2, 0.8)
    assert [less.drop, less.increase, less.gain] == [pytest.approx(0.75), 0, 0]
    assert [more.drop, more.increase, more.gain] == [0, 1, pytest.approx(0.75)]


def test_what_cannot_be_lost_or_gained_is_0_and_no_division_by_0() -> None:
    assert Confidence(0.0, 0.3).drop == 0
    assert Confidence(1.0, 0.3).gain == 0


def test_a_map_that_is_the_same_everywhere_leaves_the_picture_and_one_without_heat_leaves_black() -> None:
    image = picture(8, 6)
    assert (multiplied(image, np.full((8, 6), 0.3, np.float32)) == image).all()
    assert not multiplied(image, np.zeros((8, 6), np.float32)).any()
    assert not multiplied(image, np.full((8, 6), -1, np.float32)).any()
