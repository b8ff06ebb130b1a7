"""Lambda layers: Python code inside a model file, which is loaded only where the user trusts the file.

Keras stores a lambda as marshalled bytecode, which changes with each version of Python. Bytecode of another version
fails with "bad marshal data" or crashes the interpreter, so it is checked before it runs.
"""

from __future__ import annotations

import base64
import binascii
import dis
import marshal
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from types import CellType, CodeType, FunctionType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.former_layers import CustomScaleLayer
from live_gradcam.models.keras2.formulas import Arithmetic, formula_of
from live_gradcam.models.keras2.stored_layer import StoredLayer, class_of, decoded, policy_of
from live_gradcam.models.model import safe_name
from live_gradcam.models.type_names import Json, KerasTensor, Layer, Tensors

_REMEDY = "Write a function that builds the network and loads its weights, and use --model module:function."


def lambda_from(config: Mapping[str, Json], *, allow_unsafe: bool) -> Layer:
    """Return the layer for a stored `Lambda`.

    Args:
        config: its stored settings.
        allow_unsafe: whether its code may be loaded.

    Raises:
        ModelError: its code may not or cannot be loaded.
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
    """Passes on an error of its code; Keras reports only that the shape of the output is unknown."""

    def compute_output_spec(self, *arguments: object, **named: object) -> KerasTensor:
        """Return the shape and dtype of the output."""
        return keras.Operation.compute_output_spec(self, *arguments, **named)


@contextmanager
def lambda_faults(layers: Iterable[StoredLayer]) -> Iterator[None]:
    """Convert an error in the code of a Lambda layer to a ModelError of one line.

    Args:
        layers: the layers that are called inside the `with` block.

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


def _scales_a_branch(name: str, arguments: Json) -> bool:
    """Whether this is the scaled sum of Inception-ResNet V2, a Lambda layer until Keras 2.12."""
    return _SCALED_SUM.fullmatch(name) is not None and set(arguments) == {"scale"}


def _function_of(
    stored: Json, config: Mapping[str, Json], module_key: str, layer: str
) -> Callable[..., Tensors]:
    """Return a function that was stored as a name or as bytecode."""
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


def _function_named(name: str, module: str, layer: str) -> Callable[..., Tensors]:
    """Return a function by its name: a registered one, an activation function, or one of TensorFlow."""
    found: Any = keras.saving.get_registered_object(name) or getattr(keras.activations, name, None)
    for home in (tf.nn, tf.math, tf):
        found = found or getattr(home, name, None)
    if not callable(found):
        raise ModelError(
            f"the Lambda layer '{layer}' calls the function '{name}' of {module}, which is not in the file. {_REMEDY}"
        )
    return found  # type: ignore[no-any-return]


def _cell(value: object) -> CellType:
    return (lambda: value).__closure__[0]  # type: ignore[index]


def _globals() -> dict[str, object]:
    """Return the global names that the code of Lambda layers uses."""
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


_FLAG = 0x80  # marshal sets it on an object that it refers to again
_RESUME = {151: "Python 3.11 or 3.12", 149: "Python 3.13", 128: "Python 3.14"}
"""Opcode with which functions begin → the version of Python."""

_SCALED_SUM = re.compile(r"block(35|17|8)_\d+")
"""The Lambda layers that Inception-ResNet V2 had until Keras 2.12."""

_BEFORE_RESUME = frozenset({"COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP"})


def lambdas_in(settings: Json, layer: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield the layer's name and the marshalled code of every lambda in a network's settings.

    Lambdas that are computed without running their code are left out.

    Args:
        settings: the configuration that Keras wrote.
        layer: name of the layer that the settings belong to.
    """
    if isinstance(settings, list):
        for each in settings:
            yield from lambdas_in(each, layer)
        return
    if not isinstance(settings, dict):
        return
    own = settings.get("config")
    if isinstance(own, dict):
        layer = str(own.get("name", layer))
        if _SCALED_SUM.fullmatch(layer):
            return
    code: Json = None
    if settings.get("class_name") == "__lambda__" and isinstance(own, dict):
        code = own.get("code", own.get("value"))
        code = code[0] if isinstance(code, list) and code else code
        code = None if formula_of(settings) is not None else code
    elif settings.get("class_name") == "Lambda" and isinstance(own, dict):
        function = own.get("function")
        code = function[0] if isinstance(function, list) and function else None
        code = None if formula_of(function) is not None else code
    if isinstance(code, str):
        try:
            yield layer, base64.b64decode(code)
        except (binascii.Error, ValueError):
            yield layer, b""
    for value in settings.values():
        yield from lambdas_in(value, layer)


def runs_here(data: bytes) -> bool:
    """Whether marshalled code is bytecode of this version of Python, judged by its instructions."""
    if written_by(data) not in (None, this_python()):
        return False
    try:
        code = marshal.loads(data)
    except (ValueError, EOFError, TypeError, MemoryError, RecursionError):
        return False
    return isinstance(code, CodeType) and all(map(_is_sound, _codes(code)))


def written_by(data: bytes) -> str | None:
    """Return the version of Python that marshalled a function, judged by the layout; None where it is unknown."""
    if len(data) < 32 or data[0] & ~_FLAG != ord("c"):
        return None
    # Five numbers of four bytes come before the instructions; Python 2 has four, Python 3.8 to 3.10 have six.
    count = next((count for count in (4, 5, 6) if data[1 + 4 * count] & ~_FLAG == ord("s")), None)
    if count is None:
        return None
    if count != 5:
        return "Python 2" if count == 4 else "Python 3.8 to 3.10"
    start = 1 + 4 * count + 5
    opcodes = data[start : start + 16 : 2]
    # The order matters: in 3.11, 149 is another instruction that may come before 151.
    return next((version for opcode, version in _RESUME.items() if opcode in opcodes), "Python 3.7 or older")


def this_python() -> str:
    """Return the version of this Python, as `written_by` names it."""
    return _RESUME.get(
        dis.opmap.get("RESUME", -1), f"Python {sys.version_info.major}.{sys.version_info.minor}"
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _is_sound(code: CodeType) -> bool:
    """Whether every instruction exists, and the caches between instructions hold only zeros."""
    try:
        instructions = list(dis.get_instructions(code))
    except (IndexError, ValueError, KeyError):
        return False
    names = [each.opname for each in instructions if each.opname not in _BEFORE_RESUME]
    if not names or names[0] != "RESUME" or any(name.startswith("<") or name == "CACHE" for name in names):
        return False
    offsets = [each.offset for each in instructions] + [len(code.co_code)]
    return not any(any(code.co_code[start + 2 : end]) for start, end in pairwise(offsets))
