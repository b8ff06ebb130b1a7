"""One connection to a live device or stream, from opening to loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from live_gradcam.frame import Pixels


class FeedLost(Exception):
    """The connection is lost; the message is a predicate such as `was unplugged`."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture from a feed."""

    pixels: Pixels | None
    """(H, W, 3) uint8 BGR; if damaged, the previous picture, or None if there is none."""

    captured_at: float
    """`time.monotonic()` seconds: the driver's timestamp if there is one, else the time of arrival."""

    waited: float
    """Seconds that the reader waited for it; near 0 if the reader is slower than the feed."""

    damaged: bool = False
    """Whether the data could not be decoded."""


class Feed(Protocol):
    """An open camera or stream, used by one thread at a time."""

    size: tuple[int, int]
    """Negotiated (width, height) in pixels."""

    fps: float | None
    """Negotiated frames per second; None if unknown."""

    def read(self) -> Shot | None:
        """Wait briefly for the next picture.

        Returns:
            The picture; None if there is none yet.

        Raises:
            FeedLost: no more pictures will come.
        """

    def close(self) -> None:
        """Release the device or connection."""
