"""Picture files as nobody means well with: whole ones of every kind, damaged where it hurts."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener  # of the tests only: it writes HEIC

KINDS = {
    "JPEG": ("image/jpeg", {"quality": 80}),
    "progressive JPEG": ("image/jpeg", {"quality": 80, "progressive": True}),
    "PNG": ("image/png", {}),
    "WEBP": ("image/webp", {"quality": 60}),
    "AVIF": ("image/avif", {"quality": 50, "speed": 10}),
    "HEIF": ("image/heic", {"quality": 50}),
}
"""Name → media type, and how Pillow writes it. The last word of the name is Pillow's format."""

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


@cache
def whole(kind: str, side: int = 48) -> bytes:
    """A small picture of noise, with a colour profile's worth of structure."""
    register_heif_opener()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side + 5, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind.split()[-1], **KINDS[kind][1])
    return file.getvalue()


def flipped(data: bytes, draw: random.Random) -> bytes:
    """Some bits are others."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 12)):
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found)


def torn(data: bytes, draw: random.Random) -> bytes:
    """The end is not there, or the beginning."""
    place = draw.randrange(len(data))
    return data[:place] if draw.random() < 0.8 else data[place:]


def extreme(data: bytes, draw: random.Random) -> bytes:
    """Some number in it, such as a length, is as large or small as it can be."""
    number = draw.choice(EXTREMES)
    packed = struct.pack(
        draw.choice((">", "<")) + ("I" if number > 0xFFFF or draw.random() < 0.5 else "H"), number
    )
    place = draw.randrange(min(len(data), draw.choice((64, 400, len(data)))))
    return data[:place] + packed + data[place + len(packed) :]


def repeated(data: bytes, draw: random.Random) -> bytes:
    """A piece of it comes again and again."""
    first, last = sorted(draw.randrange(len(data)) for _ in range(2))
    return data[:last] + data[first:last] * draw.choice((1, 2, 50)) + data[last:]


def spliced(data: bytes, draw: random.Random) -> bytes:
    """It goes on as another kind of file."""
    other = whole(draw.choice(tuple(KINDS)))
    return data[: draw.randrange(len(data))] + other[draw.randrange(len(other)) :]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, torn, extreme, repeated, spliced)


def with_right_checksums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums that belong to them: what is damaged is read further on."""
    found, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        body = data[place + 4 : place + 8 + length]
        if len(body) < 4 + length:
            break
        found += struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(found) + data[place:]


def hostile_picture(draw: random.Random) -> tuple[str, bytes]:
    """Return a media type and a damaged file."""
    kind = draw.choice(tuple(KINDS))
    data = whole(kind, draw.choice((1, 8, 48, 200)))
    for _ in range(draw.randint(1, 3)):
        data = draw.choice(MUTATIONS)(data, draw) or b"\0"
    if kind == "PNG" and draw.random() < 0.7:
        data = with_right_checksums(data)
    media_type = KINDS[kind][0] if draw.random() < 0.9 else draw.choice(tuple(KINDS.values()))[0]
    return media_type, data
