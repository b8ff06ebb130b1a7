"""Receives the pictures of programs: so many bytes at once, and none that come too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request

from live_gradcam.server.endpoint import MEDIA_TYPES, MOST_BYTES
from live_gradcam.server.errors import RequestError

MOST_HELD = 8 * MOST_BYTES
"""Bytes of all files that arrive. Beyond them slow uploads end, and an address that holds more
than half of them gets no more."""

MOST_EVER_HELD = 2 * MOST_HELD
"""Beyond these every upload ends that brings more."""

SECONDS = 20.0
"""How long a picture may take to arrive."""

GRACE_SECONDS = 3.0
LEAST_RATE = 10_000.0
"""Bytes a second that have to come on average, after the grace."""

SLOW_AFTER_SECONDS = 1.0
SLOW_RATE = 100_000.0
"""An upload is slow that brings less than this after a second, or nothing for a second."""

_DRAINED_BYTES = 5 * MOST_BYTES
"""A file that is too large is read so far and forgotten: a client that is cut off while it sends reads no reason."""


@dataclass(slots=True, eq=False)
class _Upload:
    """A picture that arrives."""

    address: str
    began: float
    last: float
    """When its last bytes came."""
    size: int = 0
    """Bytes that came, kept or not."""
    held: int = 0
    """Bytes that are kept."""
    limit: asyncio.Timeout | None = field(default=None, repr=False)
    """Of its next bytes; None once all are here."""
    evicted: bool = False

    def is_slow(self, now: float) -> bool:
        """Whether it gives way to others."""
        seconds = now - self.began
        if self.limit is None or self.evicted or seconds < SLOW_AFTER_SECONDS:
            return False
        return self.size < SLOW_RATE * seconds or now - self.last > SLOW_AFTER_SECONDS

    def evict(self, now: float) -> None:
        """End it."""
        self.evicted = True
        if self.limit is not None:
            self.limit.reschedule(now)


class RequestBodies:
    """The pictures that arrive.

    A slow upload that brought little costs next to nothing, so their number has no limit here (that of connections
    has one): a client that sends a picture at once is received however many others dawdle.
    """

    def __init__(self) -> None:
        self._open: list[_Upload] = []

    async def receive(self, request: Request) -> bytes:
        """Return the body of a request, of which no more is ever kept than a picture may have.

        Raises:
            RequestError: it is of another kind (415), too large (413) or too slow (408), or too many arrive (503).
            ClientDisconnect: the client left.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
        if kind not in MEDIA_TYPES:
            raise RequestError(415, f"the Content-Type must be one of {', '.join(MEDIA_TYPES)}.")
        now = asyncio.get_running_loop().time()
        upload = _Upload(request.client.host if request.client else "", now, now)
        self._open.append(upload)
        try:
            return await self._read(request, upload)
        finally:
            self._open.remove(upload)

    async def _read(self, request: Request, upload: _Upload) -> bytes:
        loop = asyncio.get_running_loop()
        body = bytearray()
        try:
            async with asyncio.timeout_at(upload.began + GRACE_SECONDS) as upload.limit:
                async for chunk in request.stream():
                    upload.size += len(chunk)
                    upload.last = loop.time()
                    if upload.size <= MOST_BYTES:
                        body += chunk
                        upload.held = len(body)
                        self._make_room(upload, upload.last)
                    elif upload.size > _DRAINED_BYTES:
                        break
                    if not upload.evicted:
                        seconds = min(SECONDS, GRACE_SECONDS + upload.size / LEAST_RATE)
                        upload.limit.reschedule(upload.began + seconds)
        except TimeoutError as error:
            raise RequestError(408, _too_slow(upload, loop.time())) from error
        finally:
            upload.limit = None
        if upload.size > MOST_BYTES:
            raise RequestError(
                413, f"the file has more than {MOST_BYTES // 1_000_000} MB: send a smaller one."
            )
        return bytes(body)

    def _make_room(self, upload: _Upload, now: float) -> None:
        """End slow uploads where all together hold too much.

        Raises:
            RequestError: none is slow, and this one has to end (503).
        """
        held = sum(each.held for each in self._open if not each.evicted)
        if held <= MOST_HELD:
            return
        slow = [each for each in self._open if each.is_slow(now) and each is not upload]
        if slow:
            max(slow, key=lambda each: each.held).evict(now)
            return
        own = sum(each.held for each in self._open if each.address == upload.address)
        if held > MOST_EVER_HELD or own > MOST_HELD // 2:
            raise RequestError(503, "too many pictures are being received: try again later.")


def _too_slow(upload: _Upload, now: float) -> str:
    if upload.evicted:
        return "the picture came slowly while others waited: send it again."
    if now - upload.began >= SECONDS:
        return f"the picture did not arrive within {SECONDS:.0f} s."
    return f"the picture came too slowly: at least {LEAST_RATE / 1000:.0f} kB/s are needed."


_HUNG_UP = 499
"""As nginx numbers it; nobody reads it but the log and the counters."""

Found = TypeVar("Found")


async def run_while_connected(
    work: Coroutine[Any, Any, Found], request: Request, ending: asyncio.Event
) -> Found:
    """Return what work results in; it is cancelled when its client hangs up or the server ends.

    Args:
        work: what is done for the request, whose body was received.
        request: whose connection is watched.
        ending: is set when the server ends.

    Raises:
        RequestError: the client hung up (499), or the server ends (503).
    """
    working = asyncio.create_task(work)
    hung_up = asyncio.create_task(_hung_up(request))
    tasks = (working, hung_up, asyncio.create_task(ending.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and not working.cancelled():
            return await working
        if hung_up.done():
            raise RequestError(_HUNG_UP, "the client has hung up.")
        raise RequestError(503, "the server is ending.")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class PendingBytes:
    """Counts the bytes of received pictures that wait.

    Args:
        most: how many may.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Count so many bytes inside the `with` block.

        Raises:
            RequestError: it would be too many (503).
        """
        if self._bytes and self._bytes + size > self._most:
            megabytes = round(self._bytes / 1e6)
            raise RequestError(
                503, f"pictures of {megabytes} MB are waiting already: try again later.", retry_after=5
            )
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size
