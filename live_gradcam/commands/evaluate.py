"""`evaluate`: measure over many photographs whether heat maps are true."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands.columns import print_columns
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL, ExplainSettings
from live_gradcam.errors import SettingsError, SinkError
from live_gradcam.escaping import json_text, shown
from live_gradcam.faithfulness import Baseline
from live_gradcam.file_names import fitting
from live_gradcam.number_format import counted
from live_gradcam.setting import Limits, check_settings, in_explanation, in_frames, in_model, in_output

if TYPE_CHECKING:
    from live_gradcam.archive.evaluate import EvaluateReport
    from live_gradcam.metrics.evaluation import Evaluation, Row

_WITHOUT = ("method", "alpha", "colormap")
_NONE = "none"


def _names(option: str, text: str) -> tuple[str, ...]:
    """Return the names of a text such as `gradcam,layercam`."""
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    if not found:
        raise SettingsError(f"{option} is '{text}': it must be names separated by commas.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """The settings of `evaluate` besides those of the explanations."""

    model: Sequence[str] = in_model(
        (),
        "Model to evaluate; may be repeated.",
        metavar="NAME|FILE|MODULE:FACTORY",
        short="-m",
        usual=DEFAULT_MODEL,
    )
    methods: tuple[str, ...] = in_explanation(
        (DEFAULT_METHOD,),
        "Methods to compare: names separated by commas, or all (`live-gradcam methods`).",
        metavar="a,b|all",
        usual=DEFAULT_METHOD,
        read=_names,
    )
    metrics: tuple[str, ...] = in_explanation(
        ("deletion", "insertion"),
        "Metrics: names separated by commas, or all (docs/faithfulness.md lists them).",
        metavar="a,b|all",
        usual="deletion,insertion",
        read=_names,
    )
    steps: int = in_explanation(
        20, "Steps of the curves of deletion and insertion.", metavar="N", limits=Limits(1, 10_000)
    )
    baseline: Baseline | None = in_explanation(
        None,
        "What takes the place of pixels in both curves: the picture blurred, lightly blurred, black, grey, or its "
        "mean colour.",
        usual="grey for deletion, light-blur for insertion",
    )
    controls: tuple[str, ...] = in_explanation(
        ("shifted", "shuffled", "central"),
        "Maps to test beside each method's own: its map shifted by half the picture, its cells shuffled, and one that "
        "is hot in the middle; or none.",
        metavar="a,b|none",
        usual="shifted,shuffled,central",
        read=_names,
    )
    control_photos: int = in_frames(
        50,
        "Number of photographs the controls are tested on; each control costs as much as a method.",
        metavar="N",
        limits=Limits(1),
    )
    boxes: Path | None = in_frames(
        None,
        "Where the thing is, for pointing, inside and rank-accuracy: CSV with the columns file, x, y, width, height in "
        "pixels of the photograph, or COCO's JSON.",
        metavar="FILE",
    )
    limit: int | None = in_frames(
        None, "Evaluate at most N photographs, spread evenly.", metavar="N", limits=Limits(1)
    )
    json_file: Path | None = in_output(None, "Write the table to a file.", metavar="FILE.json", option="json")
    csv: Path | None = in_output(None, "Write the values of each photograph.", metavar="FILE.csv")
    plot: Path | None = in_output(None, "Draw the table with its intervals.", metavar="FILE.png")
    quiet: bool = in_output(False, "Print only the table and what failed.", short="-q")

    def __post_init__(self) -> None:
        check_settings(self)


@takes_settings(EvaluateSettings, ExplainSettings, without=_WITHOUT)
def evaluate(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTOS...",
            help="Photographs, folders (with their subfolders) or globs; - reads a list from stdin.",
            show_default=False,
        ),
    ],
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Measure whether heat maps are true: cover what they show, and ask the network again.  A second run continues."""
    settings = EvaluateSettings(**given(EvaluateSettings, typed))
    models = settings.model or (DEFAULT_MODEL,)
    chosen = [ExplainSettings(**{**given(ExplainSettings, typed), "model": each}) for each in models]

    from live_gradcam.commands.progress import EvaluateProgress
    from live_gradcam.settings_check import refuse_typos

    for each in chosen:
        refuse_typos(each)
    for file, ending in ((settings.json_file, ".json"), (settings.csv, ".csv"), (settings.plot, ".png")):
        if file is not None:
            _check_file(file, ending)
    with EvaluateProgress(quiet=settings.quiet) as progress:
        reports = _reports(photos, chosen, settings, progress)
    for each, report in zip(chosen, reports, strict=False):
        _print(report, each.model_name if len(chosen) > 1 else "", quiet=settings.quiet)
    _write(settings, reports)
    failures = [*dict.fromkeys(str(failure) for report in reports for failure in report.failures)]
    for line in failures:
        typer.echo(shown(f"live-gradcam: {line}"), err=True)
    if failures:
        raise typer.Exit(1)


def _reports(
    photos: Sequence[str],
    chosen: Sequence[ExplainSettings],
    settings: EvaluateSettings,
    progress: Any,  # noqa: ANN401
) -> list[EvaluateReport]:
    """Return the report of each model, up to the first that was interrupted."""
    from dataclasses import replace

    from live_gradcam.archive.evaluate import EvaluateJob, evaluate_photos
    from live_gradcam.archive.places_file import read_places
    from live_gradcam.explain.methods.method import METHODS, method_named
    from live_gradcam.metrics.map_case import controls_named

    controls = () if settings.controls == (_NONE,) else controls_named(settings.controls)
    job = EvaluateJob(
        methods=settings.methods,
        metrics=settings.metrics,
        controls=controls,
        most_controls=settings.control_photos,
        steps=settings.steps,
        baseline=settings.baseline,
        places=None if settings.boxes is None else read_places(settings.boxes),
        limit=settings.limit,
        beside=settings.json_file or settings.csv,
    )
    # The graph of a method of one pass also scores the changed pictures.
    first = next((each for each in settings.methods if each in METHODS and method_named(each).one_pass), None)
    reports = []
    for each in chosen:
        with_method = replace(each, method=first or DEFAULT_METHOD)
        reports.append(evaluate_photos(photos, with_method, job, progress=progress, listed=sys.stdin))
        if reports[-1].interrupted:
            break
    return reports


def _check_file(path: Path, ending: str) -> None:
    """Check early that a file can be written.

    Raises:
        SinkError: it cannot.
    """
    if path.suffix.lower() != ending:
        raise SinkError(f"cannot write '{path}': the name must end in {ending}.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "it is a folder" if path.is_dir() else f"there is no folder '{path.parent}'"
        raise SinkError(f"cannot write '{path}': {wrong}.")


def _print(report: EvaluateReport, title: str, *, quiet: bool) -> None:
    """Print the table of one model, and what it says in words."""
    from live_gradcam.metrics.evaluation import FEW_PHOTOS

    evaluation = report.evaluation
    if title:
        typer.echo(f"\n{title}")
    if evaluation.rows:
        print_columns(*_table(evaluation), right=(2, 4, 5, 6, 7))
    for metric in dict.fromkeys(row.metric for row in evaluation.rows):
        if words := evaluation.words(metric):
            typer.echo(words)
    if not quiet and 0 < evaluation.count < FEW_PHOTOS and len({row.method for row in evaluation.rows}) == 1:
        typer.echo(f"only {counted(evaluation.count, 'photo')}: a hint, for the intervals are too narrow")
    if not quiet:
        parts = [counted(evaluation.count, "photo")]
        if report.kept:
            parts.append(f"{report.kept} of them known from an earlier run")
        if report.failures:
            parts.append(f"{counted(len(report.failures), 'fault')}, named below")
        if report.interrupted:
            parts.append("interrupted: run the same command again to continue")
        typer.echo("; ".join(parts))


def _table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: one row for a metric of a method, with its controls beside it."""
    from live_gradcam.metrics.map_case import CONTROLS
    from live_gradcam.metrics.metric import metric_named

    controls = [each for each in CONTROLS if any(row.control == each for row in evaluation.rows)]
    rows = []
    for row in evaluation.rows:
        if row.control is not None:
            continue
        beside = [evaluation.of(row.metric, each).get(row.method) for each in controls]
        better = "higher" if metric_named(row.metric).higher_is_better else "lower"
        cells = [row.method, f"{row.metric} ({better})", f"{row.mean:.3f}", _interval(row), str(row.count)]
        rows.append([*cells, *("" if each is None else f"{each.mean:.3f}" for each in beside)])
    return ["method", "metric (better)", "mean", "95% interval", "photos", *controls], rows


def _interval(row: Row) -> str:
    return f"{row.low:.3f} to {row.high:.3f}" if row.count > 1 else "–"


def _write(settings: EvaluateSettings, reports: Sequence[EvaluateReport]) -> None:
    """Write the files that the settings name.

    Raises:
        SinkError: one cannot be written.
    """
    said = [{**report.evaluation.said, "settings": report.settings} for report in reports]
    file = settings.json_file
    try:
        if file is not None:
            tree = said[0] if len(said) == 1 else {"evaluations": said}
            _put(file, (json_text(tree, indent=2) + "\n").encode())
        file = settings.csv
        if file is not None:
            table = io.StringIO(newline="")
            _write_csv(csv.writer(table), reports)
            _put(file, table.getvalue().encode())
        file = settings.plot
        if file is not None:
            from live_gradcam.render.interval_plot import Bar, interval_plot

            bars = [
                Bar(
                    group=f"{row.metric}, {report.evaluation.model}" if len(reports) > 1 else row.metric,
                    name=row.method if row.control is None else f"{row.method}, {row.control}",
                    mean=row.mean,
                    low=row.low,
                    high=row.high,
                    faint=row.control is not None,
                )
                for report in reports
                for row in report.evaluation.rows
            ]
            import cv2

            _put(file, cv2.imencode(".png", interval_plot(bars))[1].tobytes())
    except OSError as error:
        raise SinkError(f"cannot write '{file}': {error.strerror}.") from error


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
    table.writerow(("model", "file", "class", "probability", "method", "metric", "control", "value"))
    for report in reports:
        for name, photo in report.photos:
            probability = None if photo.probability is None else f"{photo.probability:.4f}"
            for each, value in photo.values.items():
                number = None if value is None else f"{value:.6f}"
                table.writerow((report.evaluation.model, name, photo.label, probability, *each, number))
