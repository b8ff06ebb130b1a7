"""All sinks of a run. A sink that fails is closed and its error is reported; the others continue."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from live_gradcam.errors import SinkError
from live_gradcam.rendered import Rendered
from live_gradcam.sinks.sink import Sink
from live_gradcam.sinks.window import Window

logger = logging.getLogger(__name__)


class SinkGroup:
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

    def write(self, shown: Rendered, *, in_window: Rendered | None = None) -> None:
        """Hand one picture to each sink.

        Args:
            shown: the picture.
            in_window: the picture for the window, if it differs from the recorded one.
        """
        for sink in tuple(self._working):
            try:
                sink.write(in_window if in_window is not None and isinstance(sink, Window) else shown)
            except SinkError as error:
                self._working.remove(sink)
                self._fail(error)

    def close(self) -> None:
        """Close all sinks, recordings first."""
        for sink in sorted(self._opened, key=lambda sink: isinstance(sink, Window)):
            self._close(sink)
        self._opened.clear()

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except SinkError as error:
            self._fail(error)

    def _fail(self, error: SinkError) -> None:
        self.failures.append(str(error))
        logger.warning("%s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
