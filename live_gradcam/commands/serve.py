"""`serve`: the browser view, for cameras and screens elsewhere."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from live_gradcam.commands import options
from live_gradcam.config import (
    DEFAULT_ALPHA,
    DEFAULT_COLORMAP,
    DEFAULT_LANG,
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    DEFAULT_SMOOTHING,
    Settings,
)
from live_gradcam.errors import SettingsError

_SERVER = "Server"
_PAGE = "page"
_NEEDED = (
    "fastapi",
    "uvicorn",
    "websockets",
    "fastapi_offline",
    "prometheus_client",
    "cryptography",
    "imagesize",
)


def serve(
    *,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen: this machine only, or 0.0.0.0 for everybody who can reach it.",
            rich_help_panel=_SERVER,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", help="Port; 0: any free one.", rich_help_panel=_SERVER)
    ] = 8000,
    tls: Annotated[
        str | None,
        typer.Option(
            metavar="self-signed",
            help="Make a certificate, which browsers ask about once.",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own certificate (PEM).", rich_help_panel=_SERVER)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its key (PEM).", rich_help_panel=_SERVER)
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What visitors must know.  \\[default: made up where others can reach the server]",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure/--no-insecure",
            show_default=False,
            help="Let other machines in without TLS.",
            rich_help_panel=_SERVER,
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A further name of this server; may be repeated.", rich_help_panel=_SERVER
        ),
    ] = None,
    visitors: Annotated[
        int, typer.Option(metavar="N", help="How many may be connected at once.", rich_help_panel=_SERVER)
    ] = 32,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="page|0|URL|demo",
            help="Each page's own camera, or one of this machine for all of them.",
            rich_help_panel=options.SOURCE,
        ),
    ] = _PAGE,
    size: options.CameraSize = None,
    camera_fps: options.CameraFps = None,
    backend: options.BackendName = None,
    mirror: options.Mirror = False,
    model: options.ModelName = DEFAULT_MODEL,
    labels: options.LabelsFile = None,
    lang: options.LangName = DEFAULT_LANG,
    preprocess: options.PreprocessName = "auto",
    output: options.OutputName = None,
    inputs: options.InputValues = None,
    allow_unsafe: options.AllowUnsafe = False,
    device: options.DeviceName = "auto",
    method: options.MethodName = DEFAULT_METHOD,
    layer: options.LayerPath = None,
    target: options.TargetName = None,
    fit: options.FitName = "crop",
    score: options.ScoreName = "logit",
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
    config: options.ConfigFile = None,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Serve the browser view: the camera of any laptop, tablet or phone.  Ctrl-C ends it."""
    chosen = options.fields_of(locals())
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the browser view needs packages that are not installed ({', '.join(missing)}). "
            "Type: pip install 'live-gradcam[web]'"
        )
    # OpenCV's own guard, which it reads when it is imported, behind the server's: their parsers may differ on a file
    # that was made to deceive one of them. As `uploads.MOST_PIXELS`.
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "40000000")

    from live_gradcam.server.running import serve as run
    from live_gradcam.server.settings import ServerSettings

    chosen["allow_host"] = tuple(allow_host or ())
    server = {each.name: chosen.pop(each.name) for each in fields(ServerSettings)}
    run(
        Settings(**chosen),
        ServerSettings(**server),
        source=None if source == _PAGE else source,
        tell=typer.echo,
    )
