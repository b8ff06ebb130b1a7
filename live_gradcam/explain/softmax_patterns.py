"""Recognises a softmax that is written out in several operations, and reads constants off a traced graph."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.traced_operations import SAME
from live_gradcam.models.type_names import Tensor

_MOST_OPERATIONS = 200
"""How many operations are inspected to see whether a tensor depends on the picture."""

_SAME = SAME | {"Cast", "StopGradient"}
_RESHAPING = frozenset({"Reshape", "Squeeze", "ExpandDims"})


def logits_of_log_softmax(difference: Operation) -> Tensor:
    """Return x of `x - logsumexp(x)`; None for another difference."""
    left, right = difference.inputs
    added = through_shape(right).op
    logarithm = added
    if added.type in ("AddV2", "Add"):  # the maximum is added to log Σ exp(x − max)
        parts = [through_shape(each).op for each in added.inputs]
        logarithm = next((each for each in parts if each.type == "Log"), added)
    total = through_shape(logarithm.inputs[0]).op if logarithm.type == "Log" else logarithm
    if total.type != "Sum" or not _is_last_axis(total):
        return None
    powers = through(total.inputs[0]).op
    if powers.type != "Exp" or powers.outputs[0].shape[-1] != left.shape[-1]:
        return None
    logits = _unshifted(left)
    shifts = [_unshifted(each) is not through(each) for each in (left, powers.inputs[0])]
    balanced = shifts[0] + (logarithm is not added) == shifts[1]
    return logits if balanced and _same(_unshifted(powers.inputs[0]), logits) else None


def logits_of_softmax(quotient: Operation) -> Tensor:
    """Return x of `exp(x) / sum(exp(x))`, summed over the last axis; None for another quotient."""
    logits, axes = softmax_over(quotient)
    return logits if axes == {-1} else None


def softmax_over(quotient: Operation) -> tuple[Tensor, set[int] | None]:
    """Return x of `exp(x) / sum(exp(x))` and the axes of the sum, counted from the end; None for another quotient."""
    above, below = quotient.inputs
    if quotient.type == "Mul":
        reciprocal = through(below).op
        if reciprocal.type not in ("Reciprocal", "Inv"):
            return None, None
        below = reciprocal.inputs[0]
    total = through_shape(without_small(below)).op
    powers = through(above).op
    if total.type != "Sum" or powers.type != "Exp" or not _same(total.inputs[0], above):
        return None, None
    rank = total.inputs[0].shape.rank
    axes = axes_of(total.inputs[1], rank)
    return _unshifted(powers.inputs[0]), None if axes is None else {axis - rank for axis in axes}


def _is_last_axis(reduction: Operation) -> bool:
    rank = reduction.inputs[0].shape.rank
    return rank is not None and axes_of(reduction.inputs[1], rank) == {rank - 1}


def _unshifted(tensor: Tensor) -> Tensor:
    """Return x of `x - max(x)`. A softmax does not change if the same number is subtracted from all classes."""
    tensor = through(tensor)
    while tensor.op.type == "Sub":
        left, right = tensor.op.inputs
        shift = through_shape(right).op
        if shift.type in ("Select", "SelectV2"):  # TensorFlow replaces an infinite maximum by 0
            shift = through_shape(shift.inputs[1]).op
        if shift.type not in ("Max", "Mean") or not _same(shift.inputs[0], left):
            break
        tensor = through(left)
    return tensor


def _same(one: Tensor, other: Tensor, depth: int = 6) -> bool:
    """Return whether two tensors hold the same numbers: one tensor, or the same operations on one tensor."""
    one, other = through(one), through(other)
    if one is other:
        return True
    if one.op.type != other.op.type or one.value_index != other.value_index or depth == 0:
        return False
    if one.op.type == "Const":
        return bool(np.array_equal(tf.get_static_value(one), tf.get_static_value(other)))
    pairs = list(zip(one.op.inputs, other.op.inputs, strict=False))
    return len(one.op.inputs) == len(other.op.inputs) > 0 and all(_same(*pair, depth - 1) for pair in pairs)


def without_small(tensor: Tensor) -> Tensor:
    """Return x of `x + 1e-7` and `max(x, 1e-7)`."""
    operation = through(tensor).op
    if operation.type in ("AddV2", "Add", "Maximum"):
        for one, other in (operation.inputs, list(operation.inputs)[::-1]):
            number = number_in(other)
            if number is not None and 0 <= number < 1e-3:
                return one
    if operation.type == "Minimum":
        number = number_in(operation.inputs[1])
        return tensor if number is None or abs(number - 1) > 1e-3 else without_small(operation.inputs[0])
    return tensor


def through(tensor: Tensor) -> Tensor:
    """Return the tensor before operations that change neither the numbers nor the last axis."""
    while True:
        operation = tensor.op
        if operation.type in _SAME:
            tensor = operation.inputs[tensor.value_index if operation.type == "IdentityN" else 0]
        elif operation.type in _RESHAPING and operation.inputs[0].shape.rank:
            inner = operation.inputs[0]
            if inner.shape[-1] is None or inner.shape[-1] != tensor.shape[-1]:
                return tensor
            tensor = inner
        else:
            return tensor


def through_shape(tensor: Tensor) -> Tensor:
    """Return the tensor before operations that do not change the numbers, whatever they do to the shape."""
    while tensor.op.type in _SAME | _RESHAPING:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor


def axes_of(tensor: Tensor, rank: int | None) -> set[int] | None:
    """Return the axes of a reduction, counted from 0; None if they are not known."""
    value = tf.get_static_value(tensor)
    return None if value is None or rank is None else {int(axis) % rank for axis in np.ravel(value)}


def number_in(tensor: Tensor) -> float | None:
    """Return the number that a constant holds; None if it is no constant, or holds different numbers."""
    value = tf.get_static_value(through_shape(tensor)) if tensor.dtype.is_floating else None
    if value is None or np.size(value) == 0 or np.ptp(value) != 0:
        return None
    return float(np.ravel(value)[0])


def is_fixed(tensor: Tensor) -> bool:
    """Return whether a tensor depends on constants and variables only, and not on the picture."""
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop()
        if operation in seen:
            continue
        seen.add(operation)
        if len(seen) > _MOST_OPERATIONS or (
            operation.type == "Placeholder" and operation.outputs[0].dtype == tf.uint8
        ):
            return False
        if operation.type in ("ReadVariableOp", "Const"):
            continue
        waiting.extend(each.op for each in operation.inputs)
    return True
