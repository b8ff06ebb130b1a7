"""Departures: what is done for a program ends when the program hangs up, or the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.requests import Request

from live_gradcam.server.errors import RequestError

_HUNG_UP = 499
"""As nginx numbers it; nobody reads it but the log and the counters."""

Found = TypeVar("Found")


async def while_wanted(work: Coroutine[Any, Any, Found], request: Request, ending: asyncio.Event) -> Found:
    """Return what work results in; it is cancelled when its client hangs up or the server ends.

    Args:
        work: what is done for the request, whose body was received.
        request: whose connection is watched.
        ending: is set when the server ends.

    Raises:
        Refusal: the client hung up (499), or the server ends (503).
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


class Held:
    """Counts the bytes of received pictures that wait.

    Args:
        most: how many may.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0

    @contextmanager
    def taking(self, size: int) -> Iterator[None]:
        """Count so many bytes inside the `with` block.

        Raises:
            Refusal: it would be too many (503).
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
