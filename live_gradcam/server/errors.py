"""A refusal: what a visitor asked for cannot be had, and the HTTP status that says so."""

from __future__ import annotations

import json

from live_gradcam.errors import LiveGradcamError


class RequestError(LiveGradcamError):
    """What was asked for is refused.

    Args:
        status: as HTTP has it: 400 wrong, 413 too large, 415 no picture, 429 too often, 503 too busy.
        reason: one line for the visitor.
        retry_after: with 503, in how many seconds it is worth trying again.
    """

    def __init__(self, status: int, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


def log_line(event: str, **values: object) -> str:
    r"""Return `refused status=403 path="/a\nb"`: texts are quoted, and escaped as in JSON.

    Args:
        event: a word.
        values: texts, numbers or None; all but ASCII letters and signs is escaped.
    """
    return " ".join([event, *(f"{name}={_escaped(value)}" for name, value in values.items())])


def _escaped(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
