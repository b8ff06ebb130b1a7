"""HTTP requests as no browser makes them: wrong, ambiguous, endless, or one inside another."""

from __future__ import annotations

import random
from urllib.parse import quote_from_bytes

from hostile_pictures import hostile_picture

METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PRI",
    "get",
    "G ET",
    "",
    "\0",
    "M" * 5000,
)

PATHS = (
    "/",
    "/explain",
    "/healthz",
    "/metrics",
    "/setup",
    "/socket",
    "/video.mjpg",
    "/page/main.js",
    "/docs",
)

TARGETS = (
    *(
        "*",
        "//evil.example/",
        "http://evil.example/setup",
        "/../../etc/passwd",
        "/page/../app.py",
        "/page/%2e%2e/app.py",
    ),
    *(
        "/page/..%2f..%2f..%2fetc%2fpasswd",
        "/page/%00",
        "/page/\\..\\app.py",
        "/page//main.js",
        "/page/",
        "/page",
    ),
    *(
        "/docs/swagger/../../x",
        "/%1b]0;owned%07%0aINJECTED",
        "/%ff%fe",
        "/%",
        "/%zz",
        "/?" + "a=b&" * 3000,
        "/" + "a/" * 8000,
    ),
    *(
        "/healthz#x",
        "/healthz?token=" + "%61" * 4000,
        " /setup",
        "",
        "/\x7f",
        "/sock%65t",
        "/SETUP",
        "/setup/",
    ),
)

VERSIONS = (
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/1.1 x",
    "http/1.1",
    "HTTP/1.10",
    "",
)

QUERY_NAMES = (
    "method",
    "layer",
    "target",
    "overlay",
    "alpha",
    "colormap",
    "token",
    "nonsense",
    "method",
    "layer",
)

QUERY_VALUES = (
    *(
        "gradcam",
        "eigencam",
        "top_conv",
        "281",
        "#1",
        "tabby - tiger cat",
        "lock",
        "os:system",
        "nan",
        "1e999",
        "-1",
    ),
    *(
        "true",
        "\0",
        "a\0b",
        "\x1b[2J",
        "\nINJECTED",
        "\ud800",
        "\u202e",
        "x" * 401,
        "9" * 5000,
        "a,b,c,d",
        "jet",
        "[]",
        "",
    ),
    *("#" + "9" * 400, "-" * 100, "0x10", "١٢", " ", "'; DROP", "{{7*7}}", "../../x", "%s%n"),
)

HEADERS = (
    *(
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x10",
        "Content-Length: 1e3",
        "Content-Length: 5, 5",
    ),
    *(
        "Content-Length: 18446744073709551616",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length:",
        "Content-Length : 5",
    ),
    *("Content-Length: 99999999999", "Content-Length: " + "9" * 5000, "Content-Length: ٥"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: Chunked", "Transfer-Encoding: chunked, identity"),
    *(
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding : chunked",
    ),
    *(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
    ),
    *(
        "Expect: 100-continue",
        "Expect: 200-maybe",
        "Connection: close",
        "Connection: keep-alive, upgrade",
        "Keep-Alive: x",
    ),
    *("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",),
    *(
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12",
    ),
    *(
        "Host: evil.example",
        "Host:",
        "Host: [::1",
        "Host: a@b",
        "Host: localhost:99999",
        "Host: \x1b[2J",
        "Host: " + "a" * 9000,
    ),
    *(
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://[",
        "Sec-Fetch-Site: cross-site",
        "Origin: \xff",
    ),
    *(
        "Authorization: Bearer \xff\xfe",
        "Authorization: Bearer",
        "Authorization: Basic eDp5",
        "Authorization: " + "x" * 7000,
    ),
    *(
        "Range: bytes=0-",
        "Range: bytes=-1",
        "Range: bytes=5-2",
        "Range: bytes=0-18446744073709551616",
        "Range: x=0-1",
    ),
    *(
        "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(900)),
        "Range: bytes=" + "0-," * 2500,
        "If-Range: \xff\r\nRange: bytes=0-1",
    ),
    *(
        "If-Modified-Since: Thu, 99 Foo 99999 99:99:99 GMT",
        "If-None-Match: " + '"x", ' * 1000,
        "Accept-Encoding: " + "gzip;q=" * 900,
    ),
    *(
        "Cookie: " + "a=b; " * 1000,
        "X: a\r\n folded",
        "X: a\0b",
        "X: a\rb",
        "X: \x7f",
        "Bad Name: x",
        ": x",
        "no colon",
        "\xe9: x",
    ),
    *(
        "\r\n".join(f"X-{n}: {n}" for n in range(150)),
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: evil.example",
    ),
    *(
        "Content-Encoding: gzip",
        "Content-Type: multipart/form-data; boundary=" + "x" * 3000,
        "Content-Type: image/jpeg; " * 200,
    ),
    *(
        "Proxy: x",
        "X-HTTP-Method-Override: DELETE",
        "TE: trailers",
        "Trailer: Content-Length",
        "Date: 0",
        "Accept: \xff",
    ),
)

CHUNK_SIZES = (
    "FFFFFFFFFFFFFFFF",
    "-1",
    "0x5",
    "5 ",
    "+5",
    "",
    "5;" + "x" * 20000,
    "g",
    "7FFFFFFFFFFFFFFF",
    "00000000000005",
)


def hostile_requests(draw: random.Random, host: str, token: str) -> list[bytes]:
    """Return one request, or several that are sent at once without waiting."""
    count = draw.choice((1, 1, 1, 2, 5, 30))
    return [_request(draw, host, token) for _ in range(count)]


def _request(draw: random.Random, host: str, token: str) -> bytes:
    wild = draw.random() < 0.5
    method = draw.choice(METHODS if wild and draw.random() < 0.3 else ("GET", "POST", "HEAD"))
    path = (
        draw.choice(TARGETS)
        if wild and draw.random() < 0.4
        else draw.choice((*PATHS, "/explain", "/explain"))
    )
    version = draw.choice(VERSIONS) if wild else "HTTP/1.1"
    body, fields = b"", []
    if draw.random() < 0.95:
        fields.append(f"Host: {host}")
    if draw.random() < 0.8:
        fields.append(f"Authorization: Bearer {token}")
    if path.startswith("/explain"):
        method = "POST" if draw.random() < 0.9 else method
        path += _query(draw)
        media_type, body = hostile_picture(draw)
        fields.append(f"Content-Type: {media_type}")
        body = _framed(draw, body, fields)
    if wild:
        fields += [draw.choice(HEADERS) for _ in range(draw.randint(1, 3))]
        draw.shuffle(fields)
    line_end = "\n" if wild and draw.random() < 0.1 else "\r\n"
    head = line_end.join(
        [f"{method} {path} {version}".rstrip(" ") if wild else f"{method} {path} {version}", *fields, "", ""]
    )
    return head.encode("utf-8", "surrogatepass") + body


def _query(draw: random.Random) -> str:
    pairs = [
        (draw.choice(QUERY_NAMES), draw.choice(QUERY_VALUES)) for _ in range(draw.choice((0, 1, 1, 2, 5)))
    ]
    return "?" + "&".join(
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}" for name, value in pairs
    )


def _framed(draw: random.Random, body: bytes, fields: list[str]) -> bytes:
    """Say how long a body is, rightly or not, and return what is sent of it."""
    way = draw.random()
    if way < 0.6:
        fields.append(f"Content-Length: {len(body)}")
        return body
    if way < 0.7:
        fields.append(f"Content-Length: {len(body) + draw.choice((-1, 1, 100000))}")
        return body
    fields.append("Transfer-Encoding: chunked")
    size = f"{len(body):x}" if way < 0.85 else draw.choice(CHUNK_SIZES)
    end = (
        b"\r\n0\r\n\r\n"
        if way < 0.8
        else draw.choice((b"", b"\r\n0\r\nContent-Length: 5\r\n\r\n", b"\n0\n\n", b"0\r\n\r\n"))
    )
    return size.encode() + b"\r\n" + body + end
