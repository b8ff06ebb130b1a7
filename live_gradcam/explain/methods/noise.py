"""Noisy copies of a picture, the same ones each time."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

NOISE_LEVEL = 0.15
"""σ / (x_max − x_min). Smilkov et al. 2017, arXiv:1706.03825, section 3.2, find 10% to 20% to be best."""

_SEED = 1706


def noisy_copies(pixels: Tensor, numbers: Tensor) -> Tensor:
    """Return copies of a picture with Gaussian noise of deviation `NOISE_LEVEL` times its range.

    The noise is the same for the same number of the first copy, so the same picture gets the same map again.

    Args:
        pixels: (1, H, W, 3) float32.
        numbers: (M,) int32: which copies, M at least 1.

    Returns:
        (M, H, W, 3) float32.
    """
    deviation = NOISE_LEVEL * (tf.reduce_max(pixels) - tf.reduce_min(pixels))
    shape = tf.concat([tf.shape(numbers), tf.shape(pixels)[1:]], axis=0)
    noise = tf.random.stateless_normal(shape, tf.stack([_SEED, numbers[0]]))
    noise.set_shape((None, *pixels.shape[1:]))
    return pixels + deviation * noise
