"""Walks the outermost fields of a protocol buffer without its definition: TensorFlow, ONNX and Core ML files are such.

The encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

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
