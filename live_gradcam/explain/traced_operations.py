"""Finds the operations between the pixels and a score in a traced graph, and makes them anew with other inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from live_gradcam.explain.array_types import Operation
from live_gradcam.models.type_names import Tensor

SAME = frozenset({"Identity", "IdentityN", "EnsureShape", "CheckNumerics", "Snapshot", "PreventGradient"})
"""Operations that change no number."""

AFFINE = frozenset({"Add", "AddV2", "BiasAdd", "Sub", "Mul", "RealDiv", "Neg", "Cast"})
"""Operations that shift or scale, or join two tensors by a sum, product or quotient of each number."""

_ACTIVATIONS = {"Elu", "LeakyRelu", "Relu", "Relu6", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh"}
_POWERS = {"Exp", "Expm1", "Log", "Log1p", "Pow", "Reciprocal", "Rsqrt", "Sqrt", "Square"}
_CIRCULAR = {"Acos", "Asin", "Atan", "Cos", "Sin", "Tan"}
_HYPERBOLIC = {"Acosh", "Asinh", "Atanh", "Cosh", "Sinh"}
_PROBABILITIES = {"Digamma", "Erf", "Erfc", "Erfinv", "Lgamma", "Ndtri"}
_STEPS = {"Abs", "Ceil", "Floor", "FloorMod", "Maximum", "Minimum", "Rint", "Round", "Sign"}
_QUOTIENTS = {"DivNoNan", "MulNoNan", "Xdivy", "Xlogy"}

FUNCTIONS = frozenset(_ACTIVATIONS | _POWERS | _CIRCULAR | _HYPERBOLIC | _PROBABILITIES | _STEPS | _QUOTIENTS)
"""Functions of each number apart."""

_CHOICES = frozenset({"Select", "SelectV2"})


def between(pixels: Tensor, score: Tensor) -> tuple[list[Operation], set[object]]:
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


def first_mixed(pixels: Tensor, operations: Sequence[Operation], moving: set[object]) -> Tensor:
    """Return the pixels after the operations that only shift and scale each of them."""
    while True:
        users = [each for each in operations if any(one is pixels for one in each.inputs)]
        if len(users) != 1 or users[0].type not in SAME | AFFINE:
            return pixels
        (user,) = users
        alone = [each.ref() for each in user.inputs if each.ref() in moving] == [pixels.ref()]
        if not alone or len(user.outputs) != 1 or user.outputs[0].shape.as_list() != pixels.shape.as_list():
            return pixels
        pixels = user.outputs[0]


def argument_of(output: Tensor, place: Mapping[Operation, int], moving: set[object]) -> Tensor:
    """Return x of a tensor that is a function of x, number by number, however many operations it is written in.

    Single numbers that are added belong to the function, as 1 does in 1 / (1 + exp(-x)); biases do not.

    Args:
        output: the function's result.
        place: the operations between the pixels and the score, and the place of each.
        moving: the tensors that depend on the pixels.

    Returns:
        The earliest such tensor. None if there is none, or if the function only shifts and scales.
    """
    found, argument, bent = {output.ref()}, None, False
    while True:
        tensor = max((each.deref() for each in found), key=lambda each: place.get(each.op, -1))
        operation = tensor.op
        inputs = [operation.inputs[tensor.value_index]] if operation.type in SAME else list(operation.inputs)
        before = [each for each in inputs if each.ref() in moving]
        if operation not in place or not _by_number(operation, inputs, before, output):
            return argument
        divides = operation.type == "RealDiv" and before[-1] is inputs[1]
        bent = bent or divides or operation.type not in SAME | AFFINE or len(before) > 1
        found = (found - {tensor.ref()}) | {each.ref() for each in before}
        if len(found) == 1 and bent:
            argument = next(iter(found)).deref()


def _by_number(operation: Operation, inputs: list[Tensor], before: list[Tensor], output: Tensor) -> bool:
    """Return whether an operation computes each number of its result from one place of those before it."""
    if any(each.shape.rank is None or each.shape.as_list() != output.shape.as_list() for each in before):
        return False
    if operation.type in _CHOICES:
        return len(before) == 2
    if operation.type in ("Add", "AddV2", "BiasAdd", "Sub", "SquaredDifference"):
        return len(before) == 2 or any(each.shape.rank == 0 for each in inputs)
    return operation.type in SAME | AFFINE | FUNCTIONS


def again(operation: Operation, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the outputs of the same operation with other inputs, in float32 or more."""
    attributes = {name: value for name, value in operation.node_def.attr.items() if not name.startswith("_")}
    for name, value in attributes.items():
        if value.WhichOneof("value") == "type":
            attributes[name] = type(value)(type=_wide_type(tf.as_dtype(value.type)).as_datatype_enum)
    types = [_wide_type(each.dtype) for each in operation.outputs]
    made = operation.graph.create_op(
        operation.type,
        [wide(each) for each in inputs],
        types,
        attrs=attributes,
        op_def=operation.op_def,
        name="relevance",
    )
    outputs: Sequence[Tensor] = made.outputs
    return outputs


def wide(tensor: Tensor) -> Tensor:
    """Return a tensor of half precision in float32, so that a quotient of its numbers is finite; others as they are."""
    return tensor if _wide_type(tensor.dtype) == tensor.dtype else tf.cast(tensor, tf.float32)


def _wide_type(dtype: tf.DType) -> tf.DType:
    return tf.float32 if dtype in (tf.float16, tf.bfloat16) else dtype


def valued(value: Tensor, path: Tensor) -> Tensor:
    """Return a tensor with one tensor's value and another's gradient."""
    return tf.stop_gradient(wide(value) - path) + path
