"""The guide of the lesson: each step asks for its key, waits for its pictures, and shows its scenes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from live_gradcam.teach.lesson_guide import PICTURES, STEPS, LessonGuide, SceneNumbers
from live_gradcam.teach.teaching_state import TaughtClass, TeachingState
from live_gradcam.translations import words_of


def state(*counts: int, recording: int | None = None, learning: bool = False) -> TeachingState:
    """Return a state in which class n has the n-th count of pictures; 0 means that there is no class n."""
    classes = tuple(
        TaughtClass(number=number, name=f"class {number}", count=count, bursts=1)
        for number, count in enumerate(counts, 1)
        if count
    )
    return TeachingState(classes=classes, recording=recording, learning=learning)


@pytest.fixture
def shown() -> list[tuple[SceneNumbers, ...]]:
    return []


@pytest.fixture
def guide(shown: list[tuple[SceneNumbers, ...]]) -> LessonGuide:
    def show(scenes: Sequence[SceneNumbers]) -> None:
        shown.append(tuple(scenes))

    return LessonGuide(("the red cup", "the green cup"), ("the temple", "the rocket"), show=show)


def test_the_lesson_is_played_from_the_first_key_to_the_last(
    guide: LessonGuide, shown: list[tuple[SceneNumbers, ...]]
) -> None:
    assert guide.line() == (
        f"1 of 6: hold the key 1 while you see the red cup in front of the temple: 0 of {PICTURES} pictures"
    )
    guide.follow(state(30))
    assert guide.line().startswith(
        "2 of 6: hold the key 2 while you see the green cup in front of the rocket"
    )
    guide.follow(state(30, 30))
    assert "swapped" in guide.line()
    guide.go_on()
    assert "hold 1 while you see the red cup in front of the rocket, too" in guide.line()
    guide.follow(state(60, 30))
    assert "hold 2 while you see the green cup in front of the temple, too" in guide.line()
    guide.follow(state(60, 60))
    assert guide.line().startswith("6 of 6: each thing was seen in front of both")
    assert shown == [((1, 1),), ((0, 1), (1, 0)), ((0, 1),), ((1, 0),), ((0, 0), (0, 1), (1, 1), (1, 0))]


def test_each_teaching_step_shows_the_scene_that_it_names() -> None:
    for step in STEPS:
        if step.teaches is not None:
            ((thing, background),) = step.scenes
            assert step.teaches == thing + 1
            assert ("{a}", "{b}")[thing] in step.text
            assert ("{g}", "{h}")[background] in step.text


def test_a_step_waits_while_pictures_are_taken(guide: LessonGuide) -> None:
    guide.follow(state(PICTURES - 1))
    assert f"{PICTURES - 1} of {PICTURES} pictures" in guide.line()
    guide.follow(state(PICTURES + 4, recording=1))
    assert guide.line().endswith("enough, let go")
    guide.follow(state(PICTURES + 4, learning=True))
    assert guide.number == 1, "the next thing can be shown while the first one is learned"
    guide.follow(state(PICTURES + 4, PICTURES, learning=True))
    assert guide.line() == "3 of 6: learning, wait …"
    guide.follow(state(PICTURES + 4, PICTURES))
    assert "swapped" in guide.line()


def test_who_goes_straight_to_the_next_key_is_not_reproached(guide: LessonGuide) -> None:
    guide.follow(state(PICTURES + 9, recording=1))
    guide.follow(state(PICTURES + 9, 1, recording=2))
    assert guide.number == 1
    guide.follow(state(PICTURES + 9, 8, recording=2))
    assert f"7 of {PICTURES} pictures" in guide.line()


def test_what_the_wrong_key_taught_is_forgotten_and_said_until_the_right_one_is_held(
    guide: LessonGuide,
) -> None:
    guide.follow(state(40))
    guide.follow(state(50, recording=1))
    assert not guide.forgets(state(50, recording=1))
    guide.follow(state(80))
    assert guide.forgets(state(80)), "what was taught by mistake would spoil the lesson"
    guide.follow(state(40))
    assert not guide.forgets(state(40))
    assert guide.line() == "2 of 6: that was the key 1, whose pictures are forgotten: hold 2"
    guide.follow(state(40, 5, recording=2))
    assert f"5 of {PICTURES} pictures" in guide.line()
    guide.follow(state(40, 40))
    assert guide.number == 2


def test_enter_ends_only_the_step_in_which_there_is_something_to_look_at(guide: LessonGuide) -> None:
    guide.go_on()
    assert guide.number == 0
    guide.follow(state(30))
    guide.follow(state(30, 30))
    guide.go_on()
    guide.go_on()
    assert guide.number == 3


def test_the_lesson_begins_again_where_everything_was_forgotten(
    guide: LessonGuide, shown: list[tuple[SceneNumbers, ...]]
) -> None:
    guide.follow(state(30))
    guide.follow(state(30, 30))
    guide.follow(state())
    assert guide.number == 0
    assert shown[-1] == ((0, 0),)
    assert f"0 of {PICTURES} pictures" in guide.line()


def test_the_last_step_stays(guide: LessonGuide) -> None:
    guide.number = len(STEPS) - 1
    guide.go_on()
    guide.follow(state(90, 90))
    assert guide.number == len(STEPS) - 1


def test_a_class_is_named_by_the_lesson_unless_the_viewer_named_it() -> None:
    guide = LessonGuide(names=("red cup", "green cup"))
    seen = state(3, 4)
    assert guide.new_names(seen) == {1: "red cup", 2: "green cup"}
    named = (replace(seen.classes[0], name="Tasse"), *seen.classes[1:])
    assert guide.new_names(replace(seen, classes=named)) == {2: "green cup"}
    assert LessonGuide().new_names(seen) == {}


def test_with_a_camera_it_speaks_of_the_viewers_own_things() -> None:
    assert "your first thing in front of the first background" in LessonGuide().line()


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_each_step_is_told_in_the_viewers_language(number: int) -> None:
    words = words_of("zh")
    guide = LessonGuide(("the red cup", "the green cup"), ("the temple", "the rocket"))
    guide.number = number
    line = guide.line(words)
    assert line.startswith(f"第 {number + 1} 步，共 {len(STEPS)} 步：")
    assert not re.search("[a-z]{2,}", line.replace("Enter", ""))
