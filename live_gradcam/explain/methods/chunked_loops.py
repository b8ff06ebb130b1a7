"""Loops over many inputs inside a graph, a few at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from live_gradcam.models.type_names import Tensor

FORWARD_CHUNK = 32
"""How many inputs go through the network at once if only scores are needed."""

BACKWARD_CHUNK = 10
"""How many go through at once if gradients are needed, which keep all activations in memory."""


def scores_in_chunks(count: Tensor | int, score: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the scores of inputs 0 … count − 1.

    Args:
        count: number of inputs, () int32.
        score: returns the scores (M,) float32 of inputs numbered (M,) int32, at most `FORWARD_CHUNK` of them.

    Returns:
        (count,) float32.
    """

    def step(start: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        end = tf.minimum(start + FORWARD_CHUNK, count)
        return end, tf.concat([found, score(tf.range(start, end))], axis=0)

    _, found = tf.while_loop(
        lambda start, found: start < count,  # noqa: ARG005 - called with both
        step,
        (tf.constant(0), tf.zeros((0,))),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None,))),
        parallel_iterations=1,
    )
    return found


def sums_in_chunks(
    count: int, zeros: Sequence[Tensor], terms: Callable[[Tensor], Sequence[Tensor]]
) -> tuple[Tensor, ...]:
    """Return sums over inputs 0 … count − 1.

    Args:
        count: number of inputs.
        zeros: one tensor for each sum, of the sum's shape.
        terms: returns the sums over inputs numbered (M,) int32, at most `BACKWARD_CHUNK` of them.

    Returns:
        The sums, in the shapes of `zeros`.
    """

    def step(start: Tensor, *sums: Tensor) -> tuple[Tensor, ...]:
        end = tf.minimum(start + BACKWARD_CHUNK, count)
        parts = terms(tf.range(start, end))
        return (end, *(total + part for total, part in zip(sums, parts, strict=True)))

    _, *sums = tf.while_loop(
        lambda start, *sums: start < count,  # noqa: ARG005 - called with all
        step,
        (tf.constant(0), *(tf.zeros_like(each) for each in zeros)),
        parallel_iterations=1,
    )
    return tuple(sums)


NOISE_LEVEL = 0.15
"""σ / (x_max − x_min). Smilkov et al. 2017, arXiv:1706.03825, section 3.2, find 10% to 20% to be best."""

_SEED = 1706


def noisy_copies(pixels: Tensor, numbers: Tensor) -> Tensor:
    """Return copies of a picture with Gaussian noise, whose deviation is `NOISE_LEVEL` times the picture's range.

    The first copy's number seeds the noise, so the same picture always gets the same map.

    Args:
        pixels: (1, H, W, 3) float32.
        numbers: (M,) int32: the copies' numbers, M at least 1.

    Returns:
        (M, H, W, 3) float32.
    """
    deviation = NOISE_LEVEL * (tf.reduce_max(pixels) - tf.reduce_min(pixels))
    shape = tf.concat([tf.shape(numbers), tf.shape(pixels)[1:]], axis=0)
    noise = tf.random.stateless_normal(shape, tf.stack([_SEED, numbers[0]]))
    noise.set_shape((None, *pixels.shape[1:]))
    return pixels + deviation * noise
