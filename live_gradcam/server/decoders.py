"""The threads that decode visitors' pictures, before the thread that explains sees them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from live_gradcam.frame import Pixels
from live_gradcam.server.errors import RequestError
from live_gradcam.server.uploads import decoded, photo_of

logger = logging.getLogger(__name__)

FRAME_THREADS, PHOTO_THREADS = 2, 2
MOST_WAITING = 64
"""How many photos may wait; of frames each visitor has one at most."""

_PATIENCE_SECONDS = 0.7
_NICE = 5
"""By how much photo threads step back behind the others, where the system has priorities for threads."""

_Task = tuple[Future[Pixels], Callable[[], Pixels]]


class DecoderPool:
    """A few threads that decode what is submitted, in order; what is cancelled before its turn is left out.

    Args:
        name: of the threads.
        threads: how many.
        nice: how far the threads step back behind others.
    """

    def __init__(self, name: str, threads: int, *, nice: int = 0) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Task] = deque()
        self._closed = False
        self._nice = nice
        self._threads = [
            threading.Thread(target=self._run, name=f"{name} {number}", daemon=True)
            for number in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return len(self._waiting)

    def submit(self, decode: Callable[[], Pixels]) -> Future[Pixels]:
        """Decode later.

        Raises:
            RequestError: the pool is closed (503).
        """
        future: Future[Pixels] = Future()
        with self._changed:
            if self._closed:
                raise RequestError(503, "the server is ending.")
            self._waiting.append((future, decode))
            self._changed.notify()
        return future

    def close(self, until: float) -> None:
        """Decode nothing more, and join the threads.

        Args:
            until: as `time.monotonic` has it; a thread that is busy for longer is left behind and named.
        """
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for future, _ in waiting:
            future.cancel()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logger.warning("the thread '%s' is busy and is left behind", thread.name)

    def _run(self) -> None:
        if self._nice and sys.platform == "linux":  # elsewhere a priority is the whole process's
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
            except Exception as error:  # whoever waits for it is told
                future.set_exception(error)
            del future, decode  # a picture must not stay in memory until the next one comes


class Decoders:
    """Decodes the frames of visitors and the photos of programs, each kind in threads of its own."""

    def __init__(self) -> None:
        self._frames = DecoderPool("decode frames", FRAME_THREADS)
        self._photos = DecoderPool("decode photos", PHOTO_THREADS, nice=_NICE)

    async def frame(self, data: bytes) -> Pixels:
        """Return a visitor's frame as (H, W, 3) uint8 BGR.

        Args:
            data: of a size that was looked at (`uploads.size_of`).

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
        """Decode nothing more; join the threads."""
        until = time.monotonic() + _PATIENCE_SECONDS
        self._frames.close(until)
        self._photos.close(until)
