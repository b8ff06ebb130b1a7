"""The compiled graphs that are kept: who uses them, and which of them goes when there is no room."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.question import Question, TargetSpec
from live_gradcam.server.errors import RequestError

logger = logging.getLogger(__name__)

GRAPHS_KEPT = 24
"""How many combinations of method and layer stay compiled at most; memory may be short before (`Memory`)."""

IN_USE_SECONDS = 10.0
"""What was used so lately is not thrown out for somebody else's wish."""

_REMEMBERED_SECONDS = 600.0
"""What a payer wanted so lately is its own, though it does not use it just now."""

Key = tuple[str, str | None, int]
"""Method, layer, number of targets: what has a graph of its own."""


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

    def prepare(self, size: tuple[int, int], *, targets: int = 1) -> None:
        """Compile for pictures of (width, height) and so many targets, and run nothing that takes many passes."""

    def prepared(self, size: tuple[int, int], *, targets: int = 1) -> bool:
        """Whether pictures of (width, height) can be explained without compiling."""


class Room(Protocol):
    """Says whether there is memory, and makes free what was let go of (`memory.Memory`)."""

    @property
    def is_short(self) -> bool:
        """Whether more is used than may be."""

    def free(self) -> None:
        """Give back what is not used any more."""


@dataclass(slots=True, eq=False)
class _KeptGraph:
    """What is compiled for a key, and who uses it."""

    explains: Explains
    users: dict[Hashable, float]
    """When each payer wanted it last, by the monotonic clock."""

    used_at: float
    """When it was used or wanted last."""


class KeptGraphs:
    """Keeps what was compiled, as long as there is room; several threads may use it.

    What a payer wants anew takes the place of what it wanted before, once it has its share of what is kept; else of
    what nobody uses any more.

    Args:
        room: says whether there is memory; None: there always is.
    """

    def __init__(self, room: Room | None = None) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._graphs: dict[Key, _KeptGraph] = {}
        self._always: frozenset[Key] = frozenset()
        self._traces_before = 0

    def __len__(self) -> int:
        return len(self._graphs)

    def __contains__(self, key: Key) -> bool:
        return key in self._graphs

    @property
    def traces(self) -> int:
        """How often the network was traced for what is kept and what was thrown out."""
        with self._lock:
            return self._traces_before + sum(graph.explains.traces for graph in self._graphs.values())

    def keep_always(self, keys: Sequence[Key]) -> None:
        """Never throw these out."""
        self._always = frozenset(keys)

    def use(self, key: Key) -> Explains:
        """Return what explains so, which is used now.

        Raises:
            Refusal: it was thrown out (503).
        """
        with self._lock:
            graph = self._graphs.get(key)
            if graph is None:
                raise RequestError(503, f"{named(key)} is not compiled any more: ask again.")
            graph.used_at = time.monotonic()
            return graph.explains

    def want(self, key: Key, payer: Hashable) -> bool:
        """Note that a payer wants this, and return whether it is there."""
        with self._lock:
            graph = self._graphs.get(key)
            if graph is not None:
                graph.users[payer] = graph.used_at = time.monotonic()
            return graph is not None

    def add(self, key: Key, explains: Explains, payer: Hashable) -> None:
        """Keep something new."""
        now = time.monotonic()
        with self._lock:
            self._graphs[key] = _KeptGraph(explains, {payer: now}, now)

    def forget(self, payer: Hashable) -> None:
        """Note that a payer has gone."""
        with self._lock:
            for graph in self._graphs.values():
                graph.users.pop(payer, None)

    def make_room(self, payer: Hashable) -> None:
        """Throw out graphs until one more may be kept.

        Raises:
            Refusal: all that could go is in use by others (503).
        """
        while True:
            full = len(self._graphs) >= GRAPHS_KEPT
            if not full and self._room is not None and self._room.is_short:
                self._room.free()  # before anything is thrown out for it
                full = self._room.is_short
            if not full:
                return
            self._throw_out(payer)
            if self._room is not None:
                self._room.free()

    def _throw_out(self, payer: Hashable) -> None:
        with self._lock:
            key = self._next_to_go(payer)
            if key is None:
                names = sorted({named(each) for each in self._graphs})
                why = f"{len(names)} combinations of method and layer are in use"
                if len(names) < GRAPHS_KEPT:
                    why = "the server has no memory for another combination of method and layer"
                raise RequestError(503, f"{why}. Take one of them ({', '.join(names)}), or wait.")
            self._traces_before += self._graphs.pop(key).explains.traces
        logger.info("%s is thrown out", named(key))

    def _next_to_go(self, payer: Hashable) -> Key | None:
        """Return what is thrown out for a payer's wish; None where all that could be is in use by others."""
        now = time.monotonic()
        for graph in self._graphs.values():
            graph.users = {each: at for each, at in graph.users.items() if now - at < _REMEMBERED_SECONDS}
        held = {key: graph for key, graph in self._graphs.items() if key not in self._always}
        own = [key for key, graph in held.items() if set(graph.users) == {payer}]
        payers = {each for graph in held.values() for each in graph.users} | {payer}
        idle = [key for key, graph in held.items() if now - graph.used_at >= IN_USE_SECONDS]
        share = max(1, len(held) // len(payers))
        for keys in (own if len(own) >= share else [], idle, own):
            if keys:
                return min(keys, key=lambda key: held[key].used_at)
        return None


def keys_of(question: Question) -> list[Key]:
    """Return the graphs that a question needs."""
    return [(method, question.layer, len(question.targets)) for method in question.methods]


def named(key: Key) -> str:
    """Return what a graph is called."""
    method, layer, targets = key
    where = "" if layer is None else f" at {layer}"
    return f"{method}{where}" if targets == 1 else f"{method}{where} for {targets} targets"
