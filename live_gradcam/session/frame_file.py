"""The film of a session: frames kept exactly as they were."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
from av.video.stream import VideoStream

from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels

_WAITING = 16
_GLANCE_SECONDS = 0.05
_CLOSE_SECONDS = 15.0
_CLOCK = 1000


class FrameFile:
    """Keeps frames without loss, in a thread of its own: H.264 of the RGB values, in Matroska.

    A frame of another size begins another file: `frames.mkv`, then `frames-2.mkv`. `add` waits while the thread is
    behind, for a session that lacks a frame cannot be played again.

    Args:
        folder: where; it exists.

    Raises:
        SinkError: from `add` and `close`, once: it could not be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: queue.Queue[Pixels] = queue.Queue(_WAITING)
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._told = False
        self._thread = threading.Thread(target=self._write_all, name="film of the session", daemon=True)
        self._thread.start()

    def add(self, pixels: Pixels) -> None:
        """Keep one frame, (H, W, 3) uint8 BGR; it must not be changed afterwards."""
        while self._failure is None:
            try:
                self._waiting.put(pixels, timeout=_GLANCE_SECONDS)
            except queue.Full:
                continue
            return
        self._tell()

    def close(self) -> None:
        """Write what waits, and complete the file; twice does no harm."""
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            raise SinkError(f"the frames of the session were not written within {_CLOSE_SECONDS:.0f} s.")
        self._tell()

    def _tell(self) -> None:
        if self._failure is not None and not self._told:
            self._told = True
            reason = getattr(self._failure, "strerror", None) or self._failure
            raise SinkError(f"the session is saved no further: {reason}.") from self._failure

    def _write_all(self) -> None:
        try:
            self._write_reels()
        except Exception as error:  # whatever it is, the owner is told by add or close
            self._failure = error

    def _write_reels(self) -> None:
        reel: _Reel | None = None
        number = 0
        try:
            while True:
                try:
                    pixels = self._waiting.get(timeout=_GLANCE_SECONDS)
                except queue.Empty:
                    if self._stop.is_set():
                        break
                    continue
                if reel is None or reel.shape != pixels.shape:
                    if reel is not None:
                        reel.close()
                    number += 1
                    reel = _Reel(self._folder / reel_name(number), pixels)
                reel.add(pixels)
        finally:
            if reel is not None:
                reel.close()


def reel_name(number: int) -> str:
    """Return the name of a session's file of frames, counted from 1."""
    return "frames.mkv" if number == 1 else f"frames-{number}.mkv"


class _Reel:
    """One file of frames of one size."""

    def __init__(self, path: Path, first: Pixels) -> None:
        options = {"flush_packets": "1", "cluster_time_limit": "500"}  # a killed process loses half a second
        self._container = av.open(str(path.absolute()), "w", format="matroska", options=options)
        stream = self._container.add_stream("libx264rgb", rate=30, options={"preset": "ultrafast", "qp": "0"})
        assert isinstance(stream, VideoStream)
        self.shape = first.shape
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "bgr24"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        self._stream = stream
        self._count = 0

    def add(self, pixels: Pixels) -> None:
        frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
        frame.pts = self._count  # their times stand in the journal
        frame.time_base = Fraction(1, 30)
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
