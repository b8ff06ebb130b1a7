"""Evidence of a network's task: its last layer, its loss and the names of its outputs."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from live_gradcam.config import Task
from live_gradcam.models.model import output_of
from live_gradcam.models.task import (
    Ending,
    Evidence,
    telling,
)
from live_gradcam.models.untyped import Json, Network, Operation, Tensor

_MOST_BYTES = 64_000_000
"""Of a configuration; a larger one is not read."""

_LOSSES: tuple[tuple[str, Task], ...] = (
    (r"binary.*crossentropy|bce|multi.?label", "multi-label"),
    (r"crossentropy|categorical_hinge|kl_?divergence|kullback|^kld$", "classes"),
    (
        r"mean_|^m(s|a|sl|ap)e$|squared_error|absolute_error|huber|log_?cosh|poisson|cosine|tweedie|quantile",
        "values",
    ),
)
"""What the names of Keras's losses, in snake case, are for; the first that is found in a name counts."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a loss says about the outputs that it was made for."""

    task: Task
    from_logits: bool = False
    """Whether it applies the softmax or the sigmoid itself."""


def loss_of_network(network: Network, index: int, name: str) -> Loss | None:
    """Return the loss of one output of a `keras.Model` that is compiled; None where it is not known.

    Args:
        network: the model.
        index: which of its outputs.
        name: what that output is called.
    """
    if not getattr(network, "compiled", False):
        return None
    try:
        config = network.get_compile_config()
    except Exception:  # a user's own loss may not be serialisable, in as many ways as there are
        return None
    return _loss_in((config or {}).get("loss"), index, name)


def loss_of_file(path: Path, index: int, name: str) -> Loss | None:
    """Return the loss of one output that a model file holds; None where it holds none.

    Args:
        path: a `.keras` zip file, or HDF5, whatever it is called; or the folder of a SavedModel of Keras 2.
        index: which of the outputs.
        name: what that output is called.
    """
    try:
        reader = _beside_graph if path.is_dir() else _zipped if zipfile.is_zipfile(path) else _hdf5
        config = reader(path)
        return _loss_in((config or {}).get("loss"), index, name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile):
        return None  # it is evidence, no more: what is wrong with the file is said by those who load it


def _zipped(path: Path) -> Json:
    with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
        text = file.read(_MOST_BYTES + 1)
    return None if len(text) > _MOST_BYTES else json.loads(text).get("compile_config")


def _hdf5(path: Path) -> Json:
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("training_config")
    return None if text is None or len(text) > _MOST_BYTES else json.loads(text)


def _beside_graph(folder: Path) -> Json:
    """Return the training configuration of a SavedModel, which Keras 2 keeps as JSON in a file of its own."""
    path = folder / "keras_metadata.pb"
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    _, found, rest = path.read_bytes().decode("utf-8", "replace").partition('"training_config": ')
    return json.JSONDecoder().raw_decode(rest)[0] if found else None


def _loss_in(loss: Json, index: int, name: str) -> Loss | None:
    """Return what a serialised loss says: a name, a configuration, or one for each output."""
    if isinstance(loss, str):
        return _named(loss)
    if isinstance(loss, Mapping):
        if "class_name" not in loss:
            return _loss_in(loss.get(name), 0, name)
        config = loss.get("config")
        if isinstance(config, str):  # a function, by its name
            return _named(config)
        if loss["class_name"] in ("__list__", "__tuple__"):
            return _loss_in(config, index, name)
        settings = config if isinstance(config, Mapping) else {}
        # A loss function of Keras 2 is wrapped: its own name stands inside.
        inner = settings.get("fn") if str(loss["class_name"]) == "LossFunctionWrapper" else None
        found = _named(str(inner or loss["class_name"]))
        return None if found is None else Loss(found.task, settings.get("from_logits") is True)
    if isinstance(loss, Sequence) and index < len(loss):
        return _loss_in(loss[index], 0, name)
    return None


def _named(name: str) -> Loss | None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()
    return next((Loss(task) for form, task in _LOSSES if re.search(form, snake)), None)


def evidence_of(network: Network, output: str | int | None, name: str, file: Path | None = None) -> Evidence:
    """Return what is known about the numbers of an output besides the operations that make them.

    Args:
        network: the network.
        output: name or index of the output.
        name: what the network is called, for the messages.
        file: what it was read from, which may tell its loss.
    """
    tensor = output_of(network, output, name)
    names = list(getattr(network, "output_names", ()))
    outputs = getattr(network, "outputs", None) or []
    place = next((number for number, each in enumerate(outputs) if each is tensor), 0)
    structure = getattr(network, "output", None) if outputs else None
    keys = keras.tree.flatten_with_path(structure) if isinstance(structure, dict) else ()
    keyed = next((str(path[-1]) for path, each in keys if each is tensor), "")
    called = keyed or (names[place] if place < len(names) else "")
    loss = loss_of_network(network, place, called)
    if loss is None and file is not None:
        loss = loss_of_file(file, place, called)
    return Evidence(
        trained=None if loss is None else loss.task,
        from_logits=loss is not None and loss.from_logits,
        name=telling(called) or ("" if tensor is None else name_of(tensor)),
    )


_MOST_STEPS = 64


_SAME_NUMBERS = frozenset(
    {"Cast", "Dropout", "ExpandDims", "Flatten", "Identity", "Reshape", "Squeeze", "StopGradient"}
)
"""Layers and operations of Keras that hand on the numbers as they are."""


_ENDINGS: dict[str, Ending] = {
    "linear": "linear",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "log_softmax": "log-softmax",
}


_OPERATIONS: dict[str, Ending] = {
    "Softmax": "softmax",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "ReLU": "other",
    "Tanh": "other",
    "Relu": "other",
}


def ending_of(tensor: Tensor) -> Ending | None:
    """Return the function that a symbolic output ends in; None where only a trace can tell."""
    for operation in _backwards(tensor):
        kind = type(operation).__name__
        if kind in _SAME_NUMBERS:
            continue
        if kind == "Activation" or hasattr(operation, "kernel_initializer"):
            name = getattr(getattr(operation, "activation", None), "__name__", None)
            known = name is not None and hasattr(keras.activations, name)
            return _ENDINGS.get(str(name), "other") if known else None
        return _OPERATIONS.get(kind)
    return None


def name_of(tensor: Tensor) -> str:
    """Return the name that the user gave the layer of a symbolic output, or "" where Keras made it up."""
    shape = tensor.shape
    for operation in _backwards(tensor):
        output = operation.output if len(operation._inbound_nodes) == 1 else None
        if isinstance(output, list | tuple | dict) or (output is not None and output.shape[-1] != shape[-1]):
            return ""
        if name := _own_name(operation):
            return name
        if hasattr(operation, "kernel_initializer"):
            return ""  # before the layer that makes the numbers, names are of features
    return ""


def _own_name(operation: Operation) -> str:
    """Return the name of a layer; "" for an operation, and for what is called after its class: `re_lu_1`."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).casefold()
    named_after_class = re.fullmatch(rf"{re.escape(kind)}(_\d+)?", operation.name.casefold())
    is_layer = isinstance(operation, keras.layers.Layer)
    return telling(operation.name) if is_layer and not named_after_class else ""


def _backwards(tensor: Tensor) -> Iterator[Operation]:
    """Give the layers and operations of Keras that make a symbolic tensor, the last first, while they are in a row."""
    for _ in range(_MOST_STEPS):
        history = getattr(tensor, "_keras_history", None)
        if history is None:
            return
        operation, node, place = history
        if isinstance(operation, keras.Model):
            inner = getattr(operation, "outputs", None)
            if not inner or place >= len(inner):
                return
            tensor = inner[place]
            continue
        if isinstance(operation, keras.layers.InputLayer):
            return
        yield operation
        inputs = operation._inbound_nodes[node].input_tensors
        if len(inputs) != 1:
            return
        tensor = inputs[0]
