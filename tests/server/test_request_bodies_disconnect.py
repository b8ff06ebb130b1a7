"""Departures: what is done for a program ends when it hangs up, or the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from live_gradcam.server.errors import RequestError
from live_gradcam.server.request_bodies import PendingBytes, run_while_connected


class Client:
    """A connection whose client stays until it leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.request = Request({"type": "http"}, receive=self._receive)

    async def _receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def run(
    work: Callable[[], Any], happens: Callable[[Client, asyncio.Event], None]
) -> tuple[Any, list[str]]:
    client, ending, ended = Client(), asyncio.Event(), list[str]()

    async def working() -> Any:
        try:
            return await work()
        finally:
            ended.append("work")

    asyncio.get_running_loop().call_later(0.05, happens, client, ending)
    try:
        found: Any = await run_while_connected(working(), client.request, ending)
    except RequestError as refusal:
        found = refusal
    assert len(asyncio.all_tasks()) == 1, "a task is left"
    return found, ended


async def long() -> None:
    await asyncio.sleep(10)


async def short() -> int:
    return 7


def nothing(client: Client, ending: asyncio.Event) -> None:
    del client, ending


def test_what_is_done_is_returned() -> None:
    assert asyncio.run(run(short, nothing)) == (7, ["work"])


def test_work_is_cancelled_when_its_client_hangs_up() -> None:
    found, ended = asyncio.run(run(long, lambda client, _: client.left.set()))
    assert (found.status, str(found), ended) == (499, "the client has hung up.", ["work"])


def test_work_is_cancelled_when_the_server_ends() -> None:
    found, ended = asyncio.run(run(long, lambda _, ending: ending.set()))
    assert (found.status, str(found), ended) == (503, "the server is ending.", ["work"])


def test_what_fails_is_raised() -> None:
    async def failing() -> None:
        raise RequestError(400, "no such class")

    found, ended = asyncio.run(run(failing, nothing))
    assert (found.status, ended) == (400, ["work"])


def test_no_more_bytes_are_held_than_may_be() -> None:
    pending = PendingBytes(10_000_000)
    with pending.reserve(20_000_000):  # whatever it is, one always may
        pass
    with pending.reserve(6_000_000):
        with (
            pytest.raises(RequestError, match="pictures of 6 MB are waiting already") as refusal,
            pending.reserve(5_000_000),
        ):
            pass
        assert (refusal.value.status, refusal.value.retry_after) == (503, 5)
        with pending.reserve(4_000_000):
            pass
    with pending.reserve(10_000_000):
        pass
