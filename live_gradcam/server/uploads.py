"""Pictures from outside: their size is looked at before a byte of them is decoded."""

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
"""What a frame may be, and how such a file begins."""

PHOTOS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "HEIF": "HEIC", "AVIF": "AVIF"}
"""What a photo may be: what browsers and phones send. Other formats have parsers that few look after."""

_APART = ("HEIF", "AVIF")
"""Formats whose headers do not bound the decoder's work: the coded picture may be larger than the size that the file
names, and be repeated in thousands of tiles. They are decoded in a process with limits."""

MOST_FRAME_PIXELS = 1_000_000
"""Of a frame over the socket, which is meant to have the network's size."""

MOST_LIGHT_PIXELS = 4_000_000
"""Of a photo that does not have to take turns with others of its kind."""


def size_of(data: bytes, most_pixels: int = MOST_PIXELS) -> tuple[int, int]:
    """Return (width, height) of a picture, read from its first bytes.

    Args:
        data: a JPEG, PNG or WebP file.
        most_pixels: how many it may have.

    Raises:
        RequestError: it is no such file (415), or has too many pixels or is too long (413).
    """
    if not any(data.startswith(mark) for marks in FORMATS.values() for mark in marks):
        raise RequestError(415, f"this is no picture that can be read: {', '.join(FORMATS)} can.")
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except (
        Exception
    ) as error:  # a parser of bytes from strangers: whatever it stumbles over, they are no picture
        raise RequestError(415, "the picture is damaged: it does not say how large it is.") from error
    if width < 1 or height < 1:
        raise RequestError(415, "the picture is damaged: it does not say how large it is.")
    if width * height > most_pixels:
        raise _too_many(width, height, most_pixels)
    check_shape(width, height)
    return int(width), int(height)


def decodes_fast(data: bytes) -> bool:
    """Whether a photo is decoded in a moment: it has few pixels, and needs no process of its own."""
    kind = kind_of(io.BytesIO(data))
    if kind is None or kind.name in _APART:
        return False
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # as in `size_of`; what is damaged is told when it is decoded
        return False
    return 0 < int(width) * int(height) <= MOST_LIGHT_PIXELS


def photo_of(data: bytes, most_pixels: int = MOST_PIXELS) -> Pixels:
    """Return a photo that a program sent, as `read_picture` reads one from a file.

    Args:
        data: a file of one of `PHOTOS`; of an animated one the first picture is taken.
        most_pixels: how many it may have.

    Returns:
        (H, W, 3) uint8 BGR, upright.

    Raises:
        RequestError: it is no such file or cannot be decoded (415), or has too many pixels or is too long (413).
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
    """Return a picture whose size was looked at, as (H, W, 3) uint8 BGR.

    Raises:
        RequestError: it cannot be decoded, or holds more data than its pixels need (415).
    """
    data = bounded(data)
    try:
        with native_stderr_filtered():  # no visitor's damaged picture is a matter for the server's terminal
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # OpenCV's own limit: its parser saw more pixels than ours
        raise RequestError(413, "the picture has too many pixels.") from error
    if pixels is None:
        raise RequestError(415, "the picture is damaged: it cannot be decoded.")
    return np.asarray(pixels, np.uint8)
