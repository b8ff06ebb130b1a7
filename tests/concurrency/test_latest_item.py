"""The newest-item slot."""

from __future__ import annotations

import threading

import pytest

from live_gradcam.concurrency.latest_item import Latest


def test_the_newest_item_replaces_the_one_nobody_took() -> None:
    slot: Latest[int] = Latest()
    slot.put(1)
    slot.put(2)
    assert (slot.take(), slot.take(0), slot.count) == (2, None, 2)


def test_who_waits_is_woken_by_an_item_and_by_the_end() -> None:
    slot: Latest[int] = Latest()
    threading.Timer(0.05, slot.put, (7,)).start()
    assert slot.take(5) == 7
    threading.Timer(0.05, slot.close).start()
    assert slot.take() is None
    assert slot.closed


def test_the_last_item_comes_before_the_error_and_the_error_once() -> None:
    slot: Latest[int] = Latest()
    slot.put(3)
    slot.close(ValueError("broken"))
    slot.put(4)
    assert slot.take() == 3
    with pytest.raises(ValueError, match="broken"):
        slot.take()
    assert slot.take() is None
