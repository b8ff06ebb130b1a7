"""What cameras and streams have in common as sources: they give the frames of feeds that are opened again when lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic

from live_gradcam.closeable import Closeable
from live_gradcam.frame import Frame
from live_gradcam.sources.reconnecting import AnyFeed, Reconnecting


class ReconnectingSource(Closeable, Generic[AnyFeed]):
    """A live source that waits while its camera or stream is lost.

    Args:
        feeds: opens the feed, reads it, and opens it again.
    """

    live = True

    def __init__(self, feeds: Reconnecting[AnyFeed]) -> None:
        self._feeds = feeds

    @property
    def frames_captured(self) -> int:
        """How many frames arrived so far."""
        return self._feeds.frames_captured

    @property
    def notice(self) -> str | None:
        """A message for the viewer, such as `camera lost, reconnecting`; None if all is well."""
        return self._feeds.notice

    @property
    def reconnects(self) -> int:
        """How often it was lost and came back."""
        return self._feeds.reconnects

    @property
    def measured_fps(self) -> float | None:
        """Frames per second that arrive; None until it is known, and while none arrive."""
        return self._feeds.measured_fps

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more: it was closed, or never gave a picture."""
        return self._feeds.ended

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet, or None if there is none within `timeout` seconds.

        Raises:
            SourceError: it never gave a picture.
        """
        return self._feeds.newest(timeout)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; wait while the camera or stream is lost.

        Raises:
            SourceError: it never gave a picture.
        """
        return iter(self._feeds)

    def close(self) -> None:
        """Stop the reader, which releases the camera or closes the connection."""
        self._feeds.close()
