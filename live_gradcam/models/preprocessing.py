"""How pixels become a network's input. The one turn from BGR to RGB is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.untyped import Tensor
from live_gradcam.models.user_code import callable_named, current_folder_first, is_reference, said_by
from live_gradcam.near_names import unknown_name


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Turns pictures into the input that a network was trained on."""

    name: str
    """As `--preprocess` takes it."""

    function: Callable[[Tensor], Tensor]
    """(N, H, W, 3) float32 RGB in [0, 255] to the network's input: the same shape, or one channel for a network
    that takes grey pictures."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return the network's input, (N, H, W, channels), for pictures (N, H, W, 3) uint8 BGR."""
        # As float32: TensorFlow turns uint8 byte by byte, which takes five times as long.
        return self.function(tf.reverse(tf.cast(images, tf.float32), axis=[-1]))


def _caffe(rgb: Tensor) -> Tensor:
    """Subtract ImageNet's mean colour and give BGR, as the networks trained in Caffe want it."""
    # Not `rgb[..., ::-1]`: a slice takes 1.2 ms for 224×224.
    return tf.reverse(rgb, axis=[-1]) - tf.constant([103.939, 116.779, 123.68])


def _torch(rgb: Tensor) -> Tensor:
    """Scale to [0, 1], then to ImageNet's mean 0 and deviation 1 for each channel."""
    return (rgb / 255.0 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])


_BY_NAME: dict[str, Callable[[Tensor], Tensor]] = {
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
    """Return the preprocessing of that name.

    Raises:
        ModelError: there is none.
    """
    try:
        return Preprocessing(name, _BY_NAME[name])
    except KeyError:
        where = "A function of your own: module:function."
        raise ModelError(unknown_name("preprocessing", name, ("auto", *_BY_NAME), where)) from None


def chosen_preprocessing(
    wanted: str | Callable[[Tensor], Tensor], *, size: tuple[int, int], channels: int, model: str
) -> Preprocessing:
    """Return the preprocessing that a user chose.

    Args:
        wanted: one of `PREPROCESSINGS`, `module:function`, or a function (N, H, W, 3) float32 RGB in [0, 255] to
            the network's input, made of TensorFlow's or Keras's operations.
        size: (height, width) of the input, to try the function on.
        channels: how many the network's input has, 3 or 1.
        model: its name, for the messages.

    Raises:
        ModelError: there is no such name or function, or the function does not give the network's input.
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
        raise ModelError(f"the preprocessing {name} failed.{hint} {said_by(error)}") from error
    if shape is None or shape.rank != 4 or shape[-1] not in (None, channels):
        raise ModelError(
            f"the preprocessing {name} must turn (N, height, width, 3) into the input of {model}, "
            f"(N, height, width, {channels}); it gave {'no tensor' if shape is None else tuple(shape)}."
        )
    return Preprocessing(name, function)


def grey(colour: Preprocessing, model: str) -> Preprocessing:
    """Return the preprocessing for a network that takes grey pictures: (N, H, W, 1), luma as in Rec. 601.

    Raises:
        ModelError: it has other numbers for each colour.
    """
    if colour.name in ("imagenet-caffe", "torch"):
        raise ModelError(
            f"{model} takes grey pictures, and '{colour.name}' scales each colour its own way. "
            "Use --preprocess unit, tf, none or module:function."
        )
    return Preprocessing(colour.name, lambda rgb: colour.function(tf.image.rgb_to_grayscale(rgb)))
