"""Brings frames to the network's input, and tells which part of a frame the network saw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explanation import Explanation, Inset, Region
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels

WIDTH_STEP = 32
"""`wide` inputs are rounded to multiples of this many pixels, so that few shapes have to be traced."""

MOST_WIDE_PIXELS = 1_000_000
"""Largest input under `wide`, unless four times the network's own size is more. Time and memory grow with the pixels: a
million take twenty times as long as 224×224."""


_KEPT = 640
"""The longest side of a picture that an explanation keeps, in pixels: a megabyte at most."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How frames of one size become a network input of one size."""

    input_size: tuple[int, int]
    """(height, width) of the network's input in pixels."""

    region: Region
    """(x, y, width, height) of the frame that the network sees."""

    inner: Region
    """(x, y, width, height) of the input that the region fills; the rest is padding."""

    def apply(self, image: Pixels) -> Pixels:
        """Return the network's input, (input height, input width, 3) uint8 BGR, for a frame's picture."""
        left, top, inner_width, inner_height = self.inner
        fitted = self.unpadded(image)
        if (inner_height, inner_width) == self.input_size:
            return fitted
        padded = np.full((*self.input_size, 3), 127, np.uint8)
        padded[top : top + inner_height, left : left + inner_width] = fitted
        return padded

    def unpadded(self, image: Pixels) -> Pixels:
        """Return the network's input without its padding, (height, width, 3) uint8 BGR, for a frame's picture."""
        x, y, width, height = self.region
        return _resized(image[y : y + height, x : x + width], self.inner[2:])

    @property
    def inset(self) -> Inset:
        """Which part of a map over the input lies over the region: (left, top, right, bottom) in [0, 1]."""
        height, width = self.input_size
        left, top, inner_width, inner_height = self.inner
        return (left / width, top / height, (left + inner_width) / width, (top + inner_height) / height)

    def laid(self, geometry: Geometry) -> tuple[Region, Inset]:
        """Return the part of the frame that a map's network saw, and which part of the map lies over that.

        Args:
            geometry: how the map lies on the input.
        """
        if geometry.is_whole:
            return self.region, self.inset
        x, width, left, right = self._along(0, geometry)
        y, height, top, bottom = self._along(1, geometry)
        return (x, y, width, height), (left, top, right, bottom)

    def _along(self, axis: int, geometry: Geometry) -> tuple[int, int, float, float]:
        """Return begin and length of the region, and begin and end of its part of the map, along one axis."""
        begin, length = self.region[axis], self.region[axis + 2]
        first, last = self.inset[axis], self.inset[axis + 2]
        pixel = (last - first) / length
        seen = geometry.seen[axis], geometry.seen[axis + 2]
        low = round((max(seen[0], first) - first) / pixel)
        high = round((min(seen[1], last) - first) / pixel)
        if high <= low:  # the layer sees the padding only
            low, high = 0, length
        start, end = geometry.extent[axis], geometry.extent[axis + 2]
        inset = [(first + pixel * edge - start) / (end - start) for edge in (low, high)]
        # The region ends at whole pixels, so smaller differences are rounding.
        near = 0.5 * pixel / abs(end - start) + 1e-9
        left, right = (whole if abs(edge - whole) <= near else edge for whole, edge in enumerate(inset))
        return begin + low, high - low, float(left), float(right)


def fitting_for(fit: Fit, frame_size: tuple[int, int], input_size: tuple[int, int]) -> Fitting:
    """Return how frames of a size are brought to a network's input.

    Args:
        fit: `crop` takes the central part at the input's aspect; `stretch` squeezes the whole frame; `pad` puts
            the whole frame between borders; `wide` keeps the whole frame at its own aspect and widens the input,
            keeping its shorter side; `scan` treats each window as `crop` treats a frame (`scan.windows_over`).
        frame_size: (width, height) in pixels.
        input_size: (height, width) that the network was trained at.

    Returns:
        The fitting; its `input_size` differs from the given one under `wide` only.

    Raises:
        LiveGradcamError: under `wide`, the frame is too long for its width.
    """
    width, height = frame_size
    rows, columns = input_size
    whole = (0, 0, width, height)
    if fit == "stretch":
        return Fitting(input_size, whole, (0, 0, columns, rows))
    if fit == "wide":
        short = min(rows, columns)
        if width >= height:
            size = (short, _to_step(short * width / height))
        else:
            size = (_to_step(short * height / width), short)
        if size[0] * size[1] > max(MOST_WIDE_PIXELS, 4 * short * short):
            raise LiveGradcamError(
                f"fit 'wide' keeps the whole frame, and {width}×{height} pixels would make the network's input "
                f"{size[1]}×{size[0]}: too large. Use fit 'crop' or 'pad', or cut out the part that matters."
            )
        return Fitting(size, whole, (0, 0, size[1], size[0]))
    if fit == "pad":
        scale = min(columns / width, rows / height)
        inner_width = min(columns, max(1, round(width * scale)))
        inner_height = min(rows, max(1, round(height * scale)))
        left, top = (columns - inner_width) // 2, (rows - inner_height) // 2
        return Fitting(input_size, whole, (left, top, inner_width, inner_height))
    scale = min(width / columns, height / rows)
    seen_width = min(width, max(1, round(columns * scale)))
    seen_height = min(height, max(1, round(rows * scale)))
    region = ((width - seen_width) // 2, (height - seen_height) // 2, seen_width, seen_height)
    return Fitting(input_size, region, (0, 0, columns, rows))


def size_of(image: object) -> tuple[int, int]:
    """Return a picture's (width, height).

    Raises:
        LiveGradcamError: it is not a picture.
    """
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
        or image.size == 0
    ):
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise LiveGradcamError(
            f"a picture must be an array (height, width, 3) uint8 in BGR order, as cv2.imread gives it; "
            f"this is {got}."
        )
    height, width = image.shape[:2]
    return width, height


def with_image(explanation: Explanation, image: Pixels) -> Explanation:
    """Return an explanation that keeps a copy of its picture, to be shown: at most 640 pixels wide and high."""
    width, height = size_of(image)
    scale = min(1.0, _KEPT / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kept = image.copy() if scale == 1 else _resized(image, size)
    return replace(explanation, image=kept, frame_size=(width, height))


def _resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return an image at another (width, height), averaged where it shrinks.

    Averaging avoids aliasing. OpenCV's area interpolation averages over any number of pixels. Linear steps that shrink
    by two at most use every pixel too, and take a fifth of the time: 0.4 ms from 720×720 to 224×224. The last step
    shrinks by exactly two, which is the mean of four pixels.
    """
    width, height = size
    rows, columns = image.shape[:2]
    if columns < 2 * width or rows < 2 * height:
        how = cv2.INTER_AREA if columns >= width and rows >= height else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    while columns >= 4 * width and rows >= 4 * height:
        columns, rows = columns // 2, rows // 2
        image = np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
    for step in ((2 * width, 2 * height), size):
        image = np.asarray(cv2.resize(image, step, interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def _to_step(length: float) -> int:
    return max(WIDTH_STEP, round(length / WIDTH_STEP) * WIDTH_STEP)
