"""Activation functions as Keras 2 computed them and wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.stored_layer import class_of

Tensor = Any
Activation = str | Callable[[Tensor], Tensor]

_registered = keras.saving.register_keras_serializable(package="live_gradcam")


@_registered  # type: ignore[untyped-decorator]
def hard_sigmoid(x: Tensor) -> Tensor:
    """Return clip(0.2·x + 0.5, 0, 1), which Keras 2 named so; Keras 3 means clip(x/6 + 0.5, 0, 1)."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


@_registered  # type: ignore[untyped-decorator]
def hard_swish(x: Tensor) -> Tensor:
    """Return x · clip(x + 3, 0, 6) / 6: the same in all versions, but unnamed in Keras 2."""
    return x * keras.ops.relu6(x + 3.0) / 6.0


_FUNCTIONS: dict[str, Activation] = {
    "FixedSwish": "silu",
    "Swish": "silu",
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "hswish": hard_swish,
    "mish": "mish",
    "relu6": "relu6",
    "swish": "silu",
    "swish_activation": "silu",
}
"""Names that mean something else in Keras 3, or that are no Keras 2 activation but written in many files."""


def activation_from(stored: Any, make_layer: Callable[[Any], Any], *, layer: str) -> Activation | None:  # noqa: ANN401
    """Return what a stored activation stands for.

    Args:
        stored: a name, or an object with `class_name`: a function, or a layer that is used as one.
        make_layer: makes a layer from such an object.
        layer: name of the layer that has it, for the message.

    Raises:
        ModelError: it is a function of the user's own.
    """
    if stored is None:
        return None
    if isinstance(stored, Mapping):
        config = stored.get("config")
        if class_of(stored) != "function" and not isinstance(config, str):
            known = keras.saving.get_registered_object(class_of(stored))
            if known is None and class_of(stored) in _FUNCTIONS:
                return _FUNCTIONS[class_of(stored)]
            return make_layer(stored)  # type: ignore[no-any-return]  # a keras.layers.Layer can be called
        stored = config if isinstance(config, str) else stored.get("class_name")
    name = str(stored).rpartition(">")[2].rpartition(".")[2].removesuffix("_v2")
    found: Activation | None = next(
        filter(None, map(keras.saving.get_registered_object, (str(stored), name))), None
    )
    if found is not None:
        return found
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    try:
        keras.activations.get(name)
    except ValueError as error:
        if name[:1].isupper() and hasattr(keras.layers, name):
            return make_layer({"class_name": name, "config": {}})  # type: ignore[no-any-return]
        raise ModelError(
            f"layer '{layer}' uses the activation function '{name}', which Keras does not have: it is defined in the "
            "code that made the file. Write a function there that returns the network, and use --model "
            "module:function."
        ) from error
    return name
