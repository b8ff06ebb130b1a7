"""One connection to something live, from its opening to its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from live_gradcam.frame import Pixels


class FeedLost(Exception):
    """The connection is gone for good; the message is a half sentence, such as `was unplugged`."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What came over a feed once."""

    pixels: Pixels | None
    """(H, W, 3) uint8 BGR; of a damaged shot the picture before it, None where there was none."""

    captured_at: float
    """`time.monotonic()` seconds: the driver's own timestamp where there is one, else the time of arrival."""

    waited: float
    """Seconds that it had to be waited for; next to nothing where the reader is slower than the feed."""

    damaged: bool = False
    """Whether what came could not be decoded."""


class Feed(Protocol):
    """An open camera or stream. One thread at a time uses it."""

    size: tuple[int, int]
    """(width, height) in pixels that was agreed on."""

    fps: float | None
    """Frames per second that were agreed on; None where they are not told."""

    def read(self) -> Shot | None:
        """Wait a moment for the next picture.

        Returns:
            What came, or None where nothing came yet: ask again.

        Raises:
            FeedLost: nothing will come any more.
        """

    def close(self) -> None:
        """Let go of the device or connection."""
