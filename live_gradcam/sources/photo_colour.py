"""Photo colours: from any Pillow mode and any colour space to sRGB on white."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from live_gradcam.frame import Pixels

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_SPACES = {b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "LAB"}
"""Colour space in an ICC profile → Pillow's mode."""

_TURNS = {
    3: cv2.ROTATE_180,
    5: cv2.ROTATE_90_CLOCKWISE,
    6: cv2.ROTATE_90_CLOCKWISE,
    7: cv2.ROTATE_90_COUNTERCLOCKWISE,
    8: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_MIRRORED = {2: 1, 4: 0, 5: 1, 7: 1}
"""EXIF orientation → axis of OpenCV's flip, after the rotation."""


def on_white(image: Image.Image) -> Pixels:
    """Return a picture as it looks on a white page.

    An embedded colour profile is applied: Display P3 of a phone, Adobe RGB, CMYK of a printer.

    Args:
        image: loaded, of 8 bits or 1 bit.

    Returns:
        (H, W, 3) uint8 BGR, sRGB.
    """
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode in ("RGBa", "La"):
        image = image.convert(image.mode.upper())
    if image.has_transparency_data or image.mode in ("LA", "PA", "RGBA"):
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    image = _in_srgb(image, profile if isinstance(profile, bytes) else None)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    else:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return np.asarray(pixels, np.uint8) if alpha is None else blended(pixels, alpha)


def blended(
    pixels: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], *, premultiplied: bool = False
) -> Pixels:
    """Return a picture blended with white.

    Args:
        pixels: (H, W, 3) uint8.
        alpha: (H, W) uint8, 255 for opaque.
        premultiplied: whether the colours are multiplied by alpha.
    """
    if int(alpha.min()) == 255:
        return pixels
    opacity = alpha[..., None].astype(np.uint16)
    if premultiplied:
        return np.asarray(np.minimum(pixels + (255 - opacity), 255), np.uint8)
    return np.asarray((pixels * opacity + 255 * (255 - opacity) + 127) // 255, np.uint8)


def in_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Return a picture with a colour profile converted to sRGB, as in `on_white`."""
    if _transform("RGB", profile) is None:
        return pixels
    image = Image.fromarray(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))
    return np.asarray(cv2.cvtColor(np.asarray(_in_srgb(image, profile)), cv2.COLOR_RGB2BGR), np.uint8)


def upright(pixels: Pixels, orientation: object) -> Pixels:
    """Return a picture turned and mirrored as its EXIF orientation says.

    Args:
        pixels: (H, W, 3) as stored.
        orientation: 1 to 8; anything else, which faulty programs write, counts as 1.
    """
    if not isinstance(orientation, int) or not 2 <= orientation <= 8:
        return pixels
    if orientation in _TURNS:
        pixels = np.asarray(cv2.rotate(pixels, _TURNS[orientation]), np.uint8)
    if orientation in _MIRRORED:
        pixels = np.asarray(cv2.flip(pixels, _MIRRORED[orientation]), np.uint8)
    return pixels


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in RGB; a grey one unchanged."""
    if image.mode == "L":
        return image
    transform = _transform(image.mode, profile or b"")
    if transform is not None:
        return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=16)
def _transform(mode: str, profile: bytes) -> ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; None if none is needed, or the profile is damaged."""
    if mode != "LAB" and _SPACES.get(profile[16:20]) != mode:
        return None
    from PIL import ImageCms  # here, because few photos need it

    try:
        if mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).casefold():
                return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
