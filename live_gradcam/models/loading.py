"""Loads a model: by its name in the zoo, from a file, from a user's function, or from a `keras.Model`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import keras

from live_gradcam.config import DEFAULT_LANG, ExplainSettings
from live_gradcam.errors import ModelError, SettingsError
from live_gradcam.file_names import expanded
from live_gradcam.fixed_choices import Lang, Task
from live_gradcam.models import zoo
from live_gradcam.models.file_kinds import MODEL_SUFFIXES, is_checkpoint_prefix
from live_gradcam.models.inputs import InputFeed, InputValue, feed_for
from live_gradcam.models.labels import Labels, imagenet_labels, translated
from live_gradcam.models.model import Model, classes_of, output_of, units_of
from live_gradcam.models.model_labels import first_labels, read_beside, with_labels
from live_gradcam.models.network_copies import resizer, with_channels_last
from live_gradcam.models.preprocessing import RGB, Pixels, chosen_preprocessing, grey, preprocessing_named
from live_gradcam.models.preprocessing_detection import application_scaling, preprocessing_of
from live_gradcam.models.task_evidence import evidence_of
from live_gradcam.models.type_names import KerasTensor, Network
from live_gradcam.models.user_code import callable_named, current_folder_first, error_text, is_reference
from live_gradcam.process.stderr_filter import native_stderr_filtered

_USUAL_SIZE = (224, 224)

_MOST_PIXELS = 2**26
"""Most pixels in the input of a network: 8192×8192."""


@native_stderr_filtered()
def load_model(
    model: str | Path | Model | Network,
    labels: Sequence[str] | Labels | str | Path | None = None,
    preprocess: str | Callable[[RGB], Pixels] = "auto",
    *,
    output: str | int | None = None,
    task: Task | None = None,
    inputs: Mapping[str, InputValue] | None = None,
    allow_unsafe: bool = False,
    lang: Lang = DEFAULT_LANG,
) -> Model:
    """Load a model.

    Args:
        model: one of these:

            - a name from the zoo, such as `efficientnet-lite0` or `vgg16`
            - a model file or folder, as `read_network` reads it
            - `module:function`, a function without arguments that returns a `keras.Model`
            - a `keras.Model`. It is not changed, except that a `Sequential` without weights is built. One with
              channels first is replaced by a copy with channels last.

            A text with a slash or with the suffix of a model file means a file. A name from the zoo comes before a
            file of the same name (`./vgg16` means the file), and a file before a `module:function`.
        labels: class names in the order of the outputs, or a file of them. None: the names in a file beside the model
            whose number fits (`read_beside`), else those of the zoo, else `class 0`, `class 1`, …. A sigmoid unit
            has two classes; a single name means the second. Labels of values may have units: `age [years]`.
        preprocess: one of `live_gradcam.models.preprocessing.PREPROCESSINGS`, `module:function`, or a function that
            converts (N, H, W, 3) RGB in [0, 255] to the network's input. `auto` chooses, in this order, by the
            network's own scaling, by the `keras.applications` network inside it, or [0, 1] with a warning.
        output: name or index of the output that is explained, where there are several.
        task: `classes`, `multi-label` or `values`; None decides by the rules of `live_gradcam.models.task`.
        inputs: name → value of every input besides the picture: a number, an array, or as text numbers with commas
            between them or a .npy file. Each picture of a batch gets the same value.
        allow_unsafe: whether Python code in a model file may be loaded.
        lang: language of ImageNet's class names; other names stay as they are. `en` also leaves the names of a `Model`
            that was loaded in another language.

    Raises:
        SettingsError: there is no such task.
        ModelError: there is no such model, its file or weights cannot be read, it takes no pictures, or there is no
            such language.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()} here; the explainer needs TensorFlow. "
            "Set KERAS_BACKEND=tensorflow and start again."
        )
    if task is not None and task not in get_args(Task):
        raise SettingsError(f"task is '{task}'. Valid: {', '.join(get_args(Task))}.")
    if isinstance(model, Model):
        loaded = replace(
            _redirected(model, output, inputs), key=None
        )  # with other settings it is another model
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


def load_named(settings: ExplainSettings) -> Model:
    """Load the model that settings name; see `load_model`."""
    return load_model(
        settings.model,
        settings.labels,
        settings.preprocess,
        output=settings.output,
        task=settings.task,
        inputs=settings.inputs,
        allow_unsafe=settings.allow_unsafe,
        lang=settings.lang,
    )


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
        from live_gradcam.models.network_files import found_model, read_found  # the zoo does not need it

        found = found_model(expanded(text))
        network = read_found(found, allow_unsafe=allow_unsafe)
        return _from_network(network, found.path.name, output, inputs, scaled=scaled, file=found.path)
    if is_reference(text):
        return _from_network(_made_by(text), text, output, inputs, scaled=scaled)
    return _redirected(zoo.load(text), output, inputs)


def _is_file(text: str) -> bool:
    """Whether a text means a file: it looks like a path, or such a file exists and the zoo has no such name."""
    path = expanded(text)
    if text.startswith(("~", ".")) or "/" in text or os.sep in text:
        return True
    try:
        there = path.exists() or is_checkpoint_prefix(path)
    except OSError:  # too long for a file name
        there = False
    if path.suffix.casefold() in MODEL_SUFFIXES:
        return there or not is_reference(text)  # `package.module:build.model` is a reference
    return there and zoo.lite_named(text) is None and zoo.entry_like(text) is None


def _made_by(reference: str) -> Network:
    """Return the network that a user's function returns, or that the reference names directly."""
    factory = callable_named(reference)
    if isinstance(factory, keras.Model):
        return factory
    try:
        with current_folder_first():
            network = factory()
    except Exception as error:
        raise ModelError(f"{reference}() failed: {error_text(error)}") from error
    if not isinstance(network, keras.Model):
        raise ModelError(f"{reference}() returned {type(network).__name__}, not a keras.Model.")
    return network


def _redirected(model: Model, output: str | int | None, inputs: Mapping[str, InputValue] | None) -> Model:
    """Return a loaded model with another output, or with other values for its inputs."""
    if inputs is not None:
        model = replace(model, feed=feed_for(model.network, inputs, model=model.name))
    if output is not None:
        evidence = replace(evidence_of(model.network, output, model.name), chosen=model.evidence.chosen)
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
    """Return a user's `keras.Model` as a `Model`, with everything that can be found out about it.

    Args:
        network: the `keras.Model`.
        name: name of the model, for messages.
        output: name or index of the output that is explained.
        inputs: values of further inputs.
        scaled: whether the user chose the preprocessing.
        file: the file it was read from.
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
        preprocessing = preprocessing_named("none")  # the caller replaces it
    else:
        own = units not in (known, known + 1)  # some have a class for the background, too
        preprocessing = preprocessing_of(network, _symbolic(network, feed), name, is_own_head=own)
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
    """Build a `Sequential` without an input, as its first call would."""
    if not isinstance(network, keras.Sequential) or network.built or not network.layers:
        return
    shape = getattr(network.layers[0], "input_shape", None) or (None, *_USUAL_SIZE, 3)
    try:
        network.build(shape)
    except Exception as error:
        raise ModelError(
            f"{name} has no input yet and cannot be built for {shape[2]}×{shape[1]} pixels: {error_text(error)} "
            "Put keras.Input((height, width, 3)) in front."
        ) from error


def _symbolic(network: Network, feed: InputFeed) -> KerasTensor:
    """Return the symbolic input that takes the picture; None for a subclassed network."""
    names = keras.tree.flatten(feed.arguments)
    tensors = getattr(network, "inputs", None) or [None] * len(names)
    return dict(zip(names, tensors, strict=True))[feed.picture.name]


def _named_beside(model: str | Path | Model | Network, loaded: Model) -> Model:
    """Return a model with the labels of a file beside it, if one fits."""
    if not isinstance(model, (str, Path)):
        return loaded
    if not isinstance(model, Path) and not _is_file(str(model)):
        return loaded
    if units_of(output_of(loaded.network, loaded.output, loaded.name)) is None:
        return loaded  # the number of classes is unknown
    from live_gradcam.models.network_files import found_model

    path = found_model(expanded(model)).path
    return read_beside(path, lambda file: with_labels(loaded, file, None)) or loaded
