"""Runs the graphs of a cache, in batches of the sizes that are warm, and compiles those that are missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from live_gradcam.explain.array_types import Pictures
from live_gradcam.explain.explained_model import ExplainedModel
from live_gradcam.explain.graph_cache import Choose, GraphCache
from live_gradcam.explain.graph_spec import GraphKey, GraphSpec
from live_gradcam.explain.head_slots import weights_of
from live_gradcam.explain.runtime import CompiledGraph, GraphOutputs, run_in_batches
from live_gradcam.explain.targets import Aim
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead


class GraphRunner:
    """Compiles, warms and runs graphs. Several threads may use it.

    Args:
        models: compile the graphs.
        cache: keeps them.
        batches: as `Engine` takes them.
    """

    def __init__(self, models: Sequence[ExplainedModel], cache: GraphCache, batches: Sequence[int]) -> None:
        self._models = models
        self._cache = cache
        self._batches = tuple(batches)

    def graph(self, key: GraphKey, *, freeze: bool = False, choose: Choose | None = None) -> CompiledGraph:
        """Return a graph, which is compiled now if it is not kept; see `Engine.prepare_graph`.

        Raises:
            LiveGradcamError: it cannot be compiled, or `choose` refuses.
        """
        number, spec = key
        return self._cache.find_or_compile(
            key, lambda: self._models[number].compile(spec, freeze=freeze), choose
        )

    def prepare(self, key: GraphKey, *, freeze: bool, run: bool, choose: Choose | None) -> None:
        """Compile one graph, and run it once with each size of batch; see `Engine.prepare_graph`.

        Raises:
            LiveGradcamError: it cannot be compiled or run, or `choose` refuses.
        """
        graph = self.graph(key, freeze=freeze, choose=choose)
        spec = key[1]
        if not run or not spec.one_pass:
            return
        try:
            for count in self._sizes(spec, graph) or (1,):
                black = np.zeros((count, *spec.input_size, 3), np.uint8)
                heads = weights_of([NOTHING_TAUGHT] * count, graph.facts.features, spec.slots)
                run_in_batches(graph, black, [[Aim()] * spec.goals] * count, head=heads)
        except Exception:
            self._cache.drop(key)
            raise
        self._cache.note_warm(key)

    def is_ready(self, key: GraphKey) -> bool:
        """Return whether a graph can answer at once."""
        return self._cache.is_warm(key) if key[1].one_pass else self._cache.find(key) is not None

    def run(
        self,
        key: GraphKey,
        graph: CompiledGraph,
        pictures: Pictures,
        aims: Sequence[Sequence[Aim]],
        heads: Sequence[TaughtHead | None],
    ) -> GraphOutputs:
        """Run a graph on pictures, and warn once if the network gives numbers that are not finite.

        Args:
            key: of the graph.
            graph: runs.
            pictures: (N, H, W, 3) uint8 BGR of the graph's input size.
            aims: for each picture, one for each of the graph's goals.
            heads: one for each picture, where the graph has slots.

        Raises:
            ModelError: the network fails.
        """
        weights = weights_of(heads, graph.facts.features, key[1].slots)
        outputs = run_in_batches(graph, pictures, aims, self._sizes(key[1], graph), weights)
        self._cache.note_warm(key)
        if not outputs.finite.all() and pictures.any():  # NaN for a black picture proves nothing
            model = self._models[key[0]].model
            model.warn_once(
                f"{model.name} gives NaN or infinity: there is nothing to explain then. Check its weights, and "
                "that --preprocess scales pixels as in training."
            )
        return outputs

    def _sizes(self, spec: GraphSpec, graph: CompiledGraph) -> tuple[int, ...]:
        """Return the sizes of batch that a graph is run with; none: any."""
        if not graph.fixed_batches:
            return ()
        # Several targets are as much work as several pictures, and each batch size is slow at its first run. So with
        # fixed batch sizes, a graph of several targets takes one picture at a time.
        one = not spec.one_pass or (spec.targets > 1 and self._batches)
        return (1,) if one else self._batches
