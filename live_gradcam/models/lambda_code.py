"""Tells whether the bytecode of a `Lambda` layer belongs to this version of Python, without running it.

Keras stores a lambda as marshalled bytecode, which changes with each version of Python. Bytecode of another version
fails with "bad marshal data", or crashes the interpreter.
"""

from __future__ import annotations

import base64
import binascii
import dis
import marshal
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import CodeType
from typing import Any

from live_gradcam.models.keras2.formulas import formula_of

_FLAG = 0x80  # marshal sets it on what is referred to again
_RESUME = {151: "Python 3.11 or 3.12", 149: "Python 3.13", 128: "Python 3.14"}
"""Opcode with which functions begin, by version; it changed in each."""

_SCALED_SUM = re.compile(r"block(35|17|8)_\d+")
"""The Lambda layers that Inception-ResNet V2 had until Keras 2.12."""

_BEFORE_RESUME = frozenset({"COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP"})


def lambdas_in(settings: Any, layer: str = "") -> Iterator[tuple[str, bytes]]:  # noqa: ANN401 - JSON
    """Yield the layer's name and the marshalled code of every lambda in a network's settings.

    Args:
        settings: what Keras wrote as JSON.
        layer: name of the layer that they belong to.
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
        if _SCALED_SUM.fullmatch(layer):  # its code is known and is not run
            return
    code: Any = None
    if settings.get("class_name") == "__lambda__" and isinstance(own, dict):
        code = own.get("code", own.get("value"))
        code = code[0] if isinstance(code, list) and code else code
        code = None if formula_of(settings) is not None else code  # computed, not run
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
    """Whether marshalled code is bytecode of this version of Python, as far as its instructions tell."""
    if written_by(data) not in (None, this_python()):
        return False
    try:
        code = marshal.loads(data)
    except (ValueError, EOFError, TypeError, MemoryError, RecursionError):
        return False
    return isinstance(code, CodeType) and all(map(_is_sound, _codes(code)))


def written_by(data: bytes) -> str | None:
    """Return which version of Python marshalled a function's code, by its layout; None where it is not to be told."""
    if len(data) < 32 or data[0] & ~_FLAG != ord("c"):
        return None
    # Numbers of four bytes come before the instructions: Python 3.8 to 3.10 have one more.
    count = next((count for count in (4, 5, 6) if data[1 + 4 * count] & ~_FLAG == ord("s")), None)
    if count is None:
        return None
    if count != 5:
        return "Python 2" if count == 4 else "Python 3.8 to 3.10"
    start = 1 + 4 * count + 5
    opcodes = data[start : start + 16 : 2]
    # In this order: 149 is another instruction that may stand before it in 3.11.
    return next((version for opcode, version in _RESUME.items() if opcode in opcodes), "Python 3.7 or older")


def this_python() -> str:
    """Return this version of Python in the words of `written_by`."""
    return _RESUME.get(
        dis.opmap.get("RESUME", -1), f"Python {sys.version_info.major}.{sys.version_info.minor}"
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _is_sound(code: CodeType) -> bool:
    """Whether every instruction exists, and nothing but zeros stands in the places kept for the interpreter."""
    try:
        instructions = list(dis.get_instructions(code))
    except (IndexError, ValueError, KeyError):
        return False
    names = [each.opname for each in instructions if each.opname not in _BEFORE_RESUME]
    if not names or names[0] != "RESUME" or any(name.startswith("<") or name == "CACHE" for name in names):
        return False
    offsets = [each.offset for each in instructions] + [len(code.co_code)]
    return not any(any(code.co_code[start + 2 : end]) for start, end in pairwise(offsets))
