"""How decoded pictures become what a player shows: square pixels, turned and mirrored as the file says."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import cv2
import av
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.media_file import MOST_PIXELS

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer

logger = logging.getLogger(__name__)

WIDEST_PIXEL = 16
"""Proportions of a pixel beyond this are taken for damage, and its pixels for square."""

_TOLERANCE = 0.02
"""Sine of the angle, about one degree, by which a matrix may miss a quarter turn."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which a picture may lie: transposed first, then mirrored."""

    transposed: bool = False
    """Whether rows become columns."""

    mirrored: bool = False
    """Whether left and right change places."""

    flipped: bool = False
    """Whether top and bottom change places."""

    exact: bool = True
    """Whether the file asks for just this; False: for an angle of which this is the nearest quarter turn."""

    def applied(self, pixels: Pixels) -> Pixels:
        """Return a picture as it is to be shown.

        Args:
            pixels: (H, W, 3) uint8, as decoded.

        Returns:
            (H, W, 3) or, transposed, (W, H, 3) uint8.
        """
        if self.transposed:
            pixels = np.asarray(cv2.transpose(pixels), np.uint8)
        if self.mirrored or self.flipped:
            code = -1 if self.mirrored and self.flipped else 1 if self.mirrored else 0
            pixels = np.asarray(cv2.flip(pixels, code), np.uint8)
        return pixels


AS_IT_IS = Orientation()
"""Neither turned nor mirrored."""


def orientation_of(matrix: bytes) -> Orientation:
    """Read a display matrix.

    Args:
        matrix: nine int32 in the machine's byte order, a b u, c d v, x y w: the pixel (x, y) of the decoded picture
            is shown at (a x + c y, b x + d y), but for where the origin is.

    Returns:
        The nearest of the eight; `AS_IT_IS` where the matrix maps everything to one line or point.
    """
    if len(matrix) < 36:
        return AS_IT_IS
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if a * d == b * c:
        return AS_IT_IS
    straight, crossed = np.hypot(a, d), np.hypot(b, c)
    exact = bool(min(straight, crossed) <= _TOLERANCE * max(straight, crossed))
    if straight >= crossed:
        return Orientation(False, a < 0, d < 0, exact)
    return Orientation(True, c < 0, b < 0, exact)


def quarter_turns(degrees: float) -> Orientation:
    """Return the quarter turn that is nearest to an angle, in degrees counter-clockwise."""
    return (
        AS_IT_IS,
        Orientation(transposed=True, flipped=True),
        Orientation(mirrored=True, flipped=True),
        Orientation(transposed=True, mirrored=True),
    )[round(degrees / 90) % 4]


def square_size(width: int, height: int, proportions: Fraction | None, most: int) -> tuple[int, int]:
    """Return the size at which a picture has square pixels: the shorter side grows, so that nothing is lost.

    Args:
        width: in pixels, as decoded.
        height: in pixels, as decoded.
        proportions: of one pixel, width to height; None: not told.
        most: how many pixels the picture may have.

    Returns:
        (width, height) in pixels; as decoded where the proportions make no sense.
    """
    if proportions is None or not Fraction(1, WIDEST_PIXEL) <= proportions <= WIDEST_PIXEL:
        return width, height
    one = Fraction(1)
    wide, high = round(width * max(proportions, one)), round(height / min(proportions, one))
    return (wide, high) if wide * high <= most else (width, height)


class Display:
    """How the frames of one film are to be shown, which may change within it.

    Args:
        stream: the film's, just opened.
        name: what to call the film in warnings.
    """

    def __init__(self, stream: av.VideoStream, name: str) -> None:
        self._name = name
        self._told = stream.sample_aspect_ratio
        self._coded_at_first = stream.codec_context.sample_aspect_ratio
        self._shape: tuple[int, int, Fraction | None] | None = None
        self._size = (0, 0)
        self._rotation: int | None = None
        self._orientation = AS_IT_IS
        self._warned = False

    def size(self, decoded: av.VideoFrame, context: av.VideoCodecContext) -> tuple[int, int]:
        """Return the size, (width, height) in pixels, at which a frame's pixels are square.

        What the container says of the pixels' proportions counts more than what the codec says, unless the codec's
        change in the middle.
        """
        coded = context.sample_aspect_ratio
        shape = (decoded.width, decoded.height, coded)
        if shape != self._shape:
            self._shape = shape
            changed = (
                coded and coded != self._coded_at_first and self._told in (None, 0, self._coded_at_first)
            )
            self._size = square_size(
                decoded.width, decoded.height, coded if changed else self._told, MOST_PIXELS
            )
        return self._size

    def orientation(self, decoded: av.VideoFrame) -> Orientation:
        """Return how a frame lies; of a slant, which is not obeyed, there is one warning."""
        # The matrix itself is read only where it may be a new one: PyAV's object for it and the frame hold each other,
        # so that the frame's memory stays until Python looks for such circles.
        if decoded.rotation != self._rotation:
            self._rotation = decoded.rotation
            self._orientation = _orientation_in(decoded)
            if not self._orientation.exact and not self._warned:
                self._warned = True
                logger.warning(
                    "%s is to be shown at a slant, which is not done: it is turned by quarters only",
                    self._name,
                )
        return self._orientation


def _orientation_in(decoded: av.VideoFrame) -> Orientation:
    try:
        matrix = cast("SideDataContainer", decoded.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return AS_IT_IS
    except ValueError:  # PyAV does not know a kind of data beside it
        return quarter_turns(decoded.rotation)
    return orientation_of(bytes(matrix))
