"""Received pictures: their size is checked before they are decoded."""

from __future__ import annotations

import io

import cv2
import imagesize
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.server.decode_limits import MOST_PIXELS, bounded, check_shape
from live_gradcam.server.errors import RequestError
from live_gradcam.server.photo_process import _too_many, decode_apart, photo_in_place
from live_gradcam.sources.file_kind import kind_of

FORMATS = {"JPEG": (b"\xff\xd8\xff",), "PNG": (b"\x89PNG\r\n\x1a\n",), "WebP": (b"RIFF",)}
"""Formats of frames → first bytes of such a file."""

PHOTOS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "HEIF": "HEIC", "AVIF": "AVIF"}
"""Formats of photos, as browsers and phones send them. Parsers of other formats are less well tested."""

_APART = ("HEIF", "AVIF")
"""Formats whose headers do not limit the work of decoding: the coded picture may be larger than the header says, and
may consist of thousands of tiles. They are decoded in a process with limits."""

MOST_FRAME_PIXELS = 1_000_000
"""Maximum pixels of a frame over the socket: the page scales frames to the network's input."""

MOST_LIGHT_PIXELS = 4_000_000
"""Maximum pixels of a photo that decodes fast."""


def size_of(data: bytes, most_pixels: int = MOST_PIXELS) -> tuple[int, int]:
    """Return (width, height) of a picture, read from its header.

    Args:
        data: a JPEG, PNG or WebP file.
        most_pixels: maximum number of pixels.

    Raises:
        RequestError: it has another format (415), too many pixels (413) or is too long (413).
    """
    if not any(data.startswith(mark) for marks in FORMATS.values() for mark in marks):
        raise RequestError(415, f"this is no picture that can be read: {', '.join(FORMATS)} can.")
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception as error:  # whatever the parser fails with, the bytes are not a picture
        raise RequestError(415, "the picture is damaged: it does not say how large it is.") from error
    if width < 1 or height < 1:
        raise RequestError(415, "the picture is damaged: it does not say how large it is.")
    if width * height > most_pixels:
        raise _too_many(width, height, most_pixels)
    check_shape(width, height)
    return int(width), int(height)


def decodes_fast(data: bytes) -> bool:
    """Return whether a photo decodes fast: it has few pixels and needs no separate process."""
    kind = kind_of(io.BytesIO(data))
    if kind is None or kind.name in _APART:
        return False
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # as in `size_of`; decoding reports the damage
        return False
    return 0 < int(width) * int(height) <= MOST_LIGHT_PIXELS


def photo_of(data: bytes, most_pixels: int = MOST_PIXELS) -> Pixels:
    """Decode a photo that a program sent, as `sources.photo.decode_photo` does for files.

    Args:
        data: a file in one of the formats `PHOTOS`; of an animation the first picture.
        most_pixels: maximum number of pixels.

    Returns:
        (H, W, 3) uint8 BGR, upright.

    Raises:
        RequestError: it has another format or cannot be decoded (415), has too many pixels (413) or is too long (413).
    """
    kind = kind_of(io.BytesIO(data))
    if kind is None or kind.name not in PHOTOS:
        raise RequestError(415, f"this is no picture that can be read: {', '.join(PHOTOS.values())} can.")
    pixels = (
        decode_apart(data, most_pixels) if kind.name in _APART else photo_in_place(bounded(data), most_pixels)
    )
    check_shape(*pixels.shape[1::-1])
    return pixels


def decoded(data: bytes) -> Pixels:
    """Decode a picture whose size was checked; return (H, W, 3) uint8 BGR.

    Raises:
        RequestError: it cannot be decoded, or holds more data than its pixels need (415).
    """
    data = bounded(data)
    try:
        with native_stderr_filtered():  # decoders print about damaged pictures: not in the server's terminal
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # OpenCV's own limit: its parser found more pixels
        raise RequestError(413, "the picture has too many pixels.") from error
    if pixels is None:
        raise RequestError(415, "the picture is damaged: it cannot be decoded.")
    return np.asarray(pixels, np.uint8)
