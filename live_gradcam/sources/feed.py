"""One connection to a live device or stream, from opening to loss, and the health of its frames."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
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


logger = logging.getLogger(__name__)

WINDOW = 3.0
"""Seconds over which the rate is measured."""

SHORTEST_SPAN = 1.0
"""Seconds of frames that are needed to measure a rate."""

SETTLE = 4.0
"""Seconds after opening in which a camera's rate is not judged, because it still adjusts its exposure."""

SHORTFALL = 0.8
"""Share of the promised rate below which a warning is logged."""

IDLE = 0.2
"""Share of the time that the reader must have waited for frames; otherwise this computer is slow, not the camera."""

RECENT = 30
"""Number of recent frames among which damaged ones are counted."""

DAMAGED = 5
"""Damaged recent frames that cause a warning; single ones are normal when a camera starts."""


class SourceHealth:
    """Monitors one source's frames, and warns once about each problem.

    Args:
        name: the source's name in a sentence.
        promised_fps: frames per second; None if unknown.
    """

    def __init__(self, name: str, promised_fps: float | None = None) -> None:
        self.promised_fps = promised_fps
        self._name = name
        self._warned: set[str] = set()
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._shots: deque[Shot] = deque()
        self._started_at: float | None = None
        self._judge_at = 0.0
        self._fps: float | None = None

    @property
    def measured_fps(self) -> float | None:
        """Frames per second over the last 3 s; None in the first second."""
        return self._fps

    @property
    def damaged(self) -> bool:
        """Whether many of the recent frames were damaged."""
        return sum(self._recent) >= DAMAGED

    def restart(self) -> None:
        """Forget all frames, after a reconnection."""
        self._recent.clear()
        self._shots.clear()
        self._started_at = None
        self._fps = None

    def note(self, shot: Shot) -> None:
        """Count one shot."""
        # Without the picture, which would take memory.
        shot = Shot(None, shot.captured_at, shot.waited, shot.damaged)
        self._recent.append(shot.damaged)
        if self.damaged:
            self._warn_once("damage", f"{self._name} sends damaged frames (cable or hub?)")
        if self._started_at is None:
            self._started_at = self._judge_at = shot.captured_at
            self._judge_at += SETTLE
        self._shots.append(shot)
        while shot.captured_at - self._shots[0].captured_at > WINDOW:
            self._shots.popleft()
        span = shot.captured_at - self._shots[0].captured_at
        self._fps = (len(self._shots) - 1) / span if span >= SHORTEST_SPAN else None
        if shot.captured_at >= self._judge_at:
            self._judge_at = shot.captured_at + 1
            self._judge(span)

    def _judge(self, span: float) -> None:
        if self.promised_fps is None or self._fps is None or self._fps >= SHORTFALL * self.promised_fps:
            return
        stamps = [shot.captured_at for shot in self._shots]
        gaps = sorted(after - before for before, after in pairwise(stamps))
        # A slow reader misses frames, but some that it gets follow each other closely.
        if gaps[len(gaps) // 10] < 1.2 / self.promised_fps:
            return
        if sum(shot.waited for shot in self._shots) < IDLE * span:
            return
        self._warn_once(
            "rate",
            f"{self._name} gives {self._fps:.0f} fps of the {self.promised_fps:.0f} it promised "
            "(dark room? slow USB port?)",
        )

    def _warn_once(self, ailment: str, line: str) -> None:
        if ailment not in self._warned:
            self._warned.add(ailment)
            logger.warning("%s", line)
