"""The choice: which question comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from acting import MENU
from fakes import valued

from live_gradcam.fixed_choices import View
from live_gradcam.live.choice import LOWERED, Choice, question_of
from live_gradcam.live.controls import Controls
from live_gradcam.prediction import Lowered
from live_gradcam.question import Question
from live_gradcam.render.appearance import Appearance


@pytest.mark.parametrize(
    ("view", "question"),
    [
        ("one", Question(methods=("hirescam",), layer="second", targets=(2,))),
        ("side", Question(methods=("hirescam",), layer="second", targets=(2,))),
        ("history", Question(methods=("hirescam",), layer="second", targets=(2,))),
        ("concepts", Question(methods=("hirescam",), layer="second", targets=(2,), concepts=4)),
        ("channels", Question(methods=("hirescam",), layer="second", targets=(2,), channels=9)),
        ("models", Question(models=(0, 1), methods=("hirescam",), layer="second", targets=(2,))),
        (
            "methods",
            Question(methods=("hirescam", "gradcam", "gradcam++", "layercam"), layer="second", targets=(2,)),
        ),
        ("targets", Question(methods=("hirescam",), layer="second", targets=("#1", "#2", "#3", "#4"))),
    ],
)
def test_each_view_asks_for_what_it_shows(view: View, question: Question) -> None:
    choice = Choice(method="hirescam", layer="second", target=2, look=Appearance(view=view))
    assert question_of(choice, MENU) == question


def test_a_model_of_three_classes_is_asked_for_three() -> None:
    choice = Choice(look=Appearance(view="targets"))
    assert question_of(choice, replace(MENU, labels=("a", "b", "c"))).targets == ("#1", "#2", "#3")


def test_a_method_of_its_own_is_compared_with_three_of_the_others() -> None:
    choice = Choice(method="scorecam", look=Appearance(view="methods"))
    assert question_of(choice, MENU).methods == ("scorecam", "gradcam", "gradcam++", "hirescam")


def test_a_class_is_set_against_another_or_the_first_against_the_second() -> None:
    assert question_of(Choice(target=3, rival=5), MENU).targets == ("3 - 5",)
    assert question_of(Choice(rival=-1), MENU).targets == ("#1 - #2",)


def test_how_it_looks_changes_nothing_that_is_asked() -> None:
    plain, other = Choice(), Choice(mirror=True, look=Appearance(alpha=1, colormap="viridis", style="heat"))
    assert question_of(plain, MENU) == question_of(other, MENU)


def test_a_value_is_explained_by_what_lowers_it() -> None:
    menu = replace(MENU, labels=("age", "size"), values=True)
    assert question_of(Choice(rival=LOWERED), menu).targets == ("#1 -",)
    controls = Controls(menu, Choice(target=1))
    assert controls.do("contrast") == "what lowers it"
    assert question_of(controls.choice, menu).targets == ("1 -",)
    assert controls.do("contrast") == "what raises it"
    assert question_of(controls.choice, menu).targets == (1,)


def test_a_value_whose_lowering_was_typed_is_turned_to_what_raises_it() -> None:
    menu = replace(MENU, labels=("age", "size"), values=True)
    controls = Controls(menu, Choice(target="size -"))
    found = valued((0, 0, 64, 64), ("age", 30.0, ""), ("size", 1.0, ""))
    controls.explanation = replace(found, target=Lowered(found.top[1]))
    assert controls.do("contrast") == "what raises it"
    assert question_of(controls.choice, menu).targets == (1,)
