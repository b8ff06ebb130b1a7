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
from typing import Any

from live_gradcam import __version__
from live_gradcam.archive.entry import Entry
from live_gradcam.config import AnnotateSettings

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
        self._part = path.with_name(f"{path.name}.part")
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
        self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def described(settings: AnnotateSettings) -> dict[str, Any]:
    """Return the settings that a result depends on, as they stand in a record."""
    found: dict[str, Any] = {}
    for field in fields(settings):
        if field.name not in _WITHOUT_EFFECT:
            value = getattr(settings, field.name)
            found[field.name] = value if isinstance(value, int | float | None) else str(value)
            # A model or labels under the same name need not be the same.
            if field.name in ("model", "labels") and value is not None and Path(str(value)).is_file():
                found[f"{field.name}_file"] = FileState.of(Path(str(value))).as_json()
    return found


def conclusion_of(record: Path) -> Conclusion | None:
    """Return how a record ends; None where there is none, or none that can be read."""
    try:
        with record.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return Conclusion(**json.loads(last))
    except (OSError, ValueError, TypeError):
        return None


def rows_of(record: Path) -> Iterator[dict[str, Any]]:
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


def obstacle(entry: Entry, settings: Mapping[str, Any]) -> str | None:
    """Return why an output that is there is not the finished result that is wanted; None where it is.

    Args:
        entry: whose output it is.
        settings: what is wanted, as `described` returns it.
    """
    conclusion = conclusion_of(entry.record)
    if conclusion is None or conclusion.bytes != entry.output.stat().st_size:
        return "was not made by this command"
    if conclusion.source != FileState.of(entry.source).as_json():
        return f"was made from another {entry.source.name}, which has changed since"
    for name in sorted(settings.keys() | conclusion.settings.keys()):
        was, wanted = conclusion.settings.get(name), settings.get(name)
        if was != wanted:
            changed = "has changed" if name.endswith("_file") else f"was {was}, not {wanted}"
            return f"was made with other settings: {name.removesuffix('_file')} {changed}"
    return None
