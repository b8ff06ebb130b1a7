"""The newest-item slot, and the thread that keeps the newest item of something in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from live_gradcam.concurrency.worker_thread import WorkerThread

Item = TypeVar("Item")

WAIT_SLICE = 0.2
"""Seconds of a single wait: on Windows, Ctrl-C does not interrupt a wait that has no time limit."""


class Latest(Generic[Item]):
    """Passes the newest item from one thread to another; neither waits for the other.

    It holds one item. A new item replaces one that nobody took. An error or the end comes after the last item.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._count = 0

    @property
    def count(self) -> int:
        """How many items were put, including those that were replaced."""
        return self._count

    @property
    def waits(self) -> bool:
        """Whether an item waits to be taken, or the slot was closed."""
        with self._changed:
            return self._item is not None or self._closed

    @property
    def closed(self) -> bool:
        """Whether no item will come any more: it was closed, and the last item or the error was taken."""
        with self._changed:
            return self._closed and self._item is None and self._error is None

    def put(self, item: Item) -> None:
        """Replace the item; after `close` nothing happens."""
        with self._changed:
            if self._closed:
                return
            self._count += 1
            self._item = item
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Item | None:
        """Return the item that nobody took yet; wait for it if there is none.

        Args:
            timeout: seconds to wait at most; None: until there is an item or the slot is closed.

        Returns:
            The item; None if the time is up or no item will come.

        Raises:
            BaseException: the error that the slot was closed with, once, after the last item.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                error, self._error = self._error, None
                raise error
            return item

    def close(self, error: BaseException | None = None) -> None:
        """Accept no more items and wake the thread that waits; the first call counts.

        Args:
            error: raised by `take` after the last item.
        """
        with self._changed:
            if not self._closed:
                self._error = error
            self._closed = True
            self._changed.notify_all()


class LatestReader(Generic[Item]):
    """Reads items in a thread of its own, as fast as they come, and keeps the newest.

    A camera's driver queues frames that nobody reads, and the queue goes stale: for a consumer that takes 60 ms a
    frame, frames were 234 ms old through the driver's queue and 20 ms old through this reader.

    The thread starts at once, so that the first item is fresh too.

    Args:
        read: returns the next item, or None at the end; runs in the reader's thread only. To wait, it waits for `stop`.
        name: the thread's name, as logs and stack dumps show it.
        stop: set when reading has to end; pass one to share it with `read`.
        release: called once in the reader's thread after the last `read`. Native handles are released here: to free
            a handle while another thread reads from it crashes the process.
    """

    def __init__(
        self,
        read: Callable[[], Item | None],
        *,
        name: str,
        stop: threading.Event | None = None,
        release: Callable[[], object] = lambda: None,
    ) -> None:
        self._read = read
        self._release = release
        self._stop = stop or threading.Event()
        self._slot: Latest[Item] = Latest()
        self._worker = WorkerThread(
            self._read_all,
            name=name,
            end=self._end,
            then=self._slot.close,
            left_behind="is still inside its driver; it ends when the driver returns",
        )

    @property
    def count(self) -> int:
        """How many items were read so far, including those that were replaced."""
        return self._slot.count

    @property
    def ended(self) -> bool:
        """Whether no item will come any more: the reader was closed, or the last item or the error was taken."""
        return self._stop.is_set() or self._slot.closed

    def take(self, timeout: float) -> Item | None:
        """Return the newest item that nobody took yet; wait for it if there is none.

        Args:
            timeout: seconds to wait at most.

        Returns:
            The item; None if the time is up, no item will come, or the reader is closed.

        Raises:
            BaseException: what `read` or `release` raised, once, after the last item.
        """
        item = None if self._stop.is_set() else self._slot.take(timeout)
        return None if self._stop.is_set() else item

    def __iter__(self) -> Iterator[Item]:
        """Yield the newest item each time, and wait for it, until there are no more or the reader is closed.

        Raises:
            BaseException: what `read` or `release` raised, once, after the last item.
        """
        while not self.ended:
            if (item := self.take(WAIT_SLICE)) is not None:
                yield item

    def close(self) -> None:
        """Stop reading and join the thread, within 0.8 s; a thread that waits for an item is woken."""
        self._worker.close()

    def _end(self) -> None:
        self._stop.set()
        self._slot.close()

    def _read_all(self) -> None:
        try:
            while not self._stop.is_set() and (item := self._read()) is not None:
                self._slot.put(item)
        finally:
            self._release()
