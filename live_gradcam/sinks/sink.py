"""The protocol of sinks, and a sink that discards pictures."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from live_gradcam.rendered import Rendered


class Sink(Protocol):
    """Receives finished pictures: a window, a recording.

    `write` is called from one thread, in the order of the frames; nothing draws on a picture afterwards. In a live run
    it returns at once: a sink that may have to wait, for a disk or an encoder, has its own thread and drops pictures.
    A sink that cannot continue raises `SinkError` from `write` or `close`. `close()` may be called twice; it completes
    the output.
    """

    name: str
    """Its name in a sentence: `window`, `out.mp4`."""

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end, by a key or by closing the window."""

    @property
    def notice(self) -> str | None:
        """A short message for the picture, such as `disk nearly full: 150 MB left`; None if all is well."""

    def write(self, shown: Rendered) -> None:
        """Take one picture.

        Args:
            shown: the picture; `shown.frame.time` is its time.

        Raises:
            SinkError: the sink cannot continue.
        """

    def close(self) -> None:
        """Complete the output and release the window or file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Null:
    """Discards every picture."""

    name = "null"
    notice: str | None = None

    @property
    def finished(self) -> bool:
        """Always False: there is no viewer."""
        return False

    def write(self, shown: Rendered) -> None:
        """Discard one picture."""

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
