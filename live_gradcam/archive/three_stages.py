"""A pipeline: reads, explains and writes at the same time, in three threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread

_WAITING = 4
"""Items that may wait before and after the explaining step, beyond one batch."""

_LOAD = 128 * 2**20
"""Bytes at which a queue counts as full: two 8K pictures."""

_PATIENCE_SECONDS = 5.0

Given = TypeVar("Given")
Found = TypeVar("Found")


def flow(
    given: Iterable[Given],
    explain: Callable[[Sequence[Given]], Sequence[Found]],
    write: Callable[[Given, Found], None],
    *,
    batch: int,
    weigh: Callable[[Given], int],
) -> None:
    """Read, explain and write all items, in order.

    One thread reads, one writes, and the calling thread explains. If one fails, the others stop after their current
    item, and the error is raised here. Both threads are always joined.

    Args:
        given: the items to read; iterated in the reading thread.
        explain: returns one result for each item.
        write: writes an item with its result; called in the writing thread.
        batch: batch size; smaller where the items would take too much memory.
        weigh: returns the size of an item in bytes.

    Raises:
        Exception: the exception of a failed step.
    """
    capacity = batch + _WAITING
    before: BoundedQueue[Given] = BoundedQueue(capacity, load=_LOAD, weigh=weigh)
    after: BoundedQueue[tuple[Given, Found]] = BoundedQueue(
        capacity, load=_LOAD, weigh=lambda pair: weigh(pair[0])
    )

    def read_all() -> None:
        for item in given:
            if not before.put(item):
                return

    def write_all() -> None:
        try:
            for pair in after:
                write(*pair)
        finally:
            after.abandon()

    reader = WorkerThread(
        read_all, name="read", patience=_PATIENCE_SECONDS, end=before.abandon, then=before.close
    )
    writer = WorkerThread(write_all, name="write", patience=_PATIENCE_SECONDS, end=after.abandon)
    try:
        while items := before.take(batch):
            if not all(map(after.put, zip(items, explain(items), strict=True))):
                break  # the writer has failed
        after.close()
        writer.join()
        writer.check()
    finally:
        writer.take_error()  # discard it: an error that is already being raised takes precedence
        before.abandon()
        after.abandon()
        reader.close()
        writer.close()
