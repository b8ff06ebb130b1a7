"""A visitor's own share: copies of examples wait in the queue as the visitor's own work, and end with the visit."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from fakes import explained

from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server import own_share
from live_gradcam.server.errors import RequestError
from live_gradcam.server.own_share import OwnShare
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead

HEAD = TaughtHead(("mug",), np.zeros((3, 1), np.float32), np.zeros(1, np.float32))


class Queue:
    """A service that keeps what it is given, and answers at once unless it holds it back."""

    taught_default = Question(head=NOTHING_TAUGHT)

    def __init__(self) -> None:
        self.works: list[QueuedWork] = []
        self.refusals = 0
        self.holds_back = False
        self.given = threading.Event()

    def shape(self, size: tuple[int, int]) -> Hashable:
        return size

    def submit(self, work: QueuedWork) -> Future[Done]:
        if self.refusals:
            self.refusals -= 1
            raise RequestError(503, "256 pictures are waiting already.")
        self.works.append(work)
        self.given.set()
        if not self.holds_back:
            assert not callable(work.pixels)
            answer = Answer(
                work.question,
                (explained((0, 0, 8, 8)),),
                feature_map=np.asarray(work.pixels / 255, np.float32),
            )
            work.done.set_result(Done(answer, work.pixels, 0.0, 1.0, 1))
        return work.done

    def forget(self, client: Hashable) -> None:
        for work in self.works:
            if work.client == client:
                work.done.cancel()


def pictures(count: int) -> list[Pixels]:
    return [np.full((8, 8, 3), number, np.uint8) for number in range(count)]


def share(queue: Any) -> OwnShare:
    return OwnShare(queue, "visitor")


def test_copies_are_the_visitors_own_work_and_come_back_in_order() -> None:
    queue = Queue()
    answers = share(queue).answer_batch(pictures(4), [Question(head=NOTHING_TAUGHT)] * 4)
    assert [each.feature_map[0, 0, 0] * 255 for each in answers if each.feature_map is not None] == [
        0,
        1,
        2,
        3,
    ]
    assert {work.account for work in queue.works} == {"visitor"}
    assert len({work.client for work in queue.works}) == 4  # each client has one waiting picture at most
    assert {work.kind for work in queue.works} == {(Queue.taught_default, (8, 8))}


def test_a_full_queue_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_share, "_TRY_SECONDS", 0.001)
    queue = Queue()
    queue.refusals = 5
    assert len(share(queue).answer_batch(pictures(2), [Question(head=NOTHING_TAUGHT)] * 2)) == 2
    queue.refusals = 1000
    with pytest.raises(LiveGradcamError, match="the server is too busy to learn this: try again in a moment"):
        share(queue).answer_batch(pictures(1), [Question(head=NOTHING_TAUGHT)])


def test_the_end_of_a_visit_cancels_what_waits() -> None:
    queue = Queue()
    queue.holds_back = True
    own, raised = share(queue), list[BaseException]()

    def ask() -> None:
        try:
            own.answer_batch(pictures(1), [Question(head=NOTHING_TAUGHT)])
        except LiveGradcamError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert queue.given.wait(20)
    own.close()
    asking.join(20)
    assert str(raised[0]) == "the visit has ended."
    with pytest.raises(LiveGradcamError):
        own.answer_batch(pictures(1), [Question(head=NOTHING_TAUGHT)])


def test_pictures_with_different_heads_are_of_one_kind_and_those_without_a_head_of_another() -> None:
    def work(question: Question) -> QueuedWork:
        return QueuedWork("visitor", question, pictures(1)[0])

    taught = work(Question(head=HEAD, targets=("mug",)))
    assert taught.kind == work(Question(head=NOTHING_TAUGHT)).kind
    assert taught.kind != work(Question()).kind
    assert taught.kind != work(Question(head=HEAD, methods=("hirescam",))).kind
