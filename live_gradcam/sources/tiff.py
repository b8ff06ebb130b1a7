"""The tags of a TIFF's first page, and the orientation that a photo is marked with."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import BinaryIO

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, PLANES = 256, 257, 258, 262, 274, 284
SUBFILE_TYPE, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, DNG_VERSION = 254, 330, 338, 339, 50706

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins: of either byte order, up to 4 GB or (BigTIFF) beyond."""

_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MOST_TAGS = 4096
_MOST_VALUES = 16


def tiff_tags(file: BinaryIO) -> dict[int, tuple[int, ...]]:
    """Return the tags of the first page that hold whole numbers, as far as they can be read.

    Args:
        file: open at any place.

    Returns:
        Tag → its first values; empty for what is no TIFF.
    """
    tags: dict[int, tuple[int, ...]] = {}
    file.seek(0)
    mark = file.read(4)
    if mark not in MARKS:
        return tags
    order = "<" if mark[:2] == b"II" else ">"
    is_big = b"+" in mark
    offset, count, length = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    with suppress(struct.error, OSError, ValueError, OverflowError):
        file.seek(8 if is_big else 4)
        (place,) = _read(file, order + offset)
        file.seek(place)
        (entries,) = _read(file, order + count)
        table = file.read(length * min(entries, _MOST_TAGS))
        for at in range(0, len(table), length):
            tag, kind, values = struct.unpack_from(f"{order}HH{offset}", table, at)
            if kind not in _NUMBERS:
                continue
            form = f"{order}{min(values, _MOST_VALUES)}{_NUMBERS[kind]}"
            inline = table[at + 4 + struct.calcsize(offset) : at + length]
            if values * struct.calcsize(_NUMBERS[kind]) <= len(inline):
                tags[tag] = struct.unpack_from(form, inline)
            else:
                file.seek(struct.unpack(order + offset, inline)[0])
                tags[tag] = _read(file, form)
    return tags


def first(tags: dict[int, tuple[int, ...]], tag: int, default: int = 0) -> int:
    """Return the first value of a tag."""
    return tags[tag][0] if tags.get(tag) else default


def _read(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
