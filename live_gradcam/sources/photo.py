"""Photos: one picture from a file of any common format, upright, in sRGB, on white."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile

from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.failure_reasons import media_failure
from live_gradcam.sources.file_kind import Fetched, FileKind, kind_of
from live_gradcam.sources.opencv_photo import (
    MOST_PIXELS,
    check_size,
    decode_deep_tiff,
    decode_plain,
    decoded,
    eight_on_white,
)
from live_gradcam.sources.photo_colour import in_srgb, on_white, upright
from live_gradcam.sources.photo_headers import JPEG_END, jpeg_header

logger = logging.getLogger(__name__)

READABLE = "JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP"
"""The formats that messages name; others are supported too."""

_MOST_BYTES = 2_000_000_000

_ORIENTATION = 0x0112
_WITH_SEVERAL = {
    "TIFF": "pages: the first is read",
    "HEIF": "pictures in it: the main one is read",
}
_BY_SUFFIX = {".tga": "TGA", ".pcx": "PCX"}
"""Formats without a signature at the beginning, or with an ambiguous one."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR."""

    damage: str | None = None
    """What could not be read, such as `is cut short`; None if all was."""


def read_picture(path: Path | Fetched) -> Pixels:
    """Read a picture file; its content determines the format, not its name.

    The picture is turned upright as its EXIF orientation says. Grey becomes three equal channels, other depths become
    8 bits (see `in_eight_bits`), colours become sRGB, and transparent parts become white. Of several pages or pictures
    the first is read, of a HEIC the main one.

    Args:
        path: the file, whose name may contain any characters, or fetched content.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        SourceError: the file cannot be read or is no picture.
    """
    return read_photo(path).pixels


def read_photo(path: Path | Fetched) -> Photo:
    """Read a picture file as `read_picture` does, and report its damage."""
    name = shown(path.name)
    data = path.data if isinstance(path, Fetched) else _content(path, name)
    if not data:
        raise SourceError(f"{name} cannot be read: the file is empty.")
    kind = kind_of(io.BytesIO(data))
    if kind is None and path.suffix.lower() in _BY_SUFFIX:
        kind = FileKind(_BY_SUFFIX[path.suffix.lower()], "photo")
    return decode_photo(data, name, kind)


def _content(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError(
                f"{name} cannot be read: it is larger than 2 GB, and no photo is. Give a photo."
            )
        # Read as bytes, because OpenCV interprets file names in the system's code page on Windows.
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}.") from error


def decode_photo(data: bytes, name: str, kind: FileKind | None, *, most_pixels: int = MOST_PIXELS) -> Photo:
    """Decode a picture as `read_picture` does.

    Args:
        data: the file's content.
        name: its name in messages.
        kind: its format.
        most_pixels: largest number of pixels; more are refused before decoding.

    Raises:
        SourceError: it cannot be decoded.
        PhotoTooLargeError: it has too many pixels.
    """
    is_foreign = kind is None or kind.role == "foreign"
    if is_foreign and (reason := media_failure(data, Path(name).suffix)) is not None:
        raise SourceError(f"{name} cannot be read: {reason}")
    if kind is None:
        raise SourceError(f"{name} cannot be read: it is damaged, or no {_or(READABLE)}.")
    if not kind.is_readable:
        raise unreadable(name, kind)
    with _worded(name, kind):
        if kind.name == "JPEG":
            return _jpeg(data, name, most_pixels)
        if kind.name == "HDR" or (kind.name == "PPM" and data[:2] in (b"PF", b"Pf", b"P7")):
            return Photo(decode_plain(data, name, most_pixels))
        if kind.name == "TIFF" and (deep := decode_deep_tiff(data, name, most_pixels)) is not None:
            return Photo(deep)
        if kind.name == "PNG" and kind.role == "photo" and data[24:25] == b"\x10":
            image = open_with_pillow(data, name, kind, most_pixels)
            profile = image.info.get("icc_profile")
            pixels = eight_on_white(decoded(data), name)
            return Photo(upright(in_srgb(pixels, profile) if profile else pixels, orientation_of(image)))
        try:
            image = open_with_pillow(data, name, kind, most_pixels)
            image.load()
        except (OSError, SyntaxError, ValueError):
            if kind.name != "PNG":
                raise
            # Pillow rejects a PNG because of other chunks, such as a text of more than a megabyte.
            check_size(
                (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")), name, most_pixels
            )
            return Photo(
                eight_on_white(decoded(data), name), None if b"IEND" in data[-64:] else "is cut short"
            )
        orientation = None if kind.name == "HEIF" else orientation_of(image)  # libheif has applied it
        return Photo(upright(_from_pillow(image, name), orientation))


def unreadable(name: str, kind: FileKind) -> SourceError:
    """Return the error that says what a file is, and what to do with it.

    Args:
        name: the file's name, printable.
        kind: a kind that is not readable.
    """
    return SourceError(f"{name} cannot be read: it is {kind.name}. {kind.remedy}")


def _jpeg(data: bytes, name: str, most_pixels: int) -> Photo:
    header = jpeg_header(data)
    if header is None:
        raise SourceError(f"{name} cannot be read: it is damaged or cut short.")
    check_size(header.size, name, most_pixels)
    damage = None if header.is_whole else "is cut short: what is missing of it is grey"
    if header.channels == 4 and header.is_whole:
        image = open_with_pillow(data, name, FileKind("JPEG", "photo"), most_pixels)
        image.load()
        return Photo(upright(_from_pillow(image, name), orientation_of(image)))
    whole = data if header.is_whole else data + JPEG_END  # otherwise OpenCV returns nothing
    pixels = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SourceError(f"{name} cannot be read: it is damaged or cut short.")
    upright_pixels = np.asarray(pixels, np.uint8)
    if header.profile is not None and header.channels == 3:
        upright_pixels = in_srgb(upright_pixels, header.profile)
    return Photo(upright_pixels, damage)


def open_with_pillow(data: bytes, name: str, kind: FileKind, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Open a picture with Pillow, which reads its header only, and check its size."""
    image: Image.Image
    if kind.name == "HEIF":
        try:
            from pi_heif.as_plugin import HeifImageFile  # here: 20 ms, for HEIC alone
        except ImportError as error:
            raise SourceError(
                f"{name} is a HEIC photo, and pi-heif, which reads those, is not installed. Type: pip install pi-heif"
            ) from error
        image = HeifImageFile(io.BytesIO(data))
    else:
        Image.preinit()  # the common formats; loading all formats takes 50 ms more
        if kind.name not in Image.OPEN:
            Image.init()
        if kind.name not in Image.OPEN:
            raise SourceError(
                f"{name} is of the format {kind.name}, which this Pillow cannot read. Type: pip install -U pillow"
            )
        # By its own class, because Image.open would guess the format and warn about large photos.
        opened = Image.OPEN[kind.name][0](io.BytesIO(data), "")
        assert isinstance(opened, ImageFile.ImageFile)
        image = opened
    check_size(image.size, name, most_pixels)
    if kind.name in _WITH_SEVERAL and (count := getattr(image, "n_frames", 1)) > 1:
        logger.warning("%s has %d %s.", name, count, _WITH_SEVERAL[kind.name])
    return image


def _from_pillow(image: Image.Image, name: str) -> Pixels:
    if image.mode == "I" or image.mode == "F" or image.mode.startswith("I;"):
        return eight_on_white(np.asarray(image), name)
    return on_white(image)


def orientation_of(image: Image.Image) -> object:
    """Return the EXIF orientation of a loaded image; None if it is damaged, or was applied while loading."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # a damaged EXIF block may raise anything, but the picture is readable
        return None


@contextmanager
def _worded(name: str, kind: FileKind) -> Iterator[None]:
    """Turn a decoder's exceptions, of any type, into `SourceError`, and keep its output off the terminal."""
    with native_stderr_filtered():  # outermost, because it shows all output if an unexpected error passes
        try:
            yield
        except SourceError:
            raise
        except MemoryError as error:
            raise SourceError(f"{name} cannot be read: there is not enough memory for it.") from error
        except Exception as error:
            what = "HEIC" if kind.name == "HEIF" else kind.name
            logger.debug("%s cannot be decoded", name, exc_info=True)
            raise SourceError(
                f"{name} cannot be read: it is a {what} file that is damaged, cut short, or of a kind that is not "
                "known here. Save it as PNG or JPEG with another program."
            ) from error


def _or(names: str) -> str:
    return names.replace(" and ", " or ")
