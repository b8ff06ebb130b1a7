import cv2
import numpy as np
import pytest
from fakes import explained

from live_gradcam.explanation import Prediction
from live_gradcam.frame import Pixels
from live_gradcam.render.plate import Caption, caption_of, draw_plate_onto, percent

REGION = (0, 0, 64, 64)
SIZES = [(160, 120), (320, 240), (640, 480), (480, 640), (1280, 720), (1920, 1080), (3840, 2160)]
LONG = "soft-coated wheaten terrier of an uncommonly long and winding name that never comes to an end"


def grey(size: tuple[int, int], level: int = 128) -> Pixels:
    return np.full((size[1], size[0], 3), level, np.uint8)


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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("label", ["cat", "Egyptian cat", LONG, "Ж" * 5000, "", "猫"])
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
