"""Photos: one picture from a file of any usual format, upright, in sRGB, on white."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile

from live_gradcam.errors import SourceError
from live_gradcam.file_names import shown
from live_gradcam.frame import Pixels
from live_gradcam.native import native_stderr_filtered
from live_gradcam.sources import tiff
from live_gradcam.sources.depth import in_eight_bits
from live_gradcam.sources.file_kind import FileKind, kind_of
from live_gradcam.sources.jpeg import JPEG_END, jpeg_header
from live_gradcam.sources.photo_colour import blended, in_srgb, on_white, upright

logger = logging.getLogger(__name__)

READABLE = "JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP"
"""The formats that are named where something cannot be read; others are read too."""

MOST_PIXELS = 250_000_000
"""Of any photo: more than the largest phone's. Decoded, it fills 750 MB."""

_MOST_BYTES = 2_000_000_000

_HEAD = 65_536
_ORIENTATION = 0x0112
_WITH_SEVERAL = {
    "TIFF": "pages: the first is read",
    "HEIF": "pictures in it: the main one is read",
}
_BY_SUFFIX = {".tga": "TGA", ".pcx": "PCX", ".fit": "FITS", ".fits": "FITS"}
"""Formats that have no mark of their own at their beginning, or a doubtful one."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo that was read."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR."""

    damage: str | None = None
    """What could not be read, such as `is cut short`; None: all was."""


def read_picture(path: Path) -> Pixels:
    """Read a picture file, whatever its name: its content says what it is.

    It stands upright as its EXIF mark says. Grey becomes three equal channels, other depths become 8 bits (see
    `in_eight_bits`), colours become sRGB, and transparent parts become white. Of several pages or pictures the first
    is read, of a HEIC the main one.

    Args:
        path: the file; its name may hold any characters.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        SourceError: the file cannot be read or is no picture.
    """
    return read_photo(path).pixels


def read_photo(path: Path) -> Photo:
    """Read a picture file, as of `read_picture`, and say what of it could not be read."""
    name = shown(path.name)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError(
                f"{name} cannot be read: it is larger than 2 GB, and no photo is. Give a photo."
            )
        # Bytes, and no library's own way to files: OpenCV's takes names in the system's code page on Windows.
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}.") from error
    if not data:
        raise SourceError(f"{name} cannot be read: the file is empty.")
    kind = kind_of(io.BytesIO(data))
    if kind is None and path.suffix.lower() in _BY_SUFFIX:
        kind = FileKind(_BY_SUFFIX[path.suffix.lower()], "photo")
    return decode_photo(data, name, kind)


class PhotoTooLargeError(SourceError):
    """A photo has more pixels than are taken."""

    def __init__(self, name: str, size: tuple[int, int], most_pixels: int) -> None:
        super().__init__(
            f"{name} cannot be read: it has {size[0]}×{size[1]} pixels, and at most {most_pixels / 1e6:g} million can "
            "be taken. Make it smaller first."
        )
        self.size = size
        """(width, height) in pixels."""


def decode_photo(data: bytes, name: str, kind: FileKind | None, *, most_pixels: int = MOST_PIXELS) -> Photo:
    """Decode a picture, as of `read_picture`.

    Args:
        data: the file's content.
        name: what to call it in messages.
        kind: what it is.
        most_pixels: how many it may have; more are refused before anything is decoded.

    Raises:
        SourceError: it cannot be decoded.
        PhotoTooLargeError: it has too many pixels.
    """
    if kind is None:
        raise SourceError(f"{name} cannot be read: it is damaged, or no {_or(READABLE)}.")
    if not kind.is_readable:
        raise unreadable(name, kind)
    with _worded(name, kind):
        if kind.name == "JPEG":
            return _jpeg(data, name, most_pixels)
        if kind.name == "HDR" or (kind.name == "PPM" and data[:2] in (b"PF", b"Pf", b"P7")):
            return Photo(_plain(data, name, kind, most_pixels))
        if kind.name == "TIFF" and (deep := _deep_tiff(data, name, most_pixels)) is not None:
            return Photo(deep)
        if kind.name == "PNG" and kind.role == "photo" and data[24:25] == b"\x10":
            image = open_with_pillow(data, name, kind, most_pixels)
            profile = image.info.get("icc_profile")
            pixels = _eight_on_white(_decoded(data), name)
            return Photo(upright(in_srgb(pixels, profile) if profile else pixels, orientation_of(image)))
        try:
            image = open_with_pillow(data, name, kind, most_pixels)
            image.load()
        except (OSError, SyntaxError, ValueError):
            if kind.name != "PNG":
                raise
            # Pillow refuses a PNG for what is beside the picture, such as a text of more than a megabyte.
            check_size(
                (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")), name, most_pixels
            )
            return Photo(
                _eight_on_white(_decoded(data), name), None if b"IEND" in data[-64:] else "is cut short"
            )
        orientation = None if kind.name == "HEIF" else orientation_of(image)  # libheif has followed it
        return Photo(upright(_from_pillow(image, name), orientation))


def unreadable(name: str, kind: FileKind) -> SourceError:
    """Return the error that says what a file is, and what to do with it.

    Args:
        name: the file's, as shown.
        kind: one that is not readable.
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
    whole = data if header.is_whole else data + JPEG_END  # or OpenCV would give nothing of it
    pixels = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SourceError(f"{name} cannot be read: it is damaged or cut short.")
    upright_pixels = np.asarray(pixels, np.uint8)
    if header.profile is not None and header.channels == 3:
        upright_pixels = in_srgb(upright_pixels, header.profile)
    return Photo(upright_pixels, damage)


def open_with_pillow(data: bytes, name: str, kind: FileKind, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Return a picture of which only the header was read, after a look at its size."""
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
        Image.init()
        if kind.name not in Image.OPEN:
            raise SourceError(
                f"{name} is of the format {kind.name}, which this Pillow cannot read. Type: pip install -U pillow"
            )
        # By its own class, not by Image.open: that would guess, and warn of large photos on the terminal.
        opened = Image.OPEN[kind.name][0](io.BytesIO(data), "")
        assert isinstance(opened, ImageFile.ImageFile)
        image = opened
    check_size(image.size, name, most_pixels)
    if kind.name in _WITH_SEVERAL and (count := getattr(image, "n_frames", 1)) > 1:
        logger.warning("%s has %d %s.", name, count, _WITH_SEVERAL[kind.name])
    return image


def _from_pillow(image: Image.Image, name: str) -> Pixels:
    if image.mode == "I" or image.mode == "F" or image.mode.startswith("I;"):
        return _eight_on_white(np.asarray(image), name)
    return on_white(image)


def _plain(data: bytes, name: str, kind: FileKind, most_pixels: int) -> Pixels:
    """Decode what only OpenCV decodes: Radiance, PFM, PAM."""
    if kind.name == "HDR":
        found = re.search(rb"\n[-+]Y (\d+) [-+]X (\d+)\n", data[:_HEAD])
        size = None if found is None else (int(found[2]), int(found[1]))
    elif data[:2] == b"P7":
        width, height = (re.search(rb"\n%s\s+(\d+)" % word, data[:4096]) for word in (b"WIDTH", b"HEIGHT"))
        size = None if width is None or height is None else (int(width[1]), int(height[1]))
    else:
        found = re.match(rb"P[Ff]\s+(\d+)\s+(\d+)\s", data[:256])
        size = None if found is None else (int(found[1]), int(found[2]))
    if size is None:
        raise SourceError(f"{name} cannot be read: its header is damaged.")
    check_size(size, name, most_pixels)
    return _eight_on_white(_decoded(data), name, linear=data[:2] != b"P7")


def _deep_tiff(data: bytes, name: str, most_pixels: int) -> Pixels | None:
    """Decode a TIFF of more than 8 bits, or of signed or fractional numbers; None: Pillow may know another."""
    tags = tiff.tiff_tags(io.BytesIO(data))
    is_deep = max(tags.get(tiff.BITS, (1,))) > 8 or any(
        kind in (2, 3) for kind in tags.get(tiff.SAMPLE_FORMAT, ())
    )
    # Of planes one behind the other OpenCV mixes up the rows; of CMYK it takes the fourth channel for alpha.
    is_plain = tiff.first(tags, tiff.PLANES, 1) == 1 and tiff.first(tags, tiff.PHOTOMETRIC, 1) in (0, 1, 2)
    if not is_deep or not is_plain:
        return None
    check_size((tiff.first(tags, tiff.WIDTH), tiff.first(tags, tiff.HEIGHT)), name, most_pixels)
    try:
        found = _decoded(data)
    except (ValueError, cv2.error):
        return None
    pixels = _eight_on_white(found, name, premultiplied=tiff.first(tags, tiff.EXTRA_SAMPLES) == 1)
    if tiff.first(tags, tiff.PHOTOMETRIC, 1) == 0:  # white is zero
        pixels = 255 - pixels
    return upright(pixels, tiff.first(tags, tiff.ORIENTATION, 1))


def _decoded(data: bytes) -> np.ndarray:
    """Decode with OpenCV, whatever the depth and the number of channels.

    Raises:
        ValueError: it cannot be.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError("OpenCV cannot decode it")
    return np.asarray(found)


def _eight_on_white(
    found: np.ndarray, name: str, *, linear: bool = False, premultiplied: bool = False
) -> Pixels:
    """Return what a decoder gave, grey or BGR with or without alpha, as (H, W, 3) uint8."""
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[..., 0]
    eight = in_eight_bits(found, name, linear=linear)
    if eight.ndim == 2:
        return np.repeat(eight[..., None], 3, axis=2)
    if eight.shape[2] == 4:
        return blended(np.ascontiguousarray(eight[..., :3]), eight[..., 3], premultiplied=premultiplied)
    return eight


def orientation_of(image: Image.Image) -> object:
    """Return the EXIF orientation, after loading; None where it is damaged, or was followed while loading."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # whatever a broken block makes the parser stumble over, the picture is there
        return None


def check_size(size: tuple[int, int], name: str, most_pixels: int = MOST_PIXELS) -> None:
    """Refuse a picture that would fill the memory, before it is decoded.

    Raises:
        SourceError: it has no size.
        PhotoTooLargeError: it has too many pixels.
    """
    width, height = size
    if width < 1 or height < 1:
        raise SourceError(f"{name} cannot be read: it is damaged, for it has no width or no height.")
    if width * height > most_pixels:
        raise PhotoTooLargeError(name, size, most_pixels)


@contextmanager
def _worded(name: str, kind: FileKind) -> Iterator[None]:
    """Word what decoders raise, which is anything, and keep what they print off the terminal."""
    with native_stderr_filtered():  # outside, for it prints everything where an error is none of ours
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
