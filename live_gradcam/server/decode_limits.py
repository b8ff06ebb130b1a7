"""Limits on the work of decoding a picture file, checked before it is decoded.

Decoding time follows from the number of pixels in the header, with two exceptions: a PNG can hold compressed texts and
more compressed data than its pixels need; a JPEG can hold thousands of scans, each over the whole picture.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence

from live_gradcam.fixed_choices import Fit
from live_gradcam.server.errors import RequestError

MOST_PIXELS = 40_000_000
"""Maximum number of pixels: as many as the largest cameras have. Decoded, they take 120 MB."""

MOST_RATIO, MOST_WIDE_RATIO = 64, 4
"""Maximum aspect ratio, as on the page. The second is for the fits `wide` and `scan`, where the network's work grows
with the picture: the page squeezes longer pictures."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PARTS = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"gAMA", b"cHRM", b"sRGB", b"cICP"}
)
"""Chunks that affect how the picture looks, besides `iCCP`. All others are dropped: texts can inflate to gigabytes, and
further pictures of an animation are not shown."""

_MOST_PROFILE_BYTES = 1_000_000
_MOST_PARTS = 20_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type of a PNG → number of channels."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, step of columns, step of rows of each pass of an interlaced PNG (PNG specification, 8.2)."""

_SLACK_BYTES = 65_536
"""Tolerated bytes beyond what the pixels need: some encoders write a few."""

_PIECE_BYTES = 1 << 18

_MOST_SCANS = 64
_MOST_SCANNED_PIXELS = 16 * MOST_PIXELS
"""Maximum scans of a progressive JPEG: encoders write 6 to 12. Each scan covers the whole picture, so a large picture
may have fewer."""

_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = (0x01, 0xD8)


def check_shape(width: int, height: int, fit: Fit | None = None) -> None:
    """Check that a picture's aspect ratio is within the limit.

    Args:
        width: in pixels.
        height: in pixels.
        fit: how the picture is fitted to the network's input; None: not known yet.

    Raises:
        RequestError: the picture is too long (413).
    """
    grows = fit in ("wide", "scan")
    most = MOST_WIDE_RATIO if grows else MOST_RATIO
    if max(width, height) > most * (min(width, height) + 0.5):  # the page rounds the shorter side
        where = f" here (--fit {fit})" if grows else ""
        raise RequestError(
            413,
            f"the picture has {width}×{height} pixels, and its longer side may be at most {most} times the shorter "
            f"one{where}: cut out the part that matters.",
        )


def bounded(data: bytes) -> bytes:
    """Return a picture file that takes no longer to decode than its number of pixels justifies.

    Args:
        data: a picture file. Formats other than JPEG and PNG are returned unchanged.

    Raises:
        RequestError: the file holds more data than its pixels need (415).
    """
    if data.startswith(_PNG):
        return _bounded_png(data)
    if data.startswith(b"\xff\xd8"):
        _check_scans(data)
    return data


def _bounded_png(data: bytes) -> bytes:
    """Return a PNG with the chunks of `_PNG_PARTS` only.

    A truncated chunk, and everything after a damaged one, is kept: the decoder reports what is wrong.
    """
    kept, pixels = [_PNG], []
    has_profile = False
    at = len(_PNG)
    for _ in range(_MOST_PARTS):
        if at + 12 > len(data):
            kept.append(data[at:])
            break
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if name == b"IDAT":
            pixels.append(memoryview(data)[at + 8 : min(end - 4, len(data))])
        if name in _PNG_PARTS:
            kept.append(data[at:end])
        elif name == b"iCCP" and not has_profile and size <= _MOST_PROFILE_BYTES:
            kept.append(data[at:end])
            has_profile = True
        if name == b"IEND":
            break
        at = end
    else:
        raise RequestError(415, f"the picture is damaged: it has more than {_MOST_PARTS} parts.")
    if len(data) >= 33 and data[12:16] == b"IHDR":
        _check_inflated(pixels, _png_bytes(data))
    return b"".join(kept)


def _png_bytes(data: bytes) -> int:
    """Return the uncompressed size of a PNG's pixels in bytes, including filter bytes."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colour, 4)
    passes: Iterator[tuple[int, int]] | list[tuple[int, int]] = [(width, height)]
    if interlaced:
        passes = ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _ADAM7)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in passes if columns > 0 and rows > 0)


def _check_inflated(pieces: Sequence[memoryview], expected: int) -> None:
    """Inflate compressed data to count its bytes; the result is discarded.

    Raises:
        RequestError: there are more bytes than expected.
    """
    inflating, total = zlib.decompressobj(), 0
    for piece in pieces:
        rest: bytes | memoryview = piece
        while len(rest) and not inflating.eof:
            try:
                total += len(inflating.decompress(rest, _PIECE_BYTES))
            except zlib.error:
                return  # a decoder stops here, too
            if total > expected + _SLACK_BYTES:
                raise RequestError(415, "the picture is damaged: it holds more data than its pixels need.")
            rest = inflating.unconsumed_tail


def _check_scans(data: bytes) -> None:
    """Count the scans of a JPEG.

    Raises:
        RequestError: there are more than its size justifies.
    """
    scans, pixels, at = 0, 0, 2
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker in _JPEG_ALONE:
            continue
        if marker == 0xD9 or at + 2 > len(data):
            return
        if marker in _JPEG_FRAMES and at + 7 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 3)
            pixels = max(pixels, height * width)
        scans += marker == 0xDA
        if scans > _MOST_SCANS or (scans > 1 and scans * pixels > _MOST_SCANNED_PIXELS):
            raise RequestError(
                415, f"the picture has more scans than its size justifies ({scans}): save it again."
            )
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
