"""`live`: a picture with the heat on it, as it happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from live_gradcam.config import (
    DEFAULT_ALPHA,
    DEFAULT_COLORMAP,
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    DEFAULT_SMOOTHING,
    Fit,
    Following,
    Fusion,
    Scale,
    Score,
    Smooth,
)
from live_gradcam.errors import SettingsError

_SOURCE, _MODEL, _EXPLANATION = "Source", "Model", "Explanation"
_PICTURE, _OUTPUT = "Picture", "Output"


def live(
    *,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="0|PATH|URL|demo",
            help="Camera number, video, picture, folder, glob, rtsp:// or http:// stream, or demo.",
            rich_help_panel=_SOURCE,
        ),
    ] = "0",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="What a camera is asked for.  \\[default: 1280x720]",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    camera_fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS", help="Rate that a camera is asked for.  \\[default: 30]", rich_help_panel=_SOURCE
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="OpenCV's way to the camera: v4l2, avfoundation, msmf, dshow or any.",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Flip left to right, as a mirror does.", rich_help_panel=_SOURCE)
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE|MODULE:FACTORY",
            help="A name from `live-gradcam models`, a .keras or .h5 file, or a function that makes a model.",
            rich_help_panel=_MODEL,
        ),
    ] = DEFAULT_MODEL,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Class names of your own model.", rich_help_panel=_MODEL),
    ] = None,
    preprocess: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How pixels are scaled: auto, imagenet-caffe, tf, torch, unit, none or MODULE:FUNCTION.",
            rich_help_panel=_MODEL,
        ),
    ] = "auto",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|INDEX", help="Which of several outputs is explained.", rich_help_panel=_MODEL
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=VALUE",
            help="A number, numbers (1,2,3) or .npy file for an input besides the picture; may be repeated.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    allow_unsafe: Annotated[
        bool,
        typer.Option("--allow-unsafe", help="Let a model file run code of its own.", rich_help_panel=_MODEL),
    ] = False,
    device: Annotated[
        str,
        typer.Option(metavar="auto|cpu|gpu:N", help="What it is computed on.", rich_help_panel=_MODEL),
    ] = "auto",
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How it is explained: gradcam, hirescam, … (`live-gradcam methods`).",
            rich_help_panel=_EXPLANATION,
        ),
    ] = DEFAULT_METHOD,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Layer to explain, such as block5_conv3, or several: a,b.  \\[default: the last feature map]",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="CLASS",
            help="Class to explain, by name or number; '#2': the second most probable; 'tabby - tiger cat': what "
            "speaks for the one rather than the other; 'tabby -': rather than its strongest rivals; lock: the "
            "most probable, without flapping; MODULE:FUNCTION: a score of your own.  "
            "\\[default: the most probable]",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    fit: Annotated[
        Fit,
        typer.Option(
            help="What the network gets of the frame: its central part, all of it at its own aspect, all of it "
            "squeezed, or all of it with borders.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = "crop",
    score: Annotated[
        Score,
        typer.Option(
            help="What is differentiated: before or after the softmax.", rich_help_panel=_EXPLANATION
        ),
    ] = "logit",
    fusion: Annotated[
        Fusion,
        typer.Option(help="How the maps of several layers become one.", rich_help_panel=_EXPLANATION),
    ] = "mean",
    smooth: Annotated[
        Smooth,
        typer.Option(
            help="augment: the mean over flipped and enlarged copies, at six times the cost.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = "none",
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="HEIGHTxWIDTH",
            help="How a transformer's tokens lie.  \\[default: found]",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            help="How much of the strongest rivals' score is taken off.  \\[default: 0.6]",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    rivals: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many of the strongest rivals.  \\[default: 3]",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(metavar="0..1", help="How opaque the heat is.", rich_help_panel=_PICTURE),
    ] = DEFAULT_ALPHA,
    colormap: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Any OpenCV colour map: jet, turbo, viridis, inferno, …",
            rich_help_panel=_PICTURE,
        ),
    ] = DEFAULT_COLORMAP,
    motion: Annotated[
        Following,
        typer.Option(help="Whether heat follows the picture between explanations.", rich_help_panel=_PICTURE),
    ] = "on",
    smoothing: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="How slowly heat changes; 0: at once.", rich_help_panel=_PICTURE
        ),
    ] = DEFAULT_SMOOTHING,
    scale: Annotated[
        Scale,
        typer.Option(
            help="Full heat: a slowly moving maximum, or each explanation's own.", rich_help_panel=_PICTURE
        ),
    ] = "stable",
    show_stats: Annotated[
        bool,
        typer.Option("--show-stats", help="Show rates and latencies; key d.", rich_help_panel=_PICTURE),
    ] = False,
    window: Annotated[
        bool | None,
        typer.Option(
            "--window/--no-window",
            help="Whether to open a window.  \\[default: where there is a display]",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    fullscreen: Annotated[
        bool, typer.Option("--fullscreen", help="Let the window fill the screen.", rich_help_panel=_OUTPUT)
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record the picture as .mp4, .mkv or .webm; what is on it goes beside it, as .jsonl.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Save the last picture, its frame and its heat map; key s: the one on the screen.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Let --record and --snapshot replace files.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    stats: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write the run's statistics at its end.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N explained frames.", rich_help_panel=_OUTPUT),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop after that many seconds.", rich_help_panel=_OUTPUT),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more: what was compiled, and how.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Explain what a camera sees, live.  q or Esc ends it."""
    chosen: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("verbose", "debug")
    }
    chosen["inputs"] = _inputs(inputs or [])
    chosen["grid"] = _pair("--grid", grid, "HEIGHTxWIDTH in tokens, such as --grid 14x14")
    chosen["size"] = _pair("--size", size, "WIDTHxHEIGHT in pixels, such as --size 1280x720")
    from live_gradcam.pipeline import run

    done = run(tell=typer.echo, **chosen)
    statistics = done.statistics
    if statistics.frames_explained:
        explained, shown = statistics.frames_explained, statistics.frames_shown
        rate = f" ({statistics.explained_fps:.1f} a second)" if statistics.explained_fps else ""
        counted = "1 frame" if explained == 1 else f"{explained} frames"
        more = f", {shown} shown ({statistics.shown_fps:.1f} a second)" if shown > explained else ""
        mostly = ", ".join(f"{label} {count}" for label, count in statistics.top.most_common(3))
        typer.echo(f"{counted} explained{rate}{more}: {mostly}")
    for file in done.written:
        typer.echo(f"{'recorded' if file == record else 'saved'} {file}")
    if done.failures:
        raise typer.Exit(1)


def _inputs(pairs: list[str]) -> dict[str, str] | None:
    """Return the values of further inputs, as they were typed.

    Raises:
        SettingsError: one is not NAME=VALUE.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise SettingsError(f"--input is '{pair}': it must be NAME=VALUE, such as --input age=40.")
        values[name] = value
    return values or None


def _pair(option: str, text: str | None, form: str) -> tuple[int, int] | None:
    """Return the two numbers of an option such as `14x14`.

    Raises:
        SettingsError: it has another form.
    """
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if match is None:
        raise SettingsError(f"{option} is '{text}': it must be {form}.")
    return int(match[1]), int(match[2])
