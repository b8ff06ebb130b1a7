"""Recognises protocol buffers by the fields of their outermost message: files of TensorFlow, ONNX and Core ML.

The encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from live_gradcam.models.model_file import Kind, ModelFileKind, quoted

_MOST_FIELDS = 100_000
_LENGTHS = {1: 8, 5: 4}
"""Wire type → bytes of a value of fixed length."""


def top_level_fields(path: Path) -> dict[int, int] | None:
    """Return the number of each field of the outermost message and its wire type.

    Args:
        path: any file. Values are skipped, not read.

    Returns:
        Number → 0 for a number, 2 for text, bytes or a message; None where the file is no whole message.
    """
    size = path.stat().st_size
    fields: dict[int, int] = {}
    with path.open("rb") as file:
        for _ in range(_MOST_FIELDS):
            if file.tell() == size:
                return fields
            tag = _varint(file)
            if tag is None or tag >> 3 == 0 or tag >> 3 > 2**29:
                return None
            number, wire = tag >> 3, tag & 7
            if fields.setdefault(number, wire) != wire:
                return None
            if wire == 0:
                if _varint(file) is None:
                    return None
                continue
            length = _varint(file) if wire == 2 else _LENGTHS.get(wire)
            if length is None or file.tell() + length > size:
                return None
            file.seek(length, 1)
    return fields


def _varint(file: BinaryIO) -> int | None:
    value = 0
    for place in range(10):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return value
    return None


_ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})


_MESSAGES: tuple[tuple[Kind, Callable[[dict[int, int]], bool]], ...] = (
    # Number of a field of the outermost message → its wire type (0: a number, 2: bytes), from the .proto files.
    (  # ONNX has texts at 2, 3 and 4, and its graph at 7, where this has an id
        "fingerprint",
        lambda fields: 7 in fields and any(fields.get(number) == 0 for number in (2, 3, 4)),
    ),
    ("coreml", lambda fields: fields.get(1) == 0 and any(200 <= number <= 3000 for number in fields)),
    (
        "onnx",
        lambda fields: fields.get(1, 0) == 0 and fields.get(7) == 2 and not fields.keys() - _ONNX_FIELDS,
    ),
    ("saved model", lambda fields: fields == {1: 0, 2: 2}),
    ("caffe", lambda fields: fields.get(1, 2) == 2 and fields.get(100) == 2),
    ("meta graph", lambda fields: fields.get(1) == 2 and fields.get(2) == 2 and fields.get(3) == 2),
    ("graph", lambda fields: fields.get(1) == 2 and not fields.keys() - {1, 2, 3, 4, 5}),
)


_BESIDE_SAVED_MODEL: dict[str, Kind] = {
    "fingerprint.pb": "fingerprint",
    "keras_metadata.pb": "keras metadata",
}
"""Files that lie beside `saved_model.pb`, and what they are where they lie alone."""


def kind_of_message(path: Path, head: bytes) -> ModelFileKind:
    """Return the kind of a binary file that is no other known format.

    Args:
        path: the file.
        head: its first bytes.
    """
    if path.name in _BESIDE_SAVED_MODEL and (path.parent / "saved_model.pb").is_file():
        return ModelFileKind("saved model", path.parent)
    fields = top_level_fields(path)
    if fields:
        kind = next((kind for kind, fits in _MESSAGES if fits(fields)), None)
        if fields == {1: 2} and re.search(rb"\x22.{1,2}_tf_keras_", head, re.DOTALL):
            return ModelFileKind("keras metadata", path)
        if kind == "saved model":
            return ModelFileKind(kind, path.parent if path.name == "saved_model.pb" else path)
        if kind is not None:
            return ModelFileKind(kind, path)
    # A download that broke off has lost its last field; the name of the first node's operation is still there.
    if head[:1] == b"\n" and re.search(rb"\x12.(Placeholder|Const|NoOp|VarHandleOp|Identity)", head[:512]):
        return ModelFileKind("graph", path)
    if path.name in _BESIDE_SAVED_MODEL:
        return ModelFileKind(_BESIDE_SAVED_MODEL[path.name], path)
    return ModelFileKind("unknown", path, quoted(head[:24].decode("latin-1")))
