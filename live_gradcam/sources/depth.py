"""Depth: from pictures of 16 bits, or of numbers with a fraction, to 8 bits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SourceError

logger = logging.getLogger(__name__)

_DEPTHS = (8, 10, 12, 16, 24, 32)
"""Bits that whole numbers may have in a container of more."""

_DIM = 0.05
_ALMOST_ONE = 1.0 + 1e-4


def in_eight_bits(picture: npt.NDArray[Any], name: str, *, linear: bool = False) -> npt.NDArray[np.uint8]:
    """Return a picture in 8 bits.

    Whole numbers of 16 or 32 bits: white is the highest value of the smallest depth (8, 10, 12, 16, 24, 32 bits) that
    holds the brightest pixel. So a 12-bit X-ray in a 16-bit file is as bright as its camera saw it.

    Numbers with a fraction: white is 1; where a value is above that and all are whole, they are taken as whole numbers.

    Args:
        picture: (H, W) or (H, W, C), any dtype; a fourth channel is alpha.
        name: the file's, for messages.
        linear: whether the values count light (Radiance, PFM): then 1 is white, brighter is white too, and the curve
            of sRGB is applied. Where half of the picture would be white, or nothing brighter than 0.05, the 99th
            percentile is white instead. Whole numbers up to 255 count no light: they are shades.

    Returns:
        Of the same shape.

    Raises:
        SourceError: it is not known which value is white.
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
    full = 1.0 if np.issubdtype(picture.dtype, np.floating) else float(np.iinfo(picture.dtype).max)
    opacity = np.rint(np.clip(np.nan_to_num(alpha.astype(np.float32) / full), 0, 1) * 255).astype(np.uint8)
    return np.concatenate([eight, opacity], axis=2)


def _from_whole(picture: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    least, most = int(picture.min()), int(picture.max())
    if least < 0:
        raise _unknown_white(name, f"negative values, from {least} to {most}")
    depth = next(bits for bits in _DEPTHS if most < 2**bits)
    if depth < 8 * picture.dtype.itemsize and most > 0:
        logger.info("%s is taken as a picture of %d bits: its brightest value is %d", name, depth, most)
    return (picture / np.float32(2**depth - 1)).astype(np.float32)


def _from_fractions(picture: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
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
    """Whether all are whole numbers up to `most`, and not just 0 and 1."""
    return bool(values.min() >= 0 and 1 < values.max() <= most and np.array_equal(values, np.rint(values)))


def _from_light(picture: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
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
