"""Relevance by AttnLRP: copies a traced network so that its gradient, times the input, is relevance.

Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers", 2024, arXiv:2402.05602.
Only its abstract and introduction could be read; the rules are those of the authors' package lxt 2.1, and the γ-rule is
that of zennit 0.5.1, which it uses.

A copy has the values of the original, in float32 or more, and gradients of its own. With R the relevance of a tensor
and G its gradient, R = x·G for each tensor x, so that a rule that gives x_i the share c_i R is one whose gradient is
c_i y G / x_i.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.softmax_patterns import softmax_over
from live_gradcam.explain.traced_operations import (
    AFFINE,
    FUNCTIONS,
    SAME,
    again,
    argument_of,
    between,
    first_mixed,
    valued,
    wide,
)
from live_gradcam.models.type_names import Tensor

_DIVISIONS = frozenset({"DivNoNan", "RealDiv", "Xdivy"})
_SPREADING = frozenset({"BroadcastTo", "ExpandDims", "Reshape", "Squeeze"})
_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
_PRODUCTS = frozenset({"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "MatMul"})


def relevance(score: Tensor, pixels: Tensor, name: str, *, convolution: float, dense: float) -> Tensor:
    """Return the relevance of the input, while a graph is traced.

    Numbers that shift or scale each pixel alone take no part: the relevance is that of the values which the first
    other operation takes. So it is the same whether a network scales its pixels itself or not.

    Args:
        score: (1,) of one picture.
        pixels: the network's input for it, (1, H, W, channels).
        name: the network's, for messages.
        convolution: γ of convolutions, at least 0.
        dense: γ of dense layers, at least 0.

    Returns:
        (1, H, W, channels) float32. A score that does not depend on the pixels has relevance 0.

    Raises:
        LiveGradcamError: the network has an operation that hides others, such as a loop.
    """
    copy = _Copy(score, pixels, name, convolution=convolution, dense=dense)
    (gradient,) = tf.gradients(copy.score, copy.input)
    if gradient is None:
        return tf.zeros_like(pixels, tf.float32)
    return tf.cast(copy.input, tf.float32) * tf.cast(gradient, tf.float32)


class _Copy:
    """The copy of a network between the pixels and a score.

    Args:
        score: as in `relevance`.
        pixels: likewise.
        name: likewise.
        convolution: likewise.
        dense: likewise.
    """

    def __init__(self, score: Tensor, pixels: Tensor, name: str, *, convolution: float, dense: float) -> None:
        self._name = name
        self._gammas = {**dict.fromkeys(_PRODUCTS, dense), **dict.fromkeys(_CONVOLUTIONS, convolution)}
        operations, self._moving = between(pixels, score)
        first = first_mixed(pixels, operations, self._moving)
        if first.op in operations:
            operations = operations[operations.index(first.op) + 1 :]
        self._place = {operation: place for place, operation in enumerate(operations)}
        self.input = tf.identity(wide(first))
        self._copies = {first.ref(): self.input}
        for operation in operations:
            for tensor, copy in zip(operation.outputs, self._copied(operation), strict=False):
                self._copies[tensor.ref()] = copy
        self.score = self._copy_of(score)

    def _copied(self, operation: Operation) -> Sequence[Tensor]:
        """Return the copies of an operation's outputs: of all, or of those that can be relevant."""
        inputs, output = list(operation.inputs), operation.outputs[0]
        places = [place for place, each in enumerate(inputs) if each.ref() in self._moving]
        kind = operation.type
        if kind in SAME:
            return [self._copy_of(each) for each in inputs]
        if (argument := argument_of(output, self._place, self._moving)) is not None:
            return [self._identity_rule(argument, output)]
        if (kind in FUNCTIONS | {"LRN"} and len(places) == 1) or (kind in _DIVISIONS and places == [1]):
            return [self._identity_rule(inputs[places[0]], output)]
        if kind in _DIVISIONS and places == [0, 1]:
            return [self._quotient(operation)]
        if kind in ("Mul", "MulNoNan") and places == [0, 1]:
            return [self._product(operation)]
        if kind == "SquaredDifference":
            one, other = inputs
            return [(self._copy_of(one) - self._copy_of(other)) * _held(one - other)]
        if kind in self._gammas and places == [0, 1]:
            return [self._uniform_rule(operation)]
        if kind in self._gammas:
            return [self._gamma_rule(operation, *places)]
        if kind == "FusedBatchNormV3" and operation.get_attr("is_training"):
            return [self._normalised(operation)]
        if any(each.type == "func" for each in operation.op_def.attr):
            raise LiveGradcamError(
                f"attnlrp needs a rule for each operation, and {self._name} hides some in a {kind}. "
                "Take another method, such as saliency."
            )
        # What is left is linear, chooses, or is a softmax, whose rule is its gradient.
        return again(operation, [self._copy_of(each) for each in inputs])

    def _copy_of(self, tensor: Tensor) -> Tensor:
        return wide(self._copies.get(tensor.ref(), tensor))

    def _identity_rule(self, one: Tensor, output: Tensor) -> Tensor:
        """Return f(x) whose gradient is f(x) / x: the relevance of a function's result is that of its argument."""
        share = tf.stop_gradient(tf.math.divide_no_nan(wide(output), wide(one)))
        return valued(output, self._copy_of(one) * share)

    def _uniform_rule(self, operation: Operation) -> Tensor:
        """Return a product of two tensors, each of which has half of the relevance."""
        one, other = operation.inputs
        first = again(operation, [self._copy_of(one), _held(other)])[0]
        second = again(operation, [_held(one), self._copy_of(other)])[0]
        return (first + second) / 2

    def _quotient(self, operation: Operation) -> Tensor:
        """Return a quotient, number by number: what divides is a constant, but for a softmax that is written out."""
        one, other = operation.inputs
        if operation.type == "RealDiv":
            logits, axes = softmax_over(operation)
            if axes is not None and logits.shape.rank == operation.outputs[0].shape.rank:
                copy = self._copy_of(logits)
                powers = tf.exp(copy - tf.stop_gradient(tf.reduce_max(copy, sorted(axes), keepdims=True)))
                return powers / tf.reduce_sum(powers, sorted(axes), keepdims=True)
        return again(operation, [self._copy_of(one), _held(other)])[0]

    def _product(self, operation: Operation) -> Tensor:
        """Return a product, number by number, of two tensors that depend on the pixels."""
        one, other = operation.inputs
        # What a normalisation divides by is no part of the sum: the identity rule.
        if self._normalises(other):
            return self._copy_of(one) * _held(other)
        if self._normalises(one):
            return _held(one) * self._copy_of(other)
        return self._uniform_rule(operation)

    def _normalises(self, tensor: Tensor) -> bool:
        """Return whether a factor comes of a standard deviation or length, as a normalisation's does."""
        while tensor.op.type not in ("Rsqrt", "Sqrt"):
            moving = [each for each in tensor.op.inputs if each.ref() in self._moving]
            if len(moving) != 1 or tensor.op.type not in SAME | AFFINE | FUNCTIONS | _SPREADING:
                return False
            tensor = moving[0]
        return True

    def _normalised(self, operation: Operation) -> Tensor:
        """Return what a normalisation by the values' own mean and deviation gives; the deviation is constant."""
        values, scale, _, *_ = map(wide, operation.inputs)
        channels_last = operation.get_attr("data_format") == b"NHWC"
        shape = (1, 1, 1, -1) if channels_last else (1, -1, 1, 1)
        axes = (0, 1, 2) if channels_last else (0, 2, 3)
        _, variance = tf.nn.moments(values, axes, keepdims=True)
        factor = tf.reshape(scale, shape) * tf.math.rsqrt(variance + operation.get_attr("epsilon"))
        copy = self._copy_of(operation.inputs[0])
        centred = copy - tf.reduce_mean(copy, axes, keepdims=True)
        return valued(operation.outputs[0], centred * tf.stop_gradient(factor))

    def _gamma_rule(self, operation: Operation, place: int) -> Tensor:
        """Return y = Σ_i p_i, p_i = x_i w_i, whose relevance goes to the p_i, those of y's sign counting 1 + γ times.

        A bias b that is added next counts as one more share. With y + b > 0:

            R_i = (p_i + γ max(p_i, 0)) / (b + γ max(b, 0) + Σ_k (p_k + γ max(p_k, 0))) · R

        and with y + b < 0 the same with min: zennit's generalised γ-rule. As max(p, 0) = (p + |x| |w|) / 2, one more
        product of |x| and |w| is all that it takes.
        """
        values, weights = operation.inputs[place], operation.inputs[1 - place]
        output = wide(operation.outputs[0])
        bias = self._bias_after(operation.outputs[0])
        total, least = (output, 0) if bias is None else (output + bias, tf.abs(bias))
        gamma = self._gammas[operation.type]
        copy, own, other = self._copy_of(values), 1 + gamma / 2, gamma / 2
        pairs = [(copy, weights), (copy * tf.sign(wide(values)), tf.abs(weights))]
        shares, sizes = (again(operation, pair[:: 1 - 2 * place])[0] for pair in pairs)
        whole = own * tf.abs(total) + other * (sizes + least)
        factor = tf.stop_gradient(tf.math.divide_no_nan(tf.abs(total), whole))
        return valued(output, factor * (own * shares + other * tf.sign(total) * sizes))

    def _bias_after(self, output: Tensor) -> Tensor:
        """Return the bias that is added to what a layer gives, in its shape; None if there is none."""
        tensor = output
        while True:
            users = [each for each in tensor.consumers() if each in self._place]
            if len(users) != 1:
                return None
            (user,) = users
            if user.type in ("Add", "AddV2", "BiasAdd"):
                others = [each for each in user.inputs if each is not tensor]
                if (
                    len(others) != 1
                    or others[0].ref() in self._moving
                    or others[0].shape.rank == 0
                    or others[0].shape.rank > tensor.shape.rank
                ):
                    return None
                return wide(tf.reshape(tf.broadcast_to(others[0], tf.shape(tensor)), tf.shape(output)))
            if user.type not in SAME | {"Reshape"}:
                return None
            tensor = user.outputs[0]


def _held(tensor: Tensor) -> Tensor:
    """Return a tensor that takes no part, in float32 or more."""
    return tf.stop_gradient(wide(tensor))
