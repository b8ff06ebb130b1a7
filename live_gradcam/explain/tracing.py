"""Traces a network once into a graph that takes pictures and returns predictions and maps from one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.config import Task
from live_gradcam.errors import LayerError, LiveGradcamError, ModelError, reason_of
from live_gradcam.explain.activation import activation_of
from live_gradcam.explain.geometry import COVERING, Geometry
from live_gradcam.explain.geometry_by_gradients import Places
from live_gradcam.explain.graph_builder import GraphBuilder, TokensFoundError
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.layer_steps import LayerShape
from live_gradcam.explain.layers import automatic, paths_in
from live_gradcam.explain.target_scores import goal_of
from live_gradcam.explain.targets import NO_RIVAL
from live_gradcam.explain.traced_network import TracedNetwork, subject_of
from live_gradcam.models.model import Model

Tensor = Any

_TOKEN_LAYERS_TRIED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A compiled plan."""

    function: Any
    """(images (N, H, W, 3) uint8, aims (N, G, 2) int32, strengths (N, G) float32) to the tensors of `graph.Result`."""

    layer: str
    """Path of the layer that is explained; several are joined by commas."""

    frozen: bool
    """Whether the weights are constants of the graph."""

    nodes: int
    """How many operations the traced graph has."""

    task: Task | None
    """What the outputs are; None where the user's own function is explained."""

    units: int
    """How many numbers the output has; 0 where the user's own function is explained."""

    batched: bool
    """Whether it takes more than one picture at once."""

    walk: tuple[LayerShape, ...]
    """The layers to step through, from shallow to deep."""

    geometry: Geometry = COVERING
    """How the maps lie on the network's input."""


def trace(model: Model, plan: GraphSpec, *, freeze: bool = True, places: Places | None = None) -> Trace:
    """Trace and compile. One thread at a time does so; the others wait.

    Args:
        model: what is explained.
        plan: what is to be done.
        freeze: whether the weights become constants of the graph, where that pays.
        places: what is known of where the layers' cells look, and finds it where it is not; None: the maps cover
            the input.

    Raises:
        LayerError: the layer is not there, or does not lie between the picture and the score.
        ModelError: the network cannot be traced.
    """
    subject = subject_of(model, plan, frozen=freeze)
    # What passes are tried one by one, inside the graph, is not batched over pictures as well.
    count = None if plan.one_pass else 1
    signature = (
        tf.TensorSpec((count, *plan.input_size, 3), tf.uint8, name="images"),
        tf.TensorSpec((count, plan.goals, 2), tf.int32, name="aims"),
        tf.TensorSpec((count, plan.goals), tf.float32, name="strengths"),
    )
    with tracing_lock:
        if not subject.network.built:
            # A network that was never called makes its weights at its first call, which must not be a trace.
            model.forward(subject.network, model.preprocessing(tf.zeros((1, *plan.input_size, 3), tf.uint8)))
        builder = GraphBuilder(subject)
        try:
            concrete = _compiled(subject, builder.outputs, signature)
        except TokensFoundError:
            builder = GraphBuilder(subject, _token_layer(subject))
            concrete = _compiled(subject, builder.outputs, signature)
    if places is not None:
        geometries = places.of(
            subject, paths_in(builder.layer), builder.walk, builder.pixels, builder.activations
        )
        if plan.lays_maps and not all(each.is_whole for each in geometries):
            # What the graph itself lays over the picture has to lie there, too.
            builder = GraphBuilder(subject, builder.token_layer, geometries)
            with tracing_lock:
                concrete = _compiled(subject, builder.outputs, signature)
        else:
            builder.geometry = geometries[0]
    nodes = len(concrete.graph.get_operations())
    frozen = not concrete.captured_inputs
    head = builder.head
    return Trace(
        function=concrete,
        layer=builder.layer,
        frozen=frozen,
        nodes=nodes,
        task=None if head is None else head.task,
        units=0 if head is None else head.units,
        batched=plan.one_pass,
        walk=builder.walk,
        geometry=builder.geometry,
    )


def _compiled(subject: TracedNetwork, function: Any, signature: Sequence[Any]) -> Any:  # noqa: ANN401 - a ConcreteFunction
    try:
        return tf.function(function, signature, autograph=False).get_concrete_function()
    except LiveGradcamError:
        raise
    except Exception as error:
        height, width = subject.plan.input_size
        raise ModelError(
            f"{subject.model.name} cannot be traced for pictures of {width}×{height}: {reason_of(error, 200)}"
        ) from error


def _token_layer(subject: TracedNetwork) -> str:
    """Return the path of the last tokens whose places the score depends on.

    A vision transformer that reads its answer off the class token ignores what the last block makes of the other
    tokens: their gradient is zero there, whatever the picture. So it is looked for on one.
    """
    model, plan = subject.model, subject.plan
    paths: list[str] = []

    def reach(images: Tensor) -> list[Tensor]:
        paths.clear()
        calls, output = subject.run(model.preprocessing(images))
        head = subject.head(output)
        scores = None if head is None else head.scores
        found = automatic(calls, output, scores, plan.input_size, model.name)
        found = [call for call in found if call.output.shape.rank == 3][:_TOKEN_LAYERS_TRIED]
        paths.extend(call.path for call in found)
        if head is None:
            gradients = tf.gradients(subject.own_score(output), [call.output for call in found])
        else:
            aim = tf.constant([[-1, NO_RIVAL]])
            goal = goal_of(head, aim, tf.constant([0.0]), plan.rivals)
            seed = head.seed(goal.row, goal.ids)
            gradients = tf.gradients(head.scores, [call.output for call in found], grad_ys=seed)
        reached = []
        for call, gradient in zip(found, gradients, strict=True):
            activation = activation_of(call.output, call.path, plan.input_size, plan.grid)
            zero = tf.constant(0.0)
            reached.append(zero if gradient is None else tf.reduce_max(tf.abs(activation.as_map(gradient))))
        return reached

    signature = [tf.TensorSpec((1, *plan.input_size, 3), tf.uint8)]
    concrete = _compiled(subject, reach, signature)
    noise = np.random.default_rng(0).integers(0, 256, (1, *plan.input_size, 3), np.uint8)
    for path, reached in zip(paths, concrete(tf.constant(noise)), strict=True):
        if float(reached) > 0:
            return path
    raise LayerError(
        f"{model.name}: none of its last {len(paths)} token layers has places that the score depends on. "
        "Name one: --layer PATH."
    )
