"""The labels of a model: from the user, or from a file beside the model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from live_gradcam.errors import ModelError
from live_gradcam.file_names import expanded
from live_gradcam.fixed_choices import Task
from live_gradcam.models.label_places import label_places
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model, numbers_of, output_of, units_of
from live_gradcam.models.task import (
    Evidence,
    decided,
    difference,
    fits,
    labels_for,
    wrong_number,
)
from live_gradcam.models.task_evidence import ending_of
from live_gradcam.models.type_names import KerasTensor
from live_gradcam.number_format import counted

logger = logging.getLogger(__name__)

T = TypeVar("T")

BACKGROUND = frozenset({"background", "bg", "???", "unlabeled", "unlabelled", "dummy"})
"""First names in label files that stand for the background, for which the network may have no output."""


def first_labels(tensor: KerasTensor, units: int | None, evidence: Evidence) -> Labels:
    """Return the labels of the outputs; empty where the task is unknown before a trace."""
    task = task_of(tensor, units, evidence)
    return Labels(()) if task is None or units is None else labels_for(task, units, evidence)


def task_of(tensor: KerasTensor, units: int | None, evidence: Evidence) -> Task | None:
    """Return the task of an output; None where only a trace can tell."""
    ending = None if tensor is None else ending_of(tensor)
    if evidence.chosen is not None:
        return evidence.chosen
    return None if ending is None or units is None else decided(ending, units, evidence).task


def with_labels(model: Model, labels: Sequence[str] | Labels | str | Path | None, task: Task | None) -> Model:
    """Return a model with the user's labels and task.

    Raises:
        ModelError: the labels cannot be read, or their number is not that of the outputs.
    """
    evidence = model.evidence if task is None else replace(model.evidence, chosen=task)
    tensor = output_of(model.network, model.output, model.name)
    units = units_of(tensor) if evidence.chosen != "values" else numbers_of(tensor)
    given = None if labels is None else _read(labels, units)
    evidence = replace(evidence, labels=given or evidence.labels)
    named = task_of(tensor, units, evidence)
    if given is not None and units is not None and not fits(len(given), units, named):
        source = f" in {Path(labels).name}" if isinstance(labels, (str, Path)) else ""
        given = _without_background(given, units, named, model.name, source)
        evidence = replace(evidence, labels=given)
    if named is not None and units is not None:
        return replace(model, evidence=evidence, labels=labels_for(named, units, evidence))
    # One unit may be a value or decide between two classes: only a trace can tell.
    known = given if given is not None and units != 1 else Labels(())
    return replace(model, evidence=evidence, labels=known)


def _read(labels: Sequence[str] | Labels | str | Path, units: int | None) -> Labels:
    """Return the user's labels; the number of units decides where a file can be read in two ways."""
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
    """Return the labels without the first one, where it stands for the background and the rest fit the outputs.

    Raises:
        DoesNotFit: the number of labels is wrong in another way.
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
    raise DoesNotFit(
        wrong_number(model, task, units, len(labels), source), difference(task, units, len(labels))
    )


class DoesNotFit(ModelError):
    """The number of labels is not that of the model's outputs.

    Args:
        message: the whole message.
        difference: both numbers: `it has 4 names, the model has 5 classes`.
    """

    def __init__(self, message: str, difference: str) -> None:
        super().__init__(message)
        self.difference = difference


def read_beside(model: Path, read: Callable[[Path], T]) -> T | None:
    """Read the labels of a file beside a model, and log which file it is; return None where none fits.

    Files are tried in this order: `MODEL.labels.*`, `MODEL_labels.*` and `MODEL-labels.*`, `MODEL.*`, then `STEMS`
    with each of `SUFFIXES`, then `OTHERS`. If the model is a folder, files inside it come first, then those in its
    `FOLDERS`, then those beside it. A warning names a file with a name from `STEMS` that cannot be used, and a
    structured file whose labels do not fit; other files are skipped silently.

    Args:
        model: the file or folder of the model.
        read: reads the labels of a file; raises ModelError where it holds none, DoesNotFit where their number is wrong.
    """
    for path, surely in label_places(model):
        try:
            if not path.is_file():
                continue
            found = read(path)
        except (ModelError, OSError, ValueError) as error:
            if surely or (isinstance(error, DoesNotFit) and path.suffix != ".txt"):
                reason = error.difference if isinstance(error, DoesNotFit) else error
                logger.warning("%s beside %s is not used: %s", path.name, model.name, reason)
            else:
                logger.debug("%s has no labels for %s: %s", path, model.name, error)
            continue
        logger.warning(
            "the class names are those of %s beside %s (--labels FILE takes others)", path.name, model.name
        )
        return found
    return None
