"""Folders of pictures and clips, one folder a class, from which a head is fitted without a window."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from live_gradcam.errors import LiveGradcamError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels
from live_gradcam.sources.file_listing import is_film, is_picture, natural_order
from live_gradcam.sources.photo import read_picture
from live_gradcam.sources.video import VideoSource

logger = logging.getLogger(__name__)

_CLIP_FRAMES, _CLIP_SECONDS = 60, 0.2
"""The most frames that are taken of a clip, and the time between two of them."""


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """The files of one class."""

    name: str
    files: tuple[Path, ...]
    """Pictures and clips, in natural order."""


def is_folder_of_classes(path: Path) -> bool:
    """Return whether a path is a folder that holds folders with pictures or clips, rather than pictures of its own."""
    if not path.is_dir():
        return False
    return any(_files_in(each) for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))


def class_folders(folder: Path) -> list[ClassFolder]:
    """Return the classes of a folder, in natural order. The name of each class is that of its folder.

    Raises:
        SourceError: there are fewer than two folders with pictures or clips, or the folder cannot be read.
    """
    try:
        inside = sorted((each for each in folder.iterdir() if each.is_dir()), key=natural_order)
    except OSError as error:
        raise SourceError(f"the folder {shown(folder)} cannot be read: {error.strerror or error}.") from error
    found = [
        ClassFolder(each.name, tuple(files))
        for each in inside
        if not each.name.startswith(".") and (files := _files_in(each))
    ]
    if len(found) < 2:
        have = (
            f"has one folder with pictures, '{shown(found[0].name)}'"
            if found
            else "has no folder with pictures"
        )
        raise SourceError(
            f"{shown(folder)} {have}: put the pictures of each class into a folder of its own, of two classes at least."
        )
    return found


def bursts_in(files: Sequence[Path]) -> Iterator[list[Pixels]]:
    """Yield the pictures of each file, (H, W, 3) uint8 BGR: one of a picture, several of a clip.

    A file that cannot be read is left out, and the log says why.
    """
    for file in files:
        try:
            pictures = _frames_of(file) if is_film(file) else [read_picture(file)]
        except LiveGradcamError as error:
            logger.warning("left out: %s", error)
            continue
        if pictures:
            yield pictures


def _frames_of(clip: Path) -> list[Pixels]:
    due = 0.0

    def keeps(_: int, seconds: float) -> bool:
        nonlocal due
        if seconds < due:
            return False
        due = seconds + _CLIP_SECONDS
        return True

    with VideoSource(clip, keeps=keeps) as source:
        return [frame.pixels for frame in islice(source, _CLIP_FRAMES)]


def _files_in(folder: Path) -> list[Path]:
    """Return the pictures and clips of a folder and of the bursts in it (`examples_folder`)."""
    found = []
    for path in sorted(folder.iterdir(), key=natural_order):
        if path.is_dir() and path.name.startswith("burst-"):
            found += [each for each in sorted(path.iterdir(), key=natural_order) if is_picture(each)]
        elif path.is_file() and (is_picture(path) or is_film(path)):
            found.append(path)
    return found
