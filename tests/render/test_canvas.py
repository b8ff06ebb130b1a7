"""The size of a canvas: the frame's own, unless words on it could not be read in a window."""

import pytest

from live_gradcam.render.canvas import legible_canvas

WINDOW = (1600, 900)


@pytest.mark.parametrize(
    "size", [(320, 240), (240, 320), (640, 480), (1280, 720), (720, 1280), (1080, 1920), (3840, 2160)]
)
def test_pictures_of_normal_sizes_keep_theirs(size: tuple[int, int]) -> None:
    assert legible_canvas(size) == size


@pytest.mark.parametrize(
    ("size", "canvas"),
    [((100, 75), (500, 375)), ((32, 32), (384, 384)), ((160, 120), (480, 360)), ((90, 160), (360, 640))],
)
def test_small_pictures_are_enlarged_by_a_whole_factor(
    size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    assert legible_canvas(size) == canvas


@pytest.mark.parametrize(
    "size", [(30, 400), (900, 40), (4000, 200), (65_500, 1), (1, 65_500), (1, 1), (17, 33)]
)
def test_every_picture_is_legible_in_a_window_and_takes_no_more_memory_than_that(
    size: tuple[int, int],
) -> None:
    canvas = legible_canvas(size)
    scale = min(1.0, WINDOW[0] / canvas[0], WINDOW[1] / canvas[1])
    assert min(canvas) * scale >= 240
    assert canvas[0] * canvas[1] <= 1600 * 900
