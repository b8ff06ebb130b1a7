"""TensorFlow as a runtime: traces a network into a graph from pictures to predictions and maps, and runs it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import tensorflow as tf

from live_gradcam.errors import LayerError, LiveGradcamError, ModelError, reason_of
from live_gradcam.explain.array_types import Ids, Numbers, Operation, Pictures, TensorSpec
from live_gradcam.explain.feature_map import activation_of
from live_gradcam.explain.geometry_by_gradients import Places
from live_gradcam.explain.graph_builder import GraphBuilder, TokenLayer, TokensFoundError
from live_gradcam.explain.graph_spec import GraphSpec, paths_in
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.runtime import GraphFacts, GraphOutputs
from live_gradcam.explain.target_layer import automatic
from live_gradcam.explain.target_scores import goal_of, order_of
from live_gradcam.explain.targets import NO_RIVAL
from live_gradcam.explain.traced_network import TracedNetwork, traced_network
from live_gradcam.models.model import Model
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.models.type_names import ConcreteFunction, Tensor

_TOKEN_LAYERS_TRIED = 16

GraphFunction = Callable[..., tuple[Tensor, ...]]
"""Builds a graph's outputs from a `GraphBuilder`, pictures, targets and strengths, and with slots kernel and bias."""

_OPERATION_BYTES = 11_000
"""What TensorFlow keeps for each operation of a graph, warmed up: the default network's 800 take 8.5 MB."""

_COPIES_OF_CONSTANTS = 7
"""How many copies of a graph's constants TensorFlow holds once the graph has run: the default network's 18.5 MB of
weights, frozen, take 124 to 164 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class TensorFlowGraph:
    """A traced and compiled graph (`runtime.CompiledGraph`)."""

    function: ConcreteFunction
    """From pictures (N, H, W, 3) uint8, targets (N, G, 2) int32 and strengths (N, G) float32, and with slots kernel
    (N, F, K) and bias (N, K) float32, to the tensors of `GraphOutputs`."""

    facts: GraphFacts

    name: str
    """The model's name, for messages."""

    operations: int
    """How many operations the traced graph has."""

    one_pass: bool
    """False if the graph calls a pace. Then TensorFlow's errors, which contain those of the pace, are raised as they
    are."""

    frozen: bool
    size: int

    fixed_batches: ClassVar[bool] = True

    def describe(self) -> str:
        """Return a few words on how it was compiled."""
        return f"{'frozen' if self.frozen else 'not frozen'}, no XLA, {self.operations} operations"

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        """Run it."""
        given = (tf.constant(each) for each in (pictures, targets, strengths, *head))
        try:
            return GraphOutputs(*(tensor.numpy() for tensor in self.function(*given)))
        except tf.errors.OpError as error:
            if not self.one_pass:
                raise
            raise ModelError(f"{self.name} cannot be run: {reason_of(error.message)}") from error


class TensorFlowCompiler:
    """Traces graphs of one model (`runtime.GraphCompiler`).

    One thread of the process traces at a time; others wait.

    Args:
        model: the model to explain.
    """

    def __init__(self, model: KnownModel) -> None:
        self._model = model.loaded()
        self._places = Places()

    def compile(self, spec: GraphSpec, *, freeze: bool) -> TensorFlowGraph:
        """Trace one graph, and find where its maps lie on the input."""
        return trace(self._model, spec, freeze=freeze, places=self._places)

    def compile_for_one(self, spec: GraphSpec) -> TensorFlowGraph:
        """Trace one graph for one picture at a time, which another runtime converts."""
        return trace(self._model, spec, places=self._places, pictures=1)

    def settle(self, seconds: float) -> None:
        """Do nothing: no graph is improved in the background."""

    def close(self, until: float | None = None) -> None:
        """Do nothing: nothing runs in the background."""


def trace(
    model: Model,
    spec: GraphSpec,
    *,
    freeze: bool = True,
    places: Places | None = None,
    pictures: int | None = None,
    outputs: GraphFunction = GraphBuilder.outputs,
) -> TensorFlowGraph:
    """Trace and compile one graph.

    Args:
        model: the model to explain.
        spec: what the graph computes.
        freeze: whether the weights become constants of the graph, if that is worth the memory.
        places: finds where the layers' cells lie on the input; None: the maps are assumed to cover the input.
        pictures: how many pictures the graph takes; None: any number.
        outputs: builds the graph's outputs; other ones than those of `GraphOutputs` cannot be run by `run`.

    Raises:
        LayerError: the layer does not exist, or does not lie between the picture and the score.
        ModelError: the network cannot be traced.
    """
    traced = traced_network(model, spec, frozen=freeze)
    # A method of many passes makes a batch of its own inside the graph, so the graph takes one picture.
    count = pictures if spec.one_pass else 1
    signature = [
        tf.TensorSpec((count, *spec.input_size, 3), tf.uint8, name="images"),
        tf.TensorSpec((count, spec.goals, 2), tf.int32, name="aims"),
        tf.TensorSpec((count, spec.goals), tf.float32, name="strengths"),
    ]
    if spec.slots:
        signature.append(tf.TensorSpec((count, traced.features, spec.slots), tf.float32, name="kernel"))
        signature.append(tf.TensorSpec((count, spec.slots), tf.float32, name="bias"))
    with tracing_lock:
        if not traced.network.built:
            # A network that was never called makes its weights at its first call, which must not be a trace.
            model.forward(traced.network, model.preprocessing(tf.zeros((1, *spec.input_size, 3), tf.uint8)))
        builder = GraphBuilder(traced)
        try:
            concrete = _compiled(traced, partial(outputs, builder), signature)
        except TokensFoundError:
            builder = GraphBuilder(traced, _token_layer(traced))
            concrete = _compiled(traced, partial(outputs, builder), signature)
    if places is not None and not builder.is_layerless:
        geometries = places.of(
            traced, paths_in(builder.layer), builder.layer_steps, builder.pixels, builder.activations
        )
        if spec.lays_maps and not all(each.is_whole for each in geometries):
            # The graph itself lays maps over the picture, so it is traced again with their places.
            builder = GraphBuilder(traced, builder.token_layer, geometries)
            with tracing_lock:
                concrete = _compiled(traced, partial(outputs, builder), signature)
        else:
            builder.geometry = geometries[0]
    operations = concrete.graph.get_operations()
    head = builder.head
    return TensorFlowGraph(
        function=concrete,
        facts=GraphFacts(
            layer=builder.layer,
            task=None if head is None else head.task,
            units=0 if head is None else head.units,
            layer_steps=builder.layer_steps,
            geometry=builder.geometry,
            head=builder.pooled_head,
            features=traced.features,
        ),
        name=model.name,
        operations=len(operations),
        one_pass=spec.one_pass,
        frozen=not concrete.captured_inputs,
        size=_OPERATION_BYTES * len(operations) + _COPIES_OF_CONSTANTS * _bytes_of_constants(operations),
    )


def _bytes_of_constants(operations: Sequence[Operation]) -> int:
    """Return how many bytes the constants of a graph have."""
    constants = [each.outputs[0] for each in operations if each.type == "Const"]
    known = [each for each in constants if each.dtype.is_floating and each.shape.is_fully_defined()]
    return sum(math.prod(each.shape) * each.dtype.size for each in known)


def _compiled(
    traced: TracedNetwork, function: Callable[..., object], signature: Sequence[TensorSpec]
) -> ConcreteFunction:
    try:
        return tf.function(function, signature, autograph=False).get_concrete_function()
    except LiveGradcamError:
        raise
    except Exception as error:
        height, width = traced.spec.input_size
        raise ModelError(
            f"{traced.model.name} cannot be traced for pictures of {width}×{height}: {reason_of(error, 200)}"
        ) from error


def _token_layer(traced: TracedNetwork) -> TokenLayer:
    """Return the last tokens whose places the score depends on.

    A vision transformer that classifies by the class token ignores the other tokens after the last block, so their
    gradient is zero there for every picture. One picture is enough to find such layers.
    """
    model, spec = traced.model, traced.spec
    layers: list[TokenLayer] = []

    def reach(images: Tensor) -> list[Tensor]:
        layers.clear()
        calls, output = traced.run(model.preprocessing(images))
        head = traced.head(output)
        scores = None if head is None else head.scores
        found = automatic(calls, output, scores, spec.input_size, model.name)
        found = [call for call in found if call.output.shape.rank == 3][:_TOKEN_LAYERS_TRIED]
        layers.extend(TokenLayer(call.path, call.output.shape[1]) for call in found)
        if head is None:
            gradients = tf.gradients(traced.own_score(output), [call.output for call in found])
        else:
            aim = tf.constant([[-1, NO_RIVAL]])
            goal = goal_of(head, aim, tf.constant([0.0]), spec.rivals, order_of(head))
            seed = head.seed(goal.row, head.places_of(goal.ids))
            gradients = tf.gradients(head.scores, [call.output for call in found], grad_ys=seed)
        reached = []
        for call, gradient in zip(found, gradients, strict=True):
            activation = activation_of(call.output, call.path, spec.input_size, spec.grid)
            zero = tf.constant(0.0)
            reached.append(zero if gradient is None else tf.reduce_max(tf.abs(activation.as_map(gradient))))
        return reached

    signature = [tf.TensorSpec((1, *spec.input_size, 3), tf.uint8)]
    concrete = _compiled(traced, reach, signature)
    noise = np.random.default_rng(0).integers(0, 256, (1, *spec.input_size, 3), np.uint8)
    for layer, reached in zip(layers, concrete(tf.constant(noise)), strict=True):
        if float(reached) > 0:
            return layer
    raise LayerError(
        f"{model.name}: none of its last {len(layers)} token layers has places that the score depends on. "
        "Name one: --layer PATH."
    )
