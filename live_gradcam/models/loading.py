"""Loads what is to be explained: a name of the zoo, a file, a function of the user's, or a `keras.Model`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import keras

from live_gradcam.config import DEFAULT_LANG, Lang, Task
from live_gradcam.errors import ModelError, SettingsError
from live_gradcam.file_names import expanded
from live_gradcam.models import zoo
from live_gradcam.models.evidence import evidence_of
from live_gradcam.models.file_kinds import MODEL_SUFFIXES, is_checkpoint_prefix
from live_gradcam.models.inputs import InputFeed, InputValue, feed_for
from live_gradcam.models.labels import Labels, imagenet_labels, translated
from live_gradcam.models.model import Model, classes_of, output_of, units_of
from live_gradcam.models.model_labels import first_labels, with_labels
from live_gradcam.models.network_copies import resizer, with_channels_last
from live_gradcam.models.preprocessing import chosen_preprocessing, grey, preprocessing_named
from live_gradcam.models.scaling import application_scaling, preprocessing_of
from live_gradcam.models.untyped import KerasTensor, Network, Tensor
from live_gradcam.models.user_code import callable_named, current_folder_first, is_reference, said_by
from live_gradcam.process.stderr_filter import native_stderr_filtered

_USUAL_SIZE = (224, 224)

_MOST_PIXELS = 2**26
"""In the input of a network: 8192×8192."""


@native_stderr_filtered()
def load_model(
    model: str | Path | Model | Network,
    labels: Sequence[str] | Labels | str | Path | None = None,
    preprocess: str | Callable[[Tensor], Tensor] = "auto",
    *,
    output: str | int | None = None,
    task: Task | None = None,
    inputs: Mapping[str, InputValue] | None = None,
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
            sigmoid unit has two classes; one name stands for the second. Values are called as their layer is, and
            may have units in their labels: `age [years]`.
        preprocess: how pictures are scaled for it: one of `live_gradcam.models.preprocessing.PREPROCESSINGS`, a
            function (N, H, W, 3) RGB in [0, 255] → the network's input, or `module:function`. `auto`: as what it
            does to the pixels itself asks for, else as the `keras.applications` network in it was trained, else
            to [0, 1], and a warning says so.
        output: name or index of the output that is explained, where there are several.
        task: what its numbers are: `classes`, `multi-label` or `values`; None finds out (`models.task`).
        inputs: name → value of the inputs besides the picture: numbers, arrays, or as text numbers with commas
            between them or a .npy file. Each is given to every picture of a batch.
        allow_unsafe: whether Python code in a model file may be loaded.
        lang: language of the class names, where they are ImageNet's; `en` leaves all others as they are, and those
            of a model that was loaded in another language.

    Raises:
        SettingsError: there is no such task.
        ModelError: there is no such model, its file or weights cannot be read, it takes no pictures, or its class
            names are not translated.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()} here; the explainer needs TensorFlow. "
            "Set KERAS_BACKEND=tensorflow and start again."
        )
    if task is not None and task not in get_args(Task):
        raise SettingsError(f"task is '{task}'. Valid: {', '.join(get_args(Task))}.")
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
    if labels is not None or task is not None:
        loaded = with_labels(loaded, labels, task)
    if labels is None and lang == "en":
        loaded = _named_beside(model, loaded)
    return replace(loaded, labels=translated(loaded.labels, lang))


def _load(
    model: str | Path | Network,
    output: str | int | None,
    inputs: Mapping[str, InputValue] | None,
    *,
    allow_unsafe: bool,
    scaled: bool,
) -> Model:
    if isinstance(model, keras.Model):
        return _from_network(model, model.name, output, inputs, scaled=scaled)
    text = str(model)
    if isinstance(model, Path) or _is_file(text):
        from live_gradcam.models.files import found_model, read_found  # a network of the zoo needs no reader

        found = found_model(expanded(text))
        network = read_found(found, allow_unsafe=allow_unsafe)
        return _from_network(network, found.path.name, output, inputs, scaled=scaled, file=found.path)
    if is_reference(text):
        return _from_network(_made_by(text), text, output, inputs, scaled=scaled)
    return _redirected(zoo.load(text), output, inputs)


def _is_file(text: str) -> bool:
    """Whether a text means a file or folder.

    In this order: what looks like a path is one; a name of the zoo is the zoo's network; the name of something in
    the current folder means that; all else is a `module:function` or a name.
    """
    path = expanded(text)
    if text.startswith(("~", ".")) or "/" in text or os.sep in text:
        return True
    try:
        there = path.exists() or is_checkpoint_prefix(path)
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


def _redirected(model: Model, output: str | int | None, inputs: Mapping[str, InputValue] | None) -> Model:
    """Return a model that is loaded already with another output, or other values for its inputs."""
    if inputs is not None:
        model = replace(model, feed=feed_for(model.network, inputs, model=model.name))
    if output is not None:
        evidence = replace(evidence_of(model.network, output, model.name), said=model.evidence.said)
        tensor = output_of(model.network, output, model.name)
        units = units_of(tensor)
        given = model.evidence.labels is not None or model.labels == imagenet_labels()
        kept = given and classes_of(tensor) in (None, len(model.labels))
        labels = model.labels if kept else first_labels(tensor, units, evidence)
        model = replace(model, output=output, labels=labels, evidence=evidence)
    return model


def _from_network(
    network: Network,
    name: str,
    output: str | int | None,
    inputs: Mapping[str, InputValue] | None,
    *,
    scaled: bool,
    file: Path | None = None,
) -> Model:
    """Return a user's own `keras.Model` with what can be seen of it.

    Args:
        network: the model.
        name: what it is called.
        output: name or index of the output that is explained.
        inputs: values of further inputs.
        scaled: whether the user said how pixels are.
        file: what it was read from.
    """
    _build(network, name)
    network = with_channels_last(network, name)
    feed = feed_for(network, inputs, model=name)
    tensor = output_of(network, output, name)
    units = units_of(tensor)
    entry = zoo.entry_of(network.name)
    known = len(imagenet_labels())
    is_imagenet = units == known and (entry is not None or application_scaling(network) is not None)
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
    evidence = replace(evidence_of(network, output, name, file), is_imagenet=is_imagenet)
    return Model(
        network=network,
        name=name,
        preprocessing=preprocessing,
        labels=imagenet_labels() if is_imagenet else first_labels(tensor, units, evidence),
        input_size=(height or usual[0], width or usual[1]),
        layer=layer if any(each.name == layer for each in network.layers) else None,
        resize=resizer(network, name),
        feed=feed,
        output=output,
        evidence=evidence,
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


def _symbolic(network: Network, feed: InputFeed) -> KerasTensor:
    """Return the symbolic input that takes the picture; None for a subclassed network, which has none."""
    names = keras.tree.flatten(feed.arguments)
    tensors = getattr(network, "inputs", None) or [None] * len(names)
    return dict(zip(names, tensors, strict=True))[feed.picture.name]


def _named_beside(model: str | Path | Model | Network, loaded: Model) -> Model:
    """Return a model with the labels of a file beside it, where there is one that fits; else as it is."""
    if not isinstance(model, (str, Path)):
        return loaded
    if not isinstance(model, Path) and not _is_file(str(model)):
        return loaded
    if units_of(output_of(loaded.network, loaded.output, loaded.name)) is None:
        return loaded  # nothing tells yet whether they fit
    from live_gradcam.models.files import found_model
    from live_gradcam.models.model_labels import labels_beside

    named: list[Model] = []

    def read(beside: Path) -> Labels:
        named.append(with_labels(loaded, beside, None))
        return named[-1].labels

    path = found_model(expanded(model)).path
    return loaded if labels_beside(path, read) is None else named[-1]
