"""The annotation of an archive: what is missing is done, what is there already is kept."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from live_gradcam.archive.file_worker import FileWorker, grouped
from live_gradcam.archive.files import AnnotateJob, ArchiveFile, Failure, Outcome, damage_to
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import conclusion_of, described, obstacle
from live_gradcam.archive.summary import check_summary, write_csv, write_jsonl
from live_gradcam.config import AnnotateSettings
from live_gradcam.errors import SinkError
from live_gradcam.number import counted
from live_gradcam.render.heat import colormap_code
from live_gradcam.sources.opening import film_info

_USUAL_SIZE = (1280, 720)


class Watch(Protocol):
    """Who is told how it goes. May be called from any thread."""

    def say(self, line: str) -> None:
        """Take a line that is worth telling."""

    def begin(self, work: AnnotateJob) -> None:
        """Take note of what is to be done."""

    def advance(self, frames: int) -> None:
        """Take note that so many more frames are done."""

    def end(self, outcome: Outcome) -> None:
        """Take note of what came of one file."""


@dataclass(slots=True)
class Report:
    """What came of an archive."""

    outcomes: list[Outcome] = field(default_factory=list)
    """Of each file that was begun, or was there already."""

    failures: list[Failure] = field(default_factory=list)
    """Of all inputs that came to nothing, or not to everything."""

    seconds: float = 0.0
    """How long the frames took, without loading the model."""

    interrupted: bool = False
    """Whether it was ended before everything was done."""

    @property
    def finished(self) -> list[Outcome]:
        """The files that are finished, in this run or before."""
        return [outcome for outcome in self.outcomes if outcome.frames]


def annotate(
    typed: Sequence[str],
    out: Path,
    settings: AnnotateSettings,
    *,
    watch: Watch,
    listed: TextIO | None = None,
    csv: Path | None = None,
    jsonl: Path | None = None,
    cluster: str | None = None,
) -> Report:
    """Annotate every frame of many files.

    Args:
        typed: videos, pictures, folders, globs, and `-` for a list of such.
        out: folder for the outputs, or the name of the only one.
        settings: model, method and all.
        watch: told how it goes.
        listed: where `-` is read from.
        csv: table of all frames to write at the end.
        jsonl: the same as JSON, one object a line.
        cluster: address of a Ray cluster to spread the files over, `local` for this machine's cores; None: one
            file after the other.

    Returns:
        What came of it. Ctrl-C ends it early; then what is finished stays finished.

    Raises:
        LiveGradcamError: nothing can be done at all.
    """
    colormap_code(settings.colormap)
    for summary, ending in ((csv, ".csv"), (jsonl, ".jsonl")):
        if summary is not None:
            check_summary(summary, ending, to_be_made=out)
    entries, failures = find_entries(typed, out, listed)
    report = Report(failures=failures)
    if entries:
        _make_folder(entries[0].record.parent)
    missing, taken = _sorted_out(entries, settings, report)
    if missing and taken:  # now, and not only behind all the others
        watch.say(f"{counted(len(taken), 'file')} will be left out: {taken[0].reason}")
    work = _work(missing, settings)
    watch.begin(work)
    try:
        if missing:
            _do(work, settings, watch, report, cluster)
    except KeyboardInterrupt:
        report.interrupted = True
    finished = {outcome.entry for outcome in report.finished}
    in_order = [entry for entry in entries if entry in finished]
    if csv is not None:
        write_csv(in_order, csv)
    if jsonl is not None:
        write_jsonl(in_order, jsonl)
    return report


def _sorted_out(
    entries: Iterable[ArchiveFile], settings: AnnotateSettings, report: Report
) -> tuple[list[ArchiveFile], list[Failure]]:
    """Return the entries that are to be done, and those whose output is in the way; the report is told."""
    wanted = described(settings)
    missing: list[ArchiveFile] = []
    taken: list[Failure] = []
    for entry in entries:
        if not entry.output.exists():
            missing.append(entry)
            continue
        reason = obstacle(entry, wanted)
        if reason is None:
            conclusion = conclusion_of(entry.record)
            assert conclusion is not None
            damage = damage_to(entry, conclusion.damage)
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
    """Make the folder of the records, and so find out early whether anything can be written.

    Raises:
        SinkError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SinkError(
            f"cannot write to '{folder}': {error.strerror}. Choose another --out, where you may write."
        ) from error


def _work(entries: Sequence[ArchiveFile], settings: AnnotateSettings) -> AnnotateJob:
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


def _do(
    work: AnnotateJob, settings: AnnotateSettings, watch: Watch, report: Report, cluster: str | None
) -> None:
    def ended(outcome: Outcome) -> None:
        report.outcomes.append(outcome)
        if outcome.failure is not None:
            report.failures.append(outcome.failure)
        watch.end(outcome)

    began = 0.0
    try:
        groups = grouped(work.entries)
        if cluster is not None:
            from live_gradcam.archive.cluster import annotate_on_cluster

            began = time.monotonic()
            annotate_on_cluster(
                groups, settings, work, cluster, say=watch.say, advance=watch.advance, ended=ended
            )
            return
        worker = FileWorker(settings, size=work.size, frames=work.frames, say=watch.say)
        began = time.monotonic()
        for group in groups:
            worker.annotate(group, advance=watch.advance, ended=ended)
    finally:
        report.seconds = time.monotonic() - began if began else 0.0
