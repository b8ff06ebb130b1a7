"""Finds out what a network's numbers are and what they are called: from its end, the file and the user's labels."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from live_gradcam.config import Task
from live_gradcam.file_names import expanded
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model, Network
from live_gradcam.models.outputs import numbers_of, output_of, units_of
from live_gradcam.models.stored_loss import loss_of_file, loss_of_network
from live_gradcam.models.task import (
    Ending,
    Evidence,
    decided,
    difference,
    fits,
    labels_for,
    telling,
    wrong_number,
)
from live_gradcam.number import counted

logger = logging.getLogger(__name__)

BACKGROUND = frozenset({"background", "bg", "???", "unlabeled", "unlabelled", "dummy"})
"""What the first line of a list of labels may be, letters only, that the network has no output for."""


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


def first_labels(tensor: Any, units: int | None, evidence: Evidence) -> Labels:  # noqa: ANN401
    """Return what the outputs are called, as far as that is known before the network is traced."""
    task = task_of(tensor, units, evidence)
    return Labels(()) if task is None or units is None else labels_for(task, units, evidence)


def task_of(tensor: Any, units: int | None, evidence: Evidence) -> Task | None:  # noqa: ANN401 - a KerasTensor or None
    """Return what the outputs are; None where only a trace can tell."""
    ending = None if tensor is None else ending_of(tensor)
    if evidence.said is not None:
        return evidence.said
    return None if ending is None or units is None else decided(ending, units, evidence).task


def with_labels(model: Model, labels: Sequence[str] | Labels | str | Path | None, task: Task | None) -> Model:
    """Return a model with the user's labels and task.

    Raises:
        ModelError: the labels cannot be read, or are not as many as its outputs.
    """
    evidence = model.evidence if task is None else replace(model.evidence, said=task)
    tensor = output_of(model.network, model.output, model.name)
    units = units_of(tensor) if evidence.said != "values" else numbers_of(tensor)
    given = None if labels is None else _read(labels, units)
    evidence = replace(evidence, labels=given or evidence.labels)
    named = task_of(tensor, units, evidence)
    if given is not None and units is not None and not fits(len(given), units, named):
        source = f" in {Path(labels).name}" if isinstance(labels, (str, Path)) else ""
        given = _without_background(given, units, named, model.name, source)
        evidence = replace(evidence, labels=given)
    if named is not None and units is not None:
        return replace(model, evidence=evidence, labels=labels_for(named, units, evidence))
    # One unit that only a trace can tell about may be a value, or decide between two classes.
    known = given if given is not None and units != 1 else Labels(())
    return replace(model, evidence=evidence, labels=known)


def _read(labels: Sequence[str] | Labels | str | Path, units: int | None) -> Labels:
    """Return the user's labels; `units`, how many outputs there are, decides where a file can be read in two ways."""
    if isinstance(labels, (str, Path)):
        from live_gradcam.models.label_files import read_labels

        counts = () if units is None else (1, 2) if units == 1 else (units, units + 1)
        return read_labels(expanded(labels), counts)
    if isinstance(labels, Labels):
        return labels
    from live_gradcam.models.label_entries import names_and_units

    names, their_units = names_and_units([str(name) for name in labels])
    return Labels(names, units=their_units if any(their_units) else ())


def _without_background(labels: Labels, units: int, task: Task | None, model: str, source: str) -> Labels:
    """Return labels that are one too many without the first, which stands for the background.

    Raises:
        DoesNotFit: there are not as many as the outputs otherwise.
    """
    if fits(len(labels) - 1, units, task) and labels[0].casefold().strip("_ ") in BACKGROUND:
        logger.warning(
            "%s has %s and there are %d labels%s: the first, '%s', is left out",
            model,
            counted(units, "class"),
            len(labels),
            source,
            labels[0],
        )
        return labels.without_first()
    from live_gradcam.models.label_neighbours import DoesNotFit

    raise DoesNotFit(
        wrong_number(model, task, units, len(labels), source), difference(task, units, len(labels))
    )


Tensor = Any

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


def _own_name(operation: Any) -> str:  # noqa: ANN401 - a layer or operation of Keras
    """Return the name of a layer; "" for an operation, and for what is called after its class: `re_lu_1`."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).casefold()
    named_after_class = re.fullmatch(rf"{re.escape(kind)}(_\d+)?", operation.name.casefold())
    is_layer = isinstance(operation, keras.layers.Layer)
    return telling(operation.name) if is_layer and not named_after_class else ""


def _backwards(tensor: Tensor) -> Iterator[Any]:
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
