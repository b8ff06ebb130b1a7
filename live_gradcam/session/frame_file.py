"""The frame files of a saved session: every frame, without loss."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
from av.video.stream import VideoStream

from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels

_WAITING = 16
_CLOSE_SECONDS = 15.0
_CLOCK = 1000


class FrameFile:
    """Writes frames without loss, in a thread of its own: H.264 of the RGB values, in Matroska.

    A frame of another size begins another file: `frames.mkv`, then `frames-2.mkv`. `add` waits while the thread is
    behind, since a session that lacks a frame cannot be replayed.

    Args:
        folder: an existing folder.

    Raises:
        SinkError: from `add` and `close`, once: a file could not be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: BoundedQueue[Pixels] = BoundedQueue(_WAITING)
        self._worker = WorkerThread(self._write_all, name="frames of the session")

    def add(self, pixels: Pixels) -> None:
        """Write one frame, (H, W, 3) uint8 BGR, later; it must not be changed afterwards."""
        if not self._waiting.put(pixels):
            self._worker.join()  # it has failed
            self._raise_failure()

    def close(self) -> None:
        """Write the frames that wait, and complete the file. May be called twice."""
        self._waiting.close()
        if not self._worker.join(_CLOSE_SECONDS):
            raise SinkError(f"the frames of the session were not written within {_CLOSE_SECONDS:.0f} s.")
        self._raise_failure()

    def _raise_failure(self) -> None:
        error = self._worker.take_error()
        if error is not None:
            reason = getattr(error, "strerror", None) or error
            raise SinkError(f"the session is no longer saved: {reason}.") from error

    def _write_all(self) -> None:
        reel: _Reel | None = None
        number = 0
        try:
            for pixels in self._waiting:
                if reel is None or reel.shape != pixels.shape:
                    if reel is not None:
                        reel.close()
                    number += 1
                    reel = _Reel(self._folder / reel_name(number), pixels)
                reel.add(pixels)
        finally:
            self._waiting.abandon()
            if reel is not None:
                reel.close()


def reel_name(number: int) -> str:
    """Return the name of a session's frame file with this number, from 1."""
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
        frame.pts = self._count  # their times are in the journal
        frame.time_base = Fraction(1, 30)
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
