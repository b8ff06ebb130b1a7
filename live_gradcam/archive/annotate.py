"""Annotates an archive: makes missing outputs and keeps finished ones."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from live_gradcam.archive.annotate_job import AnnotateJob, ArchiveFile, Failure, Outcome, damage_failure
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.file_worker import FileWorker, file_groups
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import mismatch, read_conclusion, recorded_settings
from live_gradcam.archive.summary import check_summary, write_csv, write_jsonl
from live_gradcam.errors import SinkError
from live_gradcam.number_format import counted
from live_gradcam.render.heat import colormap_code
from live_gradcam.sources.file_opening import film_info

_USUAL_SIZE = (1280, 720)


class ProgressListener(Protocol):
    """Receives the progress. Its methods may be called from any thread."""

    def say(self, line: str) -> None:
        """Show a line to the user."""

    def begin(self, job: AnnotateJob) -> None:
        """Receive the job at its start."""

    def advance(self, frames: int) -> None:
        """Receive the number of frames that were finished since the last call."""

    def end(self, outcome: Outcome) -> None:
        """Receive the outcome of one file."""


@dataclass(slots=True)
class Report:
    """The result of annotating an archive."""

    outcomes: list[Outcome] = field(default_factory=list)
    """Outcome of each file that was started in this run or finished before."""

    failures: list[Failure] = field(default_factory=list)
    """Inputs that failed completely or in part."""

    seconds: float = 0.0
    """Time for the frames, without loading the model."""

    interrupted: bool = False
    """Whether Ctrl-C ended the run early."""

    @property
    def finished(self) -> list[Outcome]:
        """Files that were finished in this run or before."""
        return [outcome for outcome in self.outcomes if outcome.frames]


def annotate(
    typed: Sequence[str],
    out: Path,
    settings: AnnotateSettings,
    *,
    progress: ProgressListener,
    listed: TextIO | None = None,
    csv: Path | None = None,
    jsonl: Path | None = None,
    cluster: str | None = None,
) -> Report:
    """Annotate every frame of many files.

    Args:
        typed: videos, pictures, folders, globs, and `-` for a list of them.
        out: folder for the outputs, or the name of the only output.
        settings: model, method, appearance and limits.
        progress: receives the progress.
        listed: the list that `-` stands for.
        csv: table of all frames, written at the end.
        jsonl: the same rows as JSON, one object a line.
        cluster: address of a Ray cluster, or `local` for this machine's cores; None: one file after the other.

    Returns:
        The report. After Ctrl-C it covers the files that are finished; they stay finished.

    Raises:
        LiveGradcamError: no file can be annotated.
    """
    colormap_code(settings.colormap)
    for summary, ending in ((csv, ".csv"), (jsonl, ".jsonl")):
        if summary is not None:
            check_summary(summary, ending, to_be_made=out, overwrite=settings.overwrite)
    entries, failures = find_entries(typed, out, listed)
    report = Report(failures=failures)
    if entries:
        _make_folder(entries[0].record.parent)
    missing, taken = _missing_files(entries, settings, report)
    if missing and taken:  # report this at the start, too
        progress.say(f"{counted(len(taken), 'file')} will be left out: {taken[0].reason}")
    job = _job(missing, settings)
    progress.begin(job)
    try:
        if missing:
            _run(job, settings, progress, report, cluster)
    except KeyboardInterrupt:
        report.interrupted = True
    finished = {outcome.entry for outcome in report.finished}
    in_order = [entry for entry in entries if entry in finished]
    if csv is not None and (in_order or not csv.exists()):  # an empty summary replaces none
        write_csv(in_order, csv)
    if jsonl is not None and (in_order or not jsonl.exists()):
        write_jsonl(in_order, jsonl)
    return report


def _missing_files(
    entries: Iterable[ArchiveFile], settings: AnnotateSettings, report: Report
) -> tuple[list[ArchiveFile], list[Failure]]:
    """Return the entries without a finished output, and those whose output must not be replaced; update the report."""
    wanted = recorded_settings(settings)
    missing: list[ArchiveFile] = []
    taken: list[Failure] = []
    for entry in entries:
        if not entry.output.exists():
            missing.append(entry)
            continue
        reason = mismatch(entry, wanted)
        if reason is None:
            conclusion = read_conclusion(entry.record)
            assert conclusion is not None
            damage = damage_failure(entry, conclusion.damage)
            report.outcomes.append(Outcome(entry, conclusion.frames, kept=True, failure=damage))
            report.failures += [] if damage is None else [damage]
        elif settings.overwrite and not entry.output.is_dir():
            missing.append(entry)
        else:
            taken.append(
                Failure(entry.name, f"{entry.output} exists and {reason}. Use --overwrite, or another --out.")
            )
    report.failures += taken
    return missing, taken


def _make_folder(folder: Path) -> None:
    """Make the folder of the outputs, and check early that files can be written to it.

    Raises:
        SinkError: the folder is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SinkError(
            f"cannot write to '{folder}': {error.strerror}. Choose another --out, where you may write."
        ) from error


def _job(entries: Sequence[ArchiveFile], settings: AnnotateSettings) -> AnnotateJob:
    frames = 0
    size = _USUAL_SIZE
    for entry in entries:
        if entry.kind == "picture":
            frames += 1
        elif (promise := film_info(entry.source)) is not None:
            size = promise.size
            most = promise.frames if settings.fps is None else round(promise.seconds * settings.fps)
            frames += min(promise.frames, most) // settings.every
    return AnnotateJob(tuple(entries), frames, size)


def _run(
    job: AnnotateJob,
    settings: AnnotateSettings,
    progress: ProgressListener,
    report: Report,
    cluster: str | None,
) -> None:
    def ended(outcome: Outcome) -> None:
        report.outcomes.append(outcome)
        if outcome.failure is not None:
            report.failures.append(outcome.failure)
        progress.end(outcome)

    began = 0.0
    try:
        groups = file_groups(job.entries)
        if cluster is not None:
            from live_gradcam.archive.ray_cluster import annotate_on_cluster

            began = time.monotonic()
            annotate_on_cluster(
                groups, settings, job, cluster, say=progress.say, advance=progress.advance, ended=ended
            )
            return
        with FileWorker(settings, size=job.size, frames=job.frames, say=progress.say) as worker:
            began = time.monotonic()
            for group in groups:
                worker.annotate(group, advance=progress.advance, ended=ended)
            worker.settle()
    finally:
        report.seconds = time.monotonic() - began if began else 0.0
