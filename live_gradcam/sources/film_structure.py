"""Structure of a film's file, read without FFmpeg: its length, whether it is encrypted, how its picture is coded.

MP4 and QuickTime files consist of boxes (ISO 14496-12), Matroska and WebM files of elements (RFC 9559), AVI files of
RIFF chunks.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_AGAIN = "Copy, download or record it again."
_BOXES = (b"ftyp", b"moov", b"wide", b"mdat", b"free")
"""Names of boxes that MP4 and QuickTime files begin with."""

_EBML = b"\x1a\x45\xdf\xa3"
"""The first bytes of Matroska and WebM files."""

_SEGMENT = 0x18538067
"""Id of the Matroska and WebM element that contains all the rest."""

_ENCRYPTION = re.compile(rb"\x6d\x80.{1,64}?\x50\x35", re.DOTALL)
"""The element ContentEncodings, and within it ContentEncryption."""

_MOST_BOXES = 10_000
_MOST_INDEX = 1 << 24
"""Bytes of an index that are searched."""

_MOST_TRACKS = 1 << 16
"""Bytes of a Matroska file's beginning that are searched for its tracks."""


def cut_short(path: Path) -> str | None:
    """Return the text for a file that is shorter than its container says; None if it is not, or does not say."""
    have = path.stat().st_size
    try:
        with path.open("rb") as file:
            told = _told_size(file, have)
    except (OSError, struct.error):
        return None
    if told is None or told <= have:
        return None
    return f"it is cut short: it has {have:,} of at least {told:,} bytes. {_AGAIN}"


def is_encrypted(path: Path) -> bool:
    """Return whether a film's picture is encrypted by a copy protection: Common Encryption in an MP4, or in a WebM."""
    try:
        with path.open("rb") as file:
            start = file.read(_MOST_TRACKS)
            if start.startswith(_EBML):
                return _ENCRYPTION.search(start) is not None
            return b"encv" in _index_of(file)
    except (OSError, struct.error):
        return False


def coding_of(path: Path) -> str | None:
    """Return the four characters that name the coding of an MP4's or QuickTime file's picture, such as `dav1`.

    None for other files, and where there is no picture.
    """
    try:
        with path.open("rb") as file:
            index = _index_of(file)
    except (OSError, struct.error):
        return None
    for track in index.split(b"trak")[1:]:
        at = track.find(b"stsd")
        name = track[at + 16 : at + 20]
        if b"vide" in track[:at] and at >= 0 and name.isalnum() and name.isascii():
            return name.decode()
    return None


def _index_of(file: BinaryIO) -> bytes:
    """Return the content of an MP4's or QuickTime file's box `moov`; empty if it has none."""
    have = file.seek(0, os.SEEK_END)
    for name, at, size in _boxes(file, have):
        if name == b"moov":
            file.seek(at)
            return file.read(min(size or have, _MOST_INDEX))
    return b""


def _boxes(file: BinaryIO, have: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset and size of each outermost box; a size of 0 where it extends to the end, or is invalid."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at >= have:
            return
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            yield b"", at, 8
            return
        size = int(struct.unpack(">I", head[:4])[0])
        if size == 1 and len(head) == 16:
            size = int(struct.unpack(">Q", head[8:])[0])
        yield head[4:8], at, size if size >= 8 else 0
        if size < 8:
            return
        at += size


def _told_size(file: BinaryIO, have: int) -> int | None:
    """Return a file's minimum size according to its container: MP4 and QuickTime, AVI, Matroska and WebM."""
    start = file.read(12)
    if start[:4] == b"RIFF":
        return int(struct.unpack("<I", start[4:8])[0]) + 8
    if start[:4] == _EBML:
        return _size_of_matroska(file)
    return _size_of_boxes(file, have) if start[4:8] in _BOXES else None


def _size_of_boxes(file: BinaryIO, have: int) -> int | None:
    end = 0
    for _, at, size in _boxes(file, have):
        if not size:
            return None
        end = at + size
    return end


def _size_of_matroska(file: BinaryIO) -> int | None:
    file.seek(4)
    size = _length(file)
    if size is None:
        return None
    file.seek(size, os.SEEK_CUR)
    if int.from_bytes(file.read(4), "big") != _SEGMENT:
        return None
    size = _length(file)
    return None if size is None else file.tell() + size


def _length(file: BinaryIO) -> int | None:
    """Return an element's length in EBML; None if it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + file.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value
