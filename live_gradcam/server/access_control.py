"""Access control: checks host, origin, token and request rate, and adds the security headers."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from live_gradcam.server.connections import RateLimit
from live_gradcam.server.errors import log_line
from live_gradcam.server.uvicorn_protocols import TRUSTED

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/", "/healthz", "/docs", "/openapi.json", "/report")
"""Paths that need no token: their content is the same for everybody and costs no computation."""

OPEN_FOLDERS = ("/page/", "/docs/")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STYLED_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI and the report of an audit have inline styles; their scripts are files."""

_STYLED = ("/docs", "/report")

_HEADERS = {
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_RATES = {"known": (120.0, 400.0), "stranger": (50.0, 100.0), "open": (300.0, 1000.0)}
"""Rate limits of one address, as (requests a second, burst): with the token (or where none is needed), without it, and
for `OPEN_PATHS`. Each kind has its own limit, so that strangers behind a router do not block visitors behind it. A page
is about 25 files, and a whole class may open it at the same time. The cost for the network has a limit of its own
(`BatchQueue.admit`)."""

_LONGEST_WAIT = 2.0
"""Seconds that a request may wait for the rate limit; a longer wait is refused."""

_ADDRESSES_KEPT = 1024


class AccessControl:
    """ASGI middleware that admits or refuses each request.

    The Origin header keeps out pages of other sites. The Host header keeps out names that an attacker has pointed at
    this machine (DNS rebinding). The token keeps out strangers; it is compared in constant time.

    Args:
        app: the application behind it.
        hosts: names of this server, besides localhost and IP addresses, which no attacker can point elsewhere.
        token: the token that a client must send; None: no token.
        refused: called with the status of each refused request.
        headers: of every response, in place of the usual policy, and before the usual ones of the same name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str] = (),
        token: str | None = None,
        refused: Callable[[int], None] = lambda _: None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._headers = dict(headers or {})
        self._app = app
        self._refused = refused
        self._hosts = frozenset(host.casefold().rstrip(".") for host in hosts) | {"localhost"}
        self._token = token
        self._rate_limits: OrderedDict[str, RateLimit] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope) or await self._admission(scope)
        if refusal is None:
            if scope["type"] == "http" and scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
                send = _without_body(send)
            await self._app(scope, receive, _with_headers(scope, send, self._headers))
            return
        status, reason = refusal
        self._refused(status)
        client = scope["client"][0] if scope.get("client") else None
        logger.info(
            "%s", log_line("refused", status=status, client=client, path=scope["path"], reason=reason)
        )
        headers = (
            {"WWW-Authenticate": "Bearer"}
            if status == 401
            else {"Retry-After": "1"}
            if status == 429
            else None
        )
        response = JSONResponse({"detail": reason}, status, headers)
        await response(scope, receive, _with_headers(scope, send, self._headers))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason if host, origin or path are not allowed."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) > 1 or not self._is_ours(host):
            return (
                421,
                f"this server does not have the name in the Host header: start it with --allow-host {_shown(host)}",
            )
        origin = headers.get("origin")
        if origin is not None and not _same(origin, host):
            return 403, "another site's page may not use this server."
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["path"] != "/":
            return 403, "another site's page may not use this server."
        if "\0" in scope["path"]:  # no file has such a name, and system calls report it differently
            return 404, "Not Found"
        return None

    async def _admission(self, scope: Scope) -> tuple[int, str] | None:
        """Wait for the rate limit, then check the token; return status and reason if the request is refused."""
        is_open = _is_open(scope)
        given = None if self._token is None else _token_in(Headers(scope=scope), scope)
        known = self._token is None or (
            given is not None and hmac.compare_digest(given.encode(), self._token.encode())
        )
        if known:
            scope.setdefault("state", {})[TRUSTED] = True
        kind = "open" if is_open else "known" if known else "stranger"
        address = scope["client"][0] if scope.get("client") else ""
        rate, burst = _RATES[kind]
        wait = self._rate_limit(f"{kind} {address}", rate, burst).reserve(_LONGEST_WAIT)
        if wait is None:
            return 429, f"more than {rate:.0f} requests a second: slow down."
        if wait:
            await asyncio.sleep(wait)
        if known or is_open:
            return None
        if given is None:
            return 401, "a token is needed: open the link that the server printed when it started."
        return 401, "the token is wrong: open the link that the server printed when it started."

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

    def _rate_limit(self, key: str, rate: float, burst: float) -> RateLimit:
        limit = self._rate_limits.pop(key, None) or RateLimit(rate, burst)
        self._rate_limits[key] = limit
        if len(self._rate_limits) > _ADDRESSES_KEPT:
            self._rate_limits.popitem(last=False)
        return limit


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and (path in OPEN_PATHS or path.startswith(OPEN_FOLDERS))


def _name_in(host: str) -> str | None:
    """Return the name in a Host header, without the port; None if the header is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError if it is not a number
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        return None
    return parts.hostname.casefold().rstrip(".")


def _same(origin: str, host: str) -> bool:
    """Return whether an Origin names the same host as the Host header.

    The scheme is not compared: in front of a proxy that ends TLS it is https, behind the proxy http.
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


def _without_body(send: Send) -> Send:
    """Wrap `send` so that it drops the body, for a HEAD request that is handled as GET."""
    ended = False

    async def sending(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True  # an endless stream ends here
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sending


def _with_headers(scope: Scope, send: Send, own: Mapping[str, str]) -> Send:
    """Wrap `send` so that it adds the headers that every response has; `own` in place of the policy."""

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            policy = _STYLED_POLICY if scope["path"].startswith(_STYLED) else _POLICY
            for name, value in (own or {"Content-Security-Policy": policy}).items():
                headers[name] = value
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
