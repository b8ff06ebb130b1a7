"""A recording: a video file that is written beside the show."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sinks.encoder import CONTAINERS, Encoder

_LOG = logging.getLogger(__name__)

_WAITING_PICTURES = 8
_GLANCE_SECONDS = 0.05
_CLOSE_SECONDS = 15.0


class Recorder:
    """Records pictures as H.264 in .mp4 or .mkv, each at its own time (`frame.time`).

    While it records, the file is called `NAME.part.EXT` and can be played; it gets its name when the recorder is
    closed. Where nothing was written, no file is left. An encoding thread of its own takes the pictures from a
    bounded queue.

    When the file cannot be written any more (the disk is full), one `write` or `close` raises; what was recorded
    stays under its part name, and pictures written after that are ignored.

    Args:
        path: the file to make; its extension chooses the container.
        overwrite: replace a file of that name, and an unfinished recording of it. The old file stays until the
            new one is complete.
        wait: whether `write` waits while the queue is full (files: every picture counts), or drops the picture
            and counts it (live: the show must not be slowed down).

    Raises:
        SinkError: the path has another extension, is taken, or cannot be written.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, wait: bool) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(f"{self._path.stem}.part{self._path.suffix}")
        self._overwrite = overwrite
        self._wait = wait
        self.name = self._path.name
        _claim(self._path, self._part, overwrite=overwrite)
        self._waiting: queue.Queue[tuple[Pixels, float]] = queue.Queue(_WAITING_PICTURES)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._failure_told = False
        self._dropped = 0
        self._closed = False

    @property
    def finished(self) -> bool:
        """Always False: a recording has no viewer."""
        return False

    @property
    def dropped(self) -> int:
        """How many pictures were left out because the encoder was behind; always 0 with `wait`."""
        return self._dropped

    def write(self, picture: Pixels, frame: Frame) -> None:
        """Hand one picture to the encoder.

        Raises:
            SinkError: the recorder is closed, or the file could not be written; the latter is raised once.
        """
        if self._closed:
            raise SinkError(f"{self.name} is closed: make a new Recorder for a new file.")
        self._tell_failure()
        if self._failure is not None:
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._encode_all, name=f"recorder of {self.name}", daemon=True
            )
            self._thread.start()
        item = (picture, frame.time)
        if not self._wait:
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                self._dropped += 1
            return
        while self._failure is None:
            try:
                self._waiting.put(item, timeout=_GLANCE_SECONDS)
            except queue.Full:
                continue  # glance at the thread: one that has failed takes nothing more
            return
        self._tell_failure()

    def close(self) -> None:
        """Encode what waits, complete the file and give it its name.

        Raises:
            SinkError: the file could not be completed, or its name was taken meanwhile; the message names the part
                file that is kept.
        """
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            self._part.unlink(missing_ok=True)
            return
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            raise SinkError(
                f"{self.name} was not completed within {_CLOSE_SECONDS:.0f} s: what was recorded is in {self._part}."
            )
        self._tell_failure()
        if self._failure is not None:
            return
        if self._dropped:
            _LOG.warning("%s lacks %d pictures: the encoder was behind.", self.name, self._dropped)
        self._give_name()

    def _encode_all(self) -> None:
        """Encode until told to stop and nothing waits: the thread."""
        encoder: Encoder | None = None
        try:
            encoder = Encoder(self._part, "veryfast" if self._wait else "superfast")
            while True:
                try:
                    picture, seconds = self._waiting.get(timeout=_GLANCE_SECONDS)
                except queue.Empty:
                    if self._stop.is_set():
                        break
                    continue
                encoder.encode(picture, seconds)
            encoder.finish()
        except Exception as error:  # whatever it is, the owner gets it from write or close
            self._failure = error
            if encoder is not None:
                encoder.abandon()

    def _tell_failure(self) -> None:
        """Raise what ended the thread, the first time."""
        if self._failure is None or self._failure_told:
            return
        self._failure_told = True
        if isinstance(self._failure, (OSError, av.FFmpegError)):
            cause = self._failure.strerror or str(self._failure)
            raise SinkError(
                f"the recording {self.name} stopped: {cause}. What was recorded until then is in {self._part}."
            ) from self._failure
        raise self._failure

    def _give_name(self) -> None:
        try:
            if self._overwrite:
                self._part.replace(self._path)
                return
            if self._path.exists():
                raise FileExistsError
            self._part.rename(self._path)
        except FileExistsError:
            raise SinkError(
                f"{self._path} appeared while it was being recorded: the recording is kept as {self._part}."
            ) from None
        except OSError as error:
            raise SinkError(
                f"the recording could not be named {self._path} ({error.strerror}): it is kept as {self._part}."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _claim(path: Path, part: Path, *, overwrite: bool) -> None:
    """Make the part file, empty, and so find out whether it can be written.

    Raises:
        SinkError: it cannot, or a file is in the way.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise SinkError(f"cannot record to '{path}': the name must end in {', '.join(CONTAINERS)}.")
    try:
        if path.is_dir():
            raise SinkError(f"cannot record to '{path}': it is a folder. Give the name of a file.")
        if not overwrite:
            if path.exists():
                raise SinkError(
                    f"cannot record to '{path}': it exists. Choose another name, or use --overwrite."
                )
            if part.exists() and part.stat().st_size > 0:
                raise SinkError(
                    f"cannot record to '{path}': an unfinished recording, '{part}', is in the way. Rename it to keep "
                    "it, or use --overwrite."
                )
        part.open("wb").close()
    except FileNotFoundError:
        missing = f"there is no folder '{path.parent}'. Make it first."
        raise SinkError(
            f"cannot record to '{path}': {'nothing can be made there.' if path.parent.is_dir() else missing}"
        ) from None
    except OSError as error:
        raise SinkError(
            f"cannot record to '{path}': {error.strerror}. Choose a place where you may write."
        ) from error
