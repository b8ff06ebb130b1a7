"""Reads the settings and the network of a file that Keras 1, 2 or 3 saved."""

from __future__ import annotations

import json
import logging
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import keras

from live_gradcam.models.keras2.graph import network_from
from live_gradcam.models.keras2.keras1 import as_keras_2, has_channels_first, is_of_keras_1
from live_gradcam.models.keras2.weights import set_hdf5_weights, set_zip_weights
from live_gradcam.models.untyped import Json, LayerClass, Network, Operation, Tensor

logger = logging.getLogger(__name__)

Container = Literal["hdf5", "zip"]

_AXES = "several_axes"


def read_keras_file(path: Path, *, container: Container, allow_unsafe: bool) -> Network:
    """Return the `keras.Model` that a file holds, whichever Keras wrote it.

    Args:
        path: the file; its name plays no part.
        container: `hdf5`, or `zip` for the format that `.keras` files have since Keras 2.12.
        allow_unsafe: whether Python code in the file (a `Lambda` layer's) may be loaded.

    Raises:
        ModelError: the cause is known and there is a remedy.
        Exception: Keras, h5py or zipfile cannot read it.
    """
    if container == "zip":
        return _from_zip(path, allow_unsafe=allow_unsafe)
    return _from_hdf5(path, allow_unsafe=allow_unsafe)


def _from_hdf5(path: Path, *, allow_unsafe: bool) -> Network:
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise ValueError("No model config found in the file.")
        stored = json.loads(text.decode() if isinstance(text, bytes) else text)
        version = file.attrs.get("keras_version")
        if not _is_of_keras_3(stored, version):
            of_keras_1 = is_of_keras_1(stored, version)
            network = network_from(as_keras_2(stored) if of_keras_1 else stored, allow_unsafe=allow_unsafe)
            if of_keras_1 and has_channels_first(stored) and "backend" not in file.attrs:
                logger.warning(
                    "%s: Keras 1 did not note whether TensorFlow or Theano computed it; it is read as TensorFlow's. If "
                    "its answers are wrong, set the attribute backend of the file to 'theano' (h5py)",
                    path.name,
                )
            mirrored = file.attrs.get("backend") in ("theano", b"theano")
            set_hdf5_weights(network, file["model_weights"], of_keras_1=of_keras_1, mirrored=mirrored)
            return network.layer
    names = _prepare(stored)
    if not names:
        return _loaded(path, ".h5", allow_unsafe=allow_unsafe)
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, Path(folder) / "model.h5"))
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(stored)
        return _loaded(copy, ".h5", allow_unsafe=allow_unsafe, custom_objects=names)


def _from_zip(path: Path, *, allow_unsafe: bool) -> Network:
    import h5py

    with zipfile.ZipFile(path) as archive:
        stored = json.loads(archive.read("config.json"))
        described = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
        if not _is_of_keras_3(stored, described.get("keras_version")):
            network = network_from(stored, allow_unsafe=allow_unsafe)
            with archive.open("model.weights.h5") as member, h5py.File(member, "r") as weights:
                set_zip_weights(network, weights)
            return network.layer
    return _loaded(path, ".keras", allow_unsafe=allow_unsafe)


def _loaded(
    path: Path, suffix: str, *, allow_unsafe: bool, custom_objects: Mapping[str, LayerClass] | None = None
) -> Network:
    """Let Keras load one of its own files, which it tells by the name."""
    options = {"custom_objects": custom_objects, "compile": False, "safe_mode": not allow_unsafe}
    if path.suffix == suffix:
        return keras.saving.load_model(path, **options)
    with TemporaryDirectory() as folder:
        named = Path(folder) / f"model{suffix}"
        try:
            named.symlink_to(path.resolve())
        except OSError:  # Windows allows links to few
            shutil.copy(path, named)
        return keras.saving.load_model(named, **options)


def _is_of_keras_3(stored: Json, version: Json) -> bool:
    """Whether Keras 3 wrote a configuration: by its version, or by how it writes the shape of an input."""
    if isinstance(version, bytes):
        version = version.decode()
    if isinstance(version, str) and version[:1].isdecimal():
        return int(version.partition(".")[0]) >= 3
    return '"batch_shape"' in json.dumps(stored)


def _prepare(stored: Json) -> dict[str, LayerClass]:
    """Change a configuration of Keras 3 where its reader of HDF5 gets it wrong; return the names that it is to know.

    Operations (`x + y` is `Add`) have names of layers, or names that the reader does not find. Several axes are lost,
    so they get another key.
    """
    known = _operations_of_keras()
    found: dict[str, LayerClass] = {}

    def visit(value: Json) -> None:
        for layer in value.get("layers") or () if isinstance(value, Mapping) else ():
            config = layer.get("config") if isinstance(layer, Mapping) else None
            if not isinstance(config, dict):
                continue
            name = layer.get("class_name")
            is_operation = name in known and not {"trainable", "dtype", "layers"} & set(config)
            axis = config.get("axis")
            has_axes = isinstance(axis, list) and len(axis) > 1
            kind = known[name] if is_operation else getattr(keras.layers, str(name), None)
            if kind is not None and (is_operation or has_axes):
                layer["class_name"] = f"{'operation' if is_operation else 'layer'} {name}"
                found[layer["class_name"]] = _reader_of(kind)
                if has_axes:
                    config[_AXES] = config.pop("axis")
            visit(config)
            visit((config.get("layer") or {}).get("config"))

    visit(stored.get("config"))
    return found


def _reader_of(kind: LayerClass) -> LayerClass:
    """Return what Keras takes for a class and makes an instance of `kind` with."""

    def from_config(config: dict[str, Json]) -> Operation:
        axes = config.pop(_AXES, None)
        return kind.from_config(config if axes is None else config | {"axis": axes})

    return type(kind.__name__, (), {"from_config": staticmethod(from_config)})


def _operations_of_keras() -> dict[str, LayerClass]:
    """Return the operations of Keras 3 by the names of their classes."""

    def call_with_tuple(self: Operation, x: Tensor, key: object) -> Tensor:
        return part_of(self, x, tuple(key) if isinstance(key, list) else key)

    found: dict[str, LayerClass] = {}
    waiting = [keras.Operation]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("keras.src.ops"):
                found[kind.__name__] = kind
    # JSON makes the tuple between the brackets of `x[:, 1:]` a list, which would pick single places.
    part_of = found["GetItem"].__call__
    found["GetItem"] = type("GetItem", (found["GetItem"],), {"__call__": call_with_tuple})
    return found


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

    network: dict[str, Json] | None
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


def unknown_classes(settings: Json) -> Iterator[str]:
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
