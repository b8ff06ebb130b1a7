from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from live_gradcam.metrics.localization import (
    boxes_mask,
    energy_inside,
    pointing_game,
    rank_accuracy,
    scaled_mask,
)


def random_case(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.random((9, 12)).astype(np.float32), random.random((9, 12)) < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_the_metrics_are_those_of_the_papers(seed: int) -> None:
    heat, mask = random_case(seed)
    places = [(row, column) for row in range(9) for column in range(12)]
    hottest = sorted(places, key=lambda place: -float(heat[place]))
    count = sum(bool(mask[place]) for place in places)
    assert pointing_game(heat, mask) == float(mask[hottest[0]])
    inside = sum(float(heat[place]) for place in places if mask[place])
    assert energy_inside(heat, mask) == pytest.approx(
        inside / sum(float(heat[each]) for each in places), abs=1e-6
    )
    assert rank_accuracy(heat, mask) == pytest.approx(
        sum(bool(mask[each]) for each in hottest[:count]) / count
    )


def test_a_point_near_the_thing_counts_within_the_tolerance_only() -> None:
    heat, mask = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.bool_)
    heat[10, 10] = 1
    mask[10, 13] = True
    assert [pointing_game(heat, mask, tolerance=each) for each in (0, 2, 3)] == [0, 0, 1]


def test_heat_below_0_is_no_heat_and_a_map_without_heat_has_nothing_inside() -> None:
    mask = np.array([[True, False]])
    assert energy_inside(np.array([[1, -5]], np.float32), mask) == 1
    assert energy_inside(np.array([[0, 0]], np.float32), mask) == 0
    assert rank_accuracy(np.array([[0, 0]], np.float32), np.zeros((1, 2), np.bool_)) == 0


def test_boxes_are_brought_to_the_part_that_the_network_sees() -> None:
    """A photograph of 40×20, of which the square in the middle is seen at 10×10: two pixels become one."""
    mask = boxes_mask([(10, 0, 4, 20), (26, 16, 100, 100)], (10, 0, 20, 20), (10, 10))
    wanted = np.zeros((10, 10), np.bool_)
    wanted[:, :2] = True
    wanted[8:, 8:] = True
    assert (mask == wanted).all()


def test_a_pixel_belongs_to_a_box_that_covers_its_centre() -> None:
    assert boxes_mask([(0.4, 0, 1, 1)], (0, 0, 3, 1), (3, 1)).tolist() == [[True, False, False]]
    assert boxes_mask([(0.6, 0, 1, 1)], (0, 0, 3, 1), (3, 1)).tolist() == [[False, True, False]]


def test_a_mask_is_brought_to_the_part_that_the_network_sees() -> None:
    whole = np.zeros((20, 40), np.bool_)
    whole[4:8, 12:20] = True
    wanted = np.zeros((10, 10), np.bool_)
    wanted[2:4, 1:5] = True
    assert (scaled_mask(whole, (10, 0, 20, 20), (10, 10)) == wanted).all()
