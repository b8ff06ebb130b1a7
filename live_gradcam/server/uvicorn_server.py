"""The uvicorn server: its settings, its signals, and how it accepts connections."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, cast

import uvicorn

from live_gradcam.process.lifecycle import requests_go_to
from live_gradcam.server.connections import HEAD_SECONDS, Connection, Connections
from live_gradcam.server.messages import MOST_BYTES
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.uvicorn_protocols import HttpProtocol, SocketProtocol

_CONNECTIONS_EACH = 8
"""Connections for each visitor: a browser opens six and the WebSocket."""

_LEAST_CONNECTIONS = 256
_OTHER_FILES = 128
"""Open files that are reserved for other uses than connections."""

_CLIENT_ERRORS = (
    "Invalid UTF-8 sequence received from client",
    "ASGI callable returned without completing handshake",
    "Cancel ",
)
"""Beginnings of messages that uvicorn logs as errors, but that a client can cause at will."""


class ViewServer(uvicorn.Server):
    """A uvicorn server with callbacks at its start and end, and with a limit on connections of its own.

    Args:
        config: uvicorn's settings.
        on_started: called once the server listens.
        on_ending: called when the server begins to stop; it has to end endless streams.
    """

    def __init__(
        self, config: uvicorn.Config, *, on_started: Callable[[], None], on_ending: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_ending = on_ending
        self._connections: Connections | None = None
        # uvicorn's own limit refuses the newest client; `Connections` closes an idle one.
        self._most_connections, config.limit_concurrency = (
            config.limit_concurrency or _LEAST_CONNECTIONS,
            None,
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle termination signals while the server runs.

        uvicorn's own method raises them again afterwards, while the event loop still runs: its tasks would end with
        tracebacks.
        """
        with requests_go_to(self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. A second signal changes nothing: stopping takes at most a second."""
        del sig, frame
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets=[])
        if not self.started:
            return
        loop = asyncio.get_running_loop()
        self._connections = connections = Connections(self._most_connections, loop)

        def acceptor() -> ConnectionAcceptor:
            return ConnectionAcceptor(connections, protocol, self.config.ssl)

        def protocol() -> HttpProtocol:
            return HttpProtocol(self.config, self.server_state, self.lifespan.state)

        for listening in sockets or ():
            self.servers.append(
                await loop.create_server(acceptor, sock=listening, backlog=self.config.backlog)
            )
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: end the streams, then the connections."""
        self._on_ending()
        if self._connections is not None:
            self._connections.close()
        await super().shutdown(sockets)


def configuration(app: Any, server: ServerSettings, context: ssl.SSLContext | None) -> uvicorn.Config:  # noqa: ANN401 - an ASGI application
    """Return uvicorn's settings for the application."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,  # URLs may hold tokens
        server_header=False,
        date_header=False,
        proxy_headers=False,  # any client can set them
        loop="asyncio",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=MOST_BYTES,
        ws_max_queue=4,
        ws_per_message_deflate=False,  # JPEGs do not get smaller, and a client could send a decompression bomb
        limit_concurrency=most_connections(server.visitors),
        timeout_graceful_shutdown=1,
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_is_server_error)
    config.ssl = context  # `uvicorn.Config` itself accepts only file names
    return config


def _is_server_error(record: logging.LogRecord) -> bool:
    """Return whether a record of uvicorn's log is an error of the server, not of a client or of its shutdown."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return not record.getMessage().startswith(_CLIENT_ERRORS)


def most_connections(visitors: int) -> int:
    """Return the maximum number of connections; raise the system's limit on open files for them if possible."""
    wanted = max(_LEAST_CONNECTIONS, visitors * _CONNECTIONS_EACH)
    try:
        import resource
    except ImportError:  # Windows, where sockets are not files
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


_SHUTDOWN_SECONDS = 2.0
"""Time limit for closing TLS."""


class ConnectionAcceptor(asyncio.Protocol):
    """Accepts a new connection, completes the TLS handshake, and passes it on to HTTP.

    Args:
        connections: all open connections.
        make: makes the HTTP protocol.
        context: the TLS context; None: without TLS.
    """

    def __init__(
        self, connections: Connections, make: Callable[[], HttpProtocol], context: ssl.SSLContext | None
    ) -> None:
        self._connections = connections
        self._make = make
        self._context = context
        self._connection: Connection | None = None
        self._early = bytearray()
        self._securing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection."""
        transport = cast(asyncio.Transport, transport)
        own = transport.get_extra_info("socket")
        if own is not None and own.family in (socket.AF_INET, socket.AF_INET6):
            # Without this, a small answer waits 40 ms for the client's acknowledgement (Nagle's algorithm).
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = self._connections.add(transport)
        if self._connection is None:
            transport.abort()
            return
        if self._context is None:
            self._hand_on(transport)
            return
        transport.pause_reading()
        self._securing = asyncio.get_running_loop().create_task(self._secure(transport, self._context))

    def data_received(self, data: bytes) -> None:
        """Keep bytes that come with the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        del exc
        if self._connection is not None:
            self._connections.remove(self._connection)

    async def _secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=HEAD_SECONDS,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except (OSError, EOFError):  # includes ssl.SSLError: not TLS, too slow, or the client left
            secure = None
        if secure is None:
            transport.abort()
            self.connection_lost(None)
            return
        self._hand_on(secure)

    def _hand_on(self, transport: asyncio.Transport) -> None:
        assert self._connection is not None
        protocol = self._make()
        protocol.track(self._connections, self._connection)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._early:
            protocol.data_received(bytes(self._early))
            self._early.clear()
