"""A pipeline: reads, explains, draws and writes at the same time, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

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
    write: Callable[[Given, Any], None],
    *,
    batch: int,
    weigh: Callable[[Given], int],
    draw: Callable[[Given, Found], Any] | None = None,
) -> None:
    """Read, explain, draw and write all items, in order.

    The calling thread explains; every other step has its own thread. If one fails, the others stop after their current
    item, and the error is raised here. All threads are always joined.

    Args:
        given: the items to read; iterated in the reading thread.
        explain: returns one result for each item.
        write: writes an item with its result, or with what `draw` made of it.
        batch: batch size; smaller where the items would take too much memory.
        weigh: returns the size of an item in bytes.
        draw: makes what is written, from an item and its result; None: the result itself is written.

    Raises:
        Exception: the exception of a failed step.
    """
    capacity = batch + _WAITING
    read: BoundedQueue[Given] = BoundedQueue(capacity, load=_LOAD, weigh=weigh)
    explained: BoundedQueue[tuple[Given, Found]] = BoundedQueue(
        capacity, load=_LOAD, weigh=lambda pair: weigh(pair[0])
    )
    drawn: BoundedQueue[tuple[Given, Any]] = explained
    if draw is not None:  # an item waits with what was drawn of it, which is as large
        drawn = BoundedQueue(_WAITING, load=_LOAD, weigh=lambda pair: 2 * weigh(pair[0]))

    def read_all() -> None:
        for item in given:
            if not read.put(item):
                return

    def draw_all() -> None:
        assert draw is not None
        try:
            for item, found in explained:
                if not drawn.put((item, draw(item, found))):
                    return
        finally:
            explained.abandon()

    def write_all() -> None:
        try:
            for pair in drawn:
                write(*pair)
        finally:
            explained.abandon()
            drawn.abandon()

    begin = partial(WorkerThread, patience=_PATIENCE_SECONDS)
    reader = begin(read_all, name="read", end=read.abandon, then=read.close)
    drawer = None if draw is None else begin(draw_all, name="draw", end=explained.abandon, then=drawn.close)
    writer = begin(write_all, name="write", end=drawn.abandon)
    try:
        while items := read.take(batch):
            if not all(map(explained.put, zip(items, explain(items), strict=True))):
                break  # a later step has failed
        explained.close()
        writer.join()
        writer.check()
    finally:
        writer.take_error()  # discard it: an error that is already being raised takes precedence
        for queue in (read, explained, drawn):
            queue.abandon()
        for thread in (reader, drawer, writer):
            if thread is not None:
                thread.close()
