from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.metrics.correlation import pearson, ranks, spearman


@pytest.mark.parametrize("seed", range(4))
def test_ranks_and_correlations_are_those_of_the_definitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.integers(0, 6, (5, 7)).astype(np.float32)  # many values are equal
    second = random.normal(size=(5, 7)).astype(np.float32)
    flat = first.ravel().tolist()
    wanted = [sum(each < own for each in flat) + (sum(each == own for each in flat) - 1) / 2 for own in flat]
    assert ranks(first).tolist() == wanted
    assert pearson(first, second) == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1], abs=1e-6)
    other = np.argsort(np.argsort(second.ravel()))
    assert spearman(first, second) == pytest.approx(np.corrcoef(wanted, other)[0, 1], abs=1e-6)


def test_a_constant_map_correlates_with_nothing() -> None:
    assert pearson(np.ones((3, 3)), np.arange(9).reshape(3, 3)) == 0
    assert spearman(np.arange(9), np.zeros(9)) == 0


def test_ranks_do_not_care_how_much_greater_a_value_is() -> None:
    values = np.random.default_rng(1).random(20)
    assert spearman(values, np.exp(9 * values)) == pytest.approx(1)
    assert spearman(values, -(values**3)) == pytest.approx(-1)
