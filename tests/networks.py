"""Small networks for the tests, with weights chosen so that the right answer can be written down."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def pooled_network(*, activation: str | None = "softmax", size: int | None = 16, seed: int = 1) -> Any:
    """Conv (tanh) → global average → dense: the network for which CAM and Grad-CAM agree."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(
        4, activation=activation, kernel_initializer="random_normal", bias_initializer="random_normal"
    )(x)
    return keras.Model(image, x, name="pooled")


def flattened_network(*, activation: str | None = "softmax", seed: int = 2) -> Any:
    """Conv (tanh) → flatten → dense: gradients differ from place to place."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(3, activation=activation, kernel_initializer="random_normal")(x)
    return keras.Model(image, x, name="flattened")


def colour_network() -> Any:
    """Says 0 for red and 1 for blue: pictures in the wrong colour order give the wrong answer."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="colours")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Activation("softmax")(x)
    network = keras.Model(image, x, name="colour")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0, 0] = kernel[0, 0, 2, 1] = 8.0
    network.get_layer("colours").set_weights([kernel])
    return network


def picture(height: int = 16, width: int = 16, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Seeded noise, (height, width, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
