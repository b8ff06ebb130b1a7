"""What every sink of pictures promises."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from live_gradcam.rendered import Rendered


class Sink(Protocol):
    """Where finished pictures go: a window, a recording, nowhere.

    `write` is called from one thread, in the order of the frames; the picture belongs to the sink from then on
    and nobody draws on it again. Live, it returns at once: a sink that may have to wait, for a disk or an encoder,
    has a thread of its own and drops what it cannot keep up with. A sink that cannot go on raises `SinkError` from
    `write` or `close`. `close()` may be called twice; it finishes what was begun.
    """

    name: str
    """How to call it in a sentence: `window`, `out.mp4`."""

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end: a key, or the window was closed."""

    @property
    def notice(self) -> str | None:
        """A quiet line for the picture, such as `disk nearly full: 150 MB left`; None when all is well."""

    def write(self, shown: Rendered) -> None:
        """Take one picture.

        Args:
            shown: the picture, and what is on it; `shown.frame.time` is its place in time.

        Raises:
            SinkError: it cannot go on.
        """

    def close(self) -> None:
        """Finish what was begun and let go of the window or file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Null:
    """Takes every picture and keeps none; never asks to end."""

    name = "null"
    notice: str | None = None

    @property
    def finished(self) -> bool:
        """Always False: nobody is looking."""
        return False

    def write(self, shown: Rendered) -> None:
        """Forget one picture."""

    def close(self) -> None:
        """Do nothing: there is nothing to finish."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
