"""Names for the parts of OpenVINO's graphs, and what is known of them before they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_gradcam.errors import ModelError

Node = Any
"""A node of TensorFlow's graph, as OpenVINO's frontend gives it."""

Value = Any
"""A node of OpenVINO's graph, or one of its outputs."""

Ops = Any
"""The module `openvino.opset14`: functions that make nodes."""

Rule = Callable[[Ops, Node], Value | list[Value]]


def whole_numbers(output: Value) -> list[int]:
    """Return whole numbers that are known before the graph runs: constants, and the lengths of fixed shapes.

    Raises:
        ModelError: they are not known.
    """
    node = output.get_node()
    kind = node.get_type_name()
    if kind == "Constant":
        return [int(each) for each in node.get_vector()]
    if kind == "ShapeOf":
        return list(node.input(0).get_partial_shape().to_shape())
    if kind in ("Convert", "Squeeze"):
        return whole_numbers(node.input_value(0))
    if kind == "FloorMod":  # an axis, counted from the end, modulo the number of axes
        pairs = zip(whole_numbers(node.input_value(0)), whole_numbers(node.input_value(1)), strict=True)
        return [axis % number for axis, number in pairs]
    raise ModelError(f"a shape comes from {kind}.")
