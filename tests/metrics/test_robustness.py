from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from metric_networks import random_explainer
from networks import picture

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import heat_over
from live_gradcam.metrics.correlation import spearman
from live_gradcam.metrics.robustness import class_sensitivity, nearby_pictures, randomisation, stability


def test_nearby_pictures_stay_within_the_radius_and_the_range() -> None:
    image = picture(16, 16)
    image[0], image[1] = 0, 255
    nearby = nearby_pictures(image, radius=3, samples=5, seed=1)
    apart = np.stack(nearby).astype(int) - image
    assert apart.shape == (5, 16, 16, 3)
    assert (apart.min(), apart.max()) == (-3, 3)
    assert (np.stack(nearby) == np.stack(nearby_pictures(image, radius=3, samples=5, seed=1))).all()
    inner = apart[:, 2:]
    assert {int(each) for each in np.unique(inner)} == set(range(-3, 4))


@pytest.mark.parametrize("seed", [2, 4])
def test_stability_is_the_greatest_relative_distance(seed: int) -> None:
    explainer = random_explainer(seed)
    image = picture(16, 16, seed)

    def heats_of(pictures: Sequence[Pixels]) -> list[HeatMap]:
        found = explainer.explain_batch(pictures, targets=[0] * len(pictures))
        return [heat_over(each, (0, 0, 16, 16), (16, 16)) for each in found]

    (heat,) = heats_of([image])
    wanted = 0.0
    for each in nearby_pictures(image, radius=9, samples=4, seed=5):
        (other,) = heats_of([each])
        squared = sum((float(a) - float(b)) ** 2 for a, b in zip(other.flat, heat.flat, strict=True))
        wanted = max(wanted, squared**0.5 / sum(float(each) ** 2 for each in heat.flat) ** 0.5)
    found = stability(image, heat, heats_of, radius=9, samples=4, seed=5)
    assert wanted > 0
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_map_that_never_changes_is_stable_and_says_nothing_of_classes_and_weights() -> None:
    image = picture(16, 16)
    heat = np.random.default_rng(2).random((16, 16)).astype(np.float32)
    assert stability(image, heat, lambda pictures: [heat] * len(pictures)) == 0
    assert class_sensitivity(heat, heat) == pytest.approx(1)
    assert randomisation(heat, [heat, heat]) == pytest.approx(1)


def test_randomisation_is_the_mean_of_the_rank_correlations() -> None:
    random = np.random.default_rng(3)
    heat, *others = random.random((4, 6, 6)).astype(np.float32)
    wanted = np.mean([spearman(heat, each) for each in others])
    assert randomisation(heat, others) == pytest.approx(wanted)
