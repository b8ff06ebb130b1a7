"""Converts pictures to a network's input; the only place where BGR becomes RGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.type_names import Tensor
from live_gradcam.models.user_code import callable_named, current_folder_first, error_text, is_reference
from live_gradcam.name_suggestions import unknown_name

BGR = Tensor
"""Pictures, (N, H, W, 3) uint8 BGR."""

RGB = Tensor
"""Pictures, (N, H, W, 3) float32 RGB in [0, 255]."""

Pixels = Tensor
"""Preprocessed pictures as a network takes them, (N, H, W, 3 or 1)."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Converts pictures to the input that a network was trained on."""

    name: str
    """One of `PREPROCESSINGS`, `module:function`, or the name of the user's function."""

    function: Callable[[RGB], Pixels]
    """Converts pictures to the network's input."""

    takes_rgb: bool = False
    """Whether pictures are given as RGB, as an exported file takes them; else as BGR."""

    def __call__(self, images: BGR) -> Pixels:
        """Return the network's input for pictures."""
        if self.takes_rgb:
            return self.function(tf.cast(images, tf.float32))
        # float32 first: TensorFlow reverses uint8 byte by byte, which takes five times as long.
        return self.function(tf.reverse(tf.cast(images, tf.float32), axis=[-1]))


def _caffe(rgb: RGB) -> Pixels:
    """Subtract ImageNet's mean colour and return BGR, for networks that were trained in Caffe."""
    # Not `rgb[..., ::-1]`: a slice takes 1.2 ms for 224×224.
    return tf.reverse(rgb, axis=[-1]) - tf.constant([103.939, 116.779, 123.68])


def _torch(rgb: RGB) -> Pixels:
    """Scale to [0, 1], then normalise each channel by ImageNet's mean and standard deviation."""
    return (rgb / 255.0 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])


_BY_NAME: dict[str, Callable[[RGB], Pixels]] = {
    "imagenet-caffe": _caffe,
    "tf": lambda rgb: rgb / 127.5 - 1.0,
    "torch": _torch,
    "unit": lambda rgb: rgb / 255.0,
    "none": lambda rgb: rgb,
    "efficientnet-lite": lambda rgb: (rgb - 127.0) / 128.0,
}

PREPROCESSINGS = tuple(_BY_NAME)
"""The names that `--preprocess` knows, besides `auto`."""


def preprocessing_named(name: str) -> Preprocessing:
    """Return the preprocessing of a name.

    Raises:
        ModelError: the name is unknown.
    """
    try:
        return Preprocessing(name, _BY_NAME[name])
    except KeyError:
        where = "A function of your own: module:function."
        raise ModelError(unknown_name("preprocessing", name, ("auto", *_BY_NAME), where)) from None


def chosen_preprocessing(
    wanted: str | Callable[[RGB], Pixels], *, size: tuple[int, int], channels: int, model: str
) -> Preprocessing:
    """Return the preprocessing that a user chose.

    Args:
        wanted: one of `PREPROCESSINGS`, `module:function`, or a function that converts (N, H, W, 3) float32 RGB in
            [0, 255] to the network's input with operations of TensorFlow or Keras.
        size: (height, width) of the input; the function is tried on it.
        channels: channels of the network's input, 3 or 1.
        model: name of the model, for messages.

    Raises:
        ModelError: there is no such name or function, or the function returns another shape than the network takes.
    """
    if not callable(wanted) and not is_reference(wanted):
        named = preprocessing_named(wanted)
        return named if channels == 3 else grey(named, model)
    if callable(wanted):
        function, name = wanted, getattr(wanted, "__name__", type(wanted).__name__)
    else:
        function, name = callable_named(wanted), wanted
    try:
        with current_folder_first():
            traced = tf.function(function, [tf.TensorSpec((None, *size, 3))], autograph=False)
            shape = getattr(traced.get_concrete_function().structured_outputs, "shape", None)
    except Exception as error:
        hint = ""
        if "symbolic" in str(error) or "NumPy" in str(error):
            hint = " It must be made of TensorFlow's or keras.ops' operations, not of NumPy's."
        raise ModelError(f"the preprocessing {name} failed.{hint} {error_text(error)}") from error
    if shape is None or shape.rank != 4 or shape[-1] not in (None, channels):
        raise ModelError(
            f"the preprocessing {name} must turn (N, height, width, 3) into the input of {model}, "
            f"(N, height, width, {channels}); it gave {'no tensor' if shape is None else tuple(shape)}."
        )
    return Preprocessing(name, function)


def grey(colour: Preprocessing, model: str) -> Preprocessing:
    """Return a preprocessing that gives grey pictures (N, H, W, 1), with the luma of Rec. 601.

    Args:
        colour: the preprocessing for colour pictures.
        model: name of the model, for messages.

    Raises:
        ModelError: `colour` scales each channel differently.
    """
    if colour.name in ("imagenet-caffe", "torch"):
        raise ModelError(
            f"{model} takes grey pictures, and '{colour.name}' scales each colour its own way. "
            "Use --preprocess unit, tf, none or module:function."
        )
    return Preprocessing(colour.name, lambda rgb: colour.function(tf.image.rgb_to_grayscale(rgb)))
