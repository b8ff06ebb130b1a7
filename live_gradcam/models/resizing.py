"""Makes the same network for pictures of another size."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.layer_names import keep_name, layer_name
from live_gradcam.models.model import Network, takes_only

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


def _remade(network: Network, shape: tuple[int | None, ...]) -> Network:
    own = network.inputs[0]
    image = keras.Input(shape, dtype=own.dtype, name=own.name)

    def remake(layer: Any) -> Any:  # noqa: ANN401 - a keras layer
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
