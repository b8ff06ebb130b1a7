"""The panel of curves: where it lies, and that its lines stand where the numbers say."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.explanation import Region
from live_gradcam.faithfulness import HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.render import curve_panel
from live_gradcam.render.badge import GREEN
from live_gradcam.render.curve_panel import (
    CurvePanel,
    draw_panel_onto,
    draw_reason_onto,
    overlaid,
    panel_on,
)
from live_gradcam.render.lettering import AMBER, BOLD, CAP, text_width
from live_gradcam.translations import words_of

SIZES = [(320, 240), (640, 480), (1280, 720), (720, 1280), (1920, 1080), (3840, 2160)]
FRACTIONS = tuple(step / 10 for step in range(11))


def curves(*names: str, level: float = 0.5, label: str = "tabby") -> tuple[HeatCurve, ...]:
    return tuple(
        HeatCurve(way, name, label, FRACTIONS, (level,) * 11, level)
        for name in names
        for way in ("deletion", "insertion")
    )


def drawn(
    size: tuple[int, int], of: tuple[HeatCurve, ...], lang: str = "en", end: int | None = None
) -> tuple[Pixels, CurvePanel | None]:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    panel = overlaid(picture, of, side=min(size), end=size[0] if end is None else end)
    if panel is not None:
        draw_panel_onto(picture, panel, of, words_of(lang))
    return picture, panel


def is_untouched_outside(picture: Pixels, place: Region) -> bool:
    x, y, wide, high = place
    outside = np.ones(picture.shape[:2], bool)
    outside[y : y + high, x : x + wide] = False
    return bool((picture[outside] == 128).all())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("names", [("gradcam", ""), ("gradcam", "hirescam", "layercam", "gradcam++", "")])
def test_the_panel_lies_within_the_picture_and_changes_nothing_outside(
    size: tuple[int, int], lang: str, names: tuple[str, ...]
) -> None:
    picture, panel = drawn(size, curves(*names), lang)
    assert panel is not None
    x, y, wide, high = panel.place
    assert x >= 0
    assert y >= 0
    assert x + wide <= size[0]
    assert y + high <= size[1]
    assert is_untouched_outside(picture, panel.place)


@pytest.mark.parametrize("size", SIZES[1:])
def test_the_panel_ends_before_the_scale_of_colours(size: tuple[int, int]) -> None:
    end = round(size[0] * 0.85)
    picture, panel = drawn(size, curves("gradcam", ""), end=end)
    assert panel is not None
    assert panel.place[0] + panel.place[2] <= end
    assert (picture[:, end:] == 128).all()


@pytest.mark.parametrize("size", SIZES[1:])
def test_where_there_is_room_the_axes_are_labelled_and_the_better_direction_is_told(
    size: tuple[int, int],
) -> None:
    picture, panel = drawn(size, curves("gradcam", ""))
    assert panel is not None
    assert panel.labelled
    x, y, wide, high = panel.place
    plate = picture[y : y + high, x : x + wide].astype(int)
    amber = np.abs(plate - AMBER).max(-1) < 40
    halves = (amber[: high // 2], amber[high // 2 :]) if panel.stacked else (amber[:, : wide // 2],)
    assert all(half.sum() > 20 for half in halves)  # "lower is better", "higher is better"
    # The words at the axes: grey letters left of the box, in its height, and below it.
    box = box_of(plate)
    grey = (np.ptp(plate, axis=-1) < 12) & (plate.min(-1) > 120)
    assert grey[box[1] : box[1] + box[3], : box[0] - 2].sum() > 20
    assert grey[box[1] + box[3] + 2 : box[1] + box[3] + 2 * panel.size, :].sum() > 20


def box_of(plate: Pixels) -> Region:
    """Return (x, y, width, height) of the first plot's box on a plate: between its first two long lines."""
    line = np.abs(plate - 110).max(-1) < 3
    rows = np.nonzero(line.sum(1) > plate.shape[1] * 0.25)[0]
    column = int(np.argmax(line[rows[0]]))
    wide = int(np.argmin(line[rows[0], column:]))
    return column, int(rows[0]), wide, int(rows[1] - rows[0] + 1)


LONG = "African hunting dog, hyena dog, Cape hunting dog, Lycaon pictus, of the savannah"


@pytest.mark.parametrize("size", [*SIZES, (240, 320), (240, 180)])
@pytest.mark.parametrize(
    ("lang", "label", "said"),
    [
        ("en", "Egyptian cat", "probability of Egyptian cat"),
        ("zh", "埃及猫", "埃及猫 的概率"),
        ("en", LONG, None),
    ],
)
def test_the_panel_says_which_class_s_probability_it_draws_in_letters_that_can_be_read(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], lang: str, label: str, said: str | None
) -> None:
    written: list[tuple[str, tuple[int, int], int]] = []

    def write(picture: Pixels, text: str, at: tuple[int, int], letters: int, **_: object) -> None:
        if picture.shape[:2] == size[::-1]:  # else it is written on a turned part
            written.append((text, at, letters))

    monkeypatch.setattr(curve_panel, "write", write)
    _, panel = drawn(size, curves("gradcam", "", label=label), lang)
    assert panel is not None
    (text, (x, base), letters), *others = written
    assert text == said if said else text in f"probability of {LONG}" or LONG.startswith(text.rstrip("…"))
    assert letters >= max(10, 0.6 * panel.size)
    assert panel.place[1] < base - letters * 0.7
    assert x + text_width(text, letters, BOLD) <= panel.place[0] + panel.place[2]
    assert all(base < low - height * CAP for _, (_, low), height in others)


def rows_of_green(level: float) -> tuple[float, Region]:
    picture, panel = drawn((1280, 720), curves("gradcam", "", level=level))
    assert panel is not None
    x, y, wide, high = panel.place
    plate = picture[y : y + high // 2, x : x + wide].astype(int)
    green = np.abs(plate - GREEN).max(-1) < 40
    box = box_of(plate)
    rows = np.nonzero(green.sum(1) > box[2] * 0.9)[0]  # the letters of the legend are shorter
    assert rows.size
    return float(rows.mean()), box


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_probability_stands_at_its_height_in_the_box(level: float) -> None:
    row, (_, top, _, high) = rows_of_green(level)
    assert row == pytest.approx(top + (1 - level) * (high - 1), abs=1.5)


@pytest.mark.parametrize("size", SIZES)
def test_where_there_are_no_curves_the_reason_is_written(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    place = draw_reason_onto(picture, "no test: the method takes many passes", side=min(size))
    assert place is not None
    assert place[0] >= 0
    assert place[0] + place[2] <= size[0]
    assert is_untouched_outside(picture, place)
    assert (picture != 128).any()


def test_without_curves_and_without_a_reason_nothing_is_drawn() -> None:
    picture, panel = drawn((640, 480), ())
    assert panel is None
    assert draw_reason_onto(picture, "", side=480) is None
    assert (picture == 128).all()


def test_the_smallest_pictures_have_no_panel() -> None:
    assert drawn((160, 120), curves("gradcam", ""))[1] is None


def test_on_an_upright_area_the_panel_lies_at_the_edge_that_is_asked_for() -> None:
    for low in (False, True):
        panel = panel_on((0, 0, 720, 1210), curves("gradcam", ""), side=720, low=low)
        assert panel is not None
        assert not panel.stacked
        top, bottom = panel.place[1], 1210 - panel.place[1] - panel.place[3]
        assert (bottom if low else top) < 30 < (top if low else bottom)
