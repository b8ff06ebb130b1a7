"""Clocks."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that can be replaced in tests."""

    def now(self) -> float:
        """Return seconds; only differences mean anything."""

    def wait_until(self, moment: float, interrupt: threading.Event) -> bool:
        """Wait until `now() >= moment` or `interrupt` is set; return whether it was set."""


class MonotonicClock:
    """`time.monotonic()`: the clock that every captured frame is stamped with."""

    def now(self) -> float:
        """Return `time.monotonic()` seconds."""
        return time.monotonic()

    def wait_until(self, moment: float, interrupt: threading.Event) -> bool:
        """Wait until `now() >= moment` or `interrupt` is set; return whether it was set."""
        return interrupt.wait(max(0.0, moment - time.monotonic()))
