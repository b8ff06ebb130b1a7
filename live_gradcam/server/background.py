"""A thread that does one thing after another, and holds nobody up at the end."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.7


class Background:
    """Does what is submitted, in order; what was cancelled before its turn is left out.

    Python's own executor waits for its thread when the program ends, and compiling takes seconds.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Future[None], Callable[[], None]]] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Do something later; the future tells when, or what it raised."""
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
            else:
                self._waiting.append((future, work))
                self._changed.notify()
        return future

    def close(self) -> None:
        """Do nothing more, and join the thread; one that is stuck is left behind and named."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify()
        for future, _ in waiting:
            future.cancel()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("the thread '%s' is stuck and is left behind", self._thread.name)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                future, work = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                work()
            except Exception as error:  # whoever waits for it is told
                future.set_exception(error)
            else:
                future.set_result(None)
