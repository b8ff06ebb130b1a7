"""Loads what is to be explained: a name of the zoo, a file, a function of the user's, or a `keras.Model`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from live_gradcam.config import DEFAULT_LANG, Lang
from live_gradcam.errors import ModelError
from live_gradcam.file_names import expanded
from live_gradcam.models import zoo
from live_gradcam.models.channel_order import with_channels_last
from live_gradcam.models.file_kinds import MODEL_SUFFIXES
from live_gradcam.models.files import found_model, read_found
from live_gradcam.models.inputs import Feed, feed_for
from live_gradcam.models.label_entries import names_and_units
from live_gradcam.models.label_files import read_labels
from live_gradcam.models.label_neighbours import DoesNotFit, labels_beside
from live_gradcam.models.labels import Labels, imagenet_labels, numbered_labels, translated
from live_gradcam.models.model import Model, Network
from live_gradcam.models.outputs import chosen_output, classes_of, units_of
from live_gradcam.models.preprocessing import chosen_preprocessing, grey, preprocessing_named
from live_gradcam.models.reference import callable_named, current_folder_first, is_reference, said_by
from live_gradcam.models.resizing import resizer
from live_gradcam.models.scaling import application_scaling, preprocessing_of
from live_gradcam.native import native_stderr_filtered

logger = logging.getLogger(__name__)

_USUAL_SIZE = (224, 224)

BACKGROUND = frozenset({"background", "bg", "???", "unlabeled", "unlabelled", "dummy"})
"""What the first line of a list of labels may be, letters only, that the network has no output for."""

_MOST_PIXELS = 2**26
"""In the input of a network: 8192×8192."""


@native_stderr_filtered()
def load_model(
    model: str | Path | Model | Network,
    labels: Sequence[str] | Labels | str | Path | None = None,
    preprocess: str | Callable[[Any], Any] = "auto",
    *,
    output: str | int | None = None,
    inputs: Mapping[str, Any] | None = None,
    allow_unsafe: bool = False,
    lang: Lang = DEFAULT_LANG,
) -> Model:
    """Load a network.

    Args:
        model: a name of the zoo (`efficientnet-lite0`, `vgg16`, …), a file or folder as `read_network` reads it,
            `module:function` with a function without arguments that returns a `keras.Model`, or a `keras.Model`,
            which is used as it is and never changed (only built, where it is a `Sequential` that has no weights
            yet; one with channels first is turned into one with channels last). A text with a slash, or that ends
            like a model file, means a file; a name of the zoo comes before a file of the same name (`./vgg16` means
            the file); a file before a `module:function`.
        labels: class names in the order of the outputs, or a file of them; None: those of a file beside the model
            whose number fits (`label_neighbours`), else those that the zoo knows, else `class 0`, `class 1`, …. A
            network with one unit has two classes; one name stands for the second.
        preprocess: how pictures are scaled for it: one of `live_gradcam.models.preprocessing.PREPROCESSINGS`, a
            function (N, H, W, 3) RGB in [0, 255] → the network's input, or `module:function`. `auto`: as what it
            does to the pixels itself asks for, else as the `keras.applications` network in it was trained, else
            to [0, 1], and a warning says so.
        output: name or index of the output that is explained, where there are several.
        inputs: name → value of the inputs besides the picture: numbers, arrays, or as text numbers with commas
            between them or a .npy file. Each is given to every picture of a batch.
        allow_unsafe: whether Python code in a model file may be loaded.
        lang: language of the class names, where they are ImageNet's; `en` leaves all others as they are, and those
            of a model that was loaded in another language.

    Raises:
        ModelError: there is no such model, its file or weights cannot be read, it takes no pictures, or its class
            names are not translated.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()} here; the explainer needs TensorFlow. "
            "Set KERAS_BACKEND=tensorflow and start again."
        )
    if isinstance(model, Model):
        loaded = _redirected(model, output, inputs)
    else:
        loaded = _load(model, output, inputs, allow_unsafe=allow_unsafe, scaled=preprocess != "auto")
    if preprocess != "auto":
        loaded = replace(
            loaded,
            preprocessing=chosen_preprocessing(
                preprocess,
                size=loaded.input_size,
                channels=loaded.feed.picture.shape[-1] or 3,
                model=loaded.name,
            ),
        )
    named = _labels(labels, loaded) if labels is not None else loaded.labels
    if labels is None and lang == "en":
        named = _labels_beside(model, loaded)
    return replace(loaded, labels=translated(named, lang, model=loaded.name))


def _load(
    model: str | Path | Network,
    output: str | int | None,
    inputs: Mapping[str, Any] | None,
    *,
    allow_unsafe: bool,
    scaled: bool,
) -> Model:
    if isinstance(model, keras.Model):
        return _from_network(model, model.name, output, inputs, scaled=scaled)
    text = str(model)
    if isinstance(model, Path) or _is_file(text):
        found = found_model(expanded(text))
        network = read_found(found, allow_unsafe=allow_unsafe)
        return _from_network(network, found.path.name, output, inputs, scaled=scaled)
    if is_reference(text):
        return _from_network(_made_by(text), text, output, inputs, scaled=scaled)
    return _redirected(zoo.load(text), output, inputs)


def _is_file(text: str) -> bool:
    """Whether a text means a file or folder.

    In this order: what looks like a path is one; a name of the zoo is the zoo's network; the name of something in
    the current folder means that; all else is a `module:function` or a name.
    """
    path = Path(text).expanduser()
    if text.startswith(("~", ".")) or "/" in text or os.sep in text:
        return True
    try:
        there = path.exists()
    except OSError:  # too long for the name of a file
        there = False
    if path.suffix.casefold() in MODEL_SUFFIXES:
        return there or not is_reference(text)  # `package.module:build.model` is a reference
    return there and not zoo.is_default(text) and zoo.entry_like(text) is None


def _made_by(reference: str) -> Network:
    """Return the network that a function of the user's makes, or that the reference itself names."""
    factory = callable_named(reference)
    if isinstance(factory, keras.Model):
        return factory
    try:
        with current_folder_first():
            network = factory()
    except Exception as error:
        raise ModelError(f"{reference}() failed: {said_by(error)}") from error
    if not isinstance(network, keras.Model):
        raise ModelError(f"{reference}() returned {type(network).__name__}, not a keras.Model.")
    return network


def _redirected(model: Model, output: str | int | None, inputs: Mapping[str, Any] | None) -> Model:
    """Return a model that is loaded already with another output, or other values for its inputs."""
    if inputs is not None:
        model = replace(model, feed=feed_for(model.network, inputs, model=model.name))
    if output is not None:
        classes = classes_of(_output(model.network, output, model.name))
        labels = model.labels if classes in (None, len(model.labels)) else numbered_labels(classes)
        model = replace(model, output=output, labels=labels)
    return model


def _from_network(
    network: Network,
    name: str,
    output: str | int | None,
    inputs: Mapping[str, Any] | None,
    *,
    scaled: bool,
) -> Model:
    """Return a user's own `keras.Model` with what can be seen of it; `scaled`: the user said how pixels are."""
    _build(network, name)
    network = with_channels_last(network, name)
    feed = feed_for(network, inputs, model=name)
    classes = classes_of(_output(network, output, name))
    entry = zoo.entry_of(network.name)
    known = len(imagenet_labels())
    is_imagenet = classes == known and (entry is not None or application_scaling(network) is not None)
    _, height, width, channels = feed.picture.shape
    if (height or 1) * (width or 1) > _MOST_PIXELS:
        raise ModelError(
            f"{name} takes pictures of {width}×{height} pixels, more than memory holds: its settings are damaged. "
            "Download or save it again."
        )
    usual = _USUAL_SIZE if entry is None else (entry.size, entry.size)
    if scaled:
        preprocessing = preprocessing_named("none")  # until the user's own takes its place
    else:
        preprocessing = preprocessing_of(network, _symbolic(network, feed), name)
        preprocessing = grey(preprocessing, name) if channels == 1 else preprocessing
    layer = entry.layer if entry is not None else None
    return Model(
        network=network,
        name=name,
        preprocessing=preprocessing,
        labels=imagenet_labels() if is_imagenet else numbered_labels(classes or 0),
        input_size=(height or usual[0], width or usual[1]),
        layer=layer if any(each.name == layer for each in network.layers) else None,
        resize=resizer(network, name),
        feed=feed,
        output=output,
    )


def _build(network: Network, name: str) -> None:
    """Give a `Sequential` that was never given an input its weights, as its first call would."""
    if not isinstance(network, keras.Sequential) or network.built or not network.layers:
        return
    shape = getattr(network.layers[0], "input_shape", None) or (None, *_USUAL_SIZE, 3)
    try:
        network.build(shape)
    except Exception as error:
        raise ModelError(
            f"{name} has no input yet and cannot be built for {shape[2]}×{shape[1]} pixels: {said_by(error)} "
            "Put keras.Input((height, width, 3)) in front."
        ) from error


def _symbolic(network: Network, feed: Feed) -> Any:  # noqa: ANN401 - a KerasTensor or None
    """Return the symbolic input that takes the picture; None for a subclassed network, which has none."""
    names = keras.tree.flatten(feed.arguments)
    tensors = getattr(network, "inputs", None) or [None] * len(names)
    return dict(zip(names, tensors, strict=True))[feed.picture.name]


def _output(network: Network, output: str | int | None, name: str) -> Any:  # noqa: ANN401 - a KerasTensor or None
    """Return the symbolic output that is explained; None for a subclassed network: only a trace can tell."""
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = outputs[0] if isinstance(network, keras.Sequential) else network.output
    names = getattr(network, "output_names", ())
    return chosen_output(structure, output, names=names, model=name)


def _labels_beside(model: str | Path | Model | Network, loaded: Model) -> Labels:
    """Return the labels of a file beside a model's own, where there is one that fits; else those that it has."""
    if not isinstance(model, (str, Path)) or not loaded.labels:
        return loaded.labels
    path = Path(model).expanduser()
    if not path.exists() or zoo.is_default(str(model)) or zoo.entry_like(str(model)) is not None:
        return loaded.labels
    return labels_beside(path, lambda beside: _labels(beside, loaded)) or loaded.labels


def _labels(labels: Sequence[str] | Labels | str | Path, model: Model) -> Labels:
    """Return the user's labels for a model.

    Raises:
        ModelError: they cannot be read, or are not as many as its classes.
    """
    tensor = _output(model.network, model.output, model.name)
    classes = classes_of(tensor)
    source = ""
    if isinstance(labels, (str, Path)):
        counts = () if classes is None else (1, 2) if units_of(tensor) == 1 else (classes, classes + 1)
        source = f" in {Path(labels).name}"
        labels = read_labels(Path(labels), counts)
    elif not isinstance(labels, Labels):
        names, units = names_and_units([str(name) for name in labels])
        labels = Labels(names, units=units if any(units) else ())
    if units_of(tensor) == 1 and len(labels) == 1:
        return Labels((f"not {labels[0]}", labels[0]), units=("", *labels.units) if labels.units else ())
    if classes is not None and len(labels) == classes + 1 and labels[0].casefold().strip("_ ") in BACKGROUND:
        logger.warning(
            "%s has %d classes and there are %d labels%s: the first, '%s', is left out",
            model.name,
            classes,
            len(labels),
            source,
            labels[0],
        )
        return labels.without_first()
    if classes is not None and classes != len(labels):
        missing = (
            " If its class 0 is the background, put a line 'background' in front."
            if classes == len(labels) + 1
            else ""
        )
        raise DoesNotFit(
            f"{model.name} has {classes} classes but {len(labels)} labels were given{source}: "
            f"one for each class, in the order of its outputs, is needed.{missing}"
        )
    return labels
