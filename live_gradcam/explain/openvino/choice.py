"""The choice between TensorFlow and OpenVINO for one graph, by measuring both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from live_gradcam.explain.array_types import Ids, Numbers, Pictures
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.openvino.check_pictures import example_heads
from live_gradcam.explain.openvino.graph import OpenVINOGraph
from live_gradcam.explain.openvino.library import NumberFormat
from live_gradcam.explain.openvino.store import GraphRecord, Trial
from live_gradcam.explain.runtime import CompiledGraph, GraphFacts, GraphOutputs
from live_gradcam.fixed_choices import Precision, Runtime

_TIMED_RUNS = 15
_BETWEEN_SECONDS = 0.04

_CLEARLY, _NOTICED = 0.9, 2.0
"""TensorFlow is taken if it needs less than this part of OpenVINO's time and is faster by more than so many
milliseconds. Otherwise OpenVINO is, because the next start then needs no TensorFlow."""


def chosen(trial: Trial, runtime: Runtime, precision: Precision) -> NumberFormat | None:
    """Return the number format that OpenVINO computes a graph in; None if TensorFlow computes it.

    Args:
        trial: what was found out about the graph.
        runtime: the setting; `auto` takes the faster one.
        precision: the setting; `auto` takes bfloat16 where it passed its check and is faster.
    """
    if trial.refused:
        return None
    times = trial.milliseconds
    number: NumberFormat = "f32"
    if "bf16" in times:
        wanted = trial.half is not None and trial.half.passed and times["bf16"] < times["f32"]
        if precision == "bf16" or (precision == "auto" and wanted):
            number = "bf16"
    theirs, ours = times.get("tensorflow", float("inf")), times[number]
    slow = theirs < min(_CLEARLY * ours, ours - _NOTICED)
    return None if slow and runtime == "auto" else number


def timed(
    record: GraphRecord,
    spec: GraphSpec,
    former: CompiledGraph,
    converted: OpenVINOGraph,
    wait: Callable[[float], object],
) -> GraphRecord:
    """Measure both runtimes in turn, in this process and beside whatever else it does.

    Args:
        record: of the converted graph.
        spec: what the graph computes.
        former: TensorFlow's graph.
        converted: OpenVINO's.
        wait: waits for some seconds, so that the runs delay no picture.

    Returns:
        The record with what was measured.
    """
    picture = np.random.default_rng(0).integers(0, 256, (1, *spec.input_size, 3), np.uint8)
    targets, strengths = np.full((1, spec.goals, 2), -1, np.int32), np.zeros((1, spec.goals), np.float32)
    head = example_heads(1, former.facts.features, spec.slots)
    taken: dict[CompiledGraph, list[float]] = {former: [], converted: []}
    for _ in range(_TIMED_RUNS):
        for graph, seconds in taken.items():
            start = time.perf_counter()
            graph.run(picture, targets, strengths, *head)
            seconds.append(time.perf_counter() - start)
            wait(_BETWEEN_SECONDS)
    theirs, ours = (min(seconds) * 1e3 for seconds in taken.values())  # other work only adds
    times = {**record.trial.milliseconds, "tensorflow": theirs, converted.precision: ours}
    return replace(record, trial=replace(record.trial, milliseconds=times))


class ReplaceableGraph:
    """A graph of TensorFlow until a faster one replaces it (`runtime.CompiledGraph`).

    Args:
        graph: runs at first.
        often: called once, when the graph has run `runs` times.
        runs: after how many.
    """

    def __init__(self, graph: CompiledGraph, often: Callable[[], None], runs: int) -> None:
        self.graph = graph
        self._often: Callable[[], None] | None = often
        self._missing = runs

    @property
    def facts(self) -> GraphFacts:
        """Facts about the network that are known after compiling this graph."""
        return self.graph.facts

    @property
    def frozen(self) -> bool:
        """Whether the weights are constants of the graph."""
        return self.graph.frozen

    @property
    def size(self) -> int:
        """Bytes of memory that the graph takes besides the network's own weights, estimated."""
        return self.graph.size

    @property
    def fixed_batches(self) -> bool:
        """Whether the first run of each size of batch is slow."""
        return self.graph.fixed_batches

    def describe(self) -> str:
        """Return a few words on how it was compiled."""
        return self.graph.describe()

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        """Run it."""
        self._missing -= 1
        if self._missing <= 0 and self._often is not None:
            often, self._often = self._often, None
            often()
        return self.graph.run(pictures, targets, strengths, *head)
