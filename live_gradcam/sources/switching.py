"""Several live sources, one of which is active: a key switches to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import WAIT_SLICE
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Frame
from live_gradcam.sources.source import LiveSource

Open = Callable[[], LiveSource]
"""Opens a source, which may take seconds.

Raises:
    LiveGradcamError: it cannot be opened.
"""


class SwitchingSource(Closeable):
    """Gives the frames of one live source after another; frame indices keep increasing.

    A thread opens the next source while the active one continues. A source that cannot be opened is skipped.

    Args:
        first: an open live source.
        others: returns the functions that open the sources after it, in order; the first source follows the last.
            Called when the viewer first asks for another source, since looking for cameras takes a moment.
        again: opens the first source again.
    """

    live = True

    def __init__(self, first: LiveSource, others: Callable[[], Sequence[Open]], again: Open) -> None:
        self._now = first
        self._others = others
        self._again = again
        self._opens: list[Open] = []
        self._place = 0
        self._lock = threading.Lock()
        self._opening: WorkerThread | None = None
        self._opened: LiveSource | None = None
        self._refused: str | None = None
        self._closed = False
        self._offset = 0
        self._next_index = 0
        self._counted = 0
        self._reconnected = 0
        self._trouble: str | None = None
        self.turns = 0
        """How often another source became active."""

    @property
    def name(self) -> str:
        """The name of the active source."""
        return self._now.name

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the active source's frames."""
        return self._now.size

    @property
    def fps(self) -> float | None:
        """The rate that the active source promises."""
        return self._now.fps

    @property
    def frames_captured(self) -> int:
        """How many frames of all sources arrived so far."""
        return self._counted + self._now.frames_captured

    @property
    def reconnects(self) -> int:
        """How often one of the sources was lost and came back."""
        return self._reconnected + self._now.reconnects

    @property
    def notice(self) -> str | None:
        """The notice of the active source, or the notice that another source is being opened."""
        if self._opening is not None:
            return "opening the next source …"
        return self._now.notice

    def describe(self) -> str:
        """Return one line on the active source."""
        return self._now.describe()

    def take_trouble(self) -> str | None:
        """Return why the next source could not be opened, once; None if there was no error."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def turn(self) -> bool:
        """Begin to open the next source; return False if there is no other."""
        self._opens = self._opens or [self._again, *self._others()]
        if len(self._opens) < 2:
            return False
        if self._opening is None:
            self._opening = WorkerThread(self._open_next, name="next source")
        return True

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more: it is closed, or the active source has ended."""
        return self._closed or (self._now.ended and self._opening is None)

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet, or None if there is none within `timeout` seconds.

        Raises:
            SourceError: the active source failed.
        """
        self._switch()
        frame = None if self._closed else self._now.newest(timeout)
        if frame is None:
            if self._opening is not None and self._now.ended:
                self._opening.join(timeout)
            return None
        index = self._offset + frame.index
        self._next_index = index + 1
        return frame if index == frame.index else replace(frame, index=index)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, until it is closed or the active source ends."""
        while not self.ended:
            if (frame := self.newest(WAIT_SLICE)) is not None:
                yield frame

    def close(self) -> None:
        """Close the active source. A source that is being opened is closed as soon as it is open."""
        with self._lock:
            self._closed = True
            self._now.close()
            if self._opened is not None:
                self._opened.close()
        opening = self._opening
        if opening is not None:
            opening.close()

    def _open_next(self) -> None:
        """Open the next source and close the active one, in a thread, because both may take a moment."""
        try:
            opened = self._opens[(self._place + 1) % len(self._opens)]()
        except LiveGradcamError as error:
            self._refused = str(error)
            return
        with self._lock:
            if self._closed:
                opened.close()
                return
            self._opened = opened
            now = self._now
        now.close()

    def _switch(self) -> None:
        """Switch to the opened source, or remember the reason why it could not be opened."""
        opening = self._opening
        if opening is None or opening.running:
            return
        self._opening = None
        opening.close()
        self._place = (self._place + 1) % len(
            self._opens
        )  # after an error, too: the next key press skips this source
        self._trouble, self._refused = self._refused or self._trouble, None
        with self._lock:
            if self._opened is None or self._closed:
                return
            self._counted += self._now.frames_captured
            self._reconnected += self._now.reconnects
            self._now, self._opened = self._opened, None
            self._offset = self._next_index
            self.turns += 1
