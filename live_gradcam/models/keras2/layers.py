"""Makes a Keras 3 layer from what Keras 2 stored of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.activations import activation_from
from live_gradcam.models.keras2.former_layers import FORMER_LAYERS, Unchanged
from live_gradcam.models.keras2.lambdas import lambda_from
from live_gradcam.models.keras2.operations import OPERATION_LAYERS, operation_from
from live_gradcam.models.keras2.settings import settings_for, with_former_defaults
from live_gradcam.models.keras2.stored_layer import Config, StoredLayer, class_of, config_of

Nested = Callable[[Config], StoredLayer]
"""Makes a layer or a network that is stored inside of another."""

_OTHER_NAME = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "DropConnect": "Dropout",
    "FixedDropout": "Dropout",
    "GRUV2": "GRU",
    "InstanceNormalization": "GroupNormalization",
    "LSTMV2": "LSTM",
    "RandomCrop": "Resizing",  # Keras 3's gives pictures of their own size when predicting
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
}
"""Class in old files or well-known packages → the same layer of Keras 3."""

_WITH_LAYERS = ("layer", "backward_layer", "cell")
"""Settings that hold layers."""


def layer_from(stored: Config, nested: Nested, *, allow_unsafe: bool) -> StoredLayer:
    """Return a layer that is no network.

    Args:
        stored: its class and settings.
        nested: makes the layers inside of it.
        allow_unsafe: whether Python code in the file may be loaded.

    Raises:
        ModelError: Keras does not have it, or a setting of it; it holds code that may not be loaded.
    """
    class_name, config = class_of(stored), config_of(stored)
    name = str(stored.get("name") or config.get("name") or class_name)
    trainable = config.get("trainable", True) is not False
    parts: tuple[StoredLayer, ...] = ()
    config = with_former_defaults(class_name, config | {"name": name})
    if class_name in OPERATION_LAYERS:
        layer = operation_from(class_name, config)
    elif class_name == "Lambda":
        layer = lambda_from(config, allow_unsafe=allow_unsafe)
    else:
        kind = _kind(stored, name)
        values = _values(config, nested, name)
        if class_name == "TimeDistributed":
            parts = (values["layer"],)
        for key in _WITH_LAYERS:
            if isinstance(values.get(key), StoredLayer):
                values[key] = values[key].layer
        if class_name == "InstanceNormalization":
            config["groups"] = -1
        if issubclass(kind, Unchanged):
            config = {key: config[key] for key in ("name", "dtype") if key in config}
        layer = kind(**settings_for(kind, class_name, config, values))
    return StoredLayer(name, class_name, layer, trainable, parts)


def _kind(stored: Config, name: str) -> Any:  # noqa: ANN401 - a class of layers
    """Return the class of Keras 3 for a stored layer: the user's own first, then Keras's, then what it lost."""
    class_name = class_of(stored)
    for known in (stored.get("registered_name"), stored.get("class_name"), class_name):
        custom = keras.saving.get_registered_object(known) if isinstance(known, str) else None
        if custom is not None:
            return custom
    in_keras = _OTHER_NAME.get(class_name, class_name)
    kind = FORMER_LAYERS.get(class_name) or getattr(keras.layers, in_keras, None)
    if isinstance(kind, type) and issubclass(kind, keras.layers.Layer):
        return kind
    if class_name == "KerasLayer":
        raise ModelError(
            f"layer '{name}' is a TensorFlow Hub layer: the file names its network but does not hold it. Load it where "
            "tensorflow_hub is installed, save it with model.export('FOLDER'), and use that folder."
        )
    raise ModelError(
        f"layer '{name}' is a '{class_name}', which Keras does not know: it is defined in the code that made the file. "
        "Write a function there that returns the network, and use --model module:function."
    )


def _values(config: Mapping[str, Any], nested: Nested, name: str) -> dict[str, Any]:
    """Return the settings that are objects: activations and layers."""
    values: dict[str, Any] = {}
    for key, value in config.items():
        if key == "activation" or key.endswith("_activation"):
            values[key] = activation_from(value, lambda stored: nested(stored).layer, layer=name)
        elif key == "cells" and isinstance(value, list):
            values[key] = [nested(cell).layer for cell in value]
        elif key in _WITH_LAYERS and isinstance(value, Mapping):
            values[key] = nested(value)
    return values
