"""Runs the server: opens the port, loads the model, prints the link, and stops within a second."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, SettingsError, SourceError
from live_gradcam.explain.targets import is_lock
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.render.heat import colormap_code
from live_gradcam.server.links import qr_code
from live_gradcam.server.report_pages import REPORT, ReportFolder
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.tls import self_signed, tls_context
from live_gradcam.server.uvicorn_server import ViewServer, configuration
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.source import LiveSource, is_live
from live_gradcam.teach.fitting import refuse_without_library

if TYPE_CHECKING:
    from live_gradcam.server.camera_stream import CameraStream
    from live_gradcam.server.service import Service

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]

_WARNING = (
    "the phone will warn that the connection is not private, because this machine made the certificate itself: choose "
    '"Advanced" (Android) or "Show Details" (iPhone) and open the page'
)

_MOST_LINKS = 3

_CALLS_AT_ONCE = 8
"""Threads for concurrent calls of the network: calls of quick and of slow methods, and warm-ups. A slow call may block
its thread while it waits for quick ones."""


def serve(settings: Settings, server: ServerSettings, *, source: int | str | None, tell: Tell) -> None:
    """Serve the browser view until it is interrupted.

    Args:
        settings: model, method and appearance.
        server: settings of the server.
        source: the server's own camera; None: there is none.
        tell: prints a line for the user.

    Raises:
        LiveGradcamError: the server cannot run; the message says why, and what to do.
    """
    # Check cheap settings first, so that a busy port is reported before TensorFlow loads.
    colormap_code(settings.colormap)
    if is_lock(settings.target):  # it has state, which visitors would share
        raise SettingsError("target is 'lock', which each page has for itself (key l): leave it out here.")
    if server.report is not None:
        ReportFolder(server.report)
    token = server.secret()
    with listening_socket(server) as listening:
        context, fingerprint = tls_of(server)
        camera = None if source is None else _open_camera(source, settings)
        try:
            with native_stderr_filtered():
                service = _load_service(settings, tell, server)
                from live_gradcam.server.app import create_app
                from live_gradcam.server.camera_stream import CameraStream
        except BaseException:
            if camera is not None:
                camera.close()
            raise
        opened: list[CameraStream] = []

        def end_streams() -> None:
            for stream in opened:
                stream.stop()
            service.stop()

        def stop() -> None:
            running.should_exit = True

        def open_stream() -> CameraStream:
            assert camera is not None
            opened.append(CameraStream(camera, service, settings, ended=stop))
            return opened[0]

        app = create_app(
            service, server, token=token, open_camera_stream=None if camera is None else open_stream
        )

        def announce() -> None:
            if camera is not None:
                tell(camera.describe())
            announced(server, listening.getsockname()[1], token, fingerprint, tell)

        running = ViewServer(configuration(app, server, context), on_started=announce, on_ending=end_streams)
        running.run(sockets=[listening])
    for stream in opened:
        if isinstance(stream.error, LiveGradcamError):
            raise stream.error
        if stream.error is not None:
            raise SourceError(f"{stream.name} failed: {stream.error}.") from stream.error


def announced(
    server: ServerSettings, port: int, token: str | None, fingerprint: str | None, tell: Tell
) -> None:
    """Print where the page is, and what the browser will say about the certificate."""
    if fingerprint is not None and not server.phone:
        tell("the browser will not know the certificate: continue if its SHA-256 fingerprint is")
        tell(f"  {fingerprint}")
    if not server.encrypted and not server.is_loopback:
        tell("without TLS: everybody on the network path can watch, and browsers give the page no camera")
    link, *further = server.links(port, token)
    if server.phone:
        _tell_phones(link, further, fingerprint, tell)
    else:
        tell(f"open {link}")
    if server.report is not None:
        tell(f"the report: {server.links(port, token, REPORT)[0]}")
    tell("Ctrl-C ends it")


def _tell_phones(link: str, further: list[str], fingerprint: str | None, tell: Tell) -> None:
    """Print the link, its QR code if the terminal can show one, and the warning that the phone will show."""
    if fingerprint is not None:
        tell(f"SHA-256 fingerprint of the certificate: {fingerprint}")
    code = qr_code(link, coloured=sys.stdout.isatty())
    try:
        code.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        logger.info("the terminal's encoding %s has no block characters for a QR code", sys.stdout.encoding)
    else:
        tell(code)
    tell(f"with a phone in the same network, scan the code or open {link}")
    for other in further[: _MOST_LINKS - 1]:
        tell(f"  or, if that does not open: {other}")
    if fingerprint is not None:
        tell(_WARNING)


def listening_socket(server: ServerSettings) -> socket.socket:
    """Return a listening socket.

    Raises:
        SettingsError: the address does not exist or is in use.
    """
    try:
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and server.is_everywhere and socket.has_dualstack_ipv6()
        return socket.create_server(
            (server.host, server.port), family=family, backlog=128, dualstack_ipv6=both
        )
    except OSError as error:
        # `create_server` adds to the system's message; unknown host names have negative error numbers.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise SettingsError(
            f"cannot listen at {server.host}, port {server.port}: {reason}. Choose another with --port N "
            "(0: any free one) or --host ADDRESS."
        ) from error


def tls_of(server: ServerSettings) -> tuple[ssl.SSLContext | None, str | None]:
    """Return the TLS context, and the fingerprint of a certificate that this machine made; None where there is none."""
    if server.tls_cert is not None and server.tls_key is not None:
        return tls_context(server.tls_cert, server.tls_key), None
    if server.tls is None:
        return None, None
    return self_signed(server.certified_names())


def _open_camera(source: int | str, settings: Settings) -> LiveSource:
    camera = open_source(source, size=settings.size, fps=settings.camera_fps, backend=settings.backend)
    if not is_live(camera):
        camera.close()
        raise SourceError(
            f"{camera.name} is a file: serve shows cameras, streams and the demo. Drop the file on the page instead."
        )
    return camera


def _load_service(settings: Settings, tell: Tell, server: ServerSettings) -> Service:
    if server.teach:
        refuse_without_library()
    tell(f"loading {settings.model_name} …")
    # Imported here: TensorFlow takes seconds to load, and typos are reported before.
    from live_gradcam.explain.loading import load_chosen
    from live_gradcam.server.monitoring import Memory
    from live_gradcam.server.service import Service

    model, device = load_chosen(settings, calls=_CALLS_AT_ONCE)
    watch = Memory(server.memory)
    service = Service(model, settings, watch, teach=server.teach)
    try:
        service.start()
        watch.settle()
    except BaseException:
        service.close()
        raise
    tell(f"{model.name} on {device}: {settings.method} is ready")
    return service
