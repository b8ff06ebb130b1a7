"""Copies of a network with channels last instead of first, for pictures of another size, or with random weights.

The weights of a layer have the same shapes for both orders and for all sizes. So a copy is built from the network's
configuration, and gets the same weights.

Copies with random weights tell whether a heat map depends on what the network learned: Adebayo et al. 2018,
arXiv:1810.03292, section 3.1, "cascading randomisation". Layers with weights are given random ones from the last to the
first, one after the other. Here a few copies stand for the whole cascade.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.inputs import shape_text
from live_gradcam.models.model import Model, keep_name, layer_name, takes_only
from live_gradcam.models.type_names import Layer, Network, Shape

logger = logging.getLogger(__name__)

_CHANNELS = (1, 3)

RANDOM_SHARES = (0.0, 0.25, 0.5, 1.0)
"""The shares of the layers with weights that are random, from the last on. At 0 it is the last layer alone."""

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


def randomised_copies(model: Model, *, seed: int = 0) -> list[Model]:
    """Return copies of a model with more and more random layers; the model itself stays unchanged.

    The weights of a layer are permuted among themselves: no value is new, so that activations keep their scale and the
    copy stays a network that computes numbers of the usual size. What was learned is their order.

    Args:
        model: a loaded model.
        seed: the same seed gives the same copies.

    Raises:
        ModelError: the network cannot be copied.
    """
    copies = []
    for share in RANDOM_SHARES:
        network = _copied(model)
        layers = [layer for layer in _leaves(network) if layer.weights]
        count = max(1, round(share * len(layers)))
        random = np.random.default_rng(seed)
        for layer in layers[::-1][:count]:
            layer.set_weights([_permuted(each, random) for each in layer.get_weights()])
        copies.append(
            replace(model, network=network, resize=None, key=None, name=f"{model.name} ({count} random)")
        )
    return copies


def _copied(model: Model) -> Network:
    """Return a copy of a model's network with the same weights."""
    try:
        network = keras.models.clone_model(model.network)
        if not network.built:
            raise ModelError("it is built when it is called")
        network.set_weights(model.network.get_weights())
    except Exception as error:
        raise ModelError(
            f"{model.name} cannot be copied, and the metric randomisation needs copies with random weights: "
            f"{reason_of(error, 120)}. Leave that metric out."
        ) from error
    return network


def _leaves(network: Network) -> list[Layer]:
    """Return the layers in the order in which they were added; of a network inside the network, its layers."""
    return [
        leaf
        for layer in network.layers
        for leaf in (_leaves(layer) if isinstance(layer, keras.Model) else [layer])
    ]


def _permuted(values: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
    return np.asarray(random.permutation(values.ravel()).reshape(values.shape), values.dtype)
