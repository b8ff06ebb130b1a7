"""The altered copies of an example, so that what is learned depends less on side and place."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
"""(N, H, W, 3) uint8 BGR, at the size of the network's input."""

_CROP = 0.85
"""Side of the part that a cropped copy shows, as a share of the picture's side."""

_CORNERS = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5))
"""Where the cropped parts lie, one after the other: x and y from 0 (left, top) to 1 (right, bottom)."""


def altered_copies(pictures: Pictures, *, first: int = 0) -> Pictures:
    """Return the altered copies of pictures: each mirrored, cropped, and cropped and mirrored.

    A cropped copy shows 0.85 of the picture's side. The parts of successive pictures lie at the four corners and in
    the middle in turn.

    Args:
        pictures: (N, H, W, 3) uint8 BGR.
        first: number of the first picture, which decides on its part.

    Returns:
        (3 N, H, W, 3) uint8 BGR: the mirrored ones, the cropped ones, and those that are both.
    """
    height, width = pictures.shape[1:3]
    rows, columns = round(_CROP * height), round(_CROP * width)
    cropped = np.empty_like(pictures)
    for number, picture in enumerate(pictures):
        x, y = _CORNERS[(first + number) % len(_CORNERS)]
        left, top = round(x * (width - columns)), round(y * (height - rows))
        part = picture[top : top + rows, left : left + columns]
        cropped[number] = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.concatenate([pictures[:, :, ::-1], cropped, cropped[:, :, ::-1]])
