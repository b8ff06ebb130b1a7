"""Snapshots at the press of a key, while the show goes on."""

from __future__ import annotations

import datetime
import itertools
import logging
import queue
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from live_gradcam.errors import SinkError
from live_gradcam.shown import Shown
from live_gradcam.sinks.sidecar import About
from live_gradcam.sinks.snapshot import snapshot_files, write_snapshot

logger = logging.getLogger(__name__)

_WAITING = 4
_NOTICE_SECONDS = 2.0
_CLOSE_SECONDS = 10.0


class Snapshots:
    """Writes snapshots beside a show, named by date and time, in a thread of its own.

    Args:
        about: tells what the sidecar's header says; asked in that thread.
        folder: where they go.
    """

    def __init__(self, about: About, folder: Path = Path()) -> None:
        self._about = about
        self._folder = folder
        self._waiting: queue.Queue[Shown | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._said: tuple[float, str] | None = None
        self.written: list[Path] = []
        """The pictures that were written."""

    @property
    def notice(self) -> str | None:
        """What became of the last one, for two seconds."""
        said = self._said
        return said[1] if said is not None and time.monotonic() - said[0] < _NOTICE_SECONDS else None

    def take(self, shown: Shown) -> None:
        """Have a picture written; where it cannot be, `notice` says so."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="snapshots", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(shown)
        except queue.Full:
            self._say("not saved: the snapshots before it are still being written")

    def close(self) -> None:
        """Write what waits, and join the thread.

        Raises:
            Exception: what the thread failed with, where that is a bug.
        """
        if self._thread is None:
            return
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)
        self._thread = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _write_all(self) -> None:
        try:
            while (shown := self._waiting.get()) is not None:
                path = self._free_path()
                try:
                    write_snapshot(shown, path, self._about())
                except SinkError as error:
                    self._say("the snapshot cannot be written")
                    logger.warning("%s", error)
                else:
                    self.written.append(path)
                    self._say(f"saved {path.name}")
        except Exception as error:  # whatever it is, the owner gets it from close
            self._failure = error

    def _free_path(self) -> Path:
        stem = f"{datetime.datetime.now():snapshot-%Y%m%d-%H%M%S}"
        for number in itertools.count(1):
            path = self._folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
            if not any(file.exists() for file in snapshot_files(path)):
                return path
        raise AssertionError("counting never ends")

    def _say(self, line: str) -> None:
        self._said = (time.monotonic(), line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
