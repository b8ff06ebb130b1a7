"""Web pages given instead of streams, such as those of apps that make a phone a camera.

The paths of the apps' streams are those used in public code: IP Webcam (Android) and DroidCam `/video`, IP Camera Lite
(iOS) `/video` at port 8081. Iriun, EpocCam, Camo and iVCam have no address: the computer sees them as a camera.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit, urlunsplit

from live_gradcam.redaction import address_to_type
from live_gradcam.source_address import credentials_of, opened_address
from live_gradcam.sources.web_request import WebError, answer_of

_MOST_BYTES = 200_000
_MOST_TRIED = 6
_STREAM_TYPES = ("multipart/", "video/")


@dataclass(frozen=True, slots=True)
class PhoneApp:
    """An app that makes a phone a network camera, with a web page beside the stream."""

    name: str
    signs: re.Pattern[str]
    """Matches its page or the `Server` header."""

    port: int
    """Its default port."""

    path: str
    """Path of its stream."""


APPS = (
    PhoneApp("DroidCam", re.compile(r"(?i)droid\s?cam"), 4747, "/video"),
    PhoneApp("IP Camera Lite", re.compile(r"(?i)ip camera lite|ipcamera lite"), 8081, "/video"),
    PhoneApp("IP Webcam", re.compile(r"(?i)ip webcam|com\.pas\.webcam"), 8080, "/video"),
)
"""The known apps."""

_USUAL_PATHS = ("/video", "/mjpegfeed", "/stream", "/video.mjpg", "/?action=stream")


@dataclass(frozen=True, slots=True)
class _Answer:
    kind: str
    """Content-Type in lower case."""

    server: str
    text: str


def page_at(url: str, *, timeout: float) -> str | None:
    """Return where the stream is, for an address that leads to a web page.

    Requests the known app's path, the pictures and videos of the page, and common paths, and returns the first whose
    content type is a stream's.

    Args:
        url: http or https.
        timeout: seconds for each answer; twice that for all of them.

    Returns:
        Text after `could not be opened: `, with a full stop; None if there is no page. A user and password in the
        address are replaced by `USER:PASSWORD`.
    """
    if urlsplit(opened_address(url)).scheme not in ("http", "https"):
        return None
    own = "" if credentials_of(url) is None else ", with your user and password"
    deadline = time.monotonic() + 2 * timeout
    answer = _asked(url, timeout)
    if answer is None or "html" not in answer.kind:
        return None
    app = _app_of(answer, urlsplit(opened_address(url)).port)
    known = () if app is None else (app.path,)
    tried = dict.fromkeys([*known, *_sources_in(answer.text), *_USUAL_PATHS])
    for path in list(tried)[:_MOST_TRIED]:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        stream = _joined(url, path)
        if stream is None or stream == opened_address(url):
            continue
        found = _asked(stream, min(left, timeout / 2))
        if found is not None and found.kind.startswith(_STREAM_TYPES):
            whose = "" if app is None else f" of {app.name}"
            return f"it is a web page. The stream{whose} is at {address_to_type(stream)}: give that{own}."
    if app is not None:
        stream = address_to_type(_joined(url, app.path) or url)
        return f"it is the web page of {app.name}. Start the camera in the app and give {stream}{own}."
    return (
        "it is a web page, not a stream. Give the address of the stream itself: of a phone's camera app mostly "
        f"{address_to_type(_joined(url, '/video') or url)}{own}."
    )


def _app_of(answer: _Answer, port: int | None) -> PhoneApp | None:
    for app in APPS:
        if app.signs.search(answer.server) or app.signs.search(answer.text):
            return app
    return next((app for app in APPS if app.port == port != 8080), None)


def _joined(url: str, path: str) -> str | None:
    """Return the address of a path on the same host, with the same user and password; None for another host."""
    base = urlsplit(opened_address(url))
    try:
        target = urlsplit(urljoin(urlunsplit(base), path))
    except ValueError:
        return None
    if target.netloc != base.netloc or target.scheme not in ("http", "https"):
        return None
    return urlunsplit(target)


def _asked(url: str, timeout: float) -> _Answer | None:
    """Request an address and, if it is a page, read its beginning; return None if there is no answer."""
    try:
        with answer_of(url, timeout=timeout, limit=2 * timeout) as answer:
            text = bytearray()
            for chunk in answer.chunks() if "html" in answer.kind else ():
                text += chunk
                if len(text) >= _MOST_BYTES:
                    break
            server = answer.headers.get("Server", "")
            return _Answer(answer.kind, server, text[:_MOST_BYTES].decode(errors="replace"))
    except WebError:
        return None


class _Sources(HTMLParser):
    """Collects addresses of pictures and videos that look like streams."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = "href" if tag == "a" else "src" if tag in ("img", "video", "source", "iframe") else None
        for name, value in attrs:
            if name == wanted and value and re.search(r"(?i)video|stream|mjpe?g|live|feed", value):
                self.found.append(value)


def _sources_in(html: str) -> list[str]:
    parser = _Sources()
    try:
        parser.feed(html)
    except (AssertionError, ValueError):  # HTML that the parser rejects
        return parser.found
    return parser.found
