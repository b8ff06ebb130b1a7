"""Finds where pictures enter a frozen graph and where its answer leaves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.frozen_graph import (
    INPUT_MARK,
    GraphDef,
    NodeDef,
    constant,
    make_place,
    operation_of,
    ready,
    shape_of,
)
from live_gradcam.models.graph_network import Graph, Port, parts_of_names

Tensor = Any

_DECODERS = frozenset(
    {"DecodeJpeg", "DecodePng", "DecodeImage", "DecodeBmp", "DecodeGif", "DecodeAndCropJpeg"}
)
_FORWARDING = frozenset({"Identity", "Cast", "ExpandDims", "Squeeze", "StopGradient"})
_RESIZING = frozenset({"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"})
_ANSWERING = frozenset({"ArgMax", "TopK", "TopKV2"})

_FREE: tuple[int | None, ...] = (None, None, None, 3)


@dataclass(frozen=True, slots=True)
class Entry:
    """An input or output as the file declares it."""

    name: str
    tensor: str


def graph_with_ports(
    definition: GraphDef, inputs: Sequence[Entry], outputs: Sequence[Entry], *, model: str
) -> Graph:
    """Return a graph that predicts, with its inputs and outputs.

    Args:
        definition: without variables.
        inputs: its placeholders.
        outputs: what it returns.
        model: its name, for messages.

    Raises:
        ModelError: it takes no pictures, or TensorFlow cannot compute or differentiate it.
    """
    fed = [operation_of(entry.tensor) for entry in inputs]
    answers = _answers(definition, outputs)
    definition = ready(definition, fed, [entry.tensor for entry in answers])
    _check_operations(definition, model)
    nodes = {node.name: node for node in definition.node}
    ports = [_input(entry, definition, model) for entry in inputs if operation_of(entry.tensor) in nodes]
    if not ports:
        raise ModelError(
            f"{model}: its answer depends on none of its inputs. Export the network with its picture."
        )
    picture = next((port for port in ports if len(port.shape) == 4), None)
    batch = None if picture is None else picture.shape[0]
    definition, found = _probed(definition, ports, answers, batch, model)
    ports = [replace(port, shape=(None, *port.shape[1:])) if port.shape else port for port in ports]
    shapes = [(None, *tensor.shape[1:]) if tensor.shape.rank else () for tensor in found]
    scopes = frozenset(parts_of_names(definition))
    definition = _with_places(definition, ports, answers)
    given = [
        Port(entry.name, (_tensor(entry.tensor),), shape, tensor.dtype.name)
        for entry, tensor, shape in zip(answers, found, shapes, strict=True)
    ]
    return Graph(definition, tuple(ports), tuple(given), scopes)


def _with_places(definition: GraphDef, ports: Sequence[Port], answers: Sequence[Entry]) -> GraphDef:
    """Return a graph that begins where its ports are."""
    fed = {operation_of(tensor): port for port in ports for tensor in port.tensors}
    for node in definition.node:
        if node.name in fed:
            port = fed[node.name]
            make_place(node, tf.as_dtype(port.fed or port.dtype).as_datatype_enum, INPUT_MARK)
    return ready(definition, list(fed), [entry.tensor for entry in answers])


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _answers(definition: GraphDef, outputs: Sequence[Entry]) -> list[Entry]:
    """Return the outputs in numbers: of the number of the best class, what it was chosen among."""
    nodes = {node.name: node for node in definition.node}
    found: dict[str, Entry] = {}
    for entry in outputs:
        node = nodes.get(operation_of(entry.tensor))
        while node is not None and node.op in ("Identity", "Cast", "Squeeze") and node.input:
            node = nodes.get(operation_of(node.input[0]))
        if node is not None and node.op in _ANSWERING:
            entry = Entry(operation_of(node.input[0]), _tensor(node.input[0]))
        found.setdefault(entry.tensor, entry)
    return list(found.values())


def _check_operations(definition: GraphDef, model: str) -> None:
    """Refuse what TensorFlow cannot differentiate or compute on a processor."""
    kinds = {node.op for node in definition.node}
    quantized = next((kind for kind in kinds if kind.startswith(("Quantized", "_FusedConv"))), None)
    if quantized is not None:
        raise ModelError(
            f"{model} is optimised for speed ({quantized}), which leaves no gradients to explain. Use the graph of "
            "floats that it was made from."
        )
    # Not `node.attr[…]`, which adds an attribute without a value where there is none.
    # Batch normalisation knows it on a CPU, too: Keras 2 makes a layer normalisation of it.
    suspects = (node for node in definition.node if not node.op.startswith("FusedBatchNorm"))
    formats = ((node, node.attr.get("data_format")) for node in suspects)
    planar = next((node for node, kept in formats if kept is not None and kept.s == b"NCHW"), None)
    if planar is not None and not tf.config.list_logical_devices("GPU"):
        raise ModelError(
            f"{model} computes with channels first (NCHW, in '{planar.name}'), which TensorFlow does on a GPU only. "
            "Export it with data_format='channels_last', or use a machine with a GPU."
        )


def _input(entry: Entry, definition: GraphDef, model: str) -> Port:
    nodes = {node.name: node for node in definition.node}
    node = nodes[operation_of(entry.tensor)]
    dtype = tf.as_dtype(node.attr["dtype"].type)
    consumers = _consumers(definition)
    if dtype == tf.string:
        return _decoded(entry, node, nodes, consumers, model)
    shape = shape_of(node)
    lengths: tuple[int | None, ...] = _FREE if shape.rank is None else tuple(shape.as_list())
    if len(lengths) == 4 and lengths[3] not in (1, 3) and lengths[1] in (1, 3):
        raise ModelError(
            f"{model} takes pictures with channels first, (N, {', '.join(map(str, lengths[1:]))}). "
            "Export it with data_format='channels_last'."
        )
    if len(lengths) == 4:
        lengths = _sized(lengths, node.name, nodes, consumers)
        if lengths[1:3] == (None, None):
            lengths = (lengths[0], *(_resized_to(node.name, nodes, consumers) or (None, None)), lengths[3])
    tensors: tuple[str, ...] = (_tensor(entry.tensor),)
    fed = ""
    if dtype.is_integer and len(lengths) == 4:
        # Behind the turn to floats, where gradients reach the picture.
        following = consumers[node.name]
        while len(following) == 1 and following[0].op == "Identity":
            following = consumers[following[0].name]
        casts = [each for each in following if each.op == "Cast"]
        kinds = {each.attr["DstT"].type for each in casts}
        if casts and len(casts) == len(following) and len(kinds) == 1:
            tensors, fed = tuple(f"{each.name}:0" for each in casts), tf.as_dtype(kinds.pop()).name
    return Port(entry.name, tensors, lengths, dtype.name, fed)


def _consumers(definition: GraphDef) -> dict[str, list[NodeDef]]:
    found: dict[str, list[NodeDef]] = defaultdict(list)
    for node in definition.node:
        for name in dict.fromkeys(map(operation_of, node.input)):
            found[name].append(node)
    return found


def _decoded(
    entry: Entry, node: NodeDef, nodes: dict[str, NodeDef], consumers: dict[str, list[NodeDef]], model: str
) -> Port:
    """Return the place behind the decoder of encoded pictures: the program has decoded its own already."""
    refused = ModelError(
        f"{model} takes '{entry.name}', encoded pictures or records (strings), and pixels cannot be put in behind "
        "its decoder. Export a signature that takes (N, height, width, 3) floats."
    )
    reached = [node]
    while len(reached) == 1 and reached[0].op not in _DECODERS:
        reached = consumers[reached[0].name]
        if reached and reached[0].op not in _DECODERS | _FORWARDING:
            raise refused
    if len(reached) != 1:
        raise refused
    fed, lifted = "uint8", False
    current = reached[0]
    while not lifted:
        following = consumers[current.name]
        if len(following) != 1 or following[0].op not in _FORWARDING:
            raise refused
        current = following[0]
        if current.op == "Cast":
            fed = tf.as_dtype(current.attr["DstT"].type).name
        lifted = current.op == "ExpandDims"
    for casting in consumers[current.name]:
        if casting.op == "Cast" and len(consumers[current.name]) == 1:
            current, fed = casting, tf.as_dtype(casting.attr["DstT"].type).name
    shape = (1, *(_resized_to(current.name, nodes, consumers) or (None, None)), 3)
    return Port(entry.name, (f"{current.name}:0",), shape, "uint8", fed)


def _resized_to(
    name: str, nodes: dict[str, NodeDef], consumers: dict[str, list[NodeDef]]
) -> tuple[int, int] | None:
    """Return the (height, width) that a graph brings its picture to first of all; None where it does not."""
    following = consumers[name]
    if len(following) == 1 and following[0].op in _RESIZING:
        size = nodes[operation_of(following[0].input[1])]
        if size.op == "Const":
            height, width = map(int, constant(size))
            return height, width
    if len(following) == 1 and following[0].op in _FORWARDING:
        return _resized_to(following[0].name, nodes, consumers)
    return None


def _sized(
    shape: tuple[int | None, ...], name: str, nodes: dict[str, NodeDef], consumers: dict[str, list[NodeDef]]
) -> tuple[int | None, ...]:
    """Return a picture's shape with the number of its channels, which the first convolution tells."""
    if shape[3] is not None:
        return shape
    waiting, seen = [name], {name}
    while waiting:
        for node in consumers[waiting.pop(0)]:
            if node.op in ("Conv2D", "DepthwiseConv2dNative") and len(node.input) > 1:
                source = nodes[operation_of(node.input[1])]
                while source.op == "Identity":
                    source = nodes[operation_of(source.input[0])]
                sizes = [axis.size for axis in source.attr["value"].tensor.tensor_shape.dim]
                return (*shape[:3], sizes[2] if len(sizes) == 4 else 3)
            if node.name not in seen:
                seen.add(node.name)
                waiting.append(node.name)
    return (*shape[:3], 3)


def _probed(
    definition: GraphDef, ports: Sequence[Port], answers: Sequence[Entry], batch: int | None, model: str
) -> tuple[GraphDef, list[Tensor]]:
    """Import a graph once, to know its shapes and to free its batch axis, and return it and its outputs."""
    try:
        nodes = _imported(definition, ports, batch or 1)
        if batch is not None and _freed(definition, nodes, batch):
            nodes = _imported(definition, ports, batch)
    except Exception as error:
        raise ModelError(f"{model} cannot be imported: {_reason(error)}") from error
    found = [nodes[_tensor(entry.tensor)] for entry in answers]
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
    """Let each `Reshape` to a constant shape take any number of pictures, and return whether one was changed."""
    nodes = {node.name: node for node in definition.node}
    changed = False
    for node in definition.node:
        if node.op != "Reshape" or nodes[operation_of(node.input[1])].op != "Const":
            continue
        before, after = (tensors[_tensor(name)].shape for name in (node.input[0], node.name))
        rest = after[1:].as_list() if after.rank else [None]
        if before.rank and before[0] == batch and after[0] == batch and None not in rest:
            shape = np.array([-1, *rest], constant(nodes[operation_of(node.input[1])]).dtype)
            added = definition.node.add(name=f"{node.name}/any_batch", op="Const")
            added.attr["dtype"].type = tf.as_dtype(shape.dtype).as_datatype_enum
            added.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(shape))
            node.input[1] = added.name
            changed = True
    return changed


def _reason(error: Exception) -> str:
    text = str(error)
    if "Op type not registered" in text:
        kind = text.partition("'")[2].partition("'")[0]
        return (
            f"it uses the operation '{kind}', which this TensorFlow does not have. Import the library that brings it "
            "in a function that returns the network: --model module:function."
        )
    return f"{reason_of(error)} The file may be damaged: export it again."
