"""Builds a Keras 3 layer from the configuration that Keras 2 stored."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Mapping

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.former_layers import FORMER_LAYERS, Unchanged, activation_from
from live_gradcam.models.keras2.lambdas import lambda_from
from live_gradcam.models.keras2.operations import OPERATION_LAYERS, operation_from
from live_gradcam.models.keras2.stored_layer import (
    Config,
    StoredLayer,
    class_of,
    config_of,
    decoded,
    is_trainable,
    policy_of,
)
from live_gradcam.models.model import safe_name
from live_gradcam.models.type_names import Json, Layer, LayerClass

logger = logging.getLogger(__name__)

Nested = Callable[[Config], StoredLayer]
"""Builds a layer or network that is stored inside another."""

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
    "RandomCrop": "Resizing",  # in Keras 3 it keeps the size in inference
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
}
"""Class in old files or well-known packages → the same layer of Keras 3."""

_WITH_LAYERS = ("layer", "backward_layer", "cell")
"""Settings that hold a layer."""


def layer_from(stored: Config, nested: Nested, *, allow_unsafe: bool) -> StoredLayer:
    """Return a stored layer that is no network.

    Args:
        stored: its class and settings.
        nested: builds the layers inside it.
        allow_unsafe: whether Python code in the file may be loaded.

    Raises:
        ModelError: Keras lacks the layer or a setting of it, or it holds code that may not be loaded.
    """
    class_name, config = class_of(stored), config_of(stored)
    name = str(stored.get("name") or config.get("name") or class_name)
    parts: tuple[StoredLayer, ...] = ()
    trainable = is_trainable(config)
    config = {**_FORMER_DEFAULTS.get(class_name, {}), **config, "name": name}
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


def _kind(stored: Config, name: str) -> LayerClass:
    """Return the class for a stored layer: one that the user registered, a former one, or one of Keras 3."""
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


def _values(config: Mapping[str, Json], nested: Nested, name: str) -> dict[str, Json]:
    """Return the settings that hold activation functions or layers, converted."""
    values: dict[str, Json] = {}
    for key, value in config.items():
        if key == "activation" or key.endswith("_activation"):
            values[key] = activation_from(value, lambda stored: nested(stored).layer, layer=name)
        elif key == "cells" and isinstance(value, list):
            values[key] = [nested(cell).layer for cell in value]
        elif key in _WITH_LAYERS and isinstance(value, Mapping):
            values[key] = nested(value)
    return values


_TRAINING_ONLY = re.compile(r".*_(initializer|regularizer|constraint)$")
"""Settings that matter only for training; the weights are in the file."""

_RENAMED: Mapping[str, Mapping[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "InputLayer": {"batch_input_shape": "batch_shape"},
}

_DROPPED: Mapping[str, tuple[object, ...]] = {
    "adjustment": (None,),
    "fused": (None, True, False),
    "groups": (1,),
    "renorm": (False, True),  # statistics of training; predictions use the moving ones in both
    "softmax_robust_masking": (False, True),  # matters only where whole rows are masked
    "time_major": (False,),
    "virtual_batch_size": (None,),
    "merge_repeated": (None,),
}
"""Setting → values that do not change predictions."""

_ALWAYS_DROPPED = frozenset(
    (
        "activity_regularizer autocast batch_input_shape batch_size build_config build_input_shape dynamic "
        "experimental_autocast force_generator implementation input_dim input_dtype input_length input_shape "
        "key_shape noise_shape query_shape ragged renorm_clipping renorm_momentum rng_type seed sparse synchronized "
        "trainable use_legacy_config value_shape vectorize vocabulary_size weight_decay weights"
    ).split()
)
"""Settings that do not change predictions, and are left out where a layer of Keras 3 does not take them."""

_FORMER_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "CuDNNGRU": {"reset_after": True, "recurrent_activation": "sigmoid"},
    "CuDNNLSTM": {"recurrent_activation": "sigmoid"},
    "GRU": {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
    "GRUCell": {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
    "LSTM": {"recurrent_activation": "hard_sigmoid"},
    "LSTMCell": {"recurrent_activation": "hard_sigmoid"},
    "ConvLSTM2D": {"recurrent_activation": "hard_sigmoid"},
    "AveragePooling1D": {"padding": "valid"},
    "Flatten": {"data_format": "channels_last"},
    "RandomCrop": {"crop_to_aspect_ratio": True},
    "UpSampling2D": {"interpolation": "nearest"},
}
"""Class → settings that old versions did not store, because they had only this value."""


def settings_for(
    kind: type, class_name: str, config: Mapping[str, Json], values: Mapping[str, Json]
) -> dict[str, Json]:
    """Return the arguments of a layer's constructor in Keras 3.

    Args:
        kind: the class in Keras 3.
        class_name: the class in Keras 2.
        config: the stored settings.
        values: settings that are converted already: activation functions and layers.

    Raises:
        ModelError: Keras 3 lacks a setting that changes predictions.
    """
    name = str(config.get("name", class_name))
    taken = _taken_by(kind)
    merged = {**config, **values}
    settings: dict[str, Json] = {}
    for stored_key, value in merged.items():
        key = _RENAMED.get(class_name, {}).get(stored_key, stored_key)
        if _TRAINING_ONLY.match(key) or key == "activity_regularizer":
            continue
        if key in ("dtype", "name", "axis") or key in values:
            settings[key] = value
        elif key in taken:
            settings[key] = _tuple(decoded(value))
        elif value in (None, False) or key in _ALWAYS_DROPPED or value in _DROPPED.get(key, ()):
            logger.debug("layer '%s' (%s): %s=%r has no effect and is left out", name, class_name, key, value)
        else:
            raise ModelError(
                f"layer '{name}' ({class_name}) has the setting {key}={_short(value)}, which Keras 3 does not have. "
                "Load the file with the Keras that wrote it, and save the network without that setting."
            )
    if "dtype" in settings:
        settings["dtype"] = policy_of(settings["dtype"])
    if "name" in settings:
        settings["name"] = safe_name(str(settings["name"]))
    if "axis" in settings:
        settings["axis"] = _axis(decoded(settings["axis"]), kind)
    return settings


def _taken_by(kind: type) -> set[str]:
    """Return the names of a constructor's arguments, including those that it passes to its base classes."""
    names: set[str] = set()
    for each in kind.__mro__:
        if "__init__" not in vars(each):
            continue
        parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
        names.update(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters) or each.__name__ == "Layer":
            break
    return names - {"self"}


def _axis(value: Json, kind: type) -> Json:
    """Return an axis in the form that its layer takes: Keras 2 stored a list where Keras 3 takes a number."""
    if isinstance(value, (list, tuple)):
        several = kind.__name__ in (
            "LayerNormalization",
            "Normalization",
            "UnitNormalization",
            "Dot",
            "Softmax",
        )
        return tuple(value) if several and len(value) != 1 else value[0] if value else -1
    return value


def _tuple(value: Json) -> Json:
    """Return lists as tuples, which JSON lacks."""
    if isinstance(value, list):
        return tuple(_tuple(each) for each in value)
    return value


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def is_taken(layer: Layer, key: str, value: object) -> bool:
    """Whether a layer's call takes a named argument; Keras 2 also stored arguments without effect, as `training`."""
    if key == "name" or value is None or (key == "training" and not value):
        return False
    parameters = inspect.signature(layer.call).parameters
    return key in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
