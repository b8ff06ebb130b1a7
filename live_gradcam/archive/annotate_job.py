"""Files of an archive: input and output paths, the outcome of a file, and the job of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2  # noqa: F401 - imported before PyAV, else a window hangs
import av

from live_gradcam.errors import LiveGradcamError
from live_gradcam.escaping import shown
from live_gradcam.file_names import marked


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One input file and the paths of its output."""

    source: Path
    """Absolute path of the input."""

    name: str
    """Its name in summaries and messages: the path below the common folder of all inputs, with `/`."""

    kind: Literal["picture", "video"]

    output: Path
    """Absolute path of the annotated file."""

    record: Path
    """Path of the record of the output: see `record.py`."""

    @property
    def part(self) -> Path:
        """Path of the output until it is complete."""
        return marked(self.output, "part")


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that failed completely or in part."""

    name: str
    reason: str
    """A sentence, or the part of one that follows the name."""

    def __str__(self) -> str:
        """Return a line that has the name once, with its folders: photographs of several folders are often numbered."""
        plain = self.name.rpartition("/")[2]
        if self.reason.startswith(plain):
            return self.name + self.reason.removeprefix(plain)
        return self.reason if f"'{self.name}'" in self.reason else f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file."""

    entry: ArchiveFile
    frames: int
    """Number of annotated frames, in this run or in the one that made the output."""

    kept: bool = False
    """Whether the output was finished before this run."""

    failure: Failure | None = None
    """Why it failed, or why only some frames were annotated."""


def damage_failure(entry: ArchiveFile, damage: str | None) -> Failure | None:
    """Return the failure for a damaged input; None if it is not damaged.

    Args:
        entry: the file.
        damage: the damage, such as `is cut short: 3 of its 9 frames could be read`; None: none.
    """
    return None if damage is None else Failure(entry.name, f"{shown(entry.source.name)} {damage}")


def error_text(error: Exception) -> str:
    """Return the reason for an error on one line.

    Args:
        error: an exception from annotating a file.
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
    """The files that a run has to annotate."""

    entries: tuple[ArchiveFile, ...]
    """Files without a finished output."""

    frames: int
    """Estimated number of their frames."""

    size: tuple[int, int]
    """Typical (width, height) of their frames, in pixels."""
