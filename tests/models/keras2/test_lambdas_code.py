"""Bytecode in Lambda layers: told by its version, and run only where it is this Python's."""

from __future__ import annotations

import base64
import json
import marshal
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest

import live_gradcam as lg
from live_gradcam.models.keras2.lambdas import lambdas_in, runs_here, this_python, written_by


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def code(count: int, first: int) -> bytes:
    """Marshalled code that begins with so many numbers and with one instruction."""
    return b"\xe3" + numbers(*range(1, count + 1)) + b"s" + numbers(4) + bytes([first, 0, 83, 0]) + bytes(20)


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (code(4, 124), "Python 2"),
        (code(5, 124), "Python 3.7 or older"),
        (code(6, 124), "Python 3.8 to 3.10"),
        (code(5, 151), "Python 3.11 or 3.12"),
        (code(5, 149), "Python 3.13"),
        (code(5, 128), "Python 3.14"),
        (b"no code at all, but long enough to look at", None),
        (b"", None),
    ],
)
def test_the_layout_of_code_tells_the_python_that_wrote_it(data: bytes, version: str | None) -> None:
    assert written_by(data) == version


def test_code_of_this_python_runs_here_and_damaged_code_does_not() -> None:
    scale = 2.0

    def inner(t: Any) -> Any:
        return [len(str(u)) * scale for u in t]

    for function in (lambda t: t / 255.0, inner, lambda t, k=3: [t[i] for i in range(k) if i]):
        data = marshal.dumps(function.__code__)
        assert written_by(data) == this_python()
        assert runs_here(data)
        assert not runs_here(data[: len(data) // 2])
    data = marshal.dumps((lambda t: t / 255.0).__code__)
    place = data.index(function_code := (lambda t: t / 255.0).__code__.co_code)
    assert not runs_here(
        data[:place] + bytes([255]) * len(function_code) + data[place + len(function_code) :]
    )
    for other in (code(6, 124), code(4, 124), code(5, 124)):
        assert not runs_here(other)


def with_lambda(path: Path, data: bytes) -> Path:
    """Write a network with a Lambda layer, whose code is replaced."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Lambda(lambda t: t / 255.0, name="scaled")(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    network = keras.Model(image, x)
    whole = path.with_name("whole.keras")
    network.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                settings = json.loads(content)
                (found,) = list(lambdas_in(settings))
                assert found[0] == "scaled"
                text = json.dumps(settings)
                kept = base64.b64encode(found[1]).decode()
                stored = next(each for each in _strings(settings) if each.replace("\n", "") == kept)
                content = text.replace(
                    json.dumps(stored), json.dumps(base64.b64encode(data).decode())
                ).encode()
            new.writestr(name, content)
    return path


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for one in inner for each in _strings(one)]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_lambda_of_another_python_is_refused_with_the_cause(tmp_path: Path, allowed: bool) -> None:
    path = with_lambda(tmp_path / "old.keras", code(6, 124))
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(path, allow_unsafe=allowed)
    message = str(caught.value)
    assert (
        "the Lambda layer 'scaled' holds bytecode of Python 3.8 to 3.10, which this Python cannot run"
        in message
    )
    assert "replace the layer (such as by Rescaling)" in message
    assert "marshal" not in message


def test_a_lambda_whose_code_fails_says_so(tmp_path: Path) -> None:
    function = lambda t: missing(t)  # type: ignore[name-defined] # noqa: E731, F821 - what the file's code calls is gone
    path = with_lambda(tmp_path / "fails.keras", marshal.dumps(function.__code__))
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(path, allow_unsafe=True)
    message = str(caught.value)
    assert "the code of the Lambda layer 'scaled' fails here" in message
    assert "name 'missing' is not defined" in message
    assert "use --model module:function" in message
    assert sys.version_info >= (3, 11)
