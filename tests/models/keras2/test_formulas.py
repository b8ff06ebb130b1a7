"""Arithmetic in Lambda layers of older Pythons is computed as it was meant, and nothing else is read."""

from __future__ import annotations

import base64
import json
import marshal
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam.models.keras2.formulas import formula_of

X = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3)).astype(np.float32)

LOAD, CONSTANT, STORE, RETURN = 124, 100, 125, 83
ADD, SUBTRACT, MULTIPLY, DIVIDE, OLD_DIVIDE, POWER, NEGATIVE, PART = 23, 24, 20, 27, 21, 19, 11, 25
TUPLE, SLICE, GLOBAL, CALL = 102, 133, 116, 131

Instructions = Sequence[tuple[int, ...]]


def lambda_code(
    instructions: Instructions,
    constants: tuple[Any, ...] = (None,),
    names: tuple[str, ...] = ("x",),
    *,
    python: str = "3.6",
    arguments: int = 1,
) -> bytes:
    """Marshal a function's code as a Python of that version does."""
    code = b""
    for opcode, *argument in instructions:
        if python in ("3.6", "3.8"):
            code += bytes([opcode, *(argument or [0])])
        else:
            code += bytes([opcode]) + (struct.pack("<H", argument[0]) if argument else b"")
    numbers = {"2.7": 4, "3.5": 5, "3.6": 5, "3.8": 6}[python]
    head = struct.pack("<i", arguments) + bytes(4 * (numbers - 1))
    version = 2 if python == "2.7" else 4
    parts: list[Any] = [code, constants, (), tuple(map(str, names)), (), (), "model.py", "<lambda>"]
    tail = b"".join(marshal.dumps(each, version) for each in parts)
    return b"\xe3" + head + tail + struct.pack("<i", 1) + marshal.dumps(b"", version)


def value(code: bytes, defaults: Any = None, /, inputs: Any = X, **named: Any) -> Any:
    formula = formula_of([base64.b64encode(code).decode(), defaults, None])
    assert formula is not None
    return formula.value(inputs, named)


SCALED = [(LOAD, 0), (CONSTANT, 1), (DIVIDE,), (CONSTANT, 2), (SUBTRACT,), (RETURN,)]


@pytest.mark.parametrize("python", ["2.7", "3.5", "3.6", "3.8"])
def test_scaled_pixels_are_computed_whichever_python_wrote_it(python: str) -> None:
    instructions = [(OLD_DIVIDE,) if each == (DIVIDE,) and python == "2.7" else each for each in SCALED]
    code = lambda_code(instructions, (None, 127.5, 1.0), python=python)
    np.testing.assert_allclose(value(code), X / 127.5 - 1.0)


def test_indices_slices_names_and_defaults_are_known() -> None:
    whole = [(CONSTANT, 0), (CONSTANT, 0), (SLICE, 2)] * 3
    turned = [
        (LOAD, 0),
        *whole,
        (CONSTANT, 0),
        (CONSTANT, 0),
        (CONSTANT, 1),
        (SLICE, 3),
        (TUPLE, 4),
        (PART,),
        (RETURN,),
    ]
    np.testing.assert_array_equal(value(lambda_code(turned, (None, -1))), X[:, :, :, ::-1])
    branch = [
        (LOAD, 0),
        (CONSTANT, 1),
        (PART,),
        (LOAD, 0),
        (CONSTANT, 2),
        (PART,),
        (LOAD, 1),
        (MULTIPLY,),
        (ADD,),
        (RETURN,),
    ]
    code = lambda_code(branch, (None, 0, 1), ("inputs", "scale"), arguments=2)
    np.testing.assert_allclose(value(code, inputs=[X, 2 * X], scale=0.17), X + 2 * X * 0.17, rtol=1e-6)
    np.testing.assert_allclose(value(code, [0.5], inputs=[X, X]), 1.5 * X)
    with pytest.raises(ValueError, match="the argument 'scale' is missing"):
        value(code, inputs=[X, X])
    kept = [(LOAD, 0), (NEGATIVE,), (STORE, 1), (LOAD, 1), (CONSTANT, 1), (POWER,), (RETURN,)]
    np.testing.assert_allclose(value(lambda_code(kept, (None, 2), ("x", "y"))), X**2)


def test_whole_numbers_are_divided_as_in_python_2() -> None:
    halved = [(CONSTANT, 1), (CONSTANT, 2), (OLD_DIVIDE,), (LOAD, 0), (ADD,), (RETURN,)]
    np.testing.assert_array_equal(value(lambda_code(halved, (None, 3, 2), python="2.7")), X + 1)


@pytest.mark.parametrize(
    "code",
    [
        lambda_code([(GLOBAL, 0), (LOAD, 0), (CALL, 1), (RETURN,)]),
        lambda_code([(LOAD, 0)]),
        lambda_code([(LOAD, 5), (RETURN,)]),
        lambda_code([(LOAD, 0), (CONSTANT, 1), (ADD,), (RETURN,)], (None, "text")),
        lambda_code([*[(LOAD, 0)] * 200, (RETURN,)]),
        lambda_code(SCALED, (None, 127.5, 1.0))[:60],
        marshal.dumps((lambda x: x / 2).__code__),
        b"\xe3" + bytes(30),
        b"c\xff",
        b"",
    ],
    ids=["call", "no return", "no such name", "text", "long", "cut", "this Python", "zeros", "short", "empty"],
)  # fmt: skip
def test_all_else_is_not_read(code: bytes) -> None:
    assert formula_of([base64.b64encode(code).decode(), None, None]) is None


def test_no_change_of_a_byte_makes_it_hang_or_fail() -> None:
    random = np.random.default_rng(1)
    sound = lambda_code(SCALED, (None, 127.5, 1.0))
    for _ in range(2000):
        changed = bytearray(sound)
        for place in random.integers(0, len(sound), random.integers(1, 4)):
            changed[place] = random.integers(256)
        formula_of([base64.b64encode(bytes(changed)).decode(), None, None])


@pytest.mark.parametrize("escaped", [False, True], ids=["base64", "before Keras 2.1"])
def test_a_file_with_a_lambda_of_an_older_python_is_explained(tmp_path: Path, escaped: bool) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    layers = tf_keras.layers
    old = tf_keras.Sequential(
        [
            layers.Lambda(lambda x: x / 127.5 - 1.0, input_shape=(16, 16, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    path = tmp_path / "old.h5"
    old.save(path)
    code = lambda_code(SCALED, (None, 127.5, 1.0), python="3.5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        stored = next(each["config"] for each in config["config"]["layers"] if each["class_name"] == "Lambda")
        text = code.decode("raw_unicode_escape") if escaped else base64.b64encode(code).decode()
        stored["function"] = [text, None, None]
        file.attrs["model_config"] = json.dumps(config)
    model = lg.load_model(path)
    assert model.preprocessing.name == "none"
    pixels = np.random.default_rng(2).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(model.network(pixels), old(pixels), atol=1e-6)
    assert lg.Explainer(model).explain(np.zeros((20, 20, 3), np.uint8)).layer == "conv"
    assert isinstance(model.network, keras.Model)
