"""Reconnecting: reads a camera or stream, and opens it again when it is lost."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np

from live_gradcam.concurrency.latest_item import LatestReader
from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources.feed import Feed, FeedLost, SourceHealth

logger = logging.getLogger(__name__)

AnyFeed = TypeVar("AnyFeed", bound=Feed)

BETWEEN_OPENINGS = 0.5
"""Minimum seconds from one opening to the next: some streams end immediately after they were opened."""

SLOW_TO_OPEN = 1.0
"""Seconds of opening after which the viewer is told that it is slow."""

OPEN_TIMEOUT = 30.0
"""Seconds after which opening has failed: on Windows, some cameras take nearly as long."""

FIRST_PICTURE = 4.0
"""Seconds that a feed has for its first picture: a camera first starts up and measures the light."""

STALL = 1.5
"""Seconds without a picture after which a source counts as hanging."""

SILENCE = 1.0
"""Seconds without a picture after which the viewer is told."""

QUIET = 10.0
"""Seconds after a loss during which another loss is not logged as a warning: a loose plug would flood the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The words for a source, in messages and on the picture."""

    name: str
    """The name in a sentence: `camera 0`."""

    lost: str
    """The notice when it is gone: `camera lost, reconnecting`."""

    hangs: str
    """The notice when no picture arrives: `camera hangs, reconnecting`."""

    no_picture: str
    """The error if it opens and gives no picture at all."""

    only_damage: str
    """The error if all its pictures are damaged."""


class Reconnecting(Generic[AnyFeed]):
    """Gives the newest frame of a feed, and opens the feed again whenever it is lost.

    One thread opens, reads and closes the feed. Before the first picture every failure is an error, since something
    is set up wrong; afterwards there are no errors, only waiting. Frame indices continue after every gap, and all
    frames have the size of the first.

    Args:
        connect: opens the feed. A `SourceError` means failure the first time, and "not yet" later.
        wording: the words for the source.
        pause: seconds between two attempts to open.
        silence: seconds without a picture after which the viewer is told; None: 1 second.
        open_here: open the feed in the calling thread the first time, on systems that require it.

    Raises:
        SourceError: it could not be opened.
    """

    def __init__(
        self,
        connect: Callable[[], AnyFeed],
        wording: Wording,
        *,
        pause: float,
        silence: float | None = None,
        open_here: bool = False,
    ) -> None:
        self._connect = connect
        self._wording = wording
        self._pause = pause
        self._silence = SILENCE if silence is None else silence
        self._stop = threading.Event()
        self._opened: Future[AnyFeed] = Future()
        self._feed: AnyFeed | None = None
        self._health = SourceHealth(wording.name)
        self._index = 0
        self._size: tuple[int, int] | None = None
        self._scaled = False
        self._newest_stamp = 0.0
        self._reconnects = 0
        self._trouble: str | None = None
        self._lost_at = -math.inf
        self._loudness = logging.WARNING
        self._opening_since: float | None = None
        self._opened_at = self._alive_at = time.monotonic()
        self._limit = FIRST_PICTURE
        if open_here:
            self._open()
        self._newest = LatestReader(
            self._read, name=f"reader of {wording.name}", stop=self._stop, release=self._let_go
        )
        try:
            self.first: AnyFeed = self._wait_until_open()
            """The first feed. It may be closed by now; its size and rate are what was agreed on."""
        except BaseException:
            self._newest.close()
            raise

    @property
    def frames_captured(self) -> int:
        """How many frames arrived so far."""
        return self._newest.count

    @property
    def reconnects(self) -> int:
        """How often it was lost and came back."""
        return self._reconnects

    @property
    def measured_fps(self) -> float | None:
        """Frames per second that arrive; None until it is known, and while none arrive."""
        return self._health.measured_fps if self._trouble is None else None

    @property
    def notice(self) -> str | None:
        """The notice for the viewer; None if all is well."""
        now = time.monotonic()
        opening_since = self._opening_since
        if self._stop.is_set():
            return None
        if self._trouble is not None:
            slow = opening_since is not None and now - opening_since > SLOW_TO_OPEN
            return f"opening {self._wording.name} …" if slow else self._trouble
        if now - self._alive_at > max(self._silence, self._limit - STALL):
            return self._wording.hangs if self._index else f"no picture from {self._wording.name} yet"
        return f"{self._wording.name} sends damaged frames" if self._health.damaged else None

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        return self._newest.ended

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet; see `LiveSource.newest`."""
        return self._newest.take(timeout)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, and wait for it as long as it takes.

        Raises:
            SourceError: there was no picture at all.
        """
        return iter(self._newest)

    def close(self) -> None:
        """Stop the reader, which closes the feed. May be called twice."""
        self._newest.close()

    def _wait_until_open(self) -> AnyFeed:
        name = self._wording.name
        began = time.monotonic()
        told = False
        while not wait([self._opened], 0.1).done:  # in slices, for Ctrl-C
            waited = time.monotonic() - began
            if waited > OPEN_TIMEOUT:
                raise SourceError(
                    f"{name} did not open within {OPEN_TIMEOUT:g} s. Unplug it, plug it in and try again, or try "
                    "--source demo."
                )
            if waited > SLOW_TO_OPEN and not told:
                told = True
                logger.warning("%s is slow to open …", name)
        return self._opened.result()

    # The following methods run in the reader's thread.

    def _read(self) -> Frame | None:
        while not self._stop.is_set():
            if self._feed is None and self._index and self._stop.wait(self._rest()):
                break
            if self._feed is None and not self._open():
                self._stop.wait(self._pause)
            elif (frame := self._next()) is not None:
                return frame
        return None

    def _rest(self) -> float:
        """Return the seconds until it may be opened again, so that a stream that ends at once is not flooded."""
        return max(0.0, self._opened_at + BETWEEN_OPENINGS - time.monotonic())

    def _open(self) -> bool:
        self._opening_since = time.monotonic()
        try:
            feed = self._connect()
        except BaseException as error:
            if not self._opened.done():  # the constructor waits, and raises whatever it is
                self._opened.set_exception(error)
                raise
            if not isinstance(error, SourceError):
                raise
            return False
        finally:
            self._opening_since = None
        self._feed = feed
        self._opened_at = self._alive_at = time.monotonic()
        self._limit = FIRST_PICTURE
        self._health.restart()
        self._health.promised_fps = feed.fps
        if not self._opened.done():
            self._opened.set_result(feed)
        return True

    def _next(self) -> Frame | None:
        """Read once. After the first picture, failures change the state and raise no error."""
        assert self._feed is not None
        try:
            shot = self._feed.read()
        except FeedLost as lost:
            self._lose(str(lost), self._wording.lost)
            return None
        now = time.monotonic()
        if shot is None:
            if now - self._alive_at > self._limit:
                self._lose(f"hangs, no picture for {now - self._alive_at:.1f} s", self._wording.hangs)
            return None
        self._alive_at = now
        self._health.note(shot)
        if shot.pixels is None:
            if self._index == 0 and now - self._opened_at > FIRST_PICTURE:
                raise SourceError(self._wording.only_damage)
            return None
        self._limit = max(STALL, 3 / self._feed.fps) if self._feed.fps else STALL
        self._welcome(now)
        # A driver's clock may step when the camera is plugged in again; time stamps never decrease.
        self._newest_stamp = max(self._newest_stamp, shot.captured_at)
        frame = Frame(self._fitting(shot.pixels), self._index, self._newest_stamp, damaged=shot.damaged)
        self._index += 1
        return frame

    def _lose(self, reason: str, notice: str) -> None:
        self._let_go()
        if self._index == 0:
            raise SourceError(self._wording.no_picture)
        if self._trouble is None:
            now = time.monotonic()
            self._loudness = logging.INFO if now - self._lost_at < QUIET else logging.WARNING
            self._lost_at = now
            logger.log(self._loudness, "%s %s: reconnecting", self._wording.name, reason)
        self._trouble = notice

    def _welcome(self, now: float) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._reconnects += 1
            logger.log(self._loudness, "%s is back after %.1f s", self._wording.name, now - self._lost_at)

    def _let_go(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    def _fitting(self, pixels: Pixels) -> Pixels:
        size = (pixels.shape[1], pixels.shape[0])
        if self._size is None:
            self._size = size
        if size == self._size:
            return pixels
        # A recording and a compiled network need frames of one size.
        if not self._scaled:
            self._scaled = True
            logger.warning("%s now gives %d×%d: scaled to %d×%d", self._wording.name, *size, *self._size)
        return np.asarray(cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA), np.uint8)
