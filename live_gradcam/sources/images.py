"""Pictures: one, or many as slides."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.native import native_stderr_filtered

logger = logging.getLogger(__name__)

SECONDS_PER_IMAGE = 2.0
"""How long a slide stands."""

SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
"""File name endings of pictures, in lower case."""


class ImagesSource:
    """Pictures in the order given, each one frame.

    A picture that can't be read is passed over with a warning, as long as there are others.

    Args:
        paths: the picture files.
        name: how to call them together; by default the file's name, or how many there are.

    Raises:
        SourceError: there are none, or none can be read.
    """

    live = False
    notice: str | None = None
    reconnects = 0
    fps: float | None = 1 / SECONDS_PER_IMAGE

    def __init__(self, paths: Sequence[Path], *, name: str | None = None) -> None:
        self.name = name or (paths[0].name if len(paths) == 1 else f"{len(paths)} pictures")
        self._total = len(paths)
        self._waiting = iter(paths)
        self._closed = False
        self._count = 0
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
        for path in self._waiting:
            try:
                pixels = read_picture(path)
            except SourceError as error:
                self._last_error = error
                if self._total > 1:
                    logger.warning("%s It is left out.", error)
                continue
            frame = Frame(pixels, self._count, time.monotonic(), media_time=self._count * SECONDS_PER_IMAGE)
            self._count += 1
            return frame
        return None


def read_picture(path: Path) -> Pixels:
    """Read a picture file, upright as its EXIF mark says.

    Grey becomes three equal channels, 16 bits become 8, and transparent parts become white.

    Args:
        path: the file; its name may hold any characters.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        SourceError: the file cannot be read or is no picture.
    """
    try:
        # OpenCV opens files by name in the system's code page on Windows; bytes have no such trouble.
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if data.size == 0:
        raise SourceError(f"{path.name} cannot be read: the file is empty.")
    try:
        with native_stderr_filtered():  # of libjpeg's lines on damage, for one
            pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
            # Turning it upright and keeping its transparency exclude each other; no JPEG has the latter.
            full = None if data[0] == 0xFF else cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise SourceError(f"{path.name} cannot be read: it is damaged or too large.") from error
    if pixels is None:
        raise SourceError(f"{path.name} cannot be read: it is damaged, or no JPEG, PNG, WebP, TIFF or BMP.")
    if full is not None and full.ndim == 3 and full.shape[2] == 4:
        return _on_white(full)
    return np.asarray(pixels, np.uint8)


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
        raise SourceError(
            f"the folder {folder} has no pictures in it. JPEG, PNG, WebP, TIFF and BMP are read."
        )
    return sorted(found, key=natural_order)


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts names as people count: `2.jpg` before `10.jpg`."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _on_white(full: np.ndarray) -> Pixels:
    depth = np.iinfo(full.dtype).max
    alpha = full[..., 3:].astype(np.float32) / depth
    colour = full[..., :3].astype(np.float32) * (255 / depth)
    return np.rint(colour * alpha + 255 * (1 - alpha)).astype(np.uint8)
