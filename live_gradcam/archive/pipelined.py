"""A pipeline: reads, explains and writes at the same time, in three threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from live_gradcam.concurrency.bounded_queue import BoundedQueue

logger = logging.getLogger(__name__)

_WAITING = 4
"""How many items may wait before and after the explaining, besides a whole batch …"""

_LOAD = 128 * 2**20
"""… and how many bytes: of pictures of 8K, two."""

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
        while pairs := after.take():
            write(*pairs[0])

    reader = _Stage("read", read_all, then=before.close)
    writer = _Stage("write", write_all, then=lambda _: after.abandon())
    try:
        while items := before.take(batch):
            if not all(map(after.put, zip(items, explain(items), strict=True))):
                break  # the writer has failed
        after.close()
        writer.join()
    finally:
        before.abandon()
        after.abandon()
        reader.leave()
        writer.leave()
    if writer.error is not None:
        raise writer.error


class _Stage:
    """A thread that does one thing and then says so.

    Args:
        name: what the thread is called.
        work: what it does.
        then: is told at the end, with the error if there was one.
    """

    def __init__(
        self, name: str, work: Callable[[], None], then: Callable[[BaseException | None], None]
    ) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._then = then
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it is done."""
        while self._thread.is_alive():
            self._thread.join(0.5)  # in steps, or on Windows Ctrl-C would wait, too

    def leave(self) -> None:
        """Wait until it has noticed that it is not wanted any more; one that is stuck is left behind and named."""
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("the thread '%s' is stuck and is left behind", self._thread.name)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.error = error
        self._then(self.error)
