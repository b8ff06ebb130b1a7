"""Why a file or address cannot be played, in plain words: from its bytes, from FFmpeg, or from its server."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av.container
import av.error

from live_gradcam.media_file import COVER
from live_gradcam.sources.film_structure import coding_of, cut_short, is_encrypted

_FIRST = 512
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")
_MODEL_SUFFIXES = frozenset({".h5", ".hdf5", ".keras", ".model", ".onnx", ".pb", ".pt", ".pth", ".tflite"})
_GIVE = "Give a video, a picture or a folder of them."
_UNPACK = "Unpack it first."
_EXPORT = "Save its pictures as PNG or JPEG first."
_KINDS: tuple[tuple[int, bytes, str, str], ...] = (
    # Offset, signature, name, next step.
    (0, b"%PDF", "a PDF document", "Export its pages or pictures as PNG or JPEG first."),
    (0, b"{\\rtf", "a text document (RTF)", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", _EXPORT),
    (30, b"[Content_Types].xml", "an Office document", _EXPORT),
    (30, b"_rels/", "an Office document", _EXPORT),
    (30, b"docProps/", "an Office document", _EXPORT),
    (30, b"mimetypeapplication/vnd.oasis", "an OpenDocument file", _EXPORT),
    (30, b"mimetypeapplication/epub", "a book (EPUB)", _EXPORT),
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a rar archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ", "an xz archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x93NUMPY", "a file of NumPy arrays", _GIVE),
    (0, b"\x7fELF", "a program", _GIVE),
    (0, b"MZ", "a program", _GIVE),
    (0, b"SQLite format 3", "a database", _GIVE),
)
_AGAIN = "Copy, download or record it again."
_FILMS = (b"FLV\x01", b"\x1a\x45\xdf\xa3", b"OggS", b"\0\0\1\xba")
_LOCKED = "it is encrypted, so that only the player of its seller can show it. Give a film without such a protection."


def film_failure(path: Path) -> str | None:
    """Return why FFmpeg cannot open a file, from its first bytes and its ending.

    Args:
        path: the file.

    Returns:
        Text after a colon with the next step, as from `media_failure`, or that the file is cut short; None if the
        content gives no reason.
    """
    try:
        with path.open("rb") as opened:
            start = opened.read(_FIRST)
    except OSError as error:
        return f"{error.strerror or error}."
    if not start:
        return "the file is empty."
    if is_encrypted(path):
        return _LOCKED
    if start[4:8] == b"ftyp":
        return f"its index (the 'moov' box) is missing or incomplete: it was cut off. {_AGAIN}"
    if start[4:8] in (b"styp", b"sidx", b"moof"):
        return (
            "it is one segment of a stream, without the beginning that says how its pictures are coded. Join both: "
            "cat INIT.mp4 SEGMENT.m4s > FILM.mp4"
        )
    if (reason := media_failure(start, path.suffix)) is not None:
        return reason
    if start.startswith(_FILMS) or start[8:12] == b"AVI ":
        return cut_short(path) or f"it is a film whose beginning is damaged or cut short. {_AGAIN}"
    return None


def media_failure(start: bytes, suffix: str) -> str | None:
    """Return what a file is that is no picture and no film.

    Args:
        start: its first 512 bytes or more.
        suffix: the ending of its name, `.h5`.

    Returns:
        Text after a colon with the next step: `it is a model, no picture or film. Give it with --model.`; None if the
        bytes do not tell.
    """
    start, suffix = start[:_FIRST], suffix.lower()
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return "it is a Git LFS pointer, not the file itself. Fetch it with: git lfs pull"
    if suffix in _MODEL_SUFFIXES or start.startswith(b"\x89HDF") or start[4:8] == b"TFL3":
        return "it is a model, no picture or film. Give it with --model."
    for place, mark, kind, step in _KINDS:
        if start.startswith(mark, place):
            return f"it is {kind}, no picture or film. {step}"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_HTML) or (text.startswith(b"<?xml") and b"<html" in text):
        return "it is a web page, no picture or film. Open the address in a browser and save the file itself."
    if text.startswith(b"<?xml"):
        return f"it is XML, no picture or film. {_GIVE}"
    if text.startswith((b"#extm3u", b"ffconcat", b"[playlist]", b"#ext-x-")):
        return "it is a playlist: it names films, and holds none. Give one of these films, or its address."
    if text.startswith((b"webvtt", b"[script info]")) or suffix in {".srt", ".sub"}:
        return "it is text (subtitles?), no picture or film. Give the video that it belongs to."
    if start.startswith(b"YUV4MPEG2"):
        return None  # a film whose header is text
    if b"\0" not in start and _is_text(start):
        return f"it is text, no picture or film. {_GIVE}"
    return None


def frame_failure(path: Path) -> str:
    """Return why a film that FFmpeg opens has no picture.

    Args:
        path: the file.

    Returns:
        Text after a colon with the next step; if the file is cut short, with the actual and the expected size.
    """
    if is_encrypted(path):
        return _LOCKED
    return cut_short(path) or f"its first picture is missing or damaged. {_AGAIN}"


def no_picture_failure(container: av.container.InputContainer, path: Path | None) -> str:
    """Return what is missing from a file in which there is no stream of pictures to play.

    Args:
        container: the open file.
        path: the file; None for an address.

    Returns:
        Text after `… has` with the next step: `no video in it. Give a video, …`.
    """
    if path is not None and not container.streams.audio and (reason := cut_short(path)) is not None:
        return f"no picture that can be read: {reason}"
    films = [each for each in container.streams.video if not each.disposition & COVER]
    if films:  # FFmpeg has no decoder for any of them
        coding = None if path is None else coding_of(path)
        named = f" ('{coding}')" if coding else ""
        return (
            f"no picture that can be read: FFmpeg does not know how its video is coded{named}. Convert it to H.264 "
            "with the program that made it."
        )
    cover = ": it is sound with a cover picture" if container.streams.video else ""
    return f"no video in it{cover}. {_GIVE}"


def _is_text(start: bytes) -> bool:
    for encoding in ("utf-8", "latin-1"):
        try:
            text = start.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start >= len(start) - 3 and len(start) == _FIRST:
                return True  # a character is cut in two
            continue
        return sum(character.isprintable() or character in "\t\r\n\f" for character in text) >= 0.97 * len(
            text
        )
    return False


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (av.error.ConnectionRefusedError, "nothing listens there (connection refused)"),
    (
        av.error.HTTPUnauthorizedError,
        "the server wants a user name and password in the address, or refuses these (401)",
    ),
    (av.error.HTTPForbiddenError, "the server forbids it (403)"),
    (av.error.HTTPNotFoundError, "the server knows no such address (404)"),
    (av.error.HTTPClientError, "the server refuses the request"),
    (av.error.HTTPServerError, "the server has an error of its own (5xx)"),
    (av.error.ExitError, "no answer in time"),
    (av.error.TimeoutError, "no answer in time"),
    (av.error.PermissionError, "permission is denied"),
    (av.error.InvalidDataError, "its content is no video that FFmpeg knows"),
    (av.error.DecoderNotFoundError, "FFmpeg has no decoder for it"),
)


def ffmpeg_reason(error: av.error.FFmpegError) -> str:
    """Return the reason of an FFmpeg error, as text after a colon.

    Args:
        error: PyAV's exception.

    Returns:
        A few words without a full stop, for instance `the server knows no such address (404)`.
    """
    if error.errno == errno.EIO:
        return "its data broke off"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    # Not str(error), which ends in the address and may contain a password.
    return error.strerror or type(error).__name__


DIAGNOSIS_TIMEOUT = 2.0
"""Seconds for a second request that finds out why the first failed."""

_HEAD = 65_536
_REMEDY = (
    "Save it as a file and give that, or rewrite it so that it begins with its index: "
    "ffmpeg -i IN -c copy -movflags +faststart OUT"
)


def server_failure(url: str) -> str | None:
    """Request a film again, and return whether it fails because the server does not support ranges.

    An MP4 or QuickTime file may have its index, the box `moov`, after the pictures. A player then needs the end first,
    and requests it as a range; a server without ranges sends the whole file from its beginning.

    Args:
        url: http or https.

    Returns:
        Text after a colon with the next step; None if that is not the reason, or the server does not answer.
    """
    from live_gradcam.sources.web_request import (  # here: urllib is slow to load and seldom needed
        WebError,
        answer_of,
    )

    try:
        with answer_of(url, timeout=DIAGNOSIS_TIMEOUT, limit=DIAGNOSIS_TIMEOUT) as answer:
            has_ranges = answer.headers.get("Accept-Ranges", "").strip().casefold() == "bytes"
            head = b""
            for chunk in answer.chunks():
                head += chunk
                if len(head) >= _HEAD or has_ranges:
                    break
    except WebError:
        return None
    if has_ranges or not _pictures_come_first(head):
        return None
    return (
        "its index (the 'moov' box) is at its end, and the server sends it only from the beginning (no Range). "
        f"{_REMEDY}"
    )


def _pictures_come_first(head: bytes) -> bool:
    """Return whether the box with the pictures of an MP4 or QuickTime file comes before the index."""
    at = 0
    while at + 8 <= len(head):
        size, name = struct.unpack_from(">I4s", head, at)
        if name in (b"mdat", b"moov"):
            return bool(name == b"mdat")
        if size < 8 or name not in (b"ftyp", b"free", b"skip", b"wide", b"uuid", b"pnot"):
            return False
        at += size
    return False
