"""Why a file came to nothing, in words."""

from __future__ import annotations

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av

from live_gradcam.errors import LiveGradcamError


def in_words(error: Exception) -> str:
    """Return the reason for an error, on one line.

    Args:
        error: what was raised while one file was annotated.
    """
    if isinstance(error, LiveGradcamError):
        return str(error)
    if isinstance(error, OSError | av.FFmpegError):
        where = f"{error.filename} " if error.filename else ""
        return f"{where}cannot be written: {error.strerror or error}"
    line = next(iter(str(error).strip().splitlines()), "no message")
    return f"unexpected {type(error).__name__}: {line}"
