"""The record of an output: its input, its settings, and a row for each frame.

A record is the file `.live-gradcam/NAME.jsonl` in the folder of the outputs. It has one JSON object a line: a row for
each frame, then the conclusion. An output is finished if its record has a conclusion that fits it: a killed run leaves
no record, or one whose conclusion does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live_gradcam.archive.annotate_job import ArchiveFile
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.config import ExplainSettings
from live_gradcam.escaping import json_text, shown
from live_gradcam.explanation import Explanation
from live_gradcam.file_names import fitting
from live_gradcam.frame import Frame
from live_gradcam.heatmap import heat_place
from live_gradcam.version import __version__

RECORDS = ".live-gradcam"
"""Name of the folder of records, in the folder of outputs."""

_WITHOUT_EFFECT = frozenset({"allow_unsafe", "batch", "device", "engine", "overwrite"})
"""Settings that do not change the result."""

_USUAL = {"precision": ("auto", "f32"), "faithfulness": (False,)}
"""Setting → values that are not recorded, because earlier versions of the program had no other."""

_TAIL_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class FileState:
    """Size and modification time, to tell whether a file has changed without reading it."""

    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return the state of a file.

        Raises:
            OSError: the file does not exist.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)

    def as_json(self) -> list[int]:
        """Return it as a value for the record."""
        return [self.bytes, self.modified_ns]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The last line of a record."""

    source: list[int]
    """`FileState` of the input."""

    settings: dict[str, Any]
    """Settings of the run, as `recorded_settings` returns them."""

    frames: int
    """Number of annotated frames."""

    bytes: int
    """Size of the output."""

    damage: str | None = None
    """Damage of the input; None: none."""

    version: str = __version__


class RecordWriter:
    """Writes the record of one output; the record gets its name when it is concluded.

    Args:
        path: path of the record; its folder is created.

    Raises:
        OSError: the record cannot be written; also from every method but `abandon`.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._part = fitting(path.with_name(f"{path.name}.part"))
        self._file = self._part.open("w", encoding="utf-8", newline="\n")
        self.rows = 0

    def write(self, row: Mapping[str, Any]) -> None:
        """Append the row of a frame."""
        self._line(row)
        self.rows += 1

    def conclude(self, conclusion: Conclusion) -> None:
        """Append the conclusion and rename the record to its final name."""
        self._line({each.name: getattr(conclusion, each.name) for each in fields(Conclusion)})
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Remove the record; does nothing after `conclude`."""
        try:
            self._file.close()
            self._part.unlink(missing_ok=True)
        except OSError:
            return  # the caller already reports an error

    def _line(self, row: Mapping[str, Any]) -> None:
        self._file.write(json_text(row) + "\n")


def recorded_settings(settings: ExplainSettings) -> dict[str, Any]:
    """Return the settings that affect the result, as values for a record."""
    found: dict[str, Any] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name not in _WITHOUT_EFFECT and value not in _USUAL.get(field.name, ()):
            found[field.name] = value if isinstance(value, int | float | None) else shown(str(value))
            # A file of the same name may have other content.
            if field.name in ("model", "labels") and value is not None and Path(str(value)).is_file():
                found[f"{field.name}_file"] = FileState.of(Path(str(value))).as_json()
    return found


def read_conclusion(record: Path) -> Conclusion | None:
    """Read the conclusion of a record; None if there is none, or if it cannot be read."""
    try:
        with record.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return Conclusion(**json.loads(last))
    except (OSError, ValueError, TypeError):
        return None


def read_rows(record: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a record.

    Raises:
        OSError: the record cannot be read.
    """
    with record.open(encoding="utf-8") as file:
        before = None
        for line in file:
            if before is not None:
                yield json.loads(before)
            before = line  # the last line is the conclusion


def mismatch(entry: ArchiveFile, settings: Mapping[str, Any]) -> str | None:
    """Return why an existing output is not the result of these settings; None if it is.

    Args:
        entry: the file with the output.
        settings: the settings of this run, as `recorded_settings` returns them.
    """
    conclusion = read_conclusion(entry.record)
    if conclusion is None or conclusion.bytes != entry.output.stat().st_size:
        return "was not made by this command"
    if conclusion.source != FileState.of(entry.source).as_json():
        return f"was made from another {shown(entry.source.name)}, which has changed since"
    for name in sorted(settings.keys() | conclusion.settings.keys()):
        was, wanted = conclusion.settings.get(name), settings.get(name)
        if was != wanted:
            changed = "has changed" if name.endswith("_file") else f"was {_said(was)}, not {_said(wanted)}"
            return f"was made with other settings: {name.removesuffix('_file')} {changed}"
    return None


def _said(value: object) -> object:
    return "not set" if value is None else value


def frame_row(name: str, frame: Frame, explanation: Explanation) -> dict[str, Any]:
    """Return the row of one frame.

    Args:
        name: name of the file.
        frame: the frame, with its index and time.
        explanation: its explanation.

    Returns:
        A row with these keys: `file`; `frame` (index in the input, from 0); `seconds` into the file; `top` (five pairs
        of label and probability); `values` (triples of name, number and unit, for a network that is not a classifier,
        where `top` is empty; the number is None for NaN); `target`; `method`; `has_evidence`; `heat_centre` (x, y) and
        `heat_box` (x, y, width, height) of the heat that is at least half of its maximum, in pixels of the frame, None
        if there is no heat; `faithfulness` (`Faithfulness.said`) if the heat was tested.
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
    """Context manager for an output and its record; removes both at the end unless they are complete.

    Args:
        entry: the file.
        settings: settings of the run.

    Raises:
        OSError: the input does not exist, or the record cannot be written.
    """

    def __init__(self, entry: ArchiveFile, settings: AnnotateSettings) -> None:
        self.entry = entry
        self._settings = settings
        self._source = FileState.of(entry.source)  # before reading, so that a later change is noticed
        entry.output.parent.mkdir(parents=True, exist_ok=True)
        self._record = RecordWriter(entry.record)

    @property
    def frames(self) -> int:
        """Number of frames that were added."""
        return self._record.rows

    def add(self, frame: Frame, explanation: Explanation) -> None:
        """Add the row of a frame to the record.

        Raises:
            OSError: the record cannot be written.
        """
        self._record.write(frame_row(self.entry.name, frame, explanation))

    def complete(self, damage: str | None = None) -> None:
        """Conclude the record and rename the finished part file to the output's name.

        Args:
            damage: damage of the input; None: none.

        Raises:
            OSError: a file cannot be written.
        """
        part = self.entry.part
        # The record first: an output without a record looks like a file that another program made.
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
            return  # the next run replaces it
