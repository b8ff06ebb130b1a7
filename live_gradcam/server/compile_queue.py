"""The queue of graphs to compile: how many each client may have in it, and whose turn it is."""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.graph_cache import NotCompiledError
from live_gradcam.explain.graph_spec import GraphKey
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.errors import RequestError
from live_gradcam.server.fair_thread import FairThread
from live_gradcam.server.graph_eviction import IN_USE_SECONDS, KeptGraphs, named

logger = logging.getLogger(__name__)

MOST_WANTED = 4
"""How many graphs may wait to be compiled for one payer: as many as one question needs at most."""

_REFUSALS_KEPT = 64

Size = tuple[int, int]
"""(width, height) of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class _Compilation:
    """A graph that waits to be compiled, or is being compiled."""

    future: Future[None]
    clients: set[Hashable]
    payer: Hashable


class CompileQueue:
    """Compiles the graphs that clients request, in a thread of its own and in turn, and answers with compiled graphs.

    A payer's new graph replaces one of the payer's own graphs if the payer has its share of the kept graphs; otherwise
    it replaces a graph that nobody uses.

    Args:
        engine: compiles and answers; its limit is a `graph_eviction.ServerLimit`.
        size: (width, height) of the pictures that a question is compiled for.
        compiled: called with the seconds of each compilation.
    """

    def __init__(
        self, engine: Engine, size: Size, *, compiled: Callable[[float], None] | None = None
    ) -> None:
        self._engine = engine
        self._size = size
        self._compiled = compiled
        self._lock = threading.Lock()
        self._kept = KeptGraphs()
        self._frozen: frozenset[GraphKey] = frozenset()
        self._compiling: dict[GraphKey, _Compilation] = {}
        self._refused: OrderedDict[GraphKey, tuple[int, str, float]] = OrderedDict()
        """Status, reason, and until when. Not the exception: its traceback would keep the failed graph alive."""
        self._thread = FairThread("compile")

    @property
    def traces(self) -> int:
        """How many graphs were compiled so far."""
        return self._engine.traces

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, question: Question, *others: Question, freeze: bool = False) -> None:
        """Never drop the graphs of some questions, which every client can fall back on.

        Args:
            question: the first question.
            others: further questions.
            freeze: whether the graphs of the first one are frozen. All others share the network's weights.
        """
        first = frozenset(self._engine.keys(question, self._size))
        self._kept.keep_always(first.union(*(self._engine.keys(each, self._size) for each in others)))
        self._frozen = first if freeze else frozenset()

    def ready(self, question: Question) -> bool:
        """Return whether a question can be answered without compiling."""
        return all(key in self._kept for key in self._engine.keys(question, self._size))

    def prepare(self, question: Question, client: Hashable, payer: Hashable = None) -> list[Future[None]]:
        """Request the compilation of a question's graphs.

        The client's other compilations are cancelled unless they have begun or another client waits for them.

        Args:
            question: the question.
            client: who asks.
            payer: whose turn the compilation takes; None: the client's.

        Returns:
            Futures to wait for; none if the question is ready. A future that fails holds a `RequestError`.

        Raises:
            RequestError: it is known to be impossible (400), or the payer wants too much at once (503).
        """
        keys = self._engine.keys(question, self._size)
        with self._lock:
            self._forget(client, keep=keys)
            return self._wanted(keys, client, client if payer is None else payer)

    def prepare_size(
        self, question: Question, size: Size, client: Hashable, payer: Hashable = None
    ) -> list[Future[None]]:
        """Request the compilation of a question's graphs for pictures of another size.

        Args:
            question: the question; it is ready.
            size: (width, height) of the pictures.
            client: who asks.
            payer: whose turn the compilation takes; None: the client's.

        Returns, Raises:
            As `prepare`.
        """
        keys = self._engine.keys(question, size)
        with self._lock:
            return self._wanted(keys, client, client if payer is None else payer)

    def forget(self, client: Hashable) -> None:
        """Compile nothing more for a client who has gone."""
        with self._lock:
            self._forget(client, keep=())
        self._kept.forget(client)

    def answer(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer questions that are ready, with one run of each graph.

        Args:
            images: (H, W, 3) uint8 BGR each.
            questions: one for each of them. They differ only in what `QueuedWork.kind` ignores.

        Raises:
            RequestError: a graph was dropped meanwhile (503).
            LiveGradcamError: the network fails.
        """
        height, width = images[0].shape[:2]
        ready = self._engine.keys(questions[0], self._size)
        for key in ready:
            if not self._kept.use(key):
                raise _dropped(key)
        for key in self._engine.keys(questions[0], (width, height)):
            # Only `wide` makes other keys. They were prepared, except for the camera and for methods of many passes.
            if key not in ready and not self._kept.use(key):
                self._compile(key, None)
        try:
            return self._engine.answer_batch(images, questions, compiled_only=True)
        except NotCompiledError as error:
            raise _dropped(ready[0]) from error

    def later(self, work: Callable[[], None]) -> None:
        """Run other work in the compiling thread, after the graphs that wait."""
        self._thread.submit(work)

    def stop(self) -> None:
        """Start no more compilations, and cancel those that wait."""
        self._thread.stop()

    def close(self, until: float | None = None) -> None:
        """Stop and join the thread; `until` as in `WorkerThread.close`."""
        self._thread.close(until)

    def _wanted(self, keys: Sequence[GraphKey], client: Hashable, payer: Hashable) -> list[Future[None]]:
        """Return a future for each graph that is not kept; it is done when the graph is compiled."""
        now = time.monotonic()
        found = []
        for key in keys:
            if self._kept.want(key, payer):
                continue
            self._check_refused(key, now)
            if key not in self._compiling:
                waiting = sum(each.payer == payer for each in self._compiling.values())
                if waiting >= MOST_WANTED:
                    raise RequestError(
                        503,
                        f"{waiting} combinations of method and layer are being compiled for you already: "
                        "try again when one of them is ready.",
                        retry_after=2,
                    )
                work = partial(self._compile, key, payer)
                self._compiling[key] = _Compilation(self._thread.submit(work, payer), set(), payer)
            self._compiling[key].clients.add(client)
            found.append(self._compiling[key].future)
        return found

    def _forget(self, client: Hashable, *, keep: Collection[GraphKey]) -> None:
        if not self._compiling:
            return
        kept = {_for_any_size(key) for key in keep}
        for key, wish in list(self._compiling.items()):
            if _for_any_size(key) not in kept:
                wish.clients.discard(client)
                if not wish.clients and wish.future.cancel():
                    del self._compiling[key]

    def _check_refused(self, key: GraphKey, now: float) -> None:
        """Raise the reason for which a graph was refused before."""
        if key in self._refused:
            status, reason, until = self._refused[key]
            if now < until:
                retry_after = 1 if until == math.inf else math.ceil(until - now)
                raise RequestError(status, reason, retry_after=retry_after)
            del self._refused[key]

    def _compile(self, key: GraphKey, payer: Hashable) -> None:
        began = time.monotonic()
        try:
            self._engine.prepare_graph(key, freeze=key in self._frozen, choose=self._kept.drop_for(payer))
        except Exception as error:
            status, reason, seconds = _refusal(key, error)
            # The frames of the traceback hold the network's failed graph, and whoever is told keeps the exception.
            _let_go(error)
            with self._lock:
                self._compiling.pop(key, None)
                self._refused[key] = (status, reason, time.monotonic() + seconds)
                if len(self._refused) > _REFUSALS_KEPT:
                    self._refused.popitem(last=False)
            raise RequestError(status, reason) from None
        with self._lock:
            self._kept.add(key, payer)
            self._compiling.pop(key, None)
        took = time.monotonic() - began
        if self._compiled is not None:
            self._compiled(took)
        rows, columns = key[1].input_size
        logger.info("compiled %s for %d×%d in %.1f s", named(key), columns, rows, took)


def _for_any_size(key: GraphKey) -> GraphKey:
    number, spec = key
    return number, replace(spec, input_size=(0, 0))


def _dropped(key: GraphKey) -> RequestError:
    return RequestError(503, f"{named(key)} is not compiled any more: ask again.")


def _refusal(key: GraphKey, error: Exception) -> tuple[int, str, float]:
    """Return the status and reason that a client is told, and for how many seconds it is not tried again."""
    if isinstance(error, RequestError):
        return error.status, str(error), IN_USE_SECONDS
    if isinstance(error, LiveGradcamError):
        return 400, str(error), math.inf
    # An unforeseen error is for the log, not for a client.
    logger.warning("%s cannot be compiled", named(key), exc_info=error)
    return 400, f"{named(key)} cannot be compiled for this network: choose another.", math.inf


def _let_go(error: BaseException | None) -> None:
    """Clear the frames of an exception and of its causes, which hold the objects that failed."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        former, error.__traceback__ = error, None
        error = former.__cause__ or former.__context__
        former.__cause__ = former.__context__ = None
