"""The compiled graphs that clients use: whose graph is dropped when there is no room for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from live_gradcam.explain.graph_cache import Choose
from live_gradcam.explain.graph_spec import GraphKey
from live_gradcam.server.errors import RequestError

logger = logging.getLogger(__name__)

GRAPHS_KEPT = 24
"""Maximum number of kept graphs; fewer are kept if memory is short (`monitoring.Memory`)."""

IN_USE_SECONDS = 10.0
"""A graph that was used this recently is not dropped for another payer's request."""

_REMEMBERED_SECONDS = 600.0
"""A graph that a payer requested this recently counts as the payer's own, even if the payer does not use it now."""


class Room(Protocol):
    """Tells whether there is memory, and frees the memory of dropped graphs (`monitoring.Memory`)."""

    @property
    def is_short(self) -> bool:
        """Whether there is no memory for one more graph."""

    def free(self) -> None:
        """Return unused memory to the system."""


class ServerLimit:
    """Limits the engine's cache by the number of graphs and by the memory of the process.

    Args:
        room: tells whether there is memory; None: there always is.
    """

    def __init__(self, room: Room | None = None) -> None:
        self._room = room

    def is_reached(self, graphs: int, size: int) -> bool:
        """Return whether a graph has to go before one more is kept."""
        del size  # the memory of the whole process is measured instead, which is more exact
        if graphs >= GRAPHS_KEPT:
            return True
        if self._room is None or not self._room.is_short:
            return False
        self._room.free()  # perhaps no graph has to be dropped then
        return self._room.is_short

    def free(self) -> None:
        """Give the memory of dropped graphs back to the system."""
        if self._room is not None:
            self._room.free()


@dataclass(slots=True)
class _Use:
    """Who uses a graph."""

    users: dict[Hashable, float]
    """When each payer requested it last, by the monotonic clock."""

    used_at: float
    """When it was used or requested last."""


class KeptGraphs:
    """Knows which graphs are kept and who uses them. Several threads may use it.

    A payer's new graph replaces one of the payer's own graphs if the payer has its share of the kept graphs; otherwise
    it replaces a graph that nobody uses.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[GraphKey, _Use] = {}
        self._always: frozenset[GraphKey] = frozenset()

    def __len__(self) -> int:
        return len(self._uses)

    def __contains__(self, key: GraphKey) -> bool:
        return key in self._uses

    def keep_always(self, keys: Iterable[GraphKey]) -> None:
        """Never drop these graphs."""
        self._always = frozenset(keys)

    def use(self, key: GraphKey) -> bool:
        """Note that a graph is used now, and return whether it is kept."""
        with self._lock:
            use = self._uses.get(key)
            if use is not None:
                use.used_at = time.monotonic()
            return use is not None

    def want(self, key: GraphKey, payer: Hashable) -> bool:
        """Note that a payer requests a graph, and return whether it is kept."""
        with self._lock:
            use = self._uses.get(key)
            if use is not None:
                use.users[payer] = use.used_at = time.monotonic()
            return use is not None

    def add(self, key: GraphKey, payer: Hashable) -> None:
        """Note that a graph was compiled for a payer."""
        now = time.monotonic()
        with self._lock:
            self._uses[key] = _Use({payer: now}, now)

    def forget(self, payer: Hashable) -> None:
        """Note that a payer has gone."""
        with self._lock:
            for use in self._uses.values():
                use.users.pop(payer, None)

    def drop_for(self, payer: Hashable) -> Choose:
        """Return the function with which a `GraphCache` chooses the graph to drop for a payer's new one.

        It raises a `RequestError` (503) if all graphs that could be dropped are in use by others.
        """
        return partial(self._choose, payer)

    def _choose(self, payer: Hashable, keys: Sequence[GraphKey]) -> GraphKey:
        with self._lock:
            for gone in self._uses.keys() - set(keys):
                del self._uses[gone]
            key = self._next_to_go(payer)
            if key is None:
                names = sorted({named(each) for each in self._uses})
                why = f"{len(names)} combinations of method and layer are in use"
                if len(self._uses) < GRAPHS_KEPT:
                    why = "the server has no memory for another combination of method and layer"
                raise RequestError(503, f"{why}. Take one of them ({', '.join(names)}), or wait.")
            del self._uses[key]
        logger.info("%s is dropped", named(key))
        return key

    def _next_to_go(self, payer: Hashable) -> GraphKey | None:
        """Return the graph to drop for a payer; None if all graphs that could be dropped are in use by others."""
        now = time.monotonic()
        for use in self._uses.values():
            use.users = {each: at for each, at in use.users.items() if now - at < _REMEMBERED_SECONDS}
        held = {key: use for key, use in self._uses.items() if key not in self._always}
        own = [key for key, use in held.items() if set(use.users) == {payer}]
        payers = {each for use in held.values() for each in use.users} | {payer}
        idle = [key for key, use in held.items() if now - use.used_at >= IN_USE_SECONDS]
        share = max(1, len(held) // len(payers))
        for keys in (own if len(own) >= share else [], idle, own):
            if keys:
                return min(keys, key=lambda key: held[key].used_at)
        return None


def named(key: GraphKey) -> str:
    """Return a graph's name in messages: `gradcam at block5_conv3 for 2 targets`."""
    _, spec = key
    where = "" if spec.layers is None else f" at {','.join(spec.layers)}"
    text = f"{', '.join(method.name for method in spec.methods)}{where}"
    return text if spec.targets == 1 else f"{text} for {spec.targets} targets"
