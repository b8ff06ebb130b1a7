"""The part of a network up to its last global average pooling: what a head can be taught on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.model import Model, output_of
from live_gradcam.models.type_names import KerasTensor, Network, Operation

_REMEDY = (
    "Take a network that ends in global average pooling and a dense layer: efficientnet-lite0 or resnet50."
)

_NAME = "base"
"""Name of the part: paths of layers in a saved model begin with it, so that they are the same each time."""


@dataclass(frozen=True, slots=True)
class PooledPart:
    """The part of a network up to its last global average pooling. It shares the network's layers and weights."""

    maps: Network
    """A `keras.Model` with the feature maps (N, h, w, F) as its only output."""

    features: Network
    """A `keras.Model` with the features (N, F) as its only output."""


def features_network(model: Model) -> Network:
    """Return the `keras.Model` from a model's inputs to its features (N, F).

    The features are the output of the last `GlobalAveragePooling2D` that the whole path from input to output leads
    through: so not the pooling of a squeeze-and-excitation block. The user's network stays as it is; both share
    layers and weights.

    Args:
        model: a loaded model; the result takes preprocessed pictures, as `model.network` does.

    Raises:
        ModelError: the network has no such pooling, or it is no graph of layers.
    """
    return pooled_part(model).features


def pooled_part(model: Model) -> PooledPart:
    """Return the part of a model's network up to its features, as `features_network` finds it.

    Raises:
        ModelError: the network has no such pooling, or it is no graph of layers.
    """
    network = model.network
    if not _is_graph(network):
        raise ModelError(
            f"{model.name} cannot be taught: it is no graph of Keras layers, so that its features cannot be found. "
            f"{_REMEDY}"
        )
    if len(network.inputs) != 1:
        raise ModelError(
            f"{model.name} cannot be taught: it has {len(network.inputs)} inputs. Take a network whose only input is "
            "the picture."
        )
    whole = _cut(network, [output_of(network, model.output, model.name)])
    if whole is None:
        raise ModelError(
            f"{model.name} cannot be taught: its classes do not come from the output of a global average pooling. "
            f"{_REMEDY}"
        )
    picture, maps, features = whole
    return PooledPart(keras.Model(picture, maps), keras.Model(picture, features, name=_NAME))


_Cut = tuple[KerasTensor, KerasTensor, KerasTensor]
"""The input of a graph, its last feature maps (N, h, w, F), and their means (N, F)."""


def _cut(network: Network, outputs: list[KerasTensor]) -> _Cut | None:
    """Return the ends of a network's part up to the features; None where it has no such part.

    Args:
        network: a graph of one input.
        outputs: those of its outputs that must come from the features.
    """
    graph = _graph_of(network)
    (picture,) = graph.inputs
    for node in _nodes_from_the_end(graph):
        operation = node.operation
        pools = isinstance(operation, keras.layers.GlobalAveragePooling2D)
        if not (pools or _is_graph(operation)) or not _all_lead_through(graph, outputs, node):
            continue
        if pools:
            if operation.data_format == "channels_last":
                return _flat(picture, node.input_tensors[0], node.output_tensors[0])
        elif len(node.input_tensors) == 1 and len(operation.inputs) == 1:
            inner = _cut(operation, list(_graph_of(operation).outputs))
            if inner is not None:
                return _joined(picture, node.input_tensors[0], inner)
    return None


def _joined(picture: KerasTensor, reached: KerasTensor, inner: _Cut) -> _Cut:
    """Return the ends of a graph whose features lie in a network inside it.

    Args:
        picture: the input of the outer graph.
        reached: what the outer graph gives to the inner network.
        inner: the ends of the inner network's part.
    """
    afresh = _input_like(picture)
    before = afresh if reached is picture else keras.Model(picture, reached)(afresh)
    inside, maps, features = inner
    maps, features = keras.Model(inside, [maps, features])(before)
    return afresh, maps, features


def _flat(picture: KerasTensor, maps: KerasTensor, features: KerasTensor) -> _Cut:
    """Return the ends of a part with features (N, F), also where the pooling keeps them as (N, 1, 1, F)."""
    if len(features.shape) == 2:
        return picture, maps, features
    afresh = _input_like(picture)
    maps, features = keras.Model(picture, [maps, features])(afresh)
    return afresh, maps, keras.layers.Flatten()(features)


def _input_like(picture: KerasTensor) -> KerasTensor:
    """Return a new input: a further call on a tensor of the user's graph would be noted on the user's layers."""
    return keras.Input(batch_shape=picture.shape, dtype=picture.dtype, name=picture.name.partition(":")[0])


def _is_graph(operation: Operation) -> bool:
    return isinstance(operation, keras.Model) and hasattr(_graph_of(operation), "_nodes_by_depth")


def _graph_of(network: Network) -> Network:
    return getattr(network, "_functional", None) or network  # a Sequential keeps its graph there


def _nodes_from_the_end(graph: Network) -> Iterator[KerasTensor]:
    """Yield the calls of a graph; every call comes before those that it depends on."""
    for depth in sorted(graph._nodes_by_depth):
        yield from graph._nodes_by_depth[depth]


def _all_lead_through(graph: Network, outputs: list[KerasTensor], node: KerasTensor) -> bool:
    """Whether every path from the input of a graph to some of its outputs leads through a call."""
    makers = {id(tensor): each for each in _nodes_from_the_end(graph) for tensor in each.output_tensors}
    ahead = list(outputs)
    seen: set[int] = set()
    while ahead:
        tensor = ahead.pop()
        maker = makers.get(id(tensor))
        if maker is node or id(maker) in seen:
            continue
        if maker is None or not maker.input_tensors:
            return False
        seen.add(id(maker))
        ahead += maker.input_tensors
    return True
