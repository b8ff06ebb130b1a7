"""A lane: one thread that explains for everybody, in turn, several pictures in one call where they go together."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from live_gradcam.explain.targets import is_function_name
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.refusal import Refusal

logger = logging.getLogger(__name__)

MOST_WAITING = 256
"""How many pictures may wait at once."""

_PATIENCE_SECONDS = 0.7
_WORTH_FILLING = 0.75
"""A batch is filled up to the next size where it has at least this part of it; else the rest waits for the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
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


class Answers(Protocol):
    """What a lane needs of `Graphs`."""

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer a question about each picture; all are of one kind."""


class Lane:
    """Explains what is asked of it, everybody in turn.

    Who comes first is next; others in the queue with the same question go along in the same call, whatever class they
    ask about. Who asks again goes to the end of the queue. A newer picture of the same asker replaces the one that
    waits, in its place.

    Args:
        answers: what answers.
        sizes: how many pictures a call may have, ascending; the first is 1.
        name: of the thread.
        explained: is told (pictures, seconds) of each call.
    """

    def __init__(
        self,
        answers: Answers,
        sizes: Sequence[int],
        *,
        name: str,
        explained: Callable[[int, float], None],
    ) -> None:
        self._answers = answers
        self._sizes = tuple(sizes)
        self._explained = explained
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, Work] = OrderedDict()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._waiting)

    def submit(self, work: Work) -> Future[Done]:
        """Let a picture wait for its turn; one of the same asker that still waits is given up.

        Raises:
            Refusal: too many wait (503), or the lane is closed.
        """
        with self._changed:
            if self._closed:
                raise Refusal(503, "the server is ending.")
            replaced = self._waiting.get(work.asker)
            if replaced is None and len(self._waiting) >= MOST_WAITING:
                raise Refusal(503, f"{MOST_WAITING} pictures are waiting already: try again later.")
            self._waiting[work.asker] = work
            self._changed.notify()
        if replaced is not None:
            replaced.done.cancel()
        return work.done

    def forget(self, asker: Hashable) -> None:
        """Give up what waits for an asker who has gone."""
        with self._changed:
            work = self._waiting.pop(asker, None)
        if work is not None:
            work.done.cancel()

    def close(self) -> None:
        """Stop after the batch in hand, and join the thread; one that is stuck is left behind and named."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, OrderedDict()
            self._changed.notify()
        for work in waiting.values():
            work.done.cancel()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("the thread '%s' is stuck and is left behind", self._thread.name)

    def _run(self) -> None:
        while batch := self._next():
            began = time.monotonic()
            batch = [work for work in batch if work.done.set_running_or_notify_cancel()]
            try:
                self._explain(batch, began)
            except Exception as error:  # whoever asked is told; the others go on
                for work in batch:
                    if not work.done.done():
                        work.done.set_exception(error)

    def _next(self) -> list[Work]:
        """Wait for work, and return what goes together; nothing when the lane is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            first = next(iter(self._waiting.values()))
            alike = [work for work in self._waiting.values() if work.kind == first.kind]
            batch = alike[: batch_size(len(alike), self._sizes)]
            for work in batch:
                del self._waiting[work.asker]
            return batch

    def _explain(self, batch: Sequence[Work], began: float) -> None:
        pictures: dict[tuple[int, Question], Pixels] = {}
        for work in batch:
            try:
                if _same(work) not in pictures:
                    pictures[_same(work)] = work.pixels() if callable(work.pixels) else work.pixels
            except Refusal as refusal:
                work.done.set_exception(refusal)
        if not pictures:
            return
        ready = time.monotonic()
        answers = self._answers.answer(list(pictures.values()), [question for _, question in pictures])
        seconds = time.monotonic() - ready
        self._explained(len(pictures), seconds)
        answered = dict(zip(pictures, answers, strict=True))
        for work in batch:
            if (answer := answered.get(_same(work))) is not None:
                waited = 1000 * (began - work.asked_at)
                done = Done(answer, pictures[_same(work)], waited, 1000 * seconds, len(pictures))
                work.done.set_result(done)


def _same(work: Work) -> tuple[int, Question]:
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
