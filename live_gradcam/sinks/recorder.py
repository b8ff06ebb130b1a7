"""The recorder: writes pictures to a video file during a run, and a line about each beside it."""

from __future__ import annotations

import datetime
import logging
import time
from pathlib import Path
from typing import Any

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.escaping import shown
from live_gradcam.file_names import fitting
from live_gradcam.number_format import counted
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.encoder import CONTAINERS, Encoder, not_recordable
from live_gradcam.sinks.part_files import Disk, Parts, refuse_taken_names
from live_gradcam.sinks.sidecar import About, Sidecar
from live_gradcam.version import __version__

_LOG = logging.getLogger(__name__)

_WAITING_PICTURES = 8
_PATIENCE_SECONDS = 2.0


def refuse_recording(path: Path, *, overwrite: bool) -> None:
    """Raise the error that `Recorder` would raise for this path, without making a file.

    Raises:
        SinkError: the extension is unknown, the name is taken, or the folder does not exist.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise SinkError(not_recordable(path))
    refuse_taken_names(_files_of(path), overwrite=overwrite)


def _files_of(path: Path) -> tuple[Path, Path]:
    return path, fitting(path.with_suffix(".jsonl"))


class Recorder(Closeable):
    """Records pictures in .mp4, .mkv (H.264) or .webm (VP9), each at its own time (`frame.time`).

    Beside `NAME.EXT` it writes the sidecar `NAME.jsonl`: a header, and a line for each picture in the video. During
    recording both files have part names and can be read; `close` gives them their final names. If nothing was
    written, no file is left. Pictures pass through a bounded queue to an encoding thread; a recorder can be made and
    closed at any time of a run.

    When the files can no longer be written (the disk is full), one call of `write` or `close` raises. The part files
    stay, and later pictures are ignored. If the disk no longer answers, `close` gives up after 2 s without progress.

    Args:
        path: the file to make; its extension chooses the container.
        overwrite: replace files of these names and the part files of a killed run. The old files stay until the new
            ones are complete.
        wait: whether `write` waits while the queue is full (files: every picture counts), or drops the picture
            and counts it (live: the loop must not slow down).
        about: returns more entries for the sidecar's header; called once, in the encoding thread, with the first
            picture.
        audio_from: the video file that the pictures come from: its sound is copied for the length of the recording.

    Raises:
        SinkError: the extension is unknown, the name is taken, or the file cannot be written.
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
        self._waiting: BoundedQueue[Rendered] = BoundedQueue(_WAITING_PICTURES)
        self._worker: WorkerThread | None = None
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
        """Whether it stopped because of an error: nothing more is written."""
        return self._worker is not None and self._worker.failed

    @property
    def notice(self) -> str | None:
        """A warning if the disk is nearly full."""
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
        """Return the entries for `--stats`: `file`, `codec`, `frames` and `frames_dropped`."""
        return {
            "file": shown(self._parts.paths[0]),
            "codec": self._codec,
            "frames": self._recorded,
            "frames_dropped": self._dropped,
        }

    def write(self, shown: Rendered) -> None:
        """Pass one picture to the encoding thread.

        Raises:
            SinkError: the recorder is closed, or the file could not be written; the latter is raised once.
        """
        if self._closed:
            raise SinkError(f"{self.name} is closed: make a new Recorder for a new file.")
        self._raise_failure()
        if self.failed:
            return
        if self._worker is None:
            self._worker = WorkerThread(self._encode_all, name=f"recorder of {self.name}")
        if not self._wait:
            if not self._waiting.offer(shown) and not self.failed:
                self._dropped += 1
        elif not self._waiting.put(shown):
            self._worker.join()  # it has failed
            self._raise_failure()

    def close(self) -> None:
        """Encode the pictures that wait, complete the files and give them their names.

        Raises:
            SinkError: a file could not be completed, or its name was taken meanwhile; the message names the part
                file that stays.
        """
        if self._closed:
            return
        self._closed = True
        if self._worker is None:
            self._parts.discard()
            return
        self._waiting.close()
        seen = -1
        while seen != self._recorded:
            seen = self._recorded
            if self._worker.join(_PATIENCE_SECONDS):
                break
        else:
            raise SinkError(
                f"{self.name} could not be completed: its disk has not answered for {_PATIENCE_SECONDS:.0f} s, and "
                f"the thread '{self._worker.name}' is left behind. What was recorded is in {self._parts.files[0]}."
            )
        if self.failed:
            self._parts.keep()
            self._raise_failure()
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
        """Encode in the thread until the queue is closed and empty."""
        encoder: Encoder | None = None
        sidecar: Sidecar | None = None
        video, rows = self._parts.files
        try:
            encoder = Encoder(video, "file" if self._wait else "live", audio_from=self._audio_from)
            for shown in self._waiting:
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
        except BaseException:  # the owner gets it from write or close
            if encoder is not None:
                encoder.abandon()
            if sidecar is not None:
                sidecar.abandon()
            raise
        finally:
            self._waiting.abandon()

    def _header(self, first: Rendered) -> dict[str, Any]:
        """Return the sidecar's header."""
        age = time.monotonic() - first.frame.captured_at
        began = datetime.datetime.now().astimezone() - datetime.timedelta(seconds=age)
        known = {"version": __version__, "video": self.name, "codec": self._codec, "began": began.isoformat()}
        return {**known, **({} if self._about is None else self._about())}

    def _raise_failure(self) -> None:
        """Raise the error that ended the thread, once."""
        error = None if self._worker is None else self._worker.take_error()
        if isinstance(error, (OSError, av.FFmpegError)):
            cause = error.strerror or str(error)
            raise SinkError(
                f"the recording {self.name} stopped: {cause}. What was recorded until then is in "
                f"{self._parts.files[0]}."
            ) from error
        if error is not None:
            raise error
