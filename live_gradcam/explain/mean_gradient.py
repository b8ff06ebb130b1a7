"""The gradient's mean over the places, without the gradient: where a dense layer on the flattened map follows.

Grad-CAM asks of ∂y/∂A only its mean over the places. VGG16 and its like go from A through pooling and flattening to a
dense layer z = Wᵀ·flat(pool(A)) of 25,088 × 4,096 weights, and to carry ∂y/∂z back through it is to read all 411 MB of
them a second time for every frame. But pooling hands on the whole of what comes back to it, so that

    Σ_ij ∂y/∂A^k_ij = Σ_p Σ_m W_(p,k),m ∂y/∂z_m = Σ_m (Σ_p W_(p,k),m) ∂y/∂z_m        p the pooled places

and the sum over p can be taken beforehand: 8 MB. The same number, by another order of summation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Tensor = Any
Operation = Any

_POOLING = ("MaxPool", "AvgPool")
"""Each output's gradient is handed on whole: to the largest input, or in equal parts to all that were there."""


def mean_gradient(
    scores: Tensor, activation: Tensor, differentiate: Callable[[Tensor], Tensor]
) -> Tensor | None:
    """Return the mean of ∂y/∂A over the places while a graph is traced, where that needs no ∂y/∂A.

    The dense layer's weights are taken as they are now.

    Args:
        scores: what y is made of.
        activation: A, (N, h, w, K) float32.
        differentiate: returns ∂y/∂z for a tensor z; None where y does not depend on it.

    Returns:
        (N, 1, 1, K) float32; None where something else than pooling and flattening lies between A and the next dense
        layer.
    """
    dense = _dense_after(scores, activation)
    if dense is None:
        return None
    weights = _summed(dense.inputs[1], activation.shape[-1])
    slope = None if weights is None else differentiate(dense.outputs[0])
    if slope is None:
        return None
    places = activation.shape[1] * activation.shape[2]
    return tf.matmul(slope, tf.constant(weights), transpose_b=True)[:, None, None, :] / places


def _dense_after(scores: Tensor, activation: Tensor) -> Operation | None:
    """Return the matrix product that an activation goes into, pooled and flattened, and into nothing else."""
    shape = activation.shape
    if shape.rank != 4 or activation.dtype != tf.float32 or None in tuple(shape[1:]):
        return None
    needed = _needed_for(scores)
    tensor = activation
    while True:
        # Who asks for the shape alone, as flattening does, does not differentiate.
        consumers = [each for each in tensor.consumers() if each in needed and each.type != "Shape"]
        if len(consumers) != 1:
            return None
        (operation,) = consumers
        if operation.type == "MatMul":
            plain = not (operation.get_attr("transpose_a") or operation.get_attr("transpose_b"))
            flat = tensor.shape.rank == 2 and tensor is not activation
            return operation if plain and flat and operation.inputs[0] is tensor else None
        if operation.type in _POOLING:
            if operation.get_attr("data_format") != b"NHWC" or operation.get_attr("ksize")[3] != 1:
                return None
        elif operation.type == "Reshape":
            before, after = tensor.shape, operation.outputs[0].shape
            if before.rank != 4 or after.rank != 2 or after[1] != np.prod(before[1:]):
                return None
        elif operation.type != "Identity":
            return None
        tensor = operation.outputs[0]


def _needed_for(tensor: Tensor) -> set[Operation]:
    """Return every operation that a tensor is made by."""
    found: set[Operation] = set()
    waiting = [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [each.op for each in operation.inputs]
    return found


def _summed(kernel: Tensor, channels: int) -> npt.NDArray[np.float32] | None:
    """Return a dense layer's weights (places · channels, units), summed over the places now: (channels, units).

    None where they are neither constant nor a variable's.
    """
    weights = _value(kernel) if kernel.dtype == tf.float32 else None
    if weights is None:
        return None
    with tf.init_scope():
        by_place = tf.reshape(weights, (-1, channels, weights.shape[-1]))
        return np.asarray(tf.reduce_sum(by_place, axis=0), np.float32)


def _value(tensor: Tensor) -> Tensor | None:
    """Return what a tensor of the graph holds now, where it is constant or a variable's value."""
    reading = tensor.op
    if reading.type == "Const":
        return tf.get_static_value(tensor)
    if reading.type != "ReadVariableOp":
        return None
    variable = next((outer for outer, inner in reading.graph.captures if inner is reading.inputs[0]), None)
    if variable is None or tf.is_symbolic_tensor(variable):
        return None
    with tf.init_scope():
        return tf.raw_ops.ReadVariableOp(resource=variable, dtype=tensor.dtype)
