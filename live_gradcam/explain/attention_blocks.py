"""Finds a vision transformer's blocks in a traced graph, and the gradients of their attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.feature_map import Activation
from live_gradcam.explain.layer_calls import LayerCall
from live_gradcam.explain.layer_steps import paths_to
from live_gradcam.explain.target_layer import leading_to
from live_gradcam.explain.traced_network import TracedNetwork
from live_gradcam.models.type_names import Tensor

_BETWEEN = ("Cast", "Identity", "Reshape")
"""Operations that may lie between the softmax and its product with the values."""

_PRODUCTS = ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "MatMul")


def attention_gradients(
    traced: TracedNetwork, pixels: Tensor, activation: Activation, value: Callable[[Tensor, int], Tensor]
) -> list[Tensor]:
    """Return the gradients of each block's score with respect to its attention, while a graph is traced.

    A block's score is the score that the rest of the network after the last block gives the tokens of that block. It
    is differentiated through the block alone, down to the block's attention probabilities.

    Args:
        traced: the network.
        pixels: its input for one picture, (1, H, W, 3).
        activation: the explained layer's, whose grid is that of the keys.
        value: returns the scores (M,) of an output of the network for M inputs.

    Returns:
        A tensor (heads, T, h, w) float32 for each block: by head, query token, and the key token's place on the grid.

    Raises:
        LiveGradcamError: the network has no attention over the layer's tokens, or no layers that end its blocks.
    """
    calls, output = traced.run(pixels)
    name = traced.model.name
    attentions = _attentions(output.op, activation)
    if not attentions:
        raise LiveGradcamError(
            f"legrad explains the attention of a vision transformer, and {name} has no softmax over all tokens of the "
            "explained layer that multiplies values. Take another method, such as gradcam."
        )
    ends = _block_ends(calls, output, attentions)
    tokens = [end.output for end in ends]
    if len(ends) < len(attentions) or len({tuple(each.shape[1:]) for each in tokens}) > 1:
        raise LiveGradcamError(
            f"legrad needs, for each of the {len(attentions)} attentions of {name}, a layer after it that all paths "
            "lead through and that gives tokens of one shape, and does not find it. Take another method, such as "
            "gradcam."
        )
    replacement = tf.concat(tokens, axis=0)
    _, outputs = traced.run(tf.repeat(pixels, len(ends), axis=0), path=ends[-1].path, replacement=replacement)
    (signals,) = tf.gradients(value(outputs, len(ends)), replacement)
    if signals is None:
        raise LiveGradcamError(f"the score of {name} does not depend on the tokens of its last block.")
    found = []
    for number, (end, attention) in enumerate(zip(tokens, attentions, strict=True)):
        (gradient,) = tf.gradients(end, attention, grad_ys=signals[number : number + 1])
        found.append(_on_grid(tf.zeros_like(attention) if gradient is None else gradient, activation))
    return found


def _attentions(end: Operation, activation: Activation) -> list[Tensor]:
    """Return the attention probabilities (…, T, T) over an activation's T tokens, in execution order."""
    if activation.grid is None:
        return []
    between, _ = paths_to(end)
    count = activation.tensor.shape[1]
    return [
        operation.outputs[0]
        for operation in end.graph.get_operations()
        if operation in between
        and operation.type == "Softmax"
        and operation.outputs[0].shape.rank in (3, 4)
        and tuple(operation.outputs[0].shape[-2:]) == (count, count)
        and _multiplies(operation.outputs[0])
    ]


def _multiplies(tensor: Tensor) -> bool:
    """Return whether a tensor is a factor of a matrix product."""
    return any(
        each.type in _PRODUCTS or (each.type in _BETWEEN and _multiplies(each.outputs[0]))
        for each in tensor.consumers()
    )


def _block_ends(calls: Sequence[LayerCall], output: Tensor, attentions: Sequence[Tensor]) -> list[LayerCall]:
    """Return the call that ends each attention's block; fewer if a block has none.

    It is the last layer before the next attention that every path leads through and that gives all tokens. After the
    last attention it is the one in the same position, so that a final normalisation belongs to the head.
    """
    _, everything = paths_to(output.op)
    order = {operation: number for number, operation in enumerate(output.graph.get_operations())}
    times = Counter(call.path for call in calls)
    count = attentions[0].shape[-1]
    through = [
        call
        for call in leading_to(output, [each for each in calls if hasattr(each.output, "op")])
        if call.depth
        and times[call.path] == 1
        and call.output.op in everything
        and call.output.shape.rank == 3
        and call.output.shape[1] == count
    ]
    places = [order[attention.op] for attention in attentions]
    blocks = [
        [call for call in through if first < order[call.output.op] < last]
        for first, last in pairwise([*places, len(order)])
    ]
    if not all(blocks):
        return []
    if len(blocks) > 1:
        blocks[-1] = blocks[-1][: len(blocks[-2])]
    return [block[-1] for block in blocks]


def _on_grid(gradient: Tensor, activation: Activation) -> Tensor:
    """Return a gradient (…, T, T) of one picture as (heads, T, h, w) float32."""
    grid = activation.grid
    assert grid is not None
    count = gradient.shape[-1]
    places = tf.reshape(gradient, (-1, count, count))[..., grid.extra :]
    return tf.cast(tf.reshape(places, (-1, count, grid.height, grid.width)), tf.float32)
