"""An allowance: how much a client may still do, and how long it has to wait for more."""

from __future__ import annotations

import time


class RateLimit:
    """How much a client may do: so much at once, and so much more each second (a token bucket).

    Args:
        rate: a second.
        burst: at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def spend(self, count: float = 1.0) -> float:
        """Take something from it, on credit where there is too little.

        Returns:
            In how many seconds it is paid for: 0 where there was enough.
        """
        self._left = self._now() - count
        return max(0.0, -self._left / self._rate)

    def reserve(self, most_seconds: float) -> float | None:
        """Take one from it, unless that has to wait too long.

        Returns:
            How many seconds to wait; None: longer than `most_seconds`, and nothing was taken.
        """
        self._left = self._now()
        wait = max(0.0, (1 - self._left) / self._rate)
        if wait > most_seconds:
            return None
        self._left -= 1
        return wait

    def _now(self) -> float:
        now = time.monotonic()
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        return left
