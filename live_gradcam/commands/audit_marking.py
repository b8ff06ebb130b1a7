"""`audit --mark`: a person draws boxes on a page, and starts the audit there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from live_gradcam.archive.evaluate import PhotoListener
from live_gradcam.archive.record import RECORDS
from live_gradcam.audit.audit import AuditJob, AuditRun, audit_photos
from live_gradcam.audit.film_frames import photos_of
from live_gradcam.audit.marks import Marks
from live_gradcam.audit.photo_folders import AuditPhoto, class_ids, forgotten_model
from live_gradcam.commands.progress import EvaluateProgress
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.escaping import shown
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.server.marking import AuditTurn, MarkingPage, marking_served
from live_gradcam.server.settings import ServerSettings


class _Both:
    """A listener that tells the page and the terminal.

    Args:
        page: tells the page.
        terminal: shows the progress on the terminal.
    """

    def __init__(self, page: AuditTurn, terminal: PhotoListener) -> None:
        self._listeners = (page, terminal)

    def say(self, line: str) -> None:
        """Show a line."""
        for each in self._listeners:
            each.say(line)

    def begin(self, photos: int) -> None:
        """Take the number of photographs to come."""
        for each in self._listeners:
            each.begin(photos)

    def advance(self, photos: int) -> None:
        """Count photographs that are finished."""
        for each in self._listeners:
            each.advance(photos)


def audit_marked(
    typed: Sequence[str],
    settings: ExplainSettings,
    job: AuditJob,
    out: Path,
    *,
    write: Callable[[AuditRun], None],
    quiet: bool,
) -> AuditRun | None:
    """Serve the page, and audit whenever somebody asks for it there, until Ctrl-C.

    Args:
        typed: as `audit_photos` takes them.
        settings: as `audit_photos` takes them.
        job: what to audit, without masks or boxes.
        out: the folder of the results.
        write: writes the files of a run.
        quiet: whether to print little.

    Returns:
        The last run; None if nobody asked for one.

    Raises:
        LiveGradcamError: there is nothing to mark, or the last audit failed.
    """
    photos, _ = photos_of(typed, job.truths, out / RECORDS, typer.echo)
    _refuse_other_classes(photos, settings)
    marks = Marks(photos, out)
    page = MarkingPage(marks=marks, turn=AuditTurn(), out=out, lang=settings.lang)
    # The page writes files, so other users of this machine need the token, too.
    server = ServerSettings(port=0, token=secrets.token_urlsafe(24))
    run: AuditRun | None = None
    failed: LiveGradcamError | None = None
    with marking_served(page, server) as link:
        typer.echo(f"open {link}")
        typer.echo(shown(f"the boxes are written to {marks.boxes}; Ctrl-C ends it, the same command goes on"))
        try:
            while run is None or not run.report.interrupted:
                page.turn.wait()
                marked = replace(
                    job,
                    boxes=marks.boxes if marks.has_boxes else None,
                    estimates=marks.masks if marks.has_boxes else None,
                )
                try:
                    with EvaluateProgress(quiet=quiet) as progress:
                        run = audit_photos(typed, settings, marked, progress=_Both(page.turn, progress))
                    if run.report.photos:
                        write(run)
                except LiveGradcamError as error:
                    failed = error
                    page.turn.end(shown(str(error)))
                    typer.echo(shown(f"live-gradcam: {error}"), err=True)
                else:
                    failed = None
                    page.turn.end()
                    typer.echo(shown(f"the report: {out / 'index.html'}; Ctrl-C ends it"))
        except KeyboardInterrupt:
            pass
    if failed is not None:
        raise failed
    return run


def _refuse_other_classes(photos: Sequence[AuditPhoto], settings: ExplainSettings) -> None:
    """Refuse classes that the model does not have before anybody draws a box.

    Raises:
        LiveGradcamError: the model cannot be loaded, or does not have a class.
    """
    typer.echo(f"loading {settings.model_name} …")
    with native_stderr_filtered():
        from live_gradcam.explain.loading import load_chosen

        labels = load_chosen(settings)[0].labels
    if len(labels):  # else only a trace can tell them: the audit will
        class_ids([each.truth for each in photos], labels, hint=forgotten_model(settings.model))
