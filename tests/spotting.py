"""Networks that find a red spot, whatever they do to their input first: their heat belongs on the spot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from live_gradcam.frame import Pixels

Tensor = Any
Prepare = Callable[[Tensor], Tensor]


def spot_network(prepare: Prepare, size: tuple[int, int], *, cell: int = 4, name: str = "spot") -> Any:
    """`prepare` its input, (height, width), then find red: a cell of `red` looks at `cell` pixels of what is left."""
    image = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = prepare(x)
    x = keras.layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colour")(x)
    x = keras.layers.AveragePooling2D(cell)(x) if cell > 1 else x
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="red")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(2, use_bias=False, activation="softmax", name="head")(x)
    network = keras.Model(image, x, name=name)
    red_and_blue = np.array([[1.0, -0.5], [-0.5, -0.5], [-0.5, 1.0]], np.float32)
    repeats = (
        network.get_layer("colour").kernel.shape[2] // 3
    )  # a patch has the colours of each of its pixels
    network.get_layer("colour").set_weights([np.tile(red_and_blue, (repeats, 1))[None, None] / repeats])
    network.get_layer("red").set_weights([np.eye(2, dtype=np.float32)[None, None]])
    network.get_layer("head").set_weights([np.eye(2, dtype=np.float32)])
    return network


def spot(frame: tuple[int, int], at: tuple[int, int], radius: int = 6) -> Pixels:
    """A grey picture of (width, height) with a red disc."""
    image = np.full((frame[1], frame[0], 3), 128, np.uint8)
    return np.asarray(cv2.circle(image, at, radius, (0, 0, 255), cv2.FILLED), np.uint8)


def blurred(x: Tensor) -> Tensor:
    """A 3×3 mean without padding: one of a stack of `valid` convolutions."""
    mean = np.zeros((3, 3, 3, 3), np.float32)
    for colour in range(3):
        mean[:, :, colour, colour] = 1 / 9
    return keras.layers.Conv2D(
        3, 3, padding="valid", use_bias=False, kernel_initializer=keras.initializers.Constant(mean)
    )(x)


def stacked(x: Tensor) -> Tensor:
    """Eight of them: 8 pixels at each side have no cell of their own."""
    for _ in range(8):
        x = blurred(x)
    return x


def pooled(x: Tensor) -> Tensor:
    """Convolutions without padding and poolings by turns, as in many a tutorial: the cells look at the inner part."""
    for _ in range(2):
        x = keras.layers.MaxPooling2D()(blurred(x))
    return blurred(x)


class Cut(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
    """A layer of the user's own around any function of a tensor."""

    def __init__(self, function: Prepare) -> None:
        super().__init__()
        self._function = function

    def call(self, x: Tensor) -> Tensor:
        return self._function(x)


L = keras.layers
PREPARATIONS: dict[str, Prepare] = {
    "Cropping2D": L.Cropping2D(((40, 6), (20, 50))),
    "Cropping2D, below": L.Cropping2D(((0, 20), (0, 0))),
    "CenterCrop": L.CenterCrop(48, 64),
    "RandomCrop": L.RandomCrop(48, 64),
    "ZeroPadding2D": L.ZeroPadding2D(((32, 8), (0, 44))),
    "Resizing, cropped": L.Resizing(60, 60, crop_to_aspect_ratio=True),
    "Resizing, padded": L.Resizing(72, 72, pad_to_aspect_ratio=True),
    "Resizing": L.Resizing(60, 52),
    "Resizing up": L.Resizing(200, 300),
    "valid convolutions": stacked,
    "valid convolutions and poolings": pooled,
    "slice": lambda x: x[:, 30:90, 16:120],
    "slice of every other": lambda x: x[:, 20::2, 10:140:2],
    "mirror": lambda x: keras.ops.flip(x, axis=2),
    "upside down and cut": lambda x: keras.ops.flip(x[:, 16:], axis=1),
    "central_crop": Cut(lambda x: tf.image.central_crop(x, 0.6)),
    "resize_with_crop_or_pad": Cut(lambda x: tf.image.resize_with_crop_or_pad(x, 64, 200)),
    "crop_to_bounding_box": Cut(lambda x: tf.image.crop_to_bounding_box(x, 24, 40, 64, 80)),
    "crop_and_resize": Cut(
        lambda x: tf.image.crop_and_resize(
            x, tf.tile([[0.2, 0.3, 0.9, 0.8]], [tf.shape(x)[0], 1]), tf.range(tf.shape(x)[0]), (64, 64)
        )
    ),
    "space to depth": Cut(lambda x: tf.nn.space_to_depth(x[:, 16:, 24:], 2)),
    "patches": Cut(
        lambda x: tf.image.extract_patches(x[:, 8:, 8:], [1, 4, 4, 1], [1, 4, 4, 1], [1] * 4, "VALID")
    ),
    "crop, then padding": lambda x: L.ZeroPadding2D(20)(L.Cropping2D(((40, 0), (0, 40)))(x)),
    "two crops": lambda x: L.Cropping2D(10)(blurred(L.Cropping2D(((10, 10), (5, 15)))(x))),
    "padded upscaling": lambda x: L.UpSampling2D(2)(L.Cropping2D(((30, 0), (30, 0)))(x)),
}
"""What a network may do to its input, (96, 160) pixels, before it looks at it."""
