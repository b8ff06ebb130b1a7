"""What every sink of pictures promises."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from live_gradcam.frame import Frame, Pixels


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

    def write(self, picture: Pixels, frame: Frame) -> None:
        """Take one picture.

        Args:
            picture: (H, W, 3) uint8 BGR.
            frame: the frame it was drawn from; `frame.time` is its place in time.

        Raises:
            SinkError: it cannot go on.
        """

    def close(self) -> None:
        """Finish what was begun and let go of the window or file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
