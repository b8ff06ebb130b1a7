"""The inputs of a network: which one takes the picture, and the values of the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.file_names import expanded
from live_gradcam.models.type_names import Array, Json, KerasTensor, Network, Shape, Tensor, Tensors
from live_gradcam.name_suggestions import unknown_name

KeyPath = tuple[object, ...]
"""The keys and indices that lead to one element of a structure."""

Names: TypeAlias = "str | Sequence[Names] | Mapping[str, Names]"
"""Names of inputs, in the structure that a network takes: one, a list or a dict."""

InputValue = str | npt.ArrayLike
"""A user's value for an input: a number, an array, or as text numbers with commas between them or a .npy file."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a network."""

    name: str
    """The key where the network takes a dict, else the name of the tensor."""

    shape: Shape
    """The shape with the batch axis; empty where it is unknown."""

    dtype: str | None
    """Keras's name of the dtype; None where the network does not declare it."""

    optional: bool = False
    """Whether a call may leave it out."""


@dataclass(frozen=True, slots=True, eq=False)
class InputFeed:
    """The arguments of a network's call."""

    picture: Input
    """The input that takes the pixels."""

    others: Mapping[str, Array | None]
    """Name → value without a batch axis, for every other input; None for an input that is left out."""

    arguments: tuple[Names, ...]
    """The positional arguments of the call, with names in place of tensors."""

    taken: Shape | None = None
    """The network's own input shape, where it has no channel axis; None: `picture.shape`."""

    def fill(self, pixels: Tensor) -> tuple[Tensors, ...]:
        """Return the arguments for a batch of pixels; every other value is repeated for each picture."""

        def value(name: str) -> Tensor:
            if name == self.picture.name:
                return pixels if self.taken is None else tf.reshape(pixels, (-1, *self.taken[1:]))
            fixed = self.others[name]
            if fixed is None:
                return None
            repeats = tf.concat([tf.shape(pixels)[:1], tf.ones(fixed.ndim, tf.int32)], axis=0)
            return tf.tile(tf.constant(fixed)[None], repeats)

        return tuple(keras.tree.map_structure(value, argument) for argument in self.arguments)


def feed_for(network: Network, values: Mapping[str, InputValue] | None, *, model: str) -> InputFeed:
    """Find the input that takes the picture, and give the others the user's values.

    Args:
        network: a `keras.Model`.
        values: name → value of the other inputs.
        model: name of the model, for messages.

    Raises:
        ModelError: no input or more than one may take the picture; or a value is missing, unknown, or does not fit.
    """
    values = dict(values or {})
    arguments, inputs = _inputs(network)
    names = [each.name for each in inputs]
    for name in values:
        if name not in names:
            raise ModelError(
                f"{model}: {unknown_name('input', name, names, f'It has: {_listed(inputs)}.')}"
                if inputs != [_ONLY]
                else f"{model} does not say what it takes besides the picture, so '{name}' cannot be given to it. "
                "Call it once on data of the right form before it is explained."
            )
    found = _picture(inputs, values, model) if len(inputs) > 1 else _of_flat(inputs[0], network)
    picture = found or _picture(inputs, values, model)
    others = [each for each in inputs if each.name != picture.name]
    missing = [each for each in others if each.name not in values and not each.optional]
    if missing:
        flags = " ".join(f"--input {each.name}=VALUE" for each in missing)
        raise ModelError(
            f"{model} takes more than a picture: {_listed(missing)} must be given. Use {flags} (inputs={{…}})."
        )
    filled = {each.name: _fitted(values[each.name], each, model) for each in others if each.name in values}
    own = next(each.shape for each in inputs if each.name == picture.name)
    taken = own if own != picture.shape else None
    return InputFeed(
        picture, {**dict.fromkeys((each.name for each in others), None), **filled}, arguments, taken
    )


_FLAT = (
    " If the numbers are pixels, write a function that returns keras.Sequential([keras.Input((height, width, 1)), "
    "keras.layers.Flatten(), network]), and use --model module:function."
)

_SMALLEST = 16
"""Fewest pixels on each side of an input without a channel axis that is taken for a picture."""

_ONLY = Input("picture", (None, None, None, 3), None)
"""The input of a network that declares none."""

PICTURE_ONLY = InputFeed(_ONLY, {}, (_ONLY.name,))
"""The arguments of a network whose only argument is the pixels."""


def _inputs(network: Network) -> tuple[tuple[Names, ...], list[Input]]:
    """Return the arguments of the network's call, with names in place of tensors, and the input of each name."""
    tensors = getattr(network, "inputs", None)
    if tensors and isinstance(network, keras.Sequential):
        return (tensors[0].name,), [_of_tensor(tensors[0], tensors[0].name)]
    if tensors:
        leaves = keras.tree.flatten_with_path(network.input)
        inputs = [_of_tensor(tensor, _name(path, tensor)) for path, tensor in leaves]
        return (keras.tree.pack_sequence_as(network.input, [each.name for each in inputs]),), inputs
    # A subclassed network stores the shapes it was built for; its `call` names the arguments.
    shapes = list((getattr(network, "_build_shapes_dict", None) or {}).values())
    parameters = _required(network.call)
    if not shapes and len(parameters) < 2:
        return PICTURE_ONLY.arguments, [_ONLY]
    arguments, inputs = [], []
    for position, parameter in enumerate(parameters or [_ONLY.name]):
        structure = shapes[position] if position < len(shapes) else _ONLY.shape if position == 0 else ()
        found = [
            Input("/".join(map(str, path)) or parameter, (None, *shape[1:]) if shape else (), None)
            for path, shape in _shapes(structure, ())
        ]
        arguments.append(_packed(structure, iter(found)))
        inputs += found
    return tuple(arguments), inputs


def _required(call: Callable[..., Tensors]) -> list[str]:
    """Return the names of the required arguments of a subclassed network's `call`."""
    return [
        each.name
        for each in inspect.signature(call).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        and each.default is each.empty
        and each.name not in ("training", "mask")
    ]


def _of_tensor(tensor: KerasTensor, name: str) -> Input:
    optional = bool(getattr(tensor._keras_history.operation, "optional", False))
    return Input(name, tuple(tensor.shape), tensor.dtype, optional)


def _name(path: KeyPath, tensor: KerasTensor) -> str:
    return "/".join(map(str, path)) if any(isinstance(key, str) for key in path) else str(tensor.name)


def is_shape(structure: object) -> bool:
    """Whether a value is a shape: a list or tuple of lengths, None where a length is free."""
    return isinstance(structure, (list, tuple)) and all(
        each is None or isinstance(each, int) for each in structure
    )


def _shapes(structure: Json, path: KeyPath) -> Iterator[tuple[KeyPath, Shape]]:
    if is_shape(structure):
        yield path, tuple(structure)
        return
    items = structure.items() if isinstance(structure, Mapping) else enumerate(structure or ())
    for key, inner in items:
        yield from _shapes(inner, (*path, key))


def _packed(structure: Json, inputs: Iterator[Input]) -> Names:
    if is_shape(structure):
        return next(inputs).name
    if isinstance(structure, Mapping):
        return {key: _packed(inner, inputs) for key, inner in structure.items()}
    return [_packed(inner, inputs) for inner in structure or ()]


def _picture(inputs: list[Input], values: Mapping[str, InputValue], model: str) -> Input:
    """Return the input that takes the picture: of those without a user's value, one of 3 channels before one of 1."""
    for channels in ((3,), (1, None)):
        fitting = [each for each in inputs if len(each.shape) == 4 and each.shape[-1] in channels]
        left = [each for each in fitting if each.name not in values]
        if len(left) == 1:
            return left[0]
        if left:
            raise ModelError(
                f"{model} has {len(left)} inputs that can take a picture: {_listed(left)}. Give all but one of them "
                "a value: --input NAME=FILE.npy"
            )
        if fitting:
            raise ModelError(f"{model}: '{fitting[0].name}' is the picture's own input: give it no value.")
    flat = len(inputs) == 1 and len(inputs[0].shape) == 2
    raise ModelError(
        f"{model} takes {_listed(inputs)}; pictures (batch, height, width, 3) are needed "
        "(or (batch, height, width, 1) for grey ones)." + (_FLAT if flat else "")
    )


def _of_flat(entry: Input, network: Network) -> Input | None:
    """Return an input without a channel axis as a grey picture; None where it is no picture.

    (N, H, W) is a grey picture, unless one side is more than twice the other, as in a sequence of measurements.
    (N, length) is one if the first layer reshapes it to a picture.
    """
    lengths = entry.shape[1:]
    if len(lengths) == 2:
        height, width = (each or 0 for each in lengths)
        if min(height, width) >= _SMALLEST and max(height, width) <= 2 * min(height, width):
            return replace(entry, shape=(None, height, width, 1))
    if len(lengths) == 1:
        for layer in getattr(network, "layers", ()):
            if isinstance(layer, keras.layers.Reshape) and layer.input is network.inputs[0]:
                shape = tuple(layer.output.shape)
                return replace(entry, shape=shape) if len(shape) == 4 and shape[3] in (1, 3) else None
    return None


def _fitted(value: InputValue, entry: Input, model: str) -> Array:
    """Return a user's value as an array with the input's dtype and shape, without the batch axis."""
    if isinstance(value, str) and entry.dtype != "string":
        value = _read(value, entry, model)
    try:
        array = np.asarray(value)
        if entry.dtype not in (None, "string"):
            array = array.astype(tf.as_dtype(entry.dtype).as_numpy_dtype)
        elif array.dtype == np.float64:
            array = array.astype(np.float32)
        elif array.dtype == np.int64:
            array = array.astype(np.int32)
        if not entry.shape:
            return array
        lengths = entry.shape[1:]
        if array.ndim == len(lengths) + 1 and array.shape[0] == 1:
            array = array[0]
        own = array.shape if array.ndim == len(lengths) else (1,) * len(lengths)
        wanted = tuple(have if length is None else length for length, have in zip(lengths, own, strict=True))
        return np.ascontiguousarray(np.broadcast_to(array, wanted)).reshape(wanted)
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"input '{entry.name}' of {model} takes {entry.dtype or 'numbers'} {shape_text(entry.shape)}; "
            f"{_described(value)} does not fit."
        ) from error


def _read(text: str, entry: Input, model: str) -> npt.ArrayLike:
    try:
        if text.casefold().endswith(".npy"):
            return np.asarray(np.load(expanded(text), allow_pickle=False))
        numbers = [float(part) for part in text.split(",")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not"
        raise ModelError(
            f"input '{entry.name}' of {model}: '{text}' must be a number, numbers with commas between them, or a "
            f".npy file ({reason})."
        ) from error
    return numbers if len(numbers) > 1 else numbers[0]


def _described(value: InputValue) -> str:
    shape = np.shape(value) if not isinstance(value, str) else ()
    return f"an array {shape}" if shape else f"'{value!s}'"


def _listed(inputs: list[Input]) -> str:
    return ", ".join(
        f"'{each.name}'" + (f" {shape_text(each.shape)}" if each.shape else "") for each in inputs
    )


def shape_text(shape: Sequence[int | None]) -> str:
    """Return a shape for a message: `(N, 16, 16, 3)`, `?` where a length is free."""
    lengths = ["N", *("?" if length is None else str(length) for length in list(shape)[1:])]
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
