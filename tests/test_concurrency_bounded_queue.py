from __future__ import annotations

import threading

import pytest

from live_gradcam.concurrency.bounded_queue import BoundedQueue


def test_items_come_in_order_and_as_many_at_once_as_asked_for() -> None:
    belt: BoundedQueue[int] = BoundedQueue(5)
    for number in range(5):
        assert belt.put(number)
    assert belt.take(2) == [0, 1]
    belt.close()
    assert belt.take(2) == [2, 3]
    assert belt.take(2) == [4]
    assert belt.take(2) == []


def test_an_error_comes_after_the_last_item_and_once() -> None:
    belt: BoundedQueue[int] = BoundedQueue(2)
    belt.put(1)
    belt.close(OSError("torn"))
    assert belt.take() == [1]
    with pytest.raises(OSError, match="torn"):
        belt.take()
    assert belt.take() == []


def test_whoever_gives_waits_while_it_is_full() -> None:
    belt: BoundedQueue[int] = BoundedQueue(1)
    belt.put(0)
    given = threading.Thread(target=belt.put, args=(1,))
    given.start()
    given.join(0.05)
    assert given.is_alive()
    assert belt.take() == [0]
    given.join(1)
    assert not given.is_alive()
    assert belt.take() == [1]


def test_items_that_are_too_heavy_for_a_batch_come_one_by_one() -> None:
    belt: BoundedQueue[int] = BoundedQueue(8, load=100, weigh=lambda item: item)
    belt.put(120)
    assert belt.take(4) == [120]
    belt.put(60)
    belt.put(61)
    assert belt.take(4) == [60, 61]


def test_an_abandoned_belt_takes_nothing_and_keeps_nobody_waiting() -> None:
    belt: BoundedQueue[int] = BoundedQueue(1)
    belt.put(0)
    answers: list[bool] = []
    given = threading.Thread(target=lambda: answers.append(belt.put(1)))
    given.start()
    belt.abandon()
    given.join(1)
    assert answers == [False]
    assert belt.take() == []
