"""Checks of settings that need no TensorFlow, no open source and no display, so that a typo fails at once."""

from __future__ import annotations

import os
import re
from pathlib import Path

from live_gradcam.config import ExplainSettings, Settings
from live_gradcam.errors import DeviceError, ModelError, SettingsError, SinkError
from live_gradcam.explain.graph_spec import paths_in
from live_gradcam.explain.layer_rows import LayerMemory, path_in
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.targets import parse_target
from live_gradcam.file_names import expanded, nearest_paths
from live_gradcam.models.labels import imagenet_labels
from live_gradcam.models.model_key import key_of
from live_gradcam.models.user_code import is_reference
from live_gradcam.name_suggestions import nearest, unknown_name
from live_gradcam.plugins import Plugin
from live_gradcam.render.heat import colormap_code
from live_gradcam.sinks.encoder import CONTAINERS, not_recordable
from live_gradcam.sinks.own_sink import sink_named
from live_gradcam.sources.camera.camera_feed import backends
from live_gradcam.stream_address import remember_stream, stream_format, stream_of

MODELS = (
    (
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
        "vgg16",
        "vgg19",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnet50v2",
        "resnet101v2",
    )
    + ("resnet152v2", "mobilenet", "mobilenetv2", "mobilenetv3-small", "mobilenetv3-large", "densenet121")
    + ("densenet169", "densenet201", "inception-v3", "inception-resnet-v2", "xception", "nasnet-mobile")
    + ("nasnet-large", *(f"efficientnet-b{n}" for n in range(8)), *(f"efficientnetv2-b{n}" for n in range(4)))
    + ("efficientnetv2-s", "efficientnetv2-m", "efficientnetv2-l", "convnext-tiny", "convnext-small")
    + ("convnext-base", "convnext-large", "convnext-xlarge")
)
"""The names of `models.zoo`."""

PREPROCESSINGS = ("imagenet-caffe", "tf", "torch", "unit", "none", "efficientnet-lite")
"""The names of `models.preprocessing`."""

_SUFFIX = re.compile(r"\.(keras|h5|hdf5|pb)", re.IGNORECASE)
_DEVICES = ("auto", "cpu", "gpu")


def refuse_typos(settings: ExplainSettings) -> None:
    """Check all settings that can be checked without loading a model.

    Raises:
        LiveGradcamError: a name is unknown, a file does not exist, or its kind cannot be read.
    """
    colormap_code(settings.colormap)
    if getattr(settings, "view", "one") == "models" and getattr(settings, "beside", None) is None:
        raise SettingsError(
            "view is 'models': it needs two models. Give --model twice, or take another view."
        )
    refuse_unknown_method(settings.method)
    models = _models_of(settings)
    for model in models:
        refuse_misspelt_model(model)
    refuse_unknown_preprocessing(settings.preprocess)
    refuse_unknown_device(settings.device)
    if isinstance(settings, Settings):
        if settings.backend is not None:
            backends(settings.backend)
        if (address := stream_of(settings.record)) is not None:
            remember_stream(address)
            stream_format(address)
        elif settings.record is not None and Path(settings.record).suffix.lower() not in CONTAINERS:
            raise SinkError(not_recordable(settings.record))
        for sink in settings.sinks:
            if isinstance(sink, str):
                sink_named(sink)[0].load()
        if settings.snapshot is not None and Path(settings.snapshot).suffix.lower() != ".png":
            raise SinkError(f"cannot write the snapshot '{settings.snapshot}': the name must end in .png.")
    _refuse_unknown_target(settings, models)
    for model in models:
        refuse_unreadable_model(model)
    if settings.labels is not None:
        _refuse_unreadable_labels(settings.labels)
    if settings.layer is not None:
        _refuse_unknown_layer(settings)
    for name, value in (settings.inputs or {}).items():
        if isinstance(value, str) and value.casefold().endswith(".npy") and not expanded(value).is_file():
            raise ModelError(f"there is no file '{value}' for --input {name}. {_near(value)}")


def refuse_unknown_preprocessing(name: object) -> None:
    """Check the name of a preprocessing. A value that is no text is a function, and is accepted.

    Raises:
        ModelError: the name is unknown.
    """
    if not isinstance(name, str) or is_reference(name):
        return
    if name.casefold() not in ("auto", *PREPROCESSINGS):
        valid = f"Valid: {', '.join(PREPROCESSINGS)}, auto, or module:function."
        raise ModelError(unknown_name("preprocessing", name, ("auto", *PREPROCESSINGS), valid))


def refuse_unknown_device(name: str) -> None:
    """Check the form of a device's name. Only TensorFlow knows whether the device exists.

    Raises:
        DeviceError: the name is neither `auto`, `cpu`, `gpu` nor `gpu:N`.
    """
    if re.fullmatch(r"auto|cpu|gpu(:\d+)?", name.casefold()):
        return
    number = re.search(r"\d+$", name)
    with_number = f"gpu:{number[0] if number else 0}"
    is_gpu = re.fullmatch(r"(?:gpu|cuda)[ :_-]?\d*", name.casefold()) is not None
    near = [with_number] if is_gpu else nearest(name, (*_DEVICES, with_number), 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise DeviceError(f"unknown device '{name}'. {hint}Valid: auto, cpu, gpu:0, gpu:1, …")


def refuse_unknown_method(name: str) -> None:
    """Check the name of a method, and that the module of a package's method is there.

    Raises:
        LiveGradcamError: the name is unknown, or there is no such module.
    """
    own = method_named(name).own
    if own is not None and isinstance(own.given, Plugin):
        own.given.refuse_missing()


def refuse_unknown_model(text: str) -> None:
    """Check that a text names a model: of the zoo, a function, or a file or folder of a known kind.

    Raises:
        ModelError: there is no such model, or its kind cannot be read.
    """
    refuse_misspelt_model(text)
    refuse_unreadable_model(text)


def refuse_misspelt_model(text: str) -> None:
    """Check that a text names a model of the zoo, a function, or a file or folder that exists.

    Raises:
        ModelError: there is no such model.
    """
    if _is_of_the_zoo(text) or is_reference(text):
        return
    # Imported here, as below, because it loads slowly and few runs need it.
    from live_gradcam.models.file_kinds import is_checkpoint_prefix

    path = expanded(text)
    try:
        if path.exists() or is_checkpoint_prefix(path):
            return
    except OSError:  # the text is too long for a file name
        pass
    if text.startswith(("~", ".")) or "/" in text or os.sep in text or _SUFFIX.fullmatch(path.suffix):
        raise ModelError(
            f"there is no model file {path}. {_near(text)} `live-gradcam models` lists the names."
        )
    where = "`live-gradcam models` lists them; a model file or folder works too."
    files = [] if nearest(text, MODELS) else nearest_paths(text, among=_may_be_model)
    if files:
        where = f"Did you mean {' or '.join(files)}? {where}"
    raise ModelError(unknown_name("model", text, MODELS, where))


def _may_be_model(path: Path) -> bool:
    from live_gradcam.models.file_kinds import MODEL_SUFFIXES

    return path.is_dir() or path.suffix.lower() in MODEL_SUFFIXES | {".json"}


def refuse_unreadable_model(text: str) -> None:
    """Check that the content of a file or folder is a model of a kind that can be read.

    Raises:
        ModelError: it is not; the message says what the content is instead.
    """
    if _is_of_the_zoo(text) and "/" not in text and os.sep not in text:
        return
    from live_gradcam.models.file_kinds import is_checkpoint_prefix, kind_of
    from live_gradcam.models.model_file import READ, ModelFileKind, refusal

    path = expanded(text)
    try:
        there = path.exists()
        kind = ModelFileKind("checkpoint", path) if not there and is_checkpoint_prefix(path) else None
    except OSError:
        return
    if there or kind is not None:
        found = kind or kind_of(path)
        if found.kind not in READ or (found.kind == "saved model" and not found.path.is_dir()):
            raise ModelError(refusal(found))


def _models_of(settings: ExplainSettings) -> list[str]:
    both = (settings.model, getattr(settings, "beside", None))
    return [str(model) for model in both if isinstance(model, str | Path)]


def _refuse_unknown_layer(settings: ExplainSettings) -> None:
    """Check the names of layers, if the model's layers are remembered."""
    rows = LayerMemory().recall(key_of(settings))
    file = expanded(settings.model_name)
    for path in paths_in(settings.layer or "") if rows else ():
        path_in(rows, path, file.name if file.exists() else settings.model_name)


def _refuse_unreadable_labels(labels: object) -> None:
    if not isinstance(labels, str | Path):
        return
    path = expanded(str(labels))
    if not path.exists():
        raise ModelError(f"there is no file of labels '{labels}'. {_near(str(labels))}")
    if path.is_fifo():  # as of `--labels <(…)`
        raise ModelError(
            f"cannot read the labels {labels}: they are a pipe, which gives its names only once. Write them to a file."
        )
    from live_gradcam.models import label_files

    was_disabled, label_files.logger.disabled = label_files.logger.disabled, True
    try:  # warnings come when the labels are used
        label_files.read_labels(path)
    finally:
        label_files.logger.disabled = was_disabled


def _near(typed: str) -> str:
    near = nearest_paths(typed)
    return f"Did you mean {' or '.join(near)}?" if near else "Check the path."


def _refuse_unknown_target(settings: ExplainSettings, models: list[str]) -> None:
    """Check that ImageNet has the target's class, if all models are of the zoo and have ImageNet's classes."""
    target = settings.target
    if settings.labels is not None or settings.output is not None or settings.task not in (None, "classes"):
        return
    of_the_zoo = settings.model == models[0] if models else False
    if not of_the_zoo or not all(_is_of_the_zoo(each) for each in models):
        return
    if isinstance(target, int | str) and target != "lock" and not is_reference(str(target)):
        parse_target(target, imagenet_labels(settings.lang), rivals=False, strength=1.0)


def _is_of_the_zoo(text: str) -> bool:
    return _folded(text) in {_folded(name) for name in MODELS}


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
