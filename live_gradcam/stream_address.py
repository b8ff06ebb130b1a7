"""Addresses to stream to: recognise, check and show them. A stream key is a password, and is never shown."""

from __future__ import annotations

import re
from pathlib import Path

from live_gradcam.errors import SinkError
from live_gradcam.redaction import HIDDEN, remember_shown, shown_address

FORMATS = {"rtmp": "flv", "rtmps": "flv", "udp": "mpegts"}
"""Scheme → FFmpeg's name of the container that is sent."""

# A path has lost one of the two slashes. One letter is a Windows drive.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,20}):/{1,2}(?P<rest>[^/].*)")
_APPLICATION = re.compile(r"(?P<shown>rtmps?://[^/]+/[^/?#]+)[/?](?P<key>.+)", re.IGNORECASE)


def stream_of(record: str | Path | None) -> str | None:
    """Return the address if the target of a recording is one, `scheme://…`; None for a file."""
    if record is None:
        return None
    found = _ADDRESS.fullmatch(record.as_posix() if isinstance(record, Path) else record)
    return None if found is None else f"{found['scheme'].lower()}://{found['rest']}"


def stream_format(address: str) -> str:
    """Return FFmpeg's name of the container for an address.

    Raises:
        SinkError: nothing can be sent to such an address.
    """
    scheme = address.partition("://")[0]
    if scheme in FORMATS:
        return FORMATS[scheme]
    valid = ", ".join(f"{each}://" for each in FORMATS)
    name = stream_name(address)
    if scheme == "srt":
        raise SinkError(
            f"cannot stream to '{name}': PyAV's FFmpeg has no SRT. Send it through another FFmpeg: --record "
            f"udp://127.0.0.1:5000, and beside it: ffmpeg -i udp://127.0.0.1:5000 -c copy -f mpegts {name}"
        )
    raise SinkError(f"cannot stream to '{name}': {valid} are possible, or a file to record to.")


def stream_name(address: str) -> str:
    """Return an address that is safe to show: of RTMP, what follows the application is a key, and is hidden."""
    shown = shown_address(address)
    found = _APPLICATION.fullmatch(shown)
    return shown if found is None else f"{found['shown']}/{HIDDEN}"


def remember_stream(address: str) -> None:
    """Let `redaction.without_secrets` replace the key of this address in any text."""
    found = _APPLICATION.fullmatch(address)
    secrets = [] if found is None else [found["key"], *re.split(r"[/?&=]", found["key"])]
    remember_shown(address, stream_name(address), secrets)
