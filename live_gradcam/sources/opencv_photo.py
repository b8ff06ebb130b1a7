"""Photos decoded by OpenCV: those of more than 8 bits, and formats that Pillow lacks; and the limit of their size."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources import photo_headers as tiff
from live_gradcam.sources.photo_colour import blended, upright

logger = logging.getLogger(__name__)

Samples = npt.NDArray[np.integer[Any] | np.floating[Any]]
"""(H, W) or (H, W, C), any numeric dtype: what a decoder gives."""

MOST_PIXELS = 250_000_000
"""Pixels of any photo: more than the largest phone's. Decoded, it takes 750 MB."""

_HEAD = 65_536


class PhotoTooLargeError(SourceError):
    """A photo has too many pixels."""

    def __init__(self, name: str, size: tuple[int, int], most_pixels: int) -> None:
        super().__init__(
            f"{name} cannot be read: it has {size[0]}×{size[1]} pixels, and at most {most_pixels / 1e6:g} million can "
            "be taken. Make it smaller first."
        )
        self.size = size
        """(width, height) in pixels."""


def check_size(size: tuple[int, int], name: str, most_pixels: int = MOST_PIXELS) -> None:
    """Refuse a picture that would fill the memory, before it is decoded.

    Raises:
        SourceError: width or height is 0.
        PhotoTooLargeError: it has too many pixels.
    """
    width, height = size
    if width < 1 or height < 1:
        raise SourceError(f"{name} cannot be read: it is damaged, for it has no width or no height.")
    if width * height > most_pixels:
        raise PhotoTooLargeError(name, size, most_pixels)


def decode_plain(data: bytes, name: str, most_pixels: int) -> Pixels:
    """Decode formats that only OpenCV can decode: Radiance, PFM, PAM."""
    if data[:2] == b"#?":
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
    return eight_on_white(decoded(data), name, linear=data[:2] != b"P7")


def decode_deep_tiff(data: bytes, name: str, most_pixels: int) -> Pixels | None:
    """Decode a TIFF of more than 8 bits, or of signed or floating-point numbers; return None for other TIFFs."""
    tags = tiff.tiff_tags(io.BytesIO(data))
    is_deep = max(tags.get(tiff.BITS, (1,))) > 8 or any(
        kind in (2, 3) for kind in tags.get(tiff.SAMPLE_FORMAT, ())
    )
    # OpenCV mixes up the rows of separate planes, and takes the fourth channel of CMYK for alpha.
    is_plain = tiff.first(tags, tiff.PLANES, 1) == 1 and tiff.first(tags, tiff.PHOTOMETRIC, 1) in (
        0,
        1,
        2,
    )
    if not is_deep or not is_plain:
        return None
    check_size((tiff.first(tags, tiff.WIDTH), tiff.first(tags, tiff.HEIGHT)), name, most_pixels)
    try:
        found = decoded(data)
    except (ValueError, cv2.error):
        return None
    pixels = eight_on_white(found, name, premultiplied=tiff.first(tags, tiff.EXTRA_SAMPLES) == 1)
    if tiff.first(tags, tiff.PHOTOMETRIC, 1) == 0:  # white is zero
        pixels = 255 - pixels
    return upright(pixels, tiff.first(tags, tiff.ORIENTATION, 1))


def decoded(data: bytes) -> Samples:
    """Decode with OpenCV, keeping the depth and the number of channels.

    Raises:
        ValueError: it cannot be decoded.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError("OpenCV cannot decode it")
    return np.asarray(found)


def eight_on_white(found: Samples, name: str, *, linear: bool = False, premultiplied: bool = False) -> Pixels:
    """Return a decoder's output, grey or BGR with or without alpha, as (H, W, 3) uint8 on white."""
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[..., 0]
    eight = in_eight_bits(found, name, linear=linear)
    if eight.ndim == 2:
        return np.repeat(eight[..., None], 3, axis=2)
    if eight.shape[2] == 4:
        return blended(np.ascontiguousarray(eight[..., :3]), eight[..., 3], premultiplied=premultiplied)
    return eight


_DEPTHS = (8, 10, 12, 16, 24, 32)
"""Bit depths that integers may have in a larger type."""

_DIM = 0.05
_ALMOST_ONE = 1.0 + 1e-4


def in_eight_bits(picture: Samples, name: str, *, linear: bool = False) -> npt.NDArray[np.uint8]:
    """Convert a picture to 8 bits.

    Integers of 16 or 32 bits: white is the maximum of the smallest depth (8, 10, 12, 16, 24, 32 bits) that holds the
    brightest pixel. So a 12-bit X-ray in a 16-bit file is as bright as its camera saw it.

    Floating-point numbers: white is 1; if a value is larger and all are whole, they count as integers.

    Args:
        picture: (H, W) or (H, W, C), any dtype; a fourth channel is alpha.
        name: the file's name in messages.
        linear: whether the values are proportional to light (Radiance, PFM): then values from 1 are white, and the sRGB
            curve is applied. If half of the picture would be white, or nothing is brighter than 0.05, the 99th
            percentile is white instead. Whole numbers up to 255 count as shades, not as light.

    Returns:
        uint8 of the same shape.

    Raises:
        SourceError: it is unclear which value is white.
    """
    if picture.dtype == np.uint8:
        return picture.astype(np.uint8, copy=False)
    if picture.dtype == np.bool_:
        return picture.astype(np.uint8) * 255
    alpha = picture[..., 3:] if picture.ndim == 3 and picture.shape[2] == 4 else None
    colours = picture if alpha is None else picture[..., :3]
    if np.issubdtype(picture.dtype, np.floating):
        scaled = _from_light(colours, name) if linear else _from_fractions(colours, name)
    else:
        scaled = _from_whole(colours, name)
    eight = np.rint(scaled * 255).astype(np.uint8)
    if alpha is None:
        return eight
    full = 1.0 if np.issubdtype(picture.dtype, np.floating) else float(np.iinfo(picture.dtype.str).max)
    opacity = np.rint(np.clip(np.nan_to_num(alpha.astype(np.float32) / full), 0, 1) * 255).astype(np.uint8)
    return np.concatenate([eight, opacity], axis=2)


def _from_whole(picture: Samples, name: str) -> npt.NDArray[np.float32]:
    least, most = int(picture.min()), int(picture.max())
    if least < 0:
        raise _unknown_white(name, f"negative values, from {least} to {most}")
    depth = next(bits for bits in _DEPTHS if most < 2**bits)
    if depth < 8 * picture.dtype.itemsize and most > 0:
        logger.info("%s is taken as a picture of %d bits: its brightest value is %d", name, depth, most)
    return (picture / np.float32(2**depth - 1)).astype(np.float32)


def _from_fractions(picture: Samples, name: str) -> npt.NDArray[np.float32]:
    values = np.nan_to_num(picture.astype(np.float32), nan=0.0, posinf=np.inf, neginf=-np.inf)
    least, most = float(values.min()), float(values.max())
    if not np.isfinite([least, most]).all():
        raise _unknown_white(name, "infinite values")
    if least >= -1e-4 and most <= _ALMOST_ONE:
        return np.clip(values, 0, 1)
    if _are_shades(values, 65_535):
        return _from_whole(values.astype(np.uint16), name)
    raise _unknown_white(name, f"values from {least:g} to {most:g}")


def _are_shades(values: npt.NDArray[np.float32], most: int) -> bool:
    """Return whether all values are whole numbers up to `most`, and not only 0 and 1."""
    return bool(values.min() >= 0 and 1 < values.max() <= most and np.array_equal(values, np.rint(values)))


def _from_light(picture: Samples, name: str) -> npt.NDArray[np.float32]:
    light = np.nan_to_num(picture.astype(np.float32), nan=0.0, neginf=0.0)
    if _are_shades(light, 255):
        return _from_whole(light.astype(np.uint16), name)
    middle, high = np.percentile(light, (50, 99))
    if middle >= 1 or 0 < high < _DIM:
        logger.info("%s is exposed anew: its middle is %.3g, where 1 is white", name, middle)
        light = light / np.float32(high)
    light = np.clip(light, 0, 1)
    curve = 1.055 * light ** np.float32(1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve).astype(np.float32)


def _unknown_white(name: str, values: str) -> SourceError:
    return SourceError(
        f"{name} cannot be read: it has {values}, and which of them is white is not known. Save it in 8 or 16 bits, or "
        "with values from 0 to 1."
    )
