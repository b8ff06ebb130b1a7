import cv2
import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.models.labels import imagenet_labels
from live_gradcam.prediction import Prediction
from live_gradcam.render.caption import Caption
from live_gradcam.render.label_plate import draw_plate_onto
from live_gradcam.render.lettering import BOLD, FACE, REGULAR

SIZES = [(160, 120), (320, 240), (640, 480), (480, 640), (1280, 720), (1920, 1080), (3840, 2160)]
LONG = "soft-coated wheaten terrier of an uncommonly long and winding name that never comes to an end"


def grey(size: tuple[int, int], level: int = 128) -> Pixels:
    return np.full((size[1], size[0], 3), level, np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("label", ["cat", "Egyptian cat", LONG, "Ж" * 5000, "", "切萨皮克湾寻回犬"])
def test_the_plate_never_leaves_the_picture_and_the_text_never_leaves_the_plate(
    size: tuple[int, int], label: str
) -> None:
    picture = grey(size)
    plate = draw_plate_onto(picture, Caption(label, "62%", f"{label} 3%   other 2%", note_matters=True))
    assert plate is not None
    x, y, width, height = plate
    assert x > 0
    assert y > 0
    assert x + width < size[0]
    assert y + height < size[1]
    outside = picture.copy()
    outside[y : y + height, x : x + width] = 128
    assert (outside == 128).all()
    # Text would have to cross the plate's padding, where nothing is lighter than the shaded background.
    assert picture[y : y + height, x : x + 4].max() <= 128
    assert picture[y : y + height, x + width - 3 : x + width].max() <= 128


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_white_text_stands_on_a_dark_plate_on_any_background(size: tuple[int, int], level: int) -> None:
    picture = grey(size, level)
    plate = draw_plate_onto(picture, Caption("Egyptian cat", "62%"))
    assert plate is not None
    x, y, width, height = plate
    shaded = picture[y : y + height, x : x + width].astype(int)
    assert shaded.max() == 255
    darkest = np.median(shaded)
    assert darkest <= 80  # white on it has a contrast of more than 9 : 1


@pytest.mark.parametrize("size", SIZES[2:])
def test_the_letters_grow_with_the_picture(size: tuple[int, int]) -> None:
    picture = grey(size, 0)
    draw_plate_onto(picture, Caption("H", "1%"))
    rows = np.nonzero(picture.max(axis=(1, 2)) > 128)[0]
    assert (rows.max() - rows.min() + 1) / min(size) == pytest.approx(0.052, abs=0.008)


def test_a_label_that_is_too_long_ends_in_an_ellipsis_and_keeps_its_percentage() -> None:
    ends = [grey((320, 240), 0) for _ in range(2)]
    for picture, share in zip(ends, ("11%", "88%"), strict=True):
        draw_plate_onto(picture, Caption(LONG, share))
    differing = np.nonzero((ends[0] != ends[1]).any(axis=(0, 2)))[0]
    assert differing.min() > 240  # only the digits at the right end differ


def test_the_width_does_not_tremble_with_the_digits() -> None:
    plates = {draw_plate_onto(grey((1280, 720)), Caption("tabby", f"{share}%")) for share in range(10, 100)}
    assert len(plates) == 1


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (40, 300), (300, 20)])
def test_a_picture_too_small_for_letters_is_left_alone(size: tuple[int, int]) -> None:
    picture = grey(size)
    assert draw_plate_onto(picture, Caption("cat", "62%", "tabby 3%")) is None
    assert (picture == 128).all()


def test_runners_up_too_small_to_read_are_left_out_but_what_matters_stays() -> None:
    heights = [
        plate[3]
        for matters in (False, True)
        if (
            plate := draw_plate_onto(
                grey((160, 120)), Caption("cat", "62%", "tabby 3%", note_matters=matters)
            )
        )
    ]
    assert len(heights) == 2
    assert heights[0] < heights[1]


def test_the_face_draws_letters_beyond_ascii() -> None:
    question, cyrillic = (grey((640, 480), 0) for _ in range(2))
    draw_plate_onto(question, Caption("???", "62%"))
    draw_plate_onto(cyrillic, Caption("кот", "62%"))
    assert cv2.absdiff(question, cyrillic).max() > 128


@pytest.mark.parametrize("weight", [BOLD, REGULAR])
def test_the_face_draws_every_character_of_the_chinese_names(weight: int) -> None:
    def drawn(character: str) -> bytes:
        picture = grey((48, 48), 0)
        cv2.putText(picture, character, (8, 36), (255, 255, 255), FACE, 32, weight)
        return picture.tobytes()

    missing = drawn("\U000f0000")  # which no font has: what is drawn in its place is what a gap looks like
    assert missing == drawn("?")
    characters = set("".join(imagenet_labels("zh")))
    assert len(characters) > 1000
    assert [each for each in sorted(characters) if drawn(each) in (missing, drawn(" "))] == []


CHART = tuple(
    Prediction(number, name, share)
    for number, (name, share) in enumerate(
        [("Egyptian cat", 0.62), ("tabby", 0.18), ("猫", 0.09), (LONG, 0.05), ("", 0.0)]
    )
)
CAPTION = Caption("Egyptian cat", "62%", "tabby 18%", note_in_chart=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_chart_stays_within_its_plate_and_is_left_out_first_where_it_is_too_small(
    size: tuple[int, int], level: int
) -> None:
    picture = grey(size, level)
    plate = draw_plate_onto(picture, CAPTION, CHART)
    alone = draw_plate_onto(grey(size, level), Caption("Egyptian cat", "62%"))
    assert plate is not None
    assert alone is not None
    assert (plate[3] > 2 * alone[3]) == (min(size) > 320)
    x, y, width, height = plate
    outside = picture.copy()
    outside[y : y + height, x : x + width] = level
    assert (outside == level).all()


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080), (3840, 2160), (720, 1280)])
def test_a_chart_leaves_the_middle_of_the_viewfinder_free(size: tuple[int, int]) -> None:
    picture = grey(size)
    draw_plate_onto(picture, Caption(LONG, "62%", "heat for tabby 2%", note_matters=True), CHART)
    third, (x, y) = min(size) // 6, (size[0] // 2, size[1] // 2)
    assert (picture[y - third : y + third, x - third : x + third] == 128).all()


def test_bars_are_as_long_as_the_classes_are_probable_and_the_target_s_has_the_colour_of_heat() -> None:
    shares = (0.8, 0.4, 0.2)
    chart = tuple(Prediction(number, "", share) for number, share in enumerate(shares))
    picture = grey((1280, 720), 0)
    draw_plate_onto(picture, Caption("", "80%"), chart, marked=1)
    blue = ((picture[..., 0] > 150) & (picture[..., 2] < 80)).sum(axis=1)
    amber = ((picture[..., 2] > 150) & (picture[..., 0] < 40)).sum(axis=1)
    first, third = blue[blue > 0].max(), blue[blue > 0].min()
    assert first == pytest.approx(4 * third, abs=8)
    assert amber.max() == pytest.approx(2 * third, abs=6)


def test_what_a_chart_says_is_not_said_twice() -> None:
    repeated, other, bare = (
        draw_plate_onto(grey((1280, 720)), Caption("cat", "62%", note, note_in_chart=repeats), CHART)
        for note, repeats in (("tabby 18%", True), ("tabby 18%", False), ("", False))
    )
    assert repeated == bare
    assert other != bare


def test_who_is_not_sure_says_it_in_grey() -> None:
    picture = grey((1280, 720), 0)
    draw_plate_onto(picture, Caption("not sure", "", sure=False))
    assert 200 <= picture.max() <= 210


def test_several_values_are_rows_of_numbers_without_bars_and_one_is_the_headline_alone() -> None:
    values = [
        Prediction(number, f"value {number}", None, value=3.0 * number, unit="px") for number in range(4)
    ]
    picture, alone = grey((640, 480)), grey((640, 480))
    plate = draw_plate_onto(picture, Caption("value 0", "0 px"), values, marked=2)
    single = draw_plate_onto(alone, Caption("value 0", "0 px"), values[:1], marked=0)
    headline = draw_plate_onto(grey((640, 480)), Caption("value 0", "0 px"))
    assert plate is not None
    assert headline is not None
    assert single == headline
    assert plate[3] > headline[3]
    x, y, width, height = plate
    chart = picture[y : y + height - headline[3], x : x + width].astype(int)
    orange = (chart == (0, 112, 176)).all(axis=-1)
    blue = (chart == (172, 108, 44)).all(axis=-1)
    assert orange.any(), "the row that is explained is marked"
    assert not blue.any(), "the others have no bar"
    outside = picture.copy()
    outside[y : y + height, x : x + width] = 128
    assert (outside == 128).all()
