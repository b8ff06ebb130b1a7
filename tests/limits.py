"""Waiting for events, and upper bounds on time.

The bounds hold on a machine that does nothing else: `scripts/test.py -m timed` asserts them, in one process. In other
runs the machine may be busy: there the tests assert the order of events, and a test that hangs ends at its time limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

asserted = False
"""Whether this run asserts the bounds: conftest.py decides it."""


PATIENCE = 60.0
"""Seconds after which nobody waits any more: many times what a busy machine needs."""


def until(happened: Callable[[], object], what: str = "it") -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.005)


def within(took: float, seconds: float) -> bool:
    """Whether a time that was measured is below a bound; True where the bounds are not asserted."""
    return took < seconds or not asserted


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Assert that the block takes less time, where the bounds are asserted."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert within(took, seconds), f"it took {took:.2f} s, and the limit is {seconds} s"


def has_bounds(item: pytest.Item) -> bool:
    """Whether a test names one of the two."""
    names = {at_most.__name__, within.__name__}
    return isinstance(item, pytest.Function) and not names.isdisjoint(item.function.__code__.co_names)
