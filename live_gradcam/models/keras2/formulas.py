"""Computes Lambda layers of Python 2.7 to 3.10 that contain only arithmetic, without running their code.

The usual one is `lambda x: x / 127.5 - 1.0`. Its bytecode is read as data. Only arithmetic, indices and slices are
known; a lambda with anything else (a call, an import, a jump) is not computed.
Sources: `marshal.c` and `opcode.py` of CPython 2.7 and 3.4 to 3.10.
"""

from __future__ import annotations

import base64
import binascii
import operator
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras

from live_gradcam.models.type_names import Json, Tensors

Value = Any
"""A value that a lambda computes with: a tensor, a number, a slice, a text or a tuple of them."""

_MOST_INSTRUCTIONS = 100
_DEEPEST = 10
_FLAG = 0x80  # marshal sets it on an object that it refers to again

_ARITHMETIC: Mapping[int, Callable[[Value, Value], Value]] = {
    20: operator.mul,
    21: operator.truediv,
    23: operator.add,
    24: operator.sub,
    27: operator.truediv,
}
_DIVIDE_OF_PYTHON_2 = 21
_POWER, _NEGATIVE, _SUBSCRIPT, _RETURN = 19, 11, 25, 83
_LOAD_CONSTANT, _BUILD_TUPLE, _LOAD_FAST, _STORE_FAST, _BUILD_SLICE = 100, 102, 124, 125, 133
_WITH_ARGUMENT = 90
_KNOWN = frozenset(_ARITHMETIC) | {_POWER, _NEGATIVE, _SUBSCRIPT, _RETURN, _LOAD_CONSTANT, _LOAD_FAST}
_KNOWN |= {_STORE_FAST, _BUILD_TUPLE, _BUILD_SLICE}

_LAYOUTS = ((4, False), (5, True), (6, True))
"""Layouts of Python 2, 3.0 and 3.8: how many numbers precede the instructions, and whether the version is 3."""


class _NoFormulaError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Formula:
    """The computation of a lambda."""

    instructions: tuple[tuple[int, int], ...]
    """Opcode and argument of each instruction."""

    constants: tuple[Value, ...]

    variables: tuple[str, ...]
    """Names of the variables, the arguments first."""

    arguments: int
    """Number of arguments."""

    defaults: tuple[Value, ...] = ()
    """Default values of the last arguments."""

    def value(self, inputs: Tensors, named: Mapping[str, Json]) -> Value:
        """Return the value of the lambda.

        Args:
            inputs: its first argument.
            named: its other arguments.

        Raises:
            ValueError: an argument is missing, or an operand is no number.
        """
        given = self.variables[: self.arguments]
        values = dict(zip(given[len(given) - len(self.defaults) :], self.defaults, strict=True))
        values |= {given[0]: inputs, **named}
        stack: list[Value] = []
        for opcode, argument in self.instructions:
            if opcode == _LOAD_FAST:
                name = self.variables[argument]
                if name not in values:
                    raise ValueError(f"the argument '{name}' is missing")
                stack.append(values[name])
            elif opcode == _LOAD_CONSTANT:
                stack.append(self.constants[argument])
            elif opcode == _STORE_FAST:
                values[self.variables[argument]] = stack.pop()
            elif opcode == _NEGATIVE:
                stack.append(-stack.pop())
            elif opcode in (_BUILD_TUPLE, _BUILD_SLICE):
                parts = [stack.pop() for _ in range(argument)][::-1]
                stack.append(tuple(parts) if opcode == _BUILD_TUPLE else slice(*parts))
            elif opcode == _RETURN:
                break
            else:
                second, first = stack.pop(), stack.pop()
                stack.append(_joined(opcode, first, second))
        return stack.pop()


def _joined(opcode: int, first: Value, second: Value) -> Value:
    if opcode == _SUBSCRIPT:
        return first[second]
    numbers = [each for each in (first, second) if isinstance(each, (int, float))]
    if not all(isinstance(each, (int, float)) or hasattr(each, "dtype") for each in (first, second)):
        raise ValueError("an operand is no number")
    if opcode == _DIVIDE_OF_PYTHON_2 and all(isinstance(each, int) for each in (first, second)):
        return first // second
    if opcode == _POWER:
        return first**second if len(numbers) < 2 else float(first) ** float(second)
    return _ARITHMETIC[opcode](first, second)


def formula_of(stored: Json) -> Formula | None:
    """Return the formula of a stored lambda; None where it has more than arithmetic, or is of a later Python.

    Args:
        stored: `[code, defaults, closure]`, or an object with this list as `value`. The code is marshalled, then
            encoded in base64, or escaped as in Keras before 2.1.
    """
    if isinstance(stored, Mapping) and stored.get("class_name") == "__lambda__":
        inner = stored.get("config")
        stored = inner.get("value") if isinstance(inner, Mapping) else None
    code, defaults, closure = (
        (list(stored) + [None, None])[:3] if isinstance(stored, list) else (stored, None, None)
    )
    if not isinstance(code, str) or closure:
        return None
    for data in _decoded(code):
        for count, is_later in _LAYOUTS:
            try:
                return _FormulaReader(data).formula(count, tuple(defaults or ()), is_later=is_later)
            except (_NoFormulaError, IndexError, struct.error, UnicodeDecodeError, ValueError, TypeError):
                continue
    return None


def _decoded(code: str) -> list[bytes]:
    found = []
    with suppress(binascii.Error, ValueError):
        found.append(base64.b64decode(code))
    with suppress(UnicodeEncodeError):
        found.append(code.encode("raw_unicode_escape"))
    return [data for data in found if data[:1] in (b"c", b"\xe3")]


class _FormulaReader:
    """Reads marshalled code."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._seen: list[Value] = []
        self._interned: list[Value] = []

    def formula(self, count: int, defaults: tuple[Value, ...], *, is_later: bool) -> Formula:
        """Return the formula of a function, with `count` numbers before its instructions."""
        first = self._bytes(1)[0]
        if first & _FLAG:
            self._seen.append(None)
        arguments, *_ = (self._number() for _ in range(count))
        code, constants, _, variables = (self._value() for _ in range(4))
        if not (isinstance(code, bytes) and isinstance(constants, tuple) and isinstance(variables, tuple)):
            raise _NoFormulaError
        names = tuple(each.decode() if isinstance(each, bytes) else each for each in variables)
        if not len(defaults) < arguments <= len(names) or not all(isinstance(name, str) for name in names):
            raise _NoFormulaError
        instructions = _instructions(code, words=is_later and len(code) % 2 == 0 and code[-2:] == b"S\x00")
        for opcode, argument in instructions:
            if opcode == _LOAD_CONSTANT and not _is_plain(constants[argument]):
                raise _NoFormulaError
            if opcode in (_LOAD_FAST, _STORE_FAST):
                names[argument]
        return Formula(instructions, constants, names, arguments, defaults)

    def _bytes(self, count: int) -> bytes:
        if count < 0 or self._place + count > len(self._data):
            raise _NoFormulaError
        self._place += count
        return self._data[self._place - count : self._place]

    def _number(self) -> int:
        return int(struct.unpack("<i", self._bytes(4))[0])

    def _value(self, depth: int = 0) -> Value:
        if depth > _DEEPEST:
            raise _NoFormulaError
        byte = self._bytes(1)[0]
        kind, is_kept = chr(byte & ~_FLAG), bool(byte & _FLAG)
        if kind in "()":
            place = len(self._seen)
            if is_kept:
                self._seen.append(None)
            length = self._number() if kind == "(" else self._bytes(1)[0]
            value: Value = tuple(self._value(depth + 1) for _ in range(length))
            if is_kept:
                self._seen[place] = value
            return value
        if kind == "r":
            return self._seen[self._number()]
        if kind == "R":
            return self._interned[self._number()]
        value = self._simple(kind)
        if is_kept:
            self._seen.append(value)
        return value

    def _simple(self, kind: str) -> Value:
        match kind:
            case "N":
                return None
            case "T" | "F":
                return kind == "T"
            case ".":
                return ...
            case "i":
                return self._number()
            case "g":
                return float(struct.unpack("<d", self._bytes(8))[0])
            case "z" | "Z":
                return self._bytes(self._bytes(1)[0]).decode("ascii")
            case "a" | "A" | "u":
                return self._bytes(self._number()).decode("utf-8", "surrogatepass")
            case "s":
                return self._bytes(self._number())
            case "t":
                text = self._bytes(self._number()).decode()
                self._interned.append(text)
                return text
            case _:
                raise _NoFormulaError


def _instructions(code: bytes, *, words: bool) -> tuple[tuple[int, int], ...]:
    """Return the opcode and argument of each instruction: two bytes since Python 3.6 (`words`), before one or three."""
    found: list[tuple[int, int]] = []
    place = 0
    while place < len(code) and len(found) < _MOST_INSTRUCTIONS:
        opcode = code[place]
        if opcode not in _KNOWN:
            raise _NoFormulaError
        has_argument = opcode >= _WITH_ARGUMENT
        argument = 0
        if words:
            argument = code[place + 1]
        elif has_argument:
            argument = code[place + 1] + 256 * code[place + 2]
        found.append((opcode, argument))
        place += 2 if words else 3 if has_argument else 1
    if not found or found[-1][0] != _RETURN:
        raise _NoFormulaError
    return tuple(found)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or value is ... or isinstance(value, (bool, int, float))


@keras.saving.register_keras_serializable(package="live_gradcam")
class Arithmetic(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Computes the formula of a lambda."""

    def __init__(self, formula: Formula, named: Mapping[str, Json] | None = None, **settings: object) -> None:
        super().__init__(**settings)
        self._formula = formula
        self._named = dict(named or {})

    def call(self, inputs: Tensors) -> Tensors:
        """Return the value of the formula."""
        return self._formula.value(inputs, self._named)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"formula": self._formula, "named": self._named}
