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
from live_gradcam.models.type_names import Json, LayerClass, Network, Operation, Tensor

logger = logging.getLogger(__name__)

_FORMER_CLASSES = frozenset(
    (
        "Model Functional Sequential InputLayer TFOpLambda SlicingOpLambda TensorFlowOpLayer ClassMethod "
        "InstanceMethod InstanceProperty ModuleWrapper __tensor__ __lambda__ __tuple__ __numpy__ DTypePolicy Policy "
        "__ellipsis__ __bytes__ __typespec__ __keras_tensor__ TensorShape slice "
        # Of Keras 2, no longer in Keras 3.
        "RandomHeight RandomWidth ThresholdedReLU LocallyConnected1D LocallyConnected2D CuDNNLSTM CuDNNGRU "
        "SyncBatchNormalization ConvLSTM2DCell DenseFeatures Layer RandomFourierFeatures"
    ).split()
)
"""Class names that Keras wrote to files and that `keras.layers` lacks today."""

_MODULES = "layers activations initializers regularizers constraints losses metrics optimizers".split()
"""Modules of Keras whose classes and functions files name."""

Container = Literal["hdf5", "zip", "folder"]
"""The format of a model of Keras: HDF5, a `.keras` file since Keras 2.12, or such a file unpacked."""

_AXES = "several_axes"
"""Key for several axes in a corrected configuration."""


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The configuration of a file's network, and facts about the file."""

    network: dict[str, Json] | None
    """Class and configuration of the network, as Keras wrote them; None where the file holds only weights."""

    keras_version: str | None
    """Version of Keras that wrote the file; None where the file does not state it."""

    weights: bool = True
    """Whether the file has the groups in which Keras keeps weights."""

    backend: str | None = None
    """The library that Keras computed with, such as `theano`; None where the file does not state it."""

    @property
    def writer(self) -> str:
        """The program that wrote the file, for messages."""
        return f"Keras {self.keras_version}" if self.keras_version else "another version of Keras"


def stored_settings(path: Path, container: Container) -> StoredSettings:
    """Return what a file or folder states about its network, without building the network.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: it is damaged.
    """
    if container == "hdf5":
        return _settings_in_hdf5(path)
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


def _settings_in_hdf5(path: Path) -> StoredSettings:
    import h5py  # only where such a file is read

    with h5py.File(path, "r") as file:
        config, version, backend = (
            value.decode() if isinstance(value := file.attrs.get(name), bytes) else value
            for name in ("model_config", "keras_version", "backend")
        )
        if version is None and "model_weights" in file:
            version = file["model_weights"].attrs.get("keras_version")
            version = version.decode() if isinstance(version, bytes) else version
        keys = set(file)
        groups = {"layers", "_layer_checkpoint_dependencies", "model_weights"}
        weights = "layer_names" in file.attrs or bool(keys & groups)
        nested = any("vars" in file[key] for key in keys if isinstance(file[key], h5py.Group))
    network = None if config is None else json.loads(config)
    if network is not None and not isinstance(network, dict):
        network = {}
    return StoredSettings(network, None if version is None else str(version), weights or nested, backend)


def read_keras_file(path: Path, *, container: Container, allow_unsafe: bool) -> Network:
    """Return the `keras.Model` of a file or folder that any version of Keras wrote.

    Args:
        path: the file, under any name, or the folder.
        container: its format.
        allow_unsafe: whether Python code in the file (a `Lambda` layer's) may be loaded.

    Raises:
        ModelError: the cause is known; the message gives the remedy.
        Exception: Keras, h5py or zipfile cannot read it.
    """
    if container == "folder":
        return keras.saving.load_model(path, compile=False, safe_mode=not allow_unsafe)
    settings = stored_settings(path, container)
    if settings.network is None:
        raise ValueError("No model config found in the file.")
    if _is_of_keras_3(settings):
        return _read_keras_3(path, settings.network, container, allow_unsafe=allow_unsafe)
    import h5py

    if container == "zip":
        network = network_from(settings.network, allow_unsafe=allow_unsafe)
        with (
            zipfile.ZipFile(path) as archive,
            archive.open("model.weights.h5") as member,
            h5py.File(member, "r") as weights,
        ):
            set_zip_weights(network, weights)
        return network.layer
    of_keras_1 = is_of_keras_1(settings.network, settings.keras_version)
    stored = as_keras_2(settings.network) if of_keras_1 else settings.network
    network = network_from(stored, allow_unsafe=allow_unsafe)
    if of_keras_1 and has_channels_first(settings.network) and settings.backend is None:
        logger.warning(
            "%s: Keras 1 did not store whether it computed with TensorFlow or Theano; it is read as TensorFlow's. "
            "If the predictions are wrong, set the attribute backend of the file to 'theano' (h5py)",
            path.name,
        )
    with h5py.File(path, "r") as file:
        mirrored = settings.backend == "theano"
        set_hdf5_weights(network, file["model_weights"], of_keras_1=of_keras_1, mirrored=mirrored)
    return network.layer


def _is_of_keras_3(settings: StoredSettings) -> bool:
    """Whether Keras 3 wrote a file: by its version, or by the key for the shape of an input."""
    version = settings.keras_version
    if isinstance(version, str) and version[:1].isdecimal():
        return int(version.partition(".")[0]) >= 3
    return '"batch_shape"' in json.dumps(settings.network)


def _read_keras_3(path: Path, stored: Json, container: Container, *, allow_unsafe: bool) -> Network:
    """Return the network of a file of Keras 3, read by Keras itself."""
    if container == "zip":
        return _loaded(path, ".keras", allow_unsafe=allow_unsafe)
    names = _corrected(stored)
    if not names:
        return _loaded(path, ".h5", allow_unsafe=allow_unsafe)
    import h5py

    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, Path(folder) / "model.h5"))
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(stored)
        return _loaded(copy, ".h5", allow_unsafe=allow_unsafe, custom_objects=names)


def _loaded(
    path: Path, suffix: str, *, allow_unsafe: bool, custom_objects: Mapping[str, LayerClass] | None = None
) -> Network:
    """Let Keras load a file, under a name with the suffix that Keras expects."""
    options = {"custom_objects": custom_objects, "compile": False, "safe_mode": not allow_unsafe}
    if path.suffix == suffix:
        return keras.saving.load_model(path, **options)
    with TemporaryDirectory() as folder:
        named = Path(folder) / f"model{suffix}"
        try:
            named.symlink_to(path.resolve())
        except OSError:  # on Windows few users may make links
            shutil.copy(path, named)
        return keras.saving.load_model(named, **options)


def _corrected(stored: Json) -> dict[str, LayerClass]:
    """Correct a configuration in place where Keras 3's reader of HDF5 fails, and return the custom objects it needs.

    The reader takes an operation for a layer of the same name (`x + y` is `Add`) or does not find it, and it drops all
    but one of several axes. Both get other names.
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
    """Return a custom object with which Keras makes an instance of a class."""

    def from_config(config: dict[str, Json]) -> Operation:
        axes = config.pop(_AXES, None)
        return kind.from_config(config if axes is None else config | {"axis": axes})

    return type(kind.__name__, (), {"from_config": staticmethod(from_config)})


def _operations_of_keras() -> dict[str, LayerClass]:
    """Return Keras 3's classes of operations by name."""

    def call_with_tuple(self: Operation, x: Tensor, key: object) -> Tensor:
        return part_of(self, x, tuple(key) if isinstance(key, list) else key)

    found: dict[str, LayerClass] = {}
    waiting = [keras.Operation]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("keras.src.ops"):
                found[kind.__name__] = kind
    # JSON stores the tuple in the brackets of `x[:, 1:]` as a list, which would index single elements.
    part_of = found["GetItem"].__call__
    found["GetItem"] = type("GetItem", (found["GetItem"],), {"__call__": call_with_tuple})
    return found


def unknown_classes(settings: Json) -> Iterator[str]:
    """Yield the names of the classes and functions in a configuration that Keras does not have."""
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
        last in _FORMER_CLASSES
        or any(hasattr(getattr(keras, module), last) for module in _MODULES)
        # An operation of Keras 3, such as `TrueDivide`.
        or hasattr(keras.ops, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower())
        or keras.saving.get_registered_object(name) is not None
    )
