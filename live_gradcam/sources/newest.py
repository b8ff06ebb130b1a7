"""The newest frame of a source that never waits, and the thread that reads it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from live_gradcam.frame import Frame

logger = logging.getLogger(__name__)

JOIN_TIMEOUT = 0.8
"""Seconds that `close()` waits for the reader: a whole shutdown has 1 s."""

WAIT_SLICE = 0.2
"""Seconds between looks at Ctrl-C: on Windows a lock that waits for ever cannot be interrupted."""


class NewestFrame:
    """A slot for one frame, and the thread that keeps the newest in it.

    A camera's driver queues what nobody reads, and its queue goes stale: with a consumer that takes 60 ms
    the frames were 234 ms old through the queue and 20 ms through this slot. So the thread reads as fast as
    frames arrive, and each one replaces the last.

    The thread starts at once, so that the first frame asked for is fresh too.

    Args:
        read: returns the next frame, or None at the end; runs in the reader's thread only, and raises
            `SourceError` to fail. Where it waits, it should wait on `stop`.
        name: the thread's name, as logs and stack dumps show it.
        stop: set when reading has to end; give one to share it with `read`.
        release: called once in the reader's thread after the last `read`. Native handles belong here: freeing
            a handle while another thread reads from it crashes the process.
    """

    def __init__(
        self,
        read: Callable[[], Frame | None],
        *,
        name: str,
        stop: threading.Event | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._read = read
        self._release = release
        self._stop = stop or threading.Event()
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._captured = 0
        self._stuck_logged = False
        # A daemon, so that a driver that never returns cannot keep the program from ending.
        self._thread = threading.Thread(target=self._keep_reading, name=name, daemon=True)
        self._thread.start()

    @property
    def captured(self) -> int:
        """How many frames arrived so far, those that were replaced before anyone asked included."""
        return self._captured

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame that was not given yet, waiting for it, until the reader ends or `close()`.

        Raises:
            Exception: whatever `read` raised, once the frame before it was given.
        """
        while (frame := self._take()) is not None:
            yield frame

    def close(self) -> None:
        """Stop the reader and join it, within 0.8 s; an iteration that waits ends. May be called twice."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is threading.current_thread():
            return
        self._thread.join(0 if self._stuck_logged else JOIN_TIMEOUT)
        if self._thread.is_alive() and not self._stuck_logged:
            self._stuck_logged = True
            logger.warning(
                "the thread '%s' is still inside its driver; it ends when the driver lets go",
                self._thread.name,
            )

    def _take(self) -> Frame | None:
        with self._changed:
            while self._frame is None and not self._ended and not self._stop.is_set():
                self._changed.wait(WAIT_SLICE)
            if self._stop.is_set():
                return None
            frame, self._frame = self._frame, None
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def _keep_reading(self) -> None:
        error: BaseException | None = None
        try:
            while not self._stop.is_set() and (frame := self._read()) is not None:
                with self._changed:
                    self._frame = frame
                    self._captured += 1
                    self._changed.notify_all()
        except BaseException as raised:  # raised again in the thread that iterates
            error = raised
        try:
            if self._release is not None:
                self._release()
        except BaseException as raised:
            error = error or raised
        with self._changed:
            self._error = error
            self._ended = True
            self._changed.notify_all()
