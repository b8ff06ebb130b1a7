"""Computes the feature maps that a head is taught on, and the altered copies of each example."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.model import Model
from live_gradcam.models.pooled_features import pooled_part

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

_MOST_AT_ONCE = 8
"""Pictures in one call of the network: their maps stay in the processor's cache."""


class FeatureExtractor:
    """Computes feature maps with the part of a model up to its last global average pooling.

    Args:
        model: a loaded model, which stays as it is.

    Raises:
        ModelError: the model has no such part (`pooled_features.features_network`).
    """

    def __init__(self, model: Model) -> None:
        network = pooled_part(model).maps_and_features
        self._name = model.name
        self.input_size = model.input_size
        """(height, width) of the pictures in pixels."""

        def computed(pictures: tf.Tensor) -> tf.Tensor:
            return tf.cast(network(model.preprocessing(pictures), training=False)[0], tf.float32)

        self._function = tf.function(
            computed, input_signature=[tf.TensorSpec((None, *model.input_size, 3), tf.uint8)], autograph=False
        )

    def maps(self, pictures: Pictures) -> FeatureMaps:
        """Return the feature maps (N, h, w, F) float32 of pictures.

        Args:
            pictures: (N, H, W, 3) uint8 BGR, N ≥ 1.

        Raises:
            ModelError: they have another size than the network's input, or another type.
        """
        wanted = (*self.input_size, 3)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != wanted:
            raise ModelError(
                f"{self._name} is taught with pictures (N, {', '.join(map(str, wanted))}) uint8; these are "
                f"{pictures.shape} {pictures.dtype}."
            )
        if not len(pictures):
            raise ModelError(
                "no picture was given to learn from: hold the key while the camera sees the thing."
            )
        parts = [
            np.asarray(self._function(pictures[start : start + _MOST_AT_ONCE]))
            for start in range(0, len(pictures), _MOST_AT_ONCE)
        ]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


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
