"""Features: the means of feature maps, and the altered copies of each example."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import PictureAnswers
from live_gradcam.question import Question
from live_gradcam.taught_head import NOTHING_TAUGHT

Pictures = npt.NDArray[np.uint8]
"""(N, H, W, 3) uint8 BGR, at the size of the network's input."""

FeatureMaps = npt.NDArray[np.float32]
"""(N, h, w, F) float32: the input of the network's last global average pooling."""

Features = npt.NDArray[np.float32]
"""(N, F) float32: the means of feature maps over their places."""

COPIES = 4
"""Copies of an example, itself included: see `altered_copies`."""

_CROP = 0.85
"""Side of the part that a cropped copy shows, as a share of the picture's side."""

_CORNERS = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5))
"""Where the cropped parts lie, one after the other: x and y from 0 (left, top) to 1 (right, bottom)."""

MOST_AT_ONCE = 4
"""Pictures in one call of the network, so that the frames that are shown wait for a few of them only."""


class FeatureExtractor:
    """Computes feature maps with the graph that also answers questions, so that nothing else is compiled.

    Args:
        answers: answers questions with heads about pictures.
        input_size: (height, width) in pixels of the network's input.
    """

    def __init__(self, answers: PictureAnswers, input_size: tuple[int, int]) -> None:
        self._answers = answers
        self.input_size = input_size
        """(height, width) of the pictures in pixels."""

    def seen(self, pixels: Pixels, region: Region | None = None) -> Pixels:
        """Return a picture, or a region (x, y, width, height) of it, at the network's scale, (H, W, 3) uint8 BGR."""
        if region is not None:
            x, y, width, height = region
            pixels = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
        return np.asarray(cv2.resize(pixels, self.input_size[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def maps(self, pictures: Pictures | Sequence[Pixels]) -> FeatureMaps:
        """Return the feature maps (N, h, w, F) float32 of pictures.

        Args:
            pictures: (H, W, 3) uint8 BGR each, N ≥ 1, at the network's scale.

        Raises:
            ModelError: there are none, one has another size, or the network cannot be taught.
        """
        wanted = (*self.input_size, 3)
        for other in (each for each in pictures if each.shape != wanted):
            raise ModelError(f"a picture {other.shape} cannot be taught: this network takes {wanted}.")
        found = []
        for at in range(0, len(pictures), MOST_AT_ONCE):
            some = list(pictures[at : at + MOST_AT_ONCE])
            answers = self._answers.answer_batch(some, [Question(head=NOTHING_TAUGHT)] * len(some))
            found += [each.feature_map for each in answers if each.feature_map is not None]
        if not found:
            raise ModelError(
                "no picture was given to learn from: hold the key while the camera sees the thing."
            )
        return np.stack(found)


def pooled(maps: FeatureMaps) -> Features:
    """Return the features (N, F) of feature maps: their means over the places."""
    return np.asarray(maps.mean(axis=(1, 2)), np.float32)


def altered_copies(pictures: Pictures, *, first: int = 0) -> Pictures:
    """Return the altered copies of pictures: each mirrored, cropped, and cropped and mirrored.

    A cropped copy shows 0.85 of the picture's side. The parts of successive pictures lie at the four corners and in
    the middle in turn.

    Args:
        pictures: (N, H, W, 3) uint8 BGR.
        first: number of the first picture, which decides on its part.

    Returns:
        (3 N, H, W, 3) uint8 BGR: the mirrored ones, the cropped ones, and those that are both.
    """
    height, width = pictures.shape[1:3]
    rows, columns = round(_CROP * height), round(_CROP * width)
    cropped = np.empty_like(pictures)
    for number, picture in enumerate(pictures):
        x, y = _CORNERS[(first + number) % len(_CORNERS)]
        left, top = round(x * (width - columns)), round(y * (height - rows))
        part = picture[top : top + rows, left : left + columns]
        cropped[number] = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.concatenate([pictures[:, :, ::-1], cropped, cropped[:, :, ::-1]])
