"""Bodies of programs' requests: limits on their size and speed, and on the memory that they take."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request

from live_gradcam.server.errors import RequestError
from live_gradcam.server.explain_response import MEDIA_TYPES, MOST_BYTES

MOST_HELD = 8 * MOST_BYTES
"""Limit on the bytes of all files that are being received. Beyond it, slow uploads are ended, and so are uploads of an
address that holds more than half of it."""

MOST_EVER_HELD = 2 * MOST_HELD
"""Beyond this, every upload that sends more is ended."""

SECONDS = 20.0
"""Time limit for receiving a picture."""

GRACE_SECONDS = 3.0
LEAST_RATE = 10_000.0
"""Minimum bytes a second on average, after `GRACE_SECONDS`."""

SLOW_AFTER_SECONDS = 1.0
SLOW_RATE = 100_000.0
"""An upload is slow if it has less than this rate after a second, or if it sent nothing for a second."""

_DRAINED_BYTES = 5 * MOST_BYTES
"""A file that is too large is read up to this size and dropped: a client that is cut off while it sends does not read
the reason."""


@dataclass(slots=True, eq=False)
class _Upload:
    """A picture that is being received."""

    address: str
    began: float
    last: float
    """Time at which its last bytes came."""
    size: int = 0
    """Bytes that were received, kept or not."""
    held: int = 0
    """Bytes that are kept."""
    limit: asyncio.Timeout | None = field(default=None, repr=False)
    """Time limit for the next bytes; None once all were received."""
    evicted: bool = False

    def is_slow(self, now: float) -> bool:
        """Return whether it is slow, so that it may be ended in favour of others."""
        seconds = now - self.began
        if self.limit is None or self.evicted or seconds < SLOW_AFTER_SECONDS:
            return False
        return self.size < SLOW_RATE * seconds or now - self.last > SLOW_AFTER_SECONDS

    def evict(self, now: float) -> None:
        """End it by a timeout now."""
        self.evicted = True
        if self.limit is not None:
            self.limit.reschedule(now)


class RequestBodies:
    """Receives the bodies of requests.

    A slow upload that has sent little costs almost nothing. So the number of uploads has no limit here (the number of
    connections has one), and slow clients do not block a fast one.
    """

    def __init__(self) -> None:
        self._open: list[_Upload] = []

    async def receive(self, request: Request) -> bytes:
        """Return the body of a request. Never keep more of it than `MOST_BYTES`.

        Raises:
            RequestError: it has another content type (415), is too large (413) or too slow (408), or too many are being
                received (503).
            ClientDisconnect: the client has disconnected.
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
        """End a slow upload if all together hold too much.

        Raises:
            RequestError: none is slow, so this one ends (503).
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


_DISCONNECTED = 499
"""nginx's status for a client that has disconnected; it appears in the metrics only."""

Result = TypeVar("Result")


async def run_while_connected(
    work: Coroutine[Any, Any, Result], request: Request, ending: asyncio.Event
) -> Result:
    """Return the result of `work`; cancel it when the client disconnects or the server stops.

    Args:
        work: the work for a request whose body was received.
        request: the request.
        ending: set when the server stops.

    Raises:
        RequestError: the client has disconnected (499), or the server stops (503).
    """
    working = asyncio.create_task(work)
    disconnected = asyncio.create_task(_disconnected(request))
    tasks = (working, disconnected, asyncio.create_task(ending.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and not working.cancelled():
            return await working
        if disconnected.done():
            raise RequestError(_DISCONNECTED, "the client has hung up.")
        raise RequestError(503, "the server is ending.")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class PendingBytes:
    """Limits the bytes of received pictures that wait to be explained.

    Args:
        most: maximum number of bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Count `size` bytes inside the `with` block. One picture is always admitted.

        Raises:
            RequestError: the limit would be exceeded (503).
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
