"""The interface to a runtime: what the engine needs from a compiled graph, whichever runtime compiles and runs it.

The engine knows models, questions and pictures. A runtime knows how to compile one `GraphSpec` and how to run the
result. `tensorflow_graph` traces and runs everything. `openvino/` converts what it traced, and falls back to it. A
further runtime is one more room with a `GraphCompiler` and a `CompiledGraph`, which `Engine(compiler=...)` takes. Its
graphs take and return the same arrays, so questions, targets, maps, the cache, the memory limit, warming up and the
switch between questions stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from live_gradcam.explain.array_types import Flags, Ids, LayerShape, Numbers, Pictures
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explain.targets import Aim
from live_gradcam.fixed_choices import Task

TOP = 5
"""How many classes a result names."""

MOST_VALUES = 256
"""How many values a result holds, where the network gives plain values."""


SETTLE_SECONDS = 30.0
"""How long a program without a viewer waits at its end until its graphs are converted for the next start."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphOutputs:
    """The arrays that a graph returns for N pictures, M methods, T targets and G goals (`GraphSpec.goals`)."""

    top_ids: Ids
    """(N, k) int32: the most probable classes or labels, best first; or the first values in the output's order."""

    top_probabilities: Numbers
    """(N, k) float32; (N, 0) where the outputs are no probabilities."""

    top_values: Numbers
    """(N, k) float32: the network's own numbers."""

    target_ids: Ids
    """(N, G) int32; −1 for a score function of the user's."""

    target_probabilities: Numbers
    """(N, G) float32; (N, 0) where the outputs are no probabilities."""

    target_values: Numbers
    """(N, G) float32: the network's own number, or the result of the user's score function."""

    rival_ids: Ids
    """(N, G, R) int32; −1 for none."""

    rival_probabilities: Numbers
    """(N, G, R) float32; (N, G, 0) where the outputs are no probabilities."""

    rival_values: Numbers
    """(N, G, R) float32."""

    finite: Flags
    """(N,) bool: whether all outputs of the network are finite."""

    raw: Numbers
    """(N, M, T, h, w) float32: the maps before normalisation."""

    evidence: Flags
    """(N, M, T) bool: False where a map is rounding noise or not finite."""

    channel_numbers: Ids
    """(N, C) int32: the layer's strongest channels for the first goal."""

    channel_weights: Numbers
    """(N, C) float32."""

    channel_maps: Numbers
    """(N, C, h, w) float32."""

    activation: Numbers
    """(N, h, w, C) float32: the output of the target layer, of several layers the first; (N, 0, 0, 0) if the
    specification does not ask for it."""

    feature_map: Numbers
    """(N, h, w, F) float32: what a head that is an argument sees; (N, 0, 0, 0) where the graph takes none."""


FIELDS = tuple(GraphOutputs.__slots__)
"""The outputs' names, in the order in which a graph returns them."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledHead:
    """The dense layer of a network that ends in global average pooling and this layer."""

    weights: Numbers
    """(C, units) float32."""

    bias: Numbers
    """(units,) float32."""

    def scores(self, means: Numbers) -> Numbers:
        """Return the logits, (units,) float32, for means of the activation over all places, (C,)."""
        return np.asarray(means @ self.weights + self.bias, np.float32)


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Facts about the network that are known after compiling a graph."""

    layer: str
    """Path of the explained layer; several are joined by commas."""

    task: Task | None
    """What the outputs are; None where a score function of the user's is explained."""

    units: int
    """How many numbers the output has; 0 where a score function of the user's is explained."""

    layer_steps: tuple[LayerShape, ...]
    """The layers to step through, from shallow to deep."""

    geometry: Geometry
    """How the maps lie on the network's input."""

    head: PooledHead | None = None
    """What makes the scores of the target layer's activation, if that is pooling and one dense layer, and if the
    specification asks for the activation; else None."""

    features: int = 0
    """F, the length of a head's kernel; 0 where the graph takes no head."""


class CompiledGraph(Protocol):
    """One `GraphSpec` of one model, compiled. Several threads may run it at once."""

    @property
    def facts(self) -> GraphFacts:
        """Facts about the network that are known after compiling this graph."""

    @property
    def frozen(self) -> bool:
        """Whether the weights are constants of the graph."""

    @property
    def size(self) -> int:
        """Bytes of memory that the graph takes besides the network's own weights, estimated."""

    @property
    def fixed_batches(self) -> bool:
        """Whether the first run of each size of batch is slow, so that few sizes should be run."""

    def describe(self) -> str:
        """Return a few words on how it was compiled: `frozen, no XLA, 696 operations`."""

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        """Run it.

        Args:
            pictures: (N, H, W, 3) uint8 BGR of the spec's input size; N is 1 for a graph of many passes.
            targets: (N, G, 2) int32: class and rival of each goal, as in `targets.Aim`.
            strengths: (N, G) float32: how much of the rivals' score each goal subtracts.
            head: kernel (N, F, K) and bias (N, K), float32, of a graph with K slots; nothing for any other.

        Raises:
            ModelError: the runtime fails.
        """


class GraphCompiler(Protocol):
    """Compiles graphs of one model with one runtime. One thread at a time calls it."""

    def compile(self, spec: GraphSpec, *, freeze: bool) -> CompiledGraph:
        """Compile one graph.

        Args:
            spec: what it computes.
            freeze: whether the weights may become constants of the graph, if that is worth the memory.

        Raises:
            LayerError: the layer does not exist, or does not lie between the picture and the score.
            ModelError: the network cannot be compiled for this spec.
        """

    def settle(self, seconds: float) -> None:
        """Wait until no graph is improved in the background any more, at most for some seconds."""

    def close(self, until: float | None = None) -> None:
        """Stop improving graphs in the background.

        Args:
            until: when to stop waiting for that, in `time.monotonic()` seconds; None: soon.
        """


def run_in_batches(
    graph: CompiledGraph,
    pictures: Pictures,
    aims: Sequence[Sequence[Aim]],
    sizes: Sequence[int] = (),
    head: Sequence[Numbers] = (),
) -> GraphOutputs:
    """Run a graph on pictures, in batches of certain sizes.

    Args:
        graph: runs.
        pictures: (N, H, W, 3) uint8 BGR of the graph's input size.
        aims: for each picture, one for each of the graph's goals.
        sizes: of the batches, ascending. More pictures than the largest are run in several batches, and a batch
            between two sizes is filled up with its last picture. Empty: all pictures are one batch.
        head: as in `CompiledGraph.run`.

    Raises:
        ModelError: the runtime fails.
    """
    targets = np.array([[[aim.class_id, aim.rival] for aim in row] for row in aims], np.int32)
    strengths = np.array([[aim.strength for aim in row] for row in aims], np.float32)
    if not sizes or (len(pictures) in sizes):
        return graph.run(pictures, targets, strengths, *head)
    found = []
    for at in range(0, len(pictures), sizes[-1]):
        arguments: tuple[npt.NDArray[Any], ...] = (pictures, targets, strengths, *head)
        given = [each[at : at + sizes[-1]] for each in arguments]
        count = len(given[0])
        missing = next(size for size in sizes if size >= count) - count
        filled = [np.concatenate([each, *[each[-1:]] * missing]) for each in given]
        outputs = graph.run(*filled)
        found.append([getattr(outputs, name)[:count] for name in FIELDS])
    return GraphOutputs(*(np.concatenate(column) for column in zip(*found, strict=True)))
