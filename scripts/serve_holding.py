"""Attacks that hold connections open, and attacks that flood them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from urllib.parse import quote

from serve_connection import CONTINUATION, PING, TEXT, Address, Connection, frame
from serve_crowd import JPEG, Counts, crowd, photo, post


async def idle_connections(address: Address, counts: Counts) -> None:
    """Three hundred connections that say nothing."""

    async def act(_: int) -> None:
        async with await Connection.open(address) as connection:
            counts["connections"] += 1
            await connection.reader.read()
        raise EOFError

    await crowd(300, act, counts)


async def _slowly(address: Address, head: bytes, drop: bytes, counts: Counts) -> None:
    async with await Connection.open(address) as connection:
        counts["connections"] += 1
        await connection.send(head)
        reading = asyncio.create_task(connection.reader.read())
        try:
            while not reading.done():
                await connection.send(drop)
                await asyncio.wait((reading,), timeout=1)
        finally:
            reading.cancel()
    raise EOFError


async def slow_bodies(address: Address, counts: Counts) -> None:
    """Sixty-four posts whose bodies come a byte a second."""
    head = address.head("POST", "/explain", {**JPEG, "Content-Length": "100000"}) + b"\r\n"
    await crowd(64, lambda _: _slowly(address, head, b"\xff", counts), counts)


async def slow_headers(address: Address, counts: Counts) -> None:
    """Three hundred requests whose headers never end."""
    head = address.head("GET", "/", {}, with_token=False)
    await crowd(300, lambda _: _slowly(address, head, b"X-A: b\r\n", counts), counts)


async def _flood(address: Address, first: bytes, each: bytes, counts: Counts, *, reads: bool) -> None:
    many = each * 500
    async with await Connection.open(address) as connection:
        await connection.upgrade()
        await connection.send(first)
        while not connection.reader.at_eof():
            await connection.send(many)
            counts["frames"] += 500
            with suppress(TimeoutError):
                async with asyncio.timeout(0.0005 if reads else 0):
                    await connection.reader.read(2**16)
    raise EOFError


async def pings(address: Address, counts: Counts) -> None:
    """Pings as fast as they go; one socket reads the pongs, one does not."""
    await crowd(2, lambda place: _flood(address, b"", frame(PING, b""), counts, reads=place == 0), counts)


async def empty_fragments(address: Address, counts: Counts) -> None:
    """A message that never ends, of fragments that hold nothing."""
    first, each = frame(TEXT, b"", final=False), frame(CONTINUATION, b"", final=False)
    await crowd(1, lambda _: _flood(address, first, each, counts, reads=True), counts)


async def aborted_uploads(address: Address, counts: Counts) -> None:
    """Posts that break off in the middle of the picture."""
    head = address.head("POST", "/explain", {**JPEG, "Content-Length": "100000"}) + b"\r\n"

    async def act(place: int) -> None:
        async with await Connection.open(address) as connection:
            await connection.send(head + bytes(50_000))
            await asyncio.sleep(0.05)
            if place % 2:
                connection.reset()
        counts["uploads"] += 1

    await crowd(4, act, counts)


INJECTED = "INJECTED"
"""Stands at the beginning of a line of the log where a request could write one."""

_LINE = f"\x1b]0;owned\x07\n{INJECTED} all is well\r\x9b2J\u202e"


async def log_injection(address: Address, counts: Counts) -> None:
    """Paths, headers, parameters and messages with escapes and line breaks, for whoever reads the log."""
    escaped = quote(_LINE)
    body = photo()

    async def act(place: int) -> None:
        async with await Connection.open(address) as connection:
            if place == 0:
                await connection.ask("GET", f"/{escaped}", with_token=False)
                await connection.ask("GET", f"/page/{escaped}?token={escaped}", with_token=False)
                await connection.ask(
                    "GET", "/", headers={"Host": "x\x1b[2J.example", "Origin": "http://\x1b[2J"}
                )
            elif place == 1:
                await connection.send(address.head("GET", "/\x1b[2J", {}) + b"\r\n")
                await connection.reply()
            elif place == 2:
                await connection.upgrade()
                ask = {"ask": 1, "methods": [_LINE], "layer": _LINE, "targets": [_LINE]}
                await connection.send(frame(TEXT, json.dumps(ask).encode()))
                await connection.message()
        if place == 3:
            for name in ("method", "layer", "target", "colormap"):
                await post(address, f"?{name}={escaped}", body, JPEG, counts)
        counts["requests"] += 1
        await asyncio.sleep(0.1)

    await crowd(4, act, counts)
