"""Rebuilds a network with channels last instead of first, or for images of another size.

TensorFlow computes convolutions with channels first on a GPU only. The weights of Keras's layers have the same
shapes in both orders, so the network is made anew from its settings and given them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import keras

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.inputs import shape_text
from live_gradcam.models.model import keep_name, layer_name, takes_only
from live_gradcam.models.untyped import Layer, Network, Shape, Tensors

_CHANNELS = (1, 3)

_SAME_IN_ANY_ORDER = frozenset(
    {
        "Activation",
        "ActivityRegularization",
        "Add",
        "AlphaDropout",
        "Average",
        "Dropout",
        "ELU",
        "GaussianDropout",
    }
    | {
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "Maximum",
        "Minimum",
        "Multiply",
        "ReLU",
        "Rescaling",
        "SpatialDropout2D",
        "Subtract",
    }
)
"""Layers that treat each number on its own."""

_WITH_AXIS = frozenset(
    {"BatchNormalization", "Concatenate", "GroupNormalization", "LayerNormalization", "Softmax"}
)


def with_channels_last(network: Network, name: str) -> Network:
    """Return a network that takes (N, H, W, C); one that does so already is returned as it is.

    Args:
        network: a `keras.Model`, which is left as it is.
        name: the model's, for messages.

    Raises:
        ModelError: it takes channels first, and holds a layer for which the other order cannot be told.
    """
    if not _takes_channels_first(network):
        return network
    if not type(network).__module__.startswith("keras.") or len(network.inputs) != 1:
        raise ModelError(
            _refused(network, name, "it is not built of Keras's own layers in a graph of one input")
        )
    try:
        turned = _turned(network)
        turned.set_weights(network.get_weights())
    except _CannotTurnError as error:
        raise ModelError(_refused(network, name, str(error))) from error
    except Exception as error:
        raise ModelError(_refused(network, name, reason_of(error, 100))) from error
    return turned


class _CannotTurnError(Exception):
    pass


def _takes_channels_first(network: Network) -> bool:
    for tensor in getattr(network, "inputs", None) or ():
        shape = tuple(tensor.shape)
        if len(shape) == 4 and shape[1] in _CHANNELS and shape[3] not in _CHANNELS:
            return any(
                getattr(layer, "data_format", None) == "channels_first" for layer in network._flatten_layers()
            )
    return False


def _refused(network: Network, name: str, reason: str) -> str:
    return (
        f"{name} takes pictures with channels first, {shape_text(network.inputs[0].shape)}, and cannot be turned: "
        f"{reason}. Build it with data_format='channels_last', load the same weights and save that."
    )


def _turned(network: Network) -> Network:
    own = network.inputs[0]
    batch, channels, height, width = own.shape
    image = keras.Input(batch_shape=(batch, height, width, channels), dtype=own.dtype, name=own.name)
    if isinstance(network, keras.Sequential):
        return keras.Sequential([image, *map(_turned_layer, network.layers)], name=network.name)
    inputs = keras.tree.pack_sequence_as(network.input, [image])
    return keras.models.clone_model(network, input_tensors=inputs, clone_function=_turned_layer)


def _turned_layer(layer: Layer) -> Layer:
    kind = type(layer).__name__
    if hasattr(layer, "layers") and type(layer).__module__.startswith("keras."):
        return _turned(layer) if _takes_channels_first_inside(layer) else layer
    if not any(len(shape) == 4 for shape in _shapes(layer.input)):
        return type(layer).from_config(layer.get_config())
    config = layer.get_config()
    if kind == "Flatten" and config.get("data_format") == "channels_last":
        # It flattens in the order channels, rows, columns.
        return keras.Sequential([keras.layers.Permute((3, 1, 2)), keras.layers.Flatten()], name=layer.name)
    if kind in _WITH_AXIS:
        axes = config.get("axis", -1)
        turned = [_axis(axis) for axis in (axes if isinstance(axes, (list, tuple)) else [axes])]
        config["axis"] = turned if isinstance(axes, (list, tuple)) else turned[0]
    elif config.get("data_format") == "channels_first":
        config["data_format"] = "channels_last"
    elif kind not in _SAME_IN_ANY_ORDER:
        raise _CannotTurnError(f"its layer '{layer.name}' ({kind}) does not tell which axis has the channels")
    return type(layer).from_config(config)


def _takes_channels_first_inside(network: Network) -> bool:
    return any(len(tensor.shape) == 4 for tensor in network.inputs)


def _axis(axis: int) -> int:
    """Return where an axis of (N, C, H, W) is in (N, H, W, C)."""
    return {0: 0, 1: 3, 2: 1, 3: 2}[axis % 4]


def _shapes(structure: Tensors) -> list[Shape]:
    return [tuple(tensor.shape) for tensor in keras.tree.flatten(structure)]


logger = logging.getLogger(__name__)


def resizer(network: Network, name: str) -> Callable[[int, int], Network] | None:
    """Return what makes the network anew for another (height, width), or None where its code could not be followed.

    Layer for layer from their settings, with the weights copied: networks that end in global pooling allow it.
    The given network stays as it is.
    """
    if isinstance(network, GraphNetwork):
        return _graph_resizer(network, name)
    # A class of the user's own may compute something else than its layers in a row.
    followed = type(network).__module__.startswith("keras.") and getattr(network, "inputs", None)
    if not followed or len(network.inputs) != 1:
        return None

    def resize(height: int, width: int) -> Network:
        own = network.inputs[0].shape
        try:
            resized = _remade(network, (height, width, own[-1]))
            resized.set_weights(network.get_weights())
        except Exception as error:
            logger.info("%s cannot be made for %d×%d: %s", name, width, height, error)
            raise ModelError(takes_only(name, own, height, width)) from error
        return resized

    return resize


def _graph_resizer(network: GraphNetwork, name: str) -> Callable[[int, int], Network] | None:
    """Return what lets a graph take another size: it computes whatever comes, unless its numbers say otherwise."""
    if len(network.inputs) != 1:
        return None

    def resize(height: int, width: int) -> Network:
        try:
            return network.at(height, width)
        except Exception as error:
            logger.info("%s cannot be imported for %d×%d: %s", name, width, height, error)
            raise ModelError(takes_only(name, network.inputs[0].shape, height, width)) from error

    return resize


def _remade(network: Network, shape: Shape) -> Network:
    own = network.inputs[0]
    image = keras.Input(shape, dtype=own.dtype, name=own.name)

    def remake(layer: Layer) -> Layer:
        if hasattr(layer, "layers") and type(layer).__module__.startswith("keras."):
            # Networks inside of it take what comes: how large that is, is not known before it comes.
            (inner,) = layer.inputs
            return _remade(layer, (*(None for _ in inner.shape[1:-1]), inner.shape[-1]))
        made = type(layer).from_config(layer.get_config())
        keep_name(made, layer_name(layer))
        return made

    if isinstance(network, keras.Sequential):
        return keras.Sequential([image, *(remake(layer) for layer in network.layers)], name=network.name)
    inputs = keras.tree.pack_sequence_as(network.input, [image])
    return keras.models.clone_model(network, input_tensors=inputs, clone_function=remake)
