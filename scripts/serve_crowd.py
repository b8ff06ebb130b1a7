"""The hands of an attack: many connections that post pictures and send frames, each again when it is over."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

import cv2
import numpy as np
from serve_connection import BINARY, CLOSE, Address, Connection, RefusedError, frame

Counts = Counter[str]

JPEG = {"Content-Type": "image/jpeg"}
PNG = {"Content-Type": "image/png"}

_AGAIN_SECONDS = 0.5
_LOST = (OSError, EOFError, TimeoutError, RefusedError)


@functools.cache
def photo(side: int = 224) -> bytes:
    """Return a JPEG that nobody could object to."""
    noise = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC))[1])


async def crowd(size: int, act: Callable[[int], Awaitable[None]], counts: Counts) -> None:
    """Do something in several places at once, in each again when it is over, until cancelled.

    Args:
        size: how many places.
        act: is given the number of the place.
        counts: takes how often a connection was refused or lost.
    """

    async def one(place: int) -> None:
        while True:
            try:
                await act(place)
            except _LOST as error:
                counts[f"refused {error.status}" if isinstance(error, RefusedError) else "lost"] += 1
                await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as group:
        for place in range(size):
            group.create_task(one(place))


async def post(address: Address, query: str, body: bytes, headers: dict[str, str], counts: Counts) -> int:
    """Post a picture, and return the status."""
    async with await Connection.open(address) as connection:
        reply = await connection.ask("POST", f"/explain{query}", body, headers)
    counts[f"answered {reply.status}"] += 1
    if reply.status in (429, 503):
        await asyncio.sleep(_AGAIN_SECONDS)
    return reply.status


async def send_frames(address: Address, pictures: list[bytes], counts: Counts) -> None:
    """Send frames over one socket, the next when the last was answered."""
    async with await Connection.open(address) as connection:
        await connection.upgrade()
        for number in itertools.count():
            data = number.to_bytes(4, "little") + pictures[number % len(pictures)]
            await connection.send(frame(BINARY, data))
            counts["frames"] += 1
            opcode, _ = await connection.message()
            if opcode == CLOSE:
                raise EOFError
