"""Finds the tensors of a frozen graph at which pictures enter: its placeholder, or a tensor computed from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.graph_network import Port
from live_gradcam.models.inference_graph import (
    constant,
    constant_shape,
    consumers_of,
    operation_of,
    shape_of,
    tensor_of,
)
from live_gradcam.models.type_names import GraphDef, NodeDef, Shape

_DECODERS = frozenset("DecodeJpeg DecodePng DecodeImage DecodeBmp DecodeGif DecodeAndCropJpeg".split())
_FORWARDING = frozenset("Identity Cast ExpandDims Squeeze StopGradient".split())
_RESIZING = frozenset("ResizeBilinear ResizeNearestNeighbor ResizeBicubic ResizeArea".split())

_FREE: Shape = (None, None, None, 3)


@dataclass(frozen=True, slots=True)
class GraphEntry:
    """An input or output as the file declares it."""

    name: str
    tensor: str


def input_port(entry: GraphEntry, definition: GraphDef, model: str) -> Port:
    """Return the tensors of a graph at which the value of an input enters.

    Args:
        entry: an input that the file declares.
        definition: the graph, without variables.
        model: name of the model, for messages.

    Raises:
        ModelError: it takes encoded pictures, and pixels cannot enter after its decoder; or it has channels first.
    """
    return _InputSearch(definition, model).port(entry)


class _InputSearch:
    """Follows an input through the operations of a graph."""

    def __init__(self, definition: GraphDef, model: str) -> None:
        self._model = model
        self._nodes = {node.name: node for node in definition.node}
        self._consumers = consumers_of(definition)

    def port(self, entry: GraphEntry) -> Port:
        node = self._nodes[operation_of(entry.tensor)]
        dtype = _dtype(node, "dtype")
        if dtype == tf.string:
            return self._behind_decoder(entry, node)
        declared = shape_of(node)
        shape: Shape = () if declared.rank is None else tuple(declared.as_list())
        if len(shape) != 4:
            reshaped = self._behind_reshape(entry, node, shape)
            if reshaped is not None:
                return reshaped
        if declared.rank is None:
            shape = self._flat_shape(node.name) or _FREE
        if len(shape) == 4:
            if shape[3] not in (1, 3) and shape[1] in (1, 3):
                raise ModelError(
                    f"{self._model} takes pictures with channels first, (N, {', '.join(map(str, shape[1:]))}). "
                    "Export it with data_format='channels_last'."
                )
            if shape[3] is None:
                shape = (*shape[:3], self._channels(node.name))
            if shape[1:3] == (None, None):
                shape = (shape[0], *(self._resized_to(node.name) or (None, None)), shape[3])
            if dtype.is_integer and (casts := self._casts(node)):
                tensors = tuple(f"{each.name}:0" for each in casts)
                return Port(entry.name, tensors, shape, dtype.name, _dtype(casts[0], "DstT").name)
        return Port(entry.name, (tensor_of(entry.tensor),), shape, dtype.name)

    def _casts(self, node: NodeDef) -> list[NodeDef]:
        """Return the casts to one type of floats that follow an input of integers, if nothing else follows it.

        There is no gradient with respect to integers, so the picture enters after the casts.
        """
        following = self._consumers[node.name]
        while len(following) == 1 and following[0].op == "Identity":
            following = self._consumers[following[0].name]
        casts = [each for each in following if each.op == "Cast"]
        one_type = len({each.attr["DstT"].type for each in casts}) == 1
        return casts if one_type and len(casts) == len(following) else []

    def _behind_reshape(self, entry: GraphEntry, node: NodeDef, shape: Shape) -> Port | None:
        """Return the port after an operation that reshapes numbers (N, 784) to pictures; None where there is none."""
        following = self._consumers[node.name]
        dtype = _dtype(node, "dtype")
        while len(following) == 1 and following[0].op in ("Identity", "Cast"):
            if following[0].op == "Cast":
                dtype = _dtype(following[0], "DstT")
            following = self._consumers[following[0].name]
        shapes = {self._picture_shape(each, shape) for each in following}
        if len(shapes) != 1 or (picture := shapes.pop()) is None:
            return None
        return Port(entry.name, tuple(f"{each.name}:0" for each in following), picture, dtype.name)

    def _picture_shape(self, node: NodeDef, shape: Shape) -> Shape | None:
        """Return the shape of the pictures that an operation makes of an input; None where it makes none."""
        second = self._nodes.get(operation_of(node.input[1])) if len(node.input) > 1 else None
        if second is None or second.op != "Const":
            return None
        if node.op == "ExpandDims" and len(shape) == 3 and int(constant(second)) in (-1, 3):
            return (*shape, 1)
        if node.op == "Reshape":
            made = tuple(map(int, np.ravel(constant(second))))
            if len(made) == 4 and min(made[1:]) > 0 and made[3] in (1, 3):
                return (None if made[0] < 0 else made[0], *made[1:])
        return None

    def _flat_shape(self, name: str) -> Shape | None:
        """Return (None, length) where the input is multiplied by a matrix; None where it is not."""
        for node in self._consumers[name]:
            if node.op != "MatMul" or operation_of(node.input[0]) != name:
                return None
            shape = self._weight_shape(node.input[1])
            return (None, shape[node.attr["transpose_b"].b]) if len(shape) == 2 else None
        return None

    def _weight_shape(self, tensor: str) -> tuple[int, ...]:
        node = self._nodes[operation_of(tensor)]
        while node.op == "Identity":
            node = self._nodes[operation_of(node.input[0])]
        return constant_shape(node)

    def _behind_decoder(self, entry: GraphEntry, node: NodeDef) -> Port:
        """Return the port after the decoder of encoded pictures, because pictures come decoded."""
        refused = ModelError(
            f"{self._model} takes '{entry.name}', encoded pictures or records (strings), and pixels cannot enter after "
            "its decoder. Export a signature that takes (N, height, width, 3) floats."
        )
        reached = [node]
        while len(reached) == 1 and reached[0].op not in _DECODERS:
            reached = self._consumers[reached[0].name]
            if reached and reached[0].op not in _DECODERS | _FORWARDING:
                raise refused
        if len(reached) != 1:
            raise refused
        fed, has_batch_axis = "uint8", False
        current = reached[0]
        while not has_batch_axis:
            following = self._consumers[current.name]
            if len(following) != 1 or following[0].op not in _FORWARDING:
                raise refused
            current = following[0]
            if current.op == "Cast":
                fed = _dtype(current, "DstT").name
            has_batch_axis = current.op == "ExpandDims"
        following = self._consumers[current.name]
        if len(following) == 1 and following[0].op == "Cast":
            current, fed = following[0], _dtype(following[0], "DstT").name
        shape = (1, *(self._resized_to(current.name) or (None, None)), 3)
        return Port(entry.name, (f"{current.name}:0",), shape, "uint8", fed)

    def _resized_to(self, name: str) -> tuple[int, int] | None:
        """Return the (height, width) to which a graph first resizes its picture; None where it does not."""
        following = self._consumers[name]
        if len(following) == 1 and following[0].op in _RESIZING:
            size = self._nodes[operation_of(following[0].input[1])]
            if size.op == "Const":
                height, width = map(int, constant(size))
                return height, width
        if len(following) == 1 and following[0].op in _FORWARDING:
            return self._resized_to(following[0].name)
        return None

    def _channels(self, name: str) -> int:
        """Return the number of channels that the first convolution takes; 3 where there is none."""
        waiting, seen = [name], {name}
        while waiting:
            for node in self._consumers[waiting.pop(0)]:
                if node.op in ("Conv2D", "DepthwiseConv2dNative") and len(node.input) > 1:
                    shape = self._weight_shape(node.input[1])
                    return shape[2] if len(shape) == 4 else 3
                if node.name not in seen:
                    seen.add(node.name)
                    waiting.append(node.name)
        return 3


def _dtype(node: NodeDef, attribute: str) -> tf.DType:
    return tf.as_dtype(node.attr[attribute].type)
