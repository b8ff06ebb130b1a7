"""The protocol of sinks, a sink that discards pictures, and the group of all sinks of a run."""

from __future__ import annotations

import logging
from abc import abstractmethod
from types import TracebackType
from typing import Protocol, Self

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SinkError
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.stream import Stream
from live_gradcam.sinks.virtual_camera import VirtualCamera
from live_gradcam.sinks.window import Window


class Sink(Protocol):
    """Receives finished pictures: a window, a recording.

    A subclass needs `name` and `write` only. `write` is called from one thread, in the order of the frames; nothing
    draws on a picture afterwards. In a live run a sink of this package returns at once: if it may have to wait, for a
    disk or an encoder, it has its own thread and drops pictures. A sink of somebody else is given such a thread.
    A sink that cannot continue raises `SinkError` from `write` or `close`. `close()` may be called twice; it completes
    the output.
    """

    name: str
    """Its name in a sentence: `window`, `out.mp4`."""

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end, by a key or by closing the window."""
        return False

    @property
    def notice(self) -> str | None:
        """A short message for the picture, such as `disk nearly full: 150 MB left`; None if all is well."""
        return None

    @abstractmethod
    def write(self, rendered: Rendered) -> None:
        """Take one picture.

        Args:
            rendered: the picture; `rendered.frame.time` is its time.

        Raises:
            SinkError: the sink cannot continue.
        """

    def close(self) -> None:
        """Complete the output and release the window or file."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NullSink(Closeable):
    """Discards every picture."""

    name = "null"
    notice: str | None = None

    @property
    def finished(self) -> bool:
        """Always False: there is no viewer."""
        return False

    def write(self, rendered: Rendered) -> None:
        """Discard one picture."""

    def close(self) -> None:
        """Do nothing."""


logger = logging.getLogger(__name__)


class SinkGroup(Closeable):
    """Hands each picture to every working sink."""

    def __init__(self) -> None:
        self._working: list[Sink] = []
        self._opened: list[Sink] = []
        self.failures: list[str] = []
        """Error messages, one line each."""

    def add(self, sink: Sink) -> None:
        """Add an open sink, which the group will close."""
        self._working.append(sink)
        self._opened.append(sink)

    def remove(self, sink: Sink) -> None:
        """Close a sink during the run, such as a recording; does nothing if it was removed already."""
        if sink not in self._opened:
            return
        self._opened.remove(sink)
        if sink in self._working:
            self._working.remove(sink)
        self._close(sink)

    @property
    def window(self) -> Window | None:
        """The window, if there is a working one."""
        return next((sink for sink in self._working if isinstance(sink, Window)), None)

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end."""
        return any(sink.finished for sink in self._working)

    @property
    def any_left(self) -> bool:
        """Whether a sink works."""
        return bool(self._working)

    @property
    def none_left(self) -> bool:
        """Whether there were sinks and all have failed."""
        return bool(self._opened) and not self._working

    @property
    def notice(self) -> str | None:
        """The first sink's message for the viewer; None if there is none."""
        return next((sink.notice for sink in self._working if sink.notice), None)

    def write(self, rendered: Rendered, *, in_window: Rendered | None = None) -> None:
        """Hand one picture to each sink.

        Args:
            rendered: the picture.
            in_window: the picture for the window, if it differs from the recorded one.
        """
        self._write(tuple(self._working), rendered, in_window)

    def write_again(self, rendered: Rendered, *, in_window: Rendered | None = None) -> None:
        """Hand a picture that was drawn again to what shows the present moment: window, virtual camera and stream.

        Args:
            rendered: the picture.
            in_window: the picture for the window, if it differs from the recorded one.
        """
        self._write(
            tuple(each for each in self._working if isinstance(each, Window | VirtualCamera | Stream)),
            rendered,
            in_window,
        )

    def close(self) -> None:
        """Close all sinks, recordings first."""
        for sink in sorted(self._opened, key=lambda sink: isinstance(sink, Window)):
            self._close(sink)
        self._opened.clear()

    def _write(self, sinks: tuple[Sink, ...], rendered: Rendered, in_window: Rendered | None) -> None:
        for sink in sinks:
            try:
                sink.write(in_window if in_window is not None and isinstance(sink, Window) else rendered)
            except SinkError as error:
                self._working.remove(sink)
                self._fail(error)

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except SinkError as error:
            self._fail(error)

    def _fail(self, error: SinkError) -> None:
        self.failures.append(str(error))
        logger.warning("%s", error)
