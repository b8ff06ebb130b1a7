"""The belt: how one thread hands everything it has to another, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_GLANCE_SECONDS = 0.5


class BoundedQueue(Generic[Item]):
    """Holds items in order until it is full; an error or the end comes after the last one.

    Whoever gives waits while it is full, whoever takes while it is empty.

    Args:
        capacity: how many items it holds.
        load: how many bytes it holds; the item that reaches the load still finds room, so that one always does.
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
        """Append an item.

        Returns:
            False where nothing more is wanted: then the item is gone.
        """
        with self._changed:
            while self._full and not self._abandoned:
                self._wait()
            if self._abandoned:
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            self._changed.notify_all()
            return True

    def take(self, count: int = 1) -> list[Item]:
        """Return the next items: as many as asked for; fewer only at the end, or where no more find room.

        Args:
            count: how many.

        Returns:
            The items, oldest first; empty when nothing more will come.

        Raises:
            BaseException: what the belt was closed with, once every item was taken.
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

    def close(self, error: BaseException | None = None) -> None:
        """Tell the taker that nothing more will come.

        Args:
            error: why not; None: it is complete.
        """
        with self._changed:
            if not self._closed:
                self._error = error
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Tell the giver that nothing more is wanted; what lies on the belt is dropped."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def _full(self) -> bool:
        return len(self._items) >= self._capacity or self._weight >= self._load

    def _wait(self) -> None:
        # With a timeout, for on Windows a wait without one cannot be interrupted by Ctrl-C.
        self._changed.wait(_GLANCE_SECONDS)
