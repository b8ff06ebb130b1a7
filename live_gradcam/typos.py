"""Typos in the settings, found before TensorFlow is loaded, a source is opened or a display is looked for."""

from __future__ import annotations

import os
import re
from pathlib import Path

from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, ModelError, SinkError, nearest, unknown_name
from live_gradcam.file_names import expanded
from live_gradcam.models.labels import imagenet_labels
from live_gradcam.models.reference import is_reference
from live_gradcam.render.colormaps import colormap_code
from live_gradcam.sinks.encoder import CONTAINERS

METHODS = (
    (
        "gradcam",
        "gradcam++",
        "hirescam",
        "elementwise",
        "xgradcam",
        "layercam",
        "eigengradcam",
        "finercam",
        "cam",
    )
    + ("eigencam", "kpcacam", "fem", "scorecam", "ablationcam", "smoothgradcam++", "saliency", "smoothgrad")
    + ("integrated-gradients", "guided-backprop", "guided-gradcam")
)
"""The names that `explain.methods` has; there TensorFlow is loaded with them."""

MODELS = (
    (
        "efficientnet-lite0",
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
"""The names that `models.zoo` has."""

PREPROCESSINGS = ("imagenet-caffe", "tf", "torch", "unit", "none", "efficientnet-lite")
"""The names that `models.preprocessing` has."""

_SUFFIX = re.compile(r"\.(keras|h5|hdf5|pb)", re.IGNORECASE)


def refuse_typos(settings: Settings) -> None:
    """Look at all settings that can be told to be wrong without loading a model.

    Raises:
        LiveGradcamError: a name is not known, or a file cannot be written under its name.
    """
    colormap_code(settings.colormap)
    refuse_unknown_method(settings.method)
    for model in (settings.model, settings.beside):
        if isinstance(model, str):
            refuse_unknown_model(model)
    preprocess = settings.preprocess
    named = isinstance(preprocess, str) and not is_reference(preprocess)
    if named and preprocess.casefold() not in ("auto", *PREPROCESSINGS):
        valid = f"Valid: {', '.join(PREPROCESSINGS)}, auto, or module:function."
        raise ModelError(unknown_name("preprocessing", preprocess, PREPROCESSINGS, valid))
    if settings.labels is not None and not expanded(str(settings.labels)).exists():
        raise ModelError(f"there is no file of labels '{settings.labels}'. Check the path.")
    _refuse_unknown_target(settings)
    if settings.record is not None and Path(settings.record).suffix.lower() not in CONTAINERS:
        raise SinkError(
            f"cannot record to '{settings.record}': the name must end in {', '.join(CONTAINERS)}."
        )
    if settings.snapshot is not None and Path(settings.snapshot).suffix.lower() != ".png":
        raise SinkError(f"cannot write the snapshot '{settings.snapshot}': the name must end in .png.")


def refuse_unknown_method(name: str) -> None:
    """Refuse a method that there is not.

    Raises:
        LiveGradcamError: there is none of that name.
    """
    if name.casefold() not in METHODS:
        raise LiveGradcamError(unknown_name("method", name, METHODS, f"Valid: {', '.join(METHODS)}."))


def refuse_unknown_model(text: str) -> None:
    """Refuse what is neither a network of the zoo nor a file, a folder or a function.

    Raises:
        ModelError: there is no such model.
    """
    if _is_of_the_zoo(text) or is_reference(text):
        return
    path = expanded(text)
    try:
        if path.exists():
            return
    except OSError:  # too long for the name of a file
        pass
    if text.startswith(("~", ".")) or "/" in text or os.sep in text or _SUFFIX.fullmatch(path.suffix):
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
        raise ModelError(f"there is no model file {path}. {hint} `live-gradcam models` lists the names.")
    raise ModelError(
        unknown_name(
            "model", text, MODELS, "`live-gradcam models` lists them; a model file or folder works too."
        )
    )


def _refuse_unknown_target(settings: Settings) -> None:
    """Refuse a class that ImageNet has not, where the model is of the zoo and has ImageNet's classes."""
    target = settings.target
    models = [model for model in (settings.model, settings.beside) if model is not None]
    if settings.labels is not None or settings.output is not None or settings.task not in (None, "classes"):
        return
    if not isinstance(target, str) or not all(
        isinstance(each, str) and _is_of_the_zoo(each) for each in models
    ):
        return
    if target == "lock" or is_reference(target):
        return
    for part in re.split(r"\s[-−]\s", target):
        name = re.sub(r"\s[-−]$", "", part).strip()
        if name and not name.startswith("#"):
            imagenet_labels(settings.lang).find(name)


def _is_of_the_zoo(text: str) -> bool:
    return _folded(text) in {_folded(name) for name in MODELS}


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
