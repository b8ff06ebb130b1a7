"""The mean of a map's gradient over the places, computed without the gradient, if a dense layer reads the whole map.

Grad-CAM needs only the mean of ∂y/∂A over the places. VGG16 and similar networks pass A through pooling and flattening
to a dense layer z = Wᵀ·flat(pool(A)) of 25,088 × 4,096 weights. Backpropagation through it reads all 411 MB of weights
a second time for every frame. But pooling passes its whole gradient back to its inputs, so

    Σ_ij ∂y/∂A^k_ij = Σ_p Σ_m W_(p,k),m ∂y/∂z_m = Σ_m (Σ_p W_(p,k),m) ∂y/∂z_m        p the pooled places

and the sum over p is computed once, beforehand: 8 MB. The result is the same number, summed in another order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explain.array_types import Operation
from live_gradcam.models.type_names import Tensor

_POOLING = ("MaxPool", "AvgPool")
"""Operations that pass each output's gradient back whole: to the largest input, or in equal parts to all inputs."""


def mean_gradient(
    scores: Tensor, activation: Tensor, differentiate: Callable[[Tensor], Tensor]
) -> Tensor | None:
    """Return the mean of ∂y/∂A over the places while a graph is traced, if that is possible without ∂y/∂A.

    The present weights of the dense layer become part of the graph.

    Args:
        scores: the scores that y is a weighted sum of.
        activation: A, (N, h, w, K) float32.
        differentiate: returns ∂y/∂z for a tensor z; None if y does not depend on z.

    Returns:
        (N, 1, 1, K) float32; None if anything but pooling and flattening lies between A and the next dense layer.
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
    """Return the matrix product that alone uses an activation, after pooling and flattening; None if there is none."""
    shape = activation.shape
    if shape.rank != 4 or activation.dtype != tf.float32 or None in tuple(shape[1:]):
        return None
    needed = _needed_for(scores)
    tensor = activation
    while True:
        # An operation that reads the shape alone, as flattening does, has no gradient.
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
    """Return every operation that a tensor is computed with."""
    found: set[Operation] = set()
    waiting = [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [each.op for each in operation.inputs]
    return found


def _summed(kernel: Tensor, channels: int) -> npt.NDArray[np.float32] | None:
    """Return a dense layer's present weights (places · channels, units), summed over the places: (channels, units).

    None if they are neither a constant nor a variable.
    """
    weights = present_value(kernel) if kernel.dtype == tf.float32 else None
    if weights is None:
        return None
    with tf.init_scope():
        by_place = tf.reshape(weights, (-1, channels, weights.shape[-1]))
        return np.asarray(tf.reduce_sum(by_place, axis=0), np.float32)


def present_value(tensor: Tensor) -> Tensor | None:
    """Return the present value of a tensor of the graph that is a constant or a variable; None if it is neither."""
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
