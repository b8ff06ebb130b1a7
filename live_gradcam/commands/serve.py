"""`serve`: the browser view, for cameras and screens elsewhere."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from live_gradcam.commands import options
from live_gradcam.commands.live import live
from live_gradcam.commands.settings import fields_of, settings_of, take_options
from live_gradcam.config import Settings
from live_gradcam.errors import SettingsError

_SERVER = "Server"
_PAGE = "page"
_OF_A_SHOW = ("also", "beside", "show_stats")
_NEEDED = (
    "fastapi",
    "uvicorn",
    "websockets",
    "fastapi_offline",
    "prometheus_client",
    "cryptography",
    "imagesize",
    "psutil",
    "segno",
)


def serve(
    *,
    phone: Annotated[
        bool,
        typer.Option(
            "--phone/--no-phone",
            show_default=False,
            help="For a phone's camera: listen on the network with TLS, and print the link as a QR code.",
            rich_help_panel=_SERVER,
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen at: this machine only, or 0.0.0.0 for all that can reach it.  "
            "\\[default: 127.0.0.1]",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(metavar="N", help="Port; 0: any free one.", rich_help_panel=_SERVER)
    ] = 8000,
    tls: Annotated[
        str | None,
        typer.Option(
            metavar="self-signed",
            help="Serve https with a certificate of its own; browsers ask about it once.",
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
            help="Password for visitors.  \\[default: random where other machines can reach the server]",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure/--no-insecure",
            show_default=False,
            help="Accept other machines without TLS.",
            rich_help_panel=_SERVER,
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Another name of this server; may be repeated.", rich_help_panel=_SERVER
        ),
    ] = None,
    visitors: Annotated[
        int, typer.Option(metavar="N", help="Most connections at once.", rich_help_panel=_SERVER)
    ] = 32,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Memory above which compiled methods are thrown out: 3GB.  \\[default: half of the machine's]",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="page|0|URL|demo",
            help="page: each visitor's own camera; else a source on this machine for all of them.",
            rich_help_panel=options.SOURCE,
        ),
    ] = _PAGE,
    config: options.ConfigFile = None,  # noqa: ARG001 - read before the other options are
    verbose: options.Verbose = False,  # noqa: ARG001 - read from the command line before anything runs
    debug: options.Debug = False,  # noqa: ARG001 - likewise
    **shown: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Serve the browser view: the camera of any laptop, tablet or phone.  Ctrl-C ends it."""
    chosen = fields_of(shown)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the browser view needs packages that are not installed ({', '.join(missing)}). "
            "Type: pip install 'live-gradcam[web]'"
        )
    # OpenCV's own guard, which it reads when it is imported, behind the server's: their parsers may differ on a file
    # that was made to deceive one of them. As `uploads.MOST_PIXELS`.
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "40000000")

    from live_gradcam.settings_check import refuse_typos

    settings = Settings(**chosen)
    refuse_typos(settings)

    from live_gradcam.server.run import serve as run
    from live_gradcam.server.settings import ServerSettings, bytes_in

    where: dict[str, Any] = {} if host is None else {"host": host}
    make = ServerSettings.for_phones if phone else ServerSettings
    server = make(
        **where,
        port=port,
        tls=tls,
        tls_cert=tls_cert,
        tls_key=tls_key,
        token=token,
        insecure=insecure,
        allow_host=tuple(allow_host or ()),
        visitors=visitors,
        memory=None if memory is None else bytes_in(memory),
    )
    camera = None if source == _PAGE else source
    run(settings, server, source=camera, tell=typer.echo)


take_options(
    serve,
    (
        each
        for each in settings_of("live", live).values()
        if each.option.rich_help_panel != options.OUTPUT and each.parameter not in _OF_A_SHOW
    ),
)
