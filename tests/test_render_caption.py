import pytest
from fakes import explained

from live_gradcam.explanation import Prediction
from live_gradcam.render.caption import UNSURE, caption_of, percent

REGION = (0, 0, 64, 64)


@pytest.mark.parametrize(
    ("probability", "said"), [(0.62, "62%"), (1.0, "100%"), (0.007, "1%"), (0.004, "<1%"), (0.0, "<1%")]
)
def test_a_probability_is_said_in_whole_percent(probability: float, said: str) -> None:
    assert percent(probability) == said


def test_the_first_class_is_the_headline_and_the_next_two_stand_below() -> None:
    caption = caption_of(explained(REGION))
    assert (caption.label, caption.percent) == ("Egyptian cat", "62%")
    assert caption.note == "tabby 18%   tiger cat 9%"


def test_heat_for_another_class_than_the_first_is_named() -> None:
    caption = caption_of(explained(REGION, target=Prediction(7, "espresso", 0.02)))
    assert (caption.label, caption.note) == ("Egyptian cat", "heat for espresso 2%")
    assert caption.note_matters


def test_where_there_is_no_evidence_the_plate_says_so() -> None:
    assert caption_of(explained(REGION, has_evidence=False)).note == "no evidence"
    other = explained(REGION, target=Prediction(7, "espresso", 0.02), has_evidence=False)
    assert caption_of(other).note == "no evidence for espresso 2%"


def test_a_label_with_line_breaks_is_set_on_one_line() -> None:
    assert caption_of(explained(REGION, top=(("Egyptian\n\tcat ", 0.5),))).label == "Egyptian cat"


@pytest.mark.parametrize(("share", "label"), [(UNSURE - 0.01, "not sure"), (UNSURE, "tabby")])
def test_a_low_maximum_is_worded_as_not_sure(share: float, label: str) -> None:
    caption = caption_of(explained(REGION, top=(("tabby", share), ("lynx", 0.1))))
    assert caption.label == label
    assert caption.sure == (label == "tabby")


def test_who_is_not_sure_has_a_guess_below_and_no_percentage_beside() -> None:
    caption = caption_of(explained(REGION, top=(("tabby", 0.22), ("lynx", 0.1))))
    assert (caption.percent, caption.note) == ("", "perhaps tabby 22%")
    assert caption.note_matters


def test_without_evidence_that_is_said_before_the_guess() -> None:
    caption = caption_of(explained(REGION, top=(("tabby", 0.22),), has_evidence=False))
    assert (caption.label, caption.note) == ("not sure", "no evidence")


def test_the_classes_shown_may_lag_behind_the_newest_and_the_heat_is_not_called_another_s() -> None:
    newest = explained(REGION, top=(("espresso", 0.9), ("cup", 0.1)))
    shown = (Prediction(5, "Egyptian cat", 0.5), Prediction(0, "espresso", 0.4))
    caption = caption_of(newest, shown)
    assert (caption.label, caption.percent) == ("Egyptian cat", "50%")
    assert caption.note == "espresso 40%"
