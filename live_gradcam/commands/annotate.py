"""`annotate`: explain every frame of files, folders and globs."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.errors import SettingsError
from live_gradcam.escaping import shown
from live_gradcam.number_format import counted
from live_gradcam.setting import REQUIRED, in_frames, in_output

if TYPE_CHECKING:
    from live_gradcam.archive.annotate import Report

_RAY = "--ray"
_RAY_ADDRESS = re.compile(r"auto|ray://\S+|\[?[\w.:-]+\]?:\d+")
_HERE = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateOutput:
    """The settings of `annotate` that its results do not depend on: files, messages and where it runs."""

    out: Path = in_output(
        REQUIRED,
        "Folder for the results, with the inputs' own subfolders; or, for a single input, the name of the result.",
        metavar="PATH",
        short="-o",
    )
    csv: Path | None = in_output(None, "Write a table of what each frame shows.", metavar="FILE.csv")
    jsonl: Path | None = in_output(None, "Write the same as JSON, one object a line.", metavar="FILE.jsonl")
    quiet: bool = in_output(False, "Print only what failed.", short="-q")
    ray: str | None = in_frames(
        None,
        "Spread the files over a Ray cluster (auto, HOST:PORT, ray://…), or over this machine's cores.",
        metavar="[ADDRESS]",
    )


@takes_settings(AnnotateOutput, AnnotateSettings)
def annotate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos, pictures, folders (with their subfolders) or globs; - reads a list from stdin.",
            show_default=False,
        ),
    ],
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Write copies of videos and pictures with the heat map on every frame.  A second run does only what is missing."""
    output = AnnotateOutput(**given(AnnotateOutput, typed))
    settings = AnnotateSettings(**given(AnnotateSettings, typed))

    from live_gradcam.archive.annotate import annotate as annotate_all
    from live_gradcam.commands.progress import AnnotateProgress
    from live_gradcam.settings_check import refuse_typos

    refuse_typos(settings)
    if settings.faithfulness and output.csv is None and output.jsonl is None:
        raise SettingsError("--faithfulness writes its figures into tables: add --csv FILE or --jsonl FILE.")
    with AnnotateProgress(quiet=output.quiet) as progress:
        report = annotate_all(
            files,
            output.out,
            settings,
            progress=progress,
            listed=sys.stdin,
            csv=output.csv,
            jsonl=output.jsonl,
            cluster=output.ray,
        )
    if not output.quiet:
        typer.echo(_conclusion(report))
    for failure in report.failures:
        typer.echo(shown(f"live-gradcam: {failure}"), err=True)
    if report.failures:
        raise typer.Exit(1)


def _conclusion(report: Report) -> str:
    """Return the result: `2 files, 360 frames (41.3 a second); 3 files were there already; 1 fault, named below`."""
    done = [outcome for outcome in report.finished if not outcome.kept]
    kept = len(report.finished) - len(done)
    frames = sum(outcome.frames for outcome in done)
    parts = []
    if done or not kept:
        rate = f" ({frames / report.seconds:.1f} a second)" if report.seconds and frames else ""
        parts.append(f"{counted(len(done), 'file')}, {counted(frames, 'frame')}{rate}")
    if kept:
        parts.append(f"{counted(kept, 'file')} {'was' if kept == 1 else 'were'} there already")
    if report.failures:
        parts.append(f"{counted(len(report.failures), 'fault')}, named below")
    if report.interrupted:
        parts.append("interrupted: run the same command again to continue")
    return "; ".join(parts)


def with_ray_address(typed: Sequence[str]) -> list[str]:
    """Return the arguments with a value after each `--ray`, because an option needs one."""
    arguments = list(typed)
    for at in [at for at, each in enumerate(arguments) if each == _RAY][::-1]:
        if not _RAY_ADDRESS.fullmatch("".join(arguments[at + 1 : at + 2])):
            arguments[at] = f"{_RAY}={_HERE}"
    return arguments
