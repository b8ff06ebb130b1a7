"""The lane: whose picture is explained when, and with which others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest
from fakes import explained
from limits import at_most, until

from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server import batch_queue as lanes
from live_gradcam.server.batch_queue import BatchQueue, batch_size
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done, QueuedWork

SIZES = (1, 2, 4, 8)
FIRST, SECOND = Question(methods=("gradcam",)), Question(methods=("hirescam",))


class HeldAnswers:
    """Answers when it is allowed to, and keeps account of who was answered together."""

    def __init__(self) -> None:
        self.calls: list[tuple[Question, list[int]]] = []
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.error: Exception | None = None

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        self.calls.append((questions[0], [int(image[0, 0, 0]) for image in images]))
        self.begun.release()
        assert self.allowed.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        return [Answer(question, (explained((0, 0, 4, 4)),)) for question in questions]

    def batches(self) -> list[list[int]]:
        return [pictures for _, pictures in self.calls]


@pytest.fixture
def answers() -> HeldAnswers:
    return HeldAnswers()


@pytest.fixture
def lane(answers: HeldAnswers) -> Iterator[BatchQueue]:
    lane = BatchQueue(answers, SIZES, name="explain", explained=untold)
    yield lane
    answers.allowed.release(100)
    lane.close()


def untold(pictures: int, seconds: float) -> None:
    del pictures, seconds


def picture(number: int) -> Pixels:
    return np.full((4, 4, 3), number, np.uint8)


def work(asker: str, number: int, question: Question = FIRST) -> QueuedWork:
    return QueuedWork(asker, question, picture(number))


def test_those_with_the_same_question_are_explained_in_one_call(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    first = lane.submit(work("a", 1))
    answers.begun.acquire()
    others = [lane.submit(work(name, number)) for number, name in enumerate("bcde", 2)]
    answers.allowed.release(2)
    assert [future.result(5).batch for future in (first, *others)] == [1, 4, 4, 4, 4]
    assert answers.batches() == [[1], [2, 3, 4, 5]]


def test_each_has_a_class_of_its_own_and_goes_along_with_the_others(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    shared = picture(7)
    questions = [Question(targets=(target,)) for target in (None, 3, "#2", 3, "module:function")]
    asked = [lane.submit(QueuedWork(str(place), each, shared)) for place, each in enumerate(questions)]
    answers.allowed.release(3)
    assert [future.result(5).answer.question for future in asked] == questions
    # One who asks what another asks about the same picture is told the same; a function is another graph.
    assert answers.batches() == [[1], [7, 7, 7], [7]]


def test_who_comes_first_is_next_whatever_others_ask(lane: BatchQueue, answers: HeldAnswers) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    last = [
        lane.submit(work(name, number, question))
        for number, (name, question) in enumerate(
            [("b", SECOND), ("c", FIRST), ("d", SECOND), ("e", FIRST)], 2
        )
    ]
    answers.allowed.release(3)
    for future in last:
        future.result(5)
    assert answers.calls == [(FIRST, [1]), (SECOND, [2, 4]), (FIRST, [3, 5])]


def test_a_newer_picture_replaces_the_one_that_waits_and_keeps_its_place(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    old = lane.submit(work("b", 2))
    lane.submit(work("c", 3, SECOND))
    new = lane.submit(work("b", 4))
    answers.allowed.release(3)
    assert new.result(5).pixels[0, 0, 0] == 4
    assert old.cancelled()
    assert answers.batches()[:2] == [[1], [4]]


def test_one_who_asks_again_and_again_does_not_keep_the_others_waiting(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    lane.submit(work("greedy", 1))
    answers.begun.acquire()
    for number in range(2, 30):
        lane.submit(work("greedy", number))
    modest = lane.submit(work("modest", 100, SECOND))
    answers.allowed.release(3)
    modest.result(5)
    assert answers.batches() == [[1], [100], [29]]


def test_a_picture_that_cannot_be_decoded_fails_alone(lane: BatchQueue, answers: HeldAnswers) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()

    def broken() -> Pixels:
        raise RequestError(415, "the picture is damaged")

    bad = lane.submit(QueuedWork("bad", FIRST, broken))
    good = lane.submit(work("good", 2))
    answers.allowed.release(2)
    with pytest.raises(RequestError, match="the picture is damaged"):
        bad.result(5)
    assert good.result(5).batch == 1


def test_a_network_that_fails_is_told_to_those_who_asked_and_the_lane_goes_on(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    answers.error = ValueError("no memory")
    answers.allowed.release()
    with pytest.raises(ValueError, match="no memory"):
        lane.submit(work("a", 1)).result(5)
    answers.error = None
    answers.allowed.release()
    assert lane.submit(work("a", 2)).result(5).batch == 1


def test_the_same_picture_is_explained_once_for_all_who_watch_it(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    shared = picture(7)
    watchers = [lane.submit(QueuedWork(name, FIRST, shared)) for name in "bcd"]
    answers.allowed.release(2)
    assert [future.result(5).batch for future in watchers] == [1, 1, 1]
    assert answers.batches() == [[1], [7]]


def test_pictures_of_different_shapes_do_not_go_together(lane: BatchQueue, answers: HeldAnswers) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    last = [
        lane.submit(QueuedWork(name, FIRST, picture(number), shape))
        for name, number, shape in (("b", 2, 16), ("c", 3, 9))
    ]
    answers.allowed.release(3)
    for future in last:
        future.result(5)
    assert answers.batches() == [[1], [2], [3]]


def test_too_many_who_wait_are_refused(
    lane: BatchQueue, answers: HeldAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_WAITING", 2)
    lane.submit(work("a", 1))
    answers.begun.acquire()
    lane.submit(work("b", 2))
    lane.submit(work("c", 3))
    with pytest.raises(RequestError, match="2 pictures are waiting already"):
        lane.submit(work("d", 4))
    assert lane.waiting == 2


def test_who_has_gone_is_not_explained_any_more(lane: BatchQueue, answers: HeldAnswers) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    gone = lane.submit(work("b", 2))
    lane.forget("b")
    left = lane.submit(work("c", 3))
    answers.allowed.release(2)
    left.result(5)
    assert gone.cancelled()
    assert answers.batches() == [[1], [3]]


def test_closing_ends_within_a_second_and_gives_up_what_waits(answers: HeldAnswers) -> None:
    lane = BatchQueue(answers, SIZES, name="explain to close", explained=untold)
    running = lane.submit(work("a", 1))
    answers.begun.acquire()
    waiting = lane.submit(work("b", 2))
    with at_most(1):
        answers.allowed.release()
        lane.close()
    assert running.result(1).batch == 1
    with pytest.raises(CancelledError):
        waiting.result(1)
    assert not any(thread.name == "explain to close" for thread in threading.enumerate())
    with pytest.raises(RequestError, match="the server is ending"):
        lane.submit(work("c", 3))


def costly(asker: str, number: int, *, payer: str, passes: float) -> QueuedWork:
    return QueuedWork(asker, SECOND, picture(number), payer=payer, passes=passes)


def test_a_payer_who_asks_in_many_names_gets_the_share_of_one(lane: BatchQueue, answers: HeldAnswers) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    asked = [("greedy", number, 10.0) for number in range(2, 8)]
    asked += [("modest", number, 5.0) for number in range(20, 24)]
    last = [
        lane.submit(
            QueuedWork(str(number), Question(layer=str(number)), picture(number), payer=payer, passes=passes)
        )
        for payer, number, passes in asked
    ]
    answers.allowed.release(12)
    for future in last:
        future.result(5)
    order = [number for [number] in answers.batches()]
    assert order[:3] == [1, 2, 20]
    assert order.index(23) < order.index(5)  # each has the same time: two of five passes for one of ten


def test_no_more_may_wait_than_is_done_in_a_while_and_that_is_told(
    lane: BatchQueue, answers: HeldAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.submit(work("a", 1))
    answers.begun.acquire()
    monkeypatch.setattr(lanes, "MOST_SECONDS", 60.0)
    passes = 10 / lanes._SECONDS_A_PASS  # ten seconds each
    for number in range(3):
        lane.submit(costly(f"first {number}", number, payer="first", passes=passes))
    with pytest.raises(RequestError) as own:
        lane.submit(costly("first 3", 3, payer="first", passes=passes))
    assert str(own.value) == (
        "30 s of your own work are waiting already, and hirescam takes about 10.0 s: try again in 15 s."
    )
    assert (own.value.status, own.value.retry_after) == (503, 15)
    for payer in ("second", "third"):
        lane.submit(costly(payer, 3, payer=payer, passes=passes))
    with pytest.raises(
        RequestError, match=r"^50 s of work are waiting already, and hirescam takes about 10\.0 s: "
    ):
        lane.submit(costly("fourth", 3, payer="fourth", passes=passes))
    lane.submit(work("quick", 4))  # what takes no time may
    assert lane.waiting == 6


def test_who_asks_again_as_soon_as_a_picture_is_done_does_not_pay_for_it_twice(
    lane: BatchQueue, answers: HeldAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(self: object, work: QueuedWork) -> float:
        del self, work
        return 9.0

    def ask_again(done: object) -> None:  # in the lane's thread, which has not gone on yet
        del done
        again.append(lane.submit(work("a", 2)))

    monkeypatch.setattr(lanes, "MOST_SECONDS", 20.0)
    monkeypatch.setattr(BatchQueue, "_seconds", seconds)
    again: list[Future[Done]] = []
    first = work("a", 1)
    first.done.add_done_callback(ask_again)
    answers.allowed.release(2)
    assert lane.submit(first).result(5).batch == 1
    until(lambda: again, "the second picture")
    assert again[0].result(5).batch == 1


def test_what_takes_longer_than_that_is_done_where_nothing_else_waits(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    answers.allowed.release()
    long = lane.submit(costly("a", 1, payer="a", passes=1000 / lanes._SECONDS_A_PASS))
    assert long.result(5).batch == 1


def test_how_long_a_question_took_decides_how_much_of_it_may_wait(
    lane: BatchQueue, answers: HeldAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_SECONDS", 1.0)
    answers.allowed.release()
    lane.submit(costly("a", 1, payer="a", passes=100)).result(5)  # thought to take 2 s, and takes none
    lane.submit(work("b", 2))
    answers.begun.acquire()
    answers.begun.acquire()
    for number in range(5):
        lane.submit(costly(str(number), number, payer="a", passes=100))
    assert lane.waiting == 5


def test_what_is_running_is_abandoned_when_all_who_asked_for_it_have_gone(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    lane.submit(work("first", 1))
    answers.begun.acquire()
    for asker in ("a", "b"):
        lane.submit(work(asker, 2))
    answers.allowed.release()
    answers.begun.acquire()
    assert not lane.abandoned
    lane.forget("a")
    lane.forget("somebody else")
    assert not lane.abandoned
    lane.forget("b")
    assert lane.abandoned
    next_one = lane.submit(work("a", 3))
    answers.allowed.release(2)
    assert next_one.result(5).batch == 1
    assert not lane.abandoned


def test_it_is_waited_for_until_nothing_is_explained_and_no_longer_than_said(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    with at_most(1):
        lane.wait_idle(5)
    last = lane.submit(work("a", 1))
    answers.begun.acquire()
    began = time.monotonic()
    with at_most(2):
        lane.wait_idle(0.2)
    assert time.monotonic() - began > 0.15
    threading.Timer(0.1, answers.allowed.release).start()
    with at_most(5):
        lane.wait_idle(10)
    assert last.done()


def test_stopping_abandons_what_is_running_and_says_that_the_server_ends(
    lane: BatchQueue, answers: HeldAnswers
) -> None:
    running = lane.submit(work("a", 1))
    answers.begun.acquire()
    lane.stop()
    assert lane.abandoned
    answers.error = ValueError("abandoned")
    answers.allowed.release()
    with pytest.raises(RequestError, match="the server is ending"):
        running.result(5)


@pytest.mark.parametrize(
    ("waiting", "taken"),
    [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 6), (7, 7), (8, 8), (9, 8), (100, 8)],
)
def test_a_batch_is_filled_up_only_where_it_is_worth_it(waiting: int, taken: int) -> None:
    assert batch_size(waiting, SIZES) == taken
