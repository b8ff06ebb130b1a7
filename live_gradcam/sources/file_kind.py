"""Kinds of files, recognised by content: photos, animated pictures, and files that must be converted first.

File names are not reliable: phones and browsers call a HEIC or a WebP `.jpg`. Only the start of a file is read; of a
PNG, GIF or WebP as much as tells whether it is animated.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from live_gradcam.sources import photo_headers as tiff

_HEAD = 4096
"""Bytes read from the start of a file."""

_MOST_PARTS = 10_000
"""Chunks of a file that are examined at most."""

_CONVERT = "Export it as PNG or JPEG first."
_DEVELOP = "Develop it to JPEG or TIFF first, for instance with darktable, RawTherapee or the camera maker's program."


@dataclass(frozen=True, slots=True)
class FileKind:
    """The kind of a file."""

    name: str
    """As in a sentence: `JPEG`, `a Photoshop document`. For photos and animations, Pillow's name of the format."""

    role: Literal["photo", "animation", "unread", "foreign"]
    """`photo`; `animation`: several pictures with times; `unread`: a picture in an unsupported format; `foreign`: no
    picture."""

    remedy: str = ""
    """For `unread` and `foreign`: a sentence that says what to do."""

    @property
    def is_readable(self) -> bool:
        """Whether it is a picture in a supported format."""
        return self.role in ("photo", "animation")


def kind_of_file(path: Path) -> FileKind | None:
    """Return the kind of a file; None for other files, such as films, and files that cannot be read.

    Args:
        path: the file. Pipes and devices are not read, because their data would be lost.
    """
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return kind_of(file)
    return None


def kind_of(file: BinaryIO) -> FileKind | None:
    """Return the kind of an open file from its beginning; None for other files.

    Raises:
        OSError: it cannot be read.
    """
    head = file.read(_HEAD)
    kind = next((kind for mark, kind in _MARKS if mark.match(head)), None)
    if kind is None:
        return _tiff(file, head) or _isobmff(head) or _text(head)
    moves = _MOVES.get(kind.name)
    if moves is not None and moves(file):
        return FileKind(kind.name, "animation")
    return kind


def _photo(pattern: bytes, name: str) -> tuple[re.Pattern[bytes], FileKind]:
    return re.compile(pattern, re.DOTALL), FileKind(name, "photo")


def _foreign(pattern: bytes, name: str, remedy: str) -> tuple[re.Pattern[bytes], FileKind]:
    return re.compile(pattern, re.DOTALL), FileKind(name, "foreign", remedy)


def _unread(pattern: bytes, name: str, remedy: str) -> tuple[re.Pattern[bytes], FileKind]:
    return re.compile(pattern, re.DOTALL), FileKind(name, "unread", remedy)


_MARKS = (
    _photo(rb"\xff\xd8\xff", "JPEG"),
    _photo(rb"\x89PNG\r\n\x1a\n", "PNG"),
    _photo(rb"GIF8[79]a", "GIF"),
    _photo(rb"RIFF....WEBP", "WEBP"),
    _photo(rb"BM....\0\0\0\0|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    _photo(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG2000"),
    _photo(rb"\x00\x00\x01\x00[^\x00]\x00..", "ICO"),
    _photo(rb"\x00\x00\x02\x00[^\x00]\x00..", "CUR"),
    _photo(rb"P[1-7][\s#]|P[Ff]\n", "PPM"),
    _photo(rb"#\?(RADIANCE|RGBE)", "HDR"),
    _photo(rb"qoif", "QOI"),
    _photo(rb"DDS ", "DDS"),
    _photo(rb"\x59\xa6\x6a\x95", "SUN"),
    _photo(rb"\x01\xda[\x00\x01][\x01\x02]\x00", "SGI"),
    _photo(rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08]", "PCX"),
    _photo(rb"/\* XPM \*/", "XPM"),
    _photo(rb"SIMPLE  = +T", "FITS"),
    _photo(rb"\s*#define[ \t]+\S+_width\b", "XBM"),
    _unread(rb"II\*\0.{4}CR", "a camera's raw file (CR2)", _DEVELOP),
    _unread(rb"....ftypcrx ", "a camera's raw file (CR3)", _DEVELOP),
    _unread(rb"FUJIFILMCCD-RAW", "a camera's raw file (RAF)", _DEVELOP),
    _unread(rb"II(RO|RS|U\0)|MMOR", "a camera's raw file (ORF or RW2)", _DEVELOP),
    _unread(rb"FOVb", "a camera's raw file (X3F)", _DEVELOP),
    _unread(rb"\0MRM", "a camera's raw file (MRW)", _DEVELOP),
    _unread(rb"icns....", "an icon of macOS (ICNS)", _CONVERT),
    _unread(rb"8BPS", "a Photoshop document (PSD)", _CONVERT),
    _unread(rb"gimp xcf", "a GIMP document (XCF)", _CONVERT),
    _foreign(rb"%PDF-", "a PDF document", "Export its pictures or pages as PNG or JPEG first."),
    _unread(rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing (EPS)", _CONVERT),
    _unread(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture, which cannot be read yet", _CONVERT),
    _unread(
        rb"\x76\x2f\x31\x01",
        "an OpenEXR picture, which cannot be read",
        "Save it as TIFF, PNG or .hdr first.",
    ),
    _unread(rb".{128}DICM", "a medical picture (DICOM)", _CONVERT),
    _foreign(rb"PK\x03\x04", "a ZIP archive", "Unpack it first."),
    _foreign(rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b\x08|BZh[1-9]1AY", "an archive", "Unpack it first."),
    _foreign(
        rb"version https://git-lfs\.github\.com/",
        "a Git LFS pointer, not the file itself",
        "Fetch it with `git lfs pull`.",
    ),
)


def _tiff(file: BinaryIO, head: bytes) -> FileKind | None:
    """Distinguish a TIFF from a camera's raw file, which is a TIFF with a preview as its picture."""
    if head[:4] not in tiff.MARKS:
        return None
    tags = tiff.tiff_tags(file)
    is_raw = tiff.DNG_VERSION in tags or tiff.first(tags, tiff.PHOTOMETRIC) in _SENSOR
    if is_raw or (tiff.SUB_IFDS in tags and tiff.first(tags, tiff.SUBFILE_TYPE) & 1):
        return FileKind("a camera's raw file (DNG, NEF or the like)", "unread", _DEVELOP)
    return FileKind("TIFF", "photo")


_SENSOR = (32803, 34892)
"""Photometric interpretations of raw files: colour filter array, linear raw."""

_AVIF = (b"avif",)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avci", b"j2ki", b"jpeg", b"vvic", b"miaf")
_HEIF_FILMS = (b"hevc", b"hevx", b"msf1", b"hevm", b"hevs", b"avcs")


def _isobmff(head: bytes) -> FileKind | None:
    """Recognise HEIC and AVIF by their brands; return None for films (MP4, or a HEIC without a main picture)."""
    if head[4:8] != b"ftyp":
        return None
    size = min(max(struct.unpack_from(">I", head)[0], 16), len(head))
    major, brands = head[8:12], {head[at : at + 4] for at in range(8, size, 4) if at != 12}
    if major == b"avis":
        return FileKind("AVIF", "animation")
    if major in _HEIF_FILMS and not brands & {b"heic", b"heix", b"mif1"}:
        return None
    if major in _AVIF or (major in (b"mif1", b"miaf") and b"avif" in brands):
        return FileKind("AVIF", "photo")
    if major in _HEIF or major in _HEIF_FILMS:
        return FileKind("HEIF", "photo")
    return None


def _text(head: bytes) -> FileKind | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.match(rb"(<\?xml|<!--|<svg|<!doctype svg)", start) and b"<svg" in start:
        return FileKind("a drawing (SVG)", "unread", _CONVERT)
    if re.match(
        rb"(<!--.{,2000}-->\s*)?<(!doctype html|html|head|body)|<\?xml.{,2000}<html", start, re.DOTALL
    ):
        return FileKind(
            "a web page, not what the page shows",
            "foreign",
            "Open the address in a browser and save the file itself.",
        )
    return None


def _gif_moves(file: BinaryIO) -> bool:
    """Return whether there is a second picture."""
    file.seek(10)
    (flags,) = file.read(1)
    file.seek(13 + _palette(flags))
    pictures = 0
    while (block := file.read(1)) in (b"\x21", b"\x2c"):
        if block == b"\x2c":
            pictures += 1
            if pictures == 2:
                return True
            file.seek(8, os.SEEK_CUR)
            (flags,) = file.read(1)
            file.seek(_palette(flags), os.SEEK_CUR)
        file.seek(1, os.SEEK_CUR)  # kind of extension, or LZW code size
        while (size := file.read(1)[0]) != 0:
            file.seek(size, os.SEEK_CUR)
    return False


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _png_moves(file: BinaryIO) -> bool:
    """Return whether the chunk before the first picture announces more than one."""
    file.seek(8)
    for _ in range(_MOST_PARTS):
        size, name = struct.unpack(">I4s", file.read(8))
        if name == b"acTL":
            return bool(struct.unpack(">I", file.read(4))[0] > 1)
        if name in (b"IDAT", b"IEND"):
            break
        file.seek(size + 4, os.SEEK_CUR)
    return False


def _webp_moves(file: BinaryIO) -> bool:
    """Return whether there is a second picture, if the header says that it may be animated."""
    file.seek(12)
    if file.read(4) != b"VP8X" or not file.read(5)[4] & 2:
        return False
    file.seek(30)
    pictures = 0
    for _ in range(_MOST_PARTS):
        name, size = struct.unpack("<4sI", file.read(8))
        pictures += name == b"ANMF"
        if pictures == 2:
            return True
        file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _unless_torn(moves: Callable[[BinaryIO], bool]) -> Callable[[BinaryIO], bool]:
    def checked(file: BinaryIO) -> bool:
        try:
            return moves(file)
        except (struct.error, IndexError, ValueError):  # the file is truncated
            return False

    return checked


_MOVES = {
    name: _unless_torn(moves)
    for name, moves in (("GIF", _gif_moves), ("PNG", _png_moves), ("WEBP", _webp_moves))
}


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """The content of an address."""

    name: str
    """The address, safe to show."""

    suffix: str
    """File name ending of its path, such as `.jpg`, in lower case; empty if it has none."""

    data: bytes
