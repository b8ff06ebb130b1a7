"""The background thread: whose work is done next, and that it holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest
from limits import at_most

from live_gradcam.server import fair_thread as background
from live_gradcam.server.fair_thread import FairThread


@pytest.fixture
def thread() -> Iterator[FairThread]:
    thread = FairThread("do one thing after another")
    yield thread
    thread.close()


class Held:
    """Keeps the thread at work until it may go on, so that the rest waits."""

    def __init__(self, thread: FairThread) -> None:
        self.done: list[str] = []
        self._open = threading.Event()
        thread.submit(self._wait)

    def note(self, name: str) -> Callable[[], None]:
        return lambda: self.done.append(name)

    def go_on(self) -> None:
        self._open.set()

    def _wait(self) -> None:
        assert self._open.wait(10)


def test_payers_take_turns_and_each_is_served_in_order(
    thread: FairThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "REST", 0.0)
    held = Held(thread)
    greedy = [thread.submit(held.note(f"greedy {number}"), "greedy") for number in range(3)]
    modest = [thread.submit(held.note(f"modest {number}"), "modest") for number in range(2)]
    held.go_on()
    for future in (*greedy, *modest):
        future.result(5)
    assert held.done == ["greedy 0", "modest 0", "greedy 1", "modest 1", "greedy 2"]


def test_one_who_was_served_rests_and_others_need_not_wait_for_it(thread: FairThread) -> None:
    times: list[tuple[str, float]] = []

    def work(name: str) -> Callable[[], None]:
        def slow() -> None:
            times.append((name, time.monotonic()))
            time.sleep(0.2)

        return slow

    first, second = (thread.submit(work("greedy"), "greedy") for _ in range(2))
    first.result(5)
    thread.submit(work("modest"), "modest").result(5)
    second.result(5)
    assert [name for name, _ in times] == ["greedy", "modest", "greedy"]
    for _ in range(2):
        last = thread.submit(work("greedy"), "greedy")
    last.result(5)
    assert times[-1][1] - times[-2][1] > 0.19 * (1 + background.REST)


def test_what_was_cancelled_is_left_out(thread: FairThread) -> None:
    held = Held(thread)
    unwanted, wanted = (thread.submit(held.note(name), "me") for name in ("unwanted", "wanted"))
    assert unwanted.cancel()
    held.go_on()
    wanted.result(5)
    assert held.done == ["wanted"]


def test_a_failure_is_told_to_who_waits_and_the_thread_goes_on(thread: FairThread) -> None:
    def fails() -> None:
        raise ValueError("no memory")

    with pytest.raises(ValueError, match="no memory"):
        thread.submit(fails).result(5)
    thread.submit(lambda: None).result(5)


def test_closing_does_not_wait_for_what_takes_long() -> None:
    thread = FairThread("work to leave behind")
    open_again = threading.Event()
    begun = threading.Event()

    def long() -> None:
        begun.set()
        open_again.wait()

    thread.submit(long)
    waiting = thread.submit(lambda: None)
    assert begun.wait(5)
    with at_most(1.5):
        thread.close()
    open_again.set()
    with pytest.raises(CancelledError):
        waiting.result(1)
    assert thread.submit(lambda: None).cancelled()
