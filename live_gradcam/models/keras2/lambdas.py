"""Lambda layers: Python code inside of a model file, read only where the user trusts the file."""

from __future__ import annotations

import base64
import marshal
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.former_layers import CustomScaleLayer
from live_gradcam.models.keras2.formulas import Arithmetic, formula_of
from live_gradcam.models.keras2.settings import policy_of
from live_gradcam.models.keras2.stored_layer import StoredLayer, class_of, decoded
from live_gradcam.models.lambda_code import runs_here
from live_gradcam.models.layer_names import safe_name

_REMEDY = "Write a function that builds the network and loads its weights, and use --model module:function."


def lambda_from(config: Mapping[str, Any], *, allow_unsafe: bool) -> Any:  # noqa: ANN401 - a keras layer
    """Return the layer for a stored `Lambda`.

    Args:
        config: its stored settings.
        allow_unsafe: whether its code may be loaded.

    Raises:
        ModelError: it may not, or cannot.
    """
    name = str(config["name"])
    settings = {"name": safe_name(name), "dtype": policy_of(config.get("dtype"))}
    arguments = decoded(config.get("arguments") or {})
    if _scales_a_branch(name, arguments):
        return CustomScaleLayer(arguments["scale"], **settings)
    formula = formula_of(config.get("function"))
    if formula is not None:
        return Arithmetic(formula, arguments, **settings)
    if not allow_unsafe:
        raise ModelError(
            f"the file holds Python code (the Lambda layer '{name}'), which is not run from files that anybody may "
            "have made. If you trust it, use --allow-unsafe (allow_unsafe=True)."
        )
    function = _function_of(config.get("function"), config, "module", name)
    shape = config.get("output_shape")
    if isinstance(shape, Mapping) or config.get("output_shape_type") in ("lambda", "function"):
        shape = _function_of(shape, config, "output_shape_module", name)
    elif shape is not None:
        shape = tuple(decoded(shape))
    return _Lambda(function, output_shape=shape, arguments=arguments, **settings)


class _Lambda(keras.layers.Lambda):  # type: ignore[misc]  # Keras ships no types
    """Lets its code's own error through; Keras says only that the shape of the output is missing."""

    def compute_output_spec(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """Return the shape and dtype of the output."""
        return keras.Operation.compute_output_spec(self, *arguments, **named)


@contextmanager
def lambda_faults(layers: Iterable[StoredLayer]) -> Iterator[None]:
    """Turn an error of a Lambda layer's code, which Keras words at length, into one line.

    Args:
        layers: what is called inside the `with` block.

    Raises:
        ModelError: the code of one of them fails.
    """
    try:
        yield
    except Exception as error:
        text = re.sub(r"\x1b\[\d*m", "", str(error))
        for each in layers:
            if isinstance(each.layer, keras.layers.Lambda) and (
                f"'{each.layer.name}'" in text or "Lambda" in text
            ):
                reason = text.rpartition("Error encountered:")[2].strip().splitlines() or [""]
                raise ModelError(
                    f"the code of the Lambda layer '{each.name}' fails ({type(error).__name__}: {reason[0][:100]}). "
                    f"It was written for another version of Keras or TensorFlow. {_REMEDY}"
                ) from error
        raise


def _scales_a_branch(name: str, arguments: Any) -> bool:  # noqa: ANN401
    """Whether this is the scaled sum of Inception-ResNet V2, a Lambda layer until Keras 2.12."""
    stem, _, number = name.rpartition("_")
    return stem in ("block35", "block17", "block8") and number.isdecimal() and set(arguments) == {"scale"}


def _function_of(stored: Any, config: Mapping[str, Any], module_key: str, layer: str) -> Callable[..., Any]:  # noqa: ANN401
    """Return the function that was stored as a name or as Python's own code."""
    if isinstance(stored, Mapping) and class_of(stored) == "__lambda__":
        inner = stored.get("config") or {}
        value = inner.get("value")
        stored = value if isinstance(value, list) else [value, inner.get("defaults"), inner.get("closure")]
    if isinstance(stored, Mapping):
        stored = stored.get("config") if isinstance(stored.get("config"), str) else class_of(stored)
    if isinstance(stored, str) and not _is_code(stored):
        return _function_named(stored, str(config.get(module_key)), layer)
    code, defaults, closure = (
        (list(stored) + [None, None])[:3] if isinstance(stored, list) else (stored, None, None)
    )
    try:
        data = base64.b64decode(str(code))
        if not runs_here(data):
            raise ValueError("another version's instructions")
        read = marshal.loads(data)
        cells = None if closure is None else tuple(map(_cell, closure))
        return FunctionType(read, _globals(), layer, tuple(decoded(defaults)) if defaults else None, cells)
    except (ValueError, EOFError, TypeError, IndexError) as error:
        raise ModelError(
            f"the Lambda layer '{layer}' holds code of another version of Python than this one "
            f"({platform.python_version()}), which cannot read it. Load the file with that version, or: {_REMEDY}"
        ) from error


def _is_code(text: str) -> bool:
    return len(text) > 40 or text.endswith(("\n", "="))


def _function_named(name: str, module: str, layer: str) -> Callable[..., Any]:
    """Return a function by its name: the user's own, an activation's, or TensorFlow's."""
    found: Any = keras.saving.get_registered_object(name) or getattr(keras.activations, name, None)
    for home in (tf.nn, tf.math, tf):
        found = found or getattr(home, name, None)
    if not callable(found):
        raise ModelError(
            f"the Lambda layer '{layer}' calls the function '{name}' of {module}, which is not in the file. {_REMEDY}"
        )
    return found  # type: ignore[no-any-return]


def _cell(value: Any) -> Any:  # noqa: ANN401
    return (lambda: value).__closure__[0]  # type: ignore[index]


def _globals() -> dict[str, Any]:
    """Return the names that such code uses without bringing them along."""
    return {
        "__builtins__": __builtins__,
        "K": tf.keras.backend,
        "backend": tf.keras.backend,
        "keras": keras,
        "np": np,
        "numpy": np,
        "tensorflow": tf,
        "tf": tf,
    }
