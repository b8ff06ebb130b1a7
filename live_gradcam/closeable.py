"""Closing: the context manager of everything that has a `close` method."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closeable:
    """Calls `close()` at the end of a `with` block."""

    def close(self) -> None:
        """Release everything. May be called twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
