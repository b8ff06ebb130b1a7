"""Traces a network once into a graph that takes pictures and returns predictions and maps from one pass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from live_gradcam.errors import LayerError, LiveGradcamError, ModelError
from live_gradcam.explain.activation import Activation, activation_of
from live_gradcam.explain.head import Head
from live_gradcam.explain.layers import automatic, check_reachable, layer_at, not_between
from live_gradcam.explain.maps import fused, raw_map
from live_gradcam.explain.observation import Call, tracing_lock
from live_gradcam.explain.plan import Goal, Plan, goal_of
from live_gradcam.explain.smoothing import COPIES, copies_of, merged
from live_gradcam.explain.targets import NO_RIVAL
from live_gradcam.explain.traced_probe import TracedProbe
from live_gradcam.native import native_stderr_filtered

logger = logging.getLogger(__name__)

Tensor = Any

TOP = 5
"""How many classes a result names."""

FREEZE_LIMIT = 100 * 2**20
"""Bytes of weights up to which the graph is frozen to constants: small networks gain 6 to 8%; large ones would
take half a minute and many times their size in memory."""

_TOKEN_LAYERS_TRIED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A compiled explanation for one input shape."""

    function: Any
    """(images (N, H, W, 3) uint8, aims (T, 2) int32, strengths (T,) float32) to the tensors of `Result`."""

    layer: str
    """Path of the layer that is explained; several are joined by commas."""

    frozen: bool
    """Whether the weights are constants of the graph."""

    nodes: int
    """How many operations the traced graph has."""

    classes: int
    """How many classes the model has; 0 where it has none."""

    batched: bool
    """Whether it takes more than one picture at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What the graph returns, tensors while it is traced and arrays afterwards."""

    top_probabilities: Any
    """(N, k) float32."""

    top_ids: Any
    """(N, k) int32."""

    target_ids: Any
    """(N, T) int32."""

    target_values: Any
    """(N, T) float32: the class's probability, or what the user's own function gave."""

    rival_ids: Any
    """(N, T, R) int32; −1 for none."""

    rival_probabilities: Any
    """(N, T, R) float32."""

    raw: Any
    """(N, T, h, w) float32."""

    evidence: Any
    """(N, T) bool."""


FIELDS = tuple(Result.__slots__)


@native_stderr_filtered()
def trace(plan: Plan) -> Trace:
    """Trace and compile.

    Raises:
        LayerError: the layer is not there, or does not lie between the picture and the score.
        ModelError: the network cannot be traced.
    """
    # What passes are tried one by one, inside the graph, is not batched over pictures as well.
    batched = plan.method.family in ("gradient", "activation")
    chosen: dict[str, Any] = {}

    def explain(images: Tensor, aims: Tensor, strengths: Tensor) -> tuple[Tensor, ...]:
        result = _Build(plan, chosen).result(images, aims, strengths)
        return tuple(getattr(result, field) for field in FIELDS)

    signature = (
        tf.TensorSpec((None if batched else 1, *plan.input_size, 3), tf.uint8, name="images"),
        tf.TensorSpec((plan.targets, 2), tf.int32, name="aims"),
        tf.TensorSpec((plan.targets,), tf.float32, name="strengths"),
    )
    with tracing_lock:
        if not plan.network.built:
            # A network that was never called makes its weights at its first call, which must not be a trace.
            plan.model.forward(
                plan.network, plan.model.preprocessing(tf.zeros((1, *plan.input_size, 3), tf.uint8))
            )
        try:
            concrete = _compiled(plan, explain, signature)
        except _TokensFoundError:
            chosen["tokens"] = _token_layer(plan)
            concrete = _compiled(plan, explain, signature)
        function, frozen = _frozen(concrete)
    nodes = len(concrete.graph.get_operations())
    return Trace(function, chosen["layer"], frozen, nodes, chosen["classes"], batched)


def _compiled(plan: Plan, function: Any, signature: Sequence[Any]) -> Any:  # noqa: ANN401 - a tf.ConcreteFunction
    try:
        return tf.function(function, signature, autograph=False).get_concrete_function()
    except LiveGradcamError:
        raise
    except Exception as error:
        height, width = plan.input_size
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"{plan.model.name} cannot be traced for pictures of {width}×{height}: {line}"
        ) from error


class _TokensFoundError(LiveGradcamError):
    """The layer that would be chosen gives tokens: which of them matter has to be looked at first."""


class _Build:
    """Builds the graph of one explanation."""

    def __init__(self, plan: Plan, chosen: dict[str, Any]) -> None:
        self._plan = plan
        self._chosen = chosen

    def result(self, images: Tensor, aims: Tensor, strengths: Tensor) -> Result:
        plan = self._plan
        pixels = plan.model.preprocessing(images)
        count = tf.shape(pixels)[0]
        seen = copies_of(pixels) if plan.smooth == "augment" else pixels
        calls, output = plan.run(seen)
        head = plan.head(output)
        layers = self._layers(calls, output, head)
        own = None if head is None else Head(head.probabilities[:count], head.scores[:count])
        goals = [
            None if own is None else goal_of(own, aims[number], strengths[number], plan.rivals)
            for number in range(plan.targets)
        ]
        maps = [self._map(pixels, output, head, goal, layers) for goal in goals]
        raw, evidence = (tf.stack(each, axis=1) for each in zip(*maps, strict=True))
        self._chosen["classes"] = 0 if own is None else own.classes
        if own is None:
            assert plan.function is not None
            value = tf.cast(tf.reshape(plan.function(output), (-1, 1)), tf.float32)
            return Result(
                top_probabilities=tf.zeros((count, 0)),
                top_ids=tf.zeros((count, 0), tf.int32),
                target_ids=tf.fill((count, 1), -1),
                target_values=value[:count],
                rival_ids=tf.zeros((count, 1, 0), tf.int32),
                rival_probabilities=tf.zeros((count, 1, 0)),
                raw=raw,
                evidence=evidence,
            )
        top_probabilities, top_ids = tf.math.top_k(own.probabilities, k=min(TOP, own.classes))
        target_ids = tf.stack([goal.ids for goal in goals if goal], axis=1)
        rival_ids = tf.stack([goal.rival_ids for goal in goals if goal], axis=1)
        return Result(
            top_probabilities=top_probabilities,
            top_ids=top_ids,
            target_ids=target_ids,
            target_values=tf.gather(own.probabilities, target_ids, batch_dims=1),
            rival_ids=rival_ids,
            rival_probabilities=tf.gather(own.probabilities, tf.maximum(rival_ids, 0), batch_dims=1),
            raw=raw,
            evidence=evidence,
        )

    def _layers(
        self, calls: Sequence[Call], output: Tensor, head: Head | None
    ) -> list[tuple[str, Activation]]:
        plan = self._plan
        name = plan.model.name
        if plan.layers is not None:
            found = [layer_at(calls, path, plan.input_size, name) for path in plan.layers]
        elif self._chosen.get("tokens"):
            found = [layer_at(calls, self._chosen["tokens"], plan.input_size, name)]
        else:
            scores = head.scores if head is not None else None
            found = automatic(calls, output, scores, plan.input_size, name)[:1]
            if found[0].output.shape.rank == 3:
                raise _TokensFoundError
        for call in found:
            check_reachable(call, output, name)
        self._chosen["layer"] = ",".join(call.path for call in found)
        return [
            (call.path, activation_of(call.output, call.path, plan.input_size, plan.grid)) for call in found
        ]

    def _map(
        self,
        pixels: Tensor,
        output: Tensor,
        head: Head | None,
        goal: Goal | None,
        layers: Sequence[tuple[str, Activation]],
    ) -> tuple[Tensor, Tensor]:
        """Return the raw maps (N, h, w) of one target, and whether each has evidence (N,)."""
        plan = self._plan
        copies = COPIES if plan.smooth == "augment" else 1
        gradients = self._gradients(output, head, goal.repeated(copies) if goal else None, layers)
        if plan.method.family in ("perturbation", "pixel"):
            (path, activation), *others = layers
            if others or plan.smooth == "augment":
                what = "several layers" if others else "augmentation smoothing"
                raise LiveGradcamError(
                    f"{plan.method.name} does not go with {what}: take a method of one pass, such as gradcam."
                )
            probe = TracedProbe(plan, goal, pixels, path, activation, gradients[0])
            raw = plan.method.function(probe)[None]
            if plan.method.rectified:
                raw = tf.nn.relu(raw)
            finite = tf.reduce_all(tf.math.is_finite(raw), axis=(1, 2))
            return raw, finite & (tf.reduce_max(tf.abs(raw), axis=(1, 2)) > 0)
        maps = [
            raw_map(plan.method, activation, gradient, head.scores if head else None)
            for (_, activation), gradient in zip(layers, gradients, strict=True)
        ]
        if copies > 1:
            maps = [
                (merged(raw), tf.reduce_all(tf.reshape(evidence, (copies, -1)), axis=0))
                for raw, evidence in maps
            ]
        return fused(maps, plan.fusion)

    def _gradients(
        self,
        output: Tensor,
        head: Head | None,
        goal: Goal | None,
        layers: Sequence[tuple[str, Activation]],
    ) -> list[Tensor]:
        plan = self._plan
        tensors = [activation.tensor for _, activation in layers]
        if plan.method.family == "activation":
            return [None] * len(tensors)
        if head is None or goal is None:
            assert plan.function is not None
            found = tf.gradients(plan.function(output), tensors)
        else:
            found = tf.gradients(head.scores, tensors, grad_ys=head.seed(goal.row, goal.ids))
        for (path, _), gradient in zip(layers, found, strict=True):
            if gradient is None and plan.method.family != "pixel":
                raise not_between(path, plan.model.name)
        return [tf.zeros_like(t) if g is None else g for t, g in zip(tensors, found, strict=True)]


def _token_layer(plan: Plan) -> str:
    """Return the path of the last tokens whose places the score depends on.

    A vision transformer that reads its answer off the class token ignores what the last block makes of the other
    tokens: their gradient is zero there, whatever the picture. So it is looked for on one.
    """
    paths: list[str] = []

    def reach(images: Tensor) -> list[Tensor]:
        paths.clear()
        calls, output = plan.run(plan.model.preprocessing(images))
        head = plan.head(output)
        scores = None if head is None else head.scores
        found = automatic(calls, output, scores, plan.input_size, plan.model.name)
        found = [call for call in found if call.output.shape.rank == 3][:_TOKEN_LAYERS_TRIED]
        paths.extend(call.path for call in found)
        if head is None:
            assert plan.function is not None
            gradients = tf.gradients(plan.function(output), [call.output for call in found])
        else:
            aim = tf.constant([-1, NO_RIVAL])
            goal = goal_of(head, aim, tf.constant(0.0), plan.rivals)
            seed = head.seed(goal.row, goal.ids)
            gradients = tf.gradients(head.scores, [call.output for call in found], grad_ys=seed)
        reached = []
        for call, gradient in zip(found, gradients, strict=True):
            activation = activation_of(call.output, call.path, plan.input_size, plan.grid)
            zero = tf.constant(0.0)
            reached.append(zero if gradient is None else tf.reduce_max(tf.abs(activation.as_map(gradient))))
        return reached

    signature = [tf.TensorSpec((1, *plan.input_size, 3), tf.uint8)]
    concrete = _compiled(plan, reach, signature)
    noise = np.random.default_rng(0).integers(0, 256, (1, *plan.input_size, 3), np.uint8)
    for path, reached in zip(paths, concrete(tf.constant(noise)), strict=True):
        if float(reached) > 0:
            return path
    raise LayerError(
        f"{plan.model.name}: none of its last {len(paths)} token layers has places that the score depends on. "
        "Name one: --layer PATH."
    )


def _frozen(concrete: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the function with its weights as constants where that pays, and whether it was done."""
    weights = sum(variable.shape.num_elements() * variable.dtype.size for variable in concrete.variables)
    if weights > FREEZE_LIMIT:
        return concrete, False
    try:
        return freeze(concrete), True
    except Exception as error:
        logger.info("the graph runs unfrozen: %s", error)
        return concrete, False


def freeze(concrete: Any) -> Any:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the same function with its variables replaced by constants of their present values."""
    constant = convert_variables_to_constants_v2(concrete)
    # What the conversion returns has lost its signature: each direct call would first fail to match it, and word
    # an error with every argument printed, before it ran. 2 ms; a plain function around it has none of that.
    arguments, _ = concrete.structured_input_signature
    return tf.function(
        lambda *tensors: constant(*tensors), arguments, autograph=False
    ).get_concrete_function()
