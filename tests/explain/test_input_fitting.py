"""What the network sees of a frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from networks import picture
from skimage import data

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.input_fitting import fitting_for
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explanation import WHOLE


@pytest.mark.parametrize(
    ("fit", "frame", "input_size", "region"),
    [
        ("crop", (1280, 720), (224, 224), (280, 0, 720, 720)),
        ("crop", (480, 640), (224, 224), (0, 80, 480, 480)),
        ("crop", (224, 224), (224, 224), (0, 0, 224, 224)),
        ("crop", (1280, 720), (100, 200), (0, 40, 1280, 640)),
        ("stretch", (1280, 720), (224, 224), (0, 0, 1280, 720)),
        ("pad", (1280, 720), (224, 224), (0, 0, 1280, 720)),
        ("wide", (1280, 720), (224, 384), (0, 0, 1280, 720)),
        ("wide", (720, 1280), (384, 224), (0, 0, 720, 1280)),
        ("wide", (640, 480), (224, 288), (0, 0, 640, 480)),
        ("wide", (1, 1), (224, 224), (0, 0, 1, 1)),
    ],
)
def test_the_region_and_the_input_are_as_the_fit_says(
    fit: Any, frame: tuple[int, int], input_size: tuple[int, int], region: tuple[int, int, int, int]
) -> None:
    trained_at = (100, 200) if input_size == (100, 200) else (224, 224)
    fitting = fitting_for(fit, frame, trained_at)
    assert fitting.region == region
    assert fitting.input_size == input_size
    assert fitting.apply(picture(frame[1], frame[0])).shape == (*input_size, 3)


def test_padding_is_around_the_frame_and_the_inset_says_where() -> None:
    fitting = fitting_for("pad", (1280, 720), (224, 224))
    fitted = fitting.apply(np.full((720, 1280, 3), 200, np.uint8))
    assert fitting.inner == (0, 49, 224, 126)
    assert fitting.inset == pytest.approx((0, 49 / 224, 1, 175 / 224))
    assert (fitted[49:175] == 200).all()
    assert (fitted[:49] == 127).all()
    assert (fitted[175:] == 127).all()


def test_what_a_network_leaves_of_its_input_is_the_region_and_the_map_lies_over_it() -> None:
    half = Geometry((0.5, 0.25, 1.0, 0.75), (0.5, 0.25, 1.0, 0.75))
    assert fitting_for("stretch", (640, 320), (100, 100)).laid(half) == ((320, 80, 320, 160), WHOLE)
    assert fitting_for("crop", (640, 320), (100, 100)).laid(half) == ((320, 80, 160, 160), WHOLE)
    padded = fitting_for("pad", (640, 320), (100, 100))  # 25 rows above and below the frame
    assert padded.laid(half) == ((320, 0, 320, 320), WHOLE)
    lower = Geometry((0.0, 0.5, 1.0, 1.0), (0.0, 0.5, 1.0, 1.0))
    assert padded.laid(lower) == ((0, 160, 640, 160), (0.0, 0.0, 1.0, 0.5))


def test_the_region_ends_at_whole_pixels_and_the_inset_says_how_far_off_that_is() -> None:
    inner = Geometry(extent=(0.1, 0.1, 0.9, 0.9))
    region, inset = fitting_for("stretch", (97, 61), (100, 100)).laid(inner)
    assert region == (0, 0, 97, 61)
    assert inset == pytest.approx((-0.125, -0.125, 1.125, 1.125))
    cut = Geometry((0.1, 0.0, 1.0, 1.0), (0.1, 0.0, 1.0, 1.0))
    assert fitting_for("stretch", (97, 61), (100, 100)).laid(cut) == ((10, 0, 87, 61), WHOLE)


def test_a_map_over_the_borders_alone_lies_over_the_frame_without_heat() -> None:
    above = Geometry((0.0, 0.0, 1.0, 0.1), (0.0, 0.0, 1.0, 0.1))
    region, inset = fitting_for("pad", (640, 320), (100, 100)).laid(above)
    assert region == (0, 0, 640, 320)
    assert inset == pytest.approx((0.0, 2.5, 1.0, 7.5))


def test_a_picture_of_the_networks_size_is_not_changed() -> None:
    image = picture(224, 224)
    np.testing.assert_array_equal(fitting_for("crop", (224, 224), (224, 224)).apply(image), image)
    np.testing.assert_array_equal(fitting_for("stretch", (224, 224), (224, 224)).apply(image), image)


@pytest.mark.parametrize("side", [300, 720, 1081, 2160])
def test_shrinking_gives_the_average_of_what_lies_below_each_pixel(side: int) -> None:
    photo = np.asarray(cv2.resize(data.coffee(), (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)

    fitted = fitting_for("crop", (side, side), (224, 224)).apply(photo)

    average = cv2.resize(photo, (224, 224), interpolation=cv2.INTER_AREA)
    assert np.abs(fitted.astype(int) - average).mean() < 1


@pytest.mark.parametrize("side", [720, 1080, 2160])
def test_shrinking_makes_nearly_grey_of_a_pattern_too_fine_for_the_input(side: int) -> None:
    board = np.indices((side, side)).sum(axis=0) % 2 * 255
    pattern = np.repeat(board.astype(np.uint8)[..., None], 3, axis=2)

    fitted = fitting_for("crop", (side, side), (224, 224)).apply(pattern)

    assert np.abs(fitted.astype(float) - 127.5).max() < 50, "at most 127.5"


@pytest.mark.parametrize("size", [(1_000_000, 10), (100_000, 400), (400, 100_000), (21 * 224, 224)])
def test_wide_refuses_a_frame_that_would_make_the_input_huge(size: tuple[int, int]) -> None:
    with pytest.raises(
        LiveGradcamError, match=r"fit 'wide' keeps the whole frame, and .* too large\. Use fit 'crop'"
    ):
        fitting_for("wide", size, (224, 224))


@pytest.mark.parametrize(
    ("size", "input_size"),
    [((10 * 224, 224), (224, 224)), ((3840, 2160), (1024, 1024)), ((4096, 1024), (1024, 1024))],
)
def test_wide_takes_a_panorama(size: tuple[int, int], input_size: tuple[int, int]) -> None:
    assert fitting_for("wide", size, input_size).region == (0, 0, *size)
