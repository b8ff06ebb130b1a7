"""The capture thread: a live source, read by itself, so that whoever presents never waits for it blindly."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from live_gradcam.concurrency.latest import Latest
from live_gradcam.frame import Frame
from live_gradcam.sources.source import Source

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.9


class Capture:
    """Reads a live source in a thread of its own and keeps the newest frame.

    Closing it closes the source. A thread that is stuck in native code is left behind and named in the log.

    Args:
        source: open and live.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._frames: Latest[Frame] = Latest()
        self._thread = threading.Thread(target=self._read, name=f"capture of {source.name}", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the source has ended and its last frame was taken."""
        return self._frames.closed

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame not yet taken, waiting for one.

        Args:
            timeout: seconds to wait at most.

        Raises:
            SourceError: the source failed.
        """
        return self._frames.take(timeout)

    def close(self) -> None:
        """Close the source and join the thread."""
        self._frames.close()
        self._source.close()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("the thread '%s' is stuck and is left behind", self._thread.name)

    def _read(self) -> None:
        try:
            for frame in self._source:
                self._frames.put(frame)
        except BaseException as error:  # whatever it is, the owner is told
            self._frames.close(error)
        finally:
            self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
