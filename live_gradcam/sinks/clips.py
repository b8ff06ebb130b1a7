"""Clips: the last seconds of the picture, kept in memory, and saved as a video when the viewer asks for them."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import av
import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.file_names import marked
from live_gradcam.frame import Pixels, scaled_down
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.dated_files import DatedFiles
from live_gradcam.sinks.encoder import Encoder

_LONGEST_SIDE = 640
"""Pixels. With 960 a picture would cost twice the time, and twice the memory."""

_QUALITY = 85
_SHORTEST_STEP = 1 / 22
"""Seconds between two kept pictures: every second one of a camera with 30 frames a second, which halves the cost."""

_MOST_BYTES = 32_000_000
_WAITING_PICTURES = 2
_NOTICE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class CompressedPicture:
    """One picture of the last seconds."""

    time: float
    """Seconds on the clock of `frame.time`."""

    jpeg: bytes


class Clips(Closeable):
    """Keeps the pictures of the last seconds as JPEGs, and saves them as an MP4 file, named by date and time.

    A thread shrinks and compresses the pictures; a second one writes the files. If the first is too slow for a picture,
    that picture is left out. The pictures in memory take 32 MB at most: if more would be needed, the clip is shorter.

    Args:
        seconds: the length of a clip.
        folder: where the files are written.
    """

    def __init__(self, seconds: float, folder: Path = Path()) -> None:
        self._seconds = seconds
        self._kept: deque[CompressedPicture] = deque()
        self._lock = threading.Lock()
        self._bytes = 0
        self._last_time: float | None = None
        self._pictures: BoundedQueue[Rendered] = BoundedQueue(_WAITING_PICTURES)
        self._keeper: WorkerThread | None = None
        self._files = DatedFiles[list[CompressedPicture]](
            "clip",
            ".mp4",
            write_clip,
            folder=folder,
            capacity=1,
            notice_seconds=_NOTICE_SECONDS,
            full="not saved: the clips before it are still being written",
            failed="the clip cannot be written",
        )
        self.written = self._files.written
        """The clips that were written."""

    @property
    def notice(self) -> str | None:
        """The result of the last clip, for four seconds."""
        return self._files.notice

    @property
    def bytes_kept(self) -> int:
        """How many bytes the pictures in memory take."""
        return self._bytes

    def write(self, shown: Rendered) -> None:
        """Keep one picture; returns at once."""
        now = shown.frame.time
        if self._last_time is not None and 0 <= now - self._last_time < _SHORTEST_STEP:
            return
        self._last_time = now
        if self._keeper is None:
            self._keeper = WorkerThread(self._keep_all, name="pictures of clips", end=self._pictures.close)
        self._pictures.offer(shown)

    def save(self) -> str:
        """Begin to write the last seconds to a file, and return the line to show; `notice` tells the result."""
        if self._keeper is not None:
            self._keeper.check()
        with self._lock:
            clip = list(self._kept)
        if not clip:
            return "there is nothing to save yet"
        if (refused := self._files.offer(clip)) is not None:
            return refused
        return f"saving the last {clip[-1].time - clip[0].time:.0f} s …"

    def close(self) -> None:
        """Write the clips that wait, and join the threads.

        Raises:
            Exception: an error of a thread that is a bug.
        """
        try:
            if self._keeper is not None:
                self._keeper.close()
        finally:
            self._files.close()

    def _keep_all(self) -> None:
        for shown in self._pictures:
            kept = CompressedPicture(shown.frame.time, compressed(shown.pixels))
            with self._lock:
                self._kept.append(kept)
                self._bytes += len(kept.jpeg)
                # A picture with a later time comes from before the source was wound back, or from another source.
                while self._bytes > _MOST_BYTES or not (0 <= kept.time - self._kept[0].time <= self._seconds):
                    self._bytes -= len(self._kept.popleft().jpeg)


def write_clip(clip: list[CompressedPicture], path: Path) -> None:
    """Write an MP4 file that appears only when it is complete; each picture keeps its time.

    Raises:
        SinkError: it could not be written.
    """
    part = marked(path, "part")
    encoder = None
    try:
        encoder = Encoder(part, "clip")
        for kept in clip:
            picture = cv2.imdecode(np.frombuffer(kept.jpeg, np.uint8), cv2.IMREAD_COLOR)
            encoder.encode(np.asarray(picture, np.uint8), kept.time)
        encoder.finish()
        part.replace(path)
    except (OSError, av.FFmpegError) as error:
        if encoder is not None:
            encoder.abandon()
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SinkError(
            f"the clip {path} cannot be written: {error.strerror or error}. Free some space, or start the program in a "
            "folder where you may write."
        ) from error


def compressed(picture: Pixels) -> bytes:
    """Return a picture as a JPEG whose longer side has 640 pixels at most."""
    _, jpeg = cv2.imencode(".jpg", scaled_down(picture, _LONGEST_SIDE), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return jpeg.tobytes()
