"""Evidence of a network's task: its last layer, its loss and the names of its outputs."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from live_gradcam.fixed_choices import Task
from live_gradcam.models.model import output_of
from live_gradcam.models.task import (
    Ending,
    Evidence,
    telling,
)
from live_gradcam.models.type_names import Json, Network, Operation, Tensor

_MOST_BYTES = 64_000_000
"""Largest configuration that is read."""

_LOSSES: tuple[tuple[str, Task], ...] = (
    (r"binary.*crossentropy|bce|multi.?label", "multi-label"),
    (r"crossentropy|categorical_hinge|kl_?divergence|kullback|^kld$", "classes"),
    (
        r"mean_|^m(s|a|sl|ap)e$|squared_error|absolute_error|huber|log_?cosh|poisson|cosine|tweedie|quantile",
        "values",
    ),
)
"""Pattern in the name of a loss, in snake case → the task it is used for; the first match counts."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The task of a loss function, and whether it takes logits."""

    task: Task
    from_logits: bool = False
    """Whether the loss applies the softmax or sigmoid itself."""


def loss_of_network(network: Network, index: int, name: str) -> Loss | None:
    """Return the loss that one output of a network was compiled with; None where it is unknown.

    Args:
        network: the network.
        index: index of the output.
        name: name of the output.
    """
    if not getattr(network, "compiled", False):
        return None
    try:
        config = network.get_compile_config()
    except Exception:  # a user's own loss may fail to serialise in any way
        return None
    return _loss_in((config or {}).get("loss"), index, name)


def loss_of_file(path: Path, index: int, name: str) -> Loss | None:
    """Return the loss of one output as a model file stores it; None where it stores none.

    Args:
        path: a zip file of Keras or an HDF5 file under any name, or the folder of a SavedModel.
        index: index of the output.
        name: name of the output.
    """
    try:
        reader = _beside_graph if path.is_dir() else _zipped if zipfile.is_zipfile(path) else _hdf5
        config = reader(path)
        return _loss_in((config or {}).get("loss"), index, name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile):
        return None  # only evidence: loading the file reports its faults


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
    """Return the training configuration of a SavedModel; Keras 2 stores it as JSON in a separate file."""
    path = folder / "keras_metadata.pb"
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    _, found, rest = path.read_bytes().decode("utf-8", "replace").partition('"training_config": ')
    return json.JSONDecoder().raw_decode(rest)[0] if found else None


def _loss_in(loss: Json, index: int, name: str) -> Loss | None:
    """Return the loss of one output from a serialised loss: a name, a configuration, or one of these per output."""
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
        # Keras 2 wraps loss functions; the function's name is inside.
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
    """Return the evidence of an output's task: the loss of the network and the name of the output.

    Args:
        network: the network.
        output: name or index of the output.
        name: name of the model, for messages.
        file: the file it was read from, which may store the loss.
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
_SAME_NUMBERS = frozenset("Cast Dropout ExpandDims Flatten Identity Reshape Squeeze StopGradient".split())
"""Layers and operations of Keras that do not change the numbers."""

_ACTIVATIONS: dict[str, Ending] = {
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
    """Return the function that makes a symbolic output; None where only a trace can tell."""
    for operation in _backwards(tensor):
        kind = type(operation).__name__
        if kind in _SAME_NUMBERS:
            continue
        if kind == "Activation" or hasattr(operation, "kernel_initializer"):
            name = getattr(getattr(operation, "activation", None), "__name__", None)
            known = name is not None and hasattr(keras.activations, name)
            return _ACTIVATIONS.get(str(name), "other") if known else None
        return _OPERATIONS.get(kind)
    return None


def name_of(tensor: Tensor) -> str:
    """Return the name that the user gave the layer of a symbolic output; "" where Keras generated it."""
    shape = tensor.shape
    for operation in _backwards(tensor):
        output = operation.output if len(operation._inbound_nodes) == 1 else None
        if isinstance(output, list | tuple | dict) or (output is not None and output.shape[-1] != shape[-1]):
            return ""
        if name := _own_name(operation):
            return name
        if hasattr(operation, "kernel_initializer"):
            return ""  # earlier layers are named after features, not after the output
    return ""


def _own_name(operation: Operation) -> str:
    """Return the name of a layer; "" for an operation, and for a name generated from the class, such as `re_lu_1`."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).casefold()
    named_after_class = re.fullmatch(rf"{re.escape(kind)}(_\d+)?", operation.name.casefold())
    is_layer = isinstance(operation, keras.layers.Layer)
    return telling(operation.name) if is_layer and not named_after_class else ""


def _backwards(tensor: Tensor) -> Iterator[Operation]:
    """Yield the operations that make a symbolic tensor, the last first, up to the first with several inputs."""
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
