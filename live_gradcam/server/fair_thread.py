"""A thread that runs queued work, taking turns between clients."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

from live_gradcam.concurrency.worker_thread import WorkerThread

REST = 0.5
"""How long a payer waits after its work, as a fraction of the time that the work took."""

_PAYERS_KEPT = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    future: Future[None]
    work: Callable[[], None]
    payer: Hashable


class FairThread:
    """Runs submitted work in one thread, fairly for all payers; cancelled work is skipped.

    The next work is that of the payer who was served longest ago; for one payer it is in the order of submission. After
    its work a payer waits for a while (`REST`), so that the thread leaves time to others.

    Python's own executor is not used: at the end of the program it would wait for its thread, and compiling takes
    seconds.

    Args:
        name: name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Task] = []
        self._served: dict[Hashable, tuple[float, float]] = {}
        """Payer → when it was served last, and when its wait ends."""
        self._closed = False
        self._worker = WorkerThread(
            self._run,
            name=name,
            end=self.stop,
            left_behind="is still at work and is left behind",
            level=logging.INFO,
        )

    def submit(self, work: Callable[[], None], payer: Hashable = None) -> Future[None]:
        """Queue work; the future is done when the work is, or holds its exception.

        Args:
            work: the work.
            payer: the client that it is for; None: the server itself, which never has to wait.
        """
        self._worker.check()
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
            else:
                self._waiting.append(_Task(future, work, payer))
                self._changed.notify()
        return future

    def stop(self) -> None:
        """Cancel the queued work and accept no more."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify()
        for task in waiting:
            task.future.cancel()

    def close(self, until: float | None = None) -> None:
        """Stop and join the thread; `until` as in `WorkerThread.close`."""
        self._worker.close(until)

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            began = time.monotonic()
            try:
                task.work()
            except Exception as error:  # whoever waits for the future gets it
                task.future.set_exception(error)
            else:
                task.future.set_result(None)
            if task.payer is not None:
                now = time.monotonic()
                self._served[task.payer] = (now, now + REST * (now - began))
                if len(self._served) > _PAYERS_KEPT:
                    del self._served[min(self._served, key=lambda payer: self._served[payer][0])]
            del task  # keep no reference while waiting for the next

    def _next(self) -> _Task | None:
        """Wait for the next work; None once it is closed."""
        with self._changed:
            while not self._closed:
                for task in [each for each in self._waiting if each.future.cancelled()]:
                    task.future.set_running_or_notify_cancel()
                    self._waiting.remove(task)
                now = time.monotonic()
                rested = {task.payer: self._served.get(task.payer, (0.0, 0.0)) for task in self._waiting}
                ready = [task for task in self._waiting if rested[task.payer][1] <= now]
                if ready:
                    task = min(ready, key=lambda each: rested[each.payer][0])
                    self._waiting.remove(task)
                    return task
                ends = [until for _, until in rested.values()]
                self._changed.wait(min(ends) - now if ends else None)
            return None
