from __future__ import annotations

import threading

import pytest

from live_gradcam.concurrency.bounded_queue import BoundedQueue


def test_items_come_in_order_and_as_many_at_once_as_asked_for() -> None:
    queue: BoundedQueue[int] = BoundedQueue(5)
    for number in range(5):
        assert queue.put(number)
    assert queue.take(2) == [0, 1]
    queue.close()
    assert queue.take(2) == [2, 3]
    assert queue.take(2) == [4]
    assert queue.take(2) == []


def test_an_error_comes_after_the_last_item_and_once() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(1)
    queue.close(OSError("torn"))
    assert queue.take() == [1]
    with pytest.raises(OSError, match="torn"):
        queue.take()
    assert queue.take() == []


def test_whoever_gives_waits_while_it_is_full() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    queue.put(0)
    given = threading.Thread(target=queue.put, args=(1,))
    given.start()
    given.join(0.05)
    assert given.is_alive()
    assert queue.take() == [0]
    given.join(1)
    assert not given.is_alive()
    assert queue.take() == [1]


def test_items_that_are_too_heavy_for_a_batch_come_one_by_one() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8, load=100, weigh=lambda item: item)
    queue.put(120)
    assert queue.take(4) == [120]
    queue.put(60)
    queue.put(61)
    assert queue.take(4) == [60, 61]


def test_an_abandoned_queue_takes_nothing_and_keeps_nobody_waiting() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    queue.put(0)
    answers: list[bool] = []
    given = threading.Thread(target=lambda: answers.append(queue.put(1)))
    given.start()
    queue.abandon()
    given.join(1)
    assert answers == [False]
    assert queue.take() == []


def test_an_offer_does_not_wait_and_says_whether_it_was_accepted() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    assert [queue.offer(0), queue.offer(1)] == [True, False]
    assert queue.take() == [0]
    queue.abandon()
    assert not queue.offer(2)
