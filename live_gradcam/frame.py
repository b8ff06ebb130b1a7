"""A frame: one picture from a source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, BGR: what OpenCV reads, draws and shows."""


def scaled_down(pixels: Pixels, side: int) -> Pixels:
    """Return a picture (H, W, 3) uint8, or one (H, W), whose longer side has at most so many pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    import cv2  # here: most of what imports this module needs no OpenCV

    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source, with its capture time."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR."""

    index: int
    """Number of the frame in its source, from 0. On a live source a gap means skipped frames."""

    captured_at: float
    """`time.monotonic()` seconds: the driver's timestamp if there is one, else the time of arrival."""

    media_time: float | None = None
    """Seconds into the file; None for live sources."""

    damaged: bool = False
    """Whether the camera's data could not be decoded, so that this repeats the previous picture."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def time(self) -> float:
        """Seconds on the source's own clock: `media_time` for files, `captured_at` for live sources."""
        return self.captured_at if self.media_time is None else self.media_time
