"""uvicorn's protocols for HTTP and WebSocket, with limits on slow and flooding clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import h11
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from live_gradcam.server.connections import Connection, Connections, RateLimit

FRAMES_A_SECOND, FRAMES_AT_ONCE = 400.0, 800.0
"""Rate limit and burst of one client's WebSocket frames: messages, fragments and pings. A page sends 60 a second."""

_PIECE_BYTES = 4096
_MOST_PIECE_BYTES = 65_536
"""Bytes that are parsed at a time: at first at most 680 empty frames, which take about 4 ms; more for large frames."""

_FEW_FRAMES = 4

_SLOW_PIECE_SECONDS = 0.003
"""A piece of HTTP that takes longer (CPU time of the thread) consists of tiny chunks; its time is limited."""


TRUSTED = "live_gradcam.trusted"
"""Key in a request's `state`: the client has sent the token."""


class _TrackedProtocol:
    """Base of both protocols: reports their activity to the connection that they use."""

    all_connections: Connections | None = None
    """All connections; uvicorn's own attribute `connections` is its set of protocols."""
    connection: Connection | None = None
    transport: asyncio.Transport
    trusted = False

    @property
    def unsent(self) -> int:
        """Bytes that wait to be encrypted; 0 without TLS, where the connection counts them."""
        if self.connection is None or self.transport is None or self.transport is self.connection.transport:
            return 0
        return self.transport.get_write_buffer_size()

    def track(self, connections: Connections, connection: Connection) -> None:
        """Set the connection."""
        self.all_connections, self.connection = connections, connection
        connection.protocol = cast(Any, self)

    def _note_activity(self) -> None:
        if self.all_connections is not None and self.connection is not None:
            self.all_connections.note_activity(self.connection)

    def _remove_connection(self) -> None:
        if self.all_connections is not None and self.connection is not None:
            self.all_connections.remove(self.connection)


class _Flow(FlowControl):
    """Flow control that parses received bytes before more are read.

    Args:
        transport: the transport that is read.
        wanted: called when the application wants more and bytes are unparsed.
    """

    def __init__(self, transport: asyncio.Transport, wanted: Callable[[], object]) -> None:
        super().__init__(transport)
        self.has_unread = False
        self._wanted = wanted

    def resume_reading(self) -> None:
        """Continue with the unparsed bytes, or else with reading."""
        if self.has_unread:
            self.read_paused = False
            self._wanted()
        else:
            super().resume_reading()


class HttpProtocol(H11Protocol, _TrackedProtocol):
    """HTTP requests of one client, one after the other.

    Received bytes are parsed in small pieces, so that other clients get their turn: thousands of chunks of one byte
    take a hundred times as long as one large chunk.
    """

    is_socket = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        super().__init__(*args, **kwargs)
        self._unread = bytearray()
        self._piece = _PIECE_BYTES
        self._reading: asyncio.Handle | None = None

    @property
    def waits(self) -> bool:
        """Whether the server waits for a request or the rest of one."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    @property
    def receives(self) -> bool:
        """Whether a request's body is being read."""
        return self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start with a new connection."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._read_soon)

    def data_received(self, data: bytes) -> None:
        """Receive bytes."""
        self._note_activity()
        self._unread += data
        if self._reading is None and not self.flow.read_paused:
            self._read()
        else:
            self.flow.has_unread = True  # type: ignore[attr-defined]  # it is a `_Flow`
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        self._remove_connection()
        self._unread.clear()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP, unless a response has begun; report a disconnect to the application."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        with suppress(h11.LocalProtocolError):  # a response has begun, or it is for HEAD and has no body
            super().send_400_response(msg)
        self.transport.close()

    def on_response_complete(self) -> None:
        """Note that a response is complete."""
        if self.connection is not None:
            self.trusted = self.trusted or bool(self.scope.get("state", {}).get(TRUSTED))
            self.connection.answered(self.loop.time())
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Pass the connection on to the WebSocket protocol."""
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        if (
            isinstance(protocol, SocketProtocol)
            and self.all_connections is not None
            and self.connection is not None
        ):
            protocol.track(self.all_connections, self.connection)

    def _read_soon(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_soon(self._read)

    def _read(self) -> None:
        """Parse the received bytes piece by piece, as long as the application takes them."""
        self._reading = None
        flow = cast(_Flow, self.flow)
        while self._unread and not self.transport.is_closing():
            if flow.read_paused:
                flow.has_unread = True
                return
            piece = bytes(self._unread[: self._piece])
            del self._unread[: self._piece]
            began = time.thread_time()
            super().data_received(piece)
            seconds = time.thread_time() - began
            if self.transport.get_protocol() is not self:
                return  # upgraded to a WebSocket
            slow = seconds > _SLOW_PIECE_SECONDS
            self._piece = _PIECE_BYTES if slow else min(2 * self._piece, _MOST_PIECE_BYTES)
            if slow and self.all_connections is not None:
                wait = self.all_connections.parsing.spend(seconds)
                self.transport.pause_reading()
                flow.has_unread = True
                self._reading = self.loop.call_later(wait, self._read)
                return
        flow.has_unread = False
        if not flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()


class SocketProtocol(WebSocketsSansIOProtocol, _TrackedProtocol):
    """WebSocket of one client; reads at most `FRAMES_A_SECOND` frames.

    More frames stay unread and fill the sender's own buffers.
    """

    is_socket = True
    receives = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        super().__init__(*args, **kwargs)
        self._rate_limit = RateLimit(FRAMES_A_SECOND, FRAMES_AT_ONCE)
        self._unread = bytearray()
        self._piece = _PIECE_BYTES
        self._reading: asyncio.Handle | None = None
        self._frames_read = 0

    @property
    def waits(self) -> bool:
        """Whether the server waits for the client."""
        return not self.handshake_complete

    def data_received(self, data: bytes) -> None:
        """Receive bytes; some may wait for the rate limit."""
        self._note_activity()
        if not self.handshake_initiated:
            super().data_received(data)
            return
        self._unread += data
        if self._reading is None and not self.read_paused:
            self._read()
        else:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        self._remove_connection()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self._unread.clear()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Count and handle the parsed frames."""
        self._frames_read += len(self.conn.events)
        super().handle_events()

    def send_receive_event_to_app(self) -> None:
        """Pass a message on to the application; invalid UTF-8 closes the socket, unless the client has closed it."""
        with suppress(InvalidState):
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client is gone: asyncio would log a warning for each."""
        if not self.transport.is_closing():
            super().handle_ping()

    async def receive(self) -> Any:  # noqa: ANN401 - an ASGI message
        """Return the next message."""
        message = await super().receive()
        self._read_on()
        return message

    async def send(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        """Send a message.

        Raises:
            ClientDisconnected: the client is gone. Without this, asyncio would log a warning for each message.
        """
        if message["type"] == "websocket.send" and self.transport.is_closing():
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.close":
            self._read_on()  # the unread bytes may hold the client's own close

    def _read_on(self) -> None:
        """Parse the unread bytes before more are received."""
        if self.transport.is_closing() or (self._reading is None and not self._unread):
            return
        self.transport.pause_reading()
        if self._reading is None and not self.read_paused:
            self._reading = self.loop.call_soon(self._read)

    def _read(self) -> None:
        """Parse the received bytes piece by piece, until a message is complete or the rate limit is reached."""
        self._reading = None
        while self._unread and not self.transport.is_closing() and not self.read_paused:
            piece = bytes(self._unread[: self._piece])
            del self._unread[: self._piece]
            self._frames_read = 0
            super().data_received(piece)
            small = self._frames_read > _FEW_FRAMES
            self._piece = _PIECE_BYTES if small else min(2 * self._piece, _MOST_PIECE_BYTES)
            wait = self._rate_limit.spend(self._frames_read)
            if wait:
                self.transport.pause_reading()
                self._reading = self.loop.call_later(wait, self._read)
                return
        if not self._unread and not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
