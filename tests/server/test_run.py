"""The server ends when it is asked to, whenever that is, and puts everything away."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from live_gradcam.process.lifecycle import REQUESTS
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.uvicorn_server import ViewServer, configuration

Send = Callable[[dict[str, Any]], Awaitable[None]]


class App:
    """An application that does nothing but begin and end, and may be asked to end while it begins."""

    def __init__(self, asked: int | None) -> None:
        self._asked = asked
        self.events: list[str] = []

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send
    ) -> None:
        assert scope["type"] == "lifespan"
        for name in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{name}"
            self.events.append(name)
            if name == "startup" and self._asked is not None:
                signal.raise_signal(self._asked)
            await send({"type": f"lifespan.{name}.complete"})


@pytest.mark.parametrize("request_to_end", REQUESTS)
@pytest.mark.parametrize("when", ["it begins", "it listens", "it ends"])
def test_asked_to_end_at_any_moment_it_puts_all_away_and_says_nothing(
    request_to_end: int, when: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    app = App(request_to_end if when == "it begins" else None)
    ended: list[str] = []

    def begun() -> None:
        app.events.append("listens")
        if when != "it begins":
            signal.raise_signal(request_to_end)

    def ending() -> None:
        ended.append("streams")
        if when == "it ends":
            signal.raise_signal(request_to_end)

    before = [signal.getsignal(number) for number in REQUESTS]
    server = ViewServer(configuration(app, ServerSettings(), None), on_started=begun, on_ending=ending)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.run(sockets=[listening])
    assert app.events == ["startup", "listens", "shutdown"]
    assert ended == ["streams"]
    assert [signal.getsignal(number) for number in REQUESTS] == before
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")
