import numpy as np
import pytest

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.indicators import draw_notice_onto, draw_statistics_onto

FIGURES = ["shown\t30.0 fps", "explained\t29.9 fps", "latency\t13 ms", "heat is old\t41 ms"]


def grey(width: int = 1280, height: int = 720) -> Pixels:
    return np.full((height, width, 3), 128, np.uint8)


def changed(picture: Pixels) -> Region:
    """The box of all that is not grey any more."""
    rows, columns = np.nonzero((picture != 128).any(axis=2))
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1


def test_a_notice_is_set_at_the_top_left_and_nowhere_else() -> None:
    picture = grey()
    box = draw_notice_onto(picture, "camera lost, reconnecting")
    assert box == changed(picture)
    assert box is not None
    x, y, width, height = box
    assert x < 40
    assert y < 40
    assert width < 400
    assert height < 60
    assert picture.max() > 230  # white on a darkened plate
    assert picture[y + height // 2, x + 3].max() < 64


def test_figures_are_set_at_the_top_right_and_nowhere_else() -> None:
    picture = grey()
    box = draw_statistics_onto(picture, FIGURES)
    assert box == changed(picture)
    assert box is not None
    assert box[0] + box[2] > 1240
    assert box[0] > 800
    assert box[1] < 40


def test_values_end_at_the_same_place() -> None:
    picture = grey()
    box = draw_statistics_onto(picture, FIGURES)
    assert box is not None
    x, y, width, height = box
    ends = []
    for number in range(len(FIGURES)):
        top = y + number * height // len(FIGURES)
        line = picture[top : top + height // len(FIGURES), x : x + width - 4]
        ends.append(int(np.nonzero((line > 200).all(axis=2))[1].max()))
    assert max(ends) - min(ends) <= 3


def test_the_plate_keeps_its_place_while_a_figure_changes() -> None:
    boxes = {draw_statistics_onto(grey(), [f"latency\t{ms} ms", *FIGURES]) for ms in (9, 11, 47, 88)}
    assert len(boxes) == 1


def test_a_text_too_wide_is_shortened() -> None:
    picture = grey(320, 240)
    box = draw_notice_onto(picture, "a camera that is lost " * 20)
    assert box is not None
    assert box[0] + box[2] <= 320
    box = draw_statistics_onto(picture, ["a very long name " * 20 + "\t1"])
    assert box is not None
    assert box[0] >= 0


def test_figures_beyond_the_height_are_left_out() -> None:
    tall = draw_statistics_onto(grey(), FIGURES * 40)
    assert tall is not None
    assert tall[1] + tall[3] <= 0.75 * 720


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (60, 400)])
def test_a_picture_too_small_is_left_as_it_is(size: tuple[int, int]) -> None:
    picture = grey(*size)
    assert draw_notice_onto(picture, "camera lost, reconnecting") is None
    assert draw_statistics_onto(picture, FIGURES) is None
    assert (picture == 128).all()


def test_nothing_to_say_draws_nothing() -> None:
    picture = grey()
    assert draw_notice_onto(picture, "") is None
    assert draw_statistics_onto(picture, []) is None
    assert (picture == 128).all()
