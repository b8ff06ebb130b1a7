"""Files that the viewer asks for during a run: named by date and time, and written in a thread of their own."""

from __future__ import annotations

import datetime
import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_CLOSE_SECONDS = 10.0


class DatedFiles(Closeable, Generic[Item]):
    """Writes one file for each item, such as `snapshot-20260102-030405.png`, and tells the result.

    Args:
        kind: what a file is, in its name: `snapshot`.
        suffix: the file's extension, with its dot.
        write: writes an item to a path, in the thread; a `SinkError` is told, and the next item is written.
        folder: where the files are written.
        capacity: how many items may wait.
        notice_seconds: how long the result is told.
        full: what is said if too many wait.
        failed: what is told of a file that could not be written. Both are whole sentences, which are translated.
        is_taken: whether a path cannot be used, because a file would be replaced.
    """

    def __init__(
        self,
        kind: str,
        suffix: str,
        write: Callable[[Item, Path], None],
        *,
        folder: Path,
        capacity: int,
        notice_seconds: float,
        full: str,
        failed: str,
        is_taken: Callable[[Path], bool] = Path.exists,
    ) -> None:
        self._kind = kind
        self._suffix = suffix
        self._write = write
        self._folder = folder
        self._notice_seconds = notice_seconds
        self._full, self._failed = full, failed
        self._is_taken = is_taken
        self._waiting: BoundedQueue[Item] = BoundedQueue(capacity)
        self._worker: WorkerThread | None = None
        self._said: tuple[float, str] | None = None
        self.written: list[Path] = []
        """The files that were written."""

    @property
    def notice(self) -> str | None:
        """The result of the last file, as long as it is told."""
        said = self._said
        return said[1] if said is not None and time.monotonic() - said[0] < self._notice_seconds else None

    def offer(self, item: Item) -> str | None:
        """Write an item later; if too many wait, it is not written: return what is to be said."""
        if self._worker is None:
            self._worker = WorkerThread(
                self._write_all, name=f"{self._kind}s", patience=_CLOSE_SECONDS, end=self._waiting.close
            )
        return None if self._waiting.offer(item) else self._full

    def say(self, line: str) -> None:
        """Tell this instead of the last result."""
        self._said = (time.monotonic(), line)

    def close(self) -> None:
        """Write what waits, and join the thread.

        Raises:
            Exception: an error of the thread that is a bug.
        """
        if self._worker is not None:
            self._worker.close()

    def _write_all(self) -> None:
        for item in self._waiting:
            path = self._free_path()
            try:
                self._write(item, path)
            except SinkError as error:
                self.say(self._failed)
                logger.warning("%s", error)
            else:
                self.written.append(path)
                self.say(f"saved {path.name}")

    def _free_path(self) -> Path:
        stem = f"{self._kind}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        for number in itertools.count(1):
            path = self._folder / (
                f"{stem}{self._suffix}" if number == 1 else f"{stem}-{number}{self._suffix}"
            )
            if not self._is_taken(path):
                return path
        raise AssertionError("counting never ends")
