"""The loss that a network was compiled with: evidence of what its outputs are."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live_gradcam.config import Task

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


def loss_of_network(network: Any, index: int, name: str) -> Loss | None:  # noqa: ANN401 - a keras.Model
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
    return _read((config or {}).get("loss"), index, name)


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
        return _read((config or {}).get("loss"), index, name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile):
        return None  # it is evidence, no more: what is wrong with the file is said by those who load it


def _zipped(path: Path) -> Any:  # noqa: ANN401 - whatever the JSON holds
    with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
        text = file.read(_MOST_BYTES + 1)
    return None if len(text) > _MOST_BYTES else json.loads(text).get("compile_config")


def _hdf5(path: Path) -> Any:  # noqa: ANN401 - whatever the JSON holds
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("training_config")
    return None if text is None or len(text) > _MOST_BYTES else json.loads(text)


def _beside_graph(folder: Path) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Return the training configuration of a SavedModel, which Keras 2 keeps as JSON in a file of its own."""
    path = folder / "keras_metadata.pb"
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    _, found, rest = path.read_bytes().decode("utf-8", "replace").partition('"training_config": ')
    return json.JSONDecoder().raw_decode(rest)[0] if found else None


def _read(loss: Any, index: int, name: str) -> Loss | None:  # noqa: ANN401 - as Keras serialises it
    """Return what a serialised loss says: a name, a configuration, or one for each output."""
    if isinstance(loss, str):
        return _named(loss)
    if isinstance(loss, Mapping):
        if "class_name" not in loss:
            return _read(loss.get(name), 0, name)
        config = loss.get("config")
        if isinstance(config, str):  # a function, by its name
            return _named(config)
        if loss["class_name"] in ("__list__", "__tuple__"):
            return _read(config, index, name)
        settings = config if isinstance(config, Mapping) else {}
        # A loss function of Keras 2 is wrapped: its own name stands inside.
        inner = settings.get("fn") if str(loss["class_name"]) == "LossFunctionWrapper" else None
        found = _named(str(inner or loss["class_name"]))
        return None if found is None else Loss(found.task, settings.get("from_logits") is True)
    if isinstance(loss, Sequence) and index < len(loss):
        return _read(loss[index], 0, name)
    return None


def _named(name: str) -> Loss | None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()
    return next((Loss(task) for form, task in _LOSSES if re.search(form, snake)), None)
