"""The page for marking, served for the length of a test, and a client that asks it as the page does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from marked import marks_of
from served import Reply

from live_gradcam.audit.marks import Marks
from live_gradcam.server.marking import AuditTurn, MarkingPage, marking_served
from live_gradcam.server.settings import ServerSettings

TOKEN = "a-token-that-is-long-enough"


class MarkingClient:
    """Asks the page's server as the page does.

    Args:
        link: the link of the page, whose token is behind the #.
    """

    def __init__(self, link: str) -> None:
        self.link = link
        self._address, _, token = link.partition("/#token=")
        self.token = token

    def ask(self, path: str, method: str = "GET", *, token: str | None = None, **headers: str) -> Reply:
        """Send a request."""
        secret = self.token if token is None else token
        named = {"Authorization": f"Bearer {secret}"} if secret else {}
        request = Request(self._address + path, headers={**named, **headers}, method=method)
        try:
            with urlopen(request, timeout=60) as reply:
                return Reply(reply.status, dict(reply.headers), reply.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def json(self, path: str, method: str = "GET") -> Any:
        """Send a request that is answered, and return the answer."""
        reply = self.ask(path, method)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)


@contextmanager
def marking(photos: Path, out: Path) -> Iterator[tuple[MarkingClient, Marks, AuditTurn]]:
    """Serve the page for photographs."""
    marks, turn = marks_of(photos, out), AuditTurn()
    settings = ServerSettings(port=0, token=TOKEN)
    with marking_served(MarkingPage(marks=marks, turn=turn, out=out), settings) as link:
        yield MarkingClient(link), marks, turn
