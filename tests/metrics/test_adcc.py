from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from metric_networks import random_explainer
from networks import picture

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.adcc import adcc, coherency, complexity
from live_gradcam.metrics.changed_pictures import heat_over

WHOLE = (0, 0, 16, 16)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coherency_is_the_correlation_with_the_map_of_the_masked_picture(seed: int) -> None:
    explainer = random_explainer(seed)
    image = picture(16, 16, seed)

    def heats_of(pictures: Sequence[Pixels]) -> list[HeatMap]:
        found = explainer.explain_batch(pictures, targets=[1] * len(pictures))
        return [heat_over(each, WHOLE, (16, 16)) for each in found]

    (heat,) = heats_of([image])
    masked = np.rint(image * (heat / heat.max()).clip(0, 1)[..., None]).astype(np.uint8)
    (again,) = heats_of([masked])
    wanted = (1 + np.corrcoef(heat.ravel(), again.ravel())[0, 1]) / 2
    assert coherency(image, heat, heats_of) == pytest.approx(wanted, abs=1e-6)


def test_a_map_that_does_not_change_is_coherent_and_the_opposite_map_is_not() -> None:
    image = picture(16, 16)
    heat = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    assert coherency(image, heat, lambda _: [heat]) == pytest.approx(1)
    assert coherency(image, heat, lambda _: [1 - heat]) == pytest.approx(0)
    assert coherency(image, heat, lambda _: [np.ones_like(heat)]) == 0.5


def test_complexity_is_the_mean_of_the_map_that_has_1_as_its_peak() -> None:
    heat = np.array([[4, 2], [0, -3]], np.float32)
    assert complexity(heat) == pytest.approx((1 + 0.5) / 4)
    assert complexity(np.ones((3, 3), np.float32)) == 1
    assert complexity(np.zeros((3, 3), np.float32)) == 0


def test_adcc_is_the_harmonic_mean_and_0_if_one_part_is() -> None:
    assert adcc(0.2, 0.9, 0.3) == pytest.approx(3 / (1 / 0.9 + 1 / 0.7 + 1 / 0.8))
    assert adcc(0.0, 1.0, 0.0) == 1
    assert adcc(1.0, 0.9, 0.3) == 0
