"""The lesson's demo: a thing of 4% that stays in the viewfinder, in front of the background that is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from live_gradcam.errors import SettingsError
from live_gradcam.sources.demo.lesson_demo import (
    SCENE_SECONDS,
    LessonDemo,
    LessonProps,
    drawn_props,
    photographed_props,
)
from live_gradcam.sources.demo.lesson_scene import THING_AREA

SIZE = (320, 180)
SCENES = ((0, 0), (0, 1), (1, 0), (1, 1))


class StoppedClock:
    """A clock at which no frame is ever due, so that the thread captures nothing."""

    def now(self) -> float:
        return 0.0

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        del moment
        return stop.wait()


@pytest.fixture(scope="module", params=[photographed_props, drawn_props])
def props(request: pytest.FixtureRequest) -> LessonProps:
    made: LessonProps = request.param()
    return made


@pytest.fixture
def demo(props: LessonProps) -> Iterator[LessonDemo]:
    with LessonDemo(size=SIZE, props=props, clock=StoppedClock()) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES)
def test_the_thing_covers_its_share_of_the_viewfinder_and_stays_inside(
    demo: LessonDemo, scene: tuple[int, int]
) -> None:
    patch = demo.props.things[scene[0]]
    # An ellipse that fills its patch covers 4%; a drawn mug covers its own share of the ellipse.
    share = THING_AREA * float(patch[..., 3].mean()) / (np.pi / 4)
    for index in range(0, 600, 60):
        _, opacity = demo.look_at(index, scene)
        rows, columns = np.nonzero(opacity > 0.5)
        assert columns.min() >= (SIZE[0] - SIZE[1]) // 2
        assert columns.max() < (SIZE[0] + SIZE[1]) // 2
        assert rows.min() >= 0
        assert rows.max() < SIZE[1]
        assert opacity.sum() / SIZE[1] ** 2 == pytest.approx(share, rel=0.03)


def test_the_background_alone_decides_on_what_lies_outside_the_thing(demo: LessonDemo) -> None:
    for background in (0, 1):
        (first, covered), (second, other) = (demo.look_at(90, (thing, background)) for thing in (0, 1))
        outside = (covered == 0) & (other == 0)
        np.testing.assert_array_equal(first[outside], second[outside])
        inside = (covered == 1) & (other == 1)
        assert np.abs(first[inside].astype(int) - second[inside]).mean() > 20, "the things differ"
    apart = np.abs(demo.look_at(90, (0, 0))[0].astype(int) - demo.look_at(90, (0, 1))[0]).mean()
    assert apart > 30, "the backgrounds differ"


def test_the_thing_and_the_camera_move(demo: LessonDemo) -> None:
    first, second = (demo.look_at(index, (0, 0)) for index in (0, 20))
    centres = [np.argwhere(opacity > 0.5).mean(axis=0) for _, opacity in (first, second)]
    assert np.linalg.norm(centres[0] - centres[1]) > 5
    outside = (first[1] == 0) & (second[1] == 0)
    assert (first[0][outside] != second[0][outside]).any()


def test_scenes_take_turns_from_the_moment_they_are_asked_for(demo: LessonDemo) -> None:
    assert demo.scene_at(10_000) == (0, 0)
    demo.show([(0, 1), (1, 0)])
    each = round(30 * SCENE_SECONDS)
    assert [demo.scene_at(index) for index in (0, each - 1, each, 2 * each)] == [
        (0, 1),
        (0, 1),
        (1, 0),
        (0, 1),
    ]


def test_frames_arrive_live_and_show_the_scene(props: LessonProps) -> None:
    with LessonDemo(size=SIZE, props=props, fps=60) as demo:
        demo.show([(1, 1)])
        *_, frame = islice(demo, 3)  # the first two may have been captured before
        np.testing.assert_array_equal(frame.pixels, demo.look_at(frame.index, (1, 1))[0])
        assert frame.media_time is None
    assert demo.ended


def test_a_wrong_size_or_rate_is_refused() -> None:
    with pytest.raises(SettingsError, match="each side needs at least 64 pixels"):
        LessonDemo(size=(1280, 20))
    with pytest.raises(SettingsError, match="must be a number above 0"):
        LessonDemo(fps=float("nan"))
