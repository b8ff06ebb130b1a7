"""The last layer of a Keras graph: which function it ends in, and what the user called it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import keras

from live_gradcam.models.task import Ending, telling

Tensor = Any

_MOST_STEPS = 64

_SAME_NUMBERS = frozenset(
    {"Cast", "Dropout", "ExpandDims", "Flatten", "Identity", "Reshape", "Squeeze", "StopGradient"}
)
"""Layers and operations of Keras that hand on the numbers as they are."""

_ENDINGS: dict[str, Ending] = {
    "linear": "linear",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "log_softmax": "log-softmax",
}
_OPERATIONS: dict[str, Ending] = {
    "Softmax": "softmax",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "ReLU": "other",
    "Tanh": "other",
    "Relu": "other",
}


def ending_of(tensor: Tensor) -> Ending | None:
    """Return the function that a symbolic output ends in; None where only a trace can tell."""
    for operation in _backwards(tensor):
        kind = type(operation).__name__
        if kind in _SAME_NUMBERS:
            continue
        if kind == "Activation" or hasattr(operation, "kernel_initializer"):
            name = getattr(getattr(operation, "activation", None), "__name__", None)
            known = name is not None and hasattr(keras.activations, name)
            return _ENDINGS.get(str(name), "other") if known else None
        return _OPERATIONS.get(kind)
    return None


def name_of(tensor: Tensor) -> str:
    """Return the name that the user gave the layer of a symbolic output, or "" where Keras made it up."""
    shape = tensor.shape
    for operation in _backwards(tensor):
        output = operation.output if len(operation._inbound_nodes) == 1 else None
        if isinstance(output, list | tuple | dict) or (output is not None and output.shape[-1] != shape[-1]):
            return ""
        if name := _own_name(operation):
            return name
        if hasattr(operation, "kernel_initializer"):
            return ""  # before the layer that makes the numbers, names are of features
    return ""


def _own_name(operation: Any) -> str:  # noqa: ANN401 - a layer or operation of Keras
    """Return the name of a layer; "" for an operation, and for what is called after its class: `re_lu_1`."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).casefold()
    named_after_class = re.fullmatch(rf"{re.escape(kind)}(_\d+)?", operation.name.casefold())
    is_layer = isinstance(operation, keras.layers.Layer)
    return telling(operation.name) if is_layer and not named_after_class else ""


def _backwards(tensor: Tensor) -> Iterator[Any]:
    """Give the layers and operations of Keras that make a symbolic tensor, the last first, while they are in a row."""
    for _ in range(_MOST_STEPS):
        history = getattr(tensor, "_keras_history", None)
        if history is None:
            return
        operation, node, place = history
        if isinstance(operation, keras.Model):
            inner = getattr(operation, "outputs", None)
            if not inner or place >= len(inner):
                return
            tensor = inner[place]
            continue
        if isinstance(operation, keras.layers.InputLayer):
            return
        yield operation
        inputs = operation._inbound_nodes[node].input_tensors
        if len(inputs) != 1:
            return
        tensor = inputs[0]
