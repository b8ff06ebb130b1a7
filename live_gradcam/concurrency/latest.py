"""The newest-item slot: how one thread hands the newest thing it has to another, and never waits for it."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Latest(Generic[Item]):
    """Holds one item. A new one replaces an old one that nobody took; an error or the end comes after it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._replaced = 0

    @property
    def replaced(self) -> int:
        """How many items were replaced before anybody took them."""
        return self._replaced

    @property
    def closed(self) -> bool:
        """Whether nothing more will come: it was closed, and the last item or the error is taken."""
        with self._changed:
            return self._closed and self._item is None and self._error is None

    def put(self, item: Item) -> None:
        """Offer an item; after `close` it is ignored."""
        with self._changed:
            if self._closed:
                return
            self._replaced += self._item is not None
            self._item = item
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Item | None:
        """Return the newest item not yet taken, waiting for one.

        Args:
            timeout: seconds to wait at most; None waits until there is one or the slot is closed.

        Returns:
            The item, or None when the time is up or nothing more will come.

        Raises:
            BaseException: what the slot failed with, once every item was taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                error, self._error = self._error, None
                raise error
            return item

    def close(self, error: BaseException | None = None) -> None:
        """Let nothing more in; whoever waits is woken.

        Args:
            error: what the taker is to be told, once.
        """
        with self._changed:
            if not self._closed:
                self._error = error
            self._closed = True
            self._changed.notify_all()
