"""Letterbox: fits a picture of any size into a fixed size."""

from __future__ import annotations

import cv2
import numpy as np

from live_gradcam.frame import Pixels


def fitted(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a picture at a size: an odd edge is repeated; any other size is scaled and gets black bars.

    Args:
        picture: (H, W, 3) uint8 BGR.
        size: (width, height) in pixels.

    Returns:
        (height, width, 3) uint8 BGR; the picture itself if it has this size.
    """
    width, height = size
    rows, columns = picture.shape[:2]
    if (columns, rows) == size:
        return picture
    kind = cv2.BORDER_REPLICATE
    if not (width - columns in (0, 1) and height - rows in (0, 1)):
        kind = cv2.BORDER_CONSTANT
        scale = min(width / columns, height / rows)
        inner = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        shrinking = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, inner, interpolation=shrinking), dtype=np.uint8)
        columns, rows = inner
    left, top = (width - columns) // 2, (height - rows) // 2
    return np.asarray(
        cv2.copyMakeBorder(picture, top, height - rows - top, left, width - columns - left, kind),
        dtype=np.uint8,
    )
