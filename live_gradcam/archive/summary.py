"""The summary: one table of all annotated frames, made from the records of the files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from live_gradcam.archive.annotate_job import ArchiveFile
from live_gradcam.archive.record import read_rows
from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.file_names import marked

_TOP = 5

_BEGINNING = ("file", "frame", "seconds")
_END = (
    "target",
    "method",
    "has_evidence",
    *("heat_x", "heat_y", "box_x", "box_y", "box_width", "box_height"),
)

TESTED = ("alone", "without", "margin", "holds", "share", "baseline")
"""Further columns at the end if the heat was tested; empty for a frame whose heat could not be tested."""

COLUMNS = (
    *_BEGINNING,
    *(f"{what}_{rank}" for rank in range(1, _TOP + 1) for what in ("class", "probability")),
    *_END,
)
"""Columns of the CSV summary of a classifier. For a network with values, the columns of classes and probabilities are
replaced by one column for each value, named like `age [years]`."""


def check_summary(path: Path, ending: str, *, to_be_made: Path, overwrite: bool) -> None:
    """Check early that a summary can be written. It may replace an older summary, but no other file.

    Args:
        path: file of the summary.
        ending: `.csv` or `.jsonl`.
        to_be_made: a folder that does not exist yet, but may hold the summary.
        overwrite: whether any file may be replaced.

    Raises:
        SinkError: the summary cannot be written, or another file has its name.
    """
    if path.suffix.lower() != ending:
        raise SinkError(f"cannot write the summary to '{path}': the name must end in {ending}.")
    if path.absolute().parent == to_be_made.absolute() and not to_be_made.exists():
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "it is a folder" if path.is_dir() else f"there is no folder '{path.parent}'"
        raise SinkError(f"cannot write the summary to '{path}': {wrong}.")
    try:
        if not overwrite and path.exists() and not _is_summary(path):
            raise SinkError(
                f"'{path}' exists and is no summary of annotate. Use --overwrite, or another name for the summary."
            )
        part = _part(path)
        part.open("wb").close()
        part.unlink()
    except OSError as error:
        raise SinkError(f"cannot write the summary to '{path}': {error.strerror}.") from error


def _is_summary(path: Path) -> bool:
    """Return whether a file is empty, or begins like a summary."""
    with path.open("rb") as file:
        line = file.readline(2**16)
    return not line or line.startswith((",".join(_BEGINNING).encode(), b'{"file": '))


def write_csv(entries: Iterable[ArchiveFile], path: Path) -> None:
    """Write a CSV table in UTF-8, one row for each frame; it replaces an older one when it is complete.

    Args:
        entries: the finished files, in order.
        path: file of the table.

    Raises:
        SinkError: the table cannot be written.
    """
    entries = tuple(entries)
    tested = TESTED if any("faithfulness" in row for row in _rows(entries)) else ()

    def write(file: TextIO) -> None:
        table = csv.writer(file)
        rows = _rows(entries)
        first = next(rows, None)
        values = [] if first is None else first.get("values", [])
        named = [f"{name} [{unit}]" if unit else name for name, _, unit in values]
        table.writerow((*((*_BEGINNING, *named, *_END) if named else COLUMNS), *tested))
        if first is not None:
            table.writerows([*_cells(row), *_tested_cells(row, tested)] for row in chain([first], rows))

    _write(path, write)


def write_jsonl(entries: Iterable[ArchiveFile], path: Path) -> None:
    """Write the rows of `frame_row` as JSON, one object a line; otherwise like `write_csv`."""

    def write(file: TextIO) -> None:
        for row in _rows(entries):
            file.write(json_text(row) + "\n")

    _write(path, write)


def _rows(entries: Iterable[ArchiveFile]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield from read_rows(entry.record)


def _cells(row: Mapping[str, Any]) -> list[Any]:
    said = [cell for pair in row["top"] for cell in pair][: 2 * _TOP]
    said += [None] * (2 * _TOP - len(said))
    if row.get("values"):
        said = [f"{value:.7g}" if value is not None else None for _, value, _ in row["values"]]
    place = [*(row["heat_centre"] or (None, None)), *(row["heat_box"] or (None,) * 4)]
    beginning = [row[name] for name in ("file", "frame", "seconds")]
    return [*beginning, *said, row["target"], row["method"], row["has_evidence"], *place]


def _tested_cells(row: Mapping[str, Any], columns: Iterable[str]) -> list[Any]:
    found = row.get("faithfulness", {})
    return [found.get(name) for name in columns]


def _write(path: Path, write: Callable[[TextIO], None]) -> None:
    part = _part(path)
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            write(file)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SinkError(f"cannot write the summary to '{path}': {error.strerror}.") from error


def _part(path: Path) -> Path:
    return marked(path, "part")
