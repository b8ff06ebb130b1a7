"""FFmpeg's errors in plain words."""

from __future__ import annotations

import errno

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av.error

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


def in_words(error: av.error.FFmpegError) -> str:
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
