"""A refusal: what a visitor asked for cannot be had, and the HTTP status that says so."""

from __future__ import annotations

from live_gradcam.errors import LiveGradcamError


class Refusal(LiveGradcamError):
    """What was asked for is refused.

    Args:
        status: as HTTP has it: 400 wrong, 413 too large, 415 no picture, 429 too often, 503 too busy.
        reason: one line for the visitor.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
