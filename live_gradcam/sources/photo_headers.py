"""Headers of JPEG and TIFF files, read before anything is decoded."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_PROFILE = b"ICC_PROFILE\0"
JPEG_END = b"\xff\xd9"
"""End marker of a JPEG."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """The header of a JPEG."""

    size: tuple[int, int]
    """(width, height) in pixels, as stored."""

    channels: int
    """1 for grey, 3 for colour, 4 for CMYK."""

    profile: bytes | None
    """The ICC profile."""

    is_whole: bool
    """Whether the end marker is there."""


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Return the header of a JPEG; None if it is damaged."""
    size, channels = (0, 0), 0
    pieces: dict[int, bytes] = {}
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES and at + 10 <= len(data):
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            size, channels = (width, height), data[at + 9]
        elif marker == 0xE2 and data.startswith(_PROFILE, at + 4):
            pieces[data[at + 16]] = data[at + 18 : at + 2 + length]
        elif marker == 0xDA:
            break
        at += 2 + length
    if not channels:
        return None
    profile = b"".join(piece for _, piece in sorted(pieces.items())) or None
    return JpegHeader(size, channels, profile, is_whole=data.rfind(JPEG_END, at) >= 0)


WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, PLANES = 256, 257, 258, 262, 274, 284
SUBFILE_TYPE, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, DNG_VERSION = 254, 330, 338, 339, 50706

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""TIFF signatures: either byte order, classic and BigTIFF."""

_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MOST_TAGS = 4096
_MOST_VALUES = 16


def tiff_tags(file: BinaryIO) -> dict[int, tuple[int, ...]]:
    """Return the first page's tags with integer values, as far as they can be read.

    Args:
        file: open at any position.

    Returns:
        Tag → its first values; empty if the file is no TIFF.
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
