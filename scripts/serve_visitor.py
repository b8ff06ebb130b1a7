"""An honest visitor: a page that sends frames, a program that posts pictures, and somebody who opens the page."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from serve_connection import Address, Connection, RefusedError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

PATIENCE_SECONDS = 60.0
"""An answer that takes longer counts as none."""

_POSTS_A_SECOND = 1.0
_HEALTH_A_SECOND = 4.0
_AGAIN_SECONDS = 0.5
"""Before a connection that failed is opened again."""

_LOST = (OSError, EOFError, TimeoutError, WebSocketException, InvalidHandshake, RefusedError)

JPEG = {"Content-Type": "image/jpeg"}


@dataclass(slots=True)
class Times:
    """How long answers took, and when they were asked for."""

    seen: list[tuple[float, float]] = field(default_factory=list)
    """(`time.monotonic()` of the question, milliseconds to the answer)."""

    def between(self, begin: float, end: float) -> list[float]:
        """Return the milliseconds of what was asked in a span, ascending."""
        return sorted(ms for moment, ms in self.seen if begin <= moment < end)


def p50(ms: list[float]) -> float:
    """Return the median; NaN of nothing."""
    return statistics.median(ms) if ms else float("nan")


def p95(ms: list[float]) -> float:
    """Return what 95 of 100 stay below, of ascending values; NaN of nothing."""
    return ms[math.ceil(0.95 * len(ms)) - 1] if ms else float("nan")


class Visitor:
    """Uses the server as it is meant to be used, and notes how long it waits and what it is refused.

    Args:
        address: of the server.
        frames: picture files, sent in turn.
        fps: frames a second; the next is sent when the last was answered.
    """

    def __init__(self, address: Address, frames: list[bytes], fps: float = 5.0) -> None:
        self._address = address
        self._frames = frames
        self._fps = fps
        self._over = asyncio.Event()
        self.frames, self.posts, self.health = Times(), Times(), Times()
        self.refused: Counter[str] = Counter()
        """What was not answered as it should be, and how often."""

    async def run(self) -> None:
        """Visit until `end` is called, and what was asked is answered."""
        await asyncio.gather(
            self._again_and_again("frame", self._stay_on_the_page),
            self._again_and_again("post", self._post_pictures),
            self._again_and_again("healthz", self._ask_for_health),
        )

    def end(self) -> None:
        """Ask for nothing more."""
        self._over.set()

    async def _again_and_again(self, kind: str, visit: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            try:
                await visit()
            except _LOST as error:
                self._refuse(
                    kind, str(error) if isinstance(error, RefusedError) else f"{type(error).__name__} {error}"
                )
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _stay_on_the_page(self) -> None:
        token = "" if self._address.token is None else f"?token={quote(self._address.token, safe='')}"
        address = f"ws://{self._address.place}/socket{token}"
        options = {"max_size": None, "compression": None, "open_timeout": PATIENCE_SECONDS}
        async with connect(address, **options) as socket:  # type: ignore[arg-type] # of several kinds
            await socket.send(json.dumps({"ask": 1, "methods": ["gradcam"], "targets": [None]}))
            number = 0
            async for sent in self._beats(self._fps):
                await self._send_frame(socket, number, sent)
                number += 1

    async def _send_frame(self, socket: ClientConnection, number: int, sent: float) -> None:
        await socket.send(number.to_bytes(4, "little") + self._frames[number % len(self._frames)])
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await socket.recv()
        if isinstance(answer, str):
            self._refuse("frame", answer)
        else:
            self.frames.seen.append((sent, 1000 * (time.monotonic() - sent)))

    async def _post_pictures(self) -> None:
        """Post a picture and load the page, each through a connection of its own, as a newcomer does."""
        async for sent in self._beats(_POSTS_A_SECOND):
            for kind, method, path, body in (
                ("page", "GET", "/page/main.js", b""),
                ("post", "POST", "/explain", self._frames[0]),
            ):
                began = sent if kind == "page" else time.monotonic()
                async with (
                    asyncio.timeout(PATIENCE_SECONDS),
                    await Connection.open(self._address) as connection,
                ):
                    reply = await connection.ask(method, path, body, JPEG if body else None)
                if reply.status != 200:
                    self._refuse(kind, f"{reply.status} {reply.body[:100].decode(errors='replace')}")
                elif kind == "post":
                    self.posts.seen.append((began, 1000 * (time.monotonic() - began)))

    async def _ask_for_health(self) -> None:
        """Ask whether the server is alive, through one connection that is kept."""
        async with await Connection.open(self._address) as connection:
            asked = 0
            async for sent in self._beats(_HEALTH_A_SECOND):
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        reply = await connection.ask("GET", "/healthz")
                except (EOFError, ConnectionError):
                    if asked:
                        return  # a server may close an idle connection (RFC 9112, 9.3): another one is opened
                    raise
                asked += 1
                if reply.status != 200:
                    raise RefusedError(reply.status, reply.body[:100].decode(errors="replace"))
                self.health.seen.append((sent, 1000 * (time.monotonic() - sent)))

    async def _beats(self, a_second: float) -> AsyncIterator[float]:
        """Give the moments to do something at, until the end; what is late is not made up for."""
        due = time.monotonic()
        while not self._over.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            yield now
            due = max(due + 1 / a_second, now)

    def _refuse(self, kind: str, reason: str) -> None:
        self.refused[f"{kind}: {reason[:120]}"] += 1
