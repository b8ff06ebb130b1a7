"""Pictures as a source: one, or many as slides."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.file_kind import Fetched, kind_of, kind_of_file
from live_gradcam.sources.photo import read_photo

logger = logging.getLogger(__name__)

SECONDS_PER_IMAGE = 2.0
"""Duration of a slide."""


class ImagesSource(Closeable):
    """Yields pictures in the given order, each as one frame that stands for two seconds.

    An animated picture is played once; its last picture stands until the next slide. A picture that cannot be read is
    skipped with a warning, if there are others. `turn` goes to another picture; the frames' clock keeps running.

    Args:
        paths: the picture files, or fetched content.
        name: a name for all of them; by default the file's name, or their number.

    Raises:
        SourceError: there are none, or none can be read.
    """

    live = False
    notice: str | None = None
    reconnects = 0
    fps: float | None = 1 / SECONDS_PER_IMAGE

    def __init__(self, paths: Sequence[Path | Fetched], *, name: str | None = None) -> None:
        self.name = shown(name or (paths[0].name if len(paths) == 1 else f"{len(paths)} pictures"))
        self._paths = list(paths)
        self._place = -1
        self._unreadable: set[int] = set()
        self._closed = False
        self._count = 0
        self._begins = 0.0
        self._moving: _Moving | None = None
        self._last_error: SourceError | None = None
        self.ends_slide = False
        """Whether the last yielded frame is the last of its file."""
        self._ahead = self._next()
        if self._ahead is None:
            raise self._last_error or SourceError(f"{self.name} holds no pictures.")
        self.size = self._ahead.size

    @property
    def frames_captured(self) -> int:
        """Number of pictures read so far."""
        return self._count

    @property
    def single(self) -> bool:
        """Whether there is only one file."""
        return len(self._paths) == 1

    def describe(self) -> str:
        """Return the name, the number of pictures, and the first one's size: `desk: 12 pictures, 400×300`."""
        count = f"{len(self._paths)} pictures, " if not self.single and "pictures" not in self.name else ""
        return f"{self.name}: {count}{self.size[0]}×{self.size[1]}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield every picture that can be read."""
        while not self._closed:
            frame, self._ahead = self._ahead, None
            if frame is None and (frame := self._next()) is None:
                return
            yield frame

    def turn(self, step: int) -> bool:
        """Continue elsewhere: the next iteration begins with the next picture, or with the previous one.

        Args:
            step: 1 or -1. Pictures that cannot be read are skipped.

        Returns:
            Whether there is such a picture; otherwise nothing changes.
        """
        place = self._place + step
        while 0 <= place < len(self._paths):
            if (found := self._first_of(place)) is not None:
                self._place, self._moving, first = place, *found
                self._ahead = self._framed(*first)
                return True
            place += step
        return False

    def close(self) -> None:
        """End the iteration."""
        self._closed = True

    def _next(self) -> Frame | None:
        while True:
            if self._moving is None:
                if self._place + 1 >= len(self._paths):
                    return None
                self._place += 1
                found = self._first_of(self._place)
                if found is not None:
                    self._moving, first = found
                    return self._framed(*first)
                continue
            try:
                more = next(self._moving, None)
            except SourceError as error:
                self._leave_out(self._place, error)
                more = None
            if more is not None:
                return self._framed(*more)
            self._moving = None

    def _first_of(self, place: int) -> tuple[_Moving, _Picture] | None:
        """Open a file; return its remaining pictures and the first; None if it cannot be read."""
        if place in self._unreadable:
            return None
        moving = _pictures_of(self._paths[place])
        try:
            first = next(moving, None)
        except SourceError as error:
            self._leave_out(place, error)
            return None
        return None if first is None else (moving, first)

    def _leave_out(self, place: int, error: SourceError) -> None:
        self._last_error = error
        if not self.single and place not in self._unreadable:
            logger.warning("%s It is left out.", error)
        self._unreadable.add(place)

    def _framed(self, pixels: Pixels, seconds: float, is_last: bool) -> Frame:
        self.ends_slide = is_last
        frame = Frame(pixels, self._count, time.monotonic(), media_time=self._begins)
        self._count += 1
        self._begins = round(self._begins + seconds, 6)
        return frame


_Picture = tuple[Pixels, float, bool]
"""(H, W, 3) uint8 BGR, its duration in seconds, and whether it is the last of its file."""

_Moving = Generator[_Picture, None, None]


def _pictures_of(path: Path | Fetched) -> _Moving:
    """Yield a file's pictures.

    Raises:
        SourceError: it cannot be read.
    """
    kind = kind_of(io.BytesIO(path.data)) if isinstance(path, Fetched) else kind_of_file(path)
    if kind is None or kind.role != "animation":
        photo = read_photo(path)
        if photo.damage is not None:
            logger.warning("%s %s", shown(path.name), photo.damage)
        yield photo.pixels, SECONDS_PER_IMAGE, True
        return
    with AnimationSource(path) as animation:
        before: Frame | None = None
        for frame in animation:
            if before is not None:
                yield before.pixels, (frame.media_time or 0.0) - (before.media_time or 0.0), False
            before = frame
        if before is not None:
            seconds = max(SECONDS_PER_IMAGE - (before.media_time or 0.0), animation.last_seconds)
            yield before.pixels, seconds, True
