"""Questions change while frames are answered: no answer waits for a compiler, and no thread is left over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from fakes import FakeAnswers
from limits import at_most, until

from live_gradcam.errors import LayerError
from live_gradcam.explain.explain_thread import ExplainThread
from live_gradcam.explain.question_switch import QuestionSwitch
from live_gradcam.frame import Frame, Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

FIRST, SECOND, THIRD, FOURTH = (
    Question(methods=(method,), layer="top") for method in ("gradcam", "hirescam", "layercam", "fem")
)
PIXELS = np.zeros((12, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.fixture
def answers() -> FakeAnswers:
    return FakeAnswers(FIRST)


@pytest.fixture
def conversation(answers: FakeAnswers) -> Iterator[QuestionSwitch]:
    with QuestionSwitch(answers, FIRST) as conversation:
        yield conversation
        answers.allow(100)


def test_the_former_question_is_answered_until_the_new_one_is_ready(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    assert conversation.answer(PIXELS).question == FIRST
    conversation.ask(SECOND)
    until(lambda: conversation.compiling == "hirescam at top")
    assert [conversation.answer(PIXELS).question for _ in range(5)] == [FIRST] * 5
    answers.allow()
    until(lambda: conversation.answer(PIXELS).question == SECOND)
    assert conversation.compiling is None
    conversation.ask(FIRST)
    assert conversation.answer(PIXELS).question == FIRST, "what is ready is answered at once"
    assert answers.prepared == [SECOND]


def test_of_what_waits_only_the_newest_is_prepared(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    conversation.answer(PIXELS)
    conversation.ask(SECOND)
    until(lambda: conversation.compiling is not None)
    conversation.ask(THIRD)
    conversation.ask(FOURTH)
    answers.allow(3)
    until(lambda: conversation.answer(PIXELS).question == FOURTH)
    assert answers.prepared == [SECOND, FOURTH]
    assert set(answers.answered) == {FIRST, FOURTH}


def test_a_question_of_several_steps_is_left_when_it_is_no_longer_wanted(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    several = Question(methods=("scorecam", "saliency", "smoothgrad"), layer="top")
    conversation.answer(PIXELS)
    conversation.ask(several)
    until(lambda: conversation.compiling == "scorecam at top")
    conversation.ask(FIRST)
    assert conversation.compiling is None
    conversation.ask(SECOND)
    answers.allow(2)  # the step that was begun, and the one step of the newest
    until(lambda: conversation.answer(PIXELS).question == SECOND)
    assert not answers.ready(several, (16, 12))


def test_what_cannot_be_answered_is_told_once_and_the_former_question_goes_on(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    answers.faults[SECOND] = LayerError("layer 'top' does not lie between the picture and the score.")
    conversation.answer(PIXELS)
    conversation.ask(SECOND)
    answers.allow()
    lines: list[str] = []
    while not lines:
        assert conversation.answer(PIXELS).question == FIRST
        lines += filter(None, [conversation.refused()])
    assert lines == ["layer 'top' does not lie between the picture and the score."]
    assert conversation.refused() is None
    assert conversation.compiling is None
    assert conversation.answer(PIXELS).question == FIRST
    conversation.ask(SECOND)  # asked again, it is tried again
    until(lambda: answers.prepared == [SECOND, SECOND])


def test_an_error_that_nobody_foresaw_reaches_whoever_answers(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    answers.faults[SECOND] = ZeroDivisionError("by zero")
    conversation.answer(PIXELS)
    conversation.ask(SECOND)
    answers.allow()
    with pytest.raises(ZeroDivisionError):
        until(lambda: conversation.answer(PIXELS).question == SECOND)


def test_what_is_no_longer_compiled_when_it_is_asked_for_is_prepared_again(
    answers: FakeAnswers, conversation: QuestionSwitch
) -> None:
    conversation.answer(PIXELS)
    answers.allow(2)
    conversation.ask(SECOND)
    until(lambda: conversation.answer(PIXELS).question == SECOND)
    conversation.ask(FIRST)
    conversation.answer(PIXELS)
    answers.forget(SECOND)
    conversation.ask(SECOND)
    until(lambda: conversation.answer(PIXELS).question == SECOND)
    assert answers.prepared == [SECOND, SECOND]


def test_a_compiler_that_is_slow_is_left_behind_within_a_second_and_only_a_verbose_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = FakeAnswers(FIRST)
    conversation = QuestionSwitch(answers, FIRST)
    conversation.answer(PIXELS)
    conversation.ask(SECOND)
    until(lambda: conversation.compiling is not None)
    with at_most(1.0), caplog.at_level(logging.INFO, "live_gradcam"):
        conversation.close()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == "the thread 'prepare' is still compiling hirescam at top and is left behind"
    answers.allow()
    until(lambda: not any(thread.name == "prepare" for thread in threading.enumerate()))
    assert answers.prepared == [SECOND]


def newest(worker: ExplainThread, frame: Frame) -> Answer:
    """Offer a frame and return the answer about it."""
    worker.offer(frame)
    while (found := worker.newest()) is None:
        time.sleep(0.002)
    assert found[0] is frame
    return found[1]


def test_the_worker_goes_on_with_the_former_question_and_then_switches() -> None:
    answers, statistics = FakeAnswers(FIRST), RunStatistics()
    frames = (Frame(PIXELS, index, float(index)) for index in range(1000))
    with ExplainThread(answers, FIRST, statistics) as worker:
        assert newest(worker, next(frames)).question == FIRST
        worker.ask(SECOND)
        until(lambda: worker.compiling == "hirescam at top")
        assert newest(worker, next(frames)).question == FIRST
        answers.allow()
        until(lambda: newest(worker, next(frames)).question == SECOND)
        assert worker.compiling is None
        answers.faults[THIRD] = LayerError("no such layer.")
        worker.ask(THIRD)
        answers.allow()
        refused: list[str] = []
        while not refused:
            assert newest(worker, next(frames)).question == SECOND
            refused += filter(None, [worker.refused()])
        assert refused == ["no such layer."]
        assert newest(worker, next(frames)).question == SECOND
    assert statistics.frames_explained == len(answers.answered)


def test_the_end_comes_within_a_second_and_quietly_where_the_network_is_slow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers, begun, may_end = FakeAnswers(FIRST), threading.Event(), threading.Event()
    answer = answers.answer

    def slowly(pixels: Pixels, question: Question) -> Answer:
        begun.set()
        may_end.wait()
        return answer(pixels, question)

    answers.answer = slowly  # type: ignore[method-assign]
    worker = ExplainThread(answers, FIRST, RunStatistics())
    worker.offer(Frame(PIXELS, 0, 0.0))
    assert begun.wait(5)
    with at_most(1.5), caplog.at_level(logging.WARNING, "live_gradcam"):
        worker.close()
    assert caplog.records == []
    may_end.set()
    until(
        lambda: threading.active_count() == 1 or not any(t.name == "explain" for t in threading.enumerate())
    )


def test_the_worker_ends_within_a_second_while_something_is_compiled() -> None:
    answers = FakeAnswers(FIRST)
    worker = ExplainThread(answers, FIRST, RunStatistics())
    newest(worker, Frame(PIXELS, 0, 0.0))
    worker.ask(SECOND)
    until(lambda: worker.compiling is not None)
    with at_most(1.0):
        threading.Timer(0.2, answers.allow).start()
        worker.close()
        worker.close()


def test_an_error_of_the_network_reaches_whoever_asks_for_the_newest_answer() -> None:
    class Failing(FakeAnswers):
        def answer(self, pixels: object, question: Question) -> Answer:  # noqa: ARG002 - it answers nothing
            raise LayerError("the network broke. Take another.")

    with ExplainThread(Failing(FIRST), FIRST, RunStatistics()) as worker:
        worker.offer(Frame(PIXELS, 0, 0.0))
        with pytest.raises(LayerError, match="the network broke"):
            until(lambda: worker.newest() is not None)
