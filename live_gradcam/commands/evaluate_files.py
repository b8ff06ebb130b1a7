"""The files of `evaluate`: JSON with the tables, CSV with the values of each photograph, and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.file_names import fitting
from live_gradcam.number_format import counted

if TYPE_CHECKING:
    from live_gradcam.archive.evaluate import EvaluateReport
    from live_gradcam.frame import Pixels

_COLUMNS = ("model", "file", "class", "probability", "method", "metric", "control", "value")
"""The header of the CSV file."""

_PROGRAM = "live-gradcam evaluate"
"""The text in the plot's PNG file, by which a later run knows it."""


def check_file(path: Path, ending: str, *, overwrite: bool = False) -> None:
    """Check early that a file can be written. It may replace one of an earlier evaluation, but no other file.

    Args:
        path: the file.
        ending: what its name must end in, such as `.json`.
        overwrite: whether any file may be replaced.

    Raises:
        SinkError: it cannot.
    """
    if path.suffix.lower() != ending:
        raise SinkError(f"cannot write '{path}': the name must end in {ending}.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "it is a folder" if path.is_dir() else f"there is no folder '{path.parent}'"
        raise SinkError(f"cannot write '{path}': {wrong}.")
    if path.exists() and not overwrite and not _is_own(path, ending):
        raise SinkError(
            f"cannot write '{path}': it exists and is no file of an evaluation. Choose another name, or use "
            "--overwrite."
        )


def _is_own(path: Path, ending: str) -> bool:
    """Return whether a file is empty, or begins like one that `write_files` wrote."""
    try:
        with path.open("rb") as file:
            beginning = file.read(2**12)
    except OSError as error:
        raise SinkError(f"cannot write '{path}': {error.strerror}.") from error
    if ending == ".json":
        known = beginning.startswith(b"{") and b'"model"' in beginning and b'"rows"' in beginning
    else:
        known = (",".join(_COLUMNS).encode() if ending == ".csv" else _PROGRAM.encode()) in beginning
    return not beginning or known


def write_files(
    reports: Sequence[EvaluateReport], *, json_file: Path | None, csv_file: Path | None, plot: Path | None
) -> None:
    """Write the reports of all models.

    Args:
        reports: the reports.
        json_file: takes the tables; None: it is not written.
        csv_file: takes the values of each photograph; None: it is not written.
        plot: takes a picture of the tables; None: it is not written.

    Raises:
        SinkError: one cannot be written.
    """
    said = [
        {**report.evaluation.said, "interrupted": report.interrupted, "settings": report.settings}
        for report in reports
    ]
    file = json_file
    try:
        if file is not None:
            tree = said[0] if len(said) == 1 else {"evaluations": said}
            _put(file, (json_text(tree, indent=2) + "\n").encode())
        file = csv_file
        if file is not None:
            table = io.StringIO(newline="")
            _write_csv(csv.writer(table), reports)
            _put(file, table.getvalue().encode())
        file = plot
        if file is not None:
            from live_gradcam.render.interval_plot import Bar, interval_plot

            bars = [
                Bar(
                    group=_group(row.metric, report, several=len(reports) > 1),
                    name=row.method if row.control is None else f"{row.method}, {row.control}",
                    mean=row.mean,
                    low=row.low,
                    high=row.high,
                    faint=row.control is not None,
                )
                for report in reports
                for row in report.evaluation.rows
            ]
            _put(file, _signed_png(interval_plot(bars)))
    except OSError as error:
        raise SinkError(f"cannot write '{file}': {error.strerror}.") from error


def _group(metric: str, report: EvaluateReport, *, several: bool) -> str:
    """Return the title of a metric's panel: which direction is better, and of how many photographs the means are."""
    from live_gradcam.metrics.metric import metric_named

    counts = [row.count for row in report.evaluation.rows if row.metric == metric]
    photos = counted(max(counts), "photo")
    if min(counts) < max(counts):
        photos = f"{min(counts)} to {photos}"
    better = "higher" if metric_named(metric).higher_is_better else "lower"
    names = [metric, report.evaluation.model] if several else [metric]
    return ", ".join([*names, f"{better} is better", photos])


def _signed_png(picture: Pixels) -> bytes:
    """Return a PNG file of (H, W, 3) uint8 BGR with a text that says where it is from."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text, file = PngInfo(), io.BytesIO()
    text.add_text("Software", _PROGRAM)
    Image.fromarray(picture[..., ::-1]).save(file, "PNG", pnginfo=text)
    return file.getvalue()


def _put(path: Path, content: bytes) -> None:
    """Write a file that appears only when it is complete."""
    part = fitting(path.with_name(f"{path.name}.part"))
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def _write_csv(table: Any, reports: Sequence[EvaluateReport]) -> None:  # noqa: ANN401 - csv's writer has no name
    table.writerow(_COLUMNS)
    for report in reports:
        for name, photo in report.photos:
            probability = None if photo.probability is None else f"{photo.probability:.4f}"
            for each, value in photo.values.items():
                number = None if value is None else f"{value:.6f}"
                table.writerow((report.evaluation.model, name, photo.label, probability, *each, number))
