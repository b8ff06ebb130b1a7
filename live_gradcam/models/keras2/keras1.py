"""Converts configurations and weights of Keras 1 to those of Keras 2.

Source: `legacy/interfaces.py` and `preprocess_weights_for_loading` of Keras 2.2, which read these files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.stored_layer import StoredLayer
from live_gradcam.models.type_names import Array, Json

_CLASSES: Mapping[str, str] = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

_MERGES: Mapping[str, str] = {
    "ave": "Average",
    "concat": "Concatenate",
    "max": "Maximum",
    "mul": "Multiply",
    "sum": "Add",
}
"""Mode of a `Merge` → class."""

_RENAMED: Mapping[str, str] = {
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "border_mode": "padding",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "inner_activation": "recurrent_activation",
    "nb_filter": "filters",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}

_DROPPED = re.compile(
    r"init|inner_init|forget_bias_init|\w+_init|consume_less|weights|\w+_(regularizer|constraint)"
)
"""Settings that matter only for training or speed."""

_KERNEL_LENGTHS: Sequence[tuple[str, ...]] = (
    ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    ("nb_row", "nb_col"),
    ("filter_length",),
)

_DATA_FORMATS = {"th": "channels_first", "tf": "channels_last"}

_WITHOUT_FORMAT = re.compile(r"(Cropping|UpSampling|ZeroPadding)[23]D")
"""Layers of which Keras 1 did not store the order of the axes."""

_GATE = re.compile(r"(?:.*_)?([WUb])_([icfozrh])$")

_GATES = {3: "zrh", 4: "ifco"}
"""Number of gates → their order in Keras 2: of a GRU, of an LSTM."""


def is_of_keras_1(stored: Json, version: str | bytes | None) -> bool:
    """Whether Keras 1 wrote a configuration, judged by its version, or without one by the names of settings."""
    if isinstance(version, bytes):
        version = version.decode(errors="replace")
    if version:
        return version.partition(".")[0] in ("0", "1")
    text = json.dumps(stored)
    return '"nb_filter"' in text or '"border_mode"' in text


def has_channels_first(stored: Json) -> bool:
    """Whether a network of Keras 1 takes pictures with channels first."""
    return re.search(r'"dim_ordering":\s*"th"', json.dumps(stored)) is not None


def as_keras_2(stored: Json) -> Json:
    """Return a configuration of Keras 1 in the form of Keras 2.

    Raises:
        ModelError: it has a layer without an equivalent in Keras 2.
    """
    return _translated(stored, "th" if has_channels_first(stored) else "tf")


def _translated(stored: Json, order: str) -> Json:
    if isinstance(stored, list):
        return [_translated(each, order) for each in stored]
    if not isinstance(stored, Mapping):
        return stored
    changed = {key: _translated(each, order) for key, each in stored.items()}
    name, config = changed.get("class_name"), changed.get("config")
    if isinstance(name, str) and isinstance(config, Mapping) and "layers" not in config:
        if _WITHOUT_FORMAT.fullmatch(name):
            config = {"dim_ordering": order, **config}
        changed["class_name"], changed["config"] = _layer(name, dict(config))
    return changed


def _layer(class_name: str, config: dict[str, Json]) -> tuple[str, dict[str, Json]]:
    """Return the class and the settings of a layer in Keras 2."""
    name = config.get("name", class_name)
    if class_name == "Merge":
        return _merge(name, config)
    if class_name == "BatchNormalization" and config.pop("mode", 0) != 0:
        raise ModelError(
            f"layer '{name}' (BatchNormalization) has mode 1 or 2, which only Keras 1 has. Build the network with a "
            "later Keras and train it again."
        )
    for lengths in _KERNEL_LENGTHS:
        if lengths[0] in config:
            config["kernel_size"] = [config.pop(each) for each in lengths]
    if "dim_ordering" in config:
        config["data_format"] = _DATA_FORMATS.get(config.pop("dim_ordering"), "channels_last")
    if "output_dim" in config and class_name != "Embedding":
        config["units"] = config.pop("output_dim")
    if class_name == "Deconvolution2D":
        config.pop("output_shape", None)
    if class_name == "ZeroPadding2D":
        config["padding"] = _padding(config.get("padding"))
    settings = {
        _RENAMED.get(key, key): value
        for key, value in config.items()
        if not (_DROPPED.fullmatch(key) and key != "name")
    }
    if settings.get("padding") == "half":
        settings["padding"] = "same"
    return _CLASSES.get(class_name, class_name), settings


def _merge(name: str, config: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """Return the class and the settings in Keras 2 of a `Merge` layer."""
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw" or not isinstance(mode, str) or mode not in _MERGES:
        raise ModelError(
            f"layer '{name}' (Merge) joins its inputs with {str(mode)[:40]!r}; only sum, mul, ave, max and concat are "
            "supported. Write a function that returns the network, and use --model module:function."
        )
    axis = {"axis": config.get("concat_axis", -1)} if mode == "concat" else {}
    return _MERGES[mode], {"name": name, **axis}


def _padding(value: Json) -> Json:
    """Return the padding of rows and columns; Keras 1 wrote two numbers, four numbers, or a dict."""
    if isinstance(value, Mapping):
        sides = ("top_pad", "bottom_pad", "left_pad", "right_pad")
        value = [value.get(side, 0) for side in sides]
    if isinstance(value, list) and len(value) == 4:
        return [value[:2], value[2:]]
    return value


def with_gates_joined(entries: Sequence[tuple[str, Array]]) -> list[tuple[str, Array]]:
    """Return named weights with those of a recurrent layer's gates, which Keras 1 stored separately, concatenated."""
    joined: list[tuple[str, Array]] = []
    place = 0
    while place < len(entries):
        count = next((n for n in (4, 3) if _is_recurrent(entries[place : place + 3 * n], n)), 0)
        if not count:
            joined.append(entries[place])
            place += 1
            continue
        parts = {gate_of(name): value for name, value in entries[place : place + 3 * count]}
        for kind, later in (("W", "kernel"), ("U", "recurrent_kernel"), ("b", "bias")):
            joined.append((later, np.concatenate([parts[kind + gate] for gate in _GATES[count]], axis=-1)))
        place += 3 * count
    return joined


def gate_of(name: str) -> str:
    """Return the kind and the gate of a recurrent layer's weight, such as `Wi`; empty for other weights."""
    found = _GATE.match(name.rpartition("/")[2].partition(":")[0])
    return found[1] + found[2] if found else ""


def _is_recurrent(entries: Sequence[tuple[str, Array]], count: int) -> bool:
    return {gate_of(name) for name, _ in entries} == {kind + gate for kind in "WUb" for gate in _GATES[count]}


def kernel_from(leaf: StoredLayer, name: str, value: Array) -> Array:
    """Return a weight of Keras 1 with the order of axes of Keras 2 and 3.

    Args:
        leaf: the layer.
        name: name of its variable in Keras 3.
        value: the stored weight.
    """
    if name not in ("kernel", "depthwise_kernel", "pointwise_kernel"):
        return value
    first = getattr(leaf.layer, "data_format", None) == "channels_first"
    match leaf.class_name:
        case "Conv1D" if value.ndim == 4:  # before 1.2: (filters, channels, length, 1)
            is_older = value.shape[3] == 1 and value.shape[:2] != (leaf.layer.kernel_size[0], 1)
            return (value.transpose(2, 3, 1, 0) if is_older else value)[:, 0]
        case "Conv2D" | "SeparableConv2D" if value.ndim == 4 and first:  # (filters, channels, rows, columns)
            return value.transpose(2, 3, 1, 0)
        case "Conv2DTranspose" if value.ndim == 4:
            return value.transpose((2, 3, 0, 1) if first else (0, 1, 3, 2))
        case "Conv3D" if value.ndim == 5 and first:
            return value.transpose(2, 3, 4, 1, 0)
        case _:
            return value


def flip_kernels(network: StoredLayer) -> None:
    """Flip the kernels of all convolutions in both directions: Theano convolves where TensorFlow correlates."""
    for leaf in network.leaves():
        sides = getattr(leaf.layer, "rank", 2 if "ConvLSTM2D" in leaf.class_name else 0)
        for variable in leaf.layer.weights:
            is_kernel = variable.name in ("kernel", "depthwise_kernel", "recurrent_kernel")
            if is_kernel and len(variable.shape) == sides + 2:
                variable.assign(np.flip(np.asarray(variable), axis=tuple(range(sides))))
