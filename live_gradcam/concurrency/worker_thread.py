"""Threads with an owner: each runs one function, ends in time, and loses no exception."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE = 0.8
"""Seconds that `WorkerThread.close` waits unless the owner says otherwise: the whole program ends within 1 s."""

_SLICE_SECONDS = 0.1
"""Longest single wait: on Windows, Ctrl-C does not interrupt a wait that has no time limit."""


class WorkerThread:
    """Runs one function in a thread of its own until it returns or the owner closes it.

    The thread starts at once. It is a daemon, so a native call that never returns cannot keep the program alive.
    An exception that `work` raises is passed to `then`; without `then` the owner gets it from `check`, `take_error`
    or `close`.

    Args:
        work: the function to run. It returns soon after `end` was called.
        name: the thread's name, as logs and stack dumps show it.
        patience: seconds that `close` waits for `work` to return.
        end: makes `work` return, by setting an event or closing a queue. `close` calls it, perhaps several times.
        then: called in the thread after `work`, with the exception or None.
        left_behind: completes the log line "the thread 'NAME' …" about a thread that did not end in time; or a
            function that returns it then.
        level: logging level of that line.
    """

    def __init__(
        self,
        work: Callable[[], object],
        *,
        name: str,
        patience: float = PATIENCE,
        end: Callable[[], object] = lambda: None,
        then: Callable[[BaseException | None], object] | None = None,
        left_behind: str | Callable[[], str] = "is stuck and is left behind",
        level: int = logging.WARNING,
    ) -> None:
        self.name = name
        self._work = work
        self._patience = patience
        self._end = end
        self._then = then
        self._left_behind = left_behind
        self._level = level
        self._named = False
        self._error: BaseException | None = None
        self._told = False
        # The end has an event of its own: after Ctrl-C, `Thread.join` may treat a running thread as ended (gh-90882).
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether `work` has not returned yet."""
        return not self._ended.is_set()

    @property
    def failed(self) -> bool:
        """Whether `work` raised an exception."""
        return self._error is not None

    def check(self) -> None:
        """Raise the exception that `work` raised; do nothing if there is none."""
        if self._error is not None:
            self._told = True
            raise self._error

    def take_error(self) -> BaseException | None:
        """Return the exception that `work` raised, the first time that somebody asks; None afterwards."""
        if self._told:
            return None
        self._told = self._error is not None
        return self._error

    def join(self, timeout: float | None = None) -> bool:
        """Wait until `work` has returned.

        Args:
            timeout: seconds to wait at most; None: no limit.

        Returns:
            Whether it has returned.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self._ended.is_set():
            left = _SLICE_SECONDS if until is None else min(_SLICE_SECONDS, until - time.monotonic())
            if left <= 0:
                return False
            self._ended.wait(left)
        self._thread.join()
        return True

    def close(self, until: float | None = None) -> bool:
        """Make `work` return and join the thread. The log names a thread that does not end in time, once.

        May be called several times and from any thread; called by `work` itself, it does not wait.

        Args:
            until: when to stop waiting, in `time.monotonic()` seconds; None: after `patience` seconds.

        Returns:
            Whether `work` has returned.

        Raises:
            BaseException: what `work` raised, if nobody has received it before.
        """
        self._end()
        if threading.current_thread() is self._thread:
            return False
        patience = self._patience if until is None else max(0.0, until - time.monotonic())
        ended = self.join(0.0 if self._named else patience)
        if not ended and not self._named:
            self._named = True
            words = self._left_behind if isinstance(self._left_behind, str) else self._left_behind()
            logger.log(self._level, "the thread '%s' %s", self.name, words)
        if (error := self.take_error()) is not None:
            raise error
        return ended

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            try:
                self._work()
            except BaseException as raised:
                error = raised
            if self._then is None:
                self._error = error
            else:
                self._then(error)
        except BaseException as raised:  # raised by `then`: the owner gets it
            self._error = raised
        finally:
            self._ended.set()


def run_in_background(work: Callable[[], Result], *, name: str) -> Result:
    """Run a function in a thread, wait for it and return its result.

    Ctrl-C ends the waiting at once; the thread is left behind. For TensorFlow, which spends seconds in native code
    and drops or rewords a KeyboardInterrupt that arrives there.

    Args:
        work: the function to run.
        name: the thread's name.

    Raises:
        BaseException: what the function raised.
    """
    results: list[Result] = []
    try:
        worker = WorkerThread(lambda: results.append(work()), name=name)
        worker.join()
    except KeyboardInterrupt:
        logger.info("the thread '%s' is left behind", name)
        raise
    worker.check()
    return results[0]
