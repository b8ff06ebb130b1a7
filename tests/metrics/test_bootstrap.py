from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.metrics.bootstrap import Difference, Mean, bootstrap_mean, paired_difference


def test_the_interval_of_many_values_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    found = bootstrap_mean(values)
    assert found.mean == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(4000)
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found.count == 4000


def test_the_interval_holds_the_true_mean_in_95_of_100_samples() -> None:
    random = np.random.default_rng(1)
    held = [bootstrap_mean(random.random(60), seed=number, resamples=400) for number in range(300)]
    assert 0.91 < np.mean([each.low <= 0.5 <= each.high for each in held]) < 0.98


def test_the_same_seed_gives_the_same_interval_and_one_value_has_no_width() -> None:
    values = np.random.default_rng(7).random(30)
    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    assert bootstrap_mean(values, seed=4) != bootstrap_mean(values, seed=5)
    assert bootstrap_mean([0.25]) == Mean(0.25, 0.25, 0.25, 1)


def test_values_are_drawn_in_parts_where_they_are_many() -> None:
    values = np.random.default_rng(2).random(5000)
    found = bootstrap_mean(values, resamples=1000)
    assert found.low < values.mean() < found.high


def test_a_difference_is_known_if_both_methods_differ_on_the_same_photos() -> None:
    random = np.random.default_rng(3)
    hard = random.random(200)
    first = dict(enumerate(hard))
    second = dict(enumerate(hard - 0.01 + random.normal(0, 0.005, 200)))
    found = paired_difference(first, second)
    assert found is not None
    assert Difference("deletion", "a", "b", found).is_known
    assert found.mean == pytest.approx(0.01, abs=0.002)
    lone = bootstrap_mean(list(first.values()))
    assert lone.high - lone.low > 10 * (found.high - found.low)


def test_a_difference_is_that_of_what_both_have() -> None:
    found = paired_difference({1: 5.0, 2: 3.0, 4: 9.0}, {2: 1.0, 4: 8.0, 7: 0.0})
    assert found is not None
    assert (found.mean, found.count) == (1.5, 2)
    assert paired_difference({1: 5.0}, {2: 1.0}) is None
