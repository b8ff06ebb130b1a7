"""Films at http addresses: why one cannot be played directly from its server."""

from __future__ import annotations

import struct

from live_gradcam.sources.web_request import WebError, answer_of

DIAGNOSIS_TIMEOUT = 2.0
"""Seconds for a second request that finds out why the first failed."""

_HEAD = 65_536
_REMEDY = (
    "Save it as a file and give that, or write it anew so that it begins with its index: "
    "ffmpeg -i IN -c copy -movflags +faststart OUT"
)


def why_not_from_server(url: str) -> str | None:
    """Request a film again, and return whether it fails because the server does not support ranges.

    An MP4 or QuickTime file may have its index, the box `moov`, after the pictures. A player then needs the end first,
    and requests it as a range; a server without ranges sends the whole file from its beginning.

    Args:
        url: http or https.

    Returns:
        Text after a colon with the next step; None if that is not the reason, or the server does not answer.
    """
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
        "its index (the 'moov' box) stands at its end, and the server sends it only from the beginning (no Range). "
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
