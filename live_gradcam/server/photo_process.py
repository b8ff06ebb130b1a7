"""Decodes a photo in a process of its own, with limits on its time and memory.

The parent sends the file to the child's stdin and reads from its stdout one line of JSON, `{"shape": [rows, columns]}`
or `{"status": 415, "reason": "…"}`, then the pixels. As a program: `python -m live_gradcam.server.photo_process N`,
for at most N pixels.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.server.errors import RequestError
from live_gradcam.sources.deep_photo import PhotoTooLargeError
from live_gradcam.sources.file_kind import kind_of
from live_gradcam.sources.photo import decode_photo

SECONDS = 15.0
"""How long a photo may take: the largest honest one (40 million pixels) takes about 6 s on a slow machine."""

_MOST_MEMORY = 3_000_000_000
"""Bytes of address space, libraries included; on systems that can limit it."""


def decode_apart(data: bytes, most_pixels: int) -> Pixels:
    """Decode a photo as `uploads.photo_in_place` does, in another process.

    Raises:
        Refusal: it cannot be decoded (415), has too many pixels (413), or takes too long (413).
    """
    # -P: modules in the folder in which the server was started are not this process's.
    command = [sys.executable, "-P", "-m", "live_gradcam.server.photo_process", str(most_pixels)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise RequestError(
            413, f"the picture takes longer than {SECONDS:.0f} s to decode: send a smaller one."
        ) from error
    except OSError as error:
        raise RequestError(
            503, "the picture cannot be decoded now: try again later, or send a JPEG."
        ) from error
    line, _, pixels = done.stdout.partition(b"\n")
    try:
        answer = json.loads(line)
        if "shape" not in answer:
            raise RequestError(answer["status"], answer["reason"])
        rows, columns = answer["shape"]
        return np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3)
    except (ValueError, KeyError, TypeError) as error:  # it crashed, or reached a limit
        raise RequestError(415, "the picture is damaged: it cannot be decoded.") from error


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, _MOST_MEMORY), (resource.RLIMIT_CPU, round(SECONDS))):
        hard = resource.getrlimit(kind)[1]
        try:
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        except (ValueError, OSError):  # macOS does not limit the address space
            continue
    os.nice(5)  # photos of programs come after the frames of visitors


def main() -> None:
    """Decode what comes on stdin."""
    _limit()

    data = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        pixels = photo_in_place(data, int(sys.argv[1]))
    except RequestError as refusal:
        out.write(json.dumps({"status": refusal.status, "reason": str(refusal)}).encode() + b"\n")
        return
    out.write(json.dumps({"shape": pixels.shape[:2]}).encode() + b"\n")
    out.write(np.ascontiguousarray(pixels).data)


def photo_in_place(data: bytes, most_pixels: int) -> Pixels:
    """Return a photo as `photo_of` does, decoded in this process and whatever its shape.

    Raises:
        Refusal: it cannot be decoded (415), or has too many pixels (413).
    """
    try:
        photo = decode_photo(data, "the picture", kind_of(io.BytesIO(data)), most_pixels=most_pixels)
    except PhotoTooLargeError as error:
        raise _too_many(*error.size, most_pixels) from error
    except SourceError as error:
        raise RequestError(415, "the picture is damaged: it cannot be decoded.") from error
    if photo.damage is not None:
        raise RequestError(415, f"the picture is damaged: it {photo.damage}.")
    return photo.pixels


def _too_many(width: int, height: int, most_pixels: int) -> RequestError:
    return RequestError(
        413,
        f"the picture has {width}×{height} pixels, and at most {most_pixels / 1e6:g} million can be taken: "
        "send a smaller one.",
    )


if __name__ == "__main__":
    main()
