"""The view: what keys, the mouse, frames and answers make of the picture and of the question."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import cv2
import numpy as np
import pytest
from acting import LABELS, MENU, SIZE, Acting, answer, frame

from live_gradcam.config import Settings
from live_gradcam.faithfulness import DEFAULT_SHARE, SHARES, Faithfulness, FrameTest, MaskedScores
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Pixels
from live_gradcam.live.choice import LOWERED, Choice, Menu, chosen_in_words
from live_gradcam.live.controls import VIEWS, Controls
from live_gradcam.live.initial_view import initial_view
from live_gradcam.live.interactive_view import ENDING
from live_gradcam.live.mouse import SMALLEST_AREA
from live_gradcam.live.panels import TOAST_SECONDS
from live_gradcam.live.status import Request, Status
from live_gradcam.live.view_picture import Made, names_of_halves
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer
from live_gradcam.render import renderer as presenter
from live_gradcam.render.canvas import before_and_after
from live_gradcam.render.help_page import TURN, help_pages, row_at
from live_gradcam.render.panes import footer_of, title_height
from live_gradcam.translations import ENGLISH, words_of
from live_gradcam.viewer_input import ACTIONS, HELP, Key, Pointer, Text, menu_of_actions

MENU_ROWS = menu_of_actions(ACTIONS)

ON_STAGE = {"help", "menu", "freeze", "curves", "search", "keep", "reset"}
OF_THE_CONTROLLER = {request.value for request in Request}


def begun(**options: object) -> Acting:
    """A stage with one frame that was explained."""
    acting = Acting(**options)  # type: ignore[arg-type]  # as they come
    acting.see()
    acting.explain()
    return acting


def test_a_run_begins_in_the_view_of_the_settings_and_reset_returns_to_it() -> None:
    for name in VIEWS:
        chosen = Settings(view=name, beside="other" if name == "models" else None)
        view = initial_view(chosen, Menu(methods=("gradcam",), models=("", "other")))
        asked = view.question
        assert view.choice.look.view == name
        assert (asked.proof is not None) == (name == "proof")
        assert bool(asked.channels) == (name == "channels")
        assert len(asked.models) == (2 if name == "models" else 1)
        view.handle(Key("v"))
        assert view.choice.look.view != name
        view.handle(Key("z"))
        assert view.choice.look.view == name
        assert view.question == asked


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
    assert acting.view.take_requests() == ()


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
    assert chosen | ON_STAGE | OF_THE_CONTROLLER == {action.name for action in ACTIONS}
    assert not chosen & (ON_STAGE | OF_THE_CONTROLLER)
    assert len({action.key for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", [each for each in ACTIONS if each.name in OF_THE_CONTROLLER])
def test_what_the_stage_cannot_do_itself_it_asks_for_once(action: object) -> None:
    acting = begun()
    acting.press(action.key)  # type: ignore[attr-defined]  # an Action
    assert acting.view.take_requests() == (action.name,)  # type: ignore[attr-defined]  # likewise
    assert acting.view.take_requests() == ()


@pytest.mark.long
@pytest.mark.parametrize(
    "action",
    [each for each in ACTIONS if each.name not in OF_THE_CONTROLLER | {"whole", "automatic", "reset"}],
)
def test_every_other_action_shows_on_the_next_picture(action: object) -> None:
    acting = begun()
    acting.see()
    before = acting.picture()
    acting.press(action.key)  # type: ignore[attr-defined]  # an Action
    acting.explain()  # some change what is asked, and show with the answer
    assert not np.array_equal(acting.picture(), before)
    assert acting.view.take_requests() == ()


def test_keys_without_a_meaning_do_nothing() -> None:
    acting = begun()
    choice, before = acting.view.choice, acting.picture()
    acting.press("y", "Enter", "Backspace", "ArrowUp", "ä")
    assert acting.view.choice == choice
    assert np.array_equal(acting.picture(), before)


@pytest.mark.parametrize(("key", "other"), [("Q", "q"), ("=", "+"), ("_", "-"), ("n", "M")])
def test_a_key_that_shift_makes_another_means_the_same(key: str, other: str) -> None:
    one, two = begun(), begun()
    one.press(key)
    two.press(other)
    assert one.view.choice == two.view.choice
    assert one.view.take_requests() == two.view.take_requests()


def test_escape_closes_what_is_open_before_it_ends_the_show() -> None:
    acting = begun()
    acting.press("h", "Escape")
    assert acting.view.take_requests() == ()
    acting.press("/", "t", "Escape")
    assert acting.view.prompt is None
    assert acting.view.take_requests() == ()
    acting.press("o", "Escape")
    assert not acting.view.menu_is_open
    assert acting.view.take_requests() == ()
    assert acting.press("Escape") == ENDING
    assert acting.view.take_requests() == ()
    acting.press("Escape")
    assert acting.view.take_requests() == ("quit",)


def test_a_second_escape_ends_the_show_only_while_the_screen_says_so() -> None:
    acting = begun()
    said = acting.picture()
    acting.press("Escape")
    assert not np.array_equal(acting.picture(), said), "the word is on the screen"
    assert acting.view.frame is not None
    acting.view.show_frame(frame(1, seconds=acting.view.frame.time + TOAST_SECONDS + 0.01))
    acting.press("Escape")
    assert acting.view.take_requests() == ()
    acting.press("t", "Escape")
    assert acting.view.take_requests() == (), "another key came between"
    acting.press("Escape")
    assert acting.view.take_requests() == ("quit",)


def test_a_still_picture_counts_the_seconds_between_two_escapes_as_well() -> None:
    acting = begun()
    acting.press("Escape")
    acting.view.set_status(Status(idle=TOAST_SECONDS))
    acting.press("Escape")
    assert acting.view.take_requests() == ()
    acting.view.set_status(Status(idle=TOAST_SECONDS + 1))
    acting.press("Escape")
    assert acting.view.take_requests() == ("quit",)


def test_escape_gives_the_screen_back_before_it_ends_the_show() -> None:
    acting = begun()
    acting.press("f")
    assert acting.view.take_requests() == ("fullscreen",)
    acting.press("Escape")
    assert acting.view.take_requests() == ("fullscreen",)
    assert acting.press("Escape") == ENDING
    assert acting.view.take_requests() == ()


def test_while_a_class_is_typed_letters_are_letters() -> None:
    acting = begun()
    acting.press("/", *"q tiger")
    assert acting.view.take_requests() == ()
    assert acting.view.prompt is not None
    assert acting.view.prompt.text == "q tiger"


def test_enter_takes_the_class_and_keeps_to_it() -> None:
    acting = begun()
    assert acting.press("/", *"lyn", "Enter") == "lynx"
    assert acting.view.prompt is None
    assert acting.view.question.targets == (LABELS.index("lynx"),)


@pytest.mark.parametrize("typed", ["", "zebra"])
def test_enter_without_a_class_leaves_the_search_open_and_changes_nothing(typed: str) -> None:
    acting = begun()
    acting.press("/", *typed, "Enter")
    assert acting.view.prompt is not None
    assert acting.view.prompt.text == typed
    assert acting.view.question.targets == (None,)


def test_a_frozen_live_picture_keeps_its_pixels_and_can_be_explained_anew() -> None:
    acting = begun()
    kept = acting.see().pixels
    acting.press(" ")
    for _ in range(3):
        assert np.array_equal(acting.see().pixels, kept)
    assert acting.view.frozen
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
    assert acting.view.frozen


def test_a_mirror_turns_the_frame_and_drops_answers_about_former_ones() -> None:
    acting = begun()
    late = acting.see()
    acting.picture()
    acting.press("i")
    said = acting.view.explanation
    acting.view.add_answer(late, answer(acting.view.question))
    assert acting.view.explanation is said
    _, tracked = acting.view.picture()
    assert tracked is not None
    assert tracked.opacity == 0
    assert np.array_equal(acting.see().pixels, frame(acting.index).pixels[:, ::-1])
    acting.explain()
    assert acting.view.explanation is not said
    _, tracked = acting.view.picture()
    assert tracked is not None
    assert tracked.opacity > 0


@pytest.mark.parametrize("live", [True, False])
def test_a_frozen_picture_is_mirrored_at_once_and_can_be_explained(live: bool) -> None:
    acting = begun(live=live)
    acting.press(" ")
    assert acting.view.frame is not None
    before = acting.view.frame.pixels
    acting.press("i")
    assert np.array_equal(acting.view.frame.pixels, before[:, ::-1])
    said = acting.view.explanation
    acting.explain()
    assert acting.view.explanation is not said


def test_mirroring_looks_at_all_of_the_picture_again() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 90))
    assert acting.view.choice.area is not None
    acting.press("i")
    assert acting.view.question.area is None


def test_a_rectangle_is_shown_while_it_is_dragged_and_then_looked_at() -> None:
    acting = begun()
    before = acting.picture()
    acting.drag((100, 90), (30, 20))
    assert acting.view.question.area == (30, 20, 71, 71)
    acting.press("a")
    assert acting.view.question.area is None
    assert acting.press("a") == "the whole picture"
    assert before.shape == (*SIZE[::-1], 3)


def test_a_rectangle_that_is_too_small_is_a_click_and_a_click_tells_the_heat_there() -> None:
    acting = begun()
    before = acting.picture()
    acting.drag((80, 60), (82, 90))
    assert acting.view.question.area is None
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
    assert acting.view.question.area is None
    assert np.array_equal(acting.picture(), before)


@pytest.mark.parametrize(
    ("end", "area"),
    [
        ((500, 60), (10, 10, 150, 51)),
        ((500, 500), (10, 10, 150, 110)),
        ((-40, 60), (0, 10, 11, 51)),
        ((90, -9), (10, 0, 81, 11)),
        ((-500, 500), (0, 10, 11, 110)),
    ],
)
def test_a_rectangle_that_ends_beside_the_picture_ends_at_its_edge(
    end: tuple[int, int], area: tuple[int, int, int, int]
) -> None:
    acting = begun()
    acting.picture()
    acting.drag((10, 10), (60, 60), end)
    large = min(area[2:]) >= SMALLEST_AREA
    assert acting.view.question.area == (area if large else None)


def test_a_drag_from_one_pane_into_another_ends_at_the_edge_of_the_first() -> None:
    acting = begun(view="side")
    acting.picture()
    acting.drag((10, 40), (60, 60), (150, 85))
    area = acting.view.question.area
    assert area is not None
    assert area[0] >= 10
    assert area[0] + area[2] <= SIZE[0]


def test_what_is_looked_at_stays_outlined() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 90))
    acting.explain()
    outlined = acting.picture()
    acting.press("a")
    acting.explain()
    assert np.abs(outlined[20, 30:90].astype(int) - acting.picture()[20, 30:90]).mean() > 40


def test_a_refused_question_gives_back_what_was_answered_last() -> None:
    acting = begun()
    acting.press("m", "[")
    assert acting.view.question.methods == ("hirescam",)
    acting.view.refuse_question("hirescam needs a gradient.")
    assert acting.view.toast == "hirescam needs a gradient."
    assert acting.view.question == answer(acting.view.question).question
    assert (acting.view.choice.method, acting.view.choice.layer) == ("gradcam", None)


def test_the_key_goes_on_behind_a_method_that_was_refused() -> None:
    acting = begun()
    first, second, third = MENU.methods[:3]
    acting.press("m")
    acting.view.refuse_question(f"{second} cannot be imported.")
    assert acting.view.choice.method == first
    acting.press("m")
    assert acting.view.choice.method == third
    acting.view.refuse_question(f"{third} cannot be imported.")
    acting.press("M")
    assert acting.view.choice.method == second
    acting.view.refuse_question(f"{second} cannot be imported.")
    acting.press("[", "m")  # another layer: it may go now
    assert acting.view.choice.method == second


def test_a_refused_area_is_given_back_too() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 40))
    acting.view.refuse_question("the area is too flat.")
    assert acting.view.question.area is None


def test_a_refused_question_does_not_take_back_how_it_looks() -> None:
    acting = begun()
    acting.press("m", "c", "t")
    acting.view.refuse_question("no.")
    assert (acting.view.choice.look.colormap, acting.view.choice.look.style) == ("turbo", "fade")


def test_what_is_said_stays_for_two_seconds_of_frames() -> None:
    acting = begun()
    acting.see()
    quiet = acting.picture()
    acting.view.announce("saved a.png")
    assert not np.array_equal(acting.picture(), quiet)
    acting.view.show_frame(frame(acting.index, seconds=acting.index / 30 + TOAST_SECONDS - 0.01))
    spoken = acting.picture()
    acting.view.show_frame(frame(acting.index, seconds=acting.index / 30 + TOAST_SECONDS + 0.01))
    assert not np.array_equal(acting.picture(), spoken)


def test_what_is_said_ends_also_while_no_frame_comes() -> None:
    acting = begun()
    quiet = acting.picture()
    acting.view.announce("saved a.png")
    spoken = acting.picture()
    acting.view.set_status(Status(idle=1.5))
    assert np.array_equal(acting.picture(), spoken)
    acting.view.set_status(Status(idle=2.5))
    assert np.array_equal(acting.picture(), quiet)


def test_what_is_said_before_the_first_frame_is_shown_with_it() -> None:
    acting, other = Acting(), Acting()
    acting.view.announce("recording a.mp4")
    acting.see()
    other.see()
    assert not np.array_equal(acting.picture(), other.picture())


@pytest.mark.parametrize("view", get_args(View))
def test_a_view_stands_on_the_picture_only_when_its_answer_is_there(view: View) -> None:
    acting = begun()
    while acting.view.choice.look.view != view:
        acting.press("v")
    immediate = view in ("one", "side", "history")
    assert (acting.view.view == view) == immediate
    acting.see()
    acting.view.add_answer(acting.view.frame, answer(begun().view.question))  # type: ignore[arg-type]  # there is one
    if immediate:
        return
    assert acting.view.view != view
    acting.explain()
    assert acting.view.view == view


def test_a_refused_view_gives_back_the_one_that_is_shown() -> None:
    acting = begun()
    acting.press("v", "v")
    assert acting.view.choice.look.view == "methods"
    acting.view.refuse_question("no gradient.")
    assert acting.view.choice.look.view == acting.view.view == "side"


def test_another_source_thaws_the_picture_and_drops_late_answers() -> None:
    acting = begun()
    late = acting.see()
    acting.press(" ")
    said = acting.view.explanation
    acting.view.source_changed()
    assert not acting.view.frozen
    acting.view.add_answer(late, answer(acting.view.question))
    assert acting.view.explanation is said
    acting.see()
    _, tracked = acting.view.picture()
    assert tracked is None or tracked.opacity == 0
    acting.explain()
    assert acting.view.explanation is not said


def test_frames_of_another_size_are_looked_at_whole() -> None:
    acting = begun()
    acting.picture()
    acting.drag((20, 20), (100, 90))
    acting.see(size=(200, 100))
    assert acting.view.question.area is None
    assert acting.picture().shape == (100, 200, 3)


def test_the_opacity_stays_between_none_and_all() -> None:
    acting = begun()
    assert acting.press(*"+" * 12) == "heat 100%"
    assert acting.press(*"-" * 12) == "heat 0%"


def test_the_layers_end_at_the_shallowest_and_the_deepest() -> None:
    acting = begun()
    assert acting.press("[", "[", "[", "[") == "first  16×16×4"
    assert acting.press("]", "]", "]", "]") == "third  4×4×8"
    assert acting.view.question.layer == "third"


def test_methods_go_round_and_back() -> None:
    acting = begun()
    assert [acting.press("m") for _ in range(3)] == ["hirescam", "layercam", "gradcam"]
    assert acting.press("M") == "layercam"


def test_classes_are_pinned_by_their_rank_and_let_go() -> None:
    acting = begun()
    assert acting.press("2") == "tiger cat"
    assert list(acting.view.question.targets) == [1]
    assert acting.press("5") == "there is no such class on the picture"
    assert list(acting.view.question.targets) == [1]
    assert acting.press("0") == "the most probable class"
    assert list(acting.view.question.targets) == [None]
    assert acting.press("l") == "tabby"
    assert list(acting.view.question.targets) == [0]


def test_before_the_first_answer_there_is_nothing_to_keep_to() -> None:
    acting = Acting()
    acting.see()
    assert acting.press("l") == "there is nothing to keep to yet"
    assert acting.press("1") == "there is no such class on the picture"


def test_the_contrast_is_with_the_runner_up_of_every_moment_or_of_a_pinned_class() -> None:
    acting = begun()
    assert acting.press("x") == "why the first, rather than the second"
    assert acting.view.question.targets == ("#1 - #2",)
    assert acting.press("x") == "no contrast"
    assert acting.press("2", "x") == "rather than tabby"
    assert acting.view.question.targets == ("1 - 0",)


def test_the_view_of_two_models_is_left_out_where_there_is_one() -> None:
    acting = begun(menu=replace(MENU, models=("small",)))
    seen = set()
    for _ in range(10):
        acting.press("v")
        seen.add(acting.view.choice.look.view)
    assert seen == set(get_args(View)) - {"models"}


def row_of(name: str) -> int:
    return next(number for number, action in enumerate(ACTIONS) if action.name == name)


def middle_of(name: str, size: tuple[int, int]) -> tuple[int, int]:
    """Where the menu has an action, on its first page."""
    number = row_of(name)
    found = [
        (x, y)
        for y in range(0, size[1], 2)
        for x in range(0, size[0], 4)
        if row_at(MENU_ROWS, size, 0, x, y) == number
    ]
    return found[len(found) // 2]


def on_a_screen() -> Acting:
    """A stage with a picture on which the menu has one page."""
    acting = Acting()
    acting.see(size=(640, 480))
    acting.view.add_answer(acting.view.frame, answer(acting.view.question, size=(640, 480)))  # type: ignore[arg-type]
    acting.picture()
    return acting


@pytest.mark.long
@pytest.mark.parametrize("opening", ["o", "right click"])
def test_the_menu_opens_and_the_mouse_chooses_from_it(opening: str) -> None:
    acting = on_a_screen()
    before = acting.picture()
    if opening == "o":
        acting.press("o")
    else:
        acting.view.handle(Pointer("menu", 300, 200))
    shown = acting.picture()
    assert shown.mean() < 0.5 * before.mean()
    place = middle_of("method-next", (640, 480))
    acting.view.handle(Pointer("hover", *place))
    assert not np.array_equal(acting.picture(), shown), "the row is marked"
    acting.drag(place)
    assert acting.view.choice.method == "hirescam"
    assert not acting.view.menu_is_open
    assert acting.view.choice.area is None


@pytest.mark.long
def test_the_menu_s_rows_are_the_actions_in_order() -> None:
    assert len(MENU_ROWS) == len(ACTIONS)
    for name in ("record", "snapshot", "quit", "fullscreen", "source"):
        acting = on_a_screen()
        acting.press("o")
        acting.drag(middle_of(name, (640, 480)))
        assert acting.view.take_requests() == (name,)


def test_a_click_beside_the_menu_or_another_right_click_closes_it() -> None:
    acting = on_a_screen()
    acting.press("o")
    acting.drag((2, 2))
    assert not acting.view.menu_is_open
    assert acting.view.take_requests() == ()
    acting.view.handle(Pointer("menu", 5, 5))
    acting.view.handle(Pointer("menu", 5, 5))
    assert not acting.view.menu_is_open


def test_the_menu_is_gone_through_by_the_arrows_too_on_all_its_pages() -> None:
    acting = begun()
    acting.press("o", *["ArrowDown"] * row_of("style"), "Enter")
    assert acting.view.choice.look.style != "overlay"
    acting.press("o", "ArrowUp", "Enter")
    assert acting.view.take_requests() == ("quit",)


def test_a_small_picture_s_menu_is_turned_by_a_click_and_closed_after_its_last_page() -> None:
    acting = begun()
    acting.press("o")
    pages = [acting.picture()]
    while acting.view.menu_is_open and len(pages) < 40:
        x, y = next(
            (x, y)
            for y in range(SIZE[1])
            for x in range(SIZE[0])
            if row_at(MENU_ROWS, SIZE, len(pages) - 1, x, y) == TURN
        )
        acting.drag((x, y))
        pages.append(acting.picture())
    assert len(pages) - 1 == help_pages(MENU_ROWS, SIZE) > 2


def test_another_key_closes_the_menu_and_does_what_it_does() -> None:
    acting = begun()
    acting.press("o", "m")
    assert not acting.view.menu_is_open
    assert acting.view.choice.method == "hirescam"


def test_one_key_takes_everything_back_to_the_beginning() -> None:
    acting = begun(mirror=True, target=2)
    first = acting.view.choice
    acting.picture()
    acting.press("m", "i", "2", "t", "c", "+", "b", "d", "v", " ", "k", "]")
    acting.drag((20, 20), (100, 90))
    assert acting.view.choice != first
    acting.press("z")
    assert acting.view.choice == first
    assert not acting.view.frozen
    acting.see()
    acting.explain()
    again = begun(mirror=True, target=2)
    again.press("z")
    assert again.view.question == acting.view.question


def test_a_picture_that_is_kept_stands_beside_the_next_one_until_the_key_again() -> None:
    acting = begun()
    acting.press(" ")
    before = acting.picture()
    acting.press("k")
    acting.press("2", "t", "t", "t")
    acting.explain()
    acting.view.set_status(Status(idle=TOAST_SECONDS + 1))
    both = acting.picture()
    assert both.shape == before.shape
    # Each half has a strip for its name above it, and the footer of the canvas below it.
    footer, top = footer_of(SIZE), title_height(SIZE)
    assert footer is not None
    high = footer.region[1] - top
    wide = round(high * SIZE[0] / SIZE[1]) if high * SIZE[0] < 80 * SIZE[1] else 80
    tall = round(wide * SIZE[1] / SIZE[0])
    left, y = (80 - wide) // 2, top + (high - tall) // 2
    halves = [both[y : y + tall, x + left : x + left + wide].astype(int) for x in (0, 80)]
    kept = cv2.resize(before, (wide, tall), interpolation=cv2.INTER_AREA).astype(int)
    lower = (
        slice(tall * 2 // 3, -4),
        slice(4, -4),
    )  # above it stands, on the one, that the picture stands still
    assert np.abs(halves[0] - kept)[lower].mean() < 2, "the former picture is at the left"
    assert not np.array_equal(halves[0], halves[1])
    acting.see()
    assert np.array_equal(acting.picture()[y : y + tall, left : left + wide][lower], halves[0][lower])
    acting.press("k")
    acting.view.set_status(Status(idle=5.0))
    assert acting.picture()[:, :10].std() > 0


def test_a_click_beside_a_kept_picture_is_one_on_the_present_picture() -> None:
    acting = begun()
    acting.picture()
    acting.press("k")
    acting.picture()
    acting.drag((90, 40), (140, 80))
    assert acting.view.choice.area == (20, 22, 101, 81)
    acting.press("a")
    acting.drag((10, 40), (60, 80))
    assert acting.view.choice.area is None, "the kept one is no longer looked at"


@pytest.mark.parametrize(("x", "asked"), [(5, ("seek-back",)), (155, ("seek",)), (80, ())])
def test_a_click_at_a_side_turns_slides(x: int, asked: tuple[str, ...]) -> None:
    acting = begun(slides=True, live=False)
    acting.picture()
    acting.drag((x, 60))
    assert acting.view.take_requests() == asked


def test_a_click_at_a_side_of_anything_else_tells_the_heat() -> None:
    acting = begun()
    before = acting.picture()
    acting.drag((5, 60))
    assert acting.view.take_requests() == ()
    assert not np.array_equal(acting.picture(), before)


def test_a_drag_from_a_side_marks_an_area_on_slides_too() -> None:
    acting = begun(slides=True, live=False)
    acting.picture()
    acting.drag((5, 20), (80, 90))
    assert acting.view.take_requests() == ()
    assert acting.view.question.area is not None


def test_a_text_is_typed_into_the_search_that_is_open_and_else_is_lost() -> None:
    acting = begun()
    acting.view.handle(Text("lynx"))
    acting.press("Enter")
    assert acting.view.choice.target is None
    acting.press("/")
    acting.view.handle(Text("ly\nnx"))
    acting.press("Enter")
    assert acting.view.choice.target == LABELS.index("lynx")


def test_what_is_chosen_and_not_the_default_is_said_as_long_as_it_is_so() -> None:
    acting = begun()

    def said() -> str:
        return chosen_in_words(acting.view.choice, MENU, acting.view.view)

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
    acting.view.refuse_question("")  # no toast stands on it then
    acting.press("m")
    acting.view.announce("")
    told = acting.picture()
    top_left = slice(5, 40), slice(5, 120)
    assert (told[top_left] != plain[top_left]).any()


def test_the_keys_take_the_rows_as_they_stand_on_the_picture() -> None:
    acting = begun()
    acting.picture()
    newest = replace(answer(acting.view.question).first, top=(Prediction(1, "tiger cat", 0.405), TABBY))
    acting.view.add_answer(acting.see(), Answer(acting.view.question, (newest,)))
    assert (
        acting.press("1") == "tabby"
    )  # it still stands in the first row: it moves when it is behind by a point
    acting.picture()


TABBY = Prediction(0, "tabby", 0.4)


def test_the_halves_are_named_and_say_the_method_and_the_layer_where_those_differ() -> None:
    gradcam, hirescam = Made("gradcam", "top"), Made("hirescam", "top")
    assert names_of_halves(gradcam, gradcam, ENGLISH) == ("before", "now")
    assert names_of_halves(gradcam, hirescam, ENGLISH) == ("before · gradcam", "now · hirescam")
    deeper = Made("gradcam", "block3", "block3")
    assert names_of_halves(gradcam, deeper, ENGLISH) == ("before · top", "now · block3")
    by_itself = Made("saliency", "input")
    assert names_of_halves(gradcam, by_itself, ENGLISH) == ("before · gradcam", "now · saliency")
    assert names_of_halves(Made(), gradcam, words_of("zh"))[0] == "之前"


def test_the_halves_of_a_show_name_what_each_is_explained_by(monkeypatch: pytest.MonkeyPatch) -> None:
    acting = begun()
    acting.press("k")
    told: list[tuple[str, str]] = []

    def take(before: Pixels, now: Pixels, names: tuple[str, str], *, footer: int) -> Pixels:
        told.append(names)
        return before_and_after(before, now, names, footer=footer)

    monkeypatch.setattr(presenter, "before_and_after", take)
    acting.picture()
    acting.press("m")
    seen = acting.view.frame
    assert seen is not None
    answered = answer(acting.view.question)
    found = replace(answered, explanations=(replace(answered.first, method="hirescam"),))
    acting.view.add_answer(seen, found)
    acting.picture()
    assert told == [("before", "now"), ("before · gradcam", "now · hirescam")]


@pytest.mark.parametrize("target", ["cup", "杯子", "968"])
def test_a_class_that_was_typed_is_named_in_the_viewer_s_language_once_it_is_explained(target: str) -> None:
    words, menu = words_of("zh"), replace(MENU, labels=())
    choice = Choice(method="scorecam", target=target)
    assert chosen_in_words(choice, menu, "one", words=words) == f"scorecam · {target}"
    cup = Prediction(968, "杯子", 0.2)
    assert chosen_in_words(choice, menu, "one", explained=cup, words=words) == "scorecam · 杯子"
    rank = Choice(target="#2")
    assert chosen_in_words(rank, menu, "one", explained=cup, words=words) == "#2"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(layer="base/block3_conv3"), "层 block3_conv3"),
        (Choice(target=4711), "类别 4711"),
        (Choice(rival=-1), "第一个 − 第二个"),
        (Choice(rival=LOWERED), "什么使它降低"),
        (Choice(target=1, rival=LOWERED), "什么降低tiger cat"),
        (Choice(target=1, rival=2), "tiger cat − lynx"),
    ],
)
def test_what_is_chosen_is_told_in_the_viewer_s_language(choice: Choice, said: str) -> None:
    assert chosen_in_words(choice, MENU, "one", words=words_of("zh")) == said


def test_the_key_of_the_curves_freezes_the_picture_and_asks_for_them() -> None:
    acting = begun()
    assert not acting.view.question.curves
    assert acting.press("u") == "how the answer changes along the heat"
    assert acting.view.frozen
    assert acting.view.question.curves
    acting.press("u")
    assert acting.view.frozen
    assert not acting.view.question.curves


@pytest.mark.parametrize("key", [" ", "z"])
def test_there_are_no_curves_once_the_picture_goes_on(key: str) -> None:
    acting = begun()
    acting.press("u", key)
    assert not acting.view.frozen
    assert not acting.view.question.curves


def test_there_are_no_curves_of_another_source() -> None:
    acting = begun()
    acting.press("u")
    acting.view.source_changed()
    assert not acting.view.question.curves


def test_the_proof_asks_for_the_share_that_the_viewer_chose() -> None:
    acting = begun()
    acting.press(*"vvvvvvvv")
    assert acting.view.choice.look.view == "proof"
    assert acting.view.question.proof == DEFAULT_SHARE
    before = acting.view.view
    asked = []
    for _ in SHARES:
        assert acting.press("p") == f"the hottest {acting.view.choice.look.share:.0%}"
        asked.append(acting.view.question.proof)
    first = SHARES.index(DEFAULT_SHARE) + 1
    assert asked == [*SHARES[first:], *SHARES[:first]]
    acting.explain()
    assert (before, acting.view.view) == ("history", "proof"), "it waits for its own answer"


def test_only_the_views_with_a_badge_ask_for_tests_in_spare_time() -> None:
    acting = begun()
    assert acting.view.tested_share is None
    assert acting.press("e") == "the heat is tested"
    shares = []
    for _ in get_args(View):
        shares.append((acting.view.view, acting.view.tested_share))
        acting.press("v")
        acting.explain()
    assert {view for view, share in shares if share is not None} == {"one", "side", "history"}
    assert acting.press("e") == "the heat is not tested"
    assert acting.view.tested_share is None


def test_a_picture_without_a_test_says_why() -> None:
    acting = Acting()
    acting.see()
    acting.picture()
    assert acting.view.untested == "", "nothing was explained yet"
    acting.explain()
    assert acting.view.untested == "no test: it is switched off"
    acting.press("e")
    assert acting.view.untested == "no test: none was done in time (--faithfulness takes the time)"
    acting.view.add_test(frame_test(0))
    acting.picture()
    assert acting.view.untested == ""
    for view in ("side", "methods"):
        acting.press("v")
        acting.see()
        acting.explain()
        assert acting.view.view == view
    acting.picture()
    assert acting.view.untested == "no test: this view shows none"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"has_evidence": False}, "no test: there is no heat"),
        ({"method": "scorecam"}, "no test: the method takes many passes"),
        ({"top": (Prediction(0, "tabby", 0.2),)}, "no test: the network is not sure"),
        ({"target": Prediction(1, "tiger cat", 0.2)}, "no test: it is not the class on the picture"),
    ],
)
def test_what_is_not_tested_says_why_in_the_words_of_the_proof(
    changes: dict[str, object], reason: str
) -> None:
    acting = begun()
    acting.press("e")
    found = answer(acting.view.question)
    explanation = replace(found.first, **changes)  # type: ignore[arg-type]  # as they come
    acting.view.add_answer(acting.see(), replace(found, explanations=(explanation,)))
    acting.picture()
    assert acting.view.untested == reason


def frame_test(index: int) -> FrameTest:
    heat, control = MaskedScores(0.5, 0.1), MaskedScores(0.1, 0.5)
    found = Faithfulness(
        label="tabby",
        probability=0.6,
        heat=heat,
        controls=(("shifted", control),),
        class_id=0,
        method="gradcam",
        layer="top_conv",
    )
    return FrameTest(index, index / 30, found)


def test_a_test_of_a_former_question_or_source_is_dropped() -> None:
    acting = begun()
    acting.press("e")
    acting.view.add_test(frame_test(0))
    acting.picture()
    assert acting.view.faithfulness is not None
    acting.see()
    acting.see()
    acting.drag((20, 20), (80, 80))
    acting.view.add_test(frame_test(1))
    acting.explain()
    acting.picture()
    assert acting.view.faithfulness is None
    acting.view.add_test(frame_test(2))
    acting.picture()
    assert acting.view.faithfulness is not None
    acting.view.source_changed()
    acting.view.add_test(frame_test(2))
    acting.see()
    acting.explain()
    acting.picture()
    assert acting.view.faithfulness is None
