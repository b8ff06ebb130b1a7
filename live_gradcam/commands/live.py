"""`live`: a picture with the heat on it, as it happens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from live_gradcam.commands import bare_source, options
from live_gradcam.commands.settings import fields_of
from live_gradcam.config import (
    DEFAULT_ALPHA,
    DEFAULT_COLORMAP,
    DEFAULT_FIT,
    DEFAULT_LANG,
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    DEFAULT_SCORE,
    DEFAULT_SMOOTHING,
)
from live_gradcam.number import counted
from live_gradcam.printable import shown


def live(
    context: typer.Context,
    bare: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="What to look at, the same as --source. The word live may be left out: `live-gradcam photo.jpg`.",
            show_default=False,
        ),
    ] = None,
    *,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="0|PATH|URL|demo",
            help="Camera number, video, picture, folder, glob, rtsp:// or http:// stream, or demo.",
            rich_help_panel=options.SOURCE,
        ),
    ] = "0",
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="SOURCE",
            help="Another camera, stream or demo; the key Tab switches to it. May be repeated.  "
            "\\[default: the other cameras]",
            rich_help_panel=options.SOURCE,
        ),
    ] = None,
    size: options.CameraSize = None,
    camera_fps: options.CameraFps = None,
    backend: options.BackendName = None,
    mirror: options.Mirror = False,
    model: options.ModelName = DEFAULT_MODEL,
    beside: Annotated[
        str | None,
        typer.Option(
            "--beside",
            metavar="NAME|FILE|MODULE:FACTORY",
            help="A second model, shown beside the first; the same as --model twice.",
            rich_help_panel=options.MODEL,
        ),
    ] = None,
    labels: options.LabelsFile = None,
    lang: options.LangName = DEFAULT_LANG,
    preprocess: options.PreprocessName = "auto",
    output: options.OutputName = None,
    task: options.TaskName = None,
    inputs: options.InputValues = None,
    allow_unsafe: options.AllowUnsafe = False,
    device: options.DeviceName = "auto",
    method: options.MethodName = DEFAULT_METHOD,
    layer: options.LayerPath = None,
    target: options.TargetName = None,
    fit: options.FitName = DEFAULT_FIT,
    score: options.ScoreName = DEFAULT_SCORE,
    fusion: options.FusionName = "mean",
    smooth: options.SmoothName = "none",
    grid: options.TokenGrid = None,
    strength: options.Strength = None,
    rivals: options.Rivals = None,
    alpha: options.Alpha = DEFAULT_ALPHA,
    colormap: options.ColormapName = DEFAULT_COLORMAP,
    motion: options.MotionName = "on",
    smoothing: options.SmoothingSeconds = DEFAULT_SMOOTHING,
    scale: options.ScaleName = "stable",
    show_stats: Annotated[
        bool,
        typer.Option(
            "--show-stats/--no-show-stats",
            show_default=False,
            help="Show frame rates and latencies on the picture; key d.",
            rich_help_panel=options.PICTURE,
        ),
    ] = False,
    window: Annotated[
        bool | None,
        typer.Option(
            "--window/--no-window",
            help="Whether to open a window.  \\[default: where there is a display]",
            show_default=False,
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    fullscreen: Annotated[
        bool,
        typer.Option(
            "--fullscreen/--no-fullscreen",
            show_default=False,
            help="Open the window in full screen.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record the picture as .mp4, .mkv or .webm; a .jsonl file beside it lists what each picture shows.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Save the last picture, its frame and its heat map. The key s saves the one on the screen.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite/--no-overwrite",
            show_default=False,
            help="Allow --record and --snapshot to replace files.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    save_session: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Save frames, keys and answers, for `live-gradcam replay FOLDER`.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    stats: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write statistics of the run to a file.", rich_help_panel=options.OUTPUT
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N explained frames.", rich_help_panel=options.OUTPUT),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop after this many seconds.", rich_help_panel=options.OUTPUT),
    ] = None,
    config: options.ConfigFile = None,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Show what a camera sees, or a film or photos, with the heat on it.  In the window h shows the keys, q ends it."""
    typed = {name: value for name, value in locals().items() if name not in ("context", "bare")}
    typed["source"] = bare_source.source_of(context, bare, source)
    chosen = fields_of(typed)

    from live_gradcam.pipeline import run

    done = run(tell=typer.echo, **chosen)
    statistics = done.statistics
    if statistics.frames_explained:
        explained, on_screen = statistics.frames_explained, statistics.frames_shown
        rate = f" ({statistics.explained_fps:.1f} a second)" if statistics.explained_fps else ""
        number = counted(explained, "frame")
        more = f", {on_screen} shown ({statistics.shown_fps:.1f} a second)" if on_screen > explained else ""
        found = statistics.mostly()
        typer.echo(f"{number} explained{rate}{more}{f': {found}' if found else ''}")
    for file in done.written:
        typer.echo(f"{'saved' if file.suffix == '.png' else 'recorded'} {shown(file)}")
    if done.failures:
        raise typer.Exit(1)
