"""The protocols of sources: what every source of frames has, and what only some have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeGuard, runtime_checkable

from live_gradcam.frame import Frame


class Source(Protocol):
    """A source of frames. The constructor opens it.

    Iterating yields the frames; the iteration ends with the source, and errors are `SourceError`. A source is
    iterated once.

    A live source (`live` is True: cameras, network streams, the demo) is a `LiveSource`: it yields the newest frame
    each time, and waits only if that frame was yielded already. Its frames have no `media_time`. If it is lost after
    its first frame, the iteration waits until it is back, and `notice` says so meanwhile. A file (`live` is False)
    yields every frame in order, each with its own `media_time`, which never decreases.

    `close()` may be called twice and from another thread: a waiting iteration ends at once, and no thread stays.
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


class LiveSource(Source, Protocol):
    """A source whose frames arrive by themselves. One thread reads it and keeps the newest frame."""

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more: it is closed, or the last frame or its error was given."""

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet; wait for one if there is none.

        Args:
            timeout: seconds to wait at most.

        Returns:
            The frame; None if none came in time or none will come.

        Raises:
            SourceError: the source failed.
        """


def is_live(source: Source) -> TypeGuard[LiveSource]:
    """Return `source.live`, in a form that tells the type checker that it is a `LiveSource`."""
    return source.live


@runtime_checkable
class Seekable(Source, Protocol):
    """A file that can go on at another place: a video, an animated picture."""

    def seek(self, seconds: float) -> None:
        """Continue with the frame at a time, in seconds; the iteration that runs must be begun again."""

    def step_back(self, seconds: float) -> None:
        """Continue with the frame before the one at a time, in seconds."""


@runtime_checkable
class Film(Seekable, Protocol):
    """A seekable file that can tell how it ended."""

    sound_path: Path | None
    """The file whose sound belongs to the frames; None where there is none."""

    @property
    def last_seconds(self) -> float | None:
        """How long the last frame is shown, in seconds; None where the frame rate says it."""

    @property
    def damage(self) -> str | None:
        """What could not be read, known at the end; None: nothing."""


@runtime_checkable
class Slides(Source, Protocol):
    """Pictures that a viewer can turn like slides."""

    ends_slide: bool
    """Whether the frame that was given last is the last of its file."""

    @property
    def single(self) -> bool:
        """Whether there is only one."""

    def turn(self, step: int) -> bool:
        """Continue with the next picture (1) or the previous one (-1); return False where there is none."""


@runtime_checkable
class Switchable(Source, Protocol):
    """Several live sources, one of which is on."""

    turns: int
    """How often another source came on."""

    def turn(self) -> bool:
        """Begin to open the next source; return False where there is no other."""

    def take_trouble(self) -> str | None:
        """Return why the next source could not be opened, once; None where all is well."""


@runtime_checkable
class Device(Source, Protocol):
    """A camera of this machine."""

    @property
    def measured_fps(self) -> float | None:
        """Frames per second that it gives; None until that is known, and while it gives none."""

    is_device: bool
