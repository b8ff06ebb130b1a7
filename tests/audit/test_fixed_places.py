"""Places of the frame, their names, and their strength against their mirror images."""

from __future__ import annotations

import numpy as np
import pytest
from audit_findings import spot

from live_gradcam.audit.fixed_places import (
    Cells,
    FixedPlace,
    fixed_border_places,
    fixed_place,
    hot_cells,
    unit_sums,
)


def cells(top: int, left: int, rows: int, columns: int) -> Cells:
    found = np.zeros((7, 7), np.bool_)
    found[top : top + rows, left : left + columns] = True
    return found


@pytest.mark.parametrize(
    ("place", "name", "hugs"),
    [
        (cells(0, 0, 2, 2), "top left", True),
        (cells(5, 5, 2, 2), "bottom right", True),
        (cells(6, 2, 1, 3), "bottom", True),
        (cells(2, 0, 3, 1), "left", True),
        (cells(1, 1, 1, 1), "top left", False),
        (cells(2, 2, 3, 3), "middle", False),
        (cells(3, 0, 1, 7), "middle", False),
    ],
)
def test_a_place_has_a_name_and_hugs_the_border_or_not(place: Cells, name: str, hugs: bool) -> None:
    found = FixedPlace(place, 3.0)
    assert (found.name, found.hugs_border) == (name, hugs)


def maps_with(here: int, mirrored: int, rest: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    spots = [spot(6, 6, 0.4)] * here + [spot(0, 6, 0.4)] * mirrored + [spot(3, 3)] * rest
    return unit_sums(np.stack(spots))


@pytest.mark.parametrize(("here", "mirrored"), [(6, 0), (16, 0), (16, 4), (30, 10)])
def test_the_strength_is_that_of_the_sign_test(here: int, mirrored: int) -> None:
    heat = maps_with(here, mirrored, 20)
    found = fixed_place(heat, np.ones(len(heat), np.bool_), cells(5, 5, 2, 2))
    assert found is not None
    assert found.strength == pytest.approx((here - mirrored) / np.sqrt(here + mirrored))


@pytest.mark.parametrize(("here", "mirrored"), [(5, 0), (8, 1), (20, 20)])
def test_a_place_that_is_no_stronger_than_its_mirror_image_is_none(here: int, mirrored: int) -> None:
    heat = maps_with(here, mirrored, 20)
    assert fixed_place(heat, np.ones(len(heat), np.bool_), cells(5, 5, 2, 2)) is None


def test_photographs_that_are_not_recognised_do_not_count() -> None:
    heat = maps_with(10, 0, 20)
    right = np.ones(30, np.bool_)
    right[:5] = False
    assert fixed_place(heat, right, cells(5, 5, 2, 2)) is None


def test_the_middle_and_half_the_frame_are_no_fixed_places() -> None:
    heat = unit_sums(np.stack([spot(3, 3)] * 30))
    right = np.ones(30, np.bool_)
    assert fixed_place(heat, right, cells(2, 2, 3, 3)) is None
    assert fixed_place(heat, right, cells(0, 0, 7, 4)) is None
    assert fixed_border_places(heat, right) == []


def test_two_marks_are_two_places() -> None:
    heat = unit_sums(np.stack([spot(6, 6, 0.4)] * 12 + [spot(3, 0, 0.4)] * 9 + [spot(3, 3)] * 20))
    found = fixed_border_places(heat, np.ones(41, np.bool_))
    assert [each.name for each in found] == ["bottom right", "top"]


def test_a_map_without_heat_has_no_hot_cells() -> None:
    assert not hot_cells(np.zeros((7, 7), np.float32)).any()
    assert hot_cells(spot(6, 6, 0.4)).sum() == 1
