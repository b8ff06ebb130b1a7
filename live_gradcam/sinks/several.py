"""All sinks of a run: one that fails is left and told of, and the others go on."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sinks.sink import Sink
from live_gradcam.sinks.window import Window

logger = logging.getLogger(__name__)


class SeveralSinks:
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

    @property
    def window(self) -> Window | None:
        """The window, if there is one and it works."""
        return next((sink for sink in self._working if isinstance(sink, Window)), None)

    @property
    def finished(self) -> bool:
        """Whether the viewer asked to end."""
        return any(sink.finished for sink in self._working)

    @property
    def none_left(self) -> bool:
        """Whether every sink that there was has failed."""
        return bool(self._opened) and not self._working

    def write(self, picture: Pixels, frame: Frame) -> None:
        """Hand one picture to each."""
        for sink in tuple(self._working):
            try:
                sink.write(picture, frame)
            except SinkError as error:
                self._working.remove(sink)
                self._fail(error)

    def close(self) -> None:
        """Close them all, recordings first."""
        for sink in sorted(self._opened, key=lambda sink: isinstance(sink, Window)):
            try:
                sink.close()
            except SinkError as error:
                self._fail(error)
        self._opened.clear()

    def _fail(self, error: SinkError) -> None:
        self.failures.append(str(error))
        logger.warning("%s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
