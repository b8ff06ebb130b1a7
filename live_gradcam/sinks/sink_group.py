"""All sinks of a run: one that fails is left and told of, and the others go on."""

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
    """Hands each picture to every sink that still works."""

    def __init__(self) -> None:
        self._working: list[Sink] = []
        self._opened: list[Sink] = []
        self.failures: list[str] = []
        """What went wrong, one line each."""

    def add(self, sink: Sink) -> None:
        """Take charge of an open sink."""
        self._working.append(sink)
        self._opened.append(sink)

    def remove(self, sink: Sink) -> None:
        """Close one in the middle of the show, such as a recording; nothing where it was removed already."""
        if sink not in self._opened:
            return
        self._opened.remove(sink)
        if sink in self._working:
            self._working.remove(sink)
        self._close(sink)

    @property
    def window(self) -> Window | None:
        """The window, if there is one and it works."""
        return next((sink for sink in self._working if isinstance(sink, Window)), None)

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end."""
        return any(sink.finished for sink in self._working)

    @property
    def any_left(self) -> bool:
        """Whether there is one that works."""
        return bool(self._working)

    @property
    def none_left(self) -> bool:
        """Whether every sink that there was has failed."""
        return bool(self._opened) and not self._working

    @property
    def notice(self) -> str | None:
        """What the first of them that has something to say wants the viewer to be told."""
        return next((sink.notice for sink in self._working if sink.notice), None)

    def write(self, shown: Rendered, *, in_window: Rendered | None = None) -> None:
        """Hand one picture to each.

        Args:
            shown: the picture.
            in_window: what the window gets instead, where the viewer is told more than is recorded.
        """
        for sink in tuple(self._working):
            try:
                sink.write(in_window if in_window is not None and isinstance(sink, Window) else shown)
            except SinkError as error:
                self._working.remove(sink)
                self._fail(error)

    def close(self) -> None:
        """Close them all, recordings first."""
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
