"""The badge: when a masking test belongs on the picture, and where it is drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fakes import explained

from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import Faithfulness, FrameTest, MaskedScores
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.render.badge import GREEN, Badge, draw_badge_onto, figures_of
from live_gradcam.render.caption import Caption
from live_gradcam.render.label_plate import draw_plate_onto
from live_gradcam.translations import ENGLISH, words_of

SIZES = [(640, 480), (1280, 720), (720, 1280), (1920, 1080), (3840, 2160)]
CHART = tuple(Prediction(n, f"class {n}", 0.5 / (n + 1)) for n in range(5))


def found(
    *, alone: float = 0.83, without: float = 0.12, elsewhere: tuple[float, float] = (0.05, 0.8)
) -> Faithfulness:
    return Faithfulness(
        label="tabby",
        probability=0.9,
        heat=MaskedScores(alone, without),
        controls=(("shifted", MaskedScores(*elsewhere)),),
        class_id=0,
        method="gradcam",
        layer="top_conv",
    )


HOLDS, FAILS = found(), found(alone=0.05, without=0.8, elsewhere=(0.83, 0.12))
TABBY = Prediction(0, "tabby", 0.9)


def cat(**changes: object) -> Explanation:
    return replace(explained((0, 0, 8, 8), target=TABBY), **changes)  # type: ignore[arg-type]


def shown_at(
    badge: Badge, time: float, explanation: Explanation | None = None, named: Prediction | None = TABBY
) -> Faithfulness | None:
    return badge.shown(explanation or cat(), named, time)


def test_the_two_results_of_these_tests_are_what_their_names_say() -> None:
    assert HOLDS.holds
    assert not FAILS.holds


def test_a_result_is_held_for_seconds_and_goes_if_none_follows() -> None:
    badge = Badge()
    badge.add(FrameTest(3, 9.9, HOLDS), 10.0)
    assert [shown_at(badge, time) for time in (10.0, 15.0, 21.9, 22.1, 30.0)] == [HOLDS] * 3 + [None] * 2


def test_a_result_that_took_long_is_held_until_the_next_can_come() -> None:
    badge = Badge()
    badge.add(FrameTest(3, 3.0, HOLDS), 10.0)
    assert [shown_at(badge, time) for time in (10.0, 23.9, 24.1)] == [HOLDS, HOLDS, None]


def test_the_figures_of_a_class_change_once_a_second_at_most() -> None:
    badge = Badge()
    seen = []
    for step in range(31):
        time = 10 + step / 10
        badge.add(FrameTest(step, time, HOLDS if step % 3 else FAILS), time)
        seen.append(shown_at(badge, time))
    changes = [number for number, (one, other) in enumerate(pairwise(seen)) if one is not other]
    assert changes
    assert min(np.diff([-10, *changes])) >= 10


def test_figures_without_a_verdict_make_way_for_the_verdict_at_once() -> None:
    badge = Badge()
    own = replace(HOLDS, controls=())
    badge.add(FrameTest(3, 10.0, own), 10.0)
    assert shown_at(badge, 10.0) is own
    badge.add(FrameTest(3, 10.0, HOLDS), 10.1)
    assert shown_at(badge, 10.1) is HOLDS


def test_among_independent_pictures_a_result_is_shown_at_once() -> None:
    badge = Badge(at_once=True)
    for step, result in enumerate((HOLDS, FAILS)):
        badge.add(FrameTest(step, 10.0, result), 10.0)
        assert shown_at(badge, 10.0) is result


@pytest.mark.parametrize(
    "other",
    [
        cat(target=Prediction(1, "tabby", 0.9)),
        cat(method="hirescam"),
        cat(layer="another"),
    ],
    ids=["class", "method", "layer"],
)
def test_a_result_goes_when_something_else_is_explained_and_does_not_come_back(other: Explanation) -> None:
    badge = Badge()
    badge.add(FrameTest(3, 10.0, HOLDS), 10.0)
    assert shown_at(badge, 10.0) is HOLDS
    assert shown_at(badge, 10.1, other) is None
    assert shown_at(badge, 10.2) is None


@pytest.mark.parametrize("named", [None, Prediction(1, "tiger cat", 0.5)])
def test_where_the_plate_names_no_class_or_another_nothing_is_shown(named: Prediction | None) -> None:
    badge = Badge()
    badge.add(FrameTest(3, 10.0, HOLDS), 10.0)
    assert shown_at(badge, 10.0, named=named) is None
    assert shown_at(badge, 10.1) is HOLDS


def test_a_step_back_in_time_ends_a_result() -> None:
    badge = Badge()
    badge.add(FrameTest(3, 10.0, HOLDS), 10.0)
    assert shown_at(badge, 10.0) is HOLDS
    assert shown_at(badge, 5.0) is None


def test_a_forgotten_result_is_gone() -> None:
    badge = Badge()
    badge.add(FrameTest(3, 10.0, HOLDS), 10.0)
    badge.forget()
    assert shown_at(badge, 10.0) is None


def overlap(one: Region, other: Region) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def badge_on(
    size: tuple[int, int],
    result: Faithfulness,
    *,
    label: str = "Egyptian cat",
    right: bool = False,
    lang: str = "en",
    avoid: Region | None = None,
) -> tuple[Pixels, Region, Region]:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    plate = draw_plate_onto(picture, Caption(label, "62%"), CHART, right=right)
    assert plate is not None
    place = draw_badge_onto(picture, result, plate, words_of(lang), side=min(size), avoid=avoid)
    assert place is not None
    return picture, plate, place


def test_the_figures_are_those_of_the_tested_moment_and_narrow_pictures_leave_the_first_out() -> None:
    assert figures_of(HOLDS, ENGLISH, room=2000) == "whole 90% · alone 83% · without 12%"
    assert figures_of(HOLDS, words_of("zh"), room=2000) == "整幅 90% · 单独 83% · 去掉后 12%"
    assert figures_of(HOLDS, ENGLISH, room=150) == "alone 83% · without 12%"
    for size in ((640, 480), (320, 240), (240, 320), (200, 360)):
        _, plate, place = badge_on(size, HOLDS, label="fox")
        assert place[0] + place[2] <= size[0]
        assert not overlap(plate, place)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("result", [HOLDS, FAILS], ids=["holds", "fails"])
@pytest.mark.parametrize("right", [False, True], ids=["left", "right"])
@pytest.mark.parametrize("label", ["fox", "German short-haired pointer", "a very long name of a class " * 3])
def test_the_badge_lies_within_the_picture_and_beside_the_plate(
    size: tuple[int, int], result: Faithfulness, right: bool, label: str
) -> None:
    _, plate, place = badge_on(size, result, label=label, right=right)
    x, y, wide, high = place
    assert x >= 0
    assert y >= 0
    assert x + wide <= size[0]
    assert y + high <= size[1]
    assert not overlap(plate, place)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_result_that_holds_has_a_green_tick_and_another_amber_words(
    size: tuple[int, int], lang: str
) -> None:
    def colours(result: Faithfulness) -> tuple[int, int]:
        picture, _, (x, y, wide, high) = badge_on(size, result, lang=lang)
        part = picture[y : y + high, x : x + wide].astype(int)
        green = np.abs(part - GREEN).max(-1) < 24
        amber = (part[..., 2] > 200) & (part[..., 0] < 140) & (part[..., 1] > 150)
        return int(green.sum()), int(amber.sum())

    assert colours(replace(HOLDS, controls=())) == (0, 0), "there is no verdict yet"
    holds, fails = colours(HOLDS), colours(FAILS)
    assert holds[0] > 20
    assert holds[1] == 0
    assert fails[0] == 0
    assert fails[1] > 100


@pytest.mark.parametrize("size", SIZES)
def test_the_scale_bar_is_not_covered(size: tuple[int, int]) -> None:
    bar = (size[0] - size[0] // 6, size[1] // 2, size[0] // 6, size[1] // 2)
    _, _, place = badge_on(size, FAILS, avoid=bar)
    assert not overlap(place, bar)


def test_the_smallest_pictures_have_no_badge() -> None:
    picture = np.full((120, 160, 3), 128, np.uint8)
    assert draw_badge_onto(picture, HOLDS, (4, 90, 80, 26), ENGLISH, side=120) is None
    assert (picture == 128).all()
