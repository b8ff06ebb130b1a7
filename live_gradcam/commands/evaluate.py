"""`evaluate`: measure over many photographs whether heat maps are true."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands.columns import print_columns
from live_gradcam.commands.evaluate_files import check_file, write_files
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL, ExplainSettings
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.escaping import shown
from live_gradcam.faithfulness import Baseline
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
        "pixels of the photograph, COCO's JSON, or a folder of Pascal VOC's .xml or YOLO's .txt files.",
        metavar="FILE|DIR",
    )
    limit: int | None = in_frames(
        None, "Evaluate at most N photographs, spread evenly.", metavar="N", limits=Limits(1)
    )
    json_file: Path | None = in_output(None, "Write the table to a file.", metavar="FILE.json", option="json")
    csv: Path | None = in_output(None, "Write the values of each photograph.", metavar="FILE.csv")
    plot: Path | None = in_output(None, "Draw the table with its intervals.", metavar="FILE.png")
    overwrite: bool = in_output(
        False, "Allow --json, --csv and --plot to replace files that are not of an evaluation."
    )
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
            check_file(file, ending, overwrite=settings.overwrite)
    with EvaluateProgress(quiet=settings.quiet) as progress:
        reports, errors = _reports(photos, chosen, settings, progress)
    if errors and not reports:
        raise errors[0]
    for report in reports:
        _print(report, report.evaluation.model if len(chosen) > 1 else "", quiet=settings.quiet)
    write_files(reports, json_file=settings.json_file, csv_file=settings.csv, plot=settings.plot)
    failures = [*dict.fromkeys(str(failure) for report in reports for failure in report.failures)]
    # The whole message, with the address and the path of missing weights.
    failures += [" ".join(error.args[0].split()) for error in errors]
    for line in failures:
        typer.echo(shown(f"live-gradcam: {line}"), err=True)
    if failures:
        raise typer.Exit(1)


def _reports(
    photos: Sequence[str],
    chosen: Sequence[ExplainSettings],
    settings: EvaluateSettings,
    progress: Any,  # noqa: ANN401
) -> tuple[list[EvaluateReport], list[LiveGradcamError]]:
    """Return the report of each model, up to the first that was interrupted, and the errors of the others.

    A model that cannot be evaluated, such as one whose weights are missing, does not cost the results of the others.
    """
    from dataclasses import replace

    from live_gradcam.archive.evaluate import EvaluateJob, evaluate_photos
    from live_gradcam.archive.inputs import all_named
    from live_gradcam.archive.places_file import read_places
    from live_gradcam.explain.methods.method import method_named, method_names
    from live_gradcam.metrics.map_case import controls_named
    from live_gradcam.metrics.metric import METRICS, metric_named, metrics_named

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
    if job.places is not None and not any(
        each.needs == "place" for each in metrics_named(job.metrics, places=True)
    ):
        asking = ", ".join(name for name in METRICS if metric_named(name).needs == "place")
        progress.say(
            f"the boxes are not used: of the metrics only {asking} ask for them. Name these with --metrics."
        )
    # The graph of a method of one pass also scores the changed pictures.
    first = next(
        (each for each in settings.methods if each in method_names() and method_named(each).one_pass), None
    )
    named = [*all_named(photos, sys.stdin)]  # stdin can be read once
    reports: list[EvaluateReport] = []
    errors: list[LiveGradcamError] = []
    for each in chosen:
        with_method = replace(each, method=first or DEFAULT_METHOD)
        try:
            reports.append(evaluate_photos(named, with_method, job, progress=progress))
        except LiveGradcamError as error:
            errors.append(error)
            continue
        if reports[-1].interrupted:
            break
    return reports, errors


def _print(report: EvaluateReport, title: str, *, quiet: bool) -> None:
    """Print the table of one model, and what it says in words."""
    evaluation = report.evaluation
    if title:
        typer.echo(f"\n{title}")
    if evaluation.rows:
        print_columns(*_table(evaluation), right=(2, 4, 5, 6, 7))
    for line in _without_values(report):
        typer.echo(line)
    for metric in dict.fromkeys(row.metric for row in evaluation.rows):
        if words := evaluation.words(metric):
            typer.echo(words)
    if not quiet and len({row.method for row in evaluation.rows}) == 1:  # else the lines in words say so
        for line in _hints(evaluation):
            typer.echo(line)
    if not quiet:
        parts = [counted(evaluation.count, "photo")]
        if report.boxed is not None and report.boxed < evaluation.count:
            parts.append(f"boxes for {report.boxed} of them, so that metrics of the place are of no others")
        controlled = max((row.count for row in evaluation.rows if row.control is not None), default=0)
        if controlled and controlled < max(row.count for row in evaluation.rows):
            parts.append(f"controls on {controlled} of them")
        if report.kept:
            parts.append(f"{report.kept} of them known from an earlier run")
        if report.failures:
            parts.append(f"{counted(len(report.failures), 'fault')}, named below")
        if report.interrupted:
            parts.append("interrupted: run the same command again to continue")
        typer.echo("; ".join(parts))


def _without_values(report: EvaluateReport) -> list[str]:
    """Return a line for the metrics that have no row, because no photograph has a value."""
    from live_gradcam.metrics.metric import metric_named

    asked = dict.fromkeys(name.metric for _, photo in report.photos for name in photo.values)
    lost = [each for each in asked if not report.evaluation.of(each)]
    places = [each for each in lost if metric_named(each).needs == "place"]
    others = [each for each in lost if each not in places]
    why = {
        "no photograph has a box in the part that the network sees; --fit wide, stretch or pad shows it more": places,
        "no photograph has a value; the methods find no evidence, or the network has no second class": others,
    }
    return [f"{', '.join(metrics)}: {reason}" for reason, metrics in why.items() if metrics]


def _hints(evaluation: Evaluation) -> list[str]:
    """Return a line for the metrics that have values of only a few photographs."""
    from live_gradcam.metrics.evaluation import FEW_PHOTOS

    few: dict[int, list[str]] = {}
    own = [row for row in evaluation.rows if row.control is None]
    for row in own:
        if row.count < FEW_PHOTOS:
            few.setdefault(row.count, []).append(row.metric)
    return [
        f"{'' if len(metrics) == len(own) else ', '.join(metrics) + ': '}only {counted(count, 'photo')}: a hint, for "
        "the intervals are too narrow"
        for count, metrics in few.items()
    ]


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
