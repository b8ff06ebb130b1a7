"""The gate: whose turn it is, what the log says of a refusal, and how HEAD is answered."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from live_gradcam.server import access_control as gate
from live_gradcam.server.access_control import AccessControl

TOKEN = "a-token-that-nobody-knows"


class App:
    """Answers everything at once."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del receive
        self.methods.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        for part in (b"he", b"llo"):
            await send({"type": "http.response.body", "body": part, "more_body": part == b"he"})


async def asked(
    door: AccessControl,
    path: str = "/setup",
    *,
    method: str = "GET",
    address: str = "10.0.0.1",
    token: str | None = None,
) -> list[dict[str, Any]]:
    """Send a request, and return the messages of the answer."""
    headers = [(b"host", b"localhost")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": (address, 1),
        "state": {},
    }
    await door(scope, receive, send)
    return sent


async def statuses(door: AccessControl, count: int, **request: Any) -> list[int]:
    return [
        each[0]["status"] for each in await asyncio.gather(*(asked(door, **request) for _ in range(count)))
    ]


def test_what_a_request_says_is_logged_on_one_line_and_escaped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "live_gradcam.server.access_control")
    asyncio.run(asked(AccessControl(App(), token=TOKEN), "/\x1b]0;title\x07\nINJECTED \u202e\x7f\ud800"))
    [line] = [record.getMessage() for record in caplog.records]
    assert line == (
        'refused status=401 client="10.0.0.1" path="/\\u001b]0;title\\u0007\\nINJECTED \\u202e\\u007f\\ud800" '
        'reason="a token is needed: open the link that the server printed when it started."'
    )


def test_refusals_of_the_gate_are_counted() -> None:
    counted: list[int] = []
    door = AccessControl(App(), token=TOKEN, refused=counted.append)
    asyncio.run(asked(door))
    asyncio.run(asked(door, token="wrong"))
    asyncio.run(asked(door, token=TOKEN))
    assert counted == [401, 401]


def test_twenty_pages_from_one_address_are_complete() -> None:
    door = AccessControl(App(), token=TOKEN)

    async def load() -> list[int]:
        files = await statuses(door, 20 * 25, path="/page/main.js")
        return files + await statuses(door, 20 * 2, token=TOKEN)

    assert set(asyncio.run(load())) == {200}


def test_strangers_use_up_nothing_of_those_who_know_the_token() -> None:
    door = AccessControl(App(), token=TOKEN)

    async def flood() -> tuple[list[int], list[int]]:
        strangers = asyncio.create_task(statuses(door, 1000, token="wrong"))
        await asyncio.sleep(0)
        return await statuses(door, 50, token=TOKEN), await strangers

    known, strangers = asyncio.run(flood())
    assert set(known) == {200}
    assert set(strangers) == {401, 429}


def test_who_asks_too_often_waits_for_a_turn_and_is_refused_only_when_the_wait_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gate._RATES, "known", (100.0, 10.0))
    monkeypatch.setattr(gate, "_LONGEST_WAIT", 0.3)
    door = AccessControl(App())

    async def ask() -> tuple[list[int], list[int]]:
        return await statuses(door, 100), await statuses(door, 5, address="10.0.0.2")

    first, other = asyncio.run(ask())
    assert first.count(200) == pytest.approx(40, abs=3)
    assert set(first) == {200, 429}
    assert other == [200] * 5


def test_a_refused_request_says_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gate._RATES, "known", (1.0, 1.0))  # a slow machine must not gather a second request
    monkeypatch.setattr(gate, "_LONGEST_WAIT", 0.0)
    door = AccessControl(App())
    asyncio.run(asked(door))
    start, body = asyncio.run(asked(door))
    assert start["status"] == 429
    assert (b"retry-after", b"1") in start["headers"]
    assert b"more than 1 requests a second: slow down." in body["body"]


def test_head_is_answered_as_get_without_a_body() -> None:
    app = App()
    sent = asyncio.run(asked(AccessControl(app), method="HEAD"))
    assert app.methods == ["GET"]
    assert sent[0]["status"] == 200
    assert (b"content-length", b"5") in sent[0]["headers"]
    assert sent[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]
