"""The end of a traced network: which function of which logits its output is.

Operations are followed backwards from the output. A softmax, log-softmax or sigmoid is found where it is one operation,
where it is written out (`exp(x) / sum(exp(x))`, `x - logsumexp(x)`), behind operations that only rename, retype or
reshape, and in sums and means that are probabilities again (an ensemble, test-time copies).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.models.task import Ending

Tensor = Any
Operation = Any

_MOST_STEPS = 200
"""Operations that are looked at; a network without an activation at its end is all linear operations."""

_SAME = frozenset(
    {"Identity", "IdentityN", "Cast", "StopGradient", "PreventGradient", "EnsureShape", "CheckNumerics", "Snapshot"}
)
_RESHAPING = frozenset({"Reshape", "Squeeze", "ExpandDims"})
_LINEAR = frozenset(
    {
        "BiasAdd",
        "MatMul",
        "Conv2D",
        "Conv2DBackpropInput",
        "DepthwiseConv2dNative",
        "Einsum",
        "BatchMatMulV2",
        "FusedBatchNormV3",
    }
)
_OPAQUE = frozenset({"PartitionedCall", "StatefulPartitionedCall", "XlaCallModule", "PyFunc", "EagerPyFunc"})
_OPAQUE |= {"If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"}


@dataclass(frozen=True, slots=True, eq=False)
class FoundEnding:
    """The function at the end of a network."""

    kind: Ending | None
    """None: it happens inside a function that was compiled on its own, so that nothing can be told."""

    logits: Tensor = None
    """What a softmax, log-softmax or sigmoid is of, in the output's order; None where it is of several."""


def find_ending(output: Tensor) -> FoundEnding:
    """Return the function that a traced output ends in.

    Args:
        output: (N, C) or (N, h, w, C).
    """
    operation = _through(output).op
    match operation.type:
        case "Softmax":
            return FoundEnding("softmax", operation.inputs[0])
        case "LogSoftmax":
            return FoundEnding("log-softmax", operation.inputs[0])
        case "Sigmoid":
            return FoundEnding("sigmoid", operation.inputs[0])
        case "Exp":
            inner = find_ending(operation.inputs[0])
            if inner.kind == "log-softmax":
                return FoundEnding("softmax", inner.logits)
        case "Log":
            # Often there is a small number in it, against the logarithm of 0.
            inner = find_ending(_without_small(operation.inputs[0]))
            if inner.kind == "softmax":
                return FoundEnding("log-softmax", inner.logits)
        case "Sub":
            logits = _of_log_softmax(operation)
            if logits is not None:
                return FoundEnding("log-softmax", logits)
        case "RealDiv" | "Mul":
            logits = _of_softmax(operation)
            if logits is not None:
                return FoundEnding("softmax", logits)
        case "PartitionedCall" | "StatefulPartitionedCall":
            inside = _inside(_through(output))
            # What is in there cannot be differentiated to from here: the logits are out of reach.
            return FoundEnding(None) if inside is None else FoundEnding(find_ending(inside).kind)
    share = _share(output, 0)
    if share is not None and abs(share.scale - 1.0) < 1e-4:
        return FoundEnding("softmax" if share.sums else "sigmoid")
    return FoundEnding(_shape_of_values(output, 0))


def ending_of_numbers(outputs: np.ndarray[Any, Any]) -> Ending:
    """Return the function that outputs look like, where the operations cannot be looked at.

    Args:
        outputs: of several pictures, (N, …, C).
    """
    if not np.isfinite(outputs).all():
        return "linear"
    several = outputs.shape[-1] > 1
    if several and outputs.min() >= 0 and np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-3):
        return "softmax"
    if several and outputs.max() <= 0 and np.allclose(np.exp(outputs).sum(axis=-1), 1.0, atol=1e-3):
        return "log-softmax"
    if outputs.min() > 0 and outputs.max() < 1:
        return "sigmoid"
    return "other" if outputs.min() == 0 else "linear"


@dataclass(frozen=True, slots=True)
class _Share:
    """Numbers that are at least 0: weighted sums of probabilities."""

    scale: float
    """Of a softmax's sum, or of the largest that a sigmoid's value can be."""

    sums: bool
    """Whether they sum to the scale along the last axis; else each lies in [0, scale]."""


def _share(tensor: Tensor, depth: int) -> _Share | None:
    """Return how a tensor is made of probabilities; None where it is not."""
    tensor = _through(tensor)
    operation = tensor.op
    kind, inputs = operation.type, list(operation.inputs)
    if depth > _MOST_STEPS:
        return None
    if kind in ("Softmax", "Sigmoid"):
        return _Share(1.0, kind == "Softmax")
    if kind in ("AddV2", "Add", "AddN"):
        return _sum_of([_share(each, depth + 1) for each in inputs])
    if kind == "Sub" and _number(inputs[0]) is not None:
        inner = _share(inputs[1], depth + 1)
        same = inner is not None and not inner.sums and inner.scale == _number(inputs[0])
        return inner if same else None  # 1 − sigmoid(x) is sigmoid(−x)
    if kind in ("Mul", "RealDiv"):
        number = _number(inputs[1])
        inner = _share(inputs[0], depth + 1) if number is not None else None
        if kind == "Mul" and number is None:
            number = _number(inputs[0])
            inner = _share(inputs[1], depth + 1) if number is not None else None
        if number is None and kind == "Mul":
            pair = [_share(each, depth + 1) for each in inputs]
            if None not in pair:
                return _Share(float(np.prod([each.scale for each in pair if each])), sums=False)
        if inner is None or number is None or number <= 0:
            return None
        return _Share(inner.scale * number if kind == "Mul" else inner.scale / number, inner.sums)
    if kind in ("Mean", "Sum", "Max", "Min"):
        return _reduced(operation, depth)
    if kind in ("StridedSlice", "GatherV2", "Transpose", "Slice", "Split", "SplitV", "Unpack"):
        inner = _share(inputs[1] if kind == "Split" else inputs[0], depth + 1)
        kept = tensor.shape.rank == inputs[0].shape.rank and tensor.shape[-1] == inputs[0].shape[-1]
        return None if inner is None else _Share(inner.scale, inner.sums and (kept or kind == "Unpack"))
    if kind in ("Pack", "ConcatV2"):
        parts = [_share(each, depth + 1) for each in (inputs if kind == "Pack" else inputs[:-1])]
        if None in parts or len({each.scale for each in parts if each}) != 1:
            return None
        last = kind == "ConcatV2" and _axes(inputs[-1], tensor.shape.rank) == {tensor.shape.rank - 1}
        return _Share(parts[0].scale if parts[0] else 1.0, all(each and each.sums for each in parts) and not last)
    return None


def _sum_of(shares: list[_Share | None]) -> _Share | None:
    found = [each for each in shares if each is not None]
    if len(found) != len(shares):
        return None
    return _Share(sum(each.scale for each in found), all(each.sums for each in found))


def _reduced(operation: Operation, depth: int) -> _Share | None:
    """Return how a reduction of probabilities is made of them: copies or places become one."""
    values = operation.inputs[0]
    rank = values.shape.rank
    axes = _axes(operation.inputs[1], rank)
    if rank is None or axes is None or rank - 1 in axes:
        return None
    inner = _share(values, depth + 1)
    if inner is None or operation.type == "Mean":
        return inner
    if operation.type in ("Max", "Min"):
        return _Share(inner.scale, sums=False)
    lengths = [values.shape[axis] for axis in axes]
    return None if None in lengths else _Share(inner.scale * float(np.prod(lengths)), inner.sums)


def _shape_of_values(tensor: Tensor, depth: int) -> Ending | None:
    """Return whether a tensor that is no probability is linear in the last layer's sums, or not."""
    tensor = _through(tensor)
    operation = tensor.op
    kind = operation.type
    if kind in _LINEAR:
        return "linear"
    if kind in _OPAQUE:
        return None
    if kind in ("AddV2", "Add", "AddN", "Sub", "Mul", "RealDiv", "Mean", "Sum", "AvgPool", "ConcatV2", "Pack", "Neg"):
        if depth > _MOST_STEPS:
            return "other"
        parts = [each for each in operation.inputs if each.dtype.is_floating and not _is_fixed(each)]
        if not parts or (kind in ("Mul", "RealDiv") and len(parts) > 1):
            return "other"
        found = [_shape_of_values(each, depth + 1) for each in parts]
        if None in found:
            return None
        # A sum is unbounded if one of its parts is: the last of a residual network, say.
        return "linear" if "linear" in found else "other"
    return "other"


def _of_log_softmax(difference: Operation) -> Tensor:
    """Return x of `x - logsumexp(x)`; None where it is another difference."""
    left, right = difference.inputs
    added = _through_shape(right).op
    logarithm = added
    if added.type in ("AddV2", "Add"):  # the maximum comes back to log Σ exp(x − max)
        parts = [_through_shape(each).op for each in added.inputs]
        logarithm = next((each for each in parts if each.type == "Log"), added)
    total = _through_shape(logarithm.inputs[0]).op if logarithm.type == "Log" else logarithm
    if total.type != "Sum" or not _is_last_axis(total):
        return None
    powers = _through(total.inputs[0]).op
    if powers.type != "Exp" or powers.outputs[0].shape[-1] != left.shape[-1]:
        return None
    logits = _unshifted(left)
    shifts = [_unshifted(each) is not _through(each) for each in (left, powers.inputs[0])]
    balanced = shifts[0] + (logarithm is not added) == shifts[1]
    return logits if balanced and _same(_unshifted(powers.inputs[0]), logits) else None


def _of_softmax(quotient: Operation) -> Tensor:
    """Return x of `exp(x) / sum(exp(x))`; None where it is another quotient."""
    above, below = quotient.inputs
    if quotient.type == "Mul":
        reciprocal = _through(below).op
        if reciprocal.type not in ("Reciprocal", "Inv"):
            return None
        below = reciprocal.inputs[0]
    total = _through_shape(_without_small(below)).op
    powers = _through(above).op
    if total.type != "Sum" or powers.type != "Exp" or not _is_last_axis(total):
        return None
    return _unshifted(powers.inputs[0]) if _same(total.inputs[0], above) else None


def _is_last_axis(reduction: Operation) -> bool:
    rank = reduction.inputs[0].shape.rank
    return rank is not None and _axes(reduction.inputs[1], rank) == {rank - 1}


def _unshifted(tensor: Tensor) -> Tensor:
    """Return x of `x - max(x)`: a number that is the same for all classes changes no softmax."""
    tensor = _through(tensor)
    while tensor.op.type == "Sub":
        left, right = tensor.op.inputs
        shift = _through_shape(right).op
        if shift.type in ("Select", "SelectV2"):  # TensorFlow puts 0 in place of an infinite maximum
            shift = _through_shape(shift.inputs[1]).op
        if shift.type not in ("Max", "Mean") or not _same(shift.inputs[0], left):
            break
        tensor = _through(left)
    return tensor


def _inside(tensor: Tensor) -> Tensor:
    """Return what a function that was compiled on its own gives, in its own graph; None where that is not to be had."""
    operation = tensor.op
    try:
        function = operation.graph._get_function(operation.get_attr("f").name)
        return function.graph.outputs[tensor.value_index]
    except (AttributeError, IndexError, ValueError):  # TensorFlow has no public way to it
        return None


def _same(one: Tensor, other: Tensor, depth: int = 6) -> bool:
    """Whether two tensors are the same numbers: one tensor, or the same operations on it, written twice."""
    one, other = _through(one), _through(other)
    if one is other:
        return True
    if one.op.type != other.op.type or one.value_index != other.value_index or depth == 0:
        return False
    if one.op.type == "Const":
        return bool(np.array_equal(tf.get_static_value(one), tf.get_static_value(other)))
    pairs = list(zip(one.op.inputs, other.op.inputs, strict=False))
    return len(one.op.inputs) == len(other.op.inputs) > 0 and all(_same(*pair, depth - 1) for pair in pairs)


def _without_small(tensor: Tensor) -> Tensor:
    """Return x of `x + 1e-7` and `max(x, 1e-7)`."""
    operation = _through(tensor).op
    if operation.type in ("AddV2", "Add", "Maximum"):
        for one, other in (operation.inputs, list(operation.inputs)[::-1]):
            number = _number(other)
            if number is not None and 0 <= number < 1e-3:
                return one
    if operation.type == "Minimum":
        number = _number(operation.inputs[1])
        return tensor if number is None or abs(number - 1) > 1e-3 else _without_small(operation.inputs[0])
    return tensor


def _through(tensor: Tensor) -> Tensor:
    """Return the tensor before operations that leave the numbers and the last axis as they are."""
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


def _through_shape(tensor: Tensor) -> Tensor:
    """Return the tensor before operations that leave the numbers as they are, whatever becomes of the shape."""
    while tensor.op.type in _SAME | _RESHAPING:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor


def _axes(tensor: Tensor, rank: int | None) -> set[int] | None:
    value = tf.get_static_value(tensor)
    return None if value is None or rank is None else {int(axis) % rank for axis in np.ravel(value)}


def _number(tensor: Tensor) -> float | None:
    """Return the one number that a constant holds; None where it is no constant, or of different numbers."""
    value = tf.get_static_value(_through_shape(tensor)) if tensor.dtype.is_floating else None
    if value is None or np.size(value) == 0 or np.ptp(value) != 0:
        return None
    return float(np.ravel(value)[0])


def _is_fixed(tensor: Tensor) -> bool:
    """Whether a tensor does not depend on the picture: a constant or a variable."""
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop()
        if operation in seen:
            continue
        seen.add(operation)
        if len(seen) > _MOST_STEPS or (operation.type == "Placeholder" and operation.outputs[0].dtype == tf.uint8):
            return False
        if operation.type in ("ReadVariableOp", "Const"):
            continue
        waiting.extend(each.op for each in operation.inputs)
    return True
