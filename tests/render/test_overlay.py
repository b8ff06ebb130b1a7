"""What stands on a picture besides the explanation: it is there, it fits, and it can be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.live.view_picture import SLIDES_HINT
from live_gradcam.render import help_page, lettering, signs
from live_gradcam.render import indicators as notice
from live_gradcam.render import overlay as prompt
from live_gradcam.render.help_page import draw_help_onto, help_pages
from live_gradcam.render.indicators import draw_notice_onto
from live_gradcam.render.marks import draw_probe_onto, draw_rectangle_onto
from live_gradcam.render.overlay import Overlay, SearchBox, draw_overlay_onto, draw_search_box_onto
from live_gradcam.render.signs import (
    HINT_GAP,
    draw_hint_onto,
    draw_pause_onto,
    draw_recording_onto,
    draw_title_onto,
    draw_toast_onto,
)
from live_gradcam.viewer_input import HELP

SIZES = [(160, 120), (320, 240), (640, 480), (1280, 720), (720, 1280), (1920, 1080), (3840, 2160)]
TOAST = "layer block5_conv3  14×14×512"
EVERYTHING = Overlay(
    notice="camera lost, reconnecting",
    busy="compiling hirescam …",
    toast=TOAST,
    frozen=True,
    statistics=("shown\t30.0 fps", "explained\t29.9 fps"),
)


def grey(size: tuple[int, int] = (1280, 720), level: int = 128) -> Pixels:
    return np.full((size[1], size[0], 3), level, np.uint8)


def drawn(overlay: Overlay, size: tuple[int, int] = (1280, 720), time: float = 0.0) -> Pixels:
    picture = grey(size)
    draw_overlay_onto(picture, overlay, time, statistics=True)
    return picture


def holds(size: tuple[int, int], plate: Region | None) -> bool:
    if plate is None:
        return False
    x, y, width, height = plate
    return x >= 0 and y >= 0 and x + width <= size[0] and y + height <= size[1]


@contextmanager
def written() -> Iterator[list[str]]:
    """Take down the texts that the help writes."""
    texts: list[str] = []

    def write(picture: Pixels, text: str, at: tuple[int, int], size: int, **how: Any) -> None:
        texts.append(text)
        lettering.write(picture, text, at, size, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(help_page, "write", write)
        yield texts


def test_nothing_to_say_leaves_the_picture_as_it_is() -> None:
    assert (drawn(Overlay()) == 128).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_toast_is_large_and_stands_out_on_any_background(size: tuple[int, int], level: int) -> None:
    picture = grey(size, level)
    plate = draw_toast_onto(picture, "jet")
    assert holds(size, plate)
    assert plate is not None
    x, y, width, height = plate
    shaded = picture[y : y + height, x : x + width].astype(int)
    assert shaded.max() == 255
    assert np.median(shaded) <= 80
    assert height >= min(size) / 12


@pytest.mark.parametrize("size", SIZES)
def test_a_long_toast_fits(size: tuple[int, int]) -> None:
    assert holds(size, draw_toast_onto(grey(size), TOAST * 3))


def test_a_toast_stands_below_the_figures() -> None:
    plate = draw_toast_onto(grey(), TOAST, below=(900, 40, 300, 200))
    assert plate is not None
    assert plate[1] >= 240


def test_a_recording_has_a_red_dot_and_its_time() -> None:
    picture = grey()
    plate = draw_recording_onto(picture, 72.9)
    assert holds((1280, 720), plate)
    red = (picture[..., 2] > 200) & (picture[..., 1] < 80)
    assert 200 < red.sum() < 1000
    other = grey()
    draw_recording_onto(other, 73.0)
    assert not np.array_equal(picture, other)
    same = grey()
    draw_recording_onto(same, 72.1)
    assert np.array_equal(picture, same)


def test_a_picture_that_stands_still_is_marked() -> None:
    picture = grey()
    plate = draw_pause_onto(picture)
    assert plate is not None
    assert plate[0] > 1150
    assert (picture == 255).all(axis=2).sum() > 200


def test_a_spinner_turns_with_the_frame_s_time_and_with_nothing_else() -> None:
    busy = Overlay(busy="compiling hirescam …")
    assert np.array_equal(drawn(busy, time=3.2), drawn(busy, time=3.2))
    assert not np.array_equal(drawn(busy, time=3.2), drawn(busy, time=3.5))


@pytest.mark.parametrize("size", SIZES)
def test_all_at_once_overlaps_nowhere(size: tuple[int, int]) -> None:
    picture = grey(size)
    plates = draw_overlay_onto(picture, EVERYTHING, 0.0, statistics=True)
    recording = draw_recording_onto(picture, 72.0, plates=plates)
    changed = (picture != 128).any(axis=2)
    assert changed[0].sum() == changed[-1].sum() == 0
    all_of_them = [*plates, *filter(None, [recording])]
    covered = np.zeros(changed.shape, int)
    for plate in all_of_them:
        assert holds(size, plate)
        x, y, width, height = plate
        covered[y : y + height, x : x + width] += 1
    assert covered.max() == 1
    assert not changed[covered == 0].any()
    assert len(all_of_them) >= (6 if min(size) >= 480 else 3)


@pytest.mark.parametrize(
    ("plates", "place"),
    [
        ((), (1130, 19)),
        (((1220, 19, 41, 41),), (1080, 19)),
        (((19, 19, 400, 40), (900, 19, 361, 200)), (760, 19)),
        (((19, 19, 1242, 40),), (1130, 68)),
        (((0, 0, 1280, 720),), None),
    ],
    ids=["in the corner", "beside the pause", "beside the figures", "below a long notice", "not on the help"],
)
def test_the_sign_of_a_recording_covers_nothing_else(
    plates: tuple[Region, ...], place: tuple[int, int] | None
) -> None:
    plate = draw_recording_onto(grey(), 72.0, plates=plates)
    assert (None if plate is None else plate[:2]) == place


@pytest.mark.parametrize("size", SIZES[1:])
def test_the_prompt_shows_what_was_typed_and_marks_what_is_chosen(size: tuple[int, int]) -> None:
    names = ("tabby", "table lamp", "猫", "Band Aid", "comic book", "a very long name " * 9, "seventh")
    pictures = []
    for chosen in (0, 1, None):
        picture = grey(size)
        assert holds(
            size, draw_search_box_onto(picture, SearchBox(typed="tab", completions=names, chosen=chosen))
        )
        pictures.append(picture)
    blue = [((p[..., 0].astype(int) - p[..., 2]) > 80).sum() for p in pictures]
    assert blue[0] > 0
    assert blue[1] > 0
    assert blue[2] == 0
    rows = [np.nonzero((p[..., 0].astype(int) - p[..., 2]) > 80)[0].mean() for p in pictures[:2]]
    assert rows[1] > rows[0]


def test_a_prompt_says_what_to_do_and_when_nothing_fits() -> None:
    hint, none, typed = (
        draw_search_box_onto(grey(), prompt)
        for prompt in (
            SearchBox(),
            SearchBox(typed="qqq"),
            SearchBox(typed="t", completions=("tabby", "tub")),
        )
    )
    assert hint == none
    assert typed is not None
    assert hint is not None
    assert typed[3] > hint[3]


def test_a_long_word_is_shown_from_its_end() -> None:
    plates = {draw_search_box_onto(grey((640, 480)), SearchBox(typed="x" * length)) for length in (1, 20, 90)}
    assert len(plates) == 1


@pytest.mark.parametrize("size", [(320, 240), (480, 360), (640, 360), *SIZES[2:]])
def test_the_help_can_be_read_and_nothing_of_it_is_cut_off(size: tuple[int, int]) -> None:
    pages = help_pages(HELP, size)
    assert (pages == 1) is (size[0] >= 640)
    seen: list[str] = []
    for page in range(pages):
        with written() as texts:
            picture = grey(size)
            letters = draw_help_onto(picture, HELP, page)
        assert letters >= max(11, min(size) / 40)
        edges = np.ones(picture.shape[:2], bool)
        margin = letters // 3
        edges[margin:-margin, margin:-margin] = False
        assert picture[edges].max() < 60, "no letter reaches the edge"
        seen += texts
    assert [text for text in seen if not text.startswith("page ")] == [text for row in HELP for text in row]
    assert sum(text.startswith("page ") for text in seen) == (pages if pages > 1 else 0)


def test_the_last_page_of_the_help_stays_where_there_are_fewer_by_now() -> None:
    fourth, ninth = grey((320, 240)), grey((320, 240))
    draw_help_onto(fourth, HELP, 3)
    draw_help_onto(ninth, HELP, 8)
    assert np.array_equal(fourth, ninth)
    with written() as texts:
        draw_help_onto(grey((320, 240)), HELP, 3)
    assert texts[-1] == "page 4 of 4: h hides it"


@pytest.mark.parametrize("size", [(160, 120), (64, 48), (9, 5)])
def test_on_the_smallest_pictures_the_help_is_as_complete_as_it_can_be(size: tuple[int, int]) -> None:
    letters = {draw_help_onto(grey(size), HELP, page) for page in range(help_pages(HELP, size))}
    assert letters == {8}


def test_the_help_covers_everything_else() -> None:
    with_all = Overlay(help=HELP, notice="lost", toast=TOAST, statistics=("shown\t30 fps",))
    assert np.array_equal(drawn(with_all), drawn(Overlay(help=HELP)))


def test_a_rectangle_is_seen_on_any_background_and_dims_the_rest() -> None:
    for level in (0, 128, 255):
        picture = grey(level=level)
        draw_rectangle_onto(picture, (300, 200, 400, 250))
        assert picture[325, 500].tolist() == [level] * 3
        assert picture[200, 500].min() == 255
        assert picture[215, 500].max() == level
        assert picture[100, 100].max() <= 0.56 * level + 1
        assert picture[196:204, 500].min() < 100


@pytest.mark.parametrize("region", [(0, 0, 1280, 720), (10, 10, 0, 40), (0, 0, 1, 1)])
def test_a_rectangle_of_any_size_can_be_dragged(region: Region) -> None:
    picture = grey()
    draw_rectangle_onto(picture, region)
    assert picture[400, 900].tolist() == ([128] * 3 if 0 in region[2:] or region[2] > 1 else [70] * 3)


@pytest.mark.parametrize("at", [(0, 0), (1279, 719), (640, 360), (1279, 0)])
def test_a_probe_stands_within_the_picture(at: tuple[int, int]) -> None:
    told, untold = grey(), grey()
    draw_probe_onto(told, at, 0.63)
    draw_probe_onto(untold, at, None)
    assert (told != 128).any()
    assert not np.array_equal(told, untold)


@pytest.mark.parametrize("width", [70, 160, 640])
def test_a_pane_s_name_stands_at_the_left_of_its_strip_and_its_figure_is_never_cut(width: int) -> None:
    strips = [grey((width, 24)) for _ in range(3)]
    for strip, (name, tail) in zip(
        strips,
        [("hirescam", ""), ("Chesapeake Bay retriever", "11%"), ("Chesapeake Bay retriever", "88%")],
        strict=True,
    ):
        draw_title_onto(strip, name, tail)
        columns = np.nonzero(strip.max(axis=(0, 2)) > 128)[0]
        assert columns.min() < 12
        assert columns.max() < width - 2
    assert (strips[1] != strips[2]).any()


@contextmanager
def lettered(*modules: Any) -> Iterator[list[str]]:
    """Take down what some modules write."""
    texts: list[str] = []

    def write(picture: Pixels, text: str, at: tuple[int, int], size: int, **how: Any) -> None:
        texts.append(text)
        lettering.write(picture, text, at, size, **how)

    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, "write", write)
        yield texts


SENTENCES = (
    "type the name of a class",
    "no such class",
    "before and after: k again goes back to one",
    "there is no such class on the picture",
    "why the first, rather than the second",
    "camera lost, reconnecting",
    "a still photo cannot be recorded: s saves it",
    "输入类别名称（中文在终端输入）",
)


@pytest.mark.parametrize("size", [(160, 120), (160, 284), (240, 320), (240, 426), (360, 640), (320, 240)])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_on_narrow_pictures_all_of_a_sentence_is_there(size: tuple[int, int], sentence: str) -> None:
    """It stands on several lines where need be; no word of it is lost."""
    for way in ("toast", "search", "notice"):
        with lettered(signs, prompt, notice) as texts:
            picture = grey(size)
            if way == "toast":
                plate = draw_toast_onto(picture, sentence)
            elif way == "search":
                plate = draw_search_box_onto(picture, SearchBox(hint=sentence))
            else:
                plate = draw_notice_onto(picture, sentence)
        assert holds(size, plate)
        said = "".join("".join(text for text in texts if text != "/").split())
        if way == "notice" and min(size) < 240:  # a quiet line has two lines at most
            assert said.rstrip("…") in "".join(sentence.split())
        else:
            assert said == "".join(sentence.split()), way


@pytest.mark.parametrize("size", [(160, 284), (240, 320), (160, 120), (640, 480)])
def test_a_hint_that_is_too_wide_stands_on_two_lines(size: tuple[int, int]) -> None:
    with lettered(signs) as texts:
        plate = draw_hint_onto(grey(size), SLIDES_HINT)
    assert holds(size, plate)
    assert HINT_GAP.join(texts) == SLIDES_HINT
