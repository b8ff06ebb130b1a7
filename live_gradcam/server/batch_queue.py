"""A lane: one thread that explains for everybody, in turn, several pictures in one call where they go together."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.explain.targets import is_function_name
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.errors import RequestError

MOST_WAITING = 256
"""How many pictures may wait at once."""

MOST_SECONDS = 90.0
"""How long what waits may take altogether; of one payer, half as long."""

_SECONDS_A_PASS = 0.005
"""How long a pass of the network is thought to take until some were timed."""

_PAYERS_KEPT = 1024
_TIMES_KEPT = 256

_WORTH_FILLING = 0.75
"""A batch is filled up to the next size where it has at least this part of it; else the rest waits for the next."""


@dataclass(frozen=True, slots=True, eq=False)
class QueuedWork:
    """One picture that is to be explained."""

    asker: Hashable
    """Whose it is: each has one picture waiting at most, the newest."""

    question: Question
    pixels: Callable[[], Pixels] | Pixels
    """(H, W, 3) uint8 BGR, or what decodes it; pictures that are the same object are explained once for
    the same question."""

    shape: Hashable = None
    """Only pictures of one shape go together; None where the network makes one shape of all of them."""

    asked_at: float = field(default_factory=time.monotonic)
    done: Future[Done] = field(default_factory=Future)

    payer: Hashable = None
    """Who has its share of the network for it, such as the address of a program; None: the asker."""

    passes: float = 1.0
    """How many passes of the network it takes, as far as that is known."""

    @property
    def account(self) -> Hashable:
        """Who pays."""
        return self.asker if self.payer is None else self.payer

    @property
    def kind(self) -> Hashable:
        """What pictures have in common that go together: everything, but each may have a class of its own."""
        targets = self.question.targets
        own_class = len(targets) == 1 and not is_function_name(targets[0])
        return replace(self.question, targets=(None,) if own_class else targets), self.shape


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a picture, and how long it took."""

    answer: Answer
    pixels: Pixels
    """(H, W, 3) uint8 BGR: the picture that was explained."""

    waited_ms: float
    """From being asked to being begun."""

    explained_ms: float
    """The whole batch's."""

    batch: int
    """How many pictures were explained in the same call."""


class BatchAnswers(Protocol):
    """What a lane needs of `CompileQueue`."""

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer a question about each picture; all are of one kind."""


class Abandoned(Exception):
    """Nobody waits any more for what is being explained."""


class BatchQueue:
    """Explains what is asked of it, everybody in turn.

    Next is the picture of the payer who has used the least of the network's time since others waited too, and among
    equals the one that came first; others in the queue with the same question go along in the same call, whatever
    class they ask about. A newer picture of the same asker replaces the one that waits, in its place.

    What waits is bounded by the seconds that it will take: those that the same method and layer took lately, or the
    number of passes times the time of one.

    Args:
        answers: what answers.
        sizes: how many pictures a call may have, ascending; the first is 1.
        name: of the thread.
        explained: is told (pictures, seconds) of each call.
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
        """Askers of what is running who have gone."""
        self._calls = 0
        self._used: dict[Hashable, float] = {}
        """Seconds of the network that each payer has used; one who comes anew starts with the least of those who
        wait."""
        self._least_used = 0.0
        self._times: OrderedDict[Hashable, float] = OrderedDict()
        """Seconds that a picture took, for each question without its classes; the one that was timed last at the
        end."""
        self._seconds_a_pass = _SECONDS_A_PASS
        self._closed = False
        self._worker = WorkerThread(self._run, name=name, end=self.stop)

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._waiting)

    @property
    def calls(self) -> int:
        """How many calls of the network were begun."""
        return self._calls

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits any more for what is running."""
        running = self._running
        return self._closed or (bool(running) and all(work.asker in self._left for work in running))

    def admit(self, work: QueuedWork) -> None:
        """Make sure that a picture may wait for its turn.

        Raises:
            Refusal: too much waits (503), or the lane is closed.
        """
        with self._changed:
            self._admit(work)

    def submit(self, work: QueuedWork) -> Future[Done]:
        """Let a picture wait for its turn; one of the same asker that still waits is given up.

        Raises:
            Refusal: too much waits (503), or the lane is closed.
        """
        with self._changed:
            self._admit(work)
            replaced = self._waiting.get(work.asker)
            self._used[work.account] = max(self._used.get(work.account, 0.0), self._least_used)
            self._waiting[work.asker] = work
            self._changed.notify_all()
        if replaced is not None:
            replaced.done.cancel()
        return work.done

    def forget(self, asker: Hashable) -> None:
        """Give up what waits for an asker who has gone, and what is running where all who asked for it have."""
        with self._changed:
            work = self._waiting.pop(asker, None)
            if any(each.asker == asker for each in self._running):
                self._left.add(asker)
            self._changed.notify_all()
        if work is not None:
            work.done.cancel()

    def wait_idle(self, seconds: float) -> None:
        """Wait until nothing is explained and nothing waits, but no longer than so many seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not (self._waiting or self._running), timeout=seconds
            )

    def stop(self) -> None:
        """Begin nothing more, and give up what waits and what is running."""
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
            except Exception as error:  # whoever asked is told; the others go on
                told = self._told(error)
                for work in batch:
                    if not work.done.done():
                        work.done.set_exception(told)
            batch = []  # nothing of it is kept while this thread waits for the next

    def _told(self, error: Exception) -> Exception:
        """Return what an asker is told of a call that failed."""
        if self._closed:
            return RequestError(503, "the server is ending.")
        return RequestError(503, "nobody waits for this any more.") if self.abandoned else error

    def _next(self) -> list[QueuedWork]:
        """Wait for work, and return what goes together; nothing when the lane is closed."""
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
                del self._waiting[work.asker]
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
        if work.asker in self._waiting:
            return
        before = [*self._running, *self._waiting.values()]
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
        """Return how long a picture will take, as far as that is known."""
        return self._times.get(_timed(work), work.passes * self._seconds_a_pass)

    def _note_time(self, work: QueuedWork, seconds: float) -> None:
        """Take note of how long a picture took."""
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
    """Return what decides how long a picture takes."""
    question = work.question
    return question.methods, question.layer, len(question.targets)


def _same(work: QueuedWork) -> tuple[int, Question]:
    """Return what is explained once for all who ask it."""
    return id(work.pixels), work.question


def batch_size(waiting: int, sizes: Sequence[int]) -> int:
    """Return how many of those that wait are explained in the next call.

    Filling up costs as much as explaining: 7 are worth a batch of 8, of 5 the first 4 go and one waits.

    Args:
        waiting: at least 1.
        sizes: of the batches there are, ascending; the first is 1.
    """
    if waiting >= sizes[-1]:
        return sizes[-1]
    above = next(size for size in sizes if size >= waiting)
    if waiting >= _WORTH_FILLING * above:
        return waiting
    return max(size for size in sizes if size <= waiting)
