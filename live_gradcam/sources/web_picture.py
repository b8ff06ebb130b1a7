"""Pictures at http addresses: a photo, which is fetched once, or a camera's newest picture, which is asked for again.

The server says which, by whether its answer may be kept (RFC 9111). IP Webcam, mjpg-streamer and thingino say
`no-store`; web servers give files a date or an ETag. ESP32-CAM and some others say nothing: they are asked twice.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from live_gradcam.address import address_name, credentials_of, opened_address, shown_address
from live_gradcam.errors import SourceError
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.fetched import Fetched
from live_gradcam.sources.file_kind import FileKind, kind_of
from live_gradcam.sources.films import begins_as_film
from live_gradcam.sources.images import SUFFIXES, ImagesSource
from live_gradcam.sources.photo import unreadable
from live_gradcam.sources.snapshot_camera import MOST_BYTES, SnapshotCamera
from live_gradcam.sources.source import Source
from live_gradcam.sources.stream import DIAGNOSIS_TIMEOUT, OPEN_TIMEOUT, StreamSource
from live_gradcam.sources.video import VideoSource
from live_gradcam.sources.web_page import page_at
from live_gradcam.sources.web_request import WebAnswer, WebError, answer_of

FETCH_LIMIT = 30.0
"""Seconds that a photo may take from the request to its last byte."""

BETWEEN_FETCHES = 0.5
"""Seconds until a picture is fetched again, to see whether it is another."""

_HEAD = 4096
_COMPARED = 10_000_000
"""Length of the longest picture that is fetched twice: a camera's are shorter."""

_STREAMS = re.compile(
    r"multipart/|audio/|video/.*(mjpe?g|motion-jpe?g)|application/(.*mpegurl|dash\+xml|sdp)"
)
"""Content types that FFmpeg reads as a stream."""

_LIKE_STREAM = re.compile(rb"#EXTM3U|v=0\r?\n|YUV4MPEG2|\s*--")
_NEXT_JPEG = b"\xff\xd9\xff\xd8\xff"
_MOST_JOINED = 3
"""JPEGs in one file, at most: more, of an answer without a length, are a stream."""

Keeping = Literal["may be kept", "must not be kept", "not told"]


class _StreamFoundError(Exception):
    """An answer does not end: it is a stream."""


def open_answer(url: str, *, timeout: float = OPEN_TIMEOUT, limit: float = FETCH_LIMIT) -> Source:
    """Open what an http address leads to: a photo, an animated picture, a film, or a camera's stream or picture.

    Args:
        url: http or https. A password in it is used, and shown nowhere.
        timeout: seconds that the server has to answer.
        limit: seconds that a photo may take to arrive.

    Raises:
        SourceError: nobody answers, or it is none of these.
    """
    try:
        with answer_of(url, timeout=timeout, limit=limit) as answer:
            found = _taken(url, answer)
        if found == "camera" or (
            isinstance(found, Fetched)
            and keeping_of(answer.headers) == "not told"
            and _changes(url, found, timeout, limit)
        ):
            return SnapshotCamera(url, open_timeout=timeout)
    except _StreamFoundError:
        return StreamSource(url, open_timeout=timeout)
    except WebError as error:
        # FFmpeg takes certificates and servers that Python does not, and other ways to send a password.
        refused = error.status == 401 and credentials_of(url) is not None
        if refused or (error.unclear and _suffix(url) not in SUFFIXES):
            return StreamSource(url, open_timeout=timeout)
        named = error.status == 404 and urlsplit(opened_address(url)).fragment
        remedy = "In an address the # of a name is written %23." if named else error.remedy
        raise _no_source(url, f"{error}. {remedy}".rstrip()) from error
    if found == "page":
        raise _no_source(url, _of_page(url))
    if isinstance(found, Fetched):
        kind = kind_of(io.BytesIO(found.data))
        moves = kind is not None and kind.role == "animation"
        return AnimationSource(found) if moves else ImagesSource([found])
    return VideoSource(url)


def keeping_of(headers: Message) -> Keeping:
    """Return whether a server allows to keep an answer.

    Where it says `no-store`, it must not be kept. Otherwise it may where there is a way to ask whether it has changed
    (`ETag`, `Last-Modified`), or a time for which it is valid; and must not where all that is said is that it is not
    valid any more.

    Args:
        headers: of the answer.
    """
    said = [part.strip() for part in ",".join(headers.get_all("Cache-Control", [])).casefold().split(",")]
    if "no-store" in said:
        return "must not be kept"
    if headers.get("ETag") or headers.get("Last-Modified"):
        return "may be kept"
    ages = [
        int(found[1]) for part in said if (found := re.fullmatch(r'(?:s-)?max-?age="?(\d{1,10})"?', part))
    ]
    if "no-cache" in said or "no-cache" in headers.get("Pragma", "").casefold():
        return "must not be kept"
    if ages:
        return "may be kept" if max(ages) > 0 else "must not be kept"
    if (expires := headers.get("Expires")) is not None:
        return (
            "may be kept"
            if _seconds(expires) > _seconds(headers.get("Date"), time.time())
            else "must not be kept"
        )
    return "not told"


def _seconds(date: str | None, otherwise: float = 0.0) -> float:
    try:
        return otherwise if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return otherwise


def _taken(url: str, answer: WebAnswer) -> Fetched | Literal["camera", "page", "film"]:
    """Return the picture that an answer is, or what else it is.

    Raises:
        _StreamFoundError: it is a stream, or perhaps one.
        SourceError: it is something that is not read.
        WebError: it does not arrive.
    """
    if _STREAMS.match(answer.kind):
        raise _StreamFoundError
    if "html" in answer.kind:
        return "page"
    if answer.kind.startswith("video/"):
        if answer.length is None:
            raise _StreamFoundError
        return "film"
    if answer.kind.startswith("image/"):
        answer.check_length(MOST_BYTES)
    chunks = answer.chunks()
    head = b""
    while len(head) < _HEAD and (chunk := next(chunks, b"")):
        head += chunk
    kind = kind_of(io.BytesIO(head))
    if kind is not None and not kind.is_readable:
        if "web page" in kind.name:
            return "page"
        raise unreadable(address_name(url), kind)
    if kind is None:
        if answer.length is not None and begins_as_film(head):
            return "film"
        if head and not answer.kind.startswith("image/"):
            if _is_text(head):
                raise _no_source(url, "it is text, no picture and no video. Check the address.")
            raise _StreamFoundError
    if keeping_of(answer.headers) == "must not be kept":
        return "camera"
    answer.check_length(MOST_BYTES)
    return Fetched(address_name(url), _suffix(url), _joined(head, chunks, answer, kind))


def _joined(head: bytes, chunks: Iterator[bytes], answer: WebAnswer, kind: FileKind | None) -> bytes:
    data = bytearray(head)
    may_go_on = answer.length is None and kind is not None and kind.name == "JPEG"
    while True:
        if may_go_on and data.count(_NEXT_JPEG) >= _MOST_JOINED:
            raise _StreamFoundError
        chunk = next(chunks, b"")
        if not chunk:
            return bytes(data)
        data += chunk
        answer.check_length(MOST_BYTES, len(data))


def _changes(url: str, found: Fetched, timeout: float, limit: float) -> bool:
    """Fetch a picture again, and tell whether it is another one: a camera's is."""
    if len(found.data) > _COMPARED:
        return False
    time.sleep(BETWEEN_FETCHES)
    try:
        with answer_of(url, timeout=timeout, limit=limit) as answer:
            again = answer.content(_COMPARED)
    except WebError:
        return False  # an address that is good for one time
    return again != found.data and kind_of(io.BytesIO(again)) == kind_of(io.BytesIO(found.data))


def _of_page(url: str) -> str:
    if _suffix(url) in SUFFIXES:
        return (
            "it is a web page, not a photo. Open it in a browser and give the address of the photo itself, or save the "
            "photo and give the file."
        )
    return (
        page_at(url, timeout=DIAGNOSIS_TIMEOUT)
        or "it is a web page. Give the address of the stream or photo itself."
    )


def _no_source(url: str, reason: str) -> SourceError:
    return SourceError(f"{shown_address(url)} could not be opened: {reason}")


def _suffix(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(opened_address(url)).path)).suffix.lower()


def _is_text(head: bytes) -> bool:
    if _LIKE_STREAM.match(head) or b"\0" in head:
        return False
    try:
        head[:_HEAD].decode()
    except UnicodeDecodeError as error:
        return error.start >= min(len(head), _HEAD) - 3
    return True
