"""Limits on open connections: their number, their speed, and which one is closed for a new one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from typing import Protocol

HEAD_SECONDS = 10.0
"""Time limit for a whole request head, including the TLS handshake, and for the next request on the connection."""

BODY_SECONDS = 30.0
"""Time limit for the next bytes of a request's body, and for the rest of a body that is not read any more."""

STALL_SECONDS = 10.0
"""A client must receive at least `LEAST_TAKEN` bytes of a pending response within this time."""

LEAST_TAKEN = 100_000
LEAST_TAKEN_OF_SOCKET = 10_000

EVICTED_AFTER_SECONDS = 1.0
"""Within a request or response, a connection may be closed for a new one only after this time without a byte."""

MOST_SILENT_EACH = 96
"""Number of idle connections of one address: a browser opens six for each page."""

_CHECK_SECONDS = 0.25

_PARSING_SECONDS = 0.1
"""Seconds of processor time that slow-to-parse requests may use in each second."""


class ClientProtocol(Protocol):
    """The protocol that a connection speaks."""

    @property
    def waits(self) -> bool:
        """Whether the server waits for a request or the rest of one."""

    @property
    def receives(self) -> bool:
        """Whether a request's body is being read."""

    @property
    def trusted(self) -> bool:
        """Whether the client has sent the token."""

    @property
    def is_socket(self) -> bool:
        """Whether it is a WebSocket."""

    @property
    def unsent(self) -> int:
        """Bytes that wait to be encrypted."""


class Connection:
    """One connection.

    Args:
        transport: the TCP connection, below TLS.
        address: the client's address.
        now: the event loop's time.
    """

    def __init__(self, transport: asyncio.Transport, address: str, now: float) -> None:
        self.transport = transport
        self.address = address
        self.protocol: ClientProtocol | None = None
        """None until TLS is ready."""
        self.waiting_since = now
        """Time at which it was opened, or at which its last response was complete."""
        self.last = now
        """Time at which the client last sent or received something."""
        self._unsent = 0
        self._taken = 0
        self._window = now

    def answered(self, now: float) -> None:
        """Note that a response is complete: the time limit for the next request starts."""
        self.waiting_since = self.last = now

    def can_give_way(self, now: float) -> bool:
        """Return whether it may be closed to make room for a new one."""
        if self.protocol is None:
            return True
        if not self.protocol.waits:
            return False
        busy = self.protocol.receives or self._buffered() > 0
        return not busy or now - self.last > EVICTED_AFTER_SECONDS

    def is_too_slow(self, now: float) -> bool:
        """Return whether it has exceeded a time limit."""
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
        """Return whether the client receives a response too slowly."""
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

    When there are too many, an idle one is closed. Connections without a token are closed before those with one; among
    these, the address with the most connections loses the one that has been idle for the longest time. So a new
    connection is admitted unless all are busy, and idle clients harm only themselves.

    Args:
        most: maximum number of connections.
        loop: the event loop, for its clock and timers.
    """

    def __init__(self, most: int, loop: asyncio.AbstractEventLoop) -> None:
        self._most = most
        self._loop = loop
        self._open: OrderedDict[Connection, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.parsing = RateLimit(_PARSING_SECONDS, _PARSING_SECONDS)
        """Limits the seconds spent on slow-to-parse requests, for all clients together."""
        self.closed = 0
        """Number of connections that were closed because they were too slow, or for a new one."""

    def __len__(self) -> int:
        return len(self._open)

    def add(self, transport: asyncio.Transport) -> Connection | None:
        """Add a new connection, closing another one if needed; return None if all are busy."""
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
        """Remove a connection that has ended."""
        self._open.pop(connection, None)

    def note_activity(self, connection: Connection) -> None:
        """Note that a client has sent something."""
        if connection in self._open:
            connection.last = self._loop.time()
            self._open.move_to_end(connection)

    def close(self) -> None:
        """Close the connections that wait for the client, and stop checking."""
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
    """A rate limit: a token bucket.

    Args:
        rate: tokens that are added each second.
        burst: capacity of the bucket.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def spend(self, count: float = 1.0) -> float:
        """Take tokens, on credit if there are too few.

        Returns:
            Seconds until the debt is paid: 0 if there were enough tokens.
        """
        self._left = self._now() - count
        return max(0.0, -self._left / self._rate)

    def reserve(self, most_seconds: float) -> float | None:
        """Take one token, unless the wait for it would be too long.

        Returns:
            Seconds to wait; None if that is more than `most_seconds`: then no token was taken.
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
