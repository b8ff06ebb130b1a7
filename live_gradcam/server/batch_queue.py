"""The batch queue: one thread that explains pictures of all clients in turn, several in one call where possible."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Protocol

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done, QueuedWork

BATCHES = (1, 2, 4, 8)
"""The sizes of batches: others are filled up, so that TensorFlow optimises a graph for these sizes only."""

MOST_WAITING = 256
"""How many pictures may wait at once."""

MOST_SECONDS = 90.0
"""How many seconds of work may wait altogether; one payer may have half of that."""

_SECONDS_A_PASS = 0.005
"""Estimated time of a pass of the network until some passes have been timed."""

_PAYERS_KEPT = 1024
_TIMES_KEPT = 256

_WORTH_FILLING = 0.75
"""A batch is filled up to the next size if it has at least this part of it; else the rest waits for the next call."""


class BatchAnswers(Protocol):
    """Answers questions about pictures: a `CompileQueue`, or a fake in tests."""

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer a question about each picture; all are of one `QueuedWork.kind`."""


class Abandoned(Exception):
    """No client waits any more for the pictures that are being explained."""


class BatchQueue:
    """Explains pictures in a thread of its own, and takes turns between the payers.

    The next picture is that of the payer who has used the least of the network's time while others waited; among
    equals, the picture that came first. Waiting pictures with the same question, except for the class, are explained in
    the same call. A newer picture of a client replaces the client's waiting one and keeps its place.

    The queue is bounded by the estimated seconds of its pictures: the time that the same methods and layer took before,
    or the number of passes times the time of one pass.

    Args:
        answers: answers questions about pictures.
        sizes: how many pictures a call may have, ascending; the first is 1.
        name: the thread's name.
        explained: called with the number of pictures and the seconds of each call.
    """

    def __init__(
        self,
        answers: BatchAnswers,
        sizes: Sequence[int],
        *,
        name: str,
        explained: Callable[[int, float], None],
    ) -> None:
        self._answers = answers
        self._sizes = tuple(sizes)
        self._explained = explained
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, QueuedWork] = OrderedDict()
        self._running: Sequence[QueuedWork] = ()
        self._left: set[Hashable] = set()
        """Clients of the running call who have gone."""
        self._calls = 0
        self._used: dict[Hashable, float] = {}
        """Seconds of the network that each payer has used. A new payer starts with the least of those who wait."""
        self._least_used = 0.0
        self._times: OrderedDict[Hashable, float] = OrderedDict()
        """Seconds that a picture took, for each question without its classes; the most recently timed last."""
        self._seconds_a_pass = _SECONDS_A_PASS
        self._closed = False
        self._worker = WorkerThread(self._run, name=name, end=self.stop)

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._waiting)

    @property
    def calls(self) -> int:
        """How many calls of the network have begun."""
        return self._calls

    @property
    def abandoned(self) -> bool:
        """Whether no client waits any more for the running call."""
        running = self._running
        return self._closed or (bool(running) and all(work.client in self._left for work in running))

    def admit(self, work: QueuedWork) -> None:
        """Check that a picture may wait.

        Raises:
            RequestError: too much waits, or the queue is closed (503).
        """
        with self._changed:
            self._admit(work)

    def submit(self, work: QueuedWork) -> Future[Done]:
        """Add a picture, which replaces one of the same client that waits.

        Raises:
            RequestError: too much waits, or the queue is closed (503).
        """
        with self._changed:
            self._admit(work)
            replaced = self._waiting.get(work.client)
            self._used[work.account] = max(self._used.get(work.account, 0.0), self._least_used)
            self._waiting[work.client] = work
            self._changed.notify_all()
        if replaced is not None:
            replaced.done.cancel()
        return work.done

    def forget(self, client: Hashable) -> None:
        """Cancel the picture of a client who has gone, and the running call if all of its clients have gone."""
        with self._changed:
            work = self._waiting.pop(client, None)
            if any(each.client == client for each in self._running):
                self._left.add(client)
            self._changed.notify_all()
        if work is not None:
            work.done.cancel()

    def wait_idle(self, seconds: float) -> None:
        """Wait until nothing runs and nothing waits, or until the seconds are over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._waiting or self._running), seconds)

    def stop(self) -> None:
        """Start no more calls, and cancel the waiting pictures and the running call."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, OrderedDict()
            self._changed.notify_all()
        for work in waiting.values():
            work.done.cancel()

    def close(self, until: float | None = None) -> None:
        """Stop after the batch in hand and join the thread; `until` as in `WorkerThread.close`."""
        self._worker.close(until)

    def _run(self) -> None:
        while batch := self._next():
            began = time.monotonic()
            batch = [work for work in batch if work.done.set_running_or_notify_cancel()]
            try:
                self._explain(batch, began)
            except Exception as error:  # the clients of this call are told, the others go on
                told = self._told(error)
                for work in batch:
                    if not work.done.done():
                        work.done.set_exception(told)
            batch = []  # frees the pictures while this thread waits

    def _told(self, error: Exception) -> Exception:
        """Return the error that the clients of a failed call get."""
        if self._closed:
            return RequestError(503, "the server is ending.")
        return RequestError(503, "nobody waits for this any more.") if self.abandoned else error

    def _next(self) -> list[QueuedWork]:
        """Wait for pictures, and return those of the next call; none if the queue is closed."""
        with self._changed:
            self._running = ()
            self._left.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            in_turn = sorted(self._waiting.values(), key=lambda work: self._used[work.account])
            first = in_turn[0]
            alike = [work for work in in_turn if work.kind == first.kind]
            batch = alike[: batch_size(len(alike), self._sizes)]
            self._least_used = max(self._least_used, self._used[first.account])
            for work in batch:
                del self._waiting[work.client]
                self._used[work.account] += self._seconds(work)
            if len(self._used) > _PAYERS_KEPT:
                waiting = {work.account for work in self._waiting.values()}
                self._used = {
                    payer: used
                    for payer, used in self._used.items()
                    if payer in waiting or used > self._least_used
                }
            self._running = batch
            self._calls += 1
            return batch

    def _admit(self, work: QueuedWork) -> None:
        self._worker.check()
        if self._closed:
            raise RequestError(503, "the server is ending.")
        if work.client in self._waiting:
            return
        # A client may ask again before this thread has noted that its picture is done.
        before = [each for each in (*self._running, *self._waiting.values()) if not each.done.done()]
        waiting = sum(self._seconds(each) for each in before)
        own = sum(self._seconds(each) for each in before if each.account == work.account)
        if len(self._waiting) >= MOST_WAITING:
            what = f"{MOST_WAITING} pictures are"
        elif before and waiting + self._seconds(work) > MOST_SECONDS:
            what = f"{waiting:.0f} s of work are"
        elif own and own + self._seconds(work) > MOST_SECONDS / 2:
            what, waiting = f"{own:.0f} s of your own work are", own
        else:
            return
        seconds = max(1, round(min(waiting, MOST_SECONDS) / 2))
        methods = ", ".join(work.question.methods)
        raise RequestError(
            503,
            f"{what} waiting already, and {methods} takes about {max(0.1, self._seconds(work)):.1f} s: try again in "
            f"{seconds} s.",
            retry_after=seconds,
        )

    def _seconds(self, work: QueuedWork) -> float:
        """Return how long a picture will take, estimated."""
        return self._times.get(_timed(work), work.passes * self._seconds_a_pass)

    def _note_time(self, work: QueuedWork, seconds: float) -> None:
        """Note how long a picture took."""
        with self._changed:
            before = self._times.pop(_timed(work), seconds)
            self._times[_timed(work)] = 0.7 * before + 0.3 * seconds
            self._seconds_a_pass = 0.9 * self._seconds_a_pass + 0.1 * seconds / work.passes
            while len(self._times) > _TIMES_KEPT:
                self._times.popitem(last=False)

    def _explain(self, batch: Sequence[QueuedWork], began: float) -> None:
        pictures: dict[tuple[int, Question], Pixels] = {}
        for work in batch:
            try:
                if _same(work) not in pictures:
                    pictures[_same(work)] = work.pixels() if callable(work.pixels) else work.pixels
            except RequestError as refusal:
                work.done.set_exception(refusal)
        if not pictures:
            return
        ready = time.monotonic()
        answers = self._answers.answer(list(pictures.values()), [question for _, question in pictures])
        seconds = time.monotonic() - ready
        self._note_time(batch[0], seconds / len(pictures))
        self._explained(len(pictures), seconds)
        answered = dict(zip(pictures, answers, strict=True))
        for work in batch:
            if (answer := answered.get(_same(work))) is not None:
                waited = 1000 * (began - work.asked_at)
                done = Done(answer, pictures[_same(work)], waited, 1000 * seconds, len(pictures))
                work.done.set_result(done)


def _timed(work: QueuedWork) -> Hashable:
    """Return the part of a question that decides how long a picture takes."""
    question = work.question
    return question.methods, question.layer, len(question.targets)


def _same(work: QueuedWork) -> tuple[int, Question]:
    """Return a key that is equal for pictures that are explained only once, for all clients together."""
    return id(work.pixels), work.question


def batch_size(waiting: int, sizes: Sequence[int]) -> int:
    """Return how many of the waiting pictures are explained in the next call.

    A filled place costs as much as a picture. So 7 pictures are filled up to 8; of 5 pictures, 4 are explained now and
    one waits.

    Args:
        waiting: how many wait, at least 1.
        sizes: the allowed sizes of batches, ascending; the first is 1.
    """
    if waiting >= sizes[-1]:
        return sizes[-1]
    above = next(size for size in sizes if size >= waiting)
    if waiting >= _WORTH_FILLING * above:
        return waiting
    return max(size for size in sizes if size <= waiting)
