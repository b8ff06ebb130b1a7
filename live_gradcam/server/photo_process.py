"""Decodes a photo in a separate process, with limits on its time and memory.

The parent runs `python -m live_gradcam.server.photo_process N`, where N is the maximum number of pixels, and sends the
file to its stdin. The child writes one line of JSON to stdout, `{"shape": [rows, columns]}` or
`{"status": 415, "reason": "…"}`, and then the pixels.
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
from live_gradcam.sources.file_kind import kind_of
from live_gradcam.sources.opencv_photo import PhotoTooLargeError
from live_gradcam.sources.photo import decode_photo

SECONDS = 15.0
"""Time limit of a photo: a regular one of 40 million pixels takes about 6 s on a slow machine."""

_MOST_MEMORY = 3_000_000_000
"""Maximum address space in bytes, including libraries, on systems that can limit it."""


def decode_apart(data: bytes, most_pixels: int) -> Pixels:
    """Decode a photo as `photo_in_place` does, in another process.

    Raises:
        RequestError: it cannot be decoded (415), has too many pixels (413), or takes too long (413).
    """
    # -P: do not import modules from the folder in which the server was started.
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
    except (ValueError, KeyError, TypeError) as error:  # the process crashed or reached a limit
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
    os.nice(5)  # photos of programs have a lower priority than frames of pages


def main() -> None:
    """Decode the photo on stdin and write it to stdout."""
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
    """Decode a photo in this process, of any aspect ratio.

    Raises:
        RequestError: it cannot be decoded (415), or has too many pixels (413).
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
