"""Saves a taught model as an ordinary `.keras` file, with preprocessing inside and the names of its classes beside it.

The file holds one functional network: pictures (N, H, W, 3) RGB in [0, 255] → scaling → the base up to its global
average pooling → a dense layer with softmax. All of it is Keras's own layers and operations, so that Keras loads it
without this package.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import keras

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.escaping import shown
from live_gradcam.file_names import marked
from live_gradcam.models.label_places import label_places
from live_gradcam.models.model import Model
from live_gradcam.models.pooled_features import features_network
from live_gradcam.models.preprocessing_detection import scaling_inside
from live_gradcam.models.type_names import KerasTensor, Network
from live_gradcam.taught_head import TaughtHead

SUFFIX = ".keras"

_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def _torch(rgb: KerasTensor) -> KerasTensor:
    scale = [1 / (255.0 * deviation) for deviation in _TORCH_DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_TORCH_MEAN, _TORCH_DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset, name="scaling")(rgb)


def _caffe(rgb: KerasTensor) -> KerasTensor:
    bgr = keras.ops.flip(rgb, axis=-1)
    return keras.layers.Rescaling(1.0, [-mean for mean in _CAFFE_MEAN], name="scaling")(bgr)


_SCALINGS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "imagenet-caffe": _caffe,
    "tf": lambda rgb: keras.layers.Rescaling(1 / 127.5, -1.0, name="scaling")(rgb),
    "torch": _torch,
    "unit": lambda rgb: keras.layers.Rescaling(1 / 255.0, name="scaling")(rgb),
    "none": lambda rgb: rgb,
    "efficientnet-lite": lambda rgb: keras.layers.Rescaling(1 / 128.0, -127 / 128.0, name="scaling")(rgb),
}
"""Preprocessing (`preprocessing.PREPROCESSINGS`) → the same with Keras's layers."""


def taught_network(model: Model, head: TaughtHead) -> Network:
    """Return the network of a taught model, which takes pictures (N, H, W, 3) RGB in [0, 255].

    It shares the layers of the base with the model, which stays as it is.

    Args:
        model: the model that the head was taught on.
        head: the taught head.

    Returns:
        A `keras.Model` to probabilities (N, K). Its input is float32, and also takes uint8. Only for a base without any
        scaling of its pixels it is uint8, which says as clearly that it takes 0 to 255.

    Raises:
        ModelError: the base has no global average pooling, the head has another number of features, or the
            preprocessing is a function of the user's own.
    """
    scaling = _SCALINGS.get(model.preprocessing.name)
    if scaling is None:
        raise ModelError(
            f"{model.name} was taught with the preprocessing {model.preprocessing.name}, which cannot be put into a "
            f"model file. Teach with --preprocess {', '.join(_SCALINGS)}."
        )
    base = features_network(model)
    if base.input.shape[-1] != 3:
        raise ModelError(
            f"{model.name} takes grey pictures: what is taught on it cannot be saved. Take a network for colour."
        )
    features = base.output.shape[-1]
    if features != head.features:
        raise ModelError(
            f"the head was taught on {head.features} features, and {model.name} has {features}. Teach it again."
        )
    network = _assembled(base, scaling, head, (*model.input_size, 3), "float32")
    if scaling_inside(network, network.input) != "none":
        network = _assembled(base, scaling, head, (*model.input_size, 3), "uint8")
    return network


def _assembled(
    base: Network,
    scaling: Callable[[KerasTensor], KerasTensor],
    head: TaughtHead,
    shape: tuple[int, int, int],
    dtype: str,
) -> Network:
    picture = keras.Input(shape, dtype=dtype, name="picture")
    rgb = picture if dtype == "float32" else keras.ops.cast(picture, "float32")
    dense = keras.layers.Dense(len(head.labels), activation="softmax", dtype="float32", name="taught")
    network = keras.Model(picture, dense(base(scaling(rgb))), name="taught_model")
    dense.set_weights([head.kernel, head.bias])
    return network


def labels_path(path: Path) -> Path:
    """Return the path of the names beside a model file: `NAME.labels.json`, where `load_model` finds them."""
    return path.with_name(f"{path.stem}.labels.json")


def save_taught_model(model: Model, head: TaughtHead, path: Path) -> None:
    """Write a taught model and the names of its classes.

    Both files are written under other names first, and then renamed. Killed at any moment, the program leaves the
    former model with its names, or the new one: never a model with another one's names. A failure leaves the former
    files as they are.

    Args:
        model: the model that the head was taught on.
        head: the taught head.
        path: of the file, `NAME.keras`; its folder is made.

    Raises:
        ModelError: it cannot be written, its name has another ending, or as in `taught_network`.
    """
    if path.suffix != SUFFIX:
        raise ModelError(f"a taught model is saved as NAME{SUFFIX}, not as {shown(path.name)}.")
    network = taught_network(model, head)
    part, names, part_names = marked(path, "part"), labels_path(path), marked(labels_path(path), "part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        network.save(part)
        _reach_disk(part)
        text = json.dumps(head.labels, ensure_ascii=False, indent=2) + "\n"
        part_names.write_bytes(text.encode())
        for earlier in _read_before(path, names):
            earlier.unlink(
                missing_ok=True
            )  # between the two renamings the model has no names, rather than wrong ones
        part.replace(path)
        part_names.replace(names)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{shown(path)} cannot be written: {getattr(error, 'strerror', None) or reason_of(error)}. "
            "Free some space, or choose another place with --out."
        ) from error
    finally:
        for each in (part, part_names):
            with contextlib.suppress(OSError):
                each.unlink(missing_ok=True)


def _read_before(path: Path, names: Path) -> list[Path]:
    """Return the files with names of this model alone that `load_model` would read before the new ones."""
    own = [
        place
        for place, surely in label_places(path)
        if surely and place.name.startswith(f"{path.stem}.labels.")
    ]
    return own[: own.index(names) + 1]


def _reach_disk(path: Path) -> None:
    """Wait until a file is on the disk, so that after a power cut the new name never stands for an empty file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
