"""OpenVINO's operations on shapes, indices and places in terms of ONNX's (`onnx_operations`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from live_gradcam.explain.export.onnx_graph import OnnxGraph, Rule, UnknownOperationError, number_of
from live_gradcam.explain.openvino.nodes import Node, Value, whole_numbers

_FAR = 2**31 - 1
"""Where a slice begins or ends that reaches to the end of an axis."""


def _shape_of(graph: OnnxGraph, node: Node) -> str:
    shape = graph.add("Shape", graph.input(node, 0))
    number = number_of(node.output(0))
    return shape if number == np.int64 else graph.cast(shape, number)


def _reshape(graph: OnnxGraph, node: Node) -> str:
    return graph.add(
        "Reshape",
        graph.input(node, 0),
        graph.shape(node.input_value(1)),
        allowzero=int(not node.get_attributes()["special_zero"] and _has_zero(node.input_value(1))),
    )


def _has_zero(value: Value) -> bool:
    node = value.get_node()
    return node.get_type_name() == "Constant" and bool((node.get_data() == 0).any())


def _squeeze(graph: OnnxGraph, node: Node) -> str:
    axes = [graph.shape(node.input_value(1))] if node.get_input_size() > 1 else []
    return graph.add("Squeeze", graph.input(node, 0), *axes)


def _unsqueeze(graph: OnnxGraph, node: Node) -> str:
    return graph.add("Unsqueeze", graph.input(node, 0), graph.shape(node.input_value(1)))


def _transpose(graph: OnnxGraph, node: Node) -> str:
    order = whole_numbers(node.input_value(1))
    return graph.add("Transpose", graph.input(node, 0), **({"perm": order} if order else {}))


def _gather(graph: OnnxGraph, node: Node) -> str:
    if node.get_attributes()["batch_dims"]:
        raise UnknownOperationError("ONNX is not written for OpenVINO's Gather with batch_dims.")
    (axis,) = whole_numbers(node.input_value(2))
    return graph.add("Gather", graph.input(node, 0), graph.input(node, 1), axis=axis)


def _concat(graph: OnnxGraph, node: Node) -> str:
    names = [graph.input(node, number) for number in range(node.get_input_size())]
    return graph.add("Concat", *names, axis=node.get_attributes()["axis"])


def _split(graph: OnnxGraph, node: Node) -> list[str]:
    """Split(x, axis), into equal parts, or VariadicSplit(x, axis, lengths)."""
    (axis,) = whole_numbers(node.input_value(1))
    count = node.get_output_size()
    if node.get_input_size() == 2:
        return graph.add_several("Split", [graph.input(node, 0)], count, axis=axis, num_outputs=count)
    lengths = graph.shape(node.input_value(2))
    return graph.add_several("Split", [graph.input(node, 0), lengths], count, axis=axis)


def _slice(graph: OnnxGraph, node: Node) -> str:
    """Slice(x, starts, ends, steps[, axes])."""
    starts, ends, steps, *axes = (
        graph.shape(node.input_value(number)) for number in range(1, node.get_input_size())
    )
    axes = axes or [graph.whole(range(node.input_value(1).get_shape()[0]))]
    return graph.add("Slice", graph.input(node, 0), starts, ends, *axes, steps)


def _strided_slice(graph: OnnxGraph, node: Node) -> str:
    """StridedSlice(x, begin, end[, strides]) with masks.

    A 1 in a mask means the whole axis from its begin, or to its end; a new axis; one place, whose axis is dropped; or
    as many whole axes as are missing (the ellipsis).
    """
    parts, found = _parts_of(node), graph.input(node, 0)
    there = [part for part in parts if part.kind != "new"]
    cut = [(axis, part) for axis, part in enumerate(there) if part.kind == "cut"]
    if cut:
        ends = node.input_value(2)
        known = ends.get_node().get_type_name() == "Constant"
        if not known and len(cut) < len(whole_numbers(node.input_value(1))):
            raise UnknownOperationError("ONNX is not written for a slice with masks whose end is computed.")
        stops = graph.whole([part.end for _, part in cut]) if known else graph.shape(ends)
        starts, steps = (graph.whole([getattr(part, name) for _, part in cut]) for name in ("begin", "step"))
        found = graph.add("Slice", found, starts, stops, graph.whole([axis for axis, _ in cut]), steps)
    dropped = [axis for axis, part in enumerate(there) if part.is_one]
    if dropped:
        found = graph.add("Squeeze", found, graph.whole(dropped))
    new = [at for at, part in enumerate(part for part in parts if not part.is_one) if part.kind == "new"]
    return graph.add("Unsqueeze", found, graph.whole(new)) if new else found


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a slice along one axis."""

    kind: Literal["cut", "whole", "new"]
    begin: int = 0
    end: int = _FAR
    step: int = 1
    is_one: bool = False
    """Whether it is one place, whose axis is dropped."""


def _parts_of(node: Node) -> list[_Part]:
    """Return the parts of a StridedSlice, one for each axis of its input, and one for each new axis."""
    settings = node.get_attributes()
    begin, ends = whole_numbers(node.input_value(1)), node.input_value(2)
    length = len(begin)
    end = whole_numbers(ends) if ends.get_node().get_type_name() == "Constant" else [0] * length
    steps = whole_numbers(node.input_value(3)) if node.get_input_size() > 3 else [1] * length

    def is_set(mask: str, at: int) -> bool:
        return bool([*settings[f"{mask}_mask"], *[0] * length][at])

    taken = sum(not is_set("new_axis", at) and not is_set("ellipsis", at) for at in range(length))
    parts: list[_Part] = []
    for at, step in enumerate(steps):
        if is_set("ellipsis", at):
            parts += [_Part("whole")] * (len(node.input_value(0).get_partial_shape()) - taken)
        elif is_set("new_axis", at):
            parts.append(_Part("new"))
        elif is_set("shrink_axis", at):
            parts.append(_Part("cut", begin[at], begin[at] + 1 if begin[at] != -1 else _FAR, is_one=True))
        elif is_set("begin", at) and is_set("end", at) and step == 1:
            parts.append(_Part("whole"))
        else:
            first = begin[at] if not is_set("begin", at) else 0 if step > 0 else _FAR
            last = end[at] if not is_set("end", at) else _FAR if step > 0 else -_FAR
            parts.append(_Part("cut", first, last, step))
    return parts


def _one_hot(graph: OnnxGraph, node: Node) -> str:
    """Compare each index with all places: an index below 0 gives no place, unlike with ONNX's OneHot."""
    axis, value = node.get_attributes()["axis"], node.input_value(0)
    (depth,) = whole_numbers(node.input_value(1))
    rank = len(node.get_output_partial_shape(0))
    axis = axis % rank
    places = np.arange(depth, dtype=number_of(value)).reshape([-1] + [1] * (rank - 1 - axis))
    indices = graph.add("Unsqueeze", graph.name(value), graph.whole([axis]))
    same = graph.add("Equal", indices, graph.constant(places))
    yes, no = node.input_value(2), node.input_value(3)
    if number_of(node.output(0)).kind == "b":
        if yes.get_node().get_data().item() and not no.get_node().get_data().item():
            return same
        raise UnknownOperationError("ONNX is not written for a OneHot of other truths.")
    return graph.add("Where", same, graph.name(yes), graph.name(no))


def _tile(graph: OnnxGraph, node: Node) -> str:
    return graph.add("Tile", graph.input(node, 0), graph.shape(node.input_value(1)))


def _broadcast(graph: OnnxGraph, node: Node) -> str:
    if str(node.get_attributes()["mode"]).casefold() not in ("numpy", "bidirectional"):
        raise UnknownOperationError("ONNX is not written for OpenVINO's Broadcast with axes.")
    return graph.add("Expand", graph.input(node, 0), graph.shape(node.input_value(1)))


def _range(graph: OnnxGraph, node: Node) -> str:
    number = number_of(node.output(0))
    given = [graph.cast(graph.input(node, at), number) for at in range(3)]
    return graph.add("Range", *given)


def _scatter(graph: OnnxGraph, node: Node) -> str:
    """ScatterUpdate(x, indices, updates, axis) of vectors."""
    if len(node.get_output_partial_shape(0)) != 1:
        raise UnknownOperationError("ONNX is not written for OpenVINO's ScatterUpdate of more than one axis.")
    return graph.add("ScatterElements", *(graph.input(node, at) for at in range(3)), axis=0)


def _scatter_elements(graph: OnnxGraph, node: Node) -> str:
    settings = node.get_attributes()
    reduction = {"none": "none", "sum": "add"}.get(settings["reduction"])
    if reduction is None or not settings["use_init_val"]:
        raise UnknownOperationError("ONNX is not written for these settings of ScatterElementsUpdate.")
    (axis,) = whole_numbers(node.input_value(3))
    return graph.add(
        "ScatterElements", *(graph.input(node, at) for at in range(3)), axis=axis, reduction=reduction
    )


ARRAY_RULES: dict[str, Rule] = {
    "Broadcast": _broadcast,
    "Concat": _concat,
    "Gather": _gather,
    "OneHot": _one_hot,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterElementsUpdate": _scatter_elements,
    "ScatterUpdate": _scatter,
    "ShapeOf": _shape_of,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "VariadicSplit": _split,
}
