"""What every source of frames promises."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from live_gradcam.frame import Frame


class Source(Protocol):
    """Where frames come from: opened when it is made, closed once.

    Iterating gives the frames; the end of the iteration is the end of the source, and an error is a
    `SourceError`. There is one iteration for each source.

    A live source (`live` is True: cameras, network streams, the demo) gives the newest frame each time it is
    asked and waits only if that one was given already; its frames have no `media_time`. When it is lost after its
    first frame, the iteration waits until it is back, and `notice` says so meanwhile. A file
    (`live` is False) gives every frame, in order, each with its own `media_time`, which never falls.

    `close()` may be called twice and from another thread: an iteration that waits ends at once, and no thread is
    left behind.
    """

    @property
    def name(self) -> str:
        """How to call it in a sentence: `camera 0`, `cat.mp4`, `demo`."""

    live: bool
    """Whether frames arrive by themselves, so that a slow reader misses some."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames in pixels, as far as known when it was opened."""

    @property
    def fps(self) -> float | None:
        """The rate that the source promises, in frames per second; None where it does not tell."""

    @property
    def frames_captured(self) -> int:
        """How many frames arrived so far, those passed over included."""

    @property
    def notice(self) -> str | None:
        """A quiet line for the picture, such as `camera lost, reconnecting`; None when all is well.

        May be asked from any thread.
        """

    @property
    def reconnects(self) -> int:
        """How often it was lost and came back."""

    def describe(self) -> str:
        """Return one line: the name and what was negotiated, such as `camera 0: 1280×720 at 30 fps, MJPG`."""

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Let go of the device or file; stop and join the reader, if there is one."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
