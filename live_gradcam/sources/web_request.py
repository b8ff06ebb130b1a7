"""Requests to web servers: one address is asked, the answer is read within bounds of time and size.

Used where an answer has to be looked at; streams and films are read by FFmpeg.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any, Self
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from live_gradcam.address import credentials_of, opened_address
from live_gradcam.concurrency.worker_thread import WorkerThread

SCHEMES = ("http", "https")
"""What is asked, and where a redirect may lead."""

_REFUSED = {
    401: "the server wants a user name and password in the address, or refuses these (401)",
    403: "the server forbids it (403)",
    404: "the server knows no such address (404)",
    410: "the server knows no such address any more (410)",
    429: "the server was asked too often (429)",
}
_SAVE = "Try again, or save it as a file first and give that."
_CHUNK = 1 << 16
_ALLOWED = "%/:?#[]@!$&'()*+,;=-._~"


class WebError(Exception):
    """An address could not be asked; the message stands after a colon, without a full stop.

    Args:
        reason: the message.
        remedy: a sentence on what to do.
        status: the server's HTTP status; None where it gave none.
        unclear: whether FFmpeg may be able to open it nevertheless.
    """

    def __init__(
        self,
        reason: str,
        *,
        remedy: str = "Check the address.",
        status: int | None = None,
        unclear: bool = False,
    ) -> None:
        super().__init__(reason)
        self.remedy = remedy
        self.status = status
        self.unclear = unclear


class WebAnswer:
    """A server's answer, of which the headers have arrived."""

    def __init__(self, response: Any, line: Line) -> None:  # noqa: ANN401 - urllib's, whose type varies
        self._response = response
        self._line = line
        self.headers: Message = response.headers
        length = self.headers.get("Content-Length", "").strip()
        self.length = int(length) if length.isdecimal() and len(length) < 20 else None
        """Bytes that will come; None where the server does not tell."""
        self.kind = self.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
        """The content type without parameters, in small letters; empty where there is none."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the content as it arrives.

        Raises:
            WebError: the connection broke off, or nothing came in time.
        """
        came = 0
        while True:
            with self._line.worded():
                chunk = self._response.read1(_CHUNK)
            if not chunk:
                self._line.check()
                if self.length is not None and came < self.length:
                    raise WebError(
                        f"the connection broke off after {came:,} of {self.length:,} bytes", remedy=_SAVE
                    )
                return
            came += len(chunk)
            yield chunk

    def content(self, most: int) -> bytes:
        """Return all of the content.

        Args:
            most: how many bytes it may have.

        Raises:
            WebError: as of `chunks`, or it has more.
        """
        self.check_length(most)
        data = bytearray()
        for chunk in self.chunks():
            data += chunk
            self.check_length(most, len(data))
        return bytes(data)

    def check_length(self, most: int, came: int = 0) -> None:
        """Raise `WebError` where the content is longer than `most` bytes, as the server says or as `came` proves."""
        if max(came, self.length or 0) > most:
            size = f"it has {self.length / 1e6:,.0f} MB" if self.length else "it is larger"
            raise WebError(f"{size}, and {most / 1e6:,.0f} MB are the most", remedy=_SAVE)


class Line:
    """The connections of one request, which are cut when its time is up, or when somebody hangs up.

    Args:
        timeout: seconds that a server has to answer, and that may pass without a byte.
        limit: seconds for all of it.
    """

    def __init__(self, timeout: float, limit: float) -> None:
        self.timeout = timeout
        self.limit = limit
        self._sockets: list[socket.socket] = []
        self._cut: tuple[str, str] | None = None
        self._finished = threading.Event()
        self._limiter: WorkerThread

    def __enter__(self) -> Self:
        self._limiter = WorkerThread(self._keep_limit, name="time limit of a request", end=self._finished.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._limiter.close()

    def _keep_limit(self) -> None:
        if not self._finished.wait(self.limit):
            self.hang_up(f"it was not complete after {self.limit:g} s", _SAVE)

    def hang_up(self, reason: str = "it was cancelled", remedy: str = "") -> None:
        """Cut the connections: whoever waits for them gets a `WebError`. From any thread."""
        self._cut = self._cut or (reason, remedy)
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def watch(self, connected: socket.socket) -> None:
        """Take a connection into account."""
        self._sockets.append(connected)
        if self._cut is not None:
            self.hang_up()

    def check(self) -> None:
        """Raise `WebError` if the connections were cut."""
        if self._cut is not None:
            raise WebError(self._cut[0], remedy=self._cut[1])

    @contextmanager
    def worded(self) -> Iterator[None]:
        """Turn what urllib raises into a `WebError`."""
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            self.check()
            raise _worded(error, self.timeout) from error


@contextmanager
def answer_of(
    url: str, *, timeout: float = 4.0, limit: float = 30.0, line: Line | None = None
) -> Iterator[WebAnswer]:
    """Ask an address, following redirects to http and https, and give the answer; afterwards hang up.

    User and password of the address are sent by Basic authentication, or by Digest where the server wants that. They
    are not sent to another server that the address leads to.

    Args:
        url: http or https, as it was typed.
        timeout: seconds that the server has to answer, and that may pass without a byte.
        limit: seconds for all of it.
        line: its connections, not entered yet, for who wants to cut them; its own `timeout` and `limit` hold then.

    Raises:
        WebError: there is no answer, or the server refuses.
    """
    with line or Line(timeout, limit) as connections:
        with connections.worded():
            response = _opened(url, connections)
        with response:
            yield WebAnswer(response, connections)


def _opened(url: str, line: Line) -> Any:  # noqa: ANN401 - urllib's answer
    bare = _bare(url)
    request = urllib.request.Request(bare, headers={"User-Agent": "live-gradcam"})
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        _Http(line),
        _Https(line),
    ):
        opener.add_handler(handler)
    if (credentials := credentials_of(url)) is not None:
        token = base64.b64encode(":".join(credentials).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, bare, *credentials)
        opener.add_handler(urllib.request.HTTPDigestAuthHandler(passwords))
    try:
        return opener.open(request, timeout=line.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _bare(url: str) -> str:
    """Return an address as a request names it: without user, password and fragment, in ASCII.

    Raises:
        ValueError: it cannot be one.
    """
    split = urlsplit(opened_address(url))
    host = split.netloc.rpartition("@")[2]
    if not split.hostname:
        raise ValueError("no host")
    if not host.isascii():
        host = host.encode("idna").decode()
    path, query = (quote(part, safe=_ALLOWED) for part in (split.path, split.query))
    return urlunsplit((split.scheme, host, path, query, ""))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; the same server gets user and password again."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl))
        if after.scheme not in SCHEMES:
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        allowed = req.get_header("Authorization")
        if (
            request is not None
            and allowed is not None
            and (before.scheme, before.netloc) == (after.scheme, after.netloc)
        ):
            request.add_unredirected_header("Authorization", allowed)
        return request


class _Http(urllib.request.HTTPHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_Connection, self._line), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_SecureConnection, self._line), req)


class _Connection(HTTPConnection):
    def __init__(self, line: Line, host: str, **settings: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(host, **settings)
        self._line = line

    def connect(self) -> None:
        with _host_named(self.host):
            super().connect()
        self._line.watch(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


@contextmanager
def _host_named(host: str) -> Iterator[None]:
    try:
        yield
    except socket.gaierror as error:
        raise WebError(f"the host '{host}' is not known here") from error


def _worded(error: Exception, timeout: float) -> WebError:
    """Return what an error of urllib's means, without the address, which may hold a password."""
    if isinstance(error, urllib.error.HTTPError):
        if 300 <= error.code < 400:
            scheme = (error.headers.get("Location") or "").partition(":")[0].casefold()
            elsewhere = scheme.isalpha() and scheme not in SCHEMES
            words = (
                f"it leads to an address of the kind '{scheme}:'" if elsewhere else "its redirects do not end"
            )
            return WebError(words, status=error.code)
        words = (
            "the server has an error of its own" if error.code >= 500 else "the server refuses the request"
        )
        return WebError(_REFUSED.get(error.code, f"{words} ({error.code})"), status=error.code)
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return WebError(f"no answer within {timeout:g} s")
    if isinstance(cause, ConnectionRefusedError):
        return WebError("nothing listens there (connection refused)")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return WebError("its certificate is not trusted here (signed by itself, or expired?)", unclear=True)
    if isinstance(cause, (HTTPException, ssl.SSLError)):
        return WebError("it does not answer as a web server does", unclear=True)
    if isinstance(cause, ConnectionError):
        return WebError("the connection broke off", remedy=_SAVE)
    if isinstance(cause, ValueError):
        return WebError("it is no address that can be asked")
    return WebError(f"it cannot be reached ({getattr(cause, 'strerror', None) or cause})")
