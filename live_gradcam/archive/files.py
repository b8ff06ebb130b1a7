"""An entry: one file of an archive, where its result goes, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av

from live_gradcam.errors import LiveGradcamError
from live_gradcam.file_names import marked
from live_gradcam.printable import shown


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One input file and its places in the output tree."""

    source: Path
    """The input, absolute."""

    name: str
    """How it is called in summaries and messages: its path below the folder that holds all inputs, with `/`."""

    kind: Literal["picture", "video"]

    output: Path
    """The annotated file, absolute."""

    record: Path
    """What is known of the output: see `record.py`."""

    @property
    def part(self) -> Path:
        """What the output is called until it is complete."""
        return marked(self.output, "part")


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that came to nothing, or not to all that it should have."""

    name: str
    reason: str
    """A sentence, or what follows the name in one."""

    def __str__(self) -> str:
        named = self.reason.startswith(self.name.rpartition("/")[2]) or f"'{self.name}'" in self.reason
        return self.reason if named else f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one entry."""

    entry: ArchiveFile
    frames: int
    """How many were annotated: in this run, or in the one that the result is kept from."""

    kept: bool = False
    """Whether it was there already."""

    failure: Failure | None = None
    """Why it failed; where frames were annotated all the same, why they are not all."""


def damage_failure(entry: ArchiveFile, damage: str | None) -> Failure | None:
    """Return how it is told that an input could not be read to its end; None where it could.

    Args:
        entry: the input.
        damage: what could not be read, such as `is cut short: 3 of its 9 frames could be read`.
    """
    return None if damage is None else Failure(entry.name, f"{shown(entry.source.name)} {damage}")


def error_text(error: Exception) -> str:
    """Return the reason for an error, on one line.

    Args:
        error: what was raised while one file was annotated.
    """
    if isinstance(error, LiveGradcamError):
        return str(error)
    if isinstance(error, OSError | av.FFmpegError):
        where = f"{error.filename} " if error.filename else ""
        return f"{where}cannot be written: {error.strerror or error}"
    line = next(iter(str(error).strip().splitlines()), "no message")
    return f"unexpected {type(error).__name__}: {line}"


@dataclass(frozen=True, slots=True)
class AnnotateJob:
    """What is to be done."""

    entries: tuple[ArchiveFile, ...]
    """The files that are missing."""

    frames: int
    """How many frames they have, about."""

    size: tuple[int, int]
    """(width, height) of one of them in pixels."""
