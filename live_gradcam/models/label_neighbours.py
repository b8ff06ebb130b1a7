"""Labels that lie beside a model: found by their name, taken where their number fits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from live_gradcam.errors import ModelError
from live_gradcam.models.labels import Labels

logger = logging.getLogger(__name__)

SUFFIXES = (".txt", ".json", ".csv", ".tsv", ".yaml", ".yml", ".pbtxt")
"""How the name of a file of labels ends, in the order in which the files are tried."""

STEMS = (
    *(
        "labels",
        "label",
        "class_names",
        "classes",
        "class_indices",
        "class_labels",
        "label_names",
        "label_map",
    ),
    *("labelmap", "labels_map", "names", "synset", "synset_words"),
)
"""What a file of labels is called, in the order in which the files are tried."""

OTHERS = ("metadata.json", "config.json", "data.yaml", "classes.npy")
"""Files that may hold labels: Teachable Machine's, Hugging Face's, Ultralytics', a LabelEncoder's."""

FOLDERS = ("assets", "assets.extra")
"""Folders within a SavedModel that are looked into, too."""


class DoesNotFit(ModelError):
    """Labels are not as many as the model's classes.

    Args:
        message: as of any other error.
        difference: both numbers: `it has 4 names, the model has 5 classes`.
    """

    def __init__(self, message: str, difference: str) -> None:
        super().__init__(message)
        self.difference = difference


def labels_beside(model: Path, read: Callable[[Path], Labels]) -> Labels | None:
    """Return the labels that lie beside a model, and say so; None where there are none that fit.

    The order is: `MODEL.labels.*`, `MODEL_labels.*` and `MODEL-labels.*`, `MODEL.*`, then `STEMS` with each of
    `SUFFIXES`, then `OTHERS`. If the model is a folder, the files in it come first, then those in its `FOLDERS`, then
    those beside it. A warning names a file that is called labels and cannot be used, and a structured file whose
    labels do not fit; other files are skipped silently.

    Args:
        model: the file or folder of the model.
        read: reads a file; raises ModelError where it is none of labels, DoesNotFit where it is not the model's.
    """
    for path, surely in _places(model):
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


def _places(model: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files to try, and whether one of that name is surely meant to be the labels."""
    folder, stem = model.parent, model.name if model.is_dir() else model.stem
    own = [(folder / f"{stem}{joint}labels{suffix}", True) for joint in "._-" for suffix in SUFFIXES]
    own += [(folder / f"{stem}{suffix}", False) for suffix in SUFFIXES]
    within = [model, *(model / each for each in FOLDERS)] if model.is_dir() else []
    usual = [
        (place / name, surely)
        for place in (*within, folder)
        for name, surely in (
            *((f"{stem}{suffix}", True) for stem in STEMS for suffix in SUFFIXES),
            *((name, False) for name in OTHERS),
        )
    ]
    yield from ((path, surely) for path, surely in (*own, *usual) if path != model)
