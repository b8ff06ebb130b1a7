"""Pictures: one, or many as slides."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from live_gradcam.errors import SourceError
from live_gradcam.file_names import shown
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.fetched import Fetched
from live_gradcam.sources.file_kind import kind_of, kind_of_file
from live_gradcam.sources.photo import READABLE, read_photo
from live_gradcam.sources.photo import read_picture as read_picture  # where others look for it

logger = logging.getLogger(__name__)

SECONDS_PER_IMAGE = 2.0
"""How long a slide stands."""

ANIMATED = frozenset({".apng", ".avifs", ".gif"})
"""File name endings of pictures that usually move."""

SUFFIXES = ANIMATED | frozenset(
    {
        ".avif",
        ".bmp",
        ".cur",
        ".dds",
        ".dib",
        ".hdr",
        ".heic",
        ".heif",
        ".hif",
        ".ico",
        ".j2k",
        ".jfif",
        ".jp2",
    }
    | {
        ".jpe",
        ".jpeg",
        ".jpg",
        ".mpo",
        ".pam",
        ".pbm",
        ".pcx",
        ".pfm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".qoi",
    }
    | {".ras", ".sgi", ".tga", ".tif", ".tiff", ".webp", ".xbm", ".xpm"}
)
"""File name endings of pictures, in lower case: what is taken from a folder or a glob. A file that is named by itself
may have any: its content says what it is."""


class ImagesSource:
    """Pictures in the order given, each one frame that stands for two seconds.

    One that moves, such as a GIF, is played once; its last picture stands until the next slide. A picture that can't be
    read is passed over with a warning, as long as there are others.

    Args:
        paths: the picture files, or what was fetched from addresses.
        name: how to call them together; by default the file's name, or how many there are.

    Raises:
        SourceError: there are none, or none can be read.
    """

    live = False
    notice: str | None = None
    reconnects = 0
    fps: float | None = 1 / SECONDS_PER_IMAGE

    def __init__(self, paths: Sequence[Path | Fetched], *, name: str | None = None) -> None:
        self.name = shown(name or (paths[0].name if len(paths) == 1 else f"{len(paths)} pictures"))
        self._total = len(paths)
        self._waiting = iter(paths)
        self._closed = False
        self._count = 0
        self._begins = 0.0
        self._moving: Generator[tuple[Pixels, float], None, None] | None = None
        self._last_error: SourceError | None = None
        self._ahead = self._next()
        if self._ahead is None:
            raise self._last_error or SourceError(f"{self.name} holds no pictures.")
        self.size = self._ahead.size

    @property
    def frames_captured(self) -> int:
        """How many pictures were read so far."""
        return self._count

    @property
    def single(self) -> bool:
        """Whether there is but one."""
        return self._total == 1

    def describe(self) -> str:
        """Return the name, how many there are, and the first one's size: `desk: 12 pictures, 400×300`."""
        count = f"{self._total} pictures, " if self._total > 1 and "pictures" not in self.name else ""
        return f"{self.name}: {count}{self.size[0]}×{self.size[1]}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield every picture that can be read."""
        while not self._closed:
            frame, self._ahead = self._ahead, None
            if frame is None and (frame := self._next()) is None:
                return
            yield frame

    def close(self) -> None:
        """End the iteration."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self) -> Frame | None:
        while True:
            if self._moving is None:
                path = next(self._waiting, None)
                if path is None:
                    return None
                self._moving = _pictures_of(path)
            try:
                found = next(self._moving, None)
            except SourceError as error:
                self._last_error, found = error, None
                if self._total > 1:
                    logger.warning("%s It is left out.", error)
            if found is None:
                self._moving = None
                continue
            pixels, seconds = found
            frame = Frame(pixels, self._count, time.monotonic(), media_time=self._begins)
            self._count += 1
            self._begins = round(self._begins + seconds, 6)
            return frame


def _pictures_of(path: Path | Fetched) -> Generator[tuple[Pixels, float], None, None]:
    """Yield what a file shows, and for how many seconds.

    Raises:
        SourceError: it cannot be read.
    """
    kind = kind_of(io.BytesIO(path.data)) if isinstance(path, Fetched) else kind_of_file(path)
    if kind is None or kind.role != "animation":
        photo = read_photo(path)
        if photo.damage is not None:
            logger.warning("%s %s", shown(path.name), photo.damage)
        yield photo.pixels, SECONDS_PER_IMAGE
        return
    with AnimationSource(path) as animation:
        before: Frame | None = None
        for frame in animation:
            if before is not None:
                yield before.pixels, (frame.media_time or 0.0) - (before.media_time or 0.0)
            before = frame
        if before is not None:
            yield before.pixels, max(SECONDS_PER_IMAGE - (before.media_time or 0.0), animation.last_seconds)


def in_folder(folder: Path) -> list[Path]:
    """List a folder's pictures, not those of folders inside it.

    Returns:
        The files in natural order: `2.jpg` before `10.jpg`.

    Raises:
        SourceError: there are none.
    """
    try:
        found = [path for path in folder.iterdir() if is_picture(path) and path.is_file()]
    except OSError as error:
        raise SourceError(f"the folder {folder} cannot be read: {error.strerror or error}.") from error
    if not found:
        raise SourceError(f"the folder {folder} has no pictures in it. {READABLE} are read.")
    return sorted(found, key=natural_order)


def is_picture(path: Path) -> bool:
    """Tell whether a file of a folder is a picture: by its ending, and where it has none, by its content."""
    if path.name.startswith("."):
        return False
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    kind = kind_of_file(path)
    return kind is not None and kind.is_readable


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts names as people count: `2.jpg` before `10.jpg`."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
