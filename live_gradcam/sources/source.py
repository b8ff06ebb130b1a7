"""Protocols of sources: what every source has, and optional abilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeGuard, runtime_checkable

from live_gradcam.frame import Frame


class Source(Protocol):
    """Gives frames. It is opened when it is created.

    Iterate once to get the frames. The source ends when the iteration ends; failures raise `SourceError`.

    A live source (`live` is True: cameras, network streams, the demo) is a `LiveSource`: it gives the newest frame each
    time, and waits only if that was given already; its frames have no `media_time`. If it is lost after its first
    frame, the iteration waits until it is back, and `notice` says so. A file (`live` is False) gives every frame, in
    order, each with its `media_time`, which never decreases.

    `close()` may be called twice and from another thread: a waiting iteration ends at once, and no thread keeps
    running.
    """

    @property
    def name(self) -> str:
        """Its name in a sentence: `camera 0`, `cat.mp4`, `demo`."""

    live: bool
    """Whether frames arrive in real time, so that a slow reader misses some."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames in pixels, as known when it was opened."""

    @property
    def fps(self) -> float | None:
        """Promised frames per second; None if unknown."""

    @property
    def frames_captured(self) -> int:
        """Number of frames that arrived, including skipped ones."""

    @property
    def notice(self) -> str | None:
        """A short message for the picture, such as `camera lost, reconnecting`; None if all is well. Thread-safe."""

    @property
    def reconnects(self) -> int:
        """Number of times that it was lost and came back."""

    def describe(self) -> str:
        """Return one line: the name and the negotiated mode, such as `camera 0: 1280×720 at 30 fps, MJPG`."""

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Release the device or file; stop and join the reader thread, if there is one."""

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
    """A file that can continue at another time: a video, an animated picture."""

    def seek(self, seconds: float) -> None:
        """Continue with the frame at a time, in seconds; the running iteration must be restarted."""

    def step_back(self, seconds: float) -> None:
        """Continue with the frame before the one at a time, in seconds."""


@runtime_checkable
class Film(Seekable, Protocol):
    """A seekable file with sound and an end."""

    sound_path: Path | None
    """The file with the sound that belongs to the frames; None if there is none."""

    @property
    def last_seconds(self) -> float | None:
        """Duration of the last frame in seconds; None if the frame rate determines it."""

    @property
    def damage(self) -> str | None:
        """What could not be read, known at the end; None if all was."""


@runtime_checkable
class Slides(Source, Protocol):
    """Pictures that a viewer can turn like slides."""

    ends_slide: bool
    """Whether the last yielded frame is the last of its file."""

    @property
    def single(self) -> bool:
        """Whether there is only one."""

    def turn(self, step: int) -> bool:
        """Continue with the next picture (1) or the previous one (-1); return False where there is none."""


@runtime_checkable
class Switchable(Source, Protocol):
    """Several live sources, one of which is active."""

    turns: int
    """Number of switches so far."""

    def turn(self) -> bool:
        """Start opening the next source; return False if there is no other."""

    def take_trouble(self) -> str | None:
        """Return once why the next source could not be opened; None if all is well."""


@runtime_checkable
class Device(Source, Protocol):
    """A camera of this computer."""

    @property
    def measured_fps(self) -> float | None:
        """Measured frames per second; None until known, and while there are no frames."""

    is_device: bool
