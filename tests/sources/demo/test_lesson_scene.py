from __future__ import annotations

import itertools

import numpy as np
import pytest

from live_gradcam.errors import SourceError
from live_gradcam.sources.demo import lesson_scene
from live_gradcam.sources.demo.lesson_scene import (
    BACKGROUNDS,
    COINS,
    FAMILIES,
    THING_AREA,
    LessonScene,
    ThingPosition,
    cut_out,
    photograph,
)

THINGS = [thing for family in FAMILIES for thing in family]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
@pytest.mark.parametrize("size", [(224, 224), (640, 360)])
def test_a_thing_covers_four_hundredths_of_the_frame(
    thing: lesson_scene.Cutout, size: tuple[int, int]
) -> None:
    scene = LessonScene(thing, np.zeros((100, 100, 3), np.uint8), size)
    pixels, opacity = scene.look(ThingPosition(0.5, 0.5, 0.2))
    assert pixels.shape == (size[1], size[0], 3)
    assert opacity.shape == (size[1], size[0])
    assert opacity.mean() == pytest.approx(THING_AREA, rel=0.06)
    assert pixels[opacity > 0.5].mean() > 40
    assert not pixels[opacity == 0].any()


def test_a_thing_is_where_its_position_says() -> None:
    scene = LessonScene(COINS[0], np.zeros((90, 160, 3), np.uint8), (320, 180))
    for x, y in ((0.5, 0.5), (0.3, 0.6), (0.8, 0.25)):
        _, opacity = scene.look(ThingPosition(x, y))
        rows, columns = np.indices(opacity.shape)
        assert (opacity * (columns + 0.5)).sum() / opacity.sum() == pytest.approx(x * 320, abs=1)
        assert (opacity * (rows + 0.5)).sum() / opacity.sum() == pytest.approx(y * 180, abs=1)


def test_in_a_burst_the_thing_moves_over_the_frame_and_stays_wholly_inside() -> None:
    scene = LessonScene(COINS[0], photograph("brick.png"), (224, 224))
    frames, places = (np.stack(each) for each in zip(*scene.burst(40, seed=3), strict=True))
    assert frames.dtype == np.uint8
    assert not places[:, [0, -1], :].any()
    assert not places[:, :, [0, -1]].any()
    np.testing.assert_allclose(places.mean(axis=(1, 2)), THING_AREA, rtol=0.05)
    assert (places.max(axis=0) > 0.5).mean() > 0.25


def test_equal_seeds_give_equal_bursts_and_others_give_other_paths() -> None:
    scene = LessonScene(COINS[0], photograph("grass.png"), (112, 112))
    first, again, other = (np.stack([each for each, _ in scene.burst(4, seed=seed)]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_when_the_camera_moves_thing_and_background_shift_alike() -> None:
    scene = LessonScene(COINS[1], photograph("gravel.png"), (160, 160))
    still, _ = scene.look(ThingPosition(0.5, 0.5))
    moved, _ = scene.look(ThingPosition(0.5, 0.5), shift=(7.0, -4.0))
    difference = np.abs(moved[20:-20, 20:-20].astype(int) - still[16:-24, 27:-13].astype(int))
    assert np.quantile(difference, 0.99) <= 2


def test_things_of_one_family_are_alike_and_differ() -> None:
    for family in FAMILIES:
        for first, second in itertools.pairwise(family):
            a, b = cut_out(first), cut_out(second)
            assert a.shape[0] / a.shape[1] == pytest.approx(b.shape[0] / b.shape[1], rel=0.12)
            assert a.shape != b.shape or np.abs(a - b).mean() > 5


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_fills_the_frame(name: str) -> None:
    pixels, _ = LessonScene(COINS[0], photograph(name), (320, 180)).look(ThingPosition(0.5, 0.5))
    assert pixels.std() > 15


def test_a_photograph_that_is_not_installed_is_named_with_the_remedy() -> None:
    with pytest.raises(
        SourceError, match=r"none.png is not installed. Type: pip install 'live-gradcam\[demo,teach\]'"
    ):
        photograph("none.png")
