"""The compiled graphs of one model: traced when they are first needed, kept while they are used."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.config import Task
from live_gradcam.errors import ModelError
from live_gradcam.explain.geometry_by_gradients import Places
from live_gradcam.explain.graph_outputs import FIELDS, GraphOutputs
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_steps import LayerShape
from live_gradcam.explain.targets import Aim
from live_gradcam.explain.tracing import Trace, trace
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.models.task import fits, labels_for, wrong_number

logger = logging.getLogger(__name__)

GRAPHS_KEPT = 8
"""How many compiled graphs are kept; the one that was used longest ago goes first."""


class GraphCache:
    """Compiles plans for one model, each once.

    Several threads may use it: what is compiled runs while another plan is being traced.

    Args:
        model: what is explained.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._traces: OrderedDict[GraphSpec, Trace] = OrderedDict()
        self._warm: set[GraphSpec] = set()
        """Those that have been run, which is when TensorFlow optimises them."""
        self._kept = GRAPHS_KEPT
        self._made = 0
        self._labels = model.labels
        self.usual_layer = model.layer
        """Path of the layer that is explained where none is named; None until one was chosen."""
        self.task: Task | None = None
        """What the outputs are, known with the first trace; None where only functions of the user's were traced."""
        self.walk: tuple[LayerShape, ...] = ()
        """The layers to step through, from shallow to deep, known with the first trace."""
        self._places = Places()
        self._looking = threading.Lock()
        """Held for a moment, to look at what there is."""
        self._tracing = threading.Lock()
        """Held while something is traced, so that nothing is traced twice."""

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def made(self) -> int:
        """How often the network has been traced so far."""
        return self._made

    @property
    def labels(self) -> Labels:
        """The names of classes, labels or values; of a model that does not tell them, none until it is traced."""
        return self._labels

    def known(self) -> dict[GraphSpec, Trace]:
        """Return what is compiled, the one that was used last at the end."""
        with self._looking:
            return dict(self._traces)

    def keep(self, count: int) -> None:
        """Keep at least so many graphs from now on."""
        self._kept = max(self._kept, count)

    def ready(self, plan: GraphSpec) -> bool:
        """Whether a plan can be run at once, which counts as a use of its graph."""
        with self._looking:
            made = self._used(plan)
            return made is not None and (plan in self._warm or not made.batched)

    def compiled(self, plan: GraphSpec, *, freeze: bool = False) -> Trace:
        """Return a plan's graph; it is traced now if there is none.

        Args:
            plan: what is to be done.
            freeze: whether it is frozen, where that pays, if it is traced now. That makes the default network a sixth
                faster, and costs 0.3 s and 130 MB: worth it for what runs for long.

        Raises:
            LayerError, ModelError: it cannot be traced.
        """
        with self._looking:
            made = self._used(plan)
        if made is not None:
            return made
        with self._tracing:
            with self._looking:
                made = self._used(plan)  # another thread may have traced it while this one waited
            if made is None:
                made = trace(self.model, plan, freeze=freeze, places=self._places)
                if made.task is not None:
                    check_labels(self.model, made.task, made.units)
                self._store(plan, made)
        return made

    def warm_up(self, plan: GraphSpec, *, freeze: bool = False) -> None:
        """Compile a plan and run it once: its first run is slow, for it is optimised then.

        What takes many passes is not run for nothing.

        Args:
            plan: what is to be done.
            freeze: as in `compiled`.

        Raises:
            LayerError, ModelError: it cannot be traced or run.
        """
        if self.compiled(plan, freeze=freeze).batched:
            try:
                self.run(plan, np.zeros((1, *plan.input_size, 3), np.uint8), [[Aim()] * plan.goals])
            except tf.errors.OpError as error:
                line = str(error.message).strip().splitlines()[0]
                raise ModelError(f"{self.model.name} cannot be run: {line}") from error

    def run(
        self, plan: GraphSpec, batch: npt.NDArray[np.uint8], aims: Sequence[Sequence[Aim]]
    ) -> GraphOutputs:
        """Run a plan, compiled if need be.

        Args:
            plan: what is to be done.
            batch: (N, H, W, 3) uint8 BGR of the plan's input size.
            aims: for each picture, one for each of the plan's goals.
        """
        compiled = self.compiled(plan)
        numbers = np.array([[[aim.class_id, aim.rival] for aim in row] for row in aims], np.int32)
        strengths = np.array([[aim.strength for aim in row] for row in aims], np.float32)
        size = len(batch) if compiled.batched else 1
        parts = []
        for at in range(0, len(batch), size):
            given = (tf.constant(each[at : at + size]) for each in (batch, numbers, strengths))
            parts.append([each.numpy() for each in compiled.function(*given)])
        with self._looking:
            if plan in self._traces:
                self._warm.add(plan)
        columns = (
            parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
        )
        result = GraphOutputs(**dict(zip(FIELDS, columns, strict=True)))
        if (
            not result.finite.all() and batch.any()
        ):  # a black picture, such as to warm up with, is no evidence
            self.model.warn_once(
                f"{self.model.name} gives NaN or infinity: there is nothing to explain then. Check its weights, and "
                "that --preprocess scales pixels as in training."
            )
        return result

    def describe(self, plan: GraphSpec, made: Trace) -> str:
        """Return one line on a graph."""
        height, width = plan.input_size
        how = f"{'frozen' if made.frozen else 'not frozen'}, no XLA, {made.nodes} operations"
        methods = ", ".join(method.name for method in plan.methods)
        return f"{self.model.name}, {methods} at {made.layer}: {width}×{height} ({how})"

    def _used(self, plan: GraphSpec) -> Trace | None:
        """Return a plan's graph if there is one, as the one that was used last."""
        found = self._traces.get(plan)
        if found is not None:
            self._traces.move_to_end(plan)
        return found

    def _store(self, plan: GraphSpec, made: Trace) -> None:
        dropped = []  # let go of when the lock is open again: that takes a while
        with self._looking:
            self._made += 1
            self._traces[plan] = made
            while len(self._traces) > self._kept:
                dropped.append(self._traces.popitem(last=False))
                self._warm.discard(dropped[-1][0])
            # Where the layer was chosen, it is known which tokens matter.
            chosen = plan.layers is None and self.usual_layer is None
            if chosen:
                self.usual_layer = made.layer
            if chosen or not self.walk:
                self.walk = made.walk
            if made.task is not None:
                self.task = made.task
                self._labels = labels_of(self.model, made.task, made.units)
        logger.info("traced %s", self.describe(plan, made))


def labels_of(model: Model, task: Task, units: int) -> Labels:
    """Return what a model's outputs are called, once a trace has told what they are."""
    if task != "values" and len(model.labels) == (2 if units == 1 else units):
        kind: Literal["class", "label"] = "label" if task == "multi-label" else "class"
        return model.labels if model.labels.kind == kind else replace(model.labels, kind=kind)
    return labels_for(task, units, model.evidence)


def check_labels(model: Model, task: Task, units: int) -> None:
    """Make sure that the user's labels fit what a trace has told of the outputs.

    Raises:
        ModelError: there are too many or too few.
    """
    labels = model.evidence.labels
    if labels is not None and not fits(len(labels), units, task):
        raise ModelError(wrong_number(model.name, task, units, len(labels)))
