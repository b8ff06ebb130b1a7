"""The gate: who may come in, how often, and what every reply tells the browser."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/", "/healthz", "/docs", "/openapi.json")
"""What anybody may fetch who knows the way: it is the same for everybody and computes nothing."""

OPEN_FOLDERS = ("/page/", "/docs/")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI sets styles on its elements; its scripts are files like all others."""

_HEADERS = {
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_RATE, _BURST = 50.0, 100.0
"""Requests a second that one address may make, and how many at once: each visitor's page is about fifteen files."""

_ADDRESSES_KEPT = 1024


class Allowance:
    """How much somebody may still do: so much at once, and so much more each second.

    Args:
        rate: a second.
        burst: at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def spend(self) -> float:
        """Take one from it.

        Returns:
            0 where there was one; else in how many seconds there will be.
        """
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Gate:
    """Lets nobody in who is not meant to be.

    Another page in the same browser is kept out by the Origin; a name that an attacker has pointed at this machine
    (DNS rebinding) by the Host; a stranger by the token, compared in constant time.

    Args:
        app: what is behind the gate.
        hosts: names that this server may be called by, besides localhost and addresses of digits, which cannot be
            pointed anywhere.
        token: what has to be known; None: nothing.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold().rstrip(".") for host in hosts) | {"localhost"}
        self._token = token
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(scope, send))
            return
        status, reason = refusal
        logger.info("refused %s: %s", scope["path"], reason)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        response = JSONResponse({"detail": reason}, status, headers)
        await response(scope, receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) > 1 or not self._is_ours(host):
            return (
                421,
                f"this server does not go by the name in the Host header: start it with --allow-host {_shown(host)}",
            )
        origin = headers.get("origin")
        if origin is not None and not _same(origin, host):
            return 403, "another site's page may not use this server."
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["path"] != "/":
            return 403, "another site's page may not use this server."
        if self._allowance(scope).spend():
            return 429, f"more than {_RATE:.0f} requests a second: slow down."
        if self._token is None or _is_open(scope):
            return None
        given = _token_in(headers, scope)
        if given is None:
            return 401, "a token is needed: open the link that the server printed when it started."
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return 401, "the token is wrong: open the link that the server printed when it started."
        return None

    def _is_ours(self, host: str) -> bool:
        name = _name_in(host)
        if name is None:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _allowance(self, scope: Scope) -> Allowance:
        address = scope["client"][0] if scope.get("client") else ""
        allowance = self._allowances.pop(address, None) or Allowance(_RATE, _BURST)
        self._allowances[address] = allowance
        if len(self._allowances) > _ADDRESSES_KEPT:
            self._allowances.popitem(last=False)
        return allowance


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and (path in OPEN_PATHS or path.startswith(OPEN_FOLDERS))


def _name_in(host: str) -> str | None:
    """Return the name in a Host header, without the port; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        return None
    return parts.hostname.casefold().rstrip(".")


def _same(origin: str, host: str) -> bool:
    """Whether an Origin is this server's own, by the name that the browser called it.

    The scheme is left out: before a proxy that ends TLS stands https, behind it http.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.casefold() == host.casefold()


def _shown(host: str) -> str:
    name = _name_in(host)
    return name if name is not None and name.replace("-", "").replace(".", "").isalnum() else "NAME"


def _token_in(headers: Headers, scope: Scope) -> str | None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer" and given:
        return given.strip()
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
    return found[0] if found else None


def _with_headers(scope: Scope, send: Send) -> Send:
    """Return what sends a reply with the headers that every reply has."""

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            policy = _DOCS_POLICY if scope["path"].startswith("/docs") else _POLICY
            headers["Content-Security-Policy"] = policy
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
