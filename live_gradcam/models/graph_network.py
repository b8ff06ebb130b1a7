"""A TensorFlow graph as a `keras.Model`, which is imported into every trace and explained like any other network.

Its weights are Keras variables; the graph holds placeholders for them. Its layers are name scopes: `block5_conv3` is
the last tensor that the operations in this scope compute.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

import keras
import tensorflow as tf

from live_gradcam.models.graph_layers import GraphLayer, graph_layers
from live_gradcam.models.inference_graph import (
    LEARNERS,
    WEIGHT_MARK,
    constant,
    constant_shape,
    make_place,
    operation_of,
    tensor_of,
)
from live_gradcam.models.type_names import (
    Array,
    GraphDef,
    KerasTensor,
    NodeDef,
    Shape,
    Tensor,
    Tensors,
    Variable,
)

_SMALLEST_WEIGHT = 16
"""Fewest numbers in a constant of floats that counts as a weight."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph."""

    name: str
    """The key in the signature, or the name of the operation."""

    tensors: tuple[str, ...]
    """Names of its tensors, such as `input_1:0`; an output has one."""

    shape: Shape
    """The shape with the batch axis."""

    dtype: str
    """Dtype of the value that the caller gives: `uint8` means pixels in [0, 255]."""

    fed: str = ""
    """Dtype of the graph's tensor; empty: `dtype`."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A graph for inference: no variables, no calls of functions, no operations that the outputs do not need."""

    definition: GraphDef

    inputs: tuple[Port, ...]

    outputs: tuple[Port, ...]

    scopes: frozenset[str] = frozenset()
    """Every part, between slashes, of its operations' names."""


class GraphWatcher(Protocol):
    """Observes the layers of a graph while it is traced."""

    def replacement(self, path: str) -> Tensor | None:
        """Return a tensor that replaces the output of a layer; None keeps the output."""

    def saw(self, layer: GraphLayer, output: Tensor) -> None:
        """Take the output of a layer; layers come in execution order."""


watcher: ContextVar[GraphWatcher | None] = ContextVar("watcher", default=None)
"""The watcher of this thread, if any."""


class GraphNetwork(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A graph that is called like a network of Keras: it takes pictures (N, H, W, C) and returns its outputs."""

    def __init__(self, graph: Graph, *, name: str, kept: Mapping[str, Variable] | None = None) -> None:
        super().__init__(
            name=re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "graph", trainable=False, dtype="float32"
        )
        definition = graph.definition
        if kept is None:
            definition, values = _without_weights(definition)
            kept = {
                place: self.add_weight(
                    shape=value.shape,
                    dtype=str(value.dtype),
                    name=operation_of(place).replace("/", "."),
                    initializer=lambda *_, given=value, **__: given,
                    trainable=False,
                )
                for place, value in values.items()
            }
        self._weights_of = tuple(kept.items())
        self._kept = list(kept.values())  # Keras finds variables in lists
        self._graph = replace(graph, definition=definition)
        self._layers_of = graph_layers(definition, [port.tensors[0] for port in graph.outputs])
        self._inputs = {port.name: _symbol(port) for port in graph.inputs}
        self._outputs = {port.name: _symbol(port) for port in graph.outputs}
        self._compiled_call = tf.function(self._imported, autograph=False)
        self.built = True

    @property
    def graph(self) -> Graph:
        """The graph, without its weights."""
        return self._graph

    @property
    def input(self) -> Tensors:
        """The symbolic input, or a dict of several."""
        return next(iter(self._inputs.values())) if len(self._inputs) == 1 else dict(self._inputs)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return keras.tree.flatten(self.input)  # type: ignore[no-any-return]

    @property
    def output(self) -> Tensors:
        """The symbolic output, or a dict of several."""
        return next(iter(self._outputs.values())) if len(self._outputs) == 1 else dict(self._outputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return keras.tree.flatten(self.output)  # type: ignore[no-any-return]

    @property
    def output_names(self) -> list[str]:
        """The names of `outputs`, in the same order."""
        return sorted(self._outputs) if len(self._outputs) > 1 else list(self._outputs)

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:  # noqa: ARG002
        """Return the outputs, in inference mode."""
        if not tf.executing_eagerly():
            return self._imported(inputs)
        # A plain call would warn of retracing: TensorFlow counts traces by the Python code, which all graphs share.
        tensors = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        return self._compiled_call.get_concrete_function(tensors)(tensors)

    def at(self, height: int, width: int) -> GraphNetwork:
        """Return the graph for pictures of another size; it shares the weights.

        Raises:
            ValueError: the graph takes only its own size.
        """
        picture, *others = sorted(self._graph.inputs, key=lambda port: len(port.shape) != 4)
        resized = replace(picture, shape=(picture.shape[0], height, width, *picture.shape[3:]))
        graph = replace(self._graph, inputs=tuple(resized if p is picture else p for p in (picture, *others)))
        network = GraphNetwork(graph, name=self.name, kept=dict(self._weights_of))
        traced = network.traced()
        for port, output in zip(graph.outputs, traced, strict=True):
            if not output.shape.is_compatible_with(port.shape) or None in output.shape[1:]:
                raise ValueError(f"it would give {output.shape} instead of {port.shape}")
        return network

    def traced(self) -> list[Tensor]:
        """Return the outputs in a new trace of one picture, for their shapes."""
        signature = {
            port.name: tf.TensorSpec((1, *port.shape[1:]), port.dtype) for port in self._graph.inputs
        }
        given = signature if len(signature) > 1 else next(iter(signature.values()))
        traced = tf.function(self._imported, [given], autograph=False).get_concrete_function()
        outputs = traced.structured_outputs
        return (
            [outputs[port.name] for port in self._graph.outputs] if isinstance(outputs, dict) else [outputs]
        )

    def front(self, pixels: Tensors) -> Tensors:
        """Return the input of the first operation with weights, for pictures (N, H, W, C).

        Raises:
            ValueError: it is the picture itself.
        """
        entrance = self._entrance()
        if entrance is None:
            raise ValueError("the first weights take the picture as it is")
        given = tf.convert_to_tensor(pixels)
        run = tf.function(lambda x: self._import(self._feeds(x), [entrance])[0], autograph=False)
        # After a few plain calls, TensorFlow would warn of functions that are created in a loop.
        return run.get_concrete_function(given)(given)

    def _entrance(self) -> str | None:
        fed = {operation_of(tensor) for port in self._graph.inputs for tensor in port.tensors}
        reached = set(fed)
        for node in self._graph.definition.node:
            if node.name in fed or not any(operation_of(name) in reached for name in node.input):
                continue
            if node.op in LEARNERS:
                data = next(name for name in node.input if operation_of(name) in reached)
                return None if operation_of(data) in fed else tensor_of(data)
            reached.add(node.name)
        return None

    def _imported(self, inputs: Tensors) -> Tensors:
        feeds = self._feeds(inputs)
        watching = watcher.get()
        layers = self._layers_of if watching is not None else ()
        replaced: dict[str, Tensor] = {}
        if watching is not None:
            found = {layer: watching.replacement(layer.path) for layer in layers}
            replaced = {layer.tensor: tensor for layer, tensor in found.items() if tensor is not None}
        names = [*(port.tensors[0] for port in self._graph.outputs), *(layer.tensor for layer in layers)]
        tensors = self._import({**feeds, **replaced}, names)
        if watching is not None:
            for layer, tensor in zip(layers, tensors[len(self._graph.outputs) :], strict=True):
                watching.saw(layer, replaced.get(layer.tensor, tensor))
        outputs = tensors[: len(self._graph.outputs)]
        if len(outputs) == 1:
            return outputs[0]
        return {port.name: tensor for port, tensor in zip(self._graph.outputs, outputs, strict=True)}

    def _feeds(self, inputs: Tensors) -> dict[str, Tensor]:
        values = inputs if isinstance(inputs, Mapping) else {self._graph.inputs[0].name: inputs}
        feeds = {}
        for port in self._graph.inputs:
            value = tf.convert_to_tensor(values[port.name])
            dtype = tf.as_dtype(port.fed or port.dtype)
            if value.dtype != dtype:
                value = tf.cast(
                    tf.round(value) if dtype.is_integer and value.dtype.is_floating else value, dtype
                )
            feeds.update(dict.fromkeys(port.tensors, value))
        return feeds

    def _import(self, feeds: Mapping[str, Tensor], names: Sequence[str]) -> list[Tensor]:
        weights = {place: tf.convert_to_tensor(variable) for place, variable in self._weights_of}
        found: list[Tensor] = tf.graph_util.import_graph_def(
            self._graph.definition,
            input_map={**weights, **feeds},
            return_elements=list(names),
            name=self.name,
        )
        return found


def _without_weights(definition: GraphDef) -> tuple[GraphDef, dict[str, Array]]:
    """Return a graph with placeholders for its weights, and tensor name → weight."""
    bare = tf.compat.v1.GraphDef()
    bare.versions.CopyFrom(definition.versions)
    bare.library.CopyFrom(definition.library)
    values = {}
    for node in definition.node:
        added = bare.node.add()
        if not _is_weight(node):
            added.CopyFrom(node)
            continue
        value = constant(node)
        values[f"{node.name}:0"] = value
        added.name = node.name
        make_place(added, node.attr["dtype"].type, WEIGHT_MARK)
    return bare, values


def _is_weight(node: NodeDef) -> bool:
    if node.op != "Const" or not tf.as_dtype(node.attr["dtype"].type).is_floating:
        return False
    shape = constant_shape(node)
    return bool(shape) and math.prod(shape) >= _SMALLEST_WEIGHT


def _symbol(port: Port) -> KerasTensor:
    return keras.Input(batch_shape=port.shape, dtype=port.dtype, name=port.name.replace("/", "_"))


def parts_of_names(definition: GraphDef) -> Iterator[str]:
    """Yield every part of the names of a graph's operations."""
    for node in definition.node:
        yield from node.name.split("/")
