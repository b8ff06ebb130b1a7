"""A thread that runs tasks one after another, with a fair share for every payer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

from live_gradcam.concurrency.worker_thread import WorkerThread

REST = 0.5
"""How long a payer rests after one of its tasks, as a part of the time that the task took."""

_PAYERS_KEPT = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    future: Future[None]
    work: Callable[[], None]
    payer: Hashable


class FairThread:
    """Runs submitted tasks; a task that is cancelled before its turn is skipped.

    The next task belongs to the payer who was served longest ago; the tasks of one payer run in order. After a task
    its payer rests, so that the thread leaves processor time to others.

    Python's own executor is no choice: it waits for its thread when the program ends, and compiling takes seconds.

    Args:
        name: the thread's name.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Task] = []
        self._served: dict[Hashable, tuple[float, float]] = {}
        """When each payer was served last, and when its rest ends."""
        self._closed = False
        self._worker = WorkerThread(
            self._run,
            name=name,
            end=self.stop,
            left_behind="is still at work and is left behind",
            level=logging.INFO,
        )

    def submit(self, work: Callable[[], None], payer: Hashable = None) -> Future[None]:
        """Run a task later; the future tells when it is done, or what it raised.

        Args:
            work: the task.
            payer: whose share of the time it uses; None: the server itself, which never rests.
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
        """Begin no more tasks, and cancel those that wait."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify()
        for task in waiting:
            task.future.cancel()

    def close(self, until: float | None = None) -> None:
        """Stop after the task in hand and join the thread; `until` as in `WorkerThread.close`."""
        self._worker.close(until)

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            began = time.monotonic()
            try:
                task.work()
            except Exception as error:  # the future's owner is told
                task.future.set_exception(error)
            else:
                task.future.set_result(None)
            if task.payer is not None:
                now = time.monotonic()
                self._served[task.payer] = (now, now + REST * (now - began))
                if len(self._served) > _PAYERS_KEPT:
                    del self._served[min(self._served, key=lambda payer: self._served[payer][0])]
            del task  # or it would stay in memory until the next one comes

    def _next(self) -> _Task | None:
        """Wait for the next task and return it; None if it is closed."""
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
