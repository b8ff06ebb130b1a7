"""Frames of a film as a player displays them: deinterlaced, with square pixels, rotated and mirrored."""

from __future__ import annotations

import logging
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import cv2
import av
import av.error
import av.filter
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.media_file import MOST_PIXELS, open_container, picture_stream, rate_of

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer


logger = logging.getLogger(__name__)

WIDEST_PIXEL = 16
"""Largest pixel aspect ratio; beyond it the file counts as damaged, and its pixels as square."""

_TOLERANCE = 0.02
"""Sine of the angle, about one degree, by which a matrix may differ from a quarter turn."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight orientations of a picture: transposed first, then mirrored."""

    transposed: bool = False
    """Whether rows and columns are swapped."""

    mirrored: bool = False
    """Whether left and right are swapped."""

    flipped: bool = False
    """Whether top and bottom are swapped."""

    exact: bool = True
    """False if the file asks for another angle, of which this is the nearest quarter turn."""

    def applied(self, pixels: Pixels) -> Pixels:
        """Return a picture in display orientation.

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
    """Return the orientation of a display matrix.

    Args:
        matrix: nine int32 in the machine's byte order, a b u, c d v, x y w: the decoded pixel (x, y) is shown at
            (a x + c y, b x + d y), except for the origin.

    Returns:
        The nearest of the eight; `AS_IT_IS` if the matrix is singular.
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
    """Return the size at which a picture has square pixels; the shorter side grows, so that no detail is lost.

    Args:
        width: in pixels, as decoded.
        height: in pixels, as decoded.
        proportions: pixel aspect ratio, width to height; None if unknown.
        most: largest number of pixels.

    Returns:
        (width, height) in pixels; as decoded if the aspect ratio is invalid.
    """
    if proportions is None or not Fraction(1, WIDEST_PIXEL) <= proportions <= WIDEST_PIXEL:
        return width, height
    one = Fraction(1)
    wide, high = round(width * max(proportions, one)), round(height / min(proportions, one))
    return (wide, high) if wide * high <= most else (width, height)


class FrameGeometry:
    """Size and orientation of one film's frames, which may change within it.

    Args:
        stream: the film's stream, just opened.
        name: the film's name in warnings.
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

        The container's aspect ratio takes precedence over the codec's, unless the codec's changes within the film.
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
        """Return a frame's orientation; another angle than a quarter turn is rounded, with one warning."""
        # The matrix is read only if the rotation changed: PyAV's object for it and the frame refer to each other, so
        # that the frame's memory is freed only by Python's garbage collector.
        if decoded.rotation != self._rotation:
            self._rotation = decoded.rotation
            self._orientation = _orientation_in(decoded)
            if not self._orientation.exact and not self._warned:
                self._warned = True
                logger.warning(
                    "%s asks for a slanted picture: it is rotated by the nearest quarter turn instead",
                    self._name,
                )
        return self._orientation


def _orientation_in(decoded: av.VideoFrame) -> Orientation:
    try:
        matrix = cast("SideDataContainer", decoded.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return AS_IT_IS
    except ValueError:  # PyAV does not know another kind of side data
        return quarter_turns(decoded.rotation)
    return orientation_of(bytes(matrix))


Tag = TypeVar("Tag")


def deinterlaced(frames: Iterable[tuple[av.VideoFrame, Tag]]) -> Iterator[tuple[av.VideoFrame, Tag]]:
    """Deinterlace the frames that are marked as interlaced; other frames are not changed.

    FFmpeg's `bwdif` does it, with each frame's field order. It makes one frame of each frame, not of each field, so
    that frames keep their numbers, times and rate. Telecined film, whole frames marked as repeating a field, is not
    changed.

    Args:
        frames: in order, each with a tag.

    Yields:
        The frames and tags in the same order. From the first interlaced frame on, each comes one frame late.
    """
    bwdif: _Bwdif[Tag] | None = None
    for frame, tag in frames:
        if bwdif is not None and not bwdif.fits(frame):
            yield from bwdif.end()
            bwdif = None
        if bwdif is None:
            if not frame.interlaced_frame:
                yield frame, tag
                continue
            bwdif = _Bwdif(frame)
        yield from bwdif.feed(frame, tag)
    if bwdif is not None:
        yield from bwdif.end()


class _Bwdif(Generic[Tag]):
    """FFmpeg's `bwdif` filter for frames of one size and format."""

    def __init__(self, like: av.VideoFrame) -> None:
        self._shape = (like.width, like.height, like.format.name)
        self._tags: deque[Tag] = deque()
        self._count = 0
        graph = av.filter.Graph()
        self._in = graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=Fraction(1, 1000)
        )
        bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._out = graph.add("buffersink")
        self._in.link_to(bwdif)
        bwdif.link_to(self._out)
        graph.configure()
        self._graph = graph

    def fits(self, frame: av.VideoFrame) -> bool:
        return (frame.width, frame.height, frame.format.name) == self._shape

    def feed(self, frame: av.VideoFrame, tag: Tag) -> Iterator[tuple[av.VideoFrame, Tag]]:
        # The frame's own time is in its tag: some frames have none, and the filter needs one.
        frame.pts, frame.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._tags.append(tag)
        self._in.push(frame)
        yield from self._finished()

    def end(self) -> Iterator[tuple[av.VideoFrame, Tag]]:
        self._in.push(None)
        yield from self._finished()

    def _finished(self) -> Iterator[tuple[av.VideoFrame, Tag]]:
        while self._tags:
            try:
                frame = self._out.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            yield frame, self._tags.popleft()


@dataclass(frozen=True, slots=True)
class FilmInfo:
    """What a video file declares about itself."""

    frames: int
    """Approximate number of frames; 0 if unknown."""

    seconds: float
    """Duration; 0 if unknown."""

    size: tuple[int, int]
    """(width, height) in square pixels, before rotation."""


def video_info(path: Path) -> FilmInfo | None:
    """Return what a video file declares, without decoding; None if it cannot be read."""
    try:
        with open_container(path) as container:
            stream = picture_stream(container)
            if stream is None:
                return None
            seconds = max(0.0, float((container.duration or 0) / av.time_base))
            frames = stream.frames or round(seconds * (rate_of(container, stream) or 0))
            size = square_size(stream.width, stream.height, stream.sample_aspect_ratio, MOST_PIXELS)
            return FilmInfo(frames, seconds, size)
    except (av.error.FFmpegError, OSError):
        return None
