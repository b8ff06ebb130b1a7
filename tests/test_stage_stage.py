"""The stage: what keys, the mouse, frames and answers make of the picture and of the question."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from stages import LABELS, MENU, SIZE, Acting, answer, frame

from live_gradcam.actions import ACTIONS, HELP
from live_gradcam.explanation import Prediction
from live_gradcam.look import View
from live_gradcam.question import Answer
from live_gradcam.render.help_page import help_pages
from live_gradcam.show import MOVES
from live_gradcam.stage.choice import Choice, chosen_in_words
from live_gradcam.stage.controls import Controls
from live_gradcam.stage.stage import TOAST_SECONDS
from live_gradcam.stage.status import Status

ON_STAGE = {"help", "freeze", "search"}
OF_THE_SHOW = {"quit", "snapshot", "record", "fullscreen", "source", *MOVES}


def begun(**options: object) -> Acting:
    """A stage with one frame that was explained."""
    acting = Acting(**options)  # type: ignore[arg-type]  # as they come
    acting.see()
    acting.explain()
    return acting


def test_the_help_is_turned_page_by_page_and_goes() -> None:
    acting = begun()
    plain = acting.picture()
    pages = []
    for _ in range(help_pages(HELP, SIZE) + 1):
        acting.press("h")
        pages.append(acting.picture())
    assert len(pages) > 2
    assert len({page.tobytes() for page in pages}) == len(pages)
    assert np.array_equal(pages[-1], plain)
    acting.press("h", "h", "Escape")
    assert np.array_equal(acting.picture(), plain)
    assert acting.stage.take_requests() == ()


def test_the_help_goes_at_once_where_the_picture_has_grown() -> None:
    acting = begun()
    acting.press("h", "h", "h")
    acting.see(size=(640, 480))
    shown = acting.picture()
    assert shown.mean() < 40
    acting.press("h")
    assert acting.picture().mean() > 2 * shown.mean()


def test_no_action_of_the_table_is_forgotten() -> None:
    controls = Controls(MENU, Choice())
    chosen = {action.name for action in ACTIONS if controls.does(action.name)}
    assert chosen | ON_STAGE | OF_THE_SHOW == {action.name for action in ACTIONS}
    assert not chosen & (ON_STAGE | OF_THE_SHOW)
    assert len({action.key for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", [each for each in ACTIONS if each.name in OF_THE_SHOW])
def test_what_the_stage_cannot_do_itself_it_asks_for_once(action: object) -> None:
    acting = begun()
    acting.press(action.key)  # type: ignore[attr-defined]  # an Action
    assert acting.stage.take_requests() == (action.name,)  # type: ignore[attr-defined]  # likewise
    assert acting.stage.take_requests() == ()


@pytest.mark.parametrize(
    "action", [each for each in ACTIONS if each.name not in OF_THE_SHOW | {"whole", "automatic"}]
)
def test_every_other_action_shows_on_the_next_picture(action: object) -> None:
    acting = begun()
    acting.see()
    before = acting.picture()
    acting.press(action.key)  # type: ignore[attr-defined]  # an Action
    acting.explain()  # some change what is asked, and show with the answer
    assert not np.array_equal(acting.picture(), before)
    assert acting.stage.take_requests() == ()


def test_keys_without_a_meaning_do_nothing() -> None:
    acting = begun()
    choice, before = acting.stage.choice, acting.picture()
    acting.press("z", "Enter", "Backspace", "ArrowUp", "ä")
    assert acting.stage.choice == choice
    assert np.array_equal(acting.picture(), before)


@pytest.mark.parametrize(("key", "other"), [("Q", "q"), ("=", "+"), ("_", "-"), ("n", "M")])
def test_a_key_that_shift_makes_another_means_the_same(key: str, other: str) -> None:
    one, two = begun(), begun()
    one.press(key)
    two.press(other)
    assert one.stage.choice == two.stage.choice
    assert one.stage.take_requests() == two.stage.take_requests()


def test_escape_closes_what_is_open_before_it_ends_the_show() -> None:
    acting = begun()
    acting.press("h", "Escape")
    assert acting.stage.take_requests() == ()
    acting.press("/", "t", "Escape")
    assert acting.stage.prompt is None
    assert acting.stage.take_requests() == ()
    acting.press("Escape")
    assert acting.stage.take_requests() == ("quit",)


def test_while_a_class_is_typed_letters_are_letters() -> None:
    acting = begun()
    acting.press("/", *"q tiger")
    assert acting.stage.take_requests() == ()
    assert acting.stage.prompt is not None
    assert acting.stage.prompt.text == "q tiger"


def test_enter_takes_the_class_and_keeps_to_it() -> None:
    acting = begun()
    assert acting.press("/", *"lyn", "Enter") == "lynx"
    assert acting.stage.prompt is None
    assert acting.stage.question.targets == (LABELS.index("lynx"),)


def test_enter_without_a_class_closes_the_prompt_and_changes_nothing() -> None:
    acting = begun()
    acting.press("/", *"zebra", "Enter")
    assert acting.stage.prompt is None
    assert acting.stage.question.targets == (None,)


def test_a_frozen_live_picture_keeps_its_pixels_and_can_be_explained_anew() -> None:
    acting = begun()
    kept = acting.see().pixels
    acting.press(" ")
    for _ in range(3):
        assert np.array_equal(acting.see().pixels, kept)
    assert acting.stage.frozen
    before = acting.picture()
    acting.press("2")
    acting.explain()
    assert not np.array_equal(acting.picture(), before)
    acting.press(" ")
    assert not np.array_equal(acting.see().pixels, kept)


def test_what_comes_to_a_frozen_stage_from_a_file_is_shown() -> None:
    acting = begun(live=False)
    acting.press(" ")
    shown = acting.see()
    assert np.array_equal(shown.pixels, frame(acting.index).pixels)
    assert acting.stage.frozen


def test_a_mirror_turns_the_frame_and_drops_answers_about_former_ones() -> None:
    acting = begun()
    late = acting.see()
    acting.picture()
    acting.press("i")
    said = acting.stage.explanation
    acting.stage.explained(late, answer(acting.stage.question))
    assert acting.stage.explanation is said
    _, carried = acting.stage.picture()
    assert carried is not None
    assert carried.opacity == 0
    assert np.array_equal(acting.see().pixels, frame(acting.index).pixels[:, ::-1])
    acting.explain()
    assert acting.stage.explanation is not said
    _, carried = acting.stage.picture()
    assert carried is not None
    assert carried.opacity > 0


@pytest.mark.parametrize("live", [True, False])
def test_a_frozen_picture_is_mirrored_at_once_and_can_be_explained(live: bool) -> None:
    acting = begun(live=live)
    acting.press(" ")
    assert acting.stage.frame is not None
    before = acting.stage.frame.pixels
    acting.press("i")
    assert np.array_equal(acting.stage.frame.pixels, before[:, ::-1])
    said = acting.stage.explanation
    acting.explain()
    assert acting.stage.explanation is not said


def test_mirroring_looks_at_all_of_the_picture_again() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 90))
    assert acting.stage.choice.area is not None
    acting.press("i")
    assert acting.stage.question.area is None


def test_a_rectangle_is_shown_while_it_is_dragged_and_then_looked_at() -> None:
    acting = begun()
    before = acting.picture()
    acting.drag((100, 90), (30, 20))
    assert acting.stage.question.area == (30, 20, 71, 71)
    acting.press("a")
    assert acting.stage.question.area is None
    assert acting.press("a") == "the whole picture"
    assert before.shape == (*SIZE[::-1], 3)


def test_a_rectangle_that_is_too_small_is_a_click_and_a_click_tells_the_heat_there() -> None:
    acting = begun()
    before = acting.picture()
    acting.drag((80, 60), (82, 90))
    assert acting.stage.question.area is None
    told = acting.picture()
    assert not np.array_equal(told, before)
    acting.drag((82, 90))  # the same place once more
    assert np.array_equal(acting.picture(), before)


def test_the_mouse_beside_the_picture_and_before_the_first_frame_does_nothing() -> None:
    acting = Acting()
    acting.drag((10, 10), (100, 100))
    acting.see()
    acting.explain()
    before = acting.picture()
    acting.drag((-50, 10), (500, 900))
    assert acting.stage.question.area is None
    assert np.array_equal(acting.picture(), before)


def test_a_rectangle_that_ends_beside_the_picture_changes_nothing() -> None:
    acting = begun()
    acting.picture()
    acting.drag((10, 10), (60, 60), (500, 60))
    assert acting.stage.question.area is None


def test_a_refused_question_gives_back_what_was_answered_last() -> None:
    acting = begun()
    acting.press("m", "[")
    assert acting.stage.question.methods == ("hirescam",)
    acting.stage.refused("hirescam needs a gradient.")
    assert acting.stage.toast == "hirescam needs a gradient."
    assert acting.stage.question == answer(acting.stage.question).question
    assert (acting.stage.choice.method, acting.stage.choice.layer) == ("gradcam", None)


def test_a_refused_area_is_given_back_too() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 40))
    acting.stage.refused("the area is too flat.")
    assert acting.stage.question.area is None


def test_a_refused_question_does_not_take_back_how_it_looks() -> None:
    acting = begun()
    acting.press("m", "c", "t")
    acting.stage.refused("no.")
    assert (acting.stage.choice.look.colormap, acting.stage.choice.look.style) == ("turbo", "fade")


def test_what_is_said_stays_for_two_seconds_of_frames() -> None:
    acting = begun()
    acting.see()
    quiet = acting.picture()
    acting.stage.announce("saved a.png")
    assert not np.array_equal(acting.picture(), quiet)
    acting.stage.see(frame(acting.index, seconds=acting.index / 30 + TOAST_SECONDS - 0.01))
    spoken = acting.picture()
    acting.stage.see(frame(acting.index, seconds=acting.index / 30 + TOAST_SECONDS + 0.01))
    assert not np.array_equal(acting.picture(), spoken)


def test_what_is_said_ends_also_while_no_frame_comes() -> None:
    acting = begun()
    quiet = acting.picture()
    acting.stage.announce("saved a.png")
    spoken = acting.picture()
    acting.stage.told(Status(idle=1.5))
    assert np.array_equal(acting.picture(), spoken)
    acting.stage.told(Status(idle=2.5))
    assert np.array_equal(acting.picture(), quiet)


def test_what_is_said_before_the_first_frame_is_shown_with_it() -> None:
    acting, other = Acting(), Acting()
    acting.stage.announce("recording a.mp4")
    acting.see()
    other.see()
    assert not np.array_equal(acting.picture(), other.picture())


@pytest.mark.parametrize("view", get_args(View))
def test_a_view_stands_on_the_picture_only_when_its_answer_is_there(view: View) -> None:
    acting = begun()
    while acting.stage.choice.look.view != view:
        acting.press("v")
    immediate = view in ("one", "side", "history")
    assert (acting.stage.view == view) == immediate
    acting.see()
    acting.stage.explained(acting.stage.frame, answer(begun().stage.question))  # type: ignore[arg-type]  # there is one
    if immediate:
        return
    assert acting.stage.view != view
    acting.explain()
    assert acting.stage.view == view


def test_a_refused_view_gives_back_the_one_that_is_shown() -> None:
    acting = begun()
    acting.press("v", "v")
    assert acting.stage.choice.look.view == "methods"
    acting.stage.refused("no gradient.")
    assert acting.stage.choice.look.view == acting.stage.view == "side"


def test_another_source_thaws_the_picture_and_drops_late_answers() -> None:
    acting = begun()
    late = acting.see()
    acting.press(" ")
    said = acting.stage.explanation
    acting.stage.source_changed()
    assert not acting.stage.frozen
    acting.stage.explained(late, answer(acting.stage.question))
    assert acting.stage.explanation is said
    acting.see()
    _, carried = acting.stage.picture()
    assert carried is None or carried.opacity == 0
    acting.explain()
    assert acting.stage.explanation is not said


def test_frames_of_another_size_are_looked_at_whole() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 90))
    acting.see(size=(200, 100))
    assert acting.stage.question.area is None
    assert acting.picture().shape == (100, 200, 3)


def test_the_opacity_stays_between_none_and_all() -> None:
    acting = begun()
    assert acting.press(*"+" * 12) == "heat 100%"
    assert acting.press(*"-" * 12) == "heat 0%"


def test_the_layers_end_at_the_shallowest_and_the_deepest() -> None:
    acting = begun()
    assert acting.press("[", "[", "[", "[") == "first  16×16×4"
    assert acting.press("]", "]", "]", "]") == "third  4×4×8"
    assert acting.stage.question.layer == "third"


def test_methods_go_round_and_back() -> None:
    acting = begun()
    assert [acting.press("m") for _ in range(3)] == ["hirescam", "layercam", "gradcam"]
    assert acting.press("M") == "layercam"


def test_classes_are_pinned_by_their_rank_and_let_go() -> None:
    acting = begun()
    assert acting.press("2") == "tiger cat"
    assert list(acting.stage.question.targets) == [1]
    assert acting.press("5") == "there is no such class on the picture"
    assert list(acting.stage.question.targets) == [1]
    assert acting.press("0") == "the most probable class"
    assert list(acting.stage.question.targets) == [None]
    assert acting.press("l") == "tabby"
    assert list(acting.stage.question.targets) == [0]


def test_before_the_first_answer_there_is_nothing_to_keep_to() -> None:
    acting = Acting()
    acting.see()
    assert acting.press("l") == "there is nothing to keep to yet"
    assert acting.press("1") == "there is no such class on the picture"


def test_the_contrast_is_with_the_runner_up_of_every_moment_or_of_a_pinned_class() -> None:
    acting = begun()
    assert acting.press("x") == "why the first, rather than the second"
    assert acting.stage.question.targets == ("#1 - #2",)
    assert acting.press("x") == "no contrast"
    assert acting.press("2", "x") == "rather than tabby"
    assert acting.stage.question.targets == ("1 - 0",)


def test_the_view_of_two_models_is_left_out_where_there_is_one() -> None:
    acting = begun(menu=replace(MENU, models=("small",)))
    seen = set()
    for _ in range(10):
        acting.press("v")
        seen.add(acting.stage.choice.look.view)
    assert seen == set(get_args(View)) - {"models"}


def test_what_is_chosen_and_not_the_default_is_said_as_long_as_it_is_so() -> None:
    acting = begun()

    def said() -> str:
        return chosen_in_words(acting.stage.choice, MENU, acting.stage.view)

    assert said() == ""
    acting.press("m")
    assert said() == "hirescam"
    acting.press("2", "[")
    assert said() == "hirescam · layer second · tiger cat"
    acting.press("x")
    assert said() == "hirescam · layer second · tiger cat − tabby"
    acting.press("0", "x")
    assert said() == "hirescam · layer second · first − second"
    acting.press("x", "0", "M")
    assert said() == "layer second"
    acting.explain()
    acting.press("]")
    assert said() == "layer third"


def test_the_line_of_what_is_chosen_is_on_the_picture() -> None:
    acting = begun()
    acting.see(size=(640, 360))
    plain = acting.picture()
    acting.stage.refused("")  # no toast stands on it then
    acting.press("m")
    acting.stage.announce("")
    told = acting.picture()
    top_left = slice(5, 40), slice(5, 120)
    assert (told[top_left] != plain[top_left]).any()


def test_the_keys_take_the_rows_as_they_stand_on_the_picture() -> None:
    acting = begun()
    acting.picture()
    newest = replace(answer(acting.stage.question).first, top=(Prediction(1, "tiger cat", 0.405), TABBY))
    acting.stage.explained(acting.see(), Answer(acting.stage.question, (newest,)))
    assert (
        acting.press("1") == "tabby"
    )  # it still stands in the first row: it moves when it is behind by a point
    acting.picture()


TABBY = Prediction(0, "tabby", 0.4)
