import cv2
import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.render.appearance import Style
from live_gradcam.render.heat import colormap_code, colours_of
from live_gradcam.render.indicators import draw_scale_bar_onto


def drawn(size: tuple[int, int], name: str = "jet", style: Style = "overlay") -> tuple[Pixels, bool]:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    plate = draw_scale_bar_onto(picture, colormap_code(name), style=style, kept=0.3)
    if plate is not None:
        x, y, width, height = plate
        outside = picture.copy()
        outside[y : y + height, x : x + width] = 128
        assert (outside == 128).all()
        assert x > size[0] // 2
    return picture, plate is not None


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (1280, 720), (720, 1280), (3840, 2160)])
def test_the_scale_stands_at_the_right_and_nowhere_else(size: tuple[int, int]) -> None:
    picture, there = drawn(size)
    assert there == (size != (160, 120))
    assert (picture != 128).any() == there


@pytest.mark.parametrize("name", ["jet", "turbo", "viridis", "cividis", "inferno"])
def test_the_hottest_colour_is_on_top_and_the_coldest_below(name: str) -> None:
    picture, _ = drawn((1280, 720), name)
    colours = colours_of(colormap_code(name))[:, 0].astype(int)

    def row_of(level: int) -> float:
        near = np.abs(picture.astype(int) - colours[level]).max(axis=2) <= 1
        return float(np.nonzero(near.sum(axis=1) > 15)[0].mean())

    assert row_of(250) < row_of(128) < row_of(5)


def test_of_a_masked_picture_the_scale_goes_from_dim_to_bright() -> None:
    picture, _ = drawn((1280, 720), style="masked")
    saturation = np.ptp(picture.astype(int), axis=2)
    assert saturation.max() == 0
    assert cv2.countNonZero((picture[..., 0] > 250).astype(np.uint8)) > 500
