"""A model of an engine: compiles its graphs, and remembers what they tell of the network."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

from live_gradcam.errors import ModelError
from live_gradcam.explain.array_types import LayerShape
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.runtime import CompiledGraph, GraphCompiler, GraphFacts
from live_gradcam.fixed_choices import Task
from live_gradcam.models.labels import Labels
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.models.task import fits, labels_for, wrong_number
from live_gradcam.process.stderr_filter import native_stderr_filtered

logger = logging.getLogger(__name__)


class ExplainedModel:
    """A model with its compiler and the facts that its graphs tell: labels, task and layers.

    Args:
        model: the model to explain.
        compiler: compiles its graphs.
    """

    def __init__(self, model: KnownModel, compiler: GraphCompiler) -> None:
        self.model = model
        self.labels: Labels = model.labels
        """The names of classes, labels or values; none before the first graph if only a graph tells their number."""
        self.usual_layer: str | None = model.layer
        """Path of the layer that is explained where none is named; None until one was chosen."""
        self.task: Task | None = None
        """What the outputs are; None until a graph of a class was compiled."""
        self.layer_steps: tuple[LayerShape, ...] = ()
        """The layers to step through, from shallow to deep; empty until a graph was compiled."""
        self._compiler = compiler

    @native_stderr_filtered()  # it may be the first that loads TensorFlow
    def compile(self, spec: GraphSpec, *, freeze: bool) -> CompiledGraph:
        """Compile a graph, and remember what it tells.

        Raises:
            LayerError, ModelError: it cannot be compiled, or the user's labels do not fit the outputs.
        """
        graph = self._compiler.compile(spec, freeze=freeze)
        facts = graph.facts
        if facts.task is not None and not spec.slots:
            self._check_labels(facts.task, facts.units)
            self.task, self.labels = facts.task, self._labels_of(facts.task, facts.units)
        self._learn_layers(spec, facts)
        logger.info("compiled %s", self.describe(spec, graph))
        return graph

    def settle(self, seconds: float) -> None:
        """Wait until no graph is improved in the background any more, at most for some seconds."""
        self._compiler.settle(seconds)

    def close(self, until: float | None) -> None:
        """Stop improving graphs in the background; see `Engine.close`."""
        self._compiler.close(until)

    def describe(self, spec: GraphSpec, graph: CompiledGraph) -> str:
        """Return one line on a graph."""
        height, width = spec.input_size
        methods = ", ".join(method.name for method in spec.methods)
        return f"{self.model.name}, {methods} at {graph.facts.layer}: {width}×{height} ({graph.describe()})"

    def _learn_layers(self, spec: GraphSpec, facts: GraphFacts) -> None:
        # A graph that chose its layer also found out which tokens matter, so its steps count.
        chosen = spec.layers is None and self.usual_layer is None
        if chosen:
            self.usual_layer = facts.layer
        if chosen or not self.layer_steps:
            self.layer_steps = facts.layer_steps

    def _labels_of(self, task: Task, units: int) -> Labels:
        labels = self.model.labels
        if task != "values" and len(labels) == (2 if units == 1 else units):
            kind: Literal["class", "label"] = "label" if task == "multi-label" else "class"
            return labels if labels.kind == kind else replace(labels, kind=kind)
        return labels_for(task, units, self.model.evidence)

    def _check_labels(self, task: Task, units: int) -> None:
        labels = self.model.evidence.labels
        if labels is not None and not fits(len(labels), units, task):
            raise ModelError(wrong_number(self.model.name, task, units, len(labels)))
