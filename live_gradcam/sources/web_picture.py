"""Pictures at http addresses: photos, which are fetched once, and cameras' pictures, which are fetched repeatedly.

The server's caching headers distinguish them (RFC 9111). IP Webcam, mjpg-streamer and thingino send `no-store`; web
servers give files a date or an ETag. ESP32-CAM and some others send neither: these pictures are fetched twice.
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

from live_gradcam.errors import SourceError
from live_gradcam.redaction import address_name, shown_address
from live_gradcam.source_address import credentials_of, opened_address
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.file_kind import Fetched, FileKind, kind_of
from live_gradcam.sources.file_listing import PICTURE_SUFFIXES, begins_as_film
from live_gradcam.sources.photo import unreadable
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.snapshot_camera import MOST_BYTES, SnapshotCamera
from live_gradcam.sources.source import Source
from live_gradcam.sources.stream import DIAGNOSIS_TIMEOUT, OPEN_TIMEOUT, StreamSource
from live_gradcam.sources.video import VideoSource
from live_gradcam.sources.web_page import page_at
from live_gradcam.sources.web_request import WebAnswer, WebError, answer_of

FETCH_LIMIT = 30.0
"""Seconds that a photo may take from the request to its last byte."""

BETWEEN_FETCHES = 0.5
"""Seconds until a picture is fetched again, to see whether it changes."""

_HEAD = 4096
_COMPARED = 10_000_000
"""Largest picture in bytes that is fetched twice; cameras' pictures are smaller."""

_STREAMS = re.compile(
    r"multipart/|audio/|video/.*(mjpe?g|motion-jpe?g)|application/(.*mpegurl|dash\+xml|sdp)"
)
"""Content types that FFmpeg reads as a stream."""

_LIKE_STREAM = re.compile(rb"#EXTM3U|v=0\r?\n|YUV4MPEG2|\s*--")
_NEXT_JPEG = b"\xff\xd9\xff\xd8\xff"
_MOST_JOINED = 3
"""Number of JPEGs in an answer without a length from which it is a stream."""

Keeping = Literal["may be kept", "must not be kept", "not told"]


class _StreamFoundError(Exception):
    """The answer is an endless stream."""


def open_answer(url: str, *, timeout: float = OPEN_TIMEOUT, limit: float = FETCH_LIMIT) -> Source:
    """Open the content of an http address: a photo, an animated picture, a film, or a camera's stream or picture.

    Args:
        url: http or https. A password in it is used and never shown.
        timeout: seconds that the server has to answer.
        limit: seconds that a photo may take to arrive.

    Raises:
        SourceError: there is no answer, or it is none of these.
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
        # FFmpeg accepts certificates and servers that Python rejects, and other ways to send a password.
        refused = error.status == 401 and credentials_of(url) is not None
        if refused or (error.unclear and _suffix(url) not in PICTURE_SUFFIXES):
            return StreamSource(url, open_timeout=timeout)
        named = error.status == 404 and urlsplit(opened_address(url)).fragment
        remedy = "If a # is part of a name, write %23 for it in the address." if named else error.remedy
        raise _no_source(url, f"{error}. {remedy}".rstrip()) from error
    if found == "page":
        raise _no_source(url, _of_page(url))
    if isinstance(found, Fetched):
        kind = kind_of(io.BytesIO(found.data))
        moves = kind is not None and kind.role == "animation"
        return AnimationSource(found) if moves else ImagesSource([found])
    return VideoSource(url)


def keeping_of(headers: Message) -> Keeping:
    """Return whether an answer may be cached.

    With `no-store` it must not. Otherwise it may if it can be revalidated (`ETag`, `Last-Modified`) or is valid for
    some time, and must not if it is only declared expired.

    Args:
        headers: the answer's headers.
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
    """Return the picture in an answer, or another kind of content.

    Raises:
        _StreamFoundError: it is a stream, or may be one.
        SourceError: its format is not supported.
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
    """Fetch a picture again, and return whether it has changed, as a camera's does."""
    if len(found.data) > _COMPARED:
        return False
    time.sleep(BETWEEN_FETCHES)
    try:
        with answer_of(url, timeout=timeout, limit=limit) as answer:
            again = answer.content(_COMPARED)
    except WebError:
        return False  # the address works only once
    return again != found.data and kind_of(io.BytesIO(again)) == kind_of(io.BytesIO(found.data))


def _of_page(url: str) -> str:
    if _suffix(url) in PICTURE_SUFFIXES:
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
