"""The record of an output: what it was made of and how, and what is on each of its frames.

It lies beside the outputs as `.live-gradcam/NAME.jsonl`, one JSON object a line: a row for each frame, and last of
all the conclusion. A file is finished when its record says so: a run that was killed leaves no record, or one whose
conclusion does not fit the output.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live_gradcam.archive.files import ArchiveFile
from live_gradcam.config import AnnotateSettings
from live_gradcam.explanation import Explanation
from live_gradcam.file_names import fitting
from live_gradcam.frame import Frame
from live_gradcam.heatmap import heat_place
from live_gradcam.printable import json_text, shown
from live_gradcam.version import __version__

RECORDS = ".live-gradcam"
"""The folder of the records, in that of the outputs."""

_WITHOUT_EFFECT = frozenset({"allow_unsafe", "batch", "device", "overwrite"})
"""Settings that change nothing about the result."""

_TAIL_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class FileState:
    """By what a file is known again, without reading it."""

    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Look at a file.

        Raises:
            OSError: it is not there.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)

    def as_json(self) -> list[int]:
        """Return it as it stands in a record."""
        return [self.bytes, self.modified_ns]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The last line of a record."""

    source: list[int]
    """`FileState` of the input."""

    settings: dict[str, Any]
    """What it was made with."""

    frames: int
    """How many frames were annotated."""

    bytes: int
    """Size of the output."""

    damage: str | None = None
    """What could not be read of the input."""

    version: str = __version__


class RecordWriter:
    """Writes the record of one output; it has its name only once it is concluded.

    Args:
        path: where it goes; the folder is made.

    Raises:
        OSError: it cannot be written; also from every method but `abandon`.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._part = fitting(path.with_name(f"{path.name}.part"))
        self._file = self._part.open("w", encoding="utf-8", newline="\n")
        self.rows = 0

    def write(self, row: Mapping[str, Any]) -> None:
        """Append what is on one frame."""
        self._line(row)
        self.rows += 1

    def conclude(self, conclusion: Conclusion) -> None:
        """Append the conclusion and give the record its name."""
        self._line({each.name: getattr(conclusion, each.name) for each in fields(Conclusion)})
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Remove what was written; after `conclude` nothing happens."""
        try:
            self._file.close()
            self._part.unlink(missing_ok=True)
        except OSError:
            return  # there is a reason already why it is abandoned

    def _line(self, row: Mapping[str, Any]) -> None:
        self._file.write(json_text(row) + "\n")


def recorded_settings(settings: AnnotateSettings) -> dict[str, Any]:
    """Return the settings that a result depends on, as they stand in a record."""
    found: dict[str, Any] = {}
    for field in fields(settings):
        if field.name not in _WITHOUT_EFFECT:
            value = getattr(settings, field.name)
            found[field.name] = value if isinstance(value, int | float | None) else shown(str(value))
            # A model or labels under the same name need not be the same.
            if field.name in ("model", "labels") and value is not None and Path(str(value)).is_file():
                found[f"{field.name}_file"] = FileState.of(Path(str(value))).as_json()
    return found


def read_conclusion(record: Path) -> Conclusion | None:
    """Return how a record ends; None where there is none, or none that can be read."""
    try:
        with record.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return Conclusion(**json.loads(last))
    except (OSError, ValueError, TypeError):
        return None


def read_rows(record: Path) -> Iterator[dict[str, Any]]:
    """Give what is on each frame.

    Raises:
        OSError: it cannot be read.
    """
    with record.open(encoding="utf-8") as file:
        before = None
        for line in file:
            if before is not None:
                yield json.loads(before)
            before = line  # the last line is no row


def mismatch(entry: ArchiveFile, settings: Mapping[str, Any]) -> str | None:
    """Return why an output that is there is not the finished result that is wanted; None where it is.

    Args:
        entry: whose output it is.
        settings: what is wanted, as `described` returns it.
    """
    conclusion = read_conclusion(entry.record)
    if conclusion is None or conclusion.bytes != entry.output.stat().st_size:
        return "was not made by this command"
    if conclusion.source != FileState.of(entry.source).as_json():
        return f"was made from another {shown(entry.source.name)}, which has changed since"
    for name in sorted(settings.keys() | conclusion.settings.keys()):
        was, wanted = conclusion.settings.get(name), settings.get(name)
        if was != wanted:
            changed = "has changed" if name.endswith("_file") else f"was {was}, not {wanted}"
            return f"was made with other settings: {name.removesuffix('_file')} {changed}"
    return None


def frame_row(name: str, frame: Frame, explanation: Explanation) -> dict[str, Any]:
    """Return the row of one frame.

    Args:
        name: the file's.
        frame: which frame of the file it is, and when.
        explanation: what the network said of it.

    Returns:
        `file`; `frame` (counted from 0, in the input); `seconds` into the file; `top` (five pairs of label and
        probability) and `values` (triples of name, number and unit, of a network that is no classifier, where `top` is
        empty; a number is None where it is NaN); `target`; `method`; `has_evidence`; `heat_centre` (x, y) and
        `heat_box` (x, y, width, height) of the heat that is at least half of its maximum, in pixels of the frame, None
        where there is no heat.
    """
    place = heat_place(explanation.heatmap, explanation.region, explanation.inset)
    return {
        "file": name,
        "frame": frame.index,
        "seconds": round(frame.time, 6),
        **explanation.said,
        "target": explanation.target.label,
        "method": explanation.method,
        "has_evidence": explanation.has_evidence,
        "heat_centre": None if place is None else [round(place.centre[0], 1), round(place.centre[1], 1)],
        "heat_box": None if place is None else list(place.box),
    }


class AnnotatedFile:
    """Makes room for an output and its record; whatever was begun and not completed is removed at the end.

    Args:
        entry: whose result it is.
        settings: what it is made with.

    Raises:
        OSError: the input is not there, or nothing can be written.
    """

    def __init__(self, entry: ArchiveFile, settings: AnnotateSettings) -> None:
        self.entry = entry
        self._settings = settings
        self._source = FileState.of(entry.source)  # before it is read: what changes later will be noticed
        entry.output.parent.mkdir(parents=True, exist_ok=True)
        self._record = RecordWriter(entry.record)

    @property
    def frames(self) -> int:
        """How many frames were added."""
        return self._record.rows

    def add(self, frame: Frame, explanation: Explanation) -> None:
        """Write down what is on one more frame.

        Raises:
            OSError: it cannot be written.
        """
        self._record.write(frame_row(self.entry.name, frame, explanation))

    def complete(self, damage: str | None = None) -> None:
        """Give the record and the output, which is complete in its part file, their names.

        Args:
            damage: what could not be read of the input.

        Raises:
            OSError: it cannot be written.
        """
        part = self.entry.part
        # The record first: an output without one could not be told from a stranger's file.
        self._record.conclude(
            Conclusion(
                source=self._source.as_json(),
                settings=recorded_settings(self._settings),
                frames=self.frames,
                bytes=part.stat().st_size,
                damage=damage,
            )
        )
        part.replace(self.entry.output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._record.abandon()
        try:
            self.entry.part.unlink(missing_ok=True)
        except OSError:
            return  # it is replaced by the next run
