"""Runs the server: finds a port, loads the model, tells the address, and ends within a second."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, SettingsError, SourceError
from live_gradcam.explain.targets import is_lock
from live_gradcam.process.lifecycle import requests_go_to
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.render.heat import colormap_code
from live_gradcam.server.connections import Connections
from live_gradcam.server.links import qr_code
from live_gradcam.server.messages import MOST_BYTES
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.tls import self_signed, tls_context
from live_gradcam.server.uvicorn_protocols import Door, HttpProtocol, SocketProtocol
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.source import LiveSource, is_live

if TYPE_CHECKING:
    from live_gradcam.server.camera_stream import CameraStream
    from live_gradcam.server.service import Service

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]

_CONNECTIONS_EACH = 8
"""Connections that are allowed for each visitor: a browser opens six, and its socket."""

_LEAST_CONNECTIONS = 256
_OTHER_FILES = 128
"""Open files that are kept for what is no connection."""

_WARNING = (
    "the phone will warn that the connection is not private, because this machine made the certificate itself: choose "
    '"Advanced" (Android) or "Show Details" (iPhone) and open the page'
)

_MOST_LINKS = 3

_FAULTS_OF_CLIENTS = (
    "Invalid UTF-8 sequence received from client",
    "ASGI callable returned without completing handshake",
    "Cancel ",
)
"""What uvicorn logs as errors, and a client can do at will: wait for an answer when Ctrl-C ends the server, too."""

_CALLS_AT_ONCE = 8
"""Calls of the network side by side: quick, slow and warming up, each with two threads. A slow one waits at times."""


def serve(settings: Settings, server: ServerSettings, *, source: int | str | None, tell: Tell) -> None:
    """Serve the browser view until it is interrupted.

    Args:
        settings: what is explained, and how.
        server: how it is run.
        source: the server's own camera; None: it has none.
        tell: takes each line that is worth telling.

    Raises:
        LiveGradcamError: it cannot be done; the message says why, and what to do.
    """
    # What is quick to fail comes first: nobody should have to wait for TensorFlow to hear of a busy port.
    colormap_code(settings.colormap)
    if is_lock(settings.target):  # it has a memory, which visitors would share
        raise SettingsError("target is 'lock', which each page has for itself (key l): leave it out here.")
    token = server.secret()
    with listening_socket(server) as listening:
        context, fingerprint = _tls(server)
        camera = None if source is None else _camera(source, settings)
        try:
            with native_stderr_filtered():
                service = _service(settings, tell, server.memory)
                from live_gradcam.server.app import create_app
                from live_gradcam.server.camera_stream import CameraStream
        except BaseException:
            if camera is not None:
                camera.close()
            raise
        opened: list[CameraStream] = []

        def end_streams() -> None:
            for relay in opened:
                relay.stop()
            service.stop()

        def stop() -> None:
            running.should_exit = True

        def open_relay() -> CameraStream:
            assert camera is not None
            opened.append(CameraStream(camera, service, settings, ended=stop))
            return opened[0]

        app = create_app(service, server, token=token, open_relay=None if camera is None else open_relay)

        def tell_where() -> None:
            if camera is not None:
                tell(camera.describe())
            if fingerprint is not None and not server.phone:
                tell("the browser will not know the certificate: go on if its SHA-256 fingerprint is")
                tell(f"  {fingerprint}")
            if not server.encrypted and not server.is_loopback:
                tell("without TLS: everybody on the way can look on, and browsers give the page no camera")
            link, *further = server.links(listening.getsockname()[1], token)
            if server.phone:
                _tell_phones(link, further, fingerprint, tell)
            else:
                tell(f"open {link}")
            tell("Ctrl-C ends it")

        running = ViewServer(configuration(app, server, context), begun=tell_where, ending=end_streams)
        running.run(sockets=[listening])
    for relay in opened:
        if isinstance(relay.error, LiveGradcamError):
            raise relay.error
        if relay.error is not None:
            raise SourceError(f"{relay.name} failed: {relay.error}.") from relay.error


class ViewServer(uvicorn.Server):
    """Tells when it listens, and lets endless streams end when it is told to, so that it need not wait for them.

    Args:
        config: as uvicorn has it.
        begun: is called once it listens.
        ending: is called when it begins to end.
    """

    def __init__(
        self, config: uvicorn.Config, *, begun: Callable[[], None], ending: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._begun = begun
        self._ending = ending
        self._connections: Connections | None = None
        # Not uvicorn's own limit, which refuses whoever comes last.
        self._most_connections, config.limit_concurrency = (
            config.limit_concurrency or _LEAST_CONNECTIONS,
            None,
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take requests to end as long as it runs.

        uvicorn's own raises them again afterwards, while the loop still runs: whatever is in it is torn down, and says
        so in tracebacks.
        """
        with requests_go_to(self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end. To be asked twice changes nothing: it takes a second at most."""
        del sig, frame
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets=[])
        if not self.started:
            return
        loop = asyncio.get_running_loop()
        self._connections = connections = Connections(self._most_connections, loop)

        def door() -> Door:
            return Door(connections, protocol, self.config.ssl)

        def protocol() -> HttpProtocol:
            return HttpProtocol(self.config, self.server_state, self.lifespan.state)

        for listening in sockets or ():
            self.servers.append(await loop.create_server(door, sock=listening, backlog=self.config.backlog))
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, streams first."""
        self._ending()
        if self._connections is not None:
            self._connections.close()
        await super().shutdown(sockets)


def configuration(app: Any, server: ServerSettings, context: ssl.SSLContext | None) -> uvicorn.Config:  # noqa: ANN401 - an ASGI application
    """Return how uvicorn runs the application."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,  # addresses may hold tokens
        server_header=False,
        date_header=False,
        proxy_headers=False,  # anybody can write them
        loop="asyncio",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=MOST_BYTES,
        ws_max_queue=4,
        ws_per_message_deflate=False,  # JPEGs do not get smaller, and what inflates can be a bomb
        limit_concurrency=most_connections(server.visitors),
        timeout_graceful_shutdown=1,
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_is_fault_of_ours)
    config.ssl = context  # a context of our own: `uvicorn.Config` takes names of files
    return config


def _is_fault_of_ours(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's tells more than what a client did, or what the end of the server cut off."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return not record.getMessage().startswith(_FAULTS_OF_CLIENTS)


def most_connections(visitors: int) -> int:
    """Return how many connections there may be; the system's limit of open files is raised for them where it can be."""
    wanted = max(_LEAST_CONNECTIONS, visitors * _CONNECTIONS_EACH)
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
        return max(1, min(wanted, soft - _OTHER_FILES))
    return wanted


def _tell_phones(link: str, further: list[str], fingerprint: str | None, tell: Tell) -> None:
    """Print the link, as a QR code too where the terminal can show one, and what the phone will say of it."""
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
    """Return a socket that listens.

    Raises:
        SettingsError: the address is not there or taken.
    """
    try:
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and server.is_everywhere and socket.has_dualstack_ipv6()
        return socket.create_server(
            (server.host, server.port), family=family, backlog=128, dualstack_ipv6=both
        )
    except OSError as error:
        # `create_server` adds words of its own; the numbers of names that are not found lie below 0.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise SettingsError(
            f"cannot listen at {server.host}, port {server.port}: {reason}. Choose another with --port N "
            "(0: any free one) or --host ADDRESS."
        ) from error


def _tls(server: ServerSettings) -> tuple[ssl.SSLContext | None, str | None]:
    if server.tls_cert is not None and server.tls_key is not None:
        return tls_context(server.tls_cert, server.tls_key), None
    if server.tls is None:
        return None, None
    return self_signed(server.certified_names())


def _camera(source: int | str, settings: Settings) -> LiveSource:
    camera = open_source(source, size=settings.size, fps=settings.camera_fps, backend=settings.backend)
    if not is_live(camera):
        camera.close()
        raise SourceError(
            f"{camera.name} is a file: serve shows cameras, streams and the demo. Drop the file on the page instead."
        )
    return camera


def _service(settings: Settings, tell: Tell, memory: int | None) -> Service:
    tell(f"loading {settings.model_name} …")
    # Here, not above: TensorFlow takes seconds, and what a user has mistyped is found without it.
    from live_gradcam.explain.loading import load_chosen
    from live_gradcam.models.devices import room_for_waiting
    from live_gradcam.server.memory import Memory
    from live_gradcam.server.service import Service

    room_for_waiting(_CALLS_AT_ONCE)
    model, device = load_chosen(settings)
    watch = Memory(memory)
    service = Service(model, settings, watch)
    try:
        service.start()
        watch.settle()
    except BaseException:
        service.close()
        raise
    tell(f"{model.name} on {device}: {settings.method} is ready")
    return service
