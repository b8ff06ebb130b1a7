from dataclasses import replace

import pytest
from fakes import explained, valued

from live_gradcam.explanation import NO_ANSWER
from live_gradcam.number_format import UNSURE
from live_gradcam.prediction import Contrast, Lowered, Prediction
from live_gradcam.render.caption import NOT_FINITE, caption_of, confidence_of, figure, translated
from live_gradcam.translations import words_of

REGION = (0, 0, 64, 64)


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


def test_a_probability_below_the_threshold_is_not_shown_as_the_threshold() -> None:
    caption = caption_of(explained(REGION, top=(("tabby", 0.296), ("lynx", 0.1))))
    assert (caption.label, caption.note) == ("not sure", "perhaps tabby 29%")
    caption = caption_of(replace(explained(REGION, top=(("dog", 0.4999),)), task="multi-label"))
    assert (caption.label, caption.note) == ("no label", "perhaps dog 49%")
    assert str(Prediction(0, "tabby", 0.296)) == "tabby 29%"


def test_a_value_close_to_zero_is_read_beside_the_others_of_its_unit() -> None:
    box = valued(REGION, ("x", -0.0009, "px"), ("y", 118.0, "px"), ("share", 0.00021, "")).top
    assert [figure(each, box) for each in box] == ["−0.001 px", "118 px", "0.00021"]
    caption = caption_of(valued(REGION, ("x", -0.0002, "px"), ("y", 118.0, "px")))
    assert caption.percent == "0.00 px"
    assert caption_of(valued(REGION, ("x", -0.0002, "px"))).percent == "−0.00020 px"


def test_who_is_not_sure_has_a_guess_below_and_no_percentage_beside() -> None:
    caption = caption_of(explained(REGION, top=(("tabby", 0.22), ("lynx", 0.1))))
    assert (caption.percent, caption.note) == ("", "perhaps tabby 22%")
    assert caption.note_matters


def test_heat_for_a_class_that_the_viewer_named_is_the_headline_where_the_network_is_not_sure() -> None:
    top = (("tabby", 0.22), ("cup", 0.03))
    caption = caption_of(explained(REGION, top=top, target=Prediction(1, "cup", 0.03)))
    assert (caption.label, caption.percent) == ("heat for cup", "3%")
    assert (caption.note, caption.note_matters, caption.sure) == ("not sure: perhaps tabby 22%", True, False)
    assert translated(caption, words_of("zh")).note == "不确定：可能是tabby 22%"
    first = explained(REGION, top=top, target=Prediction(0, "tabby", 0.22))
    assert (caption_of(first, weak=True).label, caption_of(first).note) == ("weak heat for tabby", "not sure")
    by_rank = replace(first, automatic=True)
    assert (caption_of(by_rank).label, caption_of(by_rank).note) == ("not sure", "perhaps tabby 22%")
    nothing = explained(REGION, top=top, target=Prediction(1, "cup", 0.03), has_evidence=False)
    assert (caption_of(nothing).label, caption_of(nothing).note) == ("not sure", "no evidence for cup 3%")


def test_without_evidence_that_is_said_before_the_guess() -> None:
    caption = caption_of(explained(REGION, top=(("tabby", 0.22),), has_evidence=False))
    assert (caption.label, caption.note) == ("not sure", "no evidence")


def test_the_classes_shown_may_lag_behind_the_newest_and_the_heat_is_not_called_another_s() -> None:
    newest = explained(REGION, top=(("espresso", 0.9), ("cup", 0.1)))
    shown = (Prediction(5, "Egyptian cat", 0.5), Prediction(0, "espresso", 0.4))
    caption = caption_of(newest, shown)
    assert (caption.label, caption.percent) == ("Egyptian cat", "50%")
    assert caption.note == "espresso 40%"


AGE = ("age", 31.62, "years")
BOX = (("x", 12.0, "px"), ("y", -3.456, "px"), ("width", 1240.2, "px"), ("height", 0.0, "px"))


def test_a_value_is_said_with_its_name_its_number_and_its_unit_and_never_in_percent() -> None:
    caption = caption_of(valued(REGION, AGE))
    assert (caption.label, caption.percent, caption.note) == ("age", "31.6 years", "")


def test_the_value_that_is_explained_is_the_headline_and_the_others_stand_below() -> None:
    caption = caption_of(valued(REGION, *BOX))
    assert (caption.label, caption.percent) == ("x", "12.0 px")
    assert caption.note == "y −3.46 px   width 1240 px   height 0 px"
    assert caption.note_in_chart
    second = valued(REGION, *BOX)
    caption = caption_of(valued(REGION, *BOX, target=second.top[1]))
    assert (caption.label, caption.note[:9]) == ("y", "x 12.0 px")


def test_heat_for_what_lowers_a_value_or_raises_it_rather_than_another_is_named() -> None:
    x, y, *_ = valued(REGION, *BOX).top
    assert caption_of(valued(REGION, *BOX, target=Lowered(x))).note == "heat for what lowers x"
    assert caption_of(valued(REGION, *BOX, target=Contrast(x, (y,), 1.0))).note == "heat for x − y"
    blind = valued(REGION, *BOX, target=Lowered(x), has_evidence=False)
    assert caption_of(blind).note == "nothing lowers it"
    blind = valued(REGION, *BOX, target=Contrast(x, (y,), 1.0), has_evidence=False)
    assert caption_of(blind).note == "nothing raises x − y"
    assert caption_of(valued(REGION, AGE, has_evidence=False)).note == "nothing raises it"


@pytest.mark.long
def test_a_network_that_gives_nan_is_said_to_do_so() -> None:
    broken = caption_of(valued(REGION, ("age", None, "years"), has_evidence=False))
    assert (broken.label, broken.percent, broken.note) == ("age", "", NOT_FINITE)
    classifier = replace(
        explained(REGION, has_evidence=False), top=(), is_finite=False, target=Prediction(0, "cat", None)
    )
    broken = caption_of(classifier)
    assert (broken.label, broken.percent, broken.note, broken.sure) == (NO_ANSWER, "", NOT_FINITE, False)


def test_labels_that_hold_by_themselves_are_said_together() -> None:
    top = (("person", 0.98), ("beach", 0.71), ("dog", 0.2))
    caption = caption_of(replace(explained(REGION, top=top), task="multi-label"))
    assert (caption.label, caption.percent, caption.note) == ("person", "98%", "beach 71%")
    caption = caption_of(replace(explained(REGION, top=(("dog", 0.41),)), task="multi-label"))
    assert (caption.label, caption.note, caption.sure) == ("no label", "perhaps dog 41%", False)


def test_heat_that_is_weak_beside_that_of_other_things_is_called_so() -> None:
    explanation = explained(REGION)
    assert caption_of(explanation, weak=True).note == "weak heat"
    other = replace(explanation, target=Prediction(1, "tabby", 0.18))
    assert caption_of(other, weak=True).note == "weak heat for tabby 18%"


@pytest.mark.parametrize(("share", "belief"), [(0.0, 0.0), (0.15, 0.5), (0.3, 1.0), (0.9, 1.0)])
def test_what_the_network_chose_is_believed_from_where_the_plate_names_it(
    share: float, belief: float
) -> None:
    chosen = replace(explained(REGION, top=(("cat", share),)), automatic=True)
    assert confidence_of(chosen) == pytest.approx(belief)
    assert confidence_of(replace(chosen, automatic=False)) == 1
    assert confidence_of(replace(chosen, task="values")) == 1
