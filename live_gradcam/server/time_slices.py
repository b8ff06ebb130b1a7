"""The pace of methods of many passes: short slices of the network's time, with quick work between them."""

from __future__ import annotations

import time

from live_gradcam.server.batch_queue import Abandoned, BatchQueue

SLICE_SECONDS = 0.03
"""How long the inputs of one slice may take, which is how long a quick picture waits at most."""

_MOST_INPUTS = 32

_LONGEST_WAIT = 4 * SLICE_SECONDS
"""How long a slice waits for quick work at most, so that slow work always has a fifth of the network's time."""


class PassSlices:
    """Tells how many inputs of a method of many passes go through the network next (`graph_spec.Pace`).

    Each method and target of a graph has a `PassSlices` of its own, because the length of a pass differs between them.

    Args:
        slow: the queue that runs such methods.
        quick: the queue that goes first.
    """

    def __init__(self, slow: BatchQueue, quick: BatchQueue) -> None:
        self._slow = slow
        self._quick = quick
        self._inputs = 1
        self._call = 0
        self._begun = 0.0

    def __call__(self) -> int:
        """Wait for quick work to end, and return the number of the next inputs.

        Raises:
            Abandoned: no client waits for the result any more.
        """
        if self._call == self._slow.calls:
            took = time.monotonic() - self._begun
            if took > 1.5 * SLICE_SECONDS:
                self._inputs = max(1, self._inputs // 2)
            elif took < 0.6 * SLICE_SECONDS:
                self._inputs = min(_MOST_INPUTS, self._inputs * 2)
        self._quick.wait_idle(_LONGEST_WAIT)
        if self._slow.abandoned:
            raise Abandoned
        self._call, self._begun = self._slow.calls, time.monotonic()
        return self._inputs
