from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from lessons import lesson

from live_gradcam.teach.thing_places import find_thing_places

GRID = (7, 7)
SIDE = 112


def wall(seed: int = 0, side: int = 2 * SIDE) -> npt.NDArray[np.uint8]:
    """A rich background."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 216, (side // 8, side // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def with_square(background: npt.NDArray[np.uint8], x: int, y: int, side: int = 24) -> npt.NDArray[np.uint8]:
    frame = background.copy()
    frame[y : y + side, x : x + side] = (20, 30, 240)
    return frame


def places_of(x: int, y: int, side: int = 24, cell: int = 16) -> npt.NDArray[np.bool_]:
    """The places that a square covers by more than a tenth."""
    share = np.zeros((SIDE, SIDE), np.float32)
    share[y : y + side, x : x + side] = 1
    return np.asarray(share.reshape(7, cell, 7, cell).mean(axis=(1, 3)) > 0.1)


def test_a_thing_that_moves_over_the_frame_is_found_in_each_frame() -> None:
    background = wall()[:SIDE, :SIDE]
    corners = [(4 + 7 * n, 80 - 6 * n) for n in range(12)]
    found = find_thing_places(np.stack([with_square(background, *each) for each in corners]), GRID)
    assert found.found_by == "motion"
    for each, covered in zip(corners, found.covered, strict=True):
        wanted = places_of(*each)
        assert (covered & wanted).sum() == wanted.sum()
        around = cv2.dilate(wanted.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert not (covered & ~around).any()


def test_the_reached_places_are_the_covered_ones_and_their_neighbours() -> None:
    background = wall()[:SIDE, :SIDE]
    frames = np.stack([with_square(background, 4 + 7 * n, 40) for n in range(12)])
    found = find_thing_places(frames, GRID)
    for covered, reached in zip(found.covered, found.reached, strict=True):
        for y, x in np.ndindex(*GRID):
            near = covered[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any()
            assert reached[y, x] == near


def test_a_thing_that_is_only_shaken_is_found_whole() -> None:
    background = wall()[:SIDE, :SIDE]
    corners = [(40 + round(6 * np.sin(n)), 44 + round(6 * np.cos(1.3 * n))) for n in range(16)]
    found = find_thing_places(np.stack([with_square(background, *each) for each in corners]), GRID)
    assert found.found_by == "motion"
    assert all(covered[3, 3] for covered in found.covered)
    assert found.covered.mean() < 0.35


def test_the_motion_of_the_camera_is_taken_out() -> None:
    background = wall()
    frames, corners = [], []
    for n in range(12):
        left, top = 30 + round(8 * np.sin(n)), 30 + round(8 * np.cos(1.7 * n))
        corners.append((4 + 7 * n, 80 - 6 * n))
        frames.append(with_square(background[top : top + SIDE, left : left + SIDE], *corners[-1]))
    found = find_thing_places(np.stack(frames), GRID)
    assert found.found_by == "motion"
    for each, covered in zip(corners, found.covered, strict=True):
        wanted = places_of(*each)
        assert (covered & wanted).sum() == wanted.sum()
    assert found.covered.mean() < 2 * np.mean([places_of(*each).mean() for each in corners])


def _still(frames: int = 8) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 3, (frames, SIDE, SIDE, 3))
    still = with_square(wall()[:SIDE, :SIDE], 40, 40) + noise
    return np.clip(still, 0, 255).astype(np.uint8)


def _camera_only() -> npt.NDArray[np.uint8]:
    background = wall()
    return np.stack([background[20 + 2 * n :, 20 + n :][:SIDE, :SIDE] for n in range(10)])


def _all_other() -> npt.NDArray[np.uint8]:
    return np.stack([wall(seed)[:SIDE, :SIDE] for seed in range(6)])


def _light() -> npt.NDArray[np.uint8]:
    background = wall()[:SIDE, :SIDE].astype(np.float64)
    return np.stack([np.clip(background * (0.7 + 0.1 * n), 0, 255).astype(np.uint8) for n in range(6)])


@pytest.mark.parametrize(
    "frames",
    [_still(), _still(1), _camera_only(), _all_other(), _light()],
    ids=[
        "a still scene with noise",
        "one frame",
        "a moving camera",
        "a scene that changes wholly",
        "changing light",
    ],
)
def test_where_no_thing_moves_the_middle_stands_for_it(frames: Any) -> None:
    found = find_thing_places(frames, GRID)
    assert found.found_by == "middle"
    wanted = np.zeros(GRID, np.bool_)
    wanted[2:5, 2:5] = True
    assert (found.covered == wanted).all()
    assert found.reached[:, 1:6, 1:6].all()
    assert found.reached.sum() == 25 * len(frames)


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (4, 4), (7, 12)])
def test_the_middle_is_never_empty(grid: tuple[int, int]) -> None:
    found = find_thing_places(np.zeros((1, 32, 32, 3), np.uint8), grid)
    assert found.covered.any()


def test_in_the_lessons_scenes_it_is_found_where_it_was_drawn() -> None:
    pictures, places = lesson(0).take(0, 0, 0)
    found = find_thing_places(pictures, GRID)
    assert found.found_by == "motion"
    for covered, opacity in zip(found.covered, places, strict=True):
        share = opacity.reshape(7, 32, 7, 32).mean(axis=(1, 3))
        assert covered[share > 0.2].all()
        assert not covered[cv2.dilate(share, np.ones((3, 3))) == 0].any()
