"""How pixels become a network's input. The one turn from BGR to RGB is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from live_gradcam.errors import ModelError, unknown_name

Tensor = Any
"""A `tf.Tensor`; TensorFlow ships no types."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Turns pictures into the input that a network was trained on."""

    name: str
    """As `--preprocess` takes it."""

    function: Callable[[Tensor], Tensor]
    """(N, H, W, 3) float32 RGB in [0, 255] to the network's input of the same shape."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return (N, H, W, 3) float32 for pictures (N, H, W, 3) uint8 BGR."""
        rgb = tf.reverse(images, axis=[-1])  # while it is still uint8: a quarter of the bytes to move
        return self.function(tf.cast(rgb, tf.float32))


def _caffe(rgb: Tensor) -> Tensor:
    """Subtract ImageNet's mean colour and give BGR, as the networks trained in Caffe want it."""
    return rgb[..., ::-1] - tf.constant([103.939, 116.779, 123.68])


def _torch(rgb: Tensor) -> Tensor:
    """Scale to [0, 1], then to ImageNet's mean 0 and deviation 1 for each channel."""
    return (rgb / 255.0 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])


_BY_NAME: dict[str, Callable[[Tensor], Tensor]] = {
    "imagenet-caffe": _caffe,
    "tf": lambda rgb: rgb / 127.5 - 1.0,
    "torch": _torch,
    "unit": lambda rgb: rgb / 255.0,
    "none": lambda rgb: rgb,
    "efficientnet-lite": lambda rgb: (rgb - 127.0) / 128.0,
}

PREPROCESSINGS = tuple(_BY_NAME)
"""The names that `--preprocess` knows, besides `auto`."""


def preprocessing_named(name: str) -> Preprocessing:
    """Return the preprocessing of that name.

    Raises:
        ModelError: there is none.
    """
    try:
        return Preprocessing(name, _BY_NAME[name])
    except KeyError:
        raise ModelError(unknown_name("preprocessing", name, ("auto", *_BY_NAME), "")) from None
