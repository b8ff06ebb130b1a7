"""Methods of many passes beside quick ones: neither waits for the other, and what nobody waits for ends."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from limits import at_most, until
from served import Reply, Served, answer_to, jpeg, small_service

from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server import batch_queue as lanes
from live_gradcam.server.queued_work import QueuedWork
from live_gradcam.server.service import Service


class Slow:
    """Lets Score-CAM take until it is allowed to end, or is abandoned; the rest is as it is."""

    def __init__(self, service: Service) -> None:
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.abandoned = 0
        self._lane = service._slow
        self._answer: Callable[[Sequence[Pixels], Sequence[Question]], list[Answer]] = service.graphs.answer
        service.graphs.answer = self.answer  # type: ignore[method-assign]

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        if "scorecam" in questions[0].methods:
            self.begun.release()
            while not self.allowed.acquire(timeout=0.02):
                if self._lane.abandoned:
                    self.abandoned += 1
                    raise RuntimeError("abandoned")
        return self._answer(images, questions)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(lanes, "MOST_SECONDS", 1000.0)  # on a busy machine the first picture takes its time
    with Served(small_service()) as served:
        yield served


@pytest.fixture
def slow(served: Served) -> Slow:
    slow = Slow(served.service)
    slow.allowed.release()
    assert served.explain("?method=scorecam").status == 200  # compiled
    assert slow.begun.acquire()
    return slow


def post_and_hang_up(served: Served) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("POST", "/explain?method=scorecam", jpeg(), {"Content-Type": "image/jpeg"})
    return connection


def test_a_quick_picture_does_not_wait_for_slow_ones(served: Served, slow: Slow) -> None:
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(served.explain, "?method=scorecam") for _ in range(6)]
        try:
            assert slow.begun.acquire()
            with at_most(5):
                assert served.explain("?method=gradcam").status == 200
            with served.socket() as socket:
                assert answer_to(socket, 1, jpeg()).header["frame"] == 1
            assert not any(each.done() for each in waiting)
        finally:
            slow.allowed.release(6)
        assert [each.result(20).status for each in waiting] == [200] * 6


def test_what_nobody_waits_for_any_more_is_not_explained(served: Served, slow: Slow) -> None:
    connections = [post_and_hang_up(served) for _ in range(4)]
    assert slow.begun.acquire()
    until(lambda: served.service._slow.waiting == 3, "the waiting of the others")
    for connection in connections:
        connection.close()
    until(lambda: slow.abandoned == 1, "the end of what was running")
    until(lambda: served.service._slow.waiting == 0, "the end of what waited")
    slow.allowed.release()
    assert served.explain("?method=scorecam").status == 200
    assert slow.abandoned == 1


@pytest.mark.long
def test_a_visitor_who_leaves_is_not_explained_any_more(served: Served, slow: Slow) -> None:
    with served.socket() as socket:
        socket.send(json.dumps({"ask": 1, "methods": ["scorecam"]}))
        socket.send(bytes(4) + jpeg())
        assert slow.begun.acquire()
    until(lambda: slow.abandoned == 1, "the end of what was running")


@pytest.mark.long
def test_ending_does_not_wait_for_slow_ones_and_tells_them(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_SECONDS", 1000.0)
    served = Served(small_service())
    slow = Slow(served.service)
    slow.allowed.release()
    assert served.explain("?method=scorecam").status == 200
    assert slow.begun.acquire()
    with ThreadPoolExecutor(4) as pool:
        waiting: list[Future[Reply]] = [pool.submit(served.explain, "?method=scorecam") for _ in range(4)]
        assert slow.begun.acquire()
        until(lambda: served.service._slow.waiting == 3, "the waiting of the others")
        with at_most(2):
            served.__exit__(None, None, None)
        replies = [each.result(5) for each in waiting]
    assert [(reply.status, reply.detail) for reply in replies] == [(503, "the server is ending.")] * 4
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


@pytest.mark.long
def test_more_work_than_may_wait_is_refused_with_when_to_come_again(
    served: Served, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def takes(self: object, work: QueuedWork) -> float:
        del self, work
        return 9.0

    monkeypatch.setattr(lanes, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(lanes.BatchQueue, "_seconds", takes)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(served.explain, "?method=scorecam") for _ in range(3)]
        try:
            assert slow.begun.acquire(timeout=20)  # else the two that wait may be the first two
            until(lambda: served.service._slow.waiting == 2, "the waiting of the others")
            reply = served.explain("?method=scorecam")
            assert reply.status == 503
            assert reply.headers["retry-after"] == "14"
            assert reply.detail == (
                "27 s of your own work are waiting already, and scorecam takes about 9.0 s: try again in 14 s."
            )
        finally:
            slow.allowed.release(3)
        assert [each.result(20).status for each in waiting] == [200] * 3


def test_a_layer_that_is_not_there_is_refused_before_anything_is_compiled(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: served.service.layers, "the list of layers")
    monkeypatch.setattr(
        served.service.engine, "prepare_graph", lambda *_, **__: pytest.fail("something is compiled")
    )
    for number in range(3):
        reply = served.explain(f"?layer=nonsense{number}")
        assert reply.status == 400
        assert f"unknown layer 'nonsense{number}'" in reply.detail
    usual = [row.path for row in served.service._rows if row.automatic]
    assert served.explain(f"?layer={usual[0]}").status == 200, (
        "the usual layer by its name is what is compiled"
    )
