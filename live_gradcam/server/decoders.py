"""Threads that decode pictures before they are explained."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from live_gradcam.concurrency.worker_thread import PATIENCE, WorkerThread
from live_gradcam.frame import Pixels
from live_gradcam.server.errors import RequestError
from live_gradcam.server.picture_decoding import decoded, photo_of

FRAME_THREADS, PHOTO_THREADS = 2, 2
MOST_WAITING = 64
"""Maximum number of photos that wait; each visitor has at most one waiting frame."""

_NICE = 5
"""Niceness of the photo threads, on systems with priorities for threads."""

_Task = tuple[Future[Pixels], Callable[[], Pixels]]


class DecoderPool:
    """A pool of threads that decode pictures in the order of submission; cancelled ones are skipped.

    Args:
        name: name of the threads.
        threads: number of threads.
        nice: niceness of the threads.
    """

    def __init__(self, name: str, threads: int, *, nice: int = 0) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Task] = deque()
        self._closed = False
        self._nice = nice
        self._workers = [
            WorkerThread(
                self._run,
                name=f"{name} {number}",
                end=self._end,
                left_behind="is busy and is left behind",
            )
            for number in range(1, threads + 1)
        ]

    @property
    def waiting(self) -> int:
        """Number of pictures that wait for a thread."""
        return len(self._waiting)

    def submit(self, decode: Callable[[], Pixels]) -> Future[Pixels]:
        """Queue a picture for decoding.

        Raises:
            RequestError: the pool is closed (503).
        """
        for worker in self._workers:
            worker.check()
        future: Future[Pixels] = Future()
        with self._changed:
            if self._closed:
                raise RequestError(503, "the server is ending.")
            self._waiting.append((future, decode))
            self._changed.notify()
        return future

    def close(self, until: float) -> None:
        """Stop decoding and join the threads; `until` as in `WorkerThread.close`."""
        for worker in self._workers:
            worker.close(until)

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for future, _ in waiting:
            future.cancel()

    def _run(self) -> None:
        # On other systems the priority is that of the whole process.
        if self._nice and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                future, decode = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(decode())
            except Exception as error:  # the waiting coroutine gets it
                future.set_exception(error)
            del future, decode  # do not keep the picture in memory until the next one comes


class Decoders:
    """Decodes frames of pages and photos of programs, each kind in its own threads."""

    def __init__(self) -> None:
        self._frames = DecoderPool("decode frames", FRAME_THREADS)
        self._photos = DecoderPool("decode photos", PHOTO_THREADS, nice=_NICE)

    async def frame(self, data: bytes) -> Pixels:
        """Return a page's frame as (H, W, 3) uint8 BGR.

        Args:
            data: a picture file whose size was checked (`uploads.size_of`).

        Raises:
            RequestError: it cannot be decoded (415), or the server is ending (503).
        """
        return await asyncio.wrap_future(self._frames.submit(lambda: decoded(data)))

    async def photo(self, data: bytes) -> Pixels:
        """Return a program's photo as (H, W, 3) uint8 BGR, upright.

        Raises:
            RequestError: it cannot be decoded (415), is too large (413), or too many wait (503).
        """
        if self._photos.waiting >= MOST_WAITING:
            raise RequestError(503, f"{MOST_WAITING} pictures wait to be decoded already: try again later.")
        return await asyncio.wrap_future(self._photos.submit(lambda: photo_of(data)))

    def close(self) -> None:
        """Stop decoding and join the threads."""
        until = time.monotonic() + PATIENCE
        self._frames.close(until)
        self._photos.close(until)
