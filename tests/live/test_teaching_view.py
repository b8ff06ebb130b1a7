"""The view while a viewer teaches: digits, names, buttons, and the strip below the picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from acting import MENU, SIZE, answer, frame

from live_gradcam.live import teaching_view
from live_gradcam.live.choice import Choice
from live_gradcam.live.teaching_view import TeachingView
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.renderer import Renderer
from live_gradcam.render.teaching_strip import TeachingStrip, cell_at, draw_teaching_strip, strip_height
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.lesson_guide import LessonGuide
from live_gradcam.teach.teaching_state import TaughtClass, TeachingState
from live_gradcam.viewer_input import TEACHING_ACTIONS, Key, Pointer, Text


@dataclass
class NotedTeaching:
    """Notes what the viewer does."""

    state: TeachingState = field(default_factory=TeachingState)
    head: TaughtHead = NOTHING_TAUGHT
    done: list[Any] = field(default_factory=list)

    def hold(self, number: int, *, button: bool = False) -> str:
        self.done.append(("hold", number, button))
        return ""

    def release(self) -> None:
        self.done.append("release")

    def rename(self, number: int, name: str) -> str:
        self.done.append(("rename", number, name))
        return name

    def undo(self) -> str:
        self.done.append("undo")
        return "the last 30 pictures of mug are forgotten"

    def forget(self, number: int | None) -> str:
        self.done.append(("forget", number))
        return "forgotten"

    def save(self) -> str:
        self.done.append("save")
        return "writing the model file …"

    def taught(self, *names: str) -> None:
        classes = tuple(
            TaughtClass(number=place + 1, name=name, count=30, bursts=1) for place, name in enumerate(names)
        )
        self.state = replace(self.state, classes=classes, newest=len(names))
        self.head = TaughtHead(names, np.ones((4, len(names)), np.float32), np.zeros(len(names), np.float32))


class Stage:
    """A teaching view, and a hand that presses its keys."""

    def __init__(self, lesson: LessonGuide | None = None) -> None:
        self.teaching = NotedTeaching()
        self.view = TeachingView(
            Renderer(Appearance()), MENU, Choice(look=Appearance()), teaching=self.teaching, lesson=lesson
        )
        self.index = 0
        self.step()

    def step(self) -> Any:
        shown = self.view.show_frame(frame(self.index))
        self.view.add_answer(shown, answer(self.view.question))
        self.index += 1
        return self.view.picture()[0]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.view.handle(Key(key))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_digit_teaches_its_class(stage: Stage) -> None:
    stage.press("1", "1", "9")
    assert stage.teaching.done == [("hold", 1, False), ("hold", 1, False), ("hold", 9, False)]


def test_the_strip_lies_below_the_picture_and_leaves_it_whole(stage: Stage) -> None:
    whole = stage.step()
    width, height = SIZE
    assert whole.shape == (height + strip_height(SIZE), width, 3)
    assert strip_height(SIZE) % 2 == 0, "videos have even sizes"
    signed = stage.view.with_signs(whole, seconds=3.0, hint=True)
    assert signed.shape == whole.shape
    np.testing.assert_array_equal(signed[height:], whole[height:])


def test_a_name_is_typed(stage: Stage) -> None:
    stage.teaching.taught("class 1", "class 2")
    stage.press("n", *"cup 2", "Backspace", "Enter")
    assert stage.teaching.done == [("rename", 2, "cup ")]
    stage.press("2")
    assert stage.teaching.done[-1] == ("hold", 2, False)


def test_tab_names_the_next_class(stage: Stage) -> None:
    stage.teaching.taught("class 1", "class 2")
    stage.press("n", "Tab", *"mug", "Enter")
    assert stage.teaching.done == [("rename", 1, "mug")]


def test_a_pasted_name_is_taken_and_escape_keeps_the_old_one(stage: Stage) -> None:
    stage.teaching.taught("class 1")
    stage.press("n")
    stage.view.handle(Text("Tasse\n" + "x" * 60))
    stage.press("Enter")
    ((_, _, name),) = stage.teaching.done
    assert name.startswith("Tassexx")
    assert len(name) == 40
    stage.press("n", "a", "Escape")
    assert len(stage.teaching.done) == 1
    assert stage.view.take_requests() == ()


def test_enter_without_a_name_keeps_the_old_one(stage: Stage) -> None:
    stage.teaching.taught("class 1")
    stage.press("n", " ", "Enter")
    assert stage.teaching.done == []


def test_before_anything_is_taught_there_is_nothing_to_name(stage: Stage) -> None:
    stage.press("n")
    assert stage.view.toast == "teach a class first: hold 1"


def test_a_class_is_forgotten_only_after_its_number(stage: Stage) -> None:
    stage.press("g", "2", "2", "g", "g", "g", "x")
    assert stage.teaching.done == [("forget", 2), ("hold", 2, False), ("forget", None)]
    assert stage.view.toast == "nothing is forgotten"


def test_undo_and_save_say_what_they_do(stage: Stage) -> None:
    stage.press("Backspace")
    assert stage.view.toast == "the last 30 pictures of mug are forgotten"
    stage.press("w")
    assert stage.view.toast == "writing the model file …"
    assert stage.teaching.done == ["undo", "save"]


def test_the_buttons_of_the_strip_teach_while_they_are_held(stage: Stage) -> None:
    stage.teaching.taught("mug")
    stage.step()
    width, height = SIZE
    places = [
        (x, y)
        for y in range(height, height + strip_height(SIZE))
        for x in range(width)
        if cell_at(stage.view.cells, SIZE, x, y) == 2
    ]
    x, y = places[len(places) // 2]
    stage.view.handle(Pointer("down", x, y))
    stage.view.handle(Pointer("move", x, 5))
    stage.view.handle(Pointer("up", x, 5))
    assert stage.teaching.done == [("hold", 2, True), "release"]
    assert stage.view.choice.area is None


def test_a_drag_on_the_picture_still_marks_an_area(stage: Stage) -> None:
    for kind, x, y in (("down", 20, 20), ("move", 90, 90), ("up", 90, 90)):
        stage.view.handle(Pointer(kind, x, y))  # type: ignore[arg-type]
    assert stage.view.choice.area is not None
    assert stage.teaching.done == []


def test_the_menu_has_the_names_that_were_taught(stage: Stage) -> None:
    stage.teaching.taught("mug", "banana")
    stage.step()
    assert stage.view.menu.labels == ("mug", "banana")


def test_a_class_that_is_gone_is_explained_no_more(stage: Stage) -> None:
    stage.teaching.taught("mug", "banana")
    stage.step()
    stage.press("l")
    assert stage.view.choice.target is not None
    stage.teaching.taught("mug")
    stage.step()
    assert stage.view.choice.target is None


def test_every_key_has_one_action_and_all_are_in_the_help() -> None:
    keys = [key for action in TEACHING_ACTIONS for key in (action.key, action.also) if key]
    assert len(keys) == len(set(keys))
    assert set("123456789") <= set(keys)


def test_in_a_lesson_the_strip_says_what_to_do_next_and_offers_two_classes() -> None:
    guide = LessonGuide(names=("red cup", "green cup"))
    stage = Stage(guide)
    free = stage.step()
    assert [cell.number for cell in stage.view.cells] == [1]
    stage.teaching.taught("class 1")
    led = stage.step()
    assert guide.number == 1
    stage.teaching.done.clear()
    stage.teaching.taught("class 1", "class 2")
    stage.step()
    assert guide.number == 2
    assert [cell.number for cell in stage.view.cells] == [1, 2]
    assert stage.teaching.done == [("rename", 1, "red cup"), ("rename", 2, "green cup")]
    assert (free[SIZE[1] :] != led[SIZE[1] :]).any()
    stage.teaching.done.clear()
    stage.press("1")
    assert stage.teaching.done == [("hold", 1, False)]


def test_enter_goes_on_in_a_lesson_and_keeps_its_meaning_in_the_box_for_names() -> None:
    guide = LessonGuide()
    stage = Stage(guide)
    for names in (("class 1",), ("class 1", "class 2")):
        stage.teaching.taught(*names)
        stage.step()
    stage.press("n", *"mug", "Enter")
    assert guide.number == 2
    stage.press("Enter")
    assert guide.number == 3


def test_the_strip_follows_what_is_taught_and_is_drawn_only_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[TeachingStrip] = []

    def noted(strip: TeachingStrip, size: tuple[int, int]) -> Any:
        drawn.append(strip)
        return draw_teaching_strip(strip, size)

    monkeypatch.setattr(teaching_view, "draw_teaching_strip", noted)
    before = stage.step()
    stage.step()
    assert drawn == []
    stage.teaching.taught("mug")
    after = stage.step()
    stage.step()
    assert [each.cells[0].name for each in drawn] == ["mug"]
    assert not np.array_equal(before[SIZE[1] :], after[SIZE[1] :])


def test_in_a_lesson_what_a_wrong_key_taught_is_forgotten() -> None:
    stage = Stage(LessonGuide())
    wrong = TaughtClass(number=2, name="class 2", count=9, bursts=1)
    stage.teaching.state = TeachingState(classes=(wrong,), recording=2)
    stage.step()
    assert "undo" not in stage.teaching.done
    stage.teaching.state = TeachingState(classes=(wrong,))
    stage.step()
    assert stage.teaching.done[-1] == "undo"


def test_a_lesson_warns_where_it_asks_and_not_while_it_has_something_taught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[TeachingStrip] = []

    def noted(strip: TeachingStrip, size: tuple[int, int]) -> Any:
        drawn.append(strip)
        return np.zeros((strip_height(size), size[0], 3), np.uint8)

    monkeypatch.setattr(teaching_view, "draw_teaching_strip", noted)
    guide = LessonGuide()
    stage = Stage(guide)
    stage.teaching.taught("a", "b")
    stage.teaching.state = replace(
        stage.teaching.state, recording=1, warning="told apart", heat="heat on the thing: a 10%"
    )
    stage.step()
    assert (drawn[-1].warning, drawn[-1].line) == ("", "")
    guide.number = 2
    stage.step()
    assert (drawn[-1].warning, drawn[-1].line) == ("told apart", "")
    stage.teaching.state = replace(stage.teaching.state, warning="")
    stage.step()
    assert drawn[-1].line == "heat on the thing: a 10%"


def test_what_was_saved_is_said_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(stage.view, "_say", said.append)
    stage.teaching.state = TeachingState(note="saved mug.keras")
    stage.step()
    stage.step()
    assert said == ["saved mug.keras"]
