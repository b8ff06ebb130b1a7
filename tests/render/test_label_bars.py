import math

import pytest

from live_gradcam.number_format import UNSURE, percent_text
from live_gradcam.prediction import Prediction
from live_gradcam.render.label import Bars


def top(**shares: float) -> tuple[Prediction, ...]:
    """Classes with their probabilities, best first."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return tuple(Prediction(sum(map(ord, name)), name, share) for name, share in ordered)


def share(bars: Bars, label: str) -> float:
    return next((each.probability or 0.0 for each in bars.shown if each.label == label), 0.0)


def test_the_first_explanation_is_shown_as_it_is() -> None:
    bars = Bars()
    assert bars.shown == ()
    bars.update(top(cat=0.6, dog=0.3), 7.0)
    assert bars.shown == top(cat=0.6, dog=0.3)


@pytest.mark.parametrize("steps", [1, 5, 50])
def test_a_bar_comes_63_percent_of_its_way_in_its_time_at_any_rate(steps: int) -> None:
    bars = Bars(0.2)
    bars.update(top(cat=0.2, dog=0.7), 0.0)
    for number in range(1, steps + 1):
        bars.update(top(cat=0.6, dog=0.3), 0.2 * number / steps)
    assert share(bars, "cat") == pytest.approx(0.2 + 0.4 * (1 - math.exp(-1)))


def test_a_class_that_is_no_longer_named_sinks_and_is_gone() -> None:
    bars = Bars(0.1)
    bars.update(top(cat=0.9), 0.0)
    shares = []
    for number in range(1, 40):
        bars.update(top(dog=0.9), number / 30)
        shares.append(share(bars, "cat"))
    assert shares == sorted(shares, reverse=True)
    assert [each.label for each in bars.shown] == ["dog"]


def test_at_most_five_are_shown() -> None:
    bars = Bars()
    for number in range(20):
        bars.update(top(a=0.3, b=0.2, c=0.15, d=0.1, e=0.05), number / 30)
        bars.update(top(f=0.3, g=0.2, h=0.15, i=0.1, j=0.05), number / 30 + 0.01)
        assert len(bars.shown) == 5


def test_rows_change_places_when_one_is_longer_and_not_for_a_hair() -> None:
    bars = Bars(0.1)
    bars.update(top(cat=0.4, dog=0.395), 0.0)
    for number in range(1, 60):
        bars.update(top(cat=0.395, dog=0.4), number / 30)
    assert bars.shown[0].label == "cat"
    for number in range(60, 120):
        bars.update(top(cat=0.3, dog=0.5), number / 30)
    assert bars.shown[0].label == "dog"


def test_a_picture_that_stands_still_or_goes_back_has_its_bars_where_they_belong() -> None:
    bars = Bars(0.2)
    bars.update(top(cat=0.9), 5.0)
    bars.update(top(dog=0.8), 5.0)
    assert bars.shown == top(dog=0.8)
    bars.update(top(cat=0.7), 1.0)
    assert bars.shown == top(cat=0.7)


def test_single_pictures_have_no_smoothness() -> None:
    bars = Bars(0)
    bars.update(top(cat=0.9), 0.0)
    bars.update(top(dog=0.8), 0.1)
    assert bars.shown == top(dog=0.8)


def test_it_is_sure_where_the_number_that_is_shown_reaches_the_threshold_and_nowhere_else() -> None:
    bars = Bars(0.3)
    said = set()
    for number in range(40):
        bars.update(top(cat=UNSURE + (0.08 if number % 8 < 4 else -0.08)), number / 10)
        share = bars.shown[0].probability
        assert share is not None
        assert bars.sure == (share >= UNSURE)
        assert (int(percent_text(share)[:-1]) >= 100 * UNSURE) == bars.sure
        said.add(bars.sure)
    assert said == {True, False}


def test_a_network_without_classes_has_no_bars() -> None:
    bars = Bars()
    bars.update((), 0.0)
    bars.update((), 0.1)
    assert bars.shown == ()
    assert bars.sure


def test_values_stand_there_as_they_are_in_their_order() -> None:
    bars = Bars()
    values = tuple(
        Prediction(number, name, None, value=-float(number)) for number, name in enumerate("abcdefg")
    )
    for time in (0.0, 0.03):
        bars.update(values, time)
        assert (bars.shown, bars.sure) == (values[:5], True)
    bars.update(top(cat=0.6), 0.06)
    assert [each.label for each in bars.shown] == ["cat"]


def test_labels_that_hold_by_themselves_are_believed_from_another_probability_on() -> None:
    bars = Bars(0.001)
    for step, (share, sure) in enumerate(((0.52, True), (0.48, False), (0.501, True), (0.4999, False))):
        bars.update(top(dog=share), step / 10, believed=0.5)
        assert bars.sure == sure, share
