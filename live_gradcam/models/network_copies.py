"""Copies of a network with channels last instead of first, or for pictures of another size.

The weights of a layer have the same shapes for both orders and for all sizes. So a copy is built from the network's
configuration, and gets the same weights.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import keras

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.inputs import shape_text
from live_gradcam.models.model import keep_name, layer_name, takes_only
from live_gradcam.models.type_names import Layer, Network, Shape

logger = logging.getLogger(__name__)

_CHANNELS = (1, 3)

_ELEMENTWISE = frozenset(
    (
        "Activation ActivityRegularization Add AlphaDropout Average Dropout ELU GaussianDropout GaussianNoise Identity "
        "LeakyReLU Maximum Minimum Multiply ReLU Rescaling SpatialDropout2D Subtract"
    ).split()
)
"""Layers for which the order of the axes does not matter."""

_WITH_AXIS = frozenset("BatchNormalization Concatenate GroupNormalization LayerNormalization Softmax".split())


def with_channels_last(network: Network, name: str) -> Network:
    """Return a network that takes (N, H, W, C): the network itself, or a copy if it takes channels first.

    On a CPU, TensorFlow cannot compute convolutions with channels first.

    Args:
        network: a `keras.Model`, which stays unchanged.
        name: name of the model, for messages.

    Raises:
        ModelError: it takes channels first, and has a layer that cannot be converted.
    """
    if not _takes_channels_first(network):
        return network
    if not type(network).__module__.startswith("keras.") or len(network.inputs) != 1:
        raise ModelError(
            _refused(network, name, "it is not built of Keras's own layers in a graph of one input")
        )
    try:
        copy = _copy_with_channels_last(network)
        copy.set_weights(network.get_weights())
    except _OrderUnknownError as error:
        raise ModelError(_refused(network, name, str(error))) from error
    except Exception as error:
        raise ModelError(_refused(network, name, reason_of(error, 100))) from error
    return copy


class _OrderUnknownError(Exception):
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
        f"{name} takes pictures with channels first, {shape_text(network.inputs[0].shape)}, and cannot be converted: "
        f"{reason}. Build it with data_format='channels_last', load the same weights and save that."
    )


def _copy_with_channels_last(network: Network) -> Network:
    batch, channels, height, width = network.inputs[0].shape
    return _copy(network, (batch, height, width, channels), _layer_with_channels_last)


def _layer_with_channels_last(layer: Layer) -> Layer:
    kind = type(layer).__name__
    if hasattr(layer, "layers") and type(layer).__module__.startswith("keras."):
        takes_maps = any(len(tensor.shape) == 4 for tensor in layer.inputs)
        return _copy_with_channels_last(layer) if takes_maps else layer
    config = layer.get_config()
    if not any(len(tensor.shape) == 4 for tensor in keras.tree.flatten(layer.input)):
        return type(layer).from_config(config)
    if kind == "Flatten" and config.get("data_format") == "channels_last":
        # The weights after it expect the order channels, rows, columns.
        return keras.Sequential([keras.layers.Permute((3, 1, 2)), keras.layers.Flatten()], name=layer.name)
    if kind in _WITH_AXIS:
        axes = config.get("axis", -1)
        moved = [_axis(axis) for axis in (axes if isinstance(axes, (list, tuple)) else [axes])]
        config["axis"] = moved if isinstance(axes, (list, tuple)) else moved[0]
    elif config.get("data_format") == "channels_first":
        config["data_format"] = "channels_last"
    elif kind not in _ELEMENTWISE:
        raise _OrderUnknownError(
            f"its layer '{layer.name}' ({kind}) does not tell which axis has the channels"
        )
    return type(layer).from_config(config)


def _axis(axis: int) -> int:
    """Return the index in (N, H, W, C) of an axis of (N, C, H, W)."""
    return {0: 0, 1: 3, 2: 1, 3: 2}[axis % 4]


def resizer(network: Network, name: str) -> Callable[[int, int], Network] | None:
    """Return a function that copies a network for another (height, width); None where that is impossible.

    It works for networks that end in global pooling; for others the function raises a ModelError. A class of the
    user's own cannot be copied: it may compute something else than its layers in a row.
    """
    is_known = isinstance(network, GraphNetwork) or type(network).__module__.startswith("keras.")
    if not is_known or len(getattr(network, "inputs", None) or ()) != 1:
        return None

    def resize(height: int, width: int) -> Network:
        own = network.inputs[0].shape
        try:
            if isinstance(network, GraphNetwork):
                return network.at(height, width)
            copy = _copy_of_size(network, (None, height, width, own[-1]))
            copy.set_weights(network.get_weights())
        except Exception as error:
            logger.info("%s cannot be copied for %d×%d: %s", name, width, height, error)
            raise ModelError(takes_only(name, own, height, width)) from error
        return copy

    return resize


def _copy_of_size(network: Network, shape: Shape) -> Network:
    def remake(layer: Layer) -> Layer:
        if hasattr(layer, "layers") and type(layer).__module__.startswith("keras."):
            # The size that reaches an inner network is not known here.
            (inner,) = layer.inputs
            return _copy_of_size(layer, (None, *(None for _ in inner.shape[1:-1]), inner.shape[-1]))
        made = type(layer).from_config(layer.get_config())
        keep_name(made, layer_name(layer))
        return made

    return _copy(network, shape, remake)


def _copy(network: Network, shape: Shape, remake: Callable[[Layer], Layer]) -> Network:
    """Return a copy of a network of one input, without its weights.

    Args:
        network: the network.
        shape: shape of the copy's input, with the batch axis.
        remake: returns the copy of a layer.
    """
    own = network.inputs[0]
    image = keras.Input(batch_shape=shape, dtype=own.dtype, name=own.name)
    if isinstance(network, keras.Sequential):
        return keras.Sequential([image, *map(remake, network.layers)], name=network.name)
    inputs = keras.tree.pack_sequence_as(network.input, [image])
    return keras.models.clone_model(network, input_tensors=inputs, clone_function=remake)
