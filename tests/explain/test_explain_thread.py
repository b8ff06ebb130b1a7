"""The explain thread's spare work: offered the time between two frames, and never in the way of the end."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest
from fakes import FakeAnswers
from limits import PATIENCE, until

from live_gradcam.explain.explain_thread import ExplainThread
from live_gradcam.frame import Frame
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

QUESTION = Question()


class Steps:
    """Wants so many steps after each frame, and notes what it is told."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._left = 0
        self.frames: list[int] = []
        self.offers = 0
        self.waits: list[bool] = []
        self.rested = threading.Event()

    def offered(self) -> None:
        self.offers += 1

    def explained(self, frame: Frame, answer: Answer) -> None:
        assert answer.question == QUESTION
        self.frames.append(frame.index)
        self._left = self._wanted

    def step(self, *, waits: bool) -> bool:
        self.waits.append(waits)
        if waits or not self._left:
            self.rested.set()
            return False
        self._left -= 1
        return True


def frame(index: int) -> Frame:
    return Frame(np.zeros((8, 8, 3), np.uint8), index, time.monotonic())


@pytest.mark.parametrize("wanted", [0, 5])
def test_after_each_frame_steps_are_done_until_none_is_left(wanted: int) -> None:
    steps = Steps(wanted)
    with ExplainThread(FakeAnswers(QUESTION), QUESTION, RunStatistics(), spare=steps) as thread:
        for index in range(3):
            steps.rested.clear()
            thread.offer(frame(index))
            assert steps.rested.wait(PATIENCE)
    assert steps.frames == [0, 1, 2]
    assert steps.offers == 3
    assert steps.waits == [False] * 3 * (wanted + 1)


def test_a_waiting_frame_is_told_and_explained_next() -> None:
    class Late(Steps):
        def explained(self, frame: Frame, answer: Answer) -> None:
            super().explained(frame, answer)
            if frame.index == 0:
                thread.offer(frame_1)

    frame_1 = frame(1)
    steps = Late(3)
    with ExplainThread(FakeAnswers(QUESTION), QUESTION, RunStatistics(), spare=steps) as thread:
        thread.offer(frame(0))
        until = time.monotonic() + PATIENCE
        while steps.frames != [0, 1] and time.monotonic() < until:
            time.sleep(0.001)
    assert steps.frames == [0, 1]
    assert steps.waits[0] is True


def test_the_end_does_not_wait_for_all_steps() -> None:
    class Endless(Steps):
        def step(self, *, waits: bool) -> bool:
            self.rested.set()
            return not waits

    before = set(threading.enumerate())
    steps = Endless(0)
    thread = ExplainThread(FakeAnswers(QUESTION), QUESTION, RunStatistics(), spare=steps)
    thread.offer(frame(0))
    assert steps.rested.wait(PATIENCE)
    (own,) = (each for each in set(threading.enumerate()) - before if each.name == "explain")
    thread.close()
    own.join(PATIENCE)
    assert not own.is_alive()


def test_no_time_is_spare_while_a_graph_is_compiled() -> None:
    """With steps between all frames, the default network's four methods took 11 s in place of 2 on two cores."""

    class Any(Steps):
        def explained(self, frame: Frame, answer: Answer) -> None:  # noqa: ARG002 - every answer is good
            self.frames.append(frame.index)
            self._left = self._wanted

    other, steps, answers = Question(methods=("hirescam",), layer="top"), Any(5), FakeAnswers(QUESTION)
    with ExplainThread(answers, QUESTION, RunStatistics(), spare=steps) as thread:
        thread.offer(frame(0))
        assert steps.rested.wait(PATIENCE)
        thread.ask(other)
        until(lambda: thread.compiling is not None)
        before = len(steps.waits)
        for index in range(1, 4):
            thread.offer(frame(index))
            until(partial(steps.frames.__contains__, index))
        assert len(steps.waits) == before
        answers.allow()
        until(lambda: thread.compiling is None)
        steps.rested.clear()
        thread.offer(frame(4))
        assert steps.rested.wait(PATIENCE)
        assert len(steps.waits) > before
