"""`annotate`: every frame of files, folders and globs, explained."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands import options
from live_gradcam.commands.live import live
from live_gradcam.commands.settings import fields_of, settings_of, take_options
from live_gradcam.config import DEFAULT_LANG, AnnotateSettings, ExplainSettings
from live_gradcam.number import counted
from live_gradcam.printable import shown

if TYPE_CHECKING:
    from live_gradcam.archive.annotate import Report

_FRAMES = "Frames"
_RAY = "--ray"
_RAY_ADDRESS = re.compile(r"auto|ray://\S+|\[?[\w.:-]+\]?:\d+")
_HERE = "local"


def annotate(
    *,
    typed: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos, pictures, folders with all that is in them, or globs; - reads a list from stdin.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Folder for the results, with the inputs' own subfolders; or, for a single input, the name of the "
            "result.",
            show_default=False,
            rich_help_panel=options.OUTPUT,
        ),
    ],
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Write a table of what each frame shows.", rich_help_panel=options.OUTPUT
        ),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write the same as JSON, one object a line.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite/--no-overwrite",
            show_default=False,
            help="Replace existing files that other inputs or settings made.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet/--no-quiet",
            "-q",
            show_default=False,
            help="Print only what failed.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    every: Annotated[
        int, typer.Option(metavar="N", help="Annotate one in N frames of a video.", rich_help_panel=_FRAMES)
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            help="Annotate at most this many frames a second of a video.",
            rich_help_panel=_FRAMES,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Frames to explain in one call.  \\[default: measured, the fastest here]",
            rich_help_panel=_FRAMES,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            _RAY,
            metavar="[ADDRESS]",
            help="Spread the files over a Ray cluster (auto, HOST:PORT, ray://…), or over this machine's cores.",
            rich_help_panel=_FRAMES,
        ),
    ] = None,
    config: options.ConfigFile = None,  # noqa: ARG001 - read before the other options are
    lang: options.LangName = DEFAULT_LANG,  # here, to be the last of its panel
    verbose: options.Verbose = False,  # noqa: ARG001 - read from the command line before anything runs
    debug: options.Debug = False,  # noqa: ARG001 - likewise
    **explained: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Write videos and pictures again with the heat on every frame.  Run again, it does only what is missing."""
    chosen = fields_of(explained)

    from live_gradcam.archive.annotate import annotate as annotate_all
    from live_gradcam.commands.progress import AnnotateProgress
    from live_gradcam.settings_check import refuse_typos

    settings = AnnotateSettings(every=every, fps=fps, batch=batch, overwrite=overwrite, lang=lang, **chosen)
    refuse_typos(settings)
    with AnnotateProgress(quiet=quiet) as progress:
        report = annotate_all(
            typed, out, settings, progress=progress, listed=sys.stdin, csv=csv, jsonl=jsonl, cluster=ray
        )
    if not quiet:
        typer.echo(_conclusion(report))
    for failure in report.failures:
        typer.echo(shown(f"live-gradcam: {failure}"), err=True)
    if report.failures:
        raise typer.Exit(1)


_EXPLAINED = {each.name for each in fields(ExplainSettings)}
take_options(annotate, (each for each in settings_of("live", live).values() if each.parameter in _EXPLAINED))


def _conclusion(report: Report) -> str:
    """Word the result: `2 files, 360 frames (41.3 a second); 3 files were there already; 1 fault, named below`."""
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
        parts.append("interrupted: the same command goes on")
    return "; ".join(parts)


def with_ray_address(typed: Sequence[str]) -> list[str]:
    """Return what was typed with an address for `--ray` where there is none, for an option must have a value."""
    arguments = list(typed)
    for at in [at for at, each in enumerate(arguments) if each == _RAY][::-1]:
        if not _RAY_ADDRESS.fullmatch("".join(arguments[at + 1 : at + 2])):
            arguments[at] = f"{_RAY}={_HERE}"
    return arguments
