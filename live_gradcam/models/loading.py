"""Loads what is to be explained: a name of the zoo, a file, or a `keras.Model`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models import zoo
from live_gradcam.models.label_files import read_labels
from live_gradcam.models.labels import Labels, imagenet_labels, labels_from, numbered_labels
from live_gradcam.models.model import Model, Network
from live_gradcam.models.preprocessing import Preprocessing, preprocessing_named

logger = logging.getLogger(__name__)

_FILES = (".keras", ".h5", ".hdf5")
_USUAL_SIZE = (224, 224)


def load_model(
    model: str | Path | Model | Network,
    labels: Sequence[str] | Labels | str | Path | None = None,
    preprocess: str = "auto",
) -> Model:
    """Load a classifier.

    Args:
        model: a name of the zoo (`efficientnet-lite0`, `vgg16`, …), a `.keras` or `.h5` file, or a
            `keras.Model`, which is used as it is and never changed.
        labels: class names in the order of the outputs, or a file of them; None: those that the zoo knows, else
            `class 0`, `class 1`, ….
        preprocess: how pictures are scaled for it, one of `live_gradcam.models.preprocessing.PREPROCESSINGS`;
            `auto`: as the zoo knows, not at all where the model has a `Rescaling` or `Normalization` layer, else
            to [0, 1], and a warning says so.

    Raises:
        ModelError: there is no such model, its file or weights cannot be read, or it is no image classifier.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()} here; the explainer needs TensorFlow. "
            "Set KERAS_BACKEND=tensorflow and start again."
        )
    loaded = model if isinstance(model, Model) else _load(model)
    if preprocess != "auto":
        loaded = replace(loaded, preprocessing=preprocessing_named(preprocess))
    if labels is not None:
        loaded = replace(loaded, labels=_labels(labels))
    classes = _classes(loaded)
    if classes is not None and classes != len(loaded.labels):
        raise ModelError(
            f"{loaded.name} has {classes} classes but {len(loaded.labels)} labels were given: "
            "one for each class, in the order of its outputs, is needed."
        )
    return loaded


def _load(model: str | Path | Network) -> Model:
    if isinstance(model, keras.Model):
        return _from_network(model, model.name)
    text = str(model)
    path = Path(text).expanduser()
    if path.suffix.casefold() in _FILES:
        return _from_network(_read(path), path.name)
    if path.exists() and not zoo.is_default(text) and zoo.entry_like(text) is None:
        raise ModelError(f"{path} is not a model file: its name must end in {', '.join(_FILES)}.")
    return zoo.load(text)


def _read(path: Path) -> Network:
    if not path.is_file():
        raise ModelError(f"there is no model file {path}.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(f"cannot load the model {path}: {str(error).strip().splitlines()[0]}") from error


def _from_network(network: Network, name: str) -> Model:
    """Return a user's own `keras.Model` with what can be seen of it."""
    entry = zoo.entry_like(network.name)
    inputs = getattr(network, "inputs", None)
    if inputs and len(inputs) > 1:
        raise ModelError(
            f"{name} has {len(inputs)} inputs; a network whose one input is the picture is needed."
        )
    outputs = getattr(network, "outputs", None)
    classes = outputs[0].shape[-1] if outputs and len(outputs) == 1 else None
    if entry is not None and classes == len(imagenet_labels()):
        return replace(zoo.as_entry(entry, network), name=name)
    shape = inputs[0].shape if inputs else (None, None, None, 3)
    if len(shape) != 4 or shape[-1] not in (3, None):
        raise ModelError(f"{name} takes {tuple(shape)}; pictures (batch, height, width, 3) are needed.")
    return Model(
        network=network,
        name=name,
        preprocessing=_scaling(network, name),
        labels=numbered_labels(classes) if classes else Labels(()),
        input_size=(shape[1] or _USUAL_SIZE[0], shape[2] or _USUAL_SIZE[1]),
    )


def _scaling(network: Network, name: str) -> Preprocessing:
    kinds = {type(layer).__name__ for layer in network._flatten_layers()}
    if kinds & {"Rescaling", "Normalization"}:
        return preprocessing_named("none")
    logger.warning("%s: assuming that it takes RGB in [0, 1]; --preprocess says otherwise", name)
    return preprocessing_named("unit")


def _labels(labels: Sequence[str] | Labels | str | Path) -> Labels:
    if isinstance(labels, Labels):
        return labels
    return read_labels(Path(labels)) if isinstance(labels, (str, Path)) else labels_from(labels)


def _classes(model: Model) -> int | None:
    outputs = getattr(model.network, "outputs", None)
    return int(outputs[0].shape[-1]) if outputs and outputs[0].shape[-1] else None
