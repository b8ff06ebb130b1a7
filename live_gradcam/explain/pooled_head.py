"""Heads of networks that end in global average pooling and one dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.mean_gradient import present_value
from live_gradcam.explain.network_output import NetworkOutput
from live_gradcam.explain.runtime import PooledHead
from live_gradcam.models.type_names import Tensor

_STEPS = frozenset({"BiasAdd", "AddV2", "MatMul", "Mean", "Identity", "Reshape", "Cast", "Squeeze"})
"""Operations between the activation and the scores."""

_MANY_CLASSES = 100


@dataclass(frozen=True, slots=True, eq=False)
class PooledTail:
    """The operations from a layer's activation to the scores: one mean, one matrix product, and additions."""

    mean: Operation
    product: Operation
    additions: Sequence[Operation]
    """Additions after the product, such as the bias."""


def pooled_tail(scores: Tensor, activation: Tensor) -> PooledTail | None:
    """Return how scores follow from an activation by pooling and one dense layer; None if they do not.

    Args:
        scores: a tensor of the graph; None: there are no scores.
        activation: another one.
    """
    found: dict[str, list[Operation]] = {"Mean": [], "MatMul": []}
    additions: list[Operation] = []
    operation = scores.op if scores is not None else None
    while operation is not None and operation is not activation.op:
        if operation.type not in _STEPS:
            return None
        if operation.type in found:
            found[operation.type].append(operation)
        elif operation.type in ("BiasAdd", "AddV2"):
            if found["MatMul"]:
                return None
            additions.append(operation)
        operation = operation.inputs[0].op if operation.inputs else None
    if operation is None or any(len(each) != 1 for each in found.values()):
        return None
    return PooledTail(found["Mean"][0], found["MatMul"][0], additions)


@dataclass(frozen=True, slots=True, eq=False)
class LastProduct:
    """The end of a network with many classes: scores W·x + b."""

    features: Tensor
    """x, (N, F) float32."""

    by_class: Tensor
    """W, (C, F) float32: a copy of the present weights, which is part of the graph."""

    def gradient(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Return ∂y/∂x, (N, F), of y = Σ_j weights_j · scores_(ids_j); both arguments are (N, k).

        It is the sum of a few rows of W. Backpropagation would multiply all of W by a vector of zeros: for a thousand
        classes this reads 5 MB, and takes a twentieth of a small network's time.
        """
        return tf.reduce_sum(tf.gather(self.by_class, ids) * weights[..., None], axis=1)


def last_product(scores: Tensor) -> LastProduct | None:
    """Return the product that scores (N, C) are made by while the network is traced.

    None if they are made in another way, or if there are too few to gain by it.
    """
    operation = scores.op
    while operation.type in ("Identity", "Reshape", "BiasAdd", "AddV2"):
        source, *others = operation.inputs
        same = source.shape.rank == 2 and source.shape[1] == scores.shape[1]
        if not same or (operation.type != "Reshape" and any(present_value(each) is None for each in others)):
            return None
        operation = source.op
    if operation.type != "MatMul" or operation.get_attr("transpose_a") or operation.get_attr("transpose_b"):
        return None
    features, kernel = operation.inputs
    if kernel.dtype != tf.float32 or kernel.shape[1] < _MANY_CLASSES:
        return None
    present = present_value(kernel)
    if present is None:
        return None
    return LastProduct(features, tf.constant(np.ascontiguousarray(np.asarray(present).T)))


def pooled_head(output: NetworkOutput | None, activation: Tensor) -> PooledHead | None:
    """Return the head that makes an output from an activation's mean over the places.

    Args:
        output: the network's output while it is traced; None: a score function of the user's is explained.
        activation: (N, h, w, C), the target layer's.

    Returns:
        The head with its present weights; None if the tail of the network is another, or if the output is no classes
        or labels with one logit each.
    """
    if output is None or output.ranks is None or activation.shape.rank != 4:
        return None
    tail = pooled_tail(output.ranks, activation)
    if tail is None or tuple(np.ravel(tf.get_static_value(tail.mean.inputs[1]))) != (1, 2):
        return None
    weights = present_value(tail.product.inputs[1])
    if weights is None or tail.product.get_attr("transpose_a"):
        return None
    matrix = np.asarray(weights, np.float32)
    matrix = matrix.T if tail.product.get_attr("transpose_b") else matrix
    bias = np.zeros(matrix.shape[1], np.float32)
    for addition in tail.additions:
        added = present_value(addition.inputs[1])
        if added is None:
            return None
        bias = bias + np.ravel(np.asarray(added, np.float32))
    if bias.shape != (matrix.shape[1],) or matrix.shape != (activation.shape[-1], output.classes):
        return None
    return PooledHead(np.ascontiguousarray(matrix), bias)
