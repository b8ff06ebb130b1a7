"""Refused requests: the error with its HTTP status, and the line of the log."""

from __future__ import annotations

import json

from live_gradcam.errors import LiveGradcamError


class RequestError(LiveGradcamError):
    """A request or message is refused.

    Args:
        status: the HTTP status, such as 400 (wrong), 413 (too large), 415 (not a picture), 429 (too many), 503 (busy).
        reason: one line for the client.
        retry_after: with 503, seconds after which the client should try again.
    """

    def __init__(self, status: int, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


def log_line(event: str, **values: object) -> str:
    r"""Return one line for the log, such as `refused status=403 path="/a\nb"`.

    Args:
        event: a word for the event.
        values: texts, numbers or None. Texts are quoted and escaped as in JSON, so they stay printable ASCII.
    """
    return " ".join([event, *(f"{name}={_escaped(value)}" for name, value in values.items())])


def _escaped(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
