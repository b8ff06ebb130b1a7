"""Film files by name: the one list of their file name endings."""

from __future__ import annotations

from pathlib import Path

_CONTAINERS = (
    ".3g2 .3gp .amv .asf .avi .divx .dv .dvr-ms .f4v .flv .gif .insv .lrv .m2t .m2ts .m4v .mk3d .mkv .mod .mov .mp4 "
    ".mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .webm .wmv .wtv"
)
_RAW_CODECS = ".264 .265 .avc .h264 .h265 .hevc .ivf .m1v .m2v .mjpeg .mjpg .obu .y4m"
SUFFIXES = frozenset(f"{_CONTAINERS} {_RAW_CODECS}".split())
"""File name endings of films, in lower case."""

_SHARED = frozenset({".dv", ".mod", ".mts", ".obu", ".qt", ".rm", ".ts"})
"""Endings among them that other kinds of files also have, such as TypeScript's."""

_FILM_MARKS = (
    (4, b"ftyp"),
    (4, b"moov"),
    (0, b"\x1a\x45\xdf\xa3"),
    (8, b"AVI "),
    (0, b"OggS"),
    (0, b"\0\0\1\xba"),
)
"""Offset and signature: MP4 and QuickTime, Matroska and WebM, AVI, Ogg, MPEG."""

_FIRST_BYTES = 4


def is_film(path: Path) -> bool:
    """Return whether a file is a film, by its name; if other kinds share the ending, by its first bytes.

    With a shared ending it is a film unless it begins with text.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES or path.name.startswith("."):
        return False
    if suffix not in _SHARED:
        return True
    try:
        with path.open("rb") as opened:
            start = opened.read(_FIRST_BYTES)
    except OSError:
        return True  # opening it reports the error
    # A transport stream begins with a G, or with a timestamp and a G.
    return (start[:1] == b"G" and not start[:4].isalpha()) or not start.isascii() or b"\0" in start


def begins_as_film(head: bytes) -> bool:
    """Return whether content begins as a film does.

    Args:
        head: its first 16 bytes or more.
    """
    return any(head.startswith(mark, at) for at, mark in _FILM_MARKS)
