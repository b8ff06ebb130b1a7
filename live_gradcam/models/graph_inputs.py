"""Finds where pictures enter a frozen graph: at its placeholder, or behind what makes floats or pictures of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.frozen_graph import constant, consumers_of, operation_of, shape_of
from live_gradcam.models.graph_network import Port
from live_gradcam.models.untyped import GraphDef, NodeDef, Shape

_DECODERS = frozenset(
    {"DecodeJpeg", "DecodePng", "DecodeImage", "DecodeBmp", "DecodeGif", "DecodeAndCropJpeg"}
)
_FORWARDING = frozenset({"Identity", "Cast", "ExpandDims", "Squeeze", "StopGradient"})
_RESIZING = frozenset({"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"})

_FREE: Shape = (None, None, None, 3)


@dataclass(frozen=True, slots=True)
class GraphEntry:
    """An input or output as the file declares it."""

    name: str
    tensor: str


def input_port(entry: GraphEntry, definition: GraphDef, model: str) -> Port:
    """Return where the value of an input enters a graph.

    Args:
        entry: an input that the file declares.
        definition: without variables.
        model: its name, for messages.

    Raises:
        ModelError: it takes encoded pictures, or pictures with channels first.
    """
    nodes = {node.name: node for node in definition.node}
    node = nodes[operation_of(entry.tensor)]
    dtype = tf.as_dtype(node.attr["dtype"].type)
    consumers = consumers_of(definition)
    if dtype == tf.string:
        return _decoded(entry, node, nodes, consumers, model)
    shape = shape_of(node)
    lengths: Shape = () if shape.rank is None else tuple(shape.as_list())
    if len(lengths) != 4:
        behind = _entered(entry, lengths, consumers, nodes)
        if behind is not None:
            return behind
    if shape.rank is None:
        lengths = _flat(node.name, consumers, nodes) or _FREE
    if len(lengths) == 4 and lengths[3] not in (1, 3) and lengths[1] in (1, 3):
        raise ModelError(
            f"{model} takes pictures with channels first, (N, {', '.join(map(str, lengths[1:]))}). "
            "Export it with data_format='channels_last'."
        )
    if len(lengths) == 4:
        lengths = _sized(lengths, node.name, nodes, consumers)
        if lengths[1:3] == (None, None):
            lengths = (lengths[0], *(_resized_to(node.name, nodes, consumers) or (None, None)), lengths[3])
    tensors: tuple[str, ...] = (entry.tensor if ":" in entry.tensor else f"{entry.tensor}:0",)
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


def _entered(
    entry: GraphEntry,
    lengths: Shape,
    consumers: dict[str, list[NodeDef]],
    nodes: dict[str, NodeDef],
) -> Port | None:
    """Return the place behind the operation that makes pictures of flat numbers (N, 784); None where there is none."""
    following = consumers[operation_of(entry.tensor)]
    dtype = tf.as_dtype(nodes[operation_of(entry.tensor)].attr["dtype"].type)
    while len(following) == 1 and following[0].op in ("Identity", "Cast"):
        if following[0].op == "Cast":
            dtype = tf.as_dtype(following[0].attr["DstT"].type)
        following = consumers[following[0].name]
    shapes = {_made_picture(node, lengths, nodes) for node in following}
    if len(shapes) != 1 or (shape := shapes.pop()) is None:
        return None
    return Port(entry.name, tuple(f"{node.name}:0" for node in following), shape, dtype.name)


def _flat(name: str, consumers: dict[str, list[NodeDef]], nodes: dict[str, NodeDef]) -> Shape | None:
    """Return (None, length) where a graph multiplies its input with a matrix; None where it does something else."""
    for node in consumers[name]:
        if node.op != "MatMul" or operation_of(node.input[0]) != name:
            return None
        weights = nodes[operation_of(node.input[1])]
        while weights.op == "Identity":
            weights = nodes[operation_of(weights.input[0])]
        sizes = [axis.size for axis in weights.attr["value"].tensor.tensor_shape.dim]
        return (None, sizes[node.attr["transpose_b"].b]) if len(sizes) == 2 else None
    return None


def _made_picture(node: NodeDef, lengths: Shape, nodes: dict[str, NodeDef]) -> Shape | None:
    """Return the shape of the pictures that an operation makes of its input; None where it makes none."""
    second = nodes.get(operation_of(node.input[1])) if len(node.input) > 1 else None
    if second is None or second.op != "Const":
        return None
    if node.op == "ExpandDims" and len(lengths) == 3 and int(constant(second)) in (-1, 3):
        return (*lengths, 1)
    if node.op == "Reshape":
        shape = tuple(map(int, np.ravel(constant(second))))
        if len(shape) == 4 and min(shape[1:]) > 0 and shape[3] in (1, 3):
            return (None if shape[0] < 0 else shape[0], *shape[1:])
    return None


def _decoded(
    entry: GraphEntry,
    node: NodeDef,
    nodes: dict[str, NodeDef],
    consumers: dict[str, list[NodeDef]],
    model: str,
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


def _sized(shape: Shape, name: str, nodes: dict[str, NodeDef], consumers: dict[str, list[NodeDef]]) -> Shape:
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
