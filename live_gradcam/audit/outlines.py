"""Outlines: which pixels inside a box belong to the thing, estimated by GrabCut.

Rother, Kolmogorov and Blake 2004, "GrabCut: interactive foreground extraction using iterated graph cuts" (ACM
Transactions on Graphics 23(3)), section 3: two mixtures of Gaussians describe the colours of the thing and of the
background, and a minimum cut gives each pixel to one of them; both steps are repeated. Pixels outside the box are
background. OpenCV computes it.

An outline is an estimate: where the thing has the colours of its background, it is wrong. So a person sees it first.
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from live_gradcam.cache_files import write_whole
from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask

Box = tuple[float, float, float, float]
"""(x, y, width, height)."""

_ROUNDS = 5
"""How often both steps are repeated."""

_LONGEST_SIDE = 480
"""Of the picture that is cut, in pixels: a second for each outline, whatever the photograph's size."""

_LEAST_SHARE = 0.02
"""Part of the box below which no thing was found."""

_MARGIN = 1
"""Pixels around the box that the cut needs as background."""


def outline_in(pixels: Pixels, box: Box) -> Mask:
    """Return the pixels of the thing in a box, as far as its colours tell it from what is around it.

    The same picture and box always give the same outline.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        box: (x, y, width, height) in pixels, within the picture.

    Returns:
        (H, W) bool: true for pixels of the thing, all of them in the box.

    Raises:
        LiveGradcamError: the box leaves nothing around it, or no thing is found in it.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = (int(at * scale) for at in box[:2])
    right = min(size[0], max(left + 1, round((box[0] + box[2]) * scale)))
    bottom = min(size[1], max(top + 1, round((box[1] + box[3]) * scale)))
    around = size[0] * size[1] - (right - left) * (bottom - top)
    if around <= _MARGIN * max(size):
        raise LiveGradcamError(
            "an outline needs something around the box: the box covers the whole picture. Keep the box alone."
        )
    levels = np.zeros(small.shape[:2], np.uint8)
    levels[top:bottom, left:right] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # the mixtures begin with random centres
    try:
        cv2.grabCut(
            small,
            levels,
            (left, top, right - left, bottom - top),
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            _ROUNDS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error as error:
        raise LiveGradcamError("no outline is found in this box. Keep the box alone.") from error
    found = np.asarray((levels == cv2.GC_FGD) | (levels == cv2.GC_PR_FGD), np.uint8)
    if found.sum() < _LEAST_SHARE * (right - left) * (bottom - top):
        raise LiveGradcamError("no outline is found in this box. Keep the box alone.")
    outline = np.zeros((height, width), np.bool_)
    x, y = round(box[0]), round(box[1])
    inside = np.s_[y : round(box[1] + box[3]), x : round(box[0] + box[2])]
    outline[inside] = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST)[inside] > 0
    return outline


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (H, W) bool as a PNG, whole or not at all: white for the thing, black for the rest.

    Raises:
        OSError: it cannot be written.
    """
    data = io.BytesIO()
    Image.fromarray(np.asarray(mask, np.uint8) * np.uint8(255)).save(data, "PNG")
    write_whole(path, lambda file: file.write(data.getvalue()))
