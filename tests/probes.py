"""Keras twins of the oracles' networks, and a real probe around each."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from oracles import RectifiedNetwork, SmoothNetwork

from live_gradcam.explain.methods.probe import EPSILON

PICTURE = (14, 12, 3)
"""Height, width and colours of the twins' pictures; the layer that is explained is 6 × 5 of 7 channels."""

CHANNELS = 7


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow ships no types
def guided_relu(values: Any) -> Any:
    output = tf.nn.relu(values)

    def back(signal: Any) -> Any:
        return tf.where((signal > 0) & (output > 0), signal, 0.0)

    return output, back


@tf.custom_gradient  # type: ignore[untyped-decorator] # likewise
def guided_relu6(values: Any) -> Any:
    output = tf.nn.relu6(values)

    def back(signal: Any) -> Any:
        return tf.where((signal > 0) & (output > 0) & (output < 6), signal, 0.0)

    return output, back


class KerasProbe:
    """`explain.methods.probe.Probe` of one picture and one class of a two-layer network, by `GradientTape`."""

    def __init__(
        self, picture: npt.NDArray[Any], *, rectified: bool = False, target: int = 1, seed: int = 3
    ) -> None:
        keras.utils.set_random_seed(seed)
        spread = {"kernel_initializer": "glorot_normal", "bias_initializer": "random_normal"}
        self.layer = keras.layers.Conv2D(CHANNELS, 3, strides=2, **spread)
        self.hidden = keras.layers.Conv2D(4, 3, **spread)
        self.dense = keras.layers.Dense(3, **spread)
        self.activations_of = (tf.nn.relu, tf.nn.relu6) if rectified else (tf.nn.softplus, tf.tanh)
        self.target = target
        self.largest_batch = 0
        self.seen: list[npt.NDArray[Any]] = []
        """The pictures that were tried, where the probe was not inside a compiled function."""
        self.pixels = tf.constant(picture[None], tf.float32)
        self.black = tf.fill((1, *PICTURE), -0.5)
        self.activations, self.gradients = self.derivatives(self.pixels)
        self.score_error = EPSILON * tf.abs(self._score(self.activations)[0])
        self.largest_batch = 0
        self.seen.clear()

    def numpy(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Return kernel and bias of the three layers."""
        return tuple(
            np.asarray(weight, np.float64)
            for layer in (self.layer, self.hidden, self.dense)
            for weight in layer.get_weights()
        )

    gradient_epsilon, gradient_step = EPSILON, 0.0

    def over_pixels(self, maps: Any) -> Any:
        return tf.image.resize(maps[..., None], PICTURE[:2])[..., 0]

    def scores(self, pixels: Any) -> Any:
        self._note(pixels)
        return self._score(self.activations_of[0](self.layer(pixels)))

    def scores_from(self, activations: Any) -> Any:
        self._note(activations)
        return self._score(activations)

    def derivatives(self, pixels: Any) -> tuple[Any, Any]:
        self._note(pixels)
        features = self.activations_of[0](self.layer(pixels))
        with tf.GradientTape() as tape:
            tape.watch(features)
            score = self._score(features)
        return features, tape.gradient(score, features)

    def pixel_gradients(self, pixels: Any, *, guided: bool = False) -> Any:
        self._note(pixels)
        first, second = (guided_relu, guided_relu6) if guided else self.activations_of
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            score = self._score(first(self.layer(pixels)), second)
        return tape.gradient(score, pixels)

    def _score(self, features: Any, activation: Any = None) -> Any:
        hidden = (activation or self.activations_of[1])(self.hidden(features))
        return self.dense(tf.reshape(hidden, (tf.shape(hidden)[0], 4 * 3 * 4)))[:, self.target]

    def _note(self, inputs: Any) -> None:
        if tf.executing_eagerly():
            self.largest_batch = max(self.largest_batch, len(inputs))
            self.seen.append(np.asarray(inputs, np.float64))


def picture(seed: int = 0) -> npt.NDArray[np.float64]:
    """Seeded values of about the size that preprocessed pixels have."""
    return np.random.default_rng(seed).normal(size=PICTURE).astype(np.float32).astype(np.float64)


def smooth(seed: int = 0, *, target: int = 1) -> tuple[KerasProbe, SmoothNetwork]:
    """Return a probe of the smooth network and its twin."""
    probe = KerasProbe(picture(seed), target=target)
    return probe, SmoothNetwork(probe.numpy(), target)


def rectified(seed: int = 0) -> tuple[KerasProbe, RectifiedNetwork]:
    """Return a probe of the network of ReLUs and its twin."""
    probe = KerasProbe(picture(seed), rectified=True)
    return probe, RectifiedNetwork(probe.numpy(), probe.target)
