"""A web server on this machine that answers as a test wants it."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes an answer; is told how many there were at this path before."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Site:
    """What is asked of a server.

    Attributes:
        asked: (path, Authorization or None) of each request, in order.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.asked: list[tuple[str, str | None]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}{'@' if user else ''}{self.host}{path}"

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


def content(
    body: bytes, kind: str = "image/jpeg", *, whole: bool = True, headers: Mapping[str, str] = NO_HEADERS
) -> Answer:
    """Answer with a body.

    Args:
        body: the content.
        kind: its Content-Type; empty for none.
        whole: whether Content-Length is told; False ends with the connection.
        headers: others, their names with `_` for `-`.
    """

    def answer(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(200)
        if kind:
            handler.send_header("Content-Type", kind)
        if whole:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def pictures(*bodies: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """Answer each request with the next of some JPEGs, from the first again after the last."""
    return lambda handler, number: content(bodies[number % len(bodies)], headers=headers)(handler, number)


def status(code: int) -> Answer:
    """Answer with a status, and a page that words it."""
    return lambda handler, _number: handler.send_error(code)


def redirect(target: str) -> Answer:
    """Answer that it is elsewhere."""

    def answer(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def basic(login: str, inner: Answer) -> Answer:
    """Answer those who send `user:password` by Basic authentication."""
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}"

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if handler.headers.get("Authorization") == wanted:
            inner(handler, number)
        else:
            _unauthorised(handler, 'Basic realm="camera"')

    return answer


def digest(login: str, inner: Answer) -> Answer:
    """Answer those who prove `user:password` by Digest authentication (RFC 7616, MD5)."""
    user, _, password = login.partition(":")

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        scheme, _, rest = handler.headers.get("Authorization", "").partition(" ")
        given = {
            name.strip(): value.strip('"')
            for name, _, value in (part.partition("=") for part in rest.split(","))
        }
        one = md5(f"{user}:camera:{password}")
        two = md5(f"{handler.command}:{given.get('uri')}")
        expected = md5(
            ":".join([one, *(given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")), two])
        )
        if scheme == "Digest" and given.get("response") == expected:
            inner(handler, number)
        else:
            _unauthorised(handler, 'Digest realm="camera", nonce="abc", qop="auth", algorithm=MD5')

    return answer


def _unauthorised(handler: BaseHTTPRequestHandler, challenge: str) -> None:
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", challenge)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def website(answers: Mapping[str, Answer]) -> Iterator[Site]:
    """Serve answers at paths, queries included; anything else is not found."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = site.count(self.path)
            site.asked.append((self.path, self.headers.get("Authorization")))
            try:
                answers.get(self.path, status(404))(self, number)
            except ConnectionError:
                return  # who asked has hung up

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    site = Site(listening)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)
