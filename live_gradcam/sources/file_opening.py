"""Opening of files: which are films and which are photos, and what a film declares about itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang

from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.file_kind import kind_of_file
from live_gradcam.sources.file_listing import PICTURE_SUFFIXES, begins_as_film
from live_gradcam.sources.film_display import FilmInfo, video_info
from live_gradcam.sources.photo import unreadable
from live_gradcam.sources.video import VideoSource

_ROWS_OF_JPEGS = frozenset({".mjpeg", ".mjpg"})
"""Endings of films that begin like a photo."""


def open_film(
    path: Path, *, keeps: Callable[[int, float], bool] | None = None
) -> VideoSource | AnimationSource:
    """Open a video or an animated picture.

    Args:
        path: the file.
        keeps: as in `VideoSource`.

    Raises:
        SourceError: it is neither, or cannot be read.
    """
    kind = kind_of_file(path)
    if kind is not None and kind.role == "unread":
        raise unreadable(shown(path.name), kind)
    is_animation = kind is not None and kind.role == "animation"
    return AnimationSource(path, keeps=keeps) if is_animation else VideoSource(path, keeps=keeps)


def film_info(path: Path) -> FilmInfo | None:
    """Return what a video or an animated picture declares about itself; None if it cannot be read."""
    kind = kind_of_file(path)
    if kind is None or kind.role != "animation":
        return video_info(path)
    try:
        with AnimationSource(path) as source:
            return FilmInfo(source.total, source.total * source.last_seconds, source.size)
    except SourceError:
        return None


def is_still(path: Path) -> bool:
    """Return whether a file is a single picture: by its content, or by its name if the content is inconclusive."""
    kind = kind_of_file(path)
    if path.suffix.lower() in _ROWS_OF_JPEGS:
        return False
    if kind is None or not kind.is_readable:
        return path.suffix.lower() in PICTURE_SUFFIXES - {".gif"} and not _is_film(path)
    return kind.role == "photo"


def _is_film(path: Path) -> bool:
    """Return whether a file begins as a film does, whatever its name."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return begins_as_film(file.read(16))
