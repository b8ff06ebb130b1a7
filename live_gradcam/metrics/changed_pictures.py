"""Changed pictures: the hottest part of a picture alone, and the picture without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explain.input_fitting import fitting_for
from live_gradcam.explanation import Explanation, HeatMap, Region
from live_gradcam.faithfulness import Baseline
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import over_region

Mask = npt.NDArray[np.bool_]
"""(H, W) bool: the chosen pixels of a picture."""

Scores = npt.NDArray[np.float64]
"""(N,) float64: the score of one class for each of N pictures, usually its probability."""

ScoreOf = Callable[[Sequence[Pixels]], Scores]
"""Returns the scores of pictures, (H, W, 3) uint8 BGR each."""

GREY = 127
"""The level of the grey baseline: the middle of the range, close to the mean colour of ImageNet's photographs."""

_WIDE_SIGMA = 32.0
"""From this standard deviation on, in pixels, OpenCV's Gaussian takes too long: 0.5 s at 1280×720."""

BLUR_SHARE = 1 / 16
"""Standard deviation of the blur as a share of the picture's shorter side: 14 pixels of 224."""

LIGHT_BLUR_SHARE = 5 / 224
"""The same of the light blur, which is cut off one standard deviation and a half pixel from its middle, at 11 pixels of
224: as in RISE's code. What the picture shows can still be recognised."""


def seen_part(image: Pixels, fit: Fit, input_size: tuple[int, int]) -> tuple[Pixels, Region]:
    """Return the part of a picture that the network sees, at the network's own scale, and where that part lies.

    The same fit gives the same input of the network for the part as for the whole picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        fit: how the picture is brought to the network's input. Of a scan, the whole picture is returned as it is.
        input_size: (height, width) of the network's input.

    Returns:
        (h, w, 3) uint8 BGR, and (x, y, width, height) in pixels of the picture.

    Raises:
        LiveGradcamError: under `wide`, the picture is too long for its width.
    """
    height, width = image.shape[:2]
    if fit == "scan":
        return image, (0, 0, width, height)
    fitting = fitting_for(fit, (width, height), input_size)
    return fitting.unpadded(image), fitting.region


def heat_over(
    explanation: Explanation, part: Region, size: tuple[int, int], heatmap: HeatMap | None = None
) -> HeatMap:
    """Return the heat of each pixel of a part of the frame.

    Args:
        explanation: of the frame.
        part: (x, y, width, height) in pixels of the frame.
        size: (width, height) of the result in pixels.
        heatmap: a map to lay in place of the explanation's own, (h, w) float32 in [0, 1]; None: its own.

    Returns:
        (height, width) float32 in [0, 1]; 0 where the network saw nothing.
    """
    across, down = size[0] / part[2], size[1] / part[3]
    x, y, width, height = explanation.region
    left, right = (round((each - part[0]) * across) for each in (x, x + width))
    top, bottom = (round((each - part[1]) * down) for each in (y, y + height))
    left, top = min(max(left, 0), size[0] - 1), min(max(top, 0), size[1] - 1)
    right, bottom = max(min(right, size[0]), left + 1), max(min(bottom, size[1]), top + 1)
    own = explanation.heatmap if heatmap is None else heatmap
    heat = np.zeros((size[1], size[0]), np.float32)
    heat[top:bottom, left:right] = over_region(own, (right - left, bottom - top), explanation.inset)
    return heat


def hottest(heat: HeatMap, share: float) -> Mask:
    """Return the hottest pixels of a map: at most a share of all, and only such as have heat.

    Of pixels with the same heat, those further up and to the left come first.

    Args:
        heat: (H, W) float32.
        share: of the area, in [0, 1].

    Returns:
        (H, W) bool.
    """
    flat = heat.ravel()
    count = min(round(share * flat.size), int(np.count_nonzero(flat > 0)))
    if count == 0:
        return np.zeros(heat.shape, np.bool_)
    # A partition takes a tenth of the time of sorting, and gives the pixels that `hottest_first` begins with.
    least = np.partition(flat, flat.size - count)[flat.size - count]
    mask = flat > least
    mask[np.flatnonzero(flat == least)[: count - np.count_nonzero(mask)]] = True
    return np.asarray(mask.reshape(heat.shape), np.bool_)


def hottest_first(heat: HeatMap) -> npt.NDArray[np.intp]:
    """Return the flat indices of all pixels, the hottest first; of equal ones, those further up and to the left."""
    return np.argsort(-heat.ravel(), kind="stable")


def baseline_picture(picture: Pixels, baseline: Baseline) -> Pixels:
    """Return the picture whose pixels replace those that are taken away: (H, W, 3) uint8 BGR.

    Args:
        picture: (H, W, 3) uint8 BGR.
        baseline: `blur`: Gaussian, with a standard deviation of `BLUR_SHARE` of the shorter side; `light-blur`: with
            `LIGHT_BLUR_SHARE`; `black`; `grey`: `GREY` in all channels; or `mean`: the picture's mean colour.
    """
    if baseline in ("black", "grey"):
        return np.full_like(picture, GREY if baseline == "grey" else 0)
    if baseline == "mean":
        return np.broadcast_to(np.rint(picture.mean(axis=(0, 1))).astype(np.uint8), picture.shape).copy()
    light = baseline == "light-blur"
    sigma = (LIGHT_BLUR_SHARE if light else BLUR_SHARE) * min(picture.shape[:2])
    if sigma > _WIDE_SIGMA and not light:
        return _widely_blurred(picture, sigma)
    side = 2 * max(1, round(sigma)) + 1 if light else 0  # 0: as wide as the Gaussian is
    blurred = cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


def _widely_blurred(picture: Pixels, sigma: float) -> Pixels:
    """Return a picture blurred by a wide Gaussian: on photographs within 1 level of OpenCV's, in a tenth of the time.

    The picture is averaged over squares of `step` pixels, blurred, and enlarged linearly. Averaging and enlarging are
    blurs of their own, with variances of (step² − 1) / 12 and step² / 6, which the Gaussian leaves out.
    """
    height, width = picture.shape[:2]
    step = int(sigma // 6)
    margin = math.ceil(4 * sigma / step) * step  # of repeated edge pixels, as `BORDER_REPLICATE` has them
    right, below = margin + -width % step, margin + -height % step
    wide = cv2.copyMakeBorder(picture, margin, below, margin, right, cv2.BORDER_REPLICATE)
    size = wide.shape[1], wide.shape[0]
    small = cv2.resize(wide, (size[0] // step, size[1] // step), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    rest = math.sqrt(sigma**2 - (step**2 - 1) / 12 - step**2 / 6) / step
    blurred = cv2.GaussianBlur(small, (0, 0), rest, borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR)
    inner = large[margin : margin + height, margin : margin + width]
    return np.asarray(np.clip(np.rint(inner), 0, 255), np.uint8)


def mixed(picture: Pixels, other: Pixels, mask: Mask) -> Pixels:
    """Return a picture with the pixels of a mask, and another picture's pixels elsewhere; new (H, W, 3) uint8."""
    return np.where(mask[..., None], picture, other)
