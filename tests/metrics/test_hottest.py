"""The hottest pixels: as many as asked for, and of equal ones those further up and to the left."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.changed_pictures import hottest


def by_sorting(heat: HeatMap, share: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    places = sorted(
        ((y, x) for y, x in np.ndindex(*heat.shape) if heat[y, x] > 0),
        key=lambda place: (-float(heat[place]), place),
    )
    mask = np.zeros(heat.shape, np.bool_)
    for place in places[: round(share * heat.size)]:
        mask[place] = True
    return mask


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_the_mask_is_that_of_a_sorted_list(share: float, levels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    heat = (random.integers(0, levels + 1, (9, 14)) / levels).astype(np.float32)
    np.testing.assert_array_equal(hottest(heat, share), by_sorting(heat, share))


def test_a_map_without_heat_has_no_hottest_pixels() -> None:
    assert not hottest(np.zeros((4, 4), np.float32), 0.5).any()
