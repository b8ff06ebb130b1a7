"""Files of pictures and films: recognised by name, and listed from a folder or a numbered pattern."""

from __future__ import annotations

import os
import re
from pathlib import Path

from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.sources.file_kind import kind_of_file
from live_gradcam.sources.photo import READABLE

_CONTAINERS = (
    ".3g2 .3gp .amv .asf .avi .divx .dv .dvr-ms .f4v .flv .gif .insv .lrv .m2t .m2ts .m4v .mk3d .mkv .mod .mov .mp4 "
    ".mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .webm .wmv .wtv"
)
_RAW_CODECS = ".264 .265 .avc .h264 .h265 .hevc .ivf .m1v .m2v .mjpeg .mjpg .obu .y4m"
FILM_SUFFIXES = frozenset(f"{_CONTAINERS} {_RAW_CODECS}".split())
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
    if suffix not in FILM_SUFFIXES or path.name.startswith("."):
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


_NUMBER = re.compile(r"%(0?)(\d*)d")


def numbered_files(pattern: Path) -> list[Path]:
    """Return the files that match a printf pattern, as FFmpeg's image2 does, but also across gaps.

    Args:
        pattern: a path whose last part has one `%d`, or `%04d` for numbers of at least four digits; `%%` is a percent
            sign.

    Returns:
        The files in the order of their numbers; empty if it is no such pattern, or nothing matches.
    """
    parts = pattern.name.split("%%")
    if sum(len(_NUMBER.findall(part)) for part in parts) != 1 or not pattern.parent.is_dir():
        return []
    expression = "%".join(_escaped(part) for part in parts)
    found: list[tuple[int, Path]] = []
    for file in pattern.parent.iterdir():
        match = re.fullmatch(expression, file.name)
        if match is not None and file.is_file():
            found.append((int(match[1]), file))
    return [file for _, file in sorted(found)]


def _escaped(part: str) -> str:
    """Return the regular expression for a part of a name, in which `%04d` matches numbers."""
    match = _NUMBER.search(part)
    if match is None:
        return re.escape(part)
    width = int(match[2] or 1) if match[1] else 1
    # A number has as many digits as it needs, or is zero-padded to the width.
    digits = rf"([0-9]{{{width}}}|[1-9][0-9]{{{width},}})" if width > 1 else r"(0|[1-9][0-9]*)"
    return re.escape(part[: match.start()]) + digits + re.escape(part[match.end() :])


_MOST_LOOKED_AT = 20_000
_MOST_FOLDERS = 3
"""For the message about a folder without pictures: how many entries are searched, and how many folders are named."""

ANIMATED_SUFFIXES = frozenset({".apng", ".avifs", ".gif"})
"""File name endings of pictures that are usually animated."""

_STILL_SUFFIXES = (
    ".avif .bmp .cur .dds .dib .fit .fits .hdr .heic .heif .hif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pam .pbm "
    ".pcx .pfm .pgm .png .pnm .ppm .qoi .ras .sgi .tga .tif .tiff .webp .xbm .xpm"
)

PICTURE_SUFFIXES = ANIMATED_SUFFIXES.union(_STILL_SUFFIXES.split())
"""File name endings of pictures, in lower case, to be taken from a folder or a glob. A file that is named by itself may
have any ending, because its content is examined."""


def pictures_in(folder: Path) -> list[Path]:
    """Return a folder's pictures, without subfolders.

    Returns:
        The files in natural order: `2.jpg` before `10.jpg`.

    Raises:
        SourceError: there are none.
    """
    try:
        found = [path for path in folder.iterdir() if is_picture(path) and path.is_file()]
    except OSError as error:
        raise SourceError(f"the folder {folder} cannot be read: {error.strerror or error}.") from error
    if not found:
        raise SourceError(f"the folder {shown(folder)} has no pictures{_elsewhere(folder)}")
    return sorted(found, key=natural_order)


def _elsewhere(folder: Path) -> str:
    """Return what a folder without pictures contains: folders with pictures, or films; else the supported formats."""
    within: list[Path] = []
    films: list[Path] = []
    looked = 0
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        looked += len(files)
        if here == folder:
            films = sorted((each for name in files if is_film(each := here / name)), key=natural_order)
        elif any(is_picture(here / name) for name in files):
            within.append(here)
        if looked > _MOST_LOOKED_AT or len(within) > _MOST_FOLDERS:
            break
    if within:
        named = ", ".join(f"'{shown(each)}'" for each in within[:_MOST_FOLDERS])
        more = ", …" if len(within) > _MOST_FOLDERS else ""
        if len(within) == 1:
            return f" of its own; its folder {named} has some: give that."
        return f" of its own; its folders {named}{more} have some: give one of these."
    if films:
        count = f"{len(films)} films, such as" if len(films) > 1 else "a film,"
        return f" in it, but {count} '{shown(films[0])}': give that."
    return f" in it. {READABLE} are read."


def is_picture(path: Path) -> bool:
    """Return whether a file in a folder is a picture: by its ending, or by its content if it has no ending."""
    if path.name.startswith("."):
        return False
    if path.suffix:
        return path.suffix.lower() in PICTURE_SUFFIXES
    kind = kind_of_file(path)
    return kind is not None and kind.is_readable


def may_be_source(path: Path) -> bool:
    """Return whether a path may be suggested as a source: a folder, a picture or a film."""
    return path.is_dir() or is_picture(path) or is_film(path)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a sort key for natural order: `2.jpg` before `10.jpg`."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
