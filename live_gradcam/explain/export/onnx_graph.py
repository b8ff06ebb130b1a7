"""A graph of ONNX while it is written: its nodes, its constants, and the names of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.explain.openvino.nodes import Node, Value

OPSET, FORMAT = 18, 8
"""The version of ONNX's operations, and of its files (`ir_version`): read by every ONNX Runtime since 1.14 (2023)."""

Array = npt.NDArray[Any]


class UnknownOperationError(ModelError):
    """An operation has no rule, or not for its settings."""


class OnnxGraph:
    """Nodes and constants of one graph, in the order in which they run.

    Args:
        outputs: tensors of OpenVINO's graph, each with the name that it has in the file.
    """

    def __init__(self, outputs: Sequence[tuple[Value, str]]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names: dict[tuple[str, int], str] = {}
        self._wanted: dict[tuple[str, int], str] = {_key(value): name for value, name in outputs}
        self._used: set[str] = set(self._wanted.values())
        self._stem = ""

    def begin(self, node: Node) -> None:
        """Begin the nodes of one node of OpenVINO: they are named after it."""
        self._stem = str(node.get_friendly_name())

    def name(self, value: Value) -> str:
        """Return the name of a tensor of OpenVINO's graph; a constant is written where it is first used."""
        key = _key(value)
        if key not in self._names:
            node = value.get_node()
            if node.get_type_name() != "Constant":
                raise UnknownOperationError(
                    f"ONNX is not written for result {value.get_index()} of OpenVINO's {node.get_type_name()}."
                )
            self._names[key] = self.constant(np.array(node.get_data()), str(node.get_friendly_name()))
        return self._names[key]

    def input(self, node: Node, number: int) -> str:
        """Return the name of a node's input."""
        return self.name(node.input_value(number))

    def set(self, value: Value, name: str) -> None:
        """Say what a tensor of OpenVINO's graph is called here.

        A tensor that the file's user reads gets the name that was asked for.
        """
        key = _key(value)
        if key in self._wanted:
            wanted = self._wanted[key]
            if name != wanted:
                self.nodes.append(_node("Identity", [name], [wanted]))
            name = wanted
        self._names[key] = name

    def constant(self, values: Array, name: str = "") -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        unique = self._unique(name or f"{self._stem}/constant")
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), unique))
        return unique

    def whole(self, values: Sequence[int] | Array) -> str:
        """Add a constant of int64, which shapes, axes and indices are in ONNX."""
        return self.constant(np.array(values, np.int64))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """Add a node with one result, and return the result's name."""
        (result,) = self.add_several(kind, inputs, 1, **attributes)
        return result

    def add_several(
        self,
        kind: str,
        inputs: Sequence[str],
        results: int,
        **attributes: Any,  # noqa: ANN401
    ) -> list[str]:
        """Add a node with several results, and return their names."""
        names = [self._unique(self._stem) for _ in range(results)]
        self.nodes.append(_node(kind, inputs, names, **attributes))
        return names

    def cast(self, name: str, number: np.dtype[Any] | type) -> str:
        """Add a conversion to another number format."""
        from onnx import helper

        return self.add("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(number)))

    def shape(self, value: Value) -> str:
        """Return the name of a tensor that is a shape, axes or the like: int64, with one axis if it is a constant."""
        node = value.get_node()
        if node.get_type_name() == "Constant":
            return self.whole(np.atleast_1d(node.get_data()))
        return self.name(value) if number_of(value) == np.int64 else self.cast(self.name(value), np.int64)

    def _unique(self, stem: str) -> str:
        name, number = stem, 0
        while name in self._used:
            number += 1
            name = f"{stem}:{number}"
        self._used.add(name)
        return name


Rule = Callable[[OnnxGraph, Node], str | list[str]]
"""Writes a node of OpenVINO's graph, and returns the names of the node's results."""


def number_of(value: Value) -> np.dtype[Any]:
    """Return the number format of a tensor."""
    number: np.dtype[Any] = np.dtype(value.get_element_type().to_dtype())
    return number


def _key(value: Value) -> tuple[str, int]:
    return str(value.get_node().get_name()), int(value.get_index())


def _node(kind: str, inputs: Sequence[str], results: Sequence[str], **attributes: Any) -> Any:  # noqa: ANN401
    from onnx import helper

    return helper.make_node(kind, list(inputs), list(results), name=results[0], **attributes)
