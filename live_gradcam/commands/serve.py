"""`serve`: serve the browser view."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import typer

from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import Settings
from live_gradcam.errors import SettingsError
from live_gradcam.server.settings import PAGE, ServerSettings
from live_gradcam.setting import settings_of

_WITHOUT = {each.field for each in settings_of(Settings).values() if each.panel == "Output"}
_WITHOUT |= {"also", "beside", "show_stats", "view"}
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


def refuse_without_web(what: str, extras: str) -> None:
    """Raise a SettingsError if a package of the extra `web` is not installed.

    Args:
        what: what needs them.
        extras: the extras to install.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"{what} needs packages that are not installed ({', '.join(missing)}). "
            f"Type: pip install 'live-gradcam[{extras}]'"
        )


@takes_settings(ServerSettings, Settings, without=_WITHOUT)
def serve(**typed: Any) -> None:  # noqa: ANN401 - each of its setting's kind
    """Serve the browser view: the camera of any laptop, tablet or phone.  Ctrl-C ends it."""
    refuse_without_web("the browser view", "web")
    # OpenCV reads its own limit when it is imported. It is a second check after the server's, because the two parsers
    # may read a malicious file differently. The number is that of `uploads.MOST_PIXELS`.
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "40000000")

    from live_gradcam.settings_check import refuse_typos

    server = ServerSettings.typed(**given(ServerSettings, typed))
    settings = Settings(**given(Settings, typed) | {"source": 0})
    refuse_typos(settings)

    if server.in_browser:
        from live_gradcam.server.own_page_server import serve_page

        serve_page(settings, server, tell=typer.echo)
        return
    from live_gradcam.server.run import serve as run

    camera = None if server.source == PAGE else server.source
    run(settings, server, source=camera, tell=typer.echo)
