"""A recording: a video file that is written beside the show, and a line for each of its pictures."""

from __future__ import annotations

import datetime
import logging
import queue
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av

from live_gradcam.errors import SinkError
from live_gradcam.file_names import fitting
from live_gradcam.number import counted
from live_gradcam.printable import shown
from live_gradcam.rendered import Rendered
from live_gradcam.sinks.encoder import CONTAINERS, Encoder, not_recordable
from live_gradcam.sinks.parts import Disk, Parts, refuse_taken_names
from live_gradcam.sinks.sidecar import About, Sidecar
from live_gradcam.version import __version__

_LOG = logging.getLogger(__name__)

_WAITING_PICTURES = 8
_GLANCE_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0


def refuse_recording(path: Path, *, overwrite: bool) -> None:
    """Refuse the name of a recording that cannot be made, as `Recorder` does, and make nothing yet.

    Raises:
        SinkError: the path has another extension, is taken, or lies in no folder.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise SinkError(not_recordable(path))
    refuse_taken_names(_files_of(path), overwrite=overwrite)


def _files_of(path: Path) -> tuple[Path, Path]:
    return path, fitting(path.with_suffix(".jsonl"))


class Recorder:
    """Records pictures in .mp4, .mkv (H.264) or .webm (VP9), each at its own time (`frame.time`).

    Beside `NAME.EXT` lies the sidecar `NAME.jsonl`: a header, and a line for each picture in the video. While it
    records, both have part names and can be read; they get their own when the recorder is closed. Where nothing was
    written, no file is left. An encoding thread of its own takes the pictures from a bounded queue; a recorder can
    be made and closed in the middle of a show.

    When the files cannot be written any more (the disk is full), one `write` or `close` raises; what was recorded
    stays under its part name, and pictures written after that are ignored. On a disk that no longer answers `close`
    gives up when nothing was written for 2 s.

    Args:
        path: the file to make; its extension chooses the container.
        overwrite: replace files of these names, and what a killed run has left of them. The old files stay until
            the new ones are complete.
        wait: whether `write` waits while the queue is full (files: every picture counts), or drops the picture
            and counts it (live: the show must not be slowed down).
        about: tells what the sidecar's header says, besides what the recorder knows; asked once, in the encoding
            thread, with the first picture.
        audio_from: the video file that the pictures come from: its sound is carried over, as it is, for as long as
            the recording lasts.

    Raises:
        SinkError: the path has another extension, is taken, or cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        overwrite: bool = False,
        wait: bool,
        about: About | None = None,
        audio_from: Path | None = None,
    ) -> None:
        path = Path(path)
        if path.suffix.lower() not in CONTAINERS:
            raise SinkError(not_recordable(path))
        self.name = shown(path.name)
        self._parts = Parts(*_files_of(path), overwrite=overwrite)
        self._disk = Disk(path.parent, self.name)
        self._wait = wait
        self._about = about
        self._audio_from = audio_from
        self._waiting: queue.Queue[Rendered] = queue.Queue(_WAITING_PICTURES)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._failure_told = False
        self._codec: str | None = None
        self._recorded = 0
        self._dropped = 0
        self._closed = False
        self.written: list[Path] = []
        """The video, once it is complete."""

    @property
    def finished(self) -> bool:
        """Always False: a recording has no viewer."""
        return False

    @property
    def failed(self) -> bool:
        """Whether it broke off: nothing more is written."""
        return self._failure is not None

    @property
    def notice(self) -> str | None:
        """That the disk is nearly full."""
        return self._disk.notice

    @property
    def recorded(self) -> int:
        """How many pictures are in the file."""
        return self._recorded

    @property
    def dropped(self) -> int:
        """How many pictures were left out because the encoder was too slow; always 0 with `wait`."""
        return self._dropped

    def report(self) -> dict[str, Any]:
        """Return what became of it, for `--stats`: `file`, `codec`, `frames` and `frames_dropped`."""
        return {
            "file": shown(self._parts.paths[0]),
            "codec": self._codec,
            "frames": self._recorded,
            "frames_dropped": self._dropped,
        }

    def write(self, shown: Rendered) -> None:
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
        if not self._wait:
            try:
                self._waiting.put_nowait(shown)
            except queue.Full:
                self._dropped += 1
            return
        while self._failure is None:
            try:
                self._waiting.put(shown, timeout=_GLANCE_SECONDS)
            except queue.Full:
                continue  # glance at the thread: one that has failed takes nothing more
            return
        self._tell_failure()

    def close(self) -> None:
        """Encode what waits, complete the files and give them their names.

        Raises:
            SinkError: a file could not be completed, or its name was taken meanwhile; the message names the part
                file that is kept.
        """
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            self._parts.discard()
            return
        self._stop.set()
        seen = -1
        while self._thread.is_alive() and seen != self._recorded:
            seen = self._recorded
            self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            raise SinkError(
                f"{self.name} could not be completed: its disk has not answered for {_PATIENCE_SECONDS:.0f} s, and "
                f"the thread '{self._thread.name}' is left behind. What was recorded is in {self._parts.files[0]}."
            )
        if self._failure is not None:
            self._parts.keep()
            self._tell_failure()
            return
        if self._dropped:
            _LOG.warning(
                "%s lacks %s: this computer was too slow to record all of them. Close other programs, or record "
                "smaller pictures (--size 640x480).",
                self.name,
                counted(self._dropped, "picture"),
            )
        self._parts.complete()
        self.written.append(self._parts.paths[0])

    def _encode_all(self) -> None:
        """Encode until told to stop and nothing waits: the thread."""
        encoder: Encoder | None = None
        sidecar: Sidecar | None = None
        video, rows = self._parts.files
        try:
            encoder = Encoder(video, "veryfast" if self._wait else "superfast", audio_from=self._audio_from)
            while (shown := self._next()) is not None:
                seconds = encoder.encode(shown.pixels, shown.frame.time)
                if sidecar is None:
                    self._codec = encoder.codec
                    sidecar = Sidecar(rows, self._header(shown))
                sidecar.write(shown, seconds)
                self._recorded += 1
                self._disk.look()
            encoder.finish()
            if sidecar is not None:
                sidecar.close()
        except Exception as error:  # whatever it is, the owner gets it from write or close
            self._failure = error
            if encoder is not None:
                encoder.abandon()
            if sidecar is not None:
                sidecar.abandon()

    def _next(self) -> Rendered | None:
        """Return the next picture; None when it was told to stop and nothing waits."""
        while True:
            try:
                return self._waiting.get(timeout=_GLANCE_SECONDS)
            except queue.Empty:
                if self._stop.is_set():
                    return None

    def _header(self, first: Rendered) -> dict[str, Any]:
        """Return what the sidecar's header says."""
        age = time.monotonic() - first.frame.captured_at
        began = datetime.datetime.now().astimezone() - datetime.timedelta(seconds=age)
        known = {"version": __version__, "video": self.name, "codec": self._codec, "began": began.isoformat()}
        return {**known, **({} if self._about is None else self._about())}

    def _tell_failure(self) -> None:
        """Raise what ended the thread, the first time."""
        if self._failure is None or self._failure_told:
            return
        self._failure_told = True
        if isinstance(self._failure, (OSError, av.FFmpegError)):
            cause = self._failure.strerror or str(self._failure)
            raise SinkError(
                f"the recording {self.name} stopped: {cause}. What was recorded until then is in "
                f"{self._parts.files[0]}."
            ) from self._failure
        raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
