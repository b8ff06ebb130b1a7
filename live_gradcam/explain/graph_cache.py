"""The cache of compiled graphs: each is compiled once, and kept as long as there is memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.graph_spec import GraphKey
from live_gradcam.explain.runtime import CompiledGraph

GRAPH_BYTES = 1_000_000_000
"""Memory that the graphs of an engine may take: eight frozen ones of the default network, or a hundred that share the
network's weights."""

Choose = Callable[[Sequence[GraphKey]], GraphKey | None]
"""Chooses the graph that is dropped next, from all that are kept, the least recently used first; None keeps them all.
It may raise to refuse the new graph."""


class NotCompiledError(LiveGradcamError):
    """A graph is needed that is not kept, and must not be compiled now."""


class Limit(Protocol):
    """How much a cache may hold."""

    def is_reached(self, graphs: int, size: int) -> bool:
        """Return whether a graph has to go before one more is kept.

        Args:
            graphs: how many are kept.
            size: bytes of these and the new one together.
        """

    def free(self) -> None:
        """Give the memory of dropped graphs back to the system."""


class ByteLimit:
    """Limits the estimated bytes of all graphs.

    Args:
        size: how many bytes they may have; None: `GRAPH_BYTES`.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = GRAPH_BYTES if size is None else size

    def is_reached(self, graphs: int, size: int) -> bool:
        """Return whether the graphs have more bytes."""
        return graphs > 0 and size > self._size

    def free(self) -> None:
        """Do nothing: Python frees the memory."""


class GraphCache:
    """Compiles graphs once and keeps them. Several threads may use it: kept graphs run while another is compiled.

    Args:
        limit: how much it may hold; None: a `ByteLimit`.
    """

    def __init__(self, limit: Limit | None = None) -> None:
        self._limit = ByteLimit() if limit is None else limit
        self._graphs: OrderedDict[GraphKey, CompiledGraph] = OrderedDict()
        self._warm: set[GraphKey] = set()
        self._fewest = 0
        self._made = 0
        self._looking = threading.Lock()
        """Held for a moment, while the graphs are looked up or changed."""
        self._compiling = threading.Lock()
        """Held while a graph is compiled, so that none is compiled twice."""

    def __len__(self) -> int:
        return len(self._graphs)

    @property
    def made(self) -> int:
        """How many graphs were compiled so far."""
        return self._made

    @property
    def size(self) -> int:
        """Bytes of all kept graphs, estimated."""
        with self._looking:
            return sum(graph.size for graph in self._graphs.values())

    def known(self) -> dict[GraphKey, CompiledGraph]:
        """Return the kept graphs, the most recently used last."""
        with self._looking:
            return dict(self._graphs)

    def keep_at_least(self, count: int) -> None:
        """Keep at least `count` graphs from now on, whatever the limit."""
        self._fewest = max(self._fewest, count)

    def find(self, key: GraphKey) -> CompiledGraph | None:
        """Return a graph if it is kept, which counts as a use of it."""
        with self._looking:
            found = self._graphs.get(key)
            if found is not None:
                self._graphs.move_to_end(key)
            return found

    def find_or_compile(
        self, key: GraphKey, make: Callable[[], CompiledGraph], choose: Choose | None = None
    ) -> CompiledGraph:
        """Return a graph, which is compiled now if it is not kept.

        Room is made only after it was compiled, so that a graph that cannot be compiled evicts no other graph.

        Args:
            key: which graph.
            make: compiles it.
            choose: chooses what is dropped where the limit is reached; None: the least recently used.

        Raises:
            LiveGradcamError: `make` or `choose` raises it.
        """
        graph = self.find(key)
        if graph is not None:
            return graph
        with self._compiling:
            graph = self.find(key)  # another thread may have compiled it while this one waited
            if graph is None:
                graph = make()
                self._made += 1
                self._make_room(graph.size, choose)
                with self._looking:
                    self._graphs[key] = graph
        return graph

    def drop(self, key: GraphKey) -> None:
        """Drop a graph, if it is kept. Runs of it that have begun continue."""
        with self._looking:
            dropped = self._graphs.pop(key, None)
            self._warm.discard(key)
        del dropped  # outside the lock: it takes a while

    def is_warm(self, key: GraphKey) -> bool:
        """Return whether a kept graph was run once, which counts as a use of it."""
        return self.find(key) is not None and key in self._warm

    def note_warm(self, key: GraphKey) -> None:
        """Note that a graph was run: the first run is slow, as TensorFlow optimises the graph then."""
        if key not in self._warm:
            with self._looking:
                if key in self._graphs:
                    self._warm.add(key)

    def _make_room(self, size: int, choose: Choose | None) -> None:
        while len(self._graphs) >= self._fewest and self._limit.is_reached(
            len(self._graphs), self.size + size
        ):
            key = (_least_recently_used if choose is None else choose)(tuple(self.known()))
            if key is None:
                return
            self.drop(key)
            self._limit.free()


def _least_recently_used(keys: Sequence[GraphKey]) -> GraphKey | None:
    return keys[0] if keys else None
