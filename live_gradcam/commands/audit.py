"""`audit`: find out by what a network recognises each class, the thing or its background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands.annotate import AnnotateOutput
from live_gradcam.commands.options import given, takes_settings, typed_again
from live_gradcam.commands.serve import refuse_without_web
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.escaping import shown
from live_gradcam.number_format import counted
from live_gradcam.setting import REQUIRED, Limits, check_settings, in_frames, in_model, in_output

if TYPE_CHECKING:
    from live_gradcam.audit.audit import AuditRun
    from live_gradcam.audit.findings import AuditReport

_WITHOUT = ("alpha", "colormap", "target")
_BACKGROUND_FOUND = 3
"""Exit code of `--fail-background`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The settings of `audit` besides those of the explanations."""

    out: Path = in_output(
        REQUIRED,
        "Folder of the results: index.html, audit.json, photos.csv and photos.jsonl. A second run continues.",
        metavar="DIR",
    )
    masks: Path | None = in_frames(
        None,
        "Where the thing is: a folder with a PNG for each photograph, of the same name and size, in the same folders; "
        "the thing is what is not black.",
        metavar="DIR",
    )
    boxes: Path | None = in_frames(
        None,
        "Where the thing is: CSV with the columns file, x, y, width, height in pixels, COCO's JSON, or a folder of "
        "Pascal VOC's .xml or YOLO's .txt files.",
        metavar="FILE|DIR",
    )
    truths: Path | None = in_frames(
        None,
        "The class of each photograph: CSV with the columns file, class. Without it, PHOTOS has a folder for each "
        "class.",
        metavar="FILE.csv",
    )
    train: Path | None = in_frames(
        None,
        "A folder of photographs that the model was trained on: copies of them among PHOTOS are named.",
        metavar="DIR",
    )
    mark: bool = in_frames(
        False,
        "Say where the thing is on a page in the browser: draw boxes there, and start the audit.",
    )
    backgrounds: int = in_frames(
        4,
        "Number of other classes' backgrounds that each thing is put on.",
        metavar="N",
        limits=Limits(1, 32),
    )
    compare: str | None = in_model(
        None,
        "Another model, such as this one before it was trained again: both side by side, with the differences. It "
        "takes the labels beside it, else those of --model; all other settings hold for both.",
        metavar="NAME|FILE",
    )
    ray: str | None = in_frames.like(AnnotateOutput, "ray")
    fail_background: float | None = in_output(
        None,
        "Exit with code 3 if the background carries this share of the effect or more, from 0 to 1, for any class "
        "whose verdict is background, both or thing.",
        metavar="SHARE",
        limits=Limits(0, 1),
    )
    quiet: bool = in_output(False, "Print only the sentences, what failed, and warnings.", short="-q")

    def __post_init__(self) -> None:
        check_settings(self)


@takes_settings(AuditSettings, ExplainSettings, without=_WITHOUT)
def audit(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTOS...",
            help="A folder with a folder of photographs, films and saved sessions for each class; with --truths also "
            "files, folders or globs.",
            show_default=False,
        ),
    ],
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Find out by what a network recognises each class: the thing or its background.  A second run continues."""
    settings = AuditSettings(**given(AuditSettings, typed))
    chosen = ExplainSettings(**given(ExplainSettings, typed))

    from live_gradcam.archive.record import RECORDS
    from live_gradcam.audit.audit import AuditJob, audit_photos
    from live_gradcam.audit.audit_files import made_folder, write_audit
    from live_gradcam.audit.report import write_report
    from live_gradcam.commands.progress import EvaluateProgress
    from live_gradcam.settings_check import refuse_typos, refuse_unknown_model

    refuse_typos(chosen)
    if settings.compare is not None:
        refuse_unknown_model(settings.compare)
    if not all(map(find_spec, ("sklearn", "scipy", "jinja2"))):
        raise LiveGradcamError(
            "an audit needs scikit-learn, SciPy and Jinja2, which are not all installed. "
            "Type: pip install 'live-gradcam[audit]'"
        )
    if settings.mark and (settings.masks or settings.boxes) is not None:
        raise SettingsError("mark is given beside masks or boxes: give one of them.")
    if settings.mark:
        refuse_without_web("the page for marking", "audit,web")
    job = AuditJob(
        truths=settings.truths,
        masks=settings.masks,
        boxes=settings.boxes,
        training=settings.train,
        backgrounds=settings.backgrounds,
        compare=settings.compare,
        cluster=settings.ray,
        keep=settings.out / RECORDS,
    )

    def write(run: AuditRun) -> None:
        removed = write_audit(run.report, settings.out)
        write_report(run.report, settings.out, run.paths, run.examples)
        if removed:
            typer.echo(
                f"removed {' and '.join(removed)} of an earlier run with --compare, which are no part of this audit"
            )

    with made_folder(settings.out):
        if settings.mark:
            from live_gradcam.commands.audit_marking import audit_marked

            marked = audit_marked(photos, chosen, job, settings.out, write=write, quiet=settings.quiet)
            if marked is None:
                return
            run = marked
        else:
            with EvaluateProgress(quiet=settings.quiet) as progress:
                run = audit_photos(photos, chosen, job, progress=progress)
            if run.report.photos:
                write(run)
    _print(run, settings, typed_again(audit, ["audit", *photos], typed, "--mark"))
    _end(run.report, settings.fail_background)


def _end(report: AuditReport, most: float | None) -> None:
    """Say what is wrong, and end with its exit code."""
    from live_gradcam.audit.headlines import below_chance
    from live_gradcam.audit.mask_faults import mask_fault_lines

    for line in filter(None, (below_chance(report), *mask_fault_lines(report.photos), *report.failures)):
        typer.echo(shown(f"live-gradcam: {line}"), err=True)
    if failing := _failing(report, most):
        listed = ", ".join(failing)
        typer.echo(
            shown(
                f"live-gradcam: the background carries {most:g} of the effect or more (--fail-background): {listed}"
            ),
            err=True,
        )
        if not report.interrupted:  # else it has not looked at everything, whatever it found
            raise typer.Exit(_BACKGROUND_FOUND)
    if report.failures or report.interrupted:
        raise typer.Exit(1)


def _print(run: AuditRun, settings: AuditSettings, with_marks: str) -> None:
    """Print the sentences, and how the run went.

    Args:
        run: the run.
        settings: of the command.
        with_marks: the same command with `--mark`.
    """
    from live_gradcam.audit.comparison import plain_names
    from live_gradcam.audit.headlines import cluster_lines, copies_text, strong_causes, weak_causes
    from live_gradcam.audit.report_texts import ONLY_THESE, effect_text, unknown_places, with_verdict

    report = run.report
    for each in report.classes:
        typer.echo(shown(with_verdict(each)))
    if report.comparison is not None:
        own, beside = plain_names(report.model, report.comparison.report.model)
        typer.echo(shown(f"from {beside} to {own}:"))
        for change in report.comparison.classes:
            typer.echo(shown(change.sentence))
        if not settings.quiet:
            typer.echo(ONLY_THESE)
    if settings.quiet:
        return
    if effect := effect_text(report):
        typer.echo(shown(effect))
    if unknown := unknown_places(report):
        typer.echo(shown(f"the place of the thing: {unknown[0].lower()}{unknown[1:]}"))
    if report.photos and not report.places and not settings.mark:
        typer.echo("to say where the things are, draw boxes on a page:")
        typer.echo(shown(f"    {with_marks}"))
    if clusters := cluster_lines(report):
        typer.echo("suspicious clusters, which the network treats alike:")
        for line in clusters:
            typer.echo(shown(f"    {line}"))
    if causes := strong_causes(report):
        typer.echo("the network may have learned one of these dull causes:")
        _print_first([each.sentence for each in causes])
    if report.duplicates:
        typer.echo(copies_text(report).rstrip(".") + ":")
        _print_first([each.sentence for each in report.duplicates])
    elif settings.train is not None and report.photos:
        typer.echo(shown(f"no photograph is a copy of one in {settings.train}"))
    if weak := weak_causes(report):
        typer.echo("weak hints:")
        _print_first([each.sentence for each in weak])
    parts = [counted(len(report.photos), "photo")]
    if run.kept:
        parts.append(f"{run.kept} of them known from an earlier run")
    if (guessed := report.places.get("estimated", 0)) > 0:
        parts.append(f"{counted(guessed, 'outline')} of things estimated from boxes")
    if report.failures:
        parts.append(f"{counted(len(report.failures), 'fault')}, named below")
    if report.interrupted:
        parts.append("interrupted: run the same command again to continue")
    if report.photos:
        parts.append(f"open {settings.out / 'index.html'}")
    typer.echo(shown("; ".join(parts)))


def _print_first(sentences: Sequence[str]) -> None:
    from live_gradcam.audit.headlines import first_lines

    for line in first_lines(sentences):
        typer.echo(shown(f"    {line}"))


def _failing(report: AuditReport, most: float | None) -> Sequence[str]:
    """Return the classes whose background carries a share of the effect that is not wanted, with that share."""
    if most is None:
        return []
    return [
        f"{each.name} {each.share.mean:.3g}"
        for each in report.classes
        if each.verdict != "cannot tell" and each.share is not None and each.share.mean >= most
    ]
