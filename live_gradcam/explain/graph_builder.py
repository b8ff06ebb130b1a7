"""Builds graphs: pictures in, predictions, maps and channels out, from one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import tensorflow as tf

from live_gradcam.errors import LayerError, LiveGradcamError
from live_gradcam.explain.array_types import LayerShape
from live_gradcam.explain.augmentation_smoothing import copies_of
from live_gradcam.explain.feature_map import Activation, activation_of
from live_gradcam.explain.graph_maps import GraphMaps
from live_gradcam.explain.layer_calls import LayerCall
from live_gradcam.explain.layer_steps import choose_layer_steps
from live_gradcam.explain.map_geometry import COVERING, Geometry
from live_gradcam.explain.network_output import NetworkOutput, taken
from live_gradcam.explain.pooled_head import pooled_head
from live_gradcam.explain.runtime import MOST_VALUES, TOP, PooledHead
from live_gradcam.explain.target_layer import automatic, check_reachable, layer_at
from live_gradcam.explain.target_scores import TargetScores, goal_of, order_of
from live_gradcam.explain.traced_network import TracedNetwork
from live_gradcam.models.type_names import Tensor

INPUT = "input"
"""What stands in place of a layer's path where the network has no layer to explain."""


@dataclass(frozen=True, slots=True)
class TokenLayer:
    """A layer whose activation is tokens."""

    path: str

    tokens: int
    """How many there are, with the class token and registers."""


class TokensFoundError(LiveGradcamError):
    """The layer that would be chosen gives tokens, and it is not known which of them the score depends on."""


class GraphBuilder:
    """Builds one graph, and keeps what it learns about the network in its attributes.

    Args:
        traced: the network and the specification of the graph.
        token_layer: the explained layer if none is named; None: a feature map is chosen.
        geometries: the geometry of each layer's map; empty: all maps cover the input.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        token_layer: TokenLayer | None = None,
        geometries: Sequence[Geometry] = (),
    ) -> None:
        self._traced = traced
        self.token_layer = token_layer
        self._geometries = geometries
        self.geometry = COVERING
        """How the maps lie on the network's input."""
        self.layer = ""
        """Path of the explained layer; several are joined by commas; `INPUT` if there is none."""
        self.is_layerless = False
        """Whether there is none, so that the maps are of the input."""
        self.head: NetworkOutput | None = None
        """The network's output; None if a score function of the user's is explained."""
        self.own: NetworkOutput | None = None
        """The same for the pictures alone, without their copies."""
        self.layer_steps: tuple[LayerShape, ...] = ()
        """The layers to step through, from shallow to deep."""
        self.pixels: Tensor = None
        """The network's input."""
        self.activations: tuple[Tensor, ...] = ()
        """The output of each layer."""
        self.pooled_head: PooledHead | None = None
        """What makes scores of the first layer's output; see `GraphFacts.head`."""

    def outputs(
        self, images: Tensor, aims: Tensor, strengths: Tensor, *weights: Tensor
    ) -> tuple[Tensor, ...]:
        """Build the graph.

        Args:
            images: (N, H, W, 3) uint8 BGR.
            aims: (N, G, 2) int32: class and rival of each picture's goals, as in `targets.Aim`.
            strengths: (N, G) float32.
            weights: with slots kernel (N, F, K) and bias (N, K), float32.

        Returns:
            The tensors of `GraphOutputs`, in its order.
        """
        spec = self._traced.spec
        traced = replace(self._traced, head_weights=weights) if weights else self._traced
        pixels = traced.model.preprocessing(images)
        count = tf.shape(pixels)[0]
        seen = copies_of(pixels) if spec.smooth == "augment" else pixels
        calls, last = traced.run_network(seen)
        output = traced.classified(last)
        feature_map = tf.cast(last, tf.float32)[:count] if spec.slots else tf.zeros((count, 0, 0, 0))
        head = traced.head(output)
        layers = self._layers(seen, calls, output, head)
        self.pixels, self.activations = seen, tuple(activation.tensor for _, activation in layers)
        own = head.first(count) if head is not None and seen is not pixels else head
        order = None if own is None else order_of(own)
        goals = [
            None
            if own is None
            else goal_of(
                own, aims[:, number], strengths[:, number], spec.rivals, order, has_slots=spec.slots > 0
            )
            for number in range(spec.goals)
        ]
        self.head, self.own = head, own
        geometries = self._geometries or [COVERING] * len(layers)
        maps = GraphMaps(traced, pixels, output, head, goals, layers, geometries)
        found = [
            [maps.of(method, target) for target in range(spec.targets)] for method in range(len(spec.methods))
        ]
        raw, evidence = (
            tf.stack([tf.stack([each[part] for each in row], axis=1) for row in found], axis=1)
            for part in (0, 1)
        )
        self.geometry = maps.geometry
        said = self._said(own, order, goals, output, count)
        # A target of NaN or infinity has no evidence, even if the activations are finite.
        target = said[5] if own is None or own.probabilities is None else said[4]
        numbers = [
            [spec.goal_number(method, each) for each in range(spec.targets)]
            for method in range(len(spec.methods))
        ]
        sound = tf.gather(tf.math.is_finite(target), tf.constant(numbers), axis=1)
        if own is not None and own.task == "classes":
            sound &= said[-1][:, None, None]  # each class depends on all others
        evidence &= sound
        if spec.activation and not spec.slots:
            self.pooled_head = pooled_head(head, self.activations[0])
        activation = maps.activation(count, wanted=spec.activation)
        return (*said, raw, evidence, *maps.channels(spec.channels, count), activation, feature_map)

    def _said(
        self,
        head: NetworkOutput | None,
        order: Tensor | None,
        goals: Sequence[TargetScores | None],
        output: Tensor,
        count: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return the network's predictions: the first ten tensors of `GraphOutputs`."""
        number = len(goals)
        if head is None:
            score = self._traced.own_score(output)[:count]
            none, ids = tf.zeros((count, 0)), tf.zeros((count, 0), tf.int32)
            values = tf.tile(score[:, None], (1, number))
            rivals = (tf.zeros((count, number, 0), tf.int32), *[tf.zeros((count, number, 0))] * 2)
            own = (tf.fill((count, number), -1), none, values)
            return (ids, none, none, *own, *rivals, tf.math.is_finite(score))
        if order is None:
            shown = min(MOST_VALUES, head.classes)
            top = tf.tile(tf.range(shown)[None], (count, 1))
            finite = tf.reduce_all(tf.math.is_finite(head.values), axis=1)
        else:
            top = order[:, :TOP]
            finite = tf.reduce_all(tf.math.is_finite(head.probabilities), axis=1)
        target_ids = tf.stack([goal.ids for goal in goals if goal], axis=1)
        rival_ids = tf.stack([goal.rival_ids for goal in goals if goal], axis=1)
        # One lookup for all of them: it is a dozen operations, and their number counts in a small network.
        per_goal = int(rival_ids.shape[-1])
        lengths = [int(top.shape[-1]), number, number * per_goal]
        flat = tf.concat([top, target_ids, tf.reshape(rival_ids, (-1, lengths[2]))], axis=1)
        there = tf.maximum(flat, 0)

        def looked_up(figures: Tensor) -> list[Tensor]:
            *others, last = tf.split(taken(figures, there), lengths, axis=1)
            return [*others, tf.reshape(last, (-1, number, per_goal))]

        values = looked_up(head.values)
        if head.probabilities is None:
            likely = [*[tf.zeros((count, 0))] * 2, tf.zeros((count, number, 0))]
        else:
            likely = values if head.values is head.probabilities else looked_up(head.probabilities)
        ids = (top, target_ids, rival_ids)
        said = [tensor for parts in zip(ids, likely, values, strict=True) for tensor in parts]
        return (*said, finite)

    def _layers(
        self, pixels: Tensor, calls: Sequence[LayerCall], output: Tensor, head: NetworkOutput | None
    ) -> list[tuple[str, Activation]]:
        """Return path and activation of each explained layer.

        A network without a feature map, such as one of dense layers, has its input in place of a layer, if all methods
        map the pixels.
        """
        spec, name = self._traced.spec, self._traced.model.name
        scores = None if head is None else head.scores
        if spec.layers is not None:
            found = [layer_at(calls, path, spec.input_size, name) for path in spec.layers]
        elif self.token_layer is not None:
            found = [layer_at(calls, self.token_layer.path, spec.input_size, name)]
            # In a graph that was read from a file, the number of tokens is known only for a batch of known length.
            found[0].output.set_shape((None, self.token_layer.tokens, None))
        else:
            try:
                found = automatic(calls, output, scores, spec.input_size, name)[:1]
            except LayerError:
                if any(method.needs_layer for method in spec.methods):
                    raise
                self.layer, self.is_layerless = INPUT, True
                return [(INPUT, Activation(pixels))]
            if found[0].output.shape.rank == 3:
                raise TokensFoundError
        for call in found:
            check_reachable(call, output, name)
        self.layer = ",".join(call.path for call in found)
        own = self._traced.model.layer
        usual = found if spec.layers is None else []
        if spec.layers is not None and own is not None:
            usual = [layer_at(calls, own, spec.input_size, name)]
        self.layer_steps = choose_layer_steps(calls, output, scores, spec.input_size, usual)
        return [
            (call.path, activation_of(call.output, call.path, spec.input_size, spec.grid)) for call in found
        ]
