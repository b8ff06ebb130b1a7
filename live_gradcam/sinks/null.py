"""A sink that takes pictures and forgets them: for runs that only count or measure."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from live_gradcam.shown import Shown


class Null:
    """Takes every picture and keeps none; never asks to end."""

    name = "null"
    notice: str | None = None

    @property
    def finished(self) -> bool:
        """Always False: nobody is looking."""
        return False

    def write(self, shown: Shown) -> None:
        """Forget one picture."""

    def close(self) -> None:
        """Do nothing: there is nothing to finish."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
