"""Pictures that are small to send and large to decode."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_BLOCK = bytes(1 << 20)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deflated_zeros(inflated: int) -> bytes:
    """Return a zlib stream of so many zeros: about a thousandth of their number."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(_BLOCK) for _ in range(inflated // len(_BLOCK))]
    parts.append(packer.compress(bytes(inflated % len(_BLOCK))))
    return b"".join([*parts, packer.flush()])


def png_header(width: int, height: int, *, colour: int = 2) -> bytes:
    """Return the beginning of a PNG of 8 bits a channel; colour 0 is grey, 2 is RGB."""
    return _PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))


def png_bomb(inflated: int, *, side: int = 100) -> bytes:
    """Return a square PNG whose pixels are followed by so many bytes more, all deflated."""
    return png_header(side, side) + chunk(b"IDAT", deflated_zeros(inflated)) + chunk(b"IEND", b"")


def text_bomb(inflated: int, kind: bytes = b"zTXt", *, side: int = 100) -> bytes:
    """Return a whole PNG with a text (zTXt) or colour profile (iCCP) that inflates to so many bytes."""
    pixels = zlib.compress(bytes(side * (3 * side + 1)))
    text = chunk(kind, b"Comment\0\0" + deflated_zeros(inflated))
    return png_header(side, side) + text + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def plain_png(width: int, height: int) -> bytes:
    """Return a whole grey PNG, all black, of any shape."""
    pixels = deflated_zeros(height * (width + 1))
    return png_header(width, height, colour=0) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_of_scans(side: int, most_bytes: int) -> bytes:
    """Return a progressive grey JPEG with as many scans as go into so many bytes.

    Each scan is a few bytes (a run of end-of-block codes) and makes the decoder go over all blocks once more.
    """
    blocks = (-(-side // 8)) ** 2
    table = b"\xff\xdb\x00\x43\x00" + bytes([1] * 64)
    start = b"\xff\xc2\x00\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\x00"
    # One DC code: a difference of 0 ("0"). AC codes: runs of 2^n blocks that end ("0" + n more bits each).
    dc_codes = b"\xff\xc4\x00\x14\x00" + bytes([1] + [0] * 15) + b"\x00"
    ac_codes = (
        b"\xff\xc4\x00\x22\x10" + bytes([0, 0, 0, 15] + [0] * 12) + bytes(run << 4 for run in range(15))
    )
    first = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x01" + _packed("0" * blocks)  # al 1: refined later on
    beginning = b"\xff\xd8" + table + start + dc_codes + ac_codes + first
    scan = b"\xff\xda\x00\x08\x01\x01\x00" + bytes([1, 63, 0x00]) + _packed("".join(_runs(blocks)))
    return beginning + scan * ((most_bytes - len(beginning) - 2) // len(scan)) + b"\xff\xd9"


def _runs(blocks: int) -> Iterator[str]:
    """Give the bits that say of so many blocks that they end: EOBn codes, n = 14 to 0."""
    while blocks:
        power = min(14, blocks.bit_length() - 1)
        over = min(blocks, (1 << (power + 1)) - 1) - (1 << power)
        yield f"{power:04b}" + (f"{over:0{power}b}" if power else "")
        blocks -= (1 << power) + over


def _packed(bits: str) -> bytes:
    """Return bits as a JPEG's entropy-coded bytes: filled up with ones, a 0 behind each 0xFF."""
    filled = bits + "1" * (-len(bits) % 8)
    found = bytes(int(filled[place : place + 8], 2) for place in range(0, len(filled), 8))
    return found.replace(b"\xff", b"\xff\x00")
