"""Serves a page that runs the network itself (`own_page`): one file, and nothing else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from live_gradcam.config import Settings
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.render.heat import colormap_code
from live_gradcam.server.access_control import AccessControl
from live_gradcam.server.run import announced, listening_socket, tls_of
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.uvicorn_server import ViewServer, configuration

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob: data:; worker-src blob:; "
        "style-src 'unsafe-inline'; img-src blob: data:; media-src blob:; connect-src blob: data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",  # with the usual opener policy: threads for WebAssembly
    "Cache-Control": "no-cache",  # the page is large: a browser keeps it, and asks whether it has changed
}


def page_app(page: Path, hosts: tuple[str, ...] = ()) -> AccessControl:
    """Return the ASGI application that serves one file at `/`.

    Args:
        page: the file.
        hosts: names of the server.
    """
    files = StaticFiles(directory=page.parent)  # they answer a browser that has the file already

    async def send(request: Request) -> Response:
        return await files.get_response(page.name, request.scope)

    return AccessControl(Starlette(routes=[Route("/", send)]), hosts=hosts, headers=_HEADERS)


def serve_page(settings: Settings, server: ServerSettings, *, tell: Callable[[str], None]) -> None:
    """Write the page and serve it until the server is interrupted.

    Args:
        settings: model, method and appearance.
        server: settings of the server.
        tell: prints a line for the user.

    Raises:
        LiveGradcamError: the page cannot be made, or the server cannot run.
    """
    colormap_code(settings.colormap)
    with listening_socket(server) as listening:
        context, fingerprint = tls_of(server)
        folder = Path(tempfile.mkdtemp(prefix="live-gradcam-"))
        try:
            page = folder / "page.html"
            with native_stderr_filtered():
                from live_gradcam.server.own_page import write_page  # this loads TensorFlow

                tell(f"writing the page with {settings.model_name} …")
                size = write_page(settings, page)
            tell(f"{size / 1e6:.1f} MB for each visitor; the network runs in the browser")

            def announce() -> None:
                announced(server, listening.getsockname()[1], None, fingerprint, tell)

            app = page_app(page, server.names())
            running = ViewServer(
                configuration(app, server, context), on_started=announce, on_ending=lambda: None
            )
            running.run(sockets=[listening])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
