"""The file of a run's statistics, which `--stats` names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.file_names import fitting


def refuse_report(path: Path, *, overwrite: bool) -> None:
    """Check early that statistics can be written to a path. They may replace older ones, but no other file.

    Args:
        path: the file.
        overwrite: whether any file may be replaced.

    Raises:
        SinkError: it is a folder, its folder does not exist, or another file has its name.
    """
    if path.is_dir():
        raise SinkError(f"cannot write the statistics to '{path}': it is a folder. Give the name of a file.")
    if not path.parent.is_dir():
        raise SinkError(
            f"cannot write the statistics to '{path}': there is no folder '{path.parent}'. Make it first."
        )
    if path.exists() and not overwrite and not _is_report(path):
        raise SinkError(
            f"'{path}' exists and has no statistics. Use --overwrite, or another name for --stats."
        )


def _is_report(path: Path) -> bool:
    """Return whether a file is empty, or begins like a report."""
    try:
        with path.open("rb") as file:
            beginning = file.read(2**16)
    except OSError as error:
        raise SinkError(f"cannot write the statistics to '{path}': {error.strerror}.") from error
    return not beginning or (beginning.startswith(b"{") and b'"frames_captured"' in beginning)


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report to a file, which appears only when it is complete.

    Raises:
        SinkError: it cannot be written.
    """
    part = fitting(path.with_name(f"{path.name}.part"))
    try:
        part.write_text(json_text(report, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SinkError(f"cannot write the statistics to {path}: {error.strerror}.") from error
