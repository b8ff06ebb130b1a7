"""Video files as a source.

They are read with PyAV instead of OpenCV, because it gives each frame's presentation time on the stream's exact clock
(also with a variable frame rate), distinguishes a missing time from zero, and names the cause of a failure.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.error

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Frame
from live_gradcam.number_format import counted
from live_gradcam.redaction import address_name
from live_gradcam.source_address import opened_address
from live_gradcam.sources.failure_reasons import ffmpeg_reason, frame_failure, server_failure
from live_gradcam.sources.film_colour import ColourConverter, dynamic_range
from live_gradcam.sources.film_display import FrameGeometry, Orientation, deinterlaced
from live_gradcam.sources.video_decoder import VideoDecoder, length_of

logger = logging.getLogger(__name__)

NETWORK_TIMEOUT = 4.0
"""Seconds that a server has to answer if the file is at an address."""

CLOSE_TIMEOUT = 0.5
"""Seconds that `close()` waits for a frame that is being decoded."""

_MOMENT = 0.001
"""Seconds: less than between two frames, so that a key frame is not taken for the frame before it."""

ASSUMED_FPS = 25.0
"""Frame rate of a file that stores neither times nor a rate."""

COMPLETE = 0.95
"""A file was cut short if less than this share of both the promised frames and the promised duration was read. Both,
because an AVI counts empty slots as frames, and a single frame may last long."""

_STEPS_BACK = (0.0, 1.0, 5.0, 25.0, None)
"""Seconds to go further back if a seek arrived too late; None for the beginning of the file."""


class VideoSource(Closeable):
    """Yields every frame of a video file in order, with its own time, as a player shows it.

    Of several streams it takes the one that a player shows. Frames are rotated and mirrored as the display matrix says,
    pixels are made square, interlaced frames are deinterlaced, and HDR is converted to BT.709. If the file joins
    several recordings, the clock continues at each joint. A truncated file gives the frames before the damage, and one
    warning.

    Args:
        path: the file, or its http(s) address.
        keeps: decides by a frame's index and time whether it is yielded; called once for each frame, in order. Frames
            that are not kept are decoded but not converted. None keeps all.

    Raises:
        SourceError: it is no video, or has no readable picture.
    """

    live = False
    notice: str | None = None
    reconnects = 0

    def __init__(self, path: str | Path, *, keeps: Callable[[int, float], bool] | None = None) -> None:
        self.path = None if isinstance(path, str) and "://" in path else Path(path)
        """The file; None for an address."""
        self.sound_path = self.path
        self.last_seconds: float | None = None
        self.name = address_name(path) if isinstance(path, str) and "://" in path else shown(Path(path).name)
        self._lock = threading.Lock()
        self._keeps = keeps
        self._closed = False
        self._sought = self._settling = False
        self._count = 0
        self._zero: float | None = None
        self._last_time: float | None = None
        self._colours = ColourConverter()
        remote = self.path is None
        self._address = opened_address(str(path)) if remote else ""
        self._file = VideoDecoder(
            self._address if remote else Path(path),
            self.name,
            NETWORK_TIMEOUT if remote else None,
        )
        try:
            self.fps = self._file.fps
            self._period = 1 / (self.fps or ASSUMED_FPS)
            stream = self._file.stream
            # Asked now: once the file is closed, the library reads memory that is no longer its own.
            self._promised, self._index = stream.frames, stream.index
            self._length = float((stream.duration or 0) * (stream.time_base or 0))
            self._display = FrameGeometry(stream, self.name)
            self._shown = deinterlaced(self._timed())
            first = self._find_first()
            self._ahead: Frame | None = first
            self.size = first.size
            self._seconds = self._file.seconds
            self._range = dynamic_range(stream.codec_context)
            if self._file.timeless:
                logger.warning(
                    "%s stores no times: %.5g frames a second are assumed", self.name, 1 / self._period
                )
        except BaseException:
            self._file.close()
            raise

    @property
    def damage(self) -> str | None:
        """What is missing, known at the end: `is cut short: 3 of its 9 frames could be read`; None if nothing is."""
        # Including the duration of the last frame.
        reached = 0.0 if self._last_time is None else self._last_time + self._period
        promised = counted(self._promised, "frame")
        few = self._count < COMPLETE * self._promised and reached < COMPLETE * self._length
        if few and not self._sought:
            return f"is cut short: {self._count} of its {promised} could be read"
        if self._file.error is not None:
            return f"is damaged or cut short: {counted(self._count, 'frame')} could be read"
        return None

    @property
    def frames_captured(self) -> int:
        """Number of frames decoded so far."""
        return self._count

    def describe(self) -> str:
        """Return the name, size, rate, length and HDR conversion: `cat.mp4: 1280×720 at 30 fps, 12.5 s`.

        The length is left out if it cannot be determined quickly.
        """
        if self._seconds is None and self.path is not None:
            self._seconds = length_of(self.path, self._index) or 0.0
        rate = f" at {self.fps:.5g} fps" if self.fps else ""
        length = f", {self._seconds:.1f} s" if self._seconds else ""
        colours = f", {self._range} shown as BT.709" if self._range else ""
        return f"{self.name}: {self.size[0]}×{self.size[1]}{rate}{length}{colours}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame, in order."""
        while True:
            # The container is closed under the same lock, because freeing a decoder in use crashes the process.
            with self._lock:
                if self._closed:
                    self._file.close()
                    return
                frame, self._ahead = self._ahead, None
                if frame is None and (frame := self._next()) is None:
                    self._warn_if_torn()
                    return
            yield frame

    def seek(self, seconds: float) -> None:
        """Continue elsewhere: the next iteration begins with the first frame at or after that time, else the last.

        Args:
            seconds: into the file, as `Frame.media_time` counts.
        """
        with self._lock:
            if self._closed:
                return
            frame = self._arrive(seconds)
            while frame is not None:
                self._ahead = frame
                if (frame.media_time or 0.0) >= seconds:
                    return
                frame = self._next()

    def step_back(self, seconds: float) -> None:
        """Continue elsewhere: the next iteration begins with the last frame before that time, else the first.

        Args:
            seconds: into the file, as `Frame.media_time` counts.
        """
        with self._lock:
            if self._closed:
                return
            before = 0.0
            frame = self._arrive(seconds - 2 * _MOMENT)
            while frame is not None and (frame.media_time or 0.0) < seconds:
                before = frame.media_time or 0.0
                frame = self._next()
        self.seek(before)

    def close(self) -> None:
        """Close the file. If an iteration waits for a server, it closes the file itself as soon as it can."""
        self._closed = True
        if self._lock.acquire(timeout=CLOSE_TIMEOUT):
            self._file.close()
            self._lock.release()

    def _arrive(self, seconds: float) -> Frame | None:
        """Continue at a key frame at or before a time, else at the first frame, and return that frame."""
        self._sought = True
        seconds = max(0.0, seconds)
        frame = None
        for back in _STEPS_BACK:
            self._ahead = None
            if back is None:
                self._file.rewind()
            elif not self._file.go_to((self._zero or 0.0) + max(0.0, seconds - back)):
                continue
            self._last_time, self._settling = None, back is not None
            self._shown = deinterlaced(self._timed())
            frame = self._next()
            if frame is not None and (frame.media_time or 0.0) <= seconds + _MOMENT:
                break
        return frame

    def _find_first(self) -> Frame:
        # Only the first frame tells the size after rotation, and whether there is a picture.
        first = self._next()
        if first is None:
            raise SourceError(f"{self.name} has no picture that can be read: {self._why_none()}")
        return first

    def _why_none(self) -> str:
        """Return why there is no first picture, and what to do."""
        error = self._file.error
        if self.path is None:
            broken = (
                f"{ffmpeg_reason(error) if error else 'it ends before the first one'}. Check the address."
            )
            return server_failure(self._address) or broken
        if error is None or isinstance(error, av.error.InvalidDataError):
            return frame_failure(self.path)
        return f"{ffmpeg_reason(error)}. Give a video, a picture or a folder of them."

    def _timed(self) -> Iterator[tuple[av.VideoFrame, tuple[int, float, Orientation]]]:
        """Yield each decoded frame with its index, its time in seconds, and its orientation."""
        for decoded, moment in self._file.frames():
            if moment is None:
                if self._sought and self._last_time is None and not self._file.timeless:
                    continue  # a later frame has the first known time
                elapsed = 0.0 if self._last_time is None else self._last_time + self._period
            else:
                if self._zero is None:
                    self._zero = moment - (0.0 if self._last_time is None else self._last_time + self._period)
                elapsed = moment - self._zero
                if self._last_time is not None and elapsed <= self._last_time:
                    if self._settling:
                        continue  # the first times after a seek may be wrong
                    # Half-way to the next frame, whose time may be right again.
                    elapsed = self._last_time + self._period / 2
            self._settling = self._settling and self._last_time is None
            self._last_time = elapsed
            index = self._count
            self._count += 1
            yield decoded, (index, elapsed, self._display.orientation(decoded))

    def _next(self) -> Frame | None:
        for decoded, (index, elapsed, orientation) in self._shown:
            if self._keeps is None or self._keeps(index, elapsed):
                try:
                    context = self._file.stream.codec_context
                    pixels = self._colours.convert(decoded, context, self._display.size(decoded, context))
                except av.error.FFmpegError as error:
                    self._file.error = error
                    continue
                return Frame(orientation.applied(pixels), index, time.monotonic(), media_time=elapsed)
        return None

    def _warn_if_torn(self) -> None:
        if (damage := self.damage) is not None:
            logger.warning("%s %s", self.name, damage)
