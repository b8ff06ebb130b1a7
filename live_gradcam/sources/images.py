"""Pictures as a source: one, or many as slides."""

from __future__ import annotations

import io
import logging
import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.printable import shown
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.fetched import Fetched
from live_gradcam.sources.file_kind import kind_of, kind_of_file
from live_gradcam.sources.films import is_film
from live_gradcam.sources.photo import READABLE, read_photo
from live_gradcam.sources.photo import read_picture as read_picture  # where others look for it

logger = logging.getLogger(__name__)

SECONDS_PER_IMAGE = 2.0
"""Duration of a slide."""

_MOST_LOOKED_AT = 20_000
_MOST_FOLDERS = 3
"""In a folder without pictures: files that are searched, and folders that are named."""

ANIMATED = frozenset({".apng", ".avifs", ".gif"})
"""File name endings of pictures that are usually animated."""

_STILL = (
    ".avif .bmp .cur .dds .dib .hdr .heic .heif .hif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pam .pbm .pcx .pfm "
    ".pgm .png .pnm .ppm .qoi .ras .sgi .tga .tif .tiff .webp .xbm .xpm"
)
SUFFIXES = ANIMATED.union(_STILL.split())
"""File name endings of pictures, in lower case, to be taken from a folder or a glob. A file that is named by itself may
have any ending, because its content is examined."""


class ImagesSource:
    """Yields pictures in the given order, each as one frame that stands for two seconds.

    An animated picture is played once; its last picture stands until the next slide. A picture that cannot be read is
    skipped with a warning, if there are others. `turn` continues elsewhere; the frames' clock goes on.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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


def in_folder(folder: Path) -> list[Path]:
    """Return a folder's pictures, without subfolders.

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
        raise SourceError(f"the folder {shown(folder)} has no pictures{_elsewhere(folder)}")
    return sorted(found, key=natural_order)


def _elsewhere(folder: Path) -> str:
    """Return what a folder without pictures contains: folders with pictures, or films; else the supported formats."""
    within: list[Path] = []
    films: list[Path] = []
    looked = 0
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        looked += len(files)
        if here == folder:
            films = sorted((each for name in files if is_film(each := here / name)), key=natural_order)
        elif any(is_picture(here / name) for name in files):
            within.append(here)
        if looked > _MOST_LOOKED_AT or len(within) > _MOST_FOLDERS:
            break
    if within:
        named = ", ".join(f"'{shown(each)}'" for each in within[:_MOST_FOLDERS])
        more = ", …" if len(within) > _MOST_FOLDERS else ""
        if len(within) == 1:
            return f" of its own; its folder {named} has some: give that."
        return f" of its own; its folders {named}{more} have some: give one of these."
    if films:
        count = f"{len(films)} films, such as" if len(films) > 1 else "a film,"
        return f" in it, but {count} '{shown(films[0])}': give that."
    return f" in it. {READABLE} are read."


def is_picture(path: Path) -> bool:
    """Return whether a file in a folder is a picture: by its ending, or by its content if it has no ending."""
    if path.name.startswith("."):
        return False
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    kind = kind_of_file(path)
    return kind is not None and kind.is_readable


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a sort key for natural order: `2.jpg` before `10.jpg`."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
