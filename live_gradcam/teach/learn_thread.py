"""The thread in which everybody's bursts are learned, one after the other, while pictures go on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread

Job = Callable[[], None]
"""A piece of work that raises nothing."""

MOST_JOBS = 256
"""How many jobs may wait."""


class LearnThread(Closeable):
    """Does jobs in the order in which they came."""

    def __init__(self) -> None:
        self._jobs: BoundedQueue[Job] = BoundedQueue(MOST_JOBS)
        self._worker = WorkerThread(
            self._do_all,
            name="learn",
            end=self._jobs.abandon,
            left_behind="is still learning and is left behind",
            level=logging.INFO,
        )

    def do(self, job: Job) -> bool:
        """Do a job after those that wait; return False if too many do, or if the thread is closed."""
        return self._jobs.offer(job)

    def finish(self) -> None:
        """Do all jobs that wait, and end."""
        self._jobs.close()
        self._worker.join()

    def end(self) -> None:
        """Drop the jobs that wait, and let the thread end by itself after the one in hand."""
        self._jobs.abandon()

    def close(self, until: float | None = None) -> None:
        """Drop the jobs that wait, and join the thread; `until` as in `WorkerThread.close`."""
        self._worker.close(until)

    def _do_all(self) -> None:
        for job in self._jobs:
            job()
            del job  # it may hold pictures, and the next one may not come for minutes
