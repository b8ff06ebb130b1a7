"""The compiled graphs that visitors share: a bounded cache, and one thread that compiles what is new."""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.targets import is_function_name
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.errors import RequestError
from live_gradcam.server.fair_thread import FairThread
from live_gradcam.server.kept_graphs import IN_USE_SECONDS, Explains, KeptGraphs, Key, Room, keys_of, named

logger = logging.getLogger(__name__)

BATCHES = (1, 2, 4, 8)
"""How many pictures one call explains: others are filled up, so that only these sizes are ever optimised."""

MOST_WANTED = 4
"""How many combinations may wait to be compiled for one payer: as many as one question has at most."""

_REFUSALS_KEPT = 64


Size = tuple[int, int]
"""(width, height) of a picture."""

Make = Callable[[str, str | None], Explains]
"""From a method and the path of a layer (None: the last feature map) to what explains so."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """What waits to be compiled, or is."""

    future: Future[None]
    askers: set[Hashable]
    payer: Hashable


class CompileQueue:
    """Answers questions with graphs that are compiled once for all visitors.

    Compiling goes on in a thread of its own, while what is compiled already is used. One thread at a time may ask
    with the same method.

    What a payer wants anew takes the place of what it wanted before, once it has its share of what is kept; else of
    what nobody uses any more.

    Args:
        make: makes what explains, for a method and a layer.
        size: (width, height) of the pictures to warm up with.
        batched: whether a method takes several pictures in one call.
        room: says whether there is memory; None: there always is.
    """

    def __init__(
        self,
        make: Make,
        size: tuple[int, int],
        batched: Callable[[str], bool],
        room: Room | None = None,
    ) -> None:
        self._make = make
        self._size = size
        self._batched = batched
        self._lock = threading.Lock()
        self._kept = KeptGraphs(room)
        self._compiling: dict[tuple[Key, Size | None], _Wish] = {}
        """By combination, and by the size of pictures where it is compiled but for these."""
        self._refused: OrderedDict[Key, tuple[int, str, float]] = OrderedDict()
        """Status, reason, and until when: no exception, for its traceback would hold all that failed."""
        self._thread = FairThread("compile")

    @property
    def traces(self) -> int:
        """How often the network was traced for what is compiled now and what was thrown out."""
        return self._kept.traces

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, question: Question) -> None:
        """Never throw out what this question needs: everybody can fall back on it."""
        self._kept.keep_always(keys_of(question))

    def ready(self, question: Question) -> bool:
        """Whether a question can be answered without compiling."""
        return all(key in self._kept for key in keys_of(question))

    def prepare(self, question: Question, asker: Hashable, payer: Hashable = None) -> list[Future[None]]:
        """See to it that a question can be answered.

        What the same asker wanted before and nobody else wants is not compiled any more, unless it was begun.

        Args:
            question: what is wanted.
            asker: who wants it.
            payer: whose turn it takes; None: the asker's.

        Returns:
            What has to be waited for; nothing where it is ready. A future that failed holds a `RequestError`.

        Raises:
            Refusal: it is known to be impossible (400), or too much is wanted (503).
        """
        payer = asker if payer is None else payer
        wanted = keys_of(question)
        with self._lock:
            self._forget(asker, keep=wanted)
            found, now = [], time.monotonic()
            for key in wanted:
                if self._kept.want(key, payer):
                    continue
                self._check_refused(key, now)
                found.append(self._wish((key, None), partial(self._compile, key, payer), asker, payer))
            return found

    def prepare_size(
        self, question: Question, size: tuple[int, int], asker: Hashable, payer: Hashable = None
    ) -> list[Future[None]]:
        """See to it that a question that is ready can be answered for pictures of another size.

        Args:
            question: what is wanted.
            size: (width, height) of the pictures.
            asker: who wants it.
            payer: whose turn it takes; None: the asker's.

        Returns:
            What has to be waited for; nothing where it is ready.

        Raises:
            Refusal: too much is wanted (503).
        """
        payer = asker if payer is None else payer
        with self._lock:
            found = []
            for key in keys_of(question):
                explains = self._kept.use(key)
                if not explains.prepared(size, targets=key[2]):
                    work = partial(self._prepare_size, (key, size), explains)
                    found.append(self._wish((key, size), work, asker, payer))
            return found

    def forget(self, asker: Hashable) -> None:
        """Compile nothing more for an asker who has gone."""
        with self._lock:
            self._forget(asker, keep=())
        self._kept.forget(asker)

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer questions that are ready, in one call for each method.

        Args:
            images: (H, W, 3) uint8 BGR each; at most the largest of `BATCHES`.
            questions: one for each of them. They differ in nothing but what `lane.Work.kind` leaves out.

        Raises:
            LiveGradcamError: the network fails.
        """
        rows: list[list[Explanation]] = [[] for _ in images]
        for key in keys_of(questions[0]):
            explains = self._kept.use(key)
            if key[2] > 1:
                found = [
                    explains.explain_targets(image, question.targets)
                    for image, question in zip(images, questions, strict=True)
                ]
            else:
                found = [(each,) for each in self._explained(explains, images, questions, key[0])]
            for row, several in zip(rows, found, strict=True):
                row.extend(several)
        return [Answer(question, tuple(row)) for question, row in zip(questions, rows, strict=True)]

    def later(self, work: Callable[[], None]) -> None:
        """Do something else in the compiling thread, which has the time for it."""
        self._thread.submit(work)

    def stop(self) -> None:
        """Begin to compile nothing more, and cancel what waits."""
        self._thread.stop()

    def close(self, until: float | None = None) -> None:
        """Compile nothing more and join the thread; `until` as in `WorkerThread.close`."""
        self._thread.close(until)

    def _explained(
        self, explains: Explains, images: Sequence[Pixels], questions: Sequence[Question], method: str
    ) -> list[Explanation]:
        """Explain pictures with one target each; they are filled up with the last one to a size that is known."""
        size = len(images)
        if self._batched(method):
            size = next(size for size in BATCHES if size >= len(images))
        filled = [*images, *([images[-1]] * (size - len(images)))]
        targets = [question.targets[0] for question in questions]
        if is_function_name(targets[0]):
            if explains.target != targets[0]:
                explains.target = targets[0]
            found = explains.explain_batch(filled)
        else:
            found = explains.explain_batch(
                filled, targets=[*targets, *([targets[-1]] * (size - len(targets)))]
            )
        return found[: len(images)]

    def _wish(
        self, wanted: tuple[Key, Size | None], work: Callable[[], None], asker: Hashable, payer: Hashable
    ) -> Future[None]:
        """Return what tells that something is compiled, which is begun unless somebody wants it already.

        Raises:
            Refusal: the payer wants too much at once (503).
        """
        if wanted not in self._compiling:
            waiting = sum(each.payer == payer for each in self._compiling.values())
            if waiting >= MOST_WANTED:
                raise RequestError(
                    503,
                    f"{waiting} combinations of method and layer are being compiled for you already: "
                    "try again when one of them is ready.",
                    retry_after=2,
                )
            self._compiling[wanted] = _Wish(self._thread.submit(work, payer), set(), payer)
        wish = self._compiling[wanted]
        wish.askers.add(asker)
        return wish.future

    def _forget(self, asker: Hashable, *, keep: Sequence[Key]) -> None:
        for wanted, wish in list(self._compiling.items()):
            if wanted[0] not in keep:
                wish.askers.discard(asker)
                if not wish.askers and wish.future.cancel():
                    del self._compiling[wanted]

    def _check_refused(self, key: Key, now: float) -> None:
        """Raise what a combination was refused with before."""
        if key in self._refused:
            status, reason, until = self._refused[key]
            if now < until:
                retry_after = 1 if until == math.inf else math.ceil(until - now)
                raise RequestError(status, reason, retry_after=retry_after)
            del self._refused[key]

    def _compile(self, key: Key, payer: Hashable) -> None:
        began = time.monotonic()
        try:
            # Traced first: what cannot be had costs nobody a graph.
            explains = self._make(key[0], key[1])
            self._kept.make_room(payer)
            self._warm(key, explains)
        except Exception as error:
            status, reason, seconds = _refusal(key, error)
            # The frames of the traceback hold the network's failed graph, and whoever is told keeps the exception.
            _let_go(error)
            with self._lock:
                self._compiling.pop((key, None), None)
                self._refused[key] = (status, reason, time.monotonic() + seconds)
                if len(self._refused) > _REFUSALS_KEPT:
                    self._refused.popitem(last=False)
            raise RequestError(status, reason) from None
        with self._lock:
            self._kept.add(key, explains, payer)
            self._compiling.pop((key, None), None)
        logger.info("compiled %s in %.1f s", named(key), time.monotonic() - began)

    def _prepare_size(self, wanted: tuple[Key, Size], explains: Explains) -> None:
        key, size = wanted
        began = time.monotonic()
        try:
            explains.prepare(size, targets=key[2])
        except LiveGradcamError as error:
            raise RequestError(400, str(error)) from None
        finally:
            with self._lock:
                self._compiling.pop(wanted, None)
        logger.info("compiled %s for %d×%d in %.1f s", named(key), *size, time.monotonic() - began)

    def _warm(self, key: Key, explains: Explains) -> None:
        """Run once in each size of batch: the first run of a size is slow. What takes many passes is not run."""
        method, _, targets = key
        width, height = self._size
        if not self._batched(method):
            explains.prepare(self._size, targets=targets)
            return
        black = np.zeros((height, width, 3), np.uint8)
        if targets > 1:
            explains.explain_targets(black, [f"#{rank}" for rank in range(1, targets + 1)])
            return
        for size in BATCHES:
            explains.explain_batch([black] * size)


def _refusal(key: Key, error: Exception) -> tuple[int, str, float]:
    """Return what an asker is told, status and reason, and for how many seconds it is not tried again."""
    if isinstance(error, RequestError):
        return error.status, str(error), IN_USE_SECONDS
    if isinstance(error, LiveGradcamError):
        return 400, str(error), math.inf
    # What nobody foresaw is for the log, not for a stranger.
    logger.warning("%s cannot be compiled", named(key), exc_info=error)
    return 400, f"{named(key)} cannot be compiled for this network: choose another.", math.inf


def _let_go(error: BaseException | None) -> None:
    """Empty the frames of an exception and of those it came from, which hold whatever failed."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        former, error.__traceback__ = error, None
        error = former.__cause__ or former.__context__
        former.__cause__ = former.__context__ = None
