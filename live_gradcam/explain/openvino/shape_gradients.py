"""Gradients of slices, concatenations and resizing, which OpenVINO's frontend lacks, and a faster reversal.

The rules and their arguments are explained in `gradient_rules`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.explain.openvino.nodes import Node, Ops, Rule, Value, whole_numbers


def _slice(ops: Ops, node: Node) -> Value:
    """StridedSliceGrad(shape, begin, end, strides, dy): each dy to the place that it was read from."""
    shape, begin, end, strides = (whole_numbers(node.get_input(number)) for number in range(4))

    def is_set(mask: str, axis: int) -> bool:
        return bool(int(node.get_attribute(mask, 0)) >> axis & 1)

    taken: list[Any] = []
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if is_set("ellipsis_mask", axis):
            taken.append(...)
        elif is_set("new_axis_mask", axis):
            taken.append(None)
        elif is_set("shrink_axis_mask", axis):
            taken.append(first)
        else:
            whole = is_set("begin_mask", axis), is_set("end_mask", axis)
            taken.append(slice(None if whole[0] else first, None if whole[1] else last, step))
    places = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)[tuple(taken)].ravel()
    dy = node.get_input(4)
    zeros = ops.constant(np.zeros(math.prod(shape), dy.get_element_type().to_dtype()))
    flat = ops.reshape(dy, np.array([-1]), special_zero=False)
    spread = ops.scatter_update(zeros, places, flat, np.array(0))
    return ops.reshape(spread, np.array(shape), special_zero=False)


def _offsets(ops: Ops, node: Node) -> list[Value]:
    """ConcatOffset(axis, shapes…): where each part of a concatenation begins."""
    axis = whole_numbers(node.get_input(0))[0]
    shapes = [
        np.array(whole_numbers(node.get_input(number)), np.int32)
        for number in range(1, node.get_input_size())
    ]
    begins, made = 0, []
    for shape in shapes:
        begin = np.zeros(len(shape), np.int32)
        begin[axis] = begins
        begins += shape[axis]
        made.append(ops.constant(begin))
    return made


def _reverse(ops: Ops, node: Node) -> Value:
    """ReverseV2(x, axes), as when BGR becomes RGB. OpenVINO's own rule takes half a millisecond for 224×224 pixels."""
    found = node.get_input(0)
    for axis in whole_numbers(node.get_input(1)):
        length = found.get_partial_shape()[axis].get_length()
        found = ops.gather(found, np.arange(length)[::-1].copy(), np.array(axis)).output(0)
    return found.get_node()


def _tile(ops: Ops, node: Node) -> Value:
    """Tile(x, times) as a product with ones, where the repeated axes have length 1, as in the gradient of a mean.

    OpenVINO 2026.4 moves transpositions past its own tile and leaves the times in their old order, and with a number of
    pictures that is not fixed it gives wrong numbers.
    """
    x = node.get_input(0)
    number = np.dtype(x.get_element_type().to_dtype())
    try:
        times = whole_numbers(node.get_input(1))
    except ModelError:
        return ops.tile(x, node.get_input(1))
    lengths = list(x.get_partial_shape())
    longer = any(time != 1 and length != 1 for time, length in zip(times, lengths, strict=True))
    if longer or number.kind == "b":
        return ops.tile(x, np.array(times))
    return ops.multiply(x, ops.constant(np.ones(times, number)))


def _bilinear(ops: Ops, node: Node) -> Value:
    """ResizeBilinearGrad(dy, x): each dy to the two rows and columns that it was mixed from."""
    return _unresized(ops, node, node.get_input(1).get_partial_shape().to_shape()[1:3], _mixed)


def _nearest(ops: Ops, node: Node) -> Value:
    """ResizeNearestNeighborGrad(dy, size): each dy to the row and column that it was copied from."""
    return _unresized(ops, node, whole_numbers(node.get_input(1)), _copied)


def _unresized(ops: Ops, node: Node, size: Sequence[int], weights: Callable[..., Any]) -> Value:
    """Return Rᵀ dy C, with a matrix of weights for the rows and one for the columns."""
    dy = node.get_input(0)
    corners = bool(node.get_attribute("align_corners", False))
    centred = bool(node.get_attribute("half_pixel_centers", False))
    rows, columns = (
        weights(before, after, corners, centred).astype(dy.get_element_type().to_dtype())
        for before, after in zip(size, dy.get_partial_shape().to_shape()[1:3], strict=True)
    )
    by_channel = ops.transpose(dy, np.array([0, 3, 1, 2]))
    narrow = ops.matmul(by_channel, ops.constant(columns), False, False)
    short = ops.matmul(ops.constant(rows), narrow, True, False)
    return ops.transpose(short, np.array([0, 2, 3, 1]))


def _sources(before: int, after: int, corners: bool, centred: bool) -> Any:  # noqa: ANN401
    """Return for each of the lines `after` its place among the lines `before`."""
    lines = np.arange(after, dtype=np.float32)
    if corners and after > 1:
        return lines * np.float32((before - 1) / (after - 1))
    scale = np.float32(before / after)
    return (lines + 0.5) * scale - 0.5 if centred else lines * scale


def _mixed(before: int, after: int, corners: bool, centred: bool) -> Any:  # noqa: ANN401
    """Return the weights (after, before) of bilinear interpolation."""
    places = _sources(before, after, corners, centred)
    low = np.floor(places).astype(int)
    part = places - low
    found = np.zeros((after, before), np.float32)
    np.add.at(found, (np.arange(after), np.clip(low, 0, before - 1)), 1 - part)
    np.add.at(found, (np.arange(after), np.clip(low + 1, 0, before - 1)), part)
    return found


def _copied(before: int, after: int, corners: bool, centred: bool) -> Any:  # noqa: ANN401
    """Return the weights (after, before) of the nearest line: 1 for it, 0 for the others."""
    scale = np.float32((before - 1) / (after - 1)) if corners and after > 1 else np.float32(before / after)
    places = (np.arange(after) + (0.5 if centred else 0.0)) * scale
    nearest = np.round(places) if corners else np.floor(places)
    found = np.zeros((after, before), np.float32)
    found[np.arange(after), np.clip(nearest.astype(int), 0, before - 1)] = 1
    return found


SHAPE_RULES: dict[str, Rule] = {
    "ConcatOffset": _offsets,
    "ReverseV2": _reverse,
    "StridedSliceGrad": _slice,
    "Tile": _tile,
    "ResizeBilinearGrad": _bilinear,
    "ResizeNearestNeighborGrad": _nearest,
}
