"""Finds out what a network's numbers are and what they are called: from its end, the file and the user's labels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from live_gradcam.config import Task
from live_gradcam.file_names import expanded
from live_gradcam.models.labels import Labels
from live_gradcam.models.last_layer import ending_of, name_of
from live_gradcam.models.model import Model, Network
from live_gradcam.models.outputs import numbers_of, output_of, units_of
from live_gradcam.models.stored_loss import loss_of_file, loss_of_network
from live_gradcam.models.task import Evidence, decided, difference, fits, labels_for, telling, wrong_number
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
