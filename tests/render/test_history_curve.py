import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.render.history import ValueHistory, ribbon_height, ribbon_measures

SIZES = [(160, 120), (640, 480), (1280, 720), (720, 1280)]
LINE = (90, 200, 255)


def drawn(curve: ValueHistory, size: tuple[int, int] = (1280, 720)) -> Pixels:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    curve.draw_onto(picture)
    return picture


def heights(picture: Pixels) -> dict[int, float]:
    """Column → how high the line is in it, from 0 at the bottom of its band to 1."""
    height, width = picture.shape[:2]
    _, tall, scale = ribbon_measures((width, height))
    band = picture[height - tall - scale : height - scale].astype(int)
    rows, columns = np.nonzero((np.abs(band - LINE) <= 12).all(axis=-1))
    return {int(x): 1 - rows[columns == x].mean() / (tall - 1) for x in np.unique(columns)}


def test_the_curve_rises_with_the_value_and_now_is_at_the_right() -> None:
    curve = ValueHistory()
    for second in range(61):
        curve.add(float(second), "age", 20.0 + second)
    found = heights(drawn(curve))
    left, middle, right = found[150], found[640], found[1270]
    assert 0.1 < left < middle < right < 0.95
    assert middle == pytest.approx(0.5, abs=0.05)


def test_nan_is_a_gap_and_another_value_begins_anew() -> None:
    curve = ValueHistory()
    for second in range(61):
        curve.add(float(second), "age", None if 20 < second < 40 else 5.0)
    found = heights(drawn(curve))
    assert 300 in found
    assert 640 not in found
    assert 1100 in found
    curve.add(61.0, "size", 1.0)
    assert len(heights(drawn(curve))) < 20


def test_a_step_back_in_time_forgets_what_came_after_and_memory_does_not_grow() -> None:
    curve = ValueHistory()
    for number in range(20_000):
        curve.add(number / 10, "age", float(number))
    assert len(curve._points) <= 602
    curve.add(1990.0, "age", 1.0)
    assert curve._points[-1] == (1990.0, 1.0)
    assert curve._points[-2][0] < 1990.0


@pytest.mark.parametrize("size", SIZES)
def test_the_curve_covers_what_the_ribbon_covers_at_any_size(size: tuple[int, int]) -> None:
    curve = ValueHistory()
    for second in range(10):
        curve.add(float(second), "age", -1e9 * second)
    picture = drawn(curve, size)
    above = size[1] - ribbon_height(size)
    assert (picture[:above] == 128).all()
    assert not (picture[above:] == 128).all(axis=-1).any()
