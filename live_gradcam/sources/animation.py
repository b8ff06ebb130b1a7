"""Animated pictures: GIF, APNG, WebP or AVIF, each picture with its own time."""

from __future__ import annotations

import io
import logging
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
from PIL import Image

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Frame, Pixels
from live_gradcam.number_format import counted
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.file_kind import Fetched, FileKind, kind_of
from live_gradcam.sources.opencv_photo import check_size
from live_gradcam.sources.photo import open_with_pillow, orientation_of
from live_gradcam.sources.photo_colour import blended, on_white, upright

logger = logging.getLogger(__name__)

_LEAST_MS = 10
_INSTEAD_MS = 100
"""Browsers show a picture for 100 ms if the file says 10 ms or less, or nothing."""

CLOSE_TIMEOUT = 0.5
"""Seconds that `close()` waits for a picture that is being decoded."""

_TAIL = 16
_MOST_BYTES = 1_000_000_000


class _DecodeError(SourceError):
    """A picture could not be decoded."""


Pictures = Generator[tuple[Pixels, float], None, None]


class AnimationSource(Closeable):
    """Yields every picture of an animated file once, in order, with its own time, on white.

    Pictures are composed from their parts as browsers do. A truncated file gives the pictures before the damage, and
    one warning.

    Args:
        path: the file, or fetched content.
        keeps: decides by a picture's index and time whether it is yielded, as in `VideoSource`.

    Raises:
        SourceError: it is no animated picture, or its first picture cannot be read.
    """

    live = False
    sound_path: Path | None = None
    notice: str | None = None
    reconnects = 0

    def __init__(self, path: Path | Fetched, *, keeps: Callable[[int, float], bool] | None = None) -> None:
        self.name = shown(path.name)
        self._keeps = keeps
        self._lock = threading.Lock()
        self._closed = False
        self._error: Exception | None = None
        self._count = 0
        self._ends = 0.0
        self.last_seconds = 0.0
        """How long the picture that was decoded last is shown, in seconds."""
        self._data, self._kind = self._read(path)
        self._image: Image.Image | None = None
        """The picture as Pillow opened it, in case FFmpeg fails; None if Pillow decodes it."""
        self._pictures = self._begin()
        self._ahead = self._next()
        if self._ahead is None:
            self.close()
            raise SourceError(
                f"no picture of {self.name} could be read. Is the file complete?"
            ) from self._error
        self.size = self._ahead.size
        self.fps: float | None = 1 / self._ends

    @property
    def damage(self) -> str | None:
        """What is missing, known at the end: `is cut short: 3 of its 9 frames could be read`; None if nothing is."""
        if self._error is None:
            return None
        return f"is damaged or cut short: {self._count} of its {counted(self.total, 'frame')} could be read"

    @property
    def frames_captured(self) -> int:
        """Number of pictures decoded so far."""
        return self._count

    def describe(self) -> str:
        """Return the name, the size and the number of pictures: `cat.gif: 320×240, 12 pictures`."""
        return f"{self.name}: {self.size[0]}×{self.size[1]}, {counted(self.total, 'picture')}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield every picture, in order."""
        while True:
            with self._lock:
                if self._closed:
                    self._pictures.close()
                    return
                frame, self._ahead = self._ahead, None
                if frame is None and (frame := self._next()) is None:
                    if self.damage is not None:
                        logger.warning("%s %s", self.name, self.damage)
                    return
            yield frame

    def seek(self, seconds: float) -> None:
        """Continue elsewhere: the next iteration begins with the first picture at or after that time, else the last."""
        with self._lock:
            if not self._closed:
                self._rewind()
                while (frame := self._next()) is not None:
                    self._ahead = frame
                    if (frame.media_time or 0.0) >= seconds:
                        return

    def step_back(self, seconds: float) -> None:
        """Continue elsewhere: the next iteration begins with the last picture before that time, else the first."""
        with self._lock:
            if not self._closed:
                self._rewind()
                before = 0.0
                while (frame := self._next()) is not None and (frame.media_time or 0.0) < seconds:
                    before = frame.media_time or 0.0
        self.seek(before)

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        if self._lock.acquire(timeout=CLOSE_TIMEOUT):
            self._pictures.close()
            self._lock.release()

    def _read(self, path: Path | Fetched) -> tuple[bytes, FileKind]:
        data = path.data if isinstance(path, Fetched) else self._content(path)
        kind = kind_of(io.BytesIO(data))
        if kind is None or not kind.is_readable:
            raise SourceError(f"{self.name} is no animated picture.")
        return data, kind

    def _content(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise SourceError(
                    f"{self.name} cannot be read: it is larger than 1 GB. Make a video of it first."
                )
            return path.read_bytes()
        except OSError as error:
            raise SourceError(f"{self.name} cannot be read: {error.strerror or error}.") from error

    def _begin(self) -> Pictures:
        """Return a decoder of the pictures that begins with the first."""
        with native_stderr_filtered():
            try:
                image = open_with_pillow(self._data, self.name, self._kind)
                hidden = 1 if getattr(image, "default_image", False) else 0
                self.total = max(1, int(getattr(image, "n_frames", 1)) - hidden)
                """Number of pictures according to the file."""
            except SourceError:
                raise
            except Exception as error:  # decoders raise anything
                raise SourceError(
                    f"{self.name} cannot be read: it is a damaged {self._kind.name} file. Is the file complete?"
                ) from error
        self._places = range(hidden, hidden + self.total)
        if _is_for_ffmpeg(self._data, self._kind):
            self._image = image
            return _by_ffmpeg(self._data, self._kind)
        return _by_pillow(image, self.name, self._places)

    def _decode_next(self) -> tuple[Pixels, float] | None:
        with native_stderr_filtered():
            try:
                return next(self._pictures, None)
            except Exception as error:  # decoders raise anything
                raise _DecodeError from error

    def _rewind(self) -> None:
        self._pictures.close()
        self._pictures = self._begin()
        self._count = 0
        self._ends = 0.0
        self._ahead = None
        self._error = None

    def _next(self) -> Frame | None:
        while True:
            try:
                found = self._decode_next()
            except _DecodeError as error:
                logger.debug("picture %d of %s cannot be decoded", self._count, self.name, exc_info=True)
                if self._count == 0 and self._image is not None:
                    self._pictures, self._image = _by_pillow(self._image, self.name, self._places), None
                    continue
                self._error = error
                return None
            if found is None:
                if self._count < self.total or (self._kind.name == "GIF" and b";" not in self._data[-_TAIL:]):
                    self._error = EOFError()
                return None
            pixels, milliseconds = found
            index, begins = self._count, self._ends
            self._count += 1
            self.last_seconds = (milliseconds if milliseconds > _LEAST_MS else _INSTEAD_MS) / 1000
            self._ends += self.last_seconds
            if self._keeps is None or self._keeps(index, begins):
                return Frame(pixels, index, time.monotonic(), media_time=round(begins, 6))


def _is_for_ffmpeg(data: bytes, kind: FileKind) -> bool:
    """Return whether FFmpeg decodes the file: it composes GIF and PNG as browsers do, which Pillow does not quite.

    It cannot read an APNG of 16 bits.
    """
    return kind.name == "GIF" or (kind.name == "PNG" and data[24:25] != b"\x10")


def _by_ffmpeg(data: bytes, kind: FileKind) -> Pictures:
    """Yield every picture and its duration in milliseconds."""
    delays = _png_delays(data) if kind.name == "PNG" else None
    demuxer = "apng" if kind.name == "PNG" else "gif"
    whole = data if kind.name == "PNG" else _with_control_blocks(data)
    with av.open(io.BytesIO(whole), "r", format=demuxer, metadata_errors="replace") as container:
        for index, frame in enumerate(container.decode(video=0)):
            full = np.asarray(frame.to_ndarray(format="bgra"), np.uint8)
            pixels = blended(np.ascontiguousarray(full[..., :3]), full[..., 3])
            if delays is None:
                yield pixels, 1000 * float((frame.duration or 0) * (frame.time_base or 0))
            else:
                yield pixels, delays[index] if index < len(delays) else 0.0


def _by_pillow(image: Image.Image, name: str, indices: range) -> Pictures:
    """Yield every picture and its duration in milliseconds."""
    try:
        for index in indices:
            image.seek(index)
            check_size(image.size, name)
            image.load()
            yield upright(on_white(image), orientation_of(image)), float(image.info.get("duration", 0))
    finally:
        image.close()


def _with_control_blocks(data: bytes) -> bytes:
    """Return a GIF with a graphic control block before each picture: without one, FFmpeg takes two pictures for one.

    The blocks are optional; those that are added say what their absence does: no delay, nothing transparent or removed.
    """
    parts, begin, controlled = [], 0, False
    at = 13 + _palette_bytes(data[10:11])
    while data[at : at + 1] in (b"!", b","):  # ends where the file does, or at damage
        if data[at] == ord("!"):
            controlled |= data[at + 1 : at + 2] == b"\xf9"
            at += 2
        else:
            if not controlled:
                parts += [data[begin:at], b"!\xf9\x04\0\0\0\0\0"]
                begin = at
            controlled = False
            at += 11 + _palette_bytes(data[at + 9 : at + 10])
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return b"".join([*parts, data[begin:]])


def _palette_bytes(flags: bytes) -> int:
    """Return how long the table of colours is that a GIF's block announces in its flags; 0 if it has none."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _png_delays(data: bytes) -> list[float]:
    """Return the duration of each picture of an APNG in milliseconds."""
    delays, at = [], 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"fcTL" and at + 34 <= len(data):
            parts, whole = struct.unpack_from(">HH", data, at + 28)
            delays.append(1000 * parts / (whole or 100))
        at += size + 12
    return delays
