"""Decoding of a video file: frames in order on one clock, from the beginning or from a key frame."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.container
import av.error

from live_gradcam.errors import SourceError
from live_gradcam.media_file import (
    FrameClock,
    Timeline,
    is_timeless,
    open_container,
    picture_stream,
    rate_of,
)
from live_gradcam.sources.failure_reasons import (
    ffmpeg_reason,
    film_failure,
    no_picture_failure,
    server_failure,
)


class VideoDecoder:
    """Decodes one video stream. Not thread-safe.

    Args:
        path: the file, or its http(s) address.
        name: its name in messages.
        timeout: seconds that a server has to answer; None for files.

    Raises:
        SourceError: it cannot be opened, or contains no film.
    """

    def __init__(self, path: str | Path, name: str, timeout: float | None) -> None:
        self._path, self._name, self._timeout = path, name, timeout
        self._keyframes: list[Keyframe] | None = None
        self._indexed = False
        self.error: av.error.FFmpegError | None = None
        """The last decoding error."""
        self._open()

    @property
    def timeless(self) -> bool:
        """Whether the file stores no times, so that a frame rate must be assumed."""
        return is_timeless(self.container)

    @property
    def fps(self) -> float | None:
        """Frames per second according to the file or, in a file without times, its codec."""
        return rate_of(self.container, self.stream)

    @property
    def seconds(self) -> float | None:
        """Duration according to the file, 0 if it does not tell; None if what it tells may be wrong.

        It may be wrong in formats whose files can be joined; `length_of` measures them.
        """
        if self.container.format.name in INDEXED and isinstance(self._path, Path):
            return None
        return max(0.0, (self.container.duration or 0) / av.time_base)

    def frames(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        """Decode from the current position; what cannot be decoded is skipped, and the error is kept.

        Yields:
            Each frame and its time, in seconds of the file's continuous clock; None if unknown.
        """
        clock = FrameClock(self.container)
        for frame in self._decoded():
            yield frame, clock.moment(frame)

    def go_to(self, moment: float) -> bool:
        """Let `frames` continue at a key frame, if possible the last one before a time.

        Args:
            moment: in seconds, as `frames` counts.

        Returns:
            Whether it succeeded; False if the file does not allow it.
        """
        if self.timeless:
            return False
        if self.container.format.name in INDEXED and isinstance(self._path, Path):
            if not self._indexed:
                self._indexed = True
                self._keyframes = keyframes_of(self._path, self.stream.index)
            if self._keyframes is not None:
                return self._go_to_keyframe(moment)
        if self._timeline.joined:
            return False
        try:
            self.container.seek(int(moment * av.time_base), backward=True)
        except (av.error.FFmpegError, OverflowError):  # a damaged file may contain any time
            return False
        self._timeline.resume(0)
        return True

    def rewind(self) -> None:
        """Let `frames` continue at the first frame.

        Raises:
            SourceError: the file is gone.
        """
        self.container.close()
        self._open()

    def close(self) -> None:
        """Close the file. May be called twice."""
        self.container.close()

    def _open(self) -> None:
        try:
            self.container = open_container(self._path, timeout=self._timeout)
        except av.error.FFmpegError as error:
            # PyAV's error quotes the address, so it is not chained for an address.
            cause = error if isinstance(self._path, Path) else None
            raise SourceError(f"{self._name} cannot be opened: {_why_not(self._path, error)}") from cause
        except OSError as error:
            raise SourceError(f"{self._name} cannot be opened: {error.strerror or error}.") from error
        stream = picture_stream(self.container)
        if stream is None:
            reason = no_picture_failure(self.container, self._path if isinstance(self._path, Path) else None)
            self.container.close()
            raise SourceError(f"{self._name} has {reason}")
        # Not FRAME or AUTO: at a truncated end the threads that decode ahead lose whole frames and the error.
        stream.thread_type = "SLICE"
        self.stream = stream
        self._timeline = Timeline(self.container, stream)
        self._from = 0

    def _go_to_keyframe(self, moment: float) -> bool:
        before = [key for key in self._keyframes or () if key.moment <= moment]
        # A program stream stores few times; FFmpeg computes the others correctly only one group of pictures later.
        behind = 2 if self.container.format.name == "mpeg" else 1
        if len(before) < behind:
            return False
        key = before[-behind]
        try:
            self.container.seek(key.position, unsupported_byte_offset=True)
        except av.error.FFmpegError:
            return False
        self._timeline.resume(key.shift)
        self._from = key.position
        return True

    def _decoded(self) -> Iterator[av.VideoFrame]:
        packets = self.container.demux(self.stream)
        torn = False
        while not torn:
            packet = None
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self.error = error
            torn = packet is None  # then the decoder still returns the frames that it holds
            if packet is not None:
                if not packet.size and packet.dts is not None:
                    continue  # the previous picture stays (Theora); the packet that ends the stream has no time
                if self._from and packet.size and (packet.pos is None or packet.pos < self._from):
                    continue  # the rest of a picture before the target
                self._from = 0
                self._timeline.place(packet)
            try:
                yield from self.stream.decode(packet)
            except av.error.EOFError:
                return  # it was flushed already
            except av.error.FFmpegError as error:
                self.error = error


def _why_not(path: str | Path, error: av.error.FFmpegError) -> str:
    """Return why a file or an address cannot be opened, and what to do."""
    if not isinstance(path, Path):
        is_slow_or_broken = isinstance(error, (av.error.ExitError, av.error.InvalidDataError, OSError))
        return (server_failure(path) if is_slow_or_broken else None) or f"{ffmpeg_reason(error)}."
    if isinstance(error, (av.error.FileNotFoundError, av.error.PermissionError)):
        return f"{ffmpeg_reason(error)}."
    if (reason := film_failure(path)) is not None:
        return reason
    unknown = isinstance(error, av.error.InvalidDataError) or error.errno == errno.EINVAL
    reason = "its content is no video that FFmpeg knows" if unknown else "its header makes no sense"
    return f"{reason}. Give a video, a picture or a folder of them."


INDEXED = frozenset({"mpegts", "mpeg"})
"""FFmpeg's names of the formats that have no index and in which any byte offset can be sought."""

SEARCH_SECONDS = 2.0
"""How long a file is searched for key frames."""
LENGTH_SECONDS = 0.3
"""How long a file is searched for its length."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A position where decoding can begin."""

    moment: float
    """When it is shown, in seconds of the file's continuous clock."""

    position: int
    """Byte offset of its beginning, or a little before it."""

    shift: int
    """Shift of its recording in ticks; see `Timeline`."""


def keyframes_of(path: Path, index: int, *, search_seconds: float = SEARCH_SECONDS) -> list[Keyframe] | None:
    """Search a file for the key frames of one stream, without decoding.

    Args:
        path: the file.
        index: of the stream.
        search_seconds: how long to search.

    Returns:
        The key frames in order, or those found in time. None if not all were found and the file is not known to be
        joined: then FFmpeg can seek in it.
    """
    found: list[Keyframe] = []
    until = time.monotonic() + search_seconds
    try:
        with open_container(path) as container:
            stream = container.streams[index]
            timeline = Timeline(container, stream)
            position: int | None = None
            recording = 0
            for packet in container.demux(stream):
                timeline.place(packet)
                if timeline.recording != recording:
                    recording, position = timeline.recording, None
                position = packet.pos if packet.pos is not None else position
                moment = packet.pts if packet.pts is not None else packet.dts
                if packet.is_keyframe and packet.size and position is not None and moment is not None:
                    seconds = float(moment * timeline.clock)
                    found.append(Keyframe(seconds, position, timeline.shifts[-1]))
                if time.monotonic() > until:
                    return found if timeline.joined else None
    except (av.error.FFmpegError, OSError):
        return found or None
    return found


def length_of(path: Path, index: int, *, search_seconds: float = LENGTH_SECONDS) -> float | None:
    """Return a film's duration, with joined recordings added up, without decoding.

    FFmpeg subtracts the first time from the last one, which is wrong if the clock restarts.

    Args:
        path: the file.
        index: of the stream.
        search_seconds: how long to search.

    Returns:
        Seconds; None if the whole file could not be read in that time, or no packet has a time.
    """
    until = time.monotonic() + search_seconds
    begin: int | None = None
    end = 0
    try:
        with open_container(path) as container:
            stream = container.streams[index]
            timeline = Timeline(container, stream)
            for packet in container.demux(stream):
                timeline.place(packet)
                if time.monotonic() > until:
                    return None
                if packet.pts is None or not packet.size:
                    continue
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
            return None if begin is None else float((end - begin) * timeline.clock)
    except (av.error.FFmpegError, OSError):
        return None
