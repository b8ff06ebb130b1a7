"""Recognises protocol buffers by the fields of their outermost message: files of TensorFlow, ONNX and Core ML.

The message definitions are not needed. Encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from live_gradcam.models.model_file import Kind, ModelFileKind, quoted

_MOST_FIELDS = 100_000
_LENGTHS = {1: 8, 5: 4}
"""Wire type of a value of fixed length → its length in bytes."""


def top_level_fields(path: Path) -> dict[int, int] | None:
    """Return the fields of the outermost message of a file.

    Args:
        path: any file. The values of fields are skipped.

    Returns:
        Field number → wire type: 0 for a number, 2 for text, bytes or a message. None where the file is no complete
        message.
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
    # From the .proto files; ONNX has texts in fields 2, 3 and 4.
    (
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
"""Format → whether the fields of the outermost message are those of this format."""

_BESIDE_SAVED_MODEL: dict[str, Kind] = {
    "fingerprint.pb": "fingerprint",
    "keras_metadata.pb": "keras metadata",
}
"""Files beside `saved_model.pb` → their format where they lie alone."""


def kind_of_message(path: Path, head: bytes) -> ModelFileKind:
    """Recognise a binary file that has no other known format.

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
    # The end of an interrupted download is missing; the operation of its first node is still readable.
    if head[:1] == b"\n" and re.search(rb"\x12.(Placeholder|Const|NoOp|VarHandleOp|Identity)", head[:512]):
        return ModelFileKind("graph", path)
    if path.name in _BESIDE_SAVED_MODEL:
        return ModelFileKind(_BESIDE_SAVED_MODEL[path.name], path)
    return ModelFileKind("unknown", path, quoted(head[:24].decode("latin-1")))
