"""Reads what a file of Keras says of its network, without building it: the settings as JSON, and who wrote them."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras

_OF_OLD_GRAPHS = frozenset(
    {"Model", "Functional", "Sequential", "InputLayer", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"}
    | {"ClassMethod", "InstanceMethod", "InstanceProperty", "ModuleWrapper", "__tensor__", "__lambda__"}
    | {"__tuple__", "__numpy__", "DTypePolicy", "Policy", "__ellipsis__", "__bytes__", "__typespec__"}
    | {"__keras_tensor__", "TensorShape", "slice"}
    # Of Keras 2, no longer in Keras 3.
    | {
        "RandomHeight",
        "RandomWidth",
        "ThresholdedReLU",
        "LocallyConnected1D",
        "LocallyConnected2D",
        "CuDNNLSTM",
    }
    | {
        "CuDNNGRU",
        "SyncBatchNormalization",
        "ConvLSTM2DCell",
        "DenseFeatures",
        "Layer",
        "RandomFourierFeatures",
    }
)
"""Class names in files of Keras that are no layers of today's `keras.layers`."""

_PLACES = (
    "layers",
    "activations",
    "initializers",
    "regularizers",
    "constraints",
    "losses",
    "metrics",
    "optimizers",
)


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """What a file says of its network."""

    network: dict[str, Any] | None
    """Class and settings, as Keras wrote them; None where the file holds only weights."""

    keras_version: str | None

    weights: bool = True
    """Whether the file has the groups in which Keras keeps weights."""

    @property
    def writer(self) -> str:
        """Who wrote the file, in words."""
        return f"Keras {self.keras_version}" if self.keras_version else "another version of Keras"


def stored_settings(path: Path, container: Literal["hdf5", "zip", "folder"]) -> StoredSettings:
    """Return what a file or folder says of its network.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: it is damaged.
    """
    if container == "hdf5":
        return _in_hdf5(path)
    if container == "folder":
        config = (path / "config.json").read_bytes()
        about = (path / "metadata.json").read_bytes() if (path / "metadata.json").is_file() else b"{}"
    else:
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json")
            about = archive.read("metadata.json") if "metadata.json" in archive.namelist() else b"{}"
    network, metadata = json.loads(config), json.loads(about)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return StoredSettings(network if isinstance(network, dict) else {}, version)


def _in_hdf5(path: Path) -> StoredSettings:
    import h5py  # only where such a file is read

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        version = file.attrs.get("keras_version")
        if version is None and "model_weights" in file:
            version = file["model_weights"].attrs.get("keras_version")
        keys = set(file)
        groups = {"layers", "_layer_checkpoint_dependencies", "model_weights"}
        weights = "layer_names" in file.attrs or bool(keys & groups)
        nested = any("vars" in file[key] for key in keys if isinstance(file[key], h5py.Group))
    text = config.decode("utf-8") if isinstance(config, bytes) else config
    version = version.decode() if isinstance(version, bytes) else version
    network = None if text is None else json.loads(text)
    if network is not None and not isinstance(network, dict):
        network = {}
    return StoredSettings(network, None if version is None else str(version), weights or nested)


def unknown_classes(settings: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the names of the classes and functions in a network's settings that are not Keras's own."""
    if isinstance(settings, list):
        for each in settings:
            yield from unknown_classes(each)
    elif isinstance(settings, dict):
        name = settings.get("class_name")
        registered = settings.get("registered_name")
        if isinstance(name, str) and isinstance(settings.get("config"), (dict, str)):
            if name == "function" and isinstance(settings["config"], str):
                name = settings["config"]
            foreign = isinstance(registered, str) and ">" in registered
            if (foreign and keras.saving.get_registered_object(registered) is None) or not is_known(name):
                yield registered if foreign and isinstance(registered, str) else name
        for key, value in settings.items():
            if key not in ("compile_config", "build_config"):
                yield from unknown_classes(value)


def is_known(name: str) -> bool:
    """Whether Keras has a class or function of that name."""
    last = name.rpartition(">")[2]
    return (
        last in _OF_OLD_GRAPHS
        or any(hasattr(getattr(keras, place), last) for place in _PLACES)
        or hasattr(
            keras.ops, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()
        )  # of Keras 3: `TrueDivide`
        or keras.saving.get_registered_object(name) is not None
    )
