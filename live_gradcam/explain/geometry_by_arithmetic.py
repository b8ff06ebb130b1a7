"""The geometry of a map by arithmetic, from the windows of the operations between the input and the map.

Most networks consist of convolutions, poolings, paddings and operations on each place by itself. Their sizes, strides
and paddings give the receptive field of each cell (Araujo et al., "Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019), so nothing has to be measured. After any other operation the field is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explain.receptive_fields import laid_out
from live_gradcam.models.type_names import Tensor


@dataclass(frozen=True, slots=True)
class _Axis:
    """The receptive fields of the cells along one axis, in places of the input, counted from 0."""

    first: float
    last: float
    """The first and the last place of cell 0's field; below 0 within a padding."""

    stride: float
    """Places from one cell to the next."""

    cells: int
    seen: tuple[float, float]
    """The first and the last place that any cell depends on."""

    def windowed(self, window: int, stride: int, before: int, cells: int) -> _Axis:
        """Return the axis after an operation with windows. The first window begins `before` cells before cell 0."""
        first = self.first - before * self.stride
        last = self.last + (window - 1 - before) * self.stride
        begin, end = -before, (cells - 1) * stride + window - 1 - before
        low, high = self.seen
        # If the windows leave out cells at an end, they see less than all cells together.
        if begin > 0:
            low = max(low, self.first + begin * self.stride)
        if end < self.cells - 1:
            high = min(high, self.last + end * self.stride)
        return _Axis(first, last, self.stride * stride, cells, (low, high))

    def resized(self, cells: int) -> _Axis:
        """Return the axis after a resampling that keeps its ends."""
        ratio = self.cells / cells
        shift = (ratio - 1) / 2 * self.stride
        return _Axis(self.first + shift, self.last + shift, self.stride * ratio, cells, self.seen)


_Field = tuple[_Axis, _Axis]
"""The axes of rows and columns."""

_State = _Field | Literal["everywhere", "unknown"] | None
"""A tensor's field. `everywhere`: the tensor depends on the picture but has no places. None: it does not depend on the
picture."""


def geometry_by_arithmetic(pixels: Tensor, layer: Tensor) -> Geometry | None:
    """Return where a map lies on the network's input, as `geometry_by_gradients.located` finds it; None if unknown.

    Args:
        pixels: the network's input in a traced graph, (N, H, W, channels).
        layer: the layer's output there.
    """
    if pixels.shape.rank != 4 or None in pixels.shape[1:3] or layer.shape.rank != 4:
        return None
    lengths = [int(length) for length in pixels.shape[1:3]]
    rows, columns = (_Axis(0, 0, 1, length, (0, length - 1)) for length in lengths)
    known: dict[int, _State] = {id(pixels): (rows, columns)}
    begun = False
    for operation in layer.graph.get_operations():
        if begun:
            _pass(operation, known)
        begun = begun or operation is pixels.op
        if operation is layer.op:
            break
    found = known.get(id(layer))
    if not isinstance(found, tuple):
        return None
    ((top, bottom), (above, below)), ((left, right), (before, behind)) = (
        laid_out((axis.first + axis.last) / 2, axis.stride, axis.cells, axis.seen, length)
        for axis, length in zip(found, lengths, strict=True)
    )
    return Geometry((left, top, right, bottom), (before, above, behind, below))


def _pass(operation: Operation, known: dict[int, _State]) -> None:
    """Add the fields of an operation's outputs."""
    inputs = list(operation.inputs)
    states = [known.get(id(tensor)) for tensor in inputs]
    if not any(states) or operation.type in _LENGTHS:
        return
    outputs = operation.outputs
    found: list[_State]
    if operation.type == "IdentityN":
        found = states
    elif operation.type in _CALLS:
        found = _called(operation, states)
    elif "unknown" in states or not all(tensor.dtype.is_floating for tensor in outputs[:1]):
        found = ["unknown"] * len(outputs)
    elif all(state in (None, "everywhere") for state in states):
        found = ["everywhere"] * len(outputs)
    else:
        rule = _RULES.get(operation.type)
        try:
            first = "unknown" if rule is None else rule(operation, inputs, states)
        except (ValueError, IndexError):  # an unknown form of the operation
            first = "unknown"
        found = [first, *["unknown"] * (len(outputs) - 1)]  # type: ignore[list-item] # mypy widens the literal
    known.update((id(tensor), state) for tensor, state in zip(outputs, found, strict=True))


def _called(operation: Operation, states: Sequence[_State]) -> list[_State]:
    """Return the fields of a function's results. Keras calls a function for each grouped convolution."""
    try:
        body = operation.graph._get_function(operation.get_attr("f").name).graph  # there is no public way
        known: dict[int, _State] = dict(zip(map(id, body.inputs), states, strict=True))
        for inner in body.get_operations():
            _pass(inner, known)
        return [
            known.get(id(tensor), "unknown")
            for tensor, _ in zip(body.outputs, operation.outputs, strict=True)
        ]
    except (AttributeError, TypeError, ValueError):  # another version of TensorFlow
        return ["unknown"] * len(operation.outputs)


def _flattened(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    """Return the field after a reshape to one row for each place, or back, as a dense layer on a map needs it."""
    field, before, after = _field(states[0]), inputs[0].shape, operation.outputs[0].shape
    if before.rank == 4 and after.rank == 2:
        return field  # `_multiplied`, the only user of rows, checks that a row is a place
    back = before.rank == 2 and before[-1] is not None and before[-1] == after[-1]
    return field if back and _is_map(operation.outputs[0], field) else "unknown"


def _transposed(_operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    return states[0] if (np.diff(_constant(inputs[1])) > 0).all() else "unknown"


def _multiplied(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    rows = inputs[0].op
    if rows.type != "Reshape" or states[1] is not None or operation.get_attr("transpose_a"):
        return "unknown"
    taken = inputs[1].shape[1 if operation.get_attr("transpose_b") else 0]
    before = rows.inputs[0].shape
    return states[0] if before.rank == 4 and taken is not None and before[-1] == taken else "unknown"


def _merged(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    """Return the field after an operation on each place by itself, whose other inputs are the same at all places."""
    fields: list[_Field] = []
    for tensor, state in zip(inputs, states, strict=True):
        if isinstance(state, tuple):
            fields.append(state)
        elif state == "everywhere" and tuple(tensor.shape[1:3] if tensor.shape.rank == 4 else ()) != (1, 1):
            return "unknown"
        elif state is None and any(length != 1 for length in tensor.shape[-3:-1]):
            return "unknown"  # a mask may hide places
    if not _is_map(operation.outputs[0], fields[0]):
        return "unknown"
    axes = []
    for along in zip(*fields, strict=True):
        if len({(axis.stride, axis.cells) for axis in along}) > 1:
            return "unknown"
        axes.append(
            replace(along[0], first=min(axis.first for axis in along), last=max(axis.last for axis in along))
        )
    return axes[0], axes[1]


def _joined(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    last = int(_constant(inputs[-1])) in (-1, 3)
    return _merged(operation, inputs[:-1], states[:-1]) if last else "unknown"


def _windowed(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    """Return the field after a convolution or a pooling."""
    if operation.get_attr("data_format") != b"NHWC" or states[1:] != [None] * len(states[1:]):
        return "unknown"
    padding = operation.get_attr("padding")
    strides = operation.get_attr("strides")[1:3]
    if "Conv" in operation.type:
        spread = operation.get_attr("dilations")[1:3]
        windows = [
            (int(size) - 1) * apart + 1 for size, apart in zip(inputs[1].shape[:2], spread, strict=True)
        ]
    else:
        windows = operation.get_attr("ksize")[1:3]
    axes = []
    for axis, window, stride, cells in zip(
        _field(states[0]), windows, strides, operation.outputs[0].shape[1:3], strict=True
    ):
        if padding not in (b"SAME", b"VALID"):
            return "unknown"
        missing = max(0, (cells - 1) * stride + window - axis.cells) if padding == b"SAME" else 0
        axes.append(axis.windowed(window, stride, missing // 2, int(cells)))
    return axes[0], axes[1]


def _padded(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    amounts = _constant(inputs[1])
    if amounts.shape != (4, 2) or amounts[0].any():
        return "unknown"
    return _shifted(operation, states[0], (-int(amounts[1, 0]), -int(amounts[2, 0])))


def _cut(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    """Return the field after a slice of rows and columns."""
    begins, steps = _constant(inputs[1]), _constant(inputs[3])
    masks = [operation.get_attr(name) for name in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")]
    if any(masks) or (steps != 1).any() or len(begins) > 4:
        return "unknown"
    masked = operation.get_attr("begin_mask")
    lengths = inputs[0].shape
    shifts = [0, 0, 0, 0]
    for number, begin in enumerate(begins.tolist()):
        if not masked >> number & 1:
            shifts[number] = begin if begin >= 0 else int(lengths[number]) + begin
    return "unknown" if shifts[0] else _shifted(operation, states[0], (shifts[1], shifts[2]))


def _shifted(operation: Operation, state: _State, by: tuple[int, int]) -> _State:
    axes = [
        axis.windowed(1, 1, -shift, int(cells))
        for axis, shift, cells in zip(_field(state), by, operation.outputs[0].shape[1:3], strict=True)
    ]
    return axes[0], axes[1]


def _resized(operation: Operation, _inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    if not operation.get_attr("half_pixel_centers"):
        return "unknown"
    (rows, columns), shape = _field(states[0]), operation.outputs[0].shape
    return rows.resized(int(shape[1])), columns.resized(int(shape[2]))


def _reduced(operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    axes = {int(axis) % 4 for axis in np.atleast_1d(_constant(inputs[1]))}
    if {1, 2} <= axes and 0 not in axes:
        return "everywhere"
    return states[0] if axes == {3} and operation.get_attr("keep_dims") else "unknown"


def _reversed(_operation: Operation, inputs: Sequence[Tensor], states: Sequence[_State]) -> _State:
    return states[0] if {int(axis) % 4 for axis in _constant(inputs[1])} == {3} else "unknown"


def _field(state: _State) -> _Field:
    if not isinstance(state, tuple):
        raise ValueError("no map")  # noqa: TRY004 - of the network, not of the caller
    return state


def _is_map(tensor: Tensor, field: _Field) -> bool:
    return tensor.shape.rank == 4 and tuple(tensor.shape[1:3]) == (field[0].cells, field[1].cells)


def _constant(tensor: Tensor) -> npt.NDArray[Any]:
    value = tf.get_static_value(tensor)
    if value is None:
        raise ValueError("not constant")
    return np.asarray(value)


_Rule = Callable[[Operation, Sequence[Tensor], Sequence[_State]], _State]

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_LENGTHS = frozenset({"Rank", "Shape", "ShapeN", "Size"})
"""Operations whose results are the same for every picture of a size."""

_RULES: dict[str, _Rule] = {
    **dict.fromkeys(
        ("Abs", "Add", "AddN", "AddV2", "BiasAdd", "Cast", "DivNoNan", "Elu", "Erf", "Erfc", "Exp")
        + ("Expm1", "FusedBatchNormV3", "Identity", "LeakyRelu", "Log", "Log1p", "Maximum", "Minimum", "Mul")
        + ("Neg", "Pow", "RealDiv", "Reciprocal", "Relu", "Relu6", "Rsqrt", "Selu", "Sigmoid", "Softmax")
        + ("Softplus", "Softsign", "Sqrt", "Square", "SquaredDifference", "StopGradient", "Sub", "Tanh"),
        _merged,
    ),
    **dict.fromkeys(("AvgPool", "Conv2D", "DepthwiseConv2dNative", "MaxPool"), _windowed),
    **dict.fromkeys(("Pad", "PadV2"), _padded),
    **dict.fromkeys(("ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor"), _resized),
    **dict.fromkeys(("Max", "Mean", "Min", "Sum"), _reduced),
    "ConcatV2": _joined,
    "MatMul": _multiplied,
    "Reshape": _flattened,
    "ReverseV2": _reversed,
    "StridedSlice": _cut,
    "Transpose": _transposed,
}
"""For each type of operation, the rule from the fields of its inputs to the field of its output."""
