"""A video file.

Read with PyAV, not with OpenCV: it gives each frame's own presentation time on the stream's exact clock (also
where the rate varies), tells a missing time from zero, and names the cause when something cannot be read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import av
import av.container
import numpy as np

from live_gradcam.address import opened_address, shown_address
from live_gradcam.errors import SourceError
from live_gradcam.file_names import shown
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources.reason import in_words

logger = logging.getLogger(__name__)

NETWORK_TIMEOUT = 4.0
"""Seconds that a server has to answer when the file lies behind an address."""

CLOSE_TIMEOUT = 0.5
"""Seconds that `close()` waits for a frame that is being decoded."""

_MOMENT = 0.001
"""Seconds: less than lies between two frames, so that a key frame is not taken for the one before it."""

ASSUMED_FPS = 25.0
"""Rate of a file that tells neither times nor a rate."""

COMPLETE = 0.95
"""Share of the promised frames and of the promised length below which a file was cut short: of both, because an
AVI counts empty slots as frames, and a single frame may stand for long."""

_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
"""Quarter turns counter-clockwise to OpenCV's name for them."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a video file says of itself."""

    frames: int
    """About how many there are; 0 where it does not tell."""

    seconds: float
    """How long it lasts; 0 where it does not tell."""

    size: tuple[int, int]
    """(width, height) in pixels, before it is turned upright."""


def promise_of(path: Path) -> Promise | None:
    """Return what a video file says of itself, without decoding anything; None where it cannot be read."""
    try:
        with av.open(str(path.absolute())) as container:
            stream = container.streams.video[0]
            seconds = float((container.duration or 0) / av.time_base)
            frames = stream.frames or round(seconds * float(stream.average_rate or 0))
            return Promise(frames, seconds, (stream.width, stream.height))
    except (av.error.FFmpegError, OSError, IndexError):
        return None


class VideoSource:
    """Every frame of a video file in order, each with its own time, upright as its rotation mark says.

    A file that is torn gives the frames before the tear, and one warning.

    Args:
        path: the file, or the http(s) address of one.
        keeps: told a frame's index and its time, decides whether it is wanted; it is asked once about each, in order.
            What is not wanted is decoded, but costs nothing more. None: every frame is.

    Raises:
        SourceError: it is no video, it has no picture in it, or none can be read.
    """

    live = False
    notice: str | None = None
    reconnects = 0

    def __init__(self, path: str | Path, *, keeps: Callable[[int, float], bool] | None = None) -> None:
        self.path = None if isinstance(path, str) and "://" in path else Path(path)
        """The file; None where it lies behind an address."""
        self.name = shown_address(path) if isinstance(path, str) and "://" in path else shown(Path(path).name)
        self._lock = threading.Lock()
        self._keeps = keeps
        self._closed = False
        self._sought = False
        self._count = 0
        self._first_time: float | None = None
        self._last_time = 0.0
        self._error: av.error.FFmpegError | None = None
        # Absolute, for FFmpeg takes what stands before a colon as the name of a protocol.
        self._container = self._open(
            opened_address(str(path)) if "://" in str(path) else str(Path(path).absolute())
        )
        try:
            self._stream = self._find_stream()
            rate = self._stream.average_rate
            self.fps = float(rate) if rate else None
            self._decoded = self._decode()
            first = self._find_first()
            self._ahead: Frame | None = first
            self.size = first.size
            self._seconds = (self._container.duration or 0) / av.time_base
        except BaseException:
            self._container.close()
            raise

    @property
    def damage(self) -> str | None:
        """What could not be read, known at the end: `is cut short: 3 of its 9 frames could be read`; None: nothing."""
        promised = self._stream.frames
        length = float((self._stream.duration or 0) * (self._stream.time_base or 0))
        if not self._sought and self._count < COMPLETE * promised and self._last_time < COMPLETE * length:
            return f"is cut short: {self._count} of its {promised} frames could be read"
        if self._error is not None:
            return f"is damaged or cut short: {self._count} frames could be read"
        return None

    @property
    def frames_captured(self) -> int:
        """How many frames were decoded so far."""
        return self._count

    def describe(self) -> str:
        """Return the name, size, rate and length: `cat.mp4: 1280×720 at 30 fps, 12.5 s`."""
        rate = f" at {self.fps:.5g} fps" if self.fps else ""
        length = f", {self._seconds:.1f} s" if self._seconds else ""
        return f"{self.name}: {self.size[0]}×{self.size[1]}{rate}{length}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame, in order."""
        while True:
            # The container is closed under the same lock: freeing a decoder at work crashes the process.
            with self._lock:
                if self._closed:
                    self._container.close()
                    return
                frame, self._ahead = self._ahead, None
                if frame is None and (frame := self._next()) is None:
                    self._warn_if_torn()
                    return
            yield frame

    def seek(self, seconds: float) -> None:
        """Go on elsewhere: the next iteration begins with the first frame at or after that time, or the last.

        Args:
            seconds: into the file, as `Frame.media_time` counts.
        """
        with self._lock:
            if self._closed:
                return
            self._go_to(seconds)
            while (frame := self._next()) is not None:
                self._ahead = frame
                if (frame.media_time or 0.0) >= seconds:
                    return

    def step_back(self, seconds: float) -> None:
        """Go on elsewhere: the next iteration begins with the last frame before that time, or the first of all.

        Args:
            seconds: into the file, as `Frame.media_time` counts.
        """
        with self._lock:
            if self._closed:
                return
            self._go_to(max(0.0, seconds - _MOMENT))
            before = max(self._times_before(seconds), default=0.0)
        self.seek(before)

    def close(self) -> None:
        """Close the file; where an iteration is waiting for a server, it does so itself, as soon as it can."""
        self._closed = True
        if self._lock.acquire(timeout=CLOSE_TIMEOUT):
            self._container.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _go_to(self, seconds: float) -> None:
        """Decode from the key frame at or before a time."""
        self._sought = True
        self._container.seek(int(((self._first_time or 0.0) + seconds) * av.time_base), backward=True)
        self._decoded = self._decode()
        self._last_time = 0.0
        self._ahead = None

    def _times_before(self, seconds: float) -> Iterator[float]:
        """Yield the times of the frames from where it is, as far as they lie before a time."""
        while (frame := self._next()) is not None and (frame.media_time or 0.0) < seconds:
            yield frame.media_time or 0.0

    def _open(self, path: str) -> av.container.InputContainer:
        try:
            return av.open(path, timeout=NETWORK_TIMEOUT if "://" in path else None)
        except av.error.FFmpegError as error:
            # PyAV's error quotes the address: where there is one, nothing of it is passed on.
            cause = None if "://" in path else error
            raise SourceError(f"{self.name} cannot be opened: {_why_not(path, error)}") from cause

    def _find_stream(self) -> av.VideoStream:
        if not self._container.streams.video:
            raise SourceError(f"{self.name} has no video in it. Give a video, a picture or a folder of them.")
        stream = self._container.streams.video[0]
        # Not FRAME or AUTO: at a torn end the threads that decode ahead lose whole frames, and the error too.
        stream.thread_type = "SLICE"
        return stream

    def _find_first(self) -> Frame:
        # Only the first frame tells how large the upright picture is, and whether there is one at all.
        first = self._next()
        if first is None:
            reason = in_words(self._error) if self._error else "it ends before the first one"
            raise SourceError(f"no frame of {self.name} could be read: {reason}. Is the file complete?")
        return first

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Decode what can be decoded; what can't is passed over and remembered."""
        packets = self._container.demux(self._stream)
        torn = False
        while not torn:
            packet = None
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._error = error
            torn = packet is None  # then the decoder still hands out what it holds
            try:
                yield from self._stream.decode(packet)
            except av.error.EOFError:
                return  # it was emptied already
            except av.error.FFmpegError as error:
                self._error = error

    def _next(self) -> Frame | None:
        for decoded in self._decoded:
            if decoded.time is None:
                elapsed = self._last_time + (1 / (self.fps or ASSUMED_FPS) if self._count else 0.0)
            else:
                if self._first_time is None:
                    self._first_time = decoded.time - self._last_time
                # A file may step back in time where it was joined; time itself never falls.
                elapsed = max(self._last_time, decoded.time - self._first_time)
            self._last_time = elapsed
            index = self._count
            self._count += 1
            if self._keeps is None or self._keeps(index, elapsed):
                return Frame(_upright(decoded), index, time.monotonic(), media_time=elapsed)
        return None

    def _warn_if_torn(self) -> None:
        if (damage := self.damage) is not None:
            logger.warning("%s %s", self.name, damage)


def _upright(decoded: av.VideoFrame) -> Pixels:
    pixels = np.asarray(decoded.to_ndarray(format="bgr24"), np.uint8)
    turn = _TURNS.get(round(decoded.rotation / 90) % 4)
    return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)


def _why_not(path: str, error: av.error.FFmpegError) -> str:
    file = Path(path)
    if isinstance(error, av.error.InvalidDataError) and file.is_file():
        with file.open("rb") as opened:
            start = opened.read(12)
        if not start:
            return "the file is empty."
        if start[4:8] == b"ftyp":
            return "its index (the 'moov' box) is missing, so it was cut off before it was finished."
    return f"{in_words(error)}."
