"""Clocks and timing of functions."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol


class Clock(Protocol):
    """A clock that can be replaced in tests."""

    def now(self) -> float:
        """Return seconds since an arbitrary start."""

    def wait_until(self, moment: float, interrupt: threading.Event) -> bool:
        """Wait until `now() >= moment` or `interrupt` is set; return whether it was set."""


class MonotonicClock:
    """`time.monotonic()`, the clock of `Frame.captured_at`."""

    def now(self) -> float:
        """Return `time.monotonic()` seconds."""
        return time.monotonic()

    def wait_until(self, moment: float, interrupt: threading.Event) -> bool:
        """Wait until `now() >= moment` or `interrupt` is set; return whether it was set."""
        return interrupt.wait(max(0.0, moment - time.monotonic()))


def interleaved_ms(
    runs: Mapping[str, Callable[[], object]], seconds: float, *, least: int = 5, warm: bool = False
) -> tuple[dict[str, float], int]:
    """Measure several functions in turn until the time is up.

    Taking turns makes the results comparable although the machine's speed drifts.

    Args:
        runs: name → function. Each is called twice first, to compile and to warm up.
        seconds: how long to measure.
        least: the minimum number of rounds.
        warm: whether an unmeasured call comes before each measured one: a network that explains picture after picture
            finds the processor's caches as it left them, not as another one did.

    Returns:
        Name → median in milliseconds, and the number of rounds.
    """
    for function in runs.values():
        function()
        function()
    times: dict[str, list[float]] = {name: [] for name in runs}
    rounds = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or rounds < least:
        for name, function in runs.items():
            if warm:
                function()
            began = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - began))
        rounds += 1
    return {name: statistics.median(each) for name, each in times.items()}, rounds
