"""A carousel of live sources: one of them is on, and the next one is a key away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Frame
from live_gradcam.sources.source import Source

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.9

Open = Callable[[], Source]
"""Opens a source, which may take seconds.

Raises:
    LiveGradcamError: it cannot be.
"""


class SwitchingSource:
    """Gives the frames of one live source after the other, with indices that go on growing.

    The next source is opened in a thread of its own while the present one goes on; one that cannot be opened is
    passed over.

    Args:
        first: open, and live.
        others: returns what opens those that come after it, in turn; after the last of them comes the first again.
            It is asked when the viewer first wants another: to look for cameras takes a moment.
        again: what opens the first one again.
    """

    live = True

    def __init__(self, first: Source, others: Callable[[], Sequence[Open]], again: Open) -> None:
        self._now = first
        self._others = others
        self._again = again
        self._opens: list[Open] = []
        self._place = 0
        self._lock = threading.Lock()
        self._opening: threading.Thread | None = None
        self._opened: Source | None = None
        self._closed = False
        self._counted = 0
        self._reconnected = 0
        self._trouble: str | None = None
        self.turns = 0
        """How often another source came on."""

    @property
    def name(self) -> str:
        """That of the source that is on."""
        return self._now.name

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames of the source that is on."""
        return self._now.size

    @property
    def fps(self) -> float | None:
        """The rate that the source that is on promises."""
        return self._now.fps

    @property
    def frames_captured(self) -> int:
        """How many frames arrived so far, of all of them."""
        return self._counted + self._now.frames_captured

    @property
    def reconnects(self) -> int:
        """How often one of them was lost and came back."""
        return self._reconnected + self._now.reconnects

    @property
    def notice(self) -> str | None:
        """What the source that is on has to say, or that another is being opened."""
        if self._opening is not None and self._opening.is_alive():
            return "opening the next source …"
        return self._now.notice

    def describe(self) -> str:
        """Return one line on the source that is on."""
        return self._now.describe()

    def take_trouble(self) -> str | None:
        """Return why the next source could not be opened, once; None where all is well."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def turn(self) -> bool:
        """Begin to open the next source; return False where there is no other."""
        self._opens = self._opens or [self._again, *self._others()]
        if len(self._opens) < 2:
            return False
        if self._opening is None or not self._opening.is_alive():
            self._opening = threading.Thread(target=self._open_next, name="next source", daemon=True)
            self._opening.start()
        return True

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the carousel is closed or the source that is on ends."""
        index = 0
        while not self._closed:
            source, offset = self._now, index
            for frame in source:
                index = offset + frame.index + 1
                yield frame if offset == 0 else replace(frame, index=offset + frame.index)
                if self._opened is not None:
                    break
            if not self._come_on():
                return

    def close(self) -> None:
        """Close the source that is on, and one that is being opened as soon as it is."""
        with self._lock:
            self._closed = True
            self._now.close()
            if self._opened is not None:
                self._opened.close()
        if self._opening is not None:
            self._opening.join(_PATIENCE_SECONDS)
            if self._opening.is_alive():
                logger.warning("the thread '%s' is stuck and is left behind", self._opening.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_next(self) -> None:
        place = (self._place + 1) % len(self._opens)
        try:
            opened = self._opens[place]()
        except LiveGradcamError as error:
            self._trouble = str(error)
            self._place = place  # or the key would never get past it
            return
        with self._lock:
            if self._closed:
                opened.close()
                return
            self._place = place
            self._opened = opened
            now = self._now
        now.close()  # its iteration may be waiting for a frame that never comes

    def _come_on(self) -> bool:
        """Put the source that was opened in the place of the one that is on; False where there is none."""
        with self._lock:
            if self._opened is None or self._closed:
                return False
            opened, self._opened = self._opened, None
            self._counted += self._now.frames_captured
            self._reconnected += self._now.reconnects
            self._now.close()
            self._now = opened
            self.turns += 1
        return True
