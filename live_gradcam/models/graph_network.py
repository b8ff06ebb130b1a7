"""A TensorFlow graph as a `keras.Model`: it is imported into whatever is traced, and explained like any other network.

The weights are Keras variables; the graph itself holds only their places. What Keras calls layers are here the
graph's name scopes: `block5_conv3` stands for the last feature map that the operations below that name make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.models.frozen_graph import LEARNERS, WEIGHT_MARK, constant, make_place, operation_of
from live_gradcam.models.graph_layers import GraphLayer, graph_layers
from live_gradcam.models.untyped import (
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
"""Numbers in a constant of floats from which it counts as a weight."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where a value enters or leaves a graph."""

    name: str
    """As the user knows it: the signature's key, or the operation's name."""

    tensors: tuple[str, ...]
    """The tensors it stands for, such as `input_1:0`; an output is one."""

    shape: Shape
    """With the batch axis; None where a length is free."""

    dtype: str
    """What the user's value has: `uint8` means pixels in [0, 255]."""

    fed: str = ""
    """What the graph's own tensor has; empty: `dtype`."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A graph that predicts: no variables, no calls of functions, nothing that the outputs do not need."""

    definition: GraphDef

    inputs: tuple[Port, ...]

    outputs: tuple[Port, ...]

    scopes: frozenset[str] = frozenset()
    """Every part of its operations' names."""


class GraphWatcher(Protocol):
    """What wants to know of the layers of a graph that is traced."""

    def replacement(self, path: str) -> Tensor | None:
        """Return what takes the place of a layer's output; None leaves it."""

    def saw(self, layer: GraphLayer, output: Tensor) -> None:
        """Take the output of a layer; they come in execution order."""


watcher: ContextVar[GraphWatcher | None] = ContextVar("watcher", default=None)
"""Who watches in this thread."""


class GraphNetwork(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A graph, ready to be called like a network of Keras: pictures (N, H, W, C) in, its outputs out."""

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
        """The graph, without the weights."""
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
        """Their names, in the same order."""
        return sorted(self._outputs) if len(self._outputs) > 1 else list(self._outputs)

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:  # noqa: ARG002
        """Return the outputs, as they are when predicting."""
        if not tf.executing_eagerly():
            return self._imported(inputs)
        # Not a plain call of the function: TensorFlow counts traces by the Python code, which all graphs share, and
        # would take the first call of each of several networks for a retracing.
        tensors = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        return self._compiled_call.get_concrete_function(tensors)(tensors)

    def at(self, height: int, width: int) -> GraphNetwork:
        """Return the same graph for pictures of another size, which shares the weights.

        Raises:
            ValueError: the graph is made for its own size.
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
        """Return its outputs in a graph of their own, one picture at a time: shapes can be read off them."""
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
        """Return what the first operation with weights is given, for pictures (N, H, W, C).

        Raises:
            ValueError: nothing is done to the pictures before it.
        """
        entrance = self._entrance()
        if entrance is None:
            raise ValueError("the first weights take the picture as it is")
        given = tf.convert_to_tensor(pixels)
        run = tf.function(lambda x: self._import(self._feeds(x), [entrance])[0], autograph=False)
        # Not a plain call, after some of which TensorFlow warns of functions that are made in a loop.
        return run.get_concrete_function(given)(given)

    def _entrance(self) -> str | None:
        fed = {operation_of(tensor) for port in self._graph.inputs for tensor in port.tensors}
        reached = set(fed)
        for node in self._graph.definition.node:
            if node.name in fed or not any(operation_of(name) in reached for name in node.input):
                continue
            if node.op in LEARNERS:
                data = next(name for name in node.input if operation_of(name) in reached)
                return None if operation_of(data) in fed else _tensor(data)
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
    """Return a graph with places for its weights, and the weights by the name of their tensor."""
    bare = tf.compat.v1.GraphDef()
    bare.versions.CopyFrom(definition.versions)
    bare.library.CopyFrom(definition.library)
    values = {}
    for node in definition.node:
        added = bare.node.add()
        if not _is_weight(node):
            added.CopyFrom(node)
            continue
        value = np.array(constant(node))
        values[f"{node.name}:0"] = value
        added.name = node.name
        make_place(added, node.attr["dtype"].type, WEIGHT_MARK)
    return bare, values


def _is_weight(node: NodeDef) -> bool:
    if node.op != "Const" or not tf.as_dtype(node.attr["dtype"].type).is_floating:
        return False
    shape = [axis.size for axis in node.attr["value"].tensor.tensor_shape.dim]
    return bool(shape) and int(np.prod(shape)) >= _SMALLEST_WEIGHT


def _symbol(port: Port) -> KerasTensor:
    return keras.Input(batch_shape=port.shape, dtype=port.dtype, name=port.name.replace("/", "_"))


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def parts_of_names(definition: GraphDef) -> Iterator[str]:
    """Yield every part of the names of a graph's operations."""
    for node in definition.node:
        yield from node.name.split("/")
