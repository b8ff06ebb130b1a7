import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.render.history import ClassHistory, ribbon_height

CAT, DOG = Prediction(3, "Egyptian cat", 0.9), Prediction(8, "beagle", 0.8)
SIZES = [(160, 120), (640, 480), (1280, 720), (720, 1280), (3840, 2160)]


def drawn(history: ClassHistory, size: tuple[int, int] = (1280, 720)) -> Pixels:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    history.draw_onto(picture)
    return picture


def colours(history: ClassHistory, *seconds: float) -> list[list[int]]:
    """The ribbon's colours so many seconds ago, near its upper edge, where no letters are."""
    picture = drawn(history)
    top = 720 - ribbon_height((1280, 720))
    return [picture[top + 2, min(1278, round(1280 * (1 - each / 60)))].tolist() for each in seconds]


def test_now_is_at_the_right_and_a_minute_ago_at_the_left() -> None:
    history = ClassHistory()
    history.add(0.0, CAT)
    history.add(30.0, DOG)
    history.add(50.0, DOG)
    cat, dog, unknown = colours(history, 35, 5, 58)
    assert len({tuple(each) for each in (cat, dog, unknown)}) == 3
    assert colours(history, 49, 21, 19) == [cat, cat, dog]
    history.add(100.0, CAT)
    assert colours(history, 55, 1) == [dog, dog]  # the first second of the cat is to come


def test_a_class_has_the_same_colour_whenever_it_comes() -> None:
    history = ClassHistory()
    for time, who in ((0, CAT), (20, DOG), (40, CAT), (59, CAT)):
        history.add(time, who)
    assert colours(history, 50)[0] == colours(history, 5)[0] != colours(history, 30)[0]


def test_who_is_not_sure_is_grey() -> None:
    history = ClassHistory()
    history.add(0.0, None)
    history.add(59.0, None)
    blue, green, red = colours(history, 30)[0]
    assert max(blue, green, red) - min(blue, green, red) < 12


def test_what_is_older_than_a_minute_is_forgotten_and_memory_does_not_grow() -> None:
    history = ClassHistory()
    for number in range(20_000):
        history.add(number / 10, CAT if number % 2 else DOG)
    assert len(history._segments) <= 602


def test_a_step_back_in_time_forgets_what_came_after() -> None:
    history = ClassHistory()
    history.add(0.0, CAT)
    history.add(30.0, DOG)
    history.add(10.0, CAT)
    history.add(20.0, CAT)
    assert colours(history, 1) == colours(history, 19)
    assert len(history._segments) == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_ribbon_covers_its_height_and_no_more(size: tuple[int, int]) -> None:
    history = ClassHistory()
    history.add(0.0, CAT)
    history.add(60.0, CAT)
    changed = (drawn(history, size) != 128).any(axis=2)
    tall = ribbon_height(size)
    assert not changed[:-tall].any()
    assert changed[-tall:].all()
    assert tall <= max(0.2 * size[1], 30)


def test_names_stand_in_segments_that_are_wide_enough() -> None:
    history = ClassHistory()
    history.add(0.0, CAT)
    history.add(58.0, DOG)
    history.add(60.0, DOG)
    picture = drawn(history)
    top = 720 - ribbon_height((1280, 720))
    white = picture[top : top + 40].min(axis=2) > 230
    assert white[:, :300].sum() > 200
    assert not white[:, 1240:].any()
