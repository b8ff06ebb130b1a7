"""The bounded queue: passes all items from one thread to another, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

_SLICE_SECONDS = 0.5


class BoundedQueue(Generic[Item]):
    """Holds items in order, up to a limit. An error or the end comes after the last item.

    `put` waits while the queue is full, `take` while it is empty.

    Args:
        capacity: the largest number of items.
        load: bytes at which the queue is full; the item that reaches them is still accepted.
        weigh: returns the bytes of an item.
    """

    def __init__(
        self, capacity: int, *, load: float = float("inf"), weigh: Callable[[Item], int] = lambda _: 0
    ) -> None:
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._load = load
        self._weigh = weigh
        self._weight = 0
        self._error: BaseException | None = None
        self._closed = False
        self._abandoned = False

    def put(self, item: Item) -> bool:
        """Append an item; wait while the queue is full.

        Returns:
            False if the queue is abandoned: the item is dropped.
        """
        with self._changed:
            while self._full and not self._abandoned:
                self._wait()
            return self._append(item)

    def offer(self, item: Item) -> bool:
        """Append an item without waiting.

        Returns:
            False if the queue is full or abandoned: the item is dropped.
        """
        with self._changed:
            return not self._full and self._append(item)

    def take(self, count: int = 1) -> list[Item]:
        """Return the next items; wait until there are as many as asked for, the queue is full, or it is closed.

        Args:
            count: the largest number of items to return.

        Returns:
            The items, oldest first; an empty list if no more will come.

        Raises:
            BaseException: the error that the queue was closed with, once, after the last item.
        """
        with self._changed:
            while len(self._items) < count and not (self._full or self._closed or self._abandoned):
                self._wait()
            taken = [self._items.popleft() for _ in range(min(count, len(self._items)))]
            self._weight -= sum(map(self._weigh, taken))
            self._changed.notify_all()
            if not taken and self._error is not None:
                error, self._error = self._error, None
                raise error
            return taken

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in order until no more will come; errors are raised as by `take`."""
        while taken := self.take():
            yield taken.pop()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more items will come; the first call counts.

        Args:
            error: raised by `take` after the last item; None: all items came.
        """
        with self._changed:
            if not self._closed:
                self._error = error
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Say that no more items are wanted, and drop those that wait."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def _full(self) -> bool:
        return len(self._items) >= self._capacity or self._weight >= self._load

    def _append(self, item: Item) -> bool:
        if self._abandoned:
            return False
        self._items.append(item)
        self._weight += self._weigh(item)
        self._changed.notify_all()
        return True

    def _wait(self) -> None:
        # In slices: on Windows, Ctrl-C does not interrupt a wait that has no time limit.
        self._changed.wait(_SLICE_SECONDS)
