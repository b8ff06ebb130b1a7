"""Finds the inputs and outputs of a frozen graph, and prepares it for inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.graph_inputs import GraphEntry, input_port
from live_gradcam.models.graph_network import Graph, Port, parts_of_names
from live_gradcam.models.inference_graph import (
    INPUT_MARK,
    constant,
    consumers_of,
    inference_values,
    make_place,
    operation_of,
    ready,
    tensor_of,
)
from live_gradcam.models.type_names import GraphDef, NodeDef, Tensor

_CHOOSING = frozenset({"ArgMax", "TopK", "TopKV2"})
"""Operations that choose the best classes."""

_NO_OUTPUT = frozenset("NoOp Assert SaveV2 ScalarSummary HistogramSummary MergeSummary Print".split())
"""Operations at the end of a graph that are no output of the network."""


def graph_with_ports(
    definition: GraphDef, inputs: Sequence[GraphEntry], outputs: Sequence[GraphEntry], *, model: str
) -> Graph:
    """Return a graph for inference, with its inputs and outputs.

    Args:
        definition: a graph without variables.
        inputs: its placeholders.
        outputs: its outputs.
        model: name of the model, for messages.

    Raises:
        ModelError: it takes no pictures, or TensorFlow cannot compute or differentiate it.
    """
    fed = [operation_of(entry.tensor) for entry in inputs]
    scores = _score_outputs(definition, outputs)
    definition = ready(definition, fed, [entry.tensor for entry in scores])
    _check_operations(definition, model)
    nodes = {node.name: node for node in definition.node}
    ports = [input_port(entry, definition, model) for entry in inputs if operation_of(entry.tensor) in nodes]
    if not ports:
        raise ModelError(
            f"{model}: its answer depends on none of its inputs. Export the network with its picture."
        )
    picture = next((port for port in ports if len(port.shape) == 4), None)
    batch = None if picture is None else picture.shape[0]
    definition, found = _probed(definition, ports, scores, batch, model)
    ports = [replace(port, shape=(None, *port.shape[1:])) if port.shape else port for port in ports]
    shapes = [(None, *tensor.shape[1:]) if tensor.shape.rank else () for tensor in found]
    scopes = frozenset(parts_of_names(definition))
    definition = _with_places(definition, ports, scores)
    given = [
        Port(entry.name, (tensor_of(entry.tensor),), shape, tensor.dtype.name)
        for entry, tensor, shape in zip(scores, found, shapes, strict=True)
    ]
    return Graph(definition, tuple(ports), tuple(given), scopes)


def _with_places(definition: GraphDef, ports: Sequence[Port], scores: Sequence[GraphEntry]) -> GraphDef:
    """Return a graph that begins at its input ports."""
    fed = {operation_of(tensor): port for port in ports for tensor in port.tensors}
    for node in definition.node:
        if node.name in fed:
            port = fed[node.name]
            make_place(node, tf.as_dtype(port.fed or port.dtype).as_datatype_enum, INPUT_MARK)
    return ready(definition, list(fed), [entry.tensor for entry in scores])


def _score_outputs(definition: GraphDef, outputs: Sequence[GraphEntry]) -> list[GraphEntry]:
    """Return the outputs with scores: for an output of class numbers, the scores that they were chosen by."""
    nodes = {node.name: node for node in definition.node}
    found: dict[str, GraphEntry] = {}
    for entry in outputs:
        node = nodes.get(operation_of(entry.tensor))
        while node is not None and node.op in ("Identity", "Cast", "Squeeze") and node.input:
            node = nodes.get(operation_of(node.input[0]))
        if node is not None and node.op in _CHOOSING:
            entry = GraphEntry(operation_of(node.input[0]), tensor_of(node.input[0]))
        found.setdefault(entry.tensor, entry)
    return list(found.values())


def _check_operations(definition: GraphDef, model: str) -> None:
    """Refuse operations that TensorFlow cannot differentiate, or cannot compute on a CPU."""
    kinds = {node.op for node in definition.node}
    quantized = next((kind for kind in kinds if kind.startswith(("Quantized", "_FusedConv"))), None)
    if quantized is not None:
        raise ModelError(
            f"{model} is optimised for speed ({quantized}), which leaves no gradients to explain. Use the graph of "
            "floats that it was made from."
        )
    # `node.attr.get`, because `node.attr[…]` adds a missing attribute without a value.
    # Batch normalisation works with channels first on a CPU; Keras 2 uses it for layer normalisation.
    suspects = (node for node in definition.node if not node.op.startswith("FusedBatchNorm"))
    formats = ((node, node.attr.get("data_format")) for node in suspects)
    planar = next((node for node, kept in formats if kept is not None and kept.s == b"NCHW"), None)
    if planar is not None and not tf.config.list_logical_devices("GPU"):
        raise ModelError(
            f"{model} computes with channels first (NCHW, in '{planar.name}'), which TensorFlow does on a GPU only. "
            "Export it with data_format='channels_last', or use a machine with a GPU."
        )


def _probed(
    definition: GraphDef, ports: Sequence[Port], scores: Sequence[GraphEntry], batch: int | None, model: str
) -> tuple[GraphDef, list[Tensor]]:
    """Import a graph to learn its shapes and to free its batch axis; return the graph and its outputs."""
    try:
        nodes = _imported(definition, ports, batch or 1)
        if batch is not None and _freed(definition, nodes, batch):
            nodes = _imported(definition, ports, batch)
    except Exception as error:
        raise ModelError(f"{model} cannot be imported: {reason_not_imported(error)}") from error
    found = [nodes[tensor_of(entry.tensor)] for entry in scores]
    return definition, found


def _imported(definition: GraphDef, ports: Sequence[Port], batch: int) -> dict[str, Tensor]:
    with tf.Graph().as_default() as graph:
        fed = {}
        for port in ports:
            shape = (batch, *port.shape[1:]) if port.shape else ()
            fed.update(dict.fromkeys(port.tensors, tf.compat.v1.placeholder(port.fed or port.dtype, shape)))
        tf.graph_util.import_graph_def(definition, input_map=fed, name="")
        return {tensor.name: tensor for operation in graph.get_operations() for tensor in operation.outputs}


def _freed(definition: GraphDef, tensors: dict[str, Tensor], batch: int) -> bool:
    """Let each `Reshape` to a constant shape take any batch size, and return whether one was changed."""
    nodes = {node.name: node for node in definition.node}
    changed = False
    for node in definition.node:
        if node.op != "Reshape" or nodes[operation_of(node.input[1])].op != "Const":
            continue
        before, after = (tensors[tensor_of(name)].shape for name in (node.input[0], node.name))
        rest = after[1:].as_list() if after.rank else [None]
        if before.rank and before[0] == batch and after[0] == batch and None not in rest:
            shape = np.array([-1, *rest], constant(nodes[operation_of(node.input[1])]).dtype)
            added = definition.node.add(name=f"{node.name}/any_batch", op="Const")
            added.attr["dtype"].type = tf.as_dtype(shape.dtype).as_datatype_enum
            added.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(shape))
            node.input[1] = added.name
            changed = True
    return changed


def reason_not_imported(error: Exception) -> str:
    """Return why TensorFlow cannot import a graph, and what to do."""
    text = str(error)
    if "Op type not registered" in text:
        kind = text.partition("Op type not registered '")[2].partition("'")[0]
        if kind.startswith("TRT"):
            return (
                f"it was converted for TensorRT ('{kind}'), which leaves no gradients to explain. Use the graph "
                "that it was made from."
            )
        return (
            f"it uses the operation '{kind}', which this TensorFlow does not have. Import the library that brings it "
            "in a function that returns the network: --model module:function."
        )
    return f"{reason_of(error)} The file may be damaged: export it again."


def make_placeholders_of_iterators(definition: GraphDef) -> None:
    """Replace the iterator over a training data set (`IteratorGetNext` of an Estimator) by a placeholder.

    Args:
        definition: changed in place, unless it has a placeholder or uses several elements of the data set.
    """
    if any(node.op == "Placeholder" for node in definition.node):
        return
    for node in definition.node:
        if node.op != "IteratorGetNext":
            continue
        names = {name for each in definition.node for name in each.input if operation_of(name) == node.name}
        places = {int(name.partition(":")[2] or 0) for name in names}
        if len(places) != 1:
            continue
        (place,) = places
        dtype = node.attr["output_types"].list.type[place]
        shapes = node.attr["output_shapes"].list.shape
        shape = shapes[place] if place < len(shapes) else None
        node.op = "Placeholder"
        del node.input[:]
        node.attr.clear()
        node.attr["dtype"].type = dtype
        if shape is not None:
            node.attr["shape"].shape.CopyFrom(shape)
        for each in definition.node:
            for position, name in enumerate(each.input):
                if name in names:
                    each.input[position] = node.name


def ends_of(definition: GraphDef, path: Path) -> tuple[list[GraphEntry], list[GraphEntry]]:
    """Return the inputs and outputs of a graph without a signature.

    Raises:
        ModelError: it has no input or no output.
    """
    fixed = inference_values(definition)
    nodes = {node.name: node for node in definition.node}
    inputs = [name for name, node in nodes.items() if node.op == "Placeholder" and name not in fixed]
    inputs = inputs or [name for name, node in nodes.items() if node.op == "PlaceholderWithDefault"]
    used = {operation_of(name) for node in definition.node for name in node.input if not name.startswith("^")}
    consumers = consumers_of(definition)
    reached = set(inputs)
    waiting = list(inputs)
    while waiting:
        found = {node.name for node in consumers[waiting.pop()]} - reached
        reached |= found
        waiting += found
    ends = [name for name, node in nodes.items() if name in reached - used and node.op not in _NO_OUTPUT]
    if not inputs or not ends:
        what = "no placeholder that a picture could be given to" if not inputs else "no output"
        raise ModelError(
            f"{path} is a TensorFlow graph with {what}. Export the whole network, from the picture to the answer."
        )
    likely = [name for name in ends if _ends_like_a_classifier(nodes[name], nodes)]
    return [GraphEntry(name, f"{name}:0") for name in inputs], [
        GraphEntry(name, f"{name}:0") for name in likely or ends
    ]


def _ends_like_a_classifier(node: NodeDef, nodes: dict[str, NodeDef]) -> bool:
    while node.op in ("Identity", "Reshape", "Squeeze") and node.input:
        node = nodes[operation_of(node.input[0])]
    return node.op in ("Softmax", "Sigmoid", "LogSoftmax", "ArgMax")
