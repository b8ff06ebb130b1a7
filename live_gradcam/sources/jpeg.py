"""The header of a JPEG: its size, its colours and its profile, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_PROFILE = b"ICC_PROFILE\0"
JPEG_END = b"\xff\xd9"
"""The end of a JPEG."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG says of itself."""

    size: tuple[int, int]
    """(width, height) in pixels, as they are stored."""

    channels: int
    """1: grey, 3: colour, 4: CMYK."""

    profile: bytes | None
    """The ICC profile."""

    is_whole: bool
    """Whether its end is there."""


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Return the header of a JPEG; None where it is damaged."""
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
