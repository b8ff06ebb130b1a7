"""The wide blur of whole frames equals OpenCV's Gaussian within rounding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fakes import panned

from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import BLUR_SHARE, baseline_picture


def gaussian(picture: Pixels) -> Pixels:
    sigma = BLUR_SHARE * min(picture.shape[:2])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("size", [(640, 530), (1280, 720), (725, 1283)])
def test_it_is_within_one_level_of_the_gaussian(size: tuple[int, int]) -> None:
    picture = panned(size=size)
    picture[:40, :40] = 255  # an edge at the border
    difference = np.abs(baseline_picture(picture, "blur").astype(int) - gaussian(picture))
    assert difference.max() <= 1
    assert difference.mean() < 0.15


def test_a_picture_of_a_network_s_size_is_blurred_by_opencv_itself() -> None:
    picture = panned(size=(224, 224))
    np.testing.assert_array_equal(baseline_picture(picture, "blur"), gaussian(picture))


def test_a_plain_picture_stays_as_it_is() -> None:
    picture = np.full((700, 900, 3), (10, 120, 250), np.uint8)
    np.testing.assert_array_equal(baseline_picture(picture, "blur"), picture)
