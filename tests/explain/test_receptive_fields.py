"""From what single cells depend on to where their map lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explain.receptive_fields import Probing, geometry_of


def probing(
    cells: int, length: int, first: float, stride: float, width: int, *, background: float = 0.0
) -> Probing:
    """Square tensors: cell i depends on `width` places from first + stride · i on, and a little on all places."""
    low, middle, high = int(0.3 * cells), (cells - 1) // 2, cells - 1 - int(0.3 * cells)
    rows, columns = (low, middle, high), (middle, high, low)
    random = np.random.default_rng(1)

    def energies(row: int, column: int) -> Any:
        found = background * random.uniform(0.5, 1.5, (length, length)).astype(np.float32)
        top, left = (round(first + stride * at) for at in (row, column))
        found[max(top, 0) : max(top + width, 0), max(left, 0) : max(left + width, 0)] = 1.0
        return found

    singles = [energies(row, column) for row, column in zip(rows, columns, strict=True)]
    everything = np.zeros((length, length), np.float32)
    for row in range(cells):
        for column in range(cells):
            everything = np.maximum(everything, energies(row, column))
    return Probing(rows, columns, (cells, cells), singles, everything)


@pytest.mark.geometry
@pytest.mark.long
def test_a_stride_that_begins_half_a_cell_late_still_covers_the_input() -> None:
    steps = [probing(length // 2, length, 0, 2, 3) for length in (14, 28, 56, 112, 224)]
    assert geometry_of(steps, (224, 224)) == (COVERING, True)


def test_without_padding_the_cells_look_at_the_inner_part() -> None:
    found, measured = geometry_of([probing(36, 40, 0, 1, 5)], (40, 40))
    assert found.extent == pytest.approx((0.05, 0.05, 0.95, 0.95))
    assert found.seen == (0.0, 0.0, 1.0, 1.0)
    assert measured


def test_a_kernel_that_is_cut_off_at_the_border_is_measured_by_its_other_end() -> None:
    found, _ = geometry_of([probing(7, 7, -2, 1, 5), probing(7, 28, 7, 2, 2)], (28, 28))
    assert found.extent == found.seen == pytest.approx((0.25, 0.25, 0.75, 0.75))


def test_a_cut_before_many_layers_is_seen_through_them() -> None:
    steps = [probing(16, 16, -1, 1, 3), probing(16, 32, 0, 2, 2), probing(32, 64, 24, 1, 1)]
    found, _ = geometry_of(steps, (64, 64))
    assert found.extent == found.seen == pytest.approx((0.375, 0.375, 0.875, 0.875))


def test_a_little_dependence_on_all_places_does_not_hide_where_a_cell_looks() -> None:
    found, measured = geometry_of([probing(16, 48, 12, 2, 3, background=1e-4)], (48, 48))
    assert measured
    assert found.extent[0] * 48 == pytest.approx(12.5, abs=0.6)
    assert found.extent[2] * 48 == pytest.approx(44.5, abs=0.6)


def test_where_all_cells_depend_on_all_places_alike_they_divide_them_evenly() -> None:
    found, measured = geometry_of([probing(4, 20, 0, 5, 5, background=1.0)], (20, 20))
    assert (found, measured) == (COVERING, False)


@pytest.mark.parametrize(
    ("stride", "width"), [pytest.param(0.3, 7, id="wide fields"), pytest.param(0.3, 3, id="narrow fields")]
)
def test_where_all_cells_depend_most_on_the_same_contents_they_divide_the_places_evenly(
    stride: float, width: int
) -> None:
    attended = probing(12, 12, 1, stride, width, background=0.05)
    assert geometry_of([attended, probing(12, 96, 0, 8, 8)], (96, 96)) == (COVERING, False)


def test_an_axis_turned_round_has_its_end_before_its_begin() -> None:
    found, _ = geometry_of([probing(20, 20, 19, -1, 1)], (20, 20))
    assert found.extent == (1.0, 1.0, 0.0, 0.0)


def test_not_a_number_says_nothing() -> None:
    broken = probing(8, 16, 0, 2, 2)
    broken.everything[:] = np.nan
    for each in broken.cells:
        each[:] = np.nan
    assert geometry_of([broken], (16, 16)) == (COVERING, False)
