"""The pace of methods of many passes: short slices, between which quick work goes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from fakes import explained
from limits import at_most

from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server import time_slices
from live_gradcam.server.batch_queue import BatchQueue
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import QueuedWork
from live_gradcam.server.time_slices import PassSlices

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Passes:
    """Explains in many passes, each of which takes so long for each input."""

    def __init__(self, seconds: float, inputs: int) -> None:
        self.seconds = seconds
        self.inputs = inputs
        self.pace: Callable[[], int] = lambda: inputs
        self.sizes: list[int] = []
        self.ended: list[float] = []

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        del images
        left = self.inputs
        while left > 0:
            size = min(self.pace(), left)
            self.sizes.append(size)
            time.sleep(self.seconds * size)
            left -= size
        self.ended.append(time.monotonic())
        return [Answer(question, (explained((0, 0, 4, 4)),)) for question in questions]


def untold(pictures: int, seconds: float) -> None:
    del pictures, seconds


@pytest.fixture
def slow_passes() -> Passes:
    return Passes(0.01, 120)


@pytest.fixture
def lanes(slow_passes: Passes) -> Iterator[tuple[BatchQueue, BatchQueue]]:
    quick = BatchQueue(Passes(0.01, 1), (1, 2, 4, 8), name="quick", explained=untold)
    slow = BatchQueue(slow_passes, (1,), name="slow", explained=untold)
    slow_passes.pace = PassSlices(slow, quick)
    yield slow, quick
    slow.close()
    quick.close()


def work(asker: str) -> QueuedWork:
    return QueuedWork(asker, Question(), PICTURE)


def test_inputs_go_together_as_many_as_a_slice_has_time_for(
    lanes: tuple[BatchQueue, BatchQueue], slow_passes: Passes
) -> None:
    slow, _ = lanes
    slow.submit(work("a")).result(20)
    assert slow_passes.sizes[:2] == [1, 2]
    assert max(slow_passes.sizes) <= 8  # 0.01 s each, in slices of 0.03 s
    assert sum(slow_passes.sizes) == 120


def test_quick_work_waits_for_a_slice_and_not_for_the_whole(lanes: tuple[BatchQueue, BatchQueue]) -> None:
    slow, quick = lanes
    long = slow.submit(work("a"))
    time.sleep(0.1)
    with at_most(0.6):
        for number in range(5):
            quick.submit(work(str(number))).result(5)
    assert not long.done()
    long.result(20)


@pytest.mark.runs
@pytest.mark.long
def test_quick_work_without_end_leaves_time_to_the_slow(lanes: tuple[BatchQueue, BatchQueue]) -> None:
    slow, quick = lanes
    stop = threading.Event()

    def ask_and_ask(name: str) -> None:
        while not stop.is_set():
            quick.submit(work(name)).result(5)

    threads = [threading.Thread(target=ask_and_ask, args=(str(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        slow.submit(work("a")).result(30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_nobody_waits_for_ends_after_the_slice(
    lanes: tuple[BatchQueue, BatchQueue], slow_passes: Passes
) -> None:
    slow, _ = lanes
    gone = slow.submit(work("a"))
    time.sleep(0.1)
    slow.forget("a")
    with at_most(0.5), pytest.raises(RequestError, match="nobody waits for this any more"):
        gone.result(5)
    assert sum(slow_passes.sizes) < 60
    assert slow.submit(work("b")).result(20).batch == 1


def test_closing_ends_it_after_the_slice(lanes: tuple[BatchQueue, BatchQueue]) -> None:
    slow, _ = lanes
    slow.submit(work("a"))
    time.sleep(0.1)
    with at_most(0.5):
        slow.close()
    assert not any(thread.name == "slow" for thread in threading.enumerate())


def test_a_slice_is_short_beside_the_quick_work_it_delays() -> None:
    assert time_slices.SLICE_SECONDS <= 0.05
