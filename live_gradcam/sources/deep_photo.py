"""Photos that OpenCV decodes: of more than 8 bits, or of formats that Pillow has not; and how large a photo may be."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources import tiff
from live_gradcam.sources.depth import in_eight_bits
from live_gradcam.sources.photo_colour import blended, upright

MOST_PIXELS = 250_000_000
"""Of any photo: more than the largest phone's. Decoded, it fills 750 MB."""

_HEAD = 65_536


class PhotoTooLargeError(SourceError):
    """A photo has more pixels than are taken."""

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
        SourceError: it has no size.
        PhotoTooLargeError: it has too many pixels.
    """
    width, height = size
    if width < 1 or height < 1:
        raise SourceError(f"{name} cannot be read: it is damaged, for it has no width or no height.")
    if width * height > most_pixels:
        raise PhotoTooLargeError(name, size, most_pixels)


def decode_plain(data: bytes, name: str, most_pixels: int) -> Pixels:
    """Decode what only OpenCV decodes: Radiance, PFM, PAM."""
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
    """Decode a TIFF of more than 8 bits, or of signed or fractional numbers; None: Pillow may know another."""
    tags = tiff.tiff_tags(io.BytesIO(data))
    is_deep = max(tags.get(tiff.BITS, (1,))) > 8 or any(
        kind in (2, 3) for kind in tags.get(tiff.SAMPLE_FORMAT, ())
    )
    # Of planes one behind the other OpenCV mixes up the rows; of CMYK it takes the fourth channel for alpha.
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


def decoded(data: bytes) -> np.ndarray:
    """Decode with OpenCV, whatever the depth and the number of channels.

    Raises:
        ValueError: it cannot be.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError("OpenCV cannot decode it")
    return np.asarray(found)


def eight_on_white(
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
