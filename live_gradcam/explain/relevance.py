"""Relevance by AttnLRP: copies a traced network so that its gradient, times the input, is relevance.

Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers", 2024, arXiv:2402.05602.
Only its abstract and introduction could be read; the rules are those of the authors' package lxt 2.1, and the γ-rule is
that of zennit 0.5.1, which it uses.

A copy has the values of the original and gradients of its own. With R the relevance of a tensor and G its gradient,
R = x·G for each tensor x, so that a rule that gives x_i the share c_i R is one whose gradient is c_i y G / x_i.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.softmax_patterns import logits_of_softmax
from live_gradcam.models.type_names import Tensor

_SAME = frozenset({"Identity", "IdentityN", "EnsureShape", "CheckNumerics", "Snapshot", "PreventGradient"})
_AFFINE = frozenset({"Add", "AddV2", "BiasAdd", "Sub", "Mul", "RealDiv", "Neg", "Cast"})
_FUNCTIONS = frozenset(
    {
        *(
            "Abs",
            "Elu",
            "Erf",
            "Erfc",
            "Exp",
            "Expm1",
            "LeakyRelu",
            "Log",
            "Log1p",
            "Maximum",
            "Minimum",
            "Pow",
        ),
        *(
            "Reciprocal",
            "Relu",
            "Relu6",
            "Rsqrt",
            "Selu",
            "Sigmoid",
            "Softplus",
            "Softsign",
            "Sqrt",
            "Square",
            "Tanh",
        ),
    }
)
"""Functions of each number apart."""

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
        operations, self._moving = _between(pixels, score)
        self._place = {operation: place for place, operation in enumerate(operations)}
        first = _first_mixed(pixels, operations, self._moving)
        self.input = tf.identity(first)
        self._copies = {first.ref(): self.input}
        for operation in operations:
            if operation is not first.op and any(each.ref() in self._copies for each in operation.inputs):
                for tensor, copy in zip(operation.outputs, self._copied(operation), strict=False):
                    self._copies[tensor.ref()] = copy
        self.score = self._copies.get(score.ref(), score)

    def _copied(self, operation: Operation) -> Sequence[Tensor]:
        """Return the copies of an operation's outputs: of all, or of those that can be relevant."""
        inputs, output = list(operation.inputs), operation.outputs[0]
        places = [place for place, each in enumerate(inputs) if each.ref() in self._moving]
        kind = operation.type
        if kind in _SAME:
            return [self._copy_of(each) for each in inputs]
        if (kind in _FUNCTIONS and len(places) == 1) or (kind == "RealDiv" and places == [1]):
            return [self._identity_rule(inputs[places[0]], output)]
        if kind in ("Mul", "RealDiv") and places == [0, 1]:
            return [self._product(operation)]
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
        return _again(operation, [self._copy_of(each) for each in inputs])

    def _copy_of(self, tensor: Tensor) -> Tensor:
        return self._copies.get(tensor.ref(), tensor)

    def _identity_rule(self, one: Tensor, output: Tensor) -> Tensor:
        """Return f(x) whose gradient is f(x) / x: the relevance of a function's result is that of its argument."""
        share = tf.stop_gradient(tf.math.divide_no_nan(output, one))
        return _valued(output, self._copy_of(one) * share)

    def _uniform_rule(self, operation: Operation) -> Tensor:
        """Return a product of two tensors, each of which has half of the relevance."""
        one, other = operation.inputs
        first = _again(operation, [self._copy_of(one), tf.stop_gradient(other)])[0]
        second = _again(operation, [tf.stop_gradient(one), self._copy_of(other)])[0]
        return (first + second) / 2

    def _product(self, operation: Operation) -> Tensor:
        """Return a product or quotient, number by number, of two tensors that depend on the pixels."""
        one, other = operation.inputs
        output = operation.outputs[0]
        if (argument := self._argument(output)) is not None:  # such as GELU, written out
            return self._identity_rule(argument, output)
        if operation.type == "RealDiv":
            logits = logits_of_softmax(operation)
            if logits is not None:
                return tf.nn.softmax(self._copy_of(logits))
            return self._copy_of(one) / tf.stop_gradient(other)
        # What a normalisation divides by is no part of the sum: the identity rule.
        if self._normalises(other):
            return self._copy_of(one) * tf.stop_gradient(other)
        if self._normalises(one):
            return tf.stop_gradient(one) * self._copy_of(other)
        return self._uniform_rule(operation)

    def _argument(self, output: Tensor) -> Tensor:
        """Return the last tensor of which another is a function, number by number; None if there is none."""
        found = {output.ref()}
        while True:
            tensor = max((each.deref() for each in found), key=lambda each: self._place.get(each.op, -1))
            operation = tensor.op
            inputs = [operation.inputs[tensor.value_index]] if operation.type in _SAME else operation.inputs
            before = [each for each in inputs if each.ref() in self._moving]
            by_number = operation.type in _SAME | _AFFINE | _FUNCTIONS
            if not by_number or any(each.shape.as_list() != output.shape.as_list() for each in before):
                return None
            found = (found - {tensor.ref()}) | {each.ref() for each in before}
            if len(found) == 1:
                return next(iter(found)).deref()

    def _normalises(self, tensor: Tensor) -> bool:
        """Return whether a factor comes of a standard deviation or length, as a normalisation's does."""
        while tensor.op.type not in ("Rsqrt", "Sqrt"):
            moving = [each for each in tensor.op.inputs if each.ref() in self._moving]
            if len(moving) != 1 or tensor.op.type not in _SAME | _AFFINE | _FUNCTIONS | _SPREADING:
                return False
            tensor = moving[0]
        return True

    def _normalised(self, operation: Operation) -> Tensor:
        """Return what a normalisation by the values' own mean and deviation gives; the deviation is constant."""
        values, scale, _, *_ = operation.inputs
        channels_last = operation.get_attr("data_format") == b"NHWC"
        shape = (1, 1, 1, -1) if channels_last else (1, -1, 1, 1)
        axes = (0, 1, 2) if channels_last else (0, 2, 3)
        _, variance = tf.nn.moments(values, axes, keepdims=True)
        factor = tf.reshape(scale, shape) * tf.math.rsqrt(variance + operation.get_attr("epsilon"))
        copy = self._copy_of(values)
        centred = copy - tf.reduce_mean(copy, axes, keepdims=True)
        return _valued(operation.outputs[0], centred * tf.stop_gradient(factor))

    def _gamma_rule(self, operation: Operation, place: int) -> Tensor:
        """Return y = Σ_i p_i, p_i = x_i w_i, whose relevance goes to the p_i, those of y's sign counting 1 + γ times.

        A bias b that is added next counts as one more share. With y + b > 0:

            R_i = (p_i + γ max(p_i, 0)) / (b + γ max(b, 0) + Σ_k (p_k + γ max(p_k, 0))) · R

        and with y + b < 0 the same with min: zennit's generalised γ-rule. As max(p, 0) = (p + |x| |w|) / 2, one more
        product of |x| and |w| is all that it takes.
        """
        values, weights = operation.inputs[place], operation.inputs[1 - place]
        output = operation.outputs[0]
        bias = self._bias_after(output)
        total, least = (output, 0) if bias is None else (output + bias, tf.abs(bias))
        gamma = self._gammas[operation.type]
        copy, own, other = self._copy_of(values), 1 + gamma / 2, gamma / 2
        pairs = [(copy, weights), (copy * tf.sign(values), tf.abs(weights))]
        shares, sizes = (_again(operation, pair[:: 1 - 2 * place])[0] for pair in pairs)
        whole = own * tf.abs(total) + other * (sizes + least)
        factor = tf.stop_gradient(tf.math.divide_no_nan(tf.abs(total), whole))
        return _valued(output, factor * (own * shares + other * tf.sign(total) * sizes))

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
                    or others[0].shape.rank > tensor.shape.rank
                ):
                    return None
                return tf.reshape(tf.broadcast_to(others[0], tf.shape(tensor)), tf.shape(output))
            if user.type not in _SAME | {"Reshape"}:
                return None
            tensor = user.outputs[0]


def _between(pixels: Tensor, score: Tensor) -> tuple[list[Operation], set[object]]:
    """Return the operations between the pixels and a score, in order, and the tensors that depend on the pixels."""
    before, waiting = {score.op}, [score.op]
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.op not in before and _carries(tensor):
                before.add(tensor.op)
                waiting.append(tensor.op)
    found, moving = [], {pixels.ref()}
    for operation in score.graph.get_operations():
        if operation in before and any(each.ref() in moving for each in operation.inputs):
            found.append(operation)
            moving.update(each.ref() for each in operation.outputs if _carries(each))
    return found, moving


def _carries(tensor: Tensor) -> bool:
    """Return whether a tensor can carry something of the pixels: numbers, or lists of them in a loop."""
    return not (tensor.dtype.is_integer or tensor.dtype.is_bool)


def _first_mixed(pixels: Tensor, operations: Sequence[Operation], moving: set[object]) -> Tensor:
    """Return the pixels after the operations that only shift and scale each of them."""
    while True:
        users = [each for each in operations if any(one is pixels for one in each.inputs)]
        if len(users) != 1 or users[0].type not in _SAME | _AFFINE:
            return pixels
        (user,) = users
        alone = [each.ref() for each in user.inputs if each.ref() in moving] == [pixels.ref()]
        if not alone or len(user.outputs) != 1 or user.outputs[0].shape.as_list() != pixels.shape.as_list():
            return pixels
        pixels = user.outputs[0]


def _again(operation: Operation, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the outputs of the same operation with other inputs."""
    attributes = {name: value for name, value in operation.node_def.attr.items() if not name.startswith("_")}
    types = [each.dtype for each in operation.outputs]
    made = operation.graph.create_op(
        operation.type, list(inputs), types, attrs=attributes, op_def=operation.op_def, name="relevance"
    )
    outputs: Sequence[Tensor] = made.outputs
    return outputs


def _valued(value: Tensor, path: Tensor) -> Tensor:
    """Return a tensor with one tensor's value and another's gradient."""
    return tf.stop_gradient(value - path) + path
