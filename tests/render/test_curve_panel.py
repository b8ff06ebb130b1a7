"""The panel of curves: where it lies, and that its lines stand where the numbers say."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.explanation import Region
from live_gradcam.faithfulness import HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.render.badge import GREEN
from live_gradcam.render.curve_panel import draw_curves_onto
from live_gradcam.translations import words_of

SIZES = [(320, 240), (640, 480), (1280, 720), (720, 1280), (1920, 1080), (3840, 2160)]
FRACTIONS = tuple(step / 10 for step in range(11))


def curves(*names: str, level: float = 0.5) -> tuple[HeatCurve, ...]:
    return tuple(
        HeatCurve(way, name, FRACTIONS, (level,) * 11, level)
        for name in names
        for way in ("deletion", "insertion")
    )


def drawn(
    size: tuple[int, int], of: tuple[HeatCurve, ...], reason: str = "", lang: str = "en"
) -> tuple[Pixels, Region | None]:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    place = draw_curves_onto(picture, of, reason, words_of(lang), side=min(size))
    return picture, place


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("names", [("gradcam", ""), ("gradcam", "hirescam", "layercam", "gradcam++", "")])
def test_the_panel_lies_within_the_picture_and_changes_nothing_outside(
    size: tuple[int, int], lang: str, names: tuple[str, ...]
) -> None:
    picture, place = drawn(size, curves(*names), lang=lang)
    assert place is not None
    x, y, wide, high = place
    assert x >= 0
    assert y >= 0
    assert x + wide <= size[0]
    assert y + high <= size[1]
    outside = np.ones(picture.shape[:2], bool)
    outside[y : y + high, x : x + wide] = False
    assert (picture[outside] == 128).all()


def rows_of_green(level: float) -> float:
    picture, place = drawn((1280, 720), curves("gradcam", "", level=level))
    assert place is not None
    x, y, wide, high = place
    plate = picture[y : y + high, x : x + wide].astype(int)
    green = np.abs(plate - GREEN).max(-1) < 40
    rows = np.nonzero(green.sum(1) > wide * 0.7)[0]  # the letters of the legend are shorter
    assert rows.size
    return float(rows.mean())


def test_a_higher_probability_stands_higher_in_proportion() -> None:
    low, middle, high = (rows_of_green(level) for level in (0.1, 0.5, 0.9))
    assert low > middle > high
    assert low - middle == pytest.approx(middle - high, abs=1.5)


@pytest.mark.parametrize("size", SIZES)
def test_where_there_are_no_curves_the_panel_says_why(size: tuple[int, int]) -> None:
    picture, place = drawn(size, (), "no test: the method takes many passes")
    assert place is not None
    assert place[0] >= 0
    assert place[0] + place[2] <= size[0]
    assert (picture != 128).any()


def test_without_curves_and_without_a_reason_nothing_is_drawn() -> None:
    picture, place = drawn((640, 480), ())
    assert place is None
    assert (picture == 128).all()


def test_the_smallest_pictures_have_no_panel() -> None:
    assert drawn((160, 120), curves("gradcam", ""))[1] is None
