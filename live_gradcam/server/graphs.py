"""The compiled graphs that visitors share: a bounded cache, and one thread that compiles what is new."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol

import numpy as np

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.targets import is_function_name
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question, TargetSpec
from live_gradcam.server.background import Background
from live_gradcam.server.refusal import Refusal

logger = logging.getLogger(__name__)

BATCHES = (1, 2, 4, 8)
"""How many pictures one call explains: others are filled up, so that only these sizes are ever optimised."""

GRAPHS_KEPT = 12
"""How many combinations of method and layer stay compiled; the one that was used longest ago goes first."""

_IN_USE_SECONDS = 10.0
"""What was used so lately is not thrown out for something new, which is not tried again for as long."""

_REFUSALS_KEPT = 64


class Explains(Protocol):
    """What is needed of an `Explainer`."""

    target: TargetSpec
    """What is explained where nothing else is said."""

    @property
    def traces(self) -> int:
        """How often the network was traced."""

    def explain_batch(
        self, images: Sequence[Pixels], *, targets: Sequence[TargetSpec] | None = None
    ) -> list[Explanation]:
        """Explain several pictures in one call, each for a target of its own."""

    def explain_targets(self, image: Pixels, targets: Sequence[TargetSpec]) -> tuple[Explanation, ...]:
        """Explain one picture for several targets."""


Make = Callable[[str, str | None], Explains]
"""From a method and the path of a layer (None: the last feature map) to what explains so."""

_Key = tuple[str, str | None, int]
"""Method, layer, number of targets: what has a graph of its own."""


class Graphs:
    """Answers questions with graphs that are compiled once for all visitors.

    Compiling goes on in a thread of its own, while what is compiled already is used. One thread at a time may ask
    with the same method.

    Args:
        make: makes what explains, for a method and a layer.
        size: (width, height) of the pictures to warm up with.
        batched: whether a method takes several pictures in one call.
    """

    def __init__(self, make: Make, size: tuple[int, int], batched: Callable[[str], bool]) -> None:
        self._make = make
        self._size = size
        self._batched = batched
        self._lock = threading.Lock()
        self._compiled: OrderedDict[_Key, tuple[Explains, float]] = OrderedDict()
        self._compiling: dict[_Key, tuple[Future[None], set[Hashable]]] = {}
        self._refused: OrderedDict[_Key, tuple[Refusal, float]] = OrderedDict()
        self._kept: frozenset[_Key] = frozenset()
        self._thread = Background("compile")
        self._traces_before = 0

    @property
    def traces(self) -> int:
        """How often the network was traced for what is compiled now and what was thrown out."""
        with self._lock:
            return self._traces_before + sum(explains.traces for explains, _ in self._compiled.values())

    def keep(self, question: Question) -> None:
        """Never throw out what this question needs: everybody can fall back on it."""
        self._kept = frozenset(_keys(question))

    def ready(self, question: Question) -> bool:
        """Whether a question can be answered without compiling."""
        with self._lock:
            return all(key in self._compiled for key in _keys(question))

    def prepare(self, question: Question, asker: Hashable) -> list[Future[None]]:
        """See to it that a question can be answered.

        What the same asker wanted before and nobody else wants is not compiled any more, unless it was begun.

        Args:
            question: what is wanted.
            asker: who wants it.

        Returns:
            What has to be waited for; nothing where it is ready. A future that failed holds a `Refusal`.

        Raises:
            Refusal: it is known to be impossible.
        """
        wanted = _keys(question)
        with self._lock:
            self._forget(asker, keep=wanted)
            found = []
            for key in wanted:
                if key in self._compiled:
                    continue
                if key in self._refused:
                    refusal, until = self._refused[key]
                    if time.monotonic() < until:
                        raise refusal
                    del self._refused[key]
                if key not in self._compiling:
                    self._compiling[key] = (self._thread.submit(partial(self._compile, key)), set())
                future, askers = self._compiling[key]
                askers.add(asker)
                found.append(future)
            return found

    def forget(self, asker: Hashable) -> None:
        """Compile nothing more for an asker who has gone."""
        with self._lock:
            self._forget(asker, keep=())

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer questions that are ready, in one call for each method.

        Args:
            images: (H, W, 3) uint8 BGR each; at most the largest of `BATCHES`.
            questions: one for each of them. They differ in nothing but what `lane.Work.kind` leaves out.

        Raises:
            LiveGradcamError: the network fails.
        """
        rows: list[list[Explanation]] = [[] for _ in images]
        for key in _keys(questions[0]):
            explains = self._used(key)
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

    def close(self) -> None:
        """Compile nothing more."""
        self._thread.close()

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

    def _used(self, key: _Key) -> Explains:
        with self._lock:
            if key not in self._compiled:
                raise Refusal(503, f"{_named(key)} is not compiled any more: ask again.")
            explains, _ = self._compiled.pop(key)
            self._compiled[key] = (explains, time.monotonic())
            return explains

    def _forget(self, asker: Hashable, *, keep: Sequence[_Key]) -> None:
        for key, (future, askers) in list(self._compiling.items()):
            if key not in keep:
                askers.discard(asker)
                if not askers and future.cancel():
                    del self._compiling[key]

    def _compile(self, key: _Key) -> None:
        began = time.monotonic()
        try:
            self._make_room()
            explains = self._warm(key)
        except Exception as error:
            refusal, seconds = _refusal(key, error)
            with self._lock:
                self._compiling.pop(key, None)
                self._refused[key] = (refusal, time.monotonic() + seconds)
                if len(self._refused) > _REFUSALS_KEPT:
                    self._refused.popitem(last=False)
            raise refusal from error
        with self._lock:
            self._compiled[key] = (explains, time.monotonic())
            self._compiling.pop(key, None)
        logger.info("compiled %s in %.1f s", _named(key), time.monotonic() - began)

    def _make_room(self) -> None:
        """Throw out what was used longest ago, where the cache is full.

        Raises:
            Refusal: everything is in use.
        """
        with self._lock:
            if len(self._compiled) < GRAPHS_KEPT:
                return
            unkept = (each for each in self._compiled.items() if each[0] not in self._kept)
            key, (explains, used) = next(unkept)
            if time.monotonic() - used < _IN_USE_SECONDS:
                names = sorted({_named(each) for each in self._compiled})
                raise Refusal(
                    503,
                    f"{GRAPHS_KEPT} combinations of method and layer are in use, which is as many as are kept. "
                    f"Take one of them ({', '.join(names)}), or wait.",
                )
            del self._compiled[key]
            self._traces_before += explains.traces

    def _warm(self, key: _Key) -> Explains:
        """Compile, and run once in each size of batch: the first run of a size is slow."""
        method, layer, targets = key
        explains = self._make(method, layer)
        width, height = self._size
        black = np.zeros((height, width, 3), np.uint8)
        if targets > 1:
            explains.explain_targets(black, [f"#{rank}" for rank in range(1, targets + 1)])
        elif self._batched(method):
            for size in BATCHES:
                explains.explain_batch([black] * size)
        return explains


def _keys(question: Question) -> list[_Key]:
    return [(method, question.layer, len(question.targets)) for method in question.methods]


def _named(key: _Key) -> str:
    method, layer, targets = key
    where = "" if layer is None else f" at {layer}"
    return f"{method}{where}" if targets == 1 else f"{method}{where} for {targets} targets"


def _refusal(key: _Key, error: Exception) -> tuple[Refusal, float]:
    """Return what an asker is told, and for how many seconds it is not tried again."""
    if isinstance(error, Refusal):
        return error, _IN_USE_SECONDS
    if isinstance(error, LiveGradcamError):
        return Refusal(400, str(error)), float("inf")
    # What nobody foresaw is for the log, not for a stranger.
    logger.warning("%s cannot be compiled", _named(key), exc_info=error)
    return Refusal(400, f"{_named(key)} cannot be compiled for this network: choose another."), float("inf")
