"""Requests to web servers with limits of time and size.

Used for answers that must be examined; FFmpeg reads streams and films.
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
from urllib.parse import urljoin, urlsplit
from urllib.request import Request

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.source_address import credentials_of, request_address

SCHEMES = ("http", "https")
"""Schemes of addresses and of redirect targets."""

_REFUSED = {
    401: "the server wants a user name and password in the address, or refuses these (401)",
    403: "the server forbids it (403)",
    404: "the server knows no such address (404)",
    410: "the server knows no such address any more (410)",
    429: "the server was asked too often (429)",
}
_SAVE = "Try again, or save it as a file first and give that."
_CHUNK = 1 << 16


class WebError(Exception):
    """A request failed; the message is text after a colon, without a full stop.

    Args:
        reason: the message.
        remedy: a sentence that says what to do.
        status: the server's HTTP status; None if there was none.
        unclear: whether FFmpeg may be able to open the address.
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
    """A server's answer after its headers have arrived."""

    def __init__(self, response: HTTPResponse, control: RequestControl) -> None:
        self._response = response
        self._control = control
        self.headers: Message = response.headers
        length = self.headers.get("Content-Length", "").strip()
        self.length = int(length) if length.isdecimal() and len(length) < 20 else None
        """Number of bytes; None if unknown."""
        self.kind = self.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
        """Content type without parameters, in lower case; empty if there is none."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the content as it arrives.

        Raises:
            WebError: the connection was lost, or nothing came in time.
        """
        came = 0
        while True:
            with self._control.worded():
                chunk = self._response.read1(_CHUNK)
            if not chunk:
                self._control.check()
                if self.length is not None and came < self.length:
                    raise WebError(
                        f"the connection broke off after {came:,} of {self.length:,} bytes", remedy=_SAVE
                    )
                return
            came += len(chunk)
            yield chunk

    def content(self, most: int) -> bytes:
        """Return the whole content.

        Args:
            most: largest number of bytes.

        Raises:
            WebError: as in `chunks`, or the content is larger.
        """
        self.check_length(most)
        data = bytearray()
        for chunk in self.chunks():
            data += chunk
            self.check_length(most, len(data))
        return bytes(data)

    def check_length(self, most: int, came: int = 0) -> None:
        """Raise `WebError` if the content exceeds `most` bytes, by its declared length or by the bytes that `came`."""
        if max(came, self.length or 0) > most:
            size = f"it has {self.length / 1e6:,.0f} MB" if self.length else "it is larger"
            raise WebError(f"{size}, and {most / 1e6:,.0f} MB are the maximum", remedy=_SAVE)


class RequestControl:
    """The connections of one request, which can be cancelled and have a time limit.

    Args:
        timeout: seconds that a server has to answer, and between two bytes.
        limit: seconds for the whole request.
    """

    def __init__(self, timeout: float, limit: float) -> None:
        self.timeout = timeout
        self.limit = limit
        self._sockets: list[socket.socket] = []
        self._cut: tuple[str, str] | None = None
        self._finished = threading.Event()

    def __enter__(self) -> Self:
        self._limiter = WorkerThread(self._keep_limit, name="time limit of a request", end=self._finished.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._limiter.close()

    def _keep_limit(self) -> None:
        if not self._finished.wait(self.limit):
            self.cancel(f"it was not complete after {self.limit:g} s", _SAVE)

    def cancel(self, reason: str = "it was cancelled", remedy: str = "") -> None:
        """Close the connections, so that waiting reads raise `WebError`. Thread-safe."""
        self._cut = self._cut or (reason, remedy)
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def watch(self, connected: socket.socket) -> None:
        """Register a connection."""
        self._sockets.append(connected)
        if self._cut is not None:
            self.cancel()

    def check(self) -> None:
        """Raise `WebError` if the request was cancelled."""
        if self._cut is not None:
            raise WebError(self._cut[0], remedy=self._cut[1])

    @contextmanager
    def worded(self) -> Iterator[None]:
        """Convert urllib's exceptions to `WebError`."""
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            self.check()
            raise _worded(error, self.timeout) from error


@contextmanager
def answer_of(
    url: str, *, timeout: float = 4.0, limit: float = 30.0, control: RequestControl | None = None
) -> Iterator[WebAnswer]:
    """Request an address, following redirects to http and https, and yield the answer; close it afterwards.

    The address's user and password are sent by Basic authentication, or Digest if the server asks for it. They are not
    sent to another server after a redirect.

    Args:
        url: http or https, as it was typed.
        timeout: seconds that the server has to answer, and between two bytes.
        limit: seconds for the whole request.
        control: can cancel the request; a control that was not entered yet. Its `timeout` and `limit` are used instead.

    Raises:
        WebError: there is no answer, or the server refuses.
    """
    with control or RequestControl(timeout, limit) as connections:
        with connections.worded():
            response = _opened(url, connections)
        with response:
            yield WebAnswer(response, connections)


def _opened(url: str, control: RequestControl) -> HTTPResponse:
    bare = request_address(url)
    request = Request(bare, headers={"User-Agent": "live-gradcam"})
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        _Connections(control),
    ):
        opener.add_handler(handler)
    if (credentials := credentials_of(url)) is not None:
        token = base64.b64encode(":".join(credentials).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, bare, *credentials)
        opener.add_handler(urllib.request.HTTPDigestAuthHandler(passwords))
    try:
        response: HTTPResponse = opener.open(request, timeout=control.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and sends credentials again to the same server."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        before, after = urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl))
        if after.scheme not in SCHEMES:
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        allowed = req.get_header("Authorization")
        is_same_server = (before.scheme, before.netloc) == (after.scheme, after.netloc)
        if request is not None and allowed is not None and is_same_server:
            request.add_unredirected_header("Authorization", allowed)
        return request


class _Connections(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections that a control can cut."""

    def __init__(self, control: RequestControl) -> None:
        super().__init__()
        self._control = control

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_Connection, self._control), req)

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_SecureConnection, self._control), req)


class _Connection(HTTPConnection):
    def __init__(self, control: RequestControl, host: str, **settings: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(host, **settings)
        self._control = control

    def connect(self) -> None:
        try:
            super().connect()
        except socket.gaierror as error:
            raise WebError(f"the host '{self.host}' is not known here") from error
        self._control.watch(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


def _worded(error: Exception, timeout: float) -> WebError:
    """Return the `WebError` for urllib's exception, without the address, which may contain a password."""
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
