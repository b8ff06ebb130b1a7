"""Pictures that arrive: slow ones end, and keep no room from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from live_gradcam.server import request_bodies as bodies
from live_gradcam.server.errors import RequestError
from live_gradcam.server.explain_response import MOST_BYTES
from live_gradcam.server.request_bodies import RequestBodies


def request_of(
    parts: AsyncIterator[bytes], address: str = "10.0.0.1", kind: bytes = b"image/jpeg"
) -> Request:
    """A request whose body comes as the parts do; it is left where they end without an empty one."""

    async def receive() -> dict[str, Any]:
        try:
            part = await anext(parts)
        except StopAsyncIteration:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    scope = {"type": "http", "headers": [(b"content-type", kind)], "client": (address, 1)}
    return Request(scope, receive)


async def steady(size: int, part: int = 100_000, pause: float = 0.0) -> AsyncIterator[bytes]:
    for at in range(0, size, part):
        yield bytes(min(part, size - at))
        await asyncio.sleep(pause)
    yield b""


async def stalled(size: int) -> AsyncIterator[bytes]:
    if size:
        yield bytes(size)
    await asyncio.sleep(60)


async def left(size: int) -> AsyncIterator[bytes]:
    yield bytes(size)


def test_a_picture_is_received_whole() -> None:
    assert asyncio.run(RequestBodies().receive(request_of(steady(1_234_567)))) == bytes(1_234_567)


@pytest.mark.parametrize(
    ("parts", "status", "reason"),
    [
        (lambda: stalled(0), 408, "the picture came too slowly: at least 10 kB/s are needed."),
        (lambda: steady(1000, 1, 0.01), 408, "the picture came too slowly: at least 10 kB/s are needed."),
        (lambda: stalled(2000), 408, "the picture came too slowly: at least 10 kB/s are needed."),
        (lambda: steady(MOST_BYTES + 1), 413, "the file has more than 12 MB: send a smaller one."),
    ],
)
def test_one_that_comes_too_slowly_or_is_too_large_is_refused(
    parts: Any, status: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.3)
    with pytest.raises(RequestError) as refusal:
        asyncio.run(RequestBodies().receive(request_of(parts())))
    assert (refusal.value.status, str(refusal.value)) == (status, reason)


def test_one_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.4)
    with pytest.raises(RequestError, match=r"the picture did not arrive within 0 s\."):
        asyncio.run(RequestBodies().receive(request_of(steady(5_000_000, 50_000, 0.02))))


def test_a_client_that_leaves_is_no_refusal() -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(RequestBodies().receive(request_of(left(1000))))


def test_a_hundred_slow_uploads_keep_nobody_out() -> None:
    async def check() -> None:
        found = RequestBodies()
        slow = [asyncio.create_task(found.receive(request_of(stalled(1000)))) for _ in range(100)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            assert len(await found.receive(request_of(steady(300_000)))) == 300_000
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(check())


def test_where_all_room_is_taken_the_slow_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_HELD", 1_000_000)
    monkeypatch.setattr(bodies, "SLOW_AFTER_SECONDS", 0.1)

    async def check() -> None:
        found = RequestBodies()
        slow = [
            asyncio.create_task(found.receive(request_of(stalled(400_000), f"10.0.0.{number}")))
            for number in range(2, 4)
        ]
        await asyncio.sleep(0.3)
        assert len(await found.receive(request_of(steady(400_000)))) == 400_000
        done, waiting = await asyncio.wait(slow, timeout=0.5)
        assert len(done) == 1
        assert [str(task.exception()) for task in done] == [
            "the picture came slowly while others waited: send it again."
        ]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(check())


def test_one_address_alone_cannot_take_all_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_HELD", 1_000_000)

    async def check() -> None:
        found = RequestBodies()
        greedy = [
            asyncio.create_task(found.receive(request_of(steady(500_000, 100_000, 0.02)))) for _ in range(4)
        ]
        await asyncio.sleep(0.02)
        other = found.receive(request_of(steady(400_000, 100_000, 0.02), "10.0.0.2"))
        results = await asyncio.gather(other, *greedy, return_exceptions=True)
        assert len(results[0]) == 400_000  # type: ignore[arg-type]
        told = {str(each) for each in results if isinstance(each, RequestError)}
        assert told == {"too many pictures are being received: try again later."}

    asyncio.run(check())
