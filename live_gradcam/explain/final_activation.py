"""Finds the function at the end of a traced network, and the logits that it is applied to.

Operations are followed backwards from the output. A softmax, log-softmax or sigmoid is found if it is one operation, if
it is written out (`exp(x) / sum(exp(x))`, `x - logsumexp(x)`), behind operations that only rename, cast or reshape, and
in sums and means that are probabilities again (an ensemble, test-time copies).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.softmax_patterns import (
    axes_of,
    is_fixed,
    logits_of_log_softmax,
    logits_of_softmax,
    number_in,
    through,
    without_small,
)
from live_gradcam.models.task import Ending
from live_gradcam.models.type_names import Tensor

_MOST_STEPS = 200
"""How many operations are inspected at most: a network without an activation at its end is a long linear sum."""

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
class OutputFunction:
    """The function at the end of a network."""

    kind: Ending | None
    """None: it lies inside a function that was compiled on its own, and cannot be known."""

    logits: Tensor = None
    """The argument of the softmax, log-softmax or sigmoid, in the output's order; None if there are several."""


def find_ending(output: Tensor) -> OutputFunction:
    """Return the function at the end of a traced output.

    Args:
        output: (N, C) or (N, h, w, C).
    """
    operation = through(output).op
    match operation.type:
        case "Softmax":
            return OutputFunction("softmax", operation.inputs[0])
        case "LogSoftmax":
            return OutputFunction("log-softmax", operation.inputs[0])
        case "Sigmoid":
            return OutputFunction("sigmoid", operation.inputs[0])
        case "Exp":
            inner = find_ending(operation.inputs[0])
            if inner.kind == "log-softmax":
                return OutputFunction("softmax", inner.logits)
        case "Log":
            # Often a small number is added, to avoid the logarithm of 0.
            inner = find_ending(without_small(operation.inputs[0]))
            if inner.kind == "softmax":
                return OutputFunction("log-softmax", inner.logits)
        case "Sub":
            logits = logits_of_log_softmax(operation)
            if logits is not None:
                return OutputFunction("log-softmax", logits)
        case "RealDiv" | "Mul":
            logits = logits_of_softmax(operation)
            if logits is not None:
                return OutputFunction("softmax", logits)
        case "PartitionedCall" | "StatefulPartitionedCall":
            inside = _inside(through(output))
            # A gradient with respect to a tensor inside the function is not possible, so its logits are no use.
            return OutputFunction(None) if inside is None else OutputFunction(find_ending(inside).kind)
    share = _share(output, 0)
    if share is not None and abs(share.scale - 1.0) < 1e-4:
        return OutputFunction("softmax" if share.sums else "sigmoid")
    return OutputFunction(_shape_of_values(output, 0))


def ending_of_numbers(outputs: np.ndarray[Any, Any]) -> Ending:
    """Return the function that the numbers of an output suggest, if its operations cannot be inspected.

    Args:
        outputs: the outputs for several pictures, (N, …, C).
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
    """A tensor of weighted sums of probabilities, all at least 0."""

    scale: float
    """The sum along the last axis, or the largest possible value."""

    sums: bool
    """Whether the numbers sum to the scale along the last axis; else each lies in [0, scale]."""


def _share(tensor: Tensor, depth: int) -> _Share | None:
    """Return how a tensor is a weighted sum of probabilities; None if it is none."""
    tensor = through(tensor)
    operation = tensor.op
    kind, inputs = operation.type, list(operation.inputs)
    if depth > _MOST_STEPS:
        return None
    if kind in ("Softmax", "Sigmoid"):
        return _Share(1.0, kind == "Softmax")
    if kind in ("AddV2", "Add", "AddN"):
        return _sum_of([_share(each, depth + 1) for each in inputs])
    if kind == "Sub" and number_in(inputs[0]) is not None:
        inner = _share(inputs[1], depth + 1)
        same = inner is not None and not inner.sums and inner.scale == number_in(inputs[0])
        return inner if same else None  # 1 − sigmoid(x) is sigmoid(−x)
    if kind in ("Mul", "RealDiv"):
        number = number_in(inputs[1])
        inner = _share(inputs[0], depth + 1) if number is not None else None
        if kind == "Mul" and number is None:
            number = number_in(inputs[0])
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
        last = kind == "ConcatV2" and axes_of(inputs[-1], tensor.shape.rank) == {tensor.shape.rank - 1}
        return _Share(
            parts[0].scale if parts[0] else 1.0, all(each and each.sums for each in parts) and not last
        )
    return None


def _sum_of(shares: list[_Share | None]) -> _Share | None:
    found = [each for each in shares if each is not None]
    if len(found) != len(shares):
        return None
    return _Share(sum(each.scale for each in found), all(each.sums for each in found))


def _reduced(operation: Operation, depth: int) -> _Share | None:
    """Return the share after a reduction over copies or places; None if the result is no probability."""
    values = operation.inputs[0]
    rank = values.shape.rank
    axes = axes_of(operation.inputs[1], rank)
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
    """Return whether a tensor that is no probability is a linear sum or something else; None if it cannot be known."""
    tensor = through(tensor)
    operation = tensor.op
    kind = operation.type
    if kind in _LINEAR:
        return "linear"
    if kind in _OPAQUE:
        return None
    if kind in (
        "AddV2",
        "Add",
        "AddN",
        "Sub",
        "Mul",
        "RealDiv",
        "Mean",
        "Sum",
        "AvgPool",
        "ConcatV2",
        "Pack",
        "Neg",
    ):
        if depth > _MOST_STEPS:
            return "other"
        parts = [each for each in operation.inputs if each.dtype.is_floating and not is_fixed(each)]
        if not parts or (kind in ("Mul", "RealDiv") and len(parts) > 1):
            return "other"
        found = [_shape_of_values(each, depth + 1) for each in parts]
        if None in found:
            return None
        # A sum is unbounded if one of its parts is, as in a residual network without an activation at its end.
        return "linear" if "linear" in found else "other"
    return "other"


def _inside(tensor: Tensor) -> Tensor:
    """Return the result of a function that was compiled on its own, in its own graph; None if that is out of reach."""
    operation = tensor.op
    try:
        function = operation.graph._get_function(operation.get_attr("f").name)
        return function.graph.outputs[tensor.value_index]
    except (AttributeError, IndexError, ValueError):  # TensorFlow has no public way to it
        return None
