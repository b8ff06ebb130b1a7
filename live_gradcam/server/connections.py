"""The open connections: how many there are, which of them dawdle, and which one gives way to a new one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from typing import Protocol

HEAD_SECONDS = 10.0
"""How long a connection may take to send a whole request head, TLS handshake included, and to send the next one."""

BODY_SECONDS = 30.0
"""How long the rest of a request may take that nobody reads any more, and a pause within one that is read."""

STALL_SECONDS = 10.0
"""A client has to take `LEAST_TAKEN` bytes of what it is sent within this time."""

LEAST_TAKEN = 100_000
LEAST_TAKEN_OF_SOCKET = 10_000

EVICTED_AFTER_SECONDS = 1.0
"""A connection within a request, or with an answer under way, gives way only after so long without a byte."""

MOST_SILENT_EACH = 96
"""Connections of one address that may be silent at once: a browser opens six for each page."""

_CHECK_SECONDS = 0.25

_PARSING_SECONDS = 0.1
"""Of each second."""


class ClientProtocol(Protocol):
    """What a connection is used for."""

    @property
    def waits(self) -> bool:
        """Whether the server waits for the client: for a request or the rest of it."""

    @property
    def receives(self) -> bool:
        """Whether it is within a request whose body is read."""

    @property
    def trusted(self) -> bool:
        """Whether the client showed that it knows the token."""

    @property
    def is_socket(self) -> bool:
        """Whether it is a WebSocket."""

    @property
    def unsent(self) -> int:
        """Bytes that wait to be encrypted."""


class Connection:
    """One connection.

    Args:
        transport: the TCP connection itself, below TLS.
        address: of the client.
        now: by the event loop's clock.
    """

    def __init__(self, transport: asyncio.Transport, address: str, now: float) -> None:
        self.transport = transport
        self.address = address
        self.protocol: ClientProtocol | None = None
        """None until TLS is ready."""
        self.waiting_since = now
        """When it was opened, or its last answer was complete."""
        self.last = now
        """When the client last sent or took something."""
        self._unsent = 0
        self._taken = 0
        self._window = now

    def answered(self, now: float) -> None:
        """Take note that an answer is complete: the next request may take its time."""
        self.waiting_since = self.last = now

    def can_give_way(self, now: float) -> bool:
        """Whether it may be closed for a new one."""
        if self.protocol is None:
            return True
        if not self.protocol.waits:
            return False
        busy = self.protocol.receives or self._buffered() > 0
        return not busy or now - self.last > EVICTED_AFTER_SECONDS

    def is_too_slow(self, now: float) -> bool:
        """Whether its time is up."""
        if self._stalls(now):
            return True
        if self.protocol is None:
            return now - self.waiting_since > HEAD_SECONDS
        if not self.protocol.waits:
            return False
        if self.protocol.receives:
            return now - self.last > BODY_SECONDS
        return now - self.waiting_since > HEAD_SECONDS

    def _stalls(self, now: float) -> bool:
        """Whether the client takes too little of what it is sent."""
        unsent = self._buffered()
        if unsent < self._unsent:
            self._taken += self._unsent - unsent
            self.last = now
        self._unsent = unsent
        if unsent == 0:
            self._window, self._taken = now, 0
            return False
        if now - self._window < STALL_SECONDS:
            return False
        is_socket = self.protocol is not None and self.protocol.is_socket
        stalled = self._taken < (LEAST_TAKEN_OF_SOCKET if is_socket else LEAST_TAKEN)
        self._window, self._taken = now, 0
        return stalled

    def _buffered(self) -> int:
        return self.transport.get_write_buffer_size() + (self.protocol.unsent if self.protocol else 0)


class Connections:
    """All open connections.

    Where there are too many, the one that has been silent for longest is closed: of the address that has the most
    silent ones, and of those that did not show a token where there are such. So a new connection always gets in, and
    clients that say nothing harm themselves only.

    Args:
        most: how many there may be.
        loop: whose clock and timers are used.
    """

    def __init__(self, most: int, loop: asyncio.AbstractEventLoop) -> None:
        self._most = most
        self._loop = loop
        self._open: OrderedDict[Connection, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.parsing = RateLimit(_PARSING_SECONDS, _PARSING_SECONDS)
        """Seconds that are spent on requests that take long to parse, of all clients together."""
        self.closed = 0
        """How many were closed because they dawdled, or gave way."""

    def __len__(self) -> int:
        return len(self._open)

    def add(self, transport: asyncio.Transport) -> Connection | None:
        """Take in a new connection; another one may have to give way. None: all are busy."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        now = self._loop.time()
        if len(self._open) >= self._most:
            self._make_room(now)
        if len(self._open) >= self._most:
            return None
        connection = Connection(transport, address, now)
        self._open[connection] = None
        if sum(each.address == address for each in self._open) > MOST_SILENT_EACH:
            self._limit_address(address, now)
        if self._timer is None:
            self._timer = self._loop.call_later(_CHECK_SECONDS, self._check_all)
        return connection

    def remove(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self._open.pop(connection, None)

    def note_activity(self, connection: Connection) -> None:
        """Take note that a client sent something."""
        if connection in self._open:
            connection.last = self._loop.time()
            self._open.move_to_end(connection)

    def close(self) -> None:
        """Close those of which the server waits for the client, and watch no longer."""
        for each in [each for each in self._open if each.protocol is None or each.protocol.waits]:
            each.transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self, now: float) -> None:
        silent = [each for each in self._open if each.can_give_way(now)]
        strangers = [each for each in silent if each.protocol is None or not each.protocol.trusted]
        counts = Counter(each.address for each in strangers or silent)
        if counts:
            most = max(counts.values())
            self._abort(next(each for each in strangers or silent if counts[each.address] == most))

    def _limit_address(self, address: str, now: float) -> None:
        own = [each for each in self._open if each.address == address and each.can_give_way(now)]
        strangers = [each for each in own if each.protocol is None or not each.protocol.trusted]
        if len(strangers) > MOST_SILENT_EACH:
            self._abort(strangers[0])

    def _check_all(self) -> None:
        now = self._loop.time()
        for each in [each for each in self._open if each.is_too_slow(now)]:
            self._abort(each)
        self._timer = self._loop.call_later(_CHECK_SECONDS, self._check_all) if self._open else None

    def _abort(self, connection: Connection) -> None:
        self.closed += 1
        self.remove(connection)
        connection.transport.abort()


class RateLimit:
    """How much a client may do: so much at once, and so much more each second (a token bucket).

    Args:
        rate: a second.
        burst: at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def spend(self, count: float = 1.0) -> float:
        """Take something from it, on credit where there is too little.

        Returns:
            In how many seconds it is paid for: 0 where there was enough.
        """
        self._left = self._now() - count
        return max(0.0, -self._left / self._rate)

    def reserve(self, most_seconds: float) -> float | None:
        """Take one from it, unless that has to wait too long.

        Returns:
            How many seconds to wait; None: longer than `most_seconds`, and nothing was taken.
        """
        self._left = self._now()
        wait = max(0.0, (1 - self._left) / self._rate)
        if wait > most_seconds:
            return None
        self._left -= 1
        return wait

    def _now(self) -> float:
        now = time.monotonic()
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        return left
