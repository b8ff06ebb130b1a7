"""The heat maps of one graph: activations, gradients, and what the methods make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.augmentation_smoothing import COPIES, merged
from live_gradcam.explain.feature_map import Activation
from live_gradcam.explain.map_geometry import Geometry, union
from live_gradcam.explain.mean_gradient import mean_gradient
from live_gradcam.explain.methods.method import Method
from live_gradcam.explain.network_output import NetworkOutput, taken
from live_gradcam.explain.network_probe import NetworkProbe
from live_gradcam.explain.pooled_head import LastProduct, last_product
from live_gradcam.explain.raw_maps import evident, fused, raw_map
from live_gradcam.explain.target_layer import not_between
from live_gradcam.explain.target_scores import TargetScores
from live_gradcam.explain.traced_network import TracedNetwork
from live_gradcam.models.type_names import Tensor


class GraphMaps:
    """The maps of one graph, which share activations and gradients."""

    def __init__(
        self,
        traced: TracedNetwork,
        pixels: Tensor,
        output: Tensor,
        head: NetworkOutput | None,
        goals: Sequence[TargetScores | None],
        layers: Sequence[tuple[str, Activation]],
        geometries: Sequence[Geometry],
    ) -> None:
        self._traced = traced
        self._pixels = pixels
        self._head = head
        self._score = traced.own_score(output) if head is None else head.scores
        self._goals = goals
        self._layers = layers
        self._geometries = geometries
        self.geometry = geometries[0]
        """How the maps that `of` returns lie on the network's input."""
        self._features = [activation.as_map(activation.tensor) for _, activation in layers]
        self._slopes: dict[int, list[Tensor]] = {}

    def of(self, method_number: int, target: int) -> tuple[Tensor, Tensor]:
        """Return the raw maps (N, h, w) of one method and target, and whether each has evidence (N,)."""
        spec = self._traced.spec
        method = spec.methods[method_number]
        goal = spec.goal_number(method_number, target)
        if not method.one_pass:
            return self._of_many_passes(method_number, goal)
        slopes: Sequence[Tensor] = [None] * len(self._layers)
        if method.looks_at_gradient:
            slopes = self._curved(goal, method) if method.curved else self._slopes_of(goal)
        scores = None if self._head is None else self._head.scores
        maps = [
            raw_map(method, activation, features, slope, scores)
            for (_, activation), features, slope in zip(self._layers, self._features, slopes, strict=True)
        ]
        if spec.smooth == "augment":
            maps = [
                (merged(raw, geometry.extent), tf.reduce_all(tf.reshape(evidence, (COPIES, -1)), axis=0))
                for (raw, evidence), geometry in zip(maps, self._geometries, strict=True)
            ]
        if len(maps) == 1 or all(each.is_whole for each in self._geometries):
            return fused(maps, spec.fusion)
        sizes = [(int(raw.shape[1]), int(raw.shape[2])) for raw, _ in maps]
        self.geometry, size = union(self._geometries, sizes)
        return fused(maps, spec.fusion, laid_out=(self._geometries, self.geometry, size))

    def channels(self, most: int, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return numbers (N, C), weights (N, C) and activations (N, C, h, w) of the strongest channels.

        Args:
            most: C; fewer if the layer has fewer channels.
            count: N, the number of pictures.
        """
        if most < 1:
            return tf.zeros((count, 0), tf.int32), tf.zeros((count, 0)), tf.zeros((count, 0, 0, 0))
        features = self._features[0][:count]  # the pictures come before their copies
        weights = tf.reduce_mean(self._slopes_of(0)[0][:count], axis=(1, 2))
        strength = tf.abs(weights) * tf.reduce_mean(tf.abs(features), axis=(1, 2))
        numbers = tf.math.top_k(strength, k=min(most, features.shape[-1])).indices
        return numbers, taken(weights, numbers), taken(tf.transpose(features, (0, 3, 1, 2)), numbers)

    def activation(self, count: Tensor, *, wanted: bool) -> Tensor:
        """Return the first layer's activation as a map, (N, h, w, K) float32.

        Args:
            count: N, the number of pictures.
            wanted: whether it is wanted; else the result is (N, 0, 0, 0).
        """
        return self._features[0][:count] if wanted else tf.zeros((count, 0, 0, 0))

    def _of_many_passes(self, method_number: int, goal_number: int) -> tuple[Tensor, Tensor]:
        spec = self._traced.spec
        method = spec.methods[method_number]
        (path, activation), *others = self._layers
        if others or spec.smooth == "augment":
            what = "several layers" if others else "augmentation smoothing"
            raise LiveGradcamError(
                f"{method.name} does not go with {what}: take a method of one pass, such as gradcam."
            )
        goal, slope = self._goals[goal_number], self._slopes_of(goal_number)[0]
        extent = self._geometries[0].extent
        traced = self._traced
        if method.by_probability:
            traced = replace(traced, spec=replace(spec, score="probability"))
        probe = NetworkProbe(
            traced, goal, self._pixels, path, activation, slope, self._head, self._score, extent
        )
        signed, noise = (each[None] for each in method.function(probe))
        raw = tf.nn.relu(signed) if method.rectified else signed
        return raw, evident(signed, raw, noise)

    def _slopes_of(self, goal_number: int) -> list[Tensor]:
        """Return ∂y/∂A of each layer as a map, (N, h, w, K) float32.

        If all methods need its mean over the places only, it may be that mean: (N, 1, 1, K).
        """
        if goal_number not in self._slopes:
            goal = self._goals[goal_number]
            self._slopes[goal_number] = self._means(goal) or self._differentiated(goal)
        return self._slopes[goal_number]

    def _means(self, goal: TargetScores | None) -> list[Tensor] | None:
        """Return the mean of ∂y/∂A over the places of the only layer; None if ∂y/∂A itself is needed."""
        if len(self._layers) > 1 or not all(method.averages for method in self._traced.spec.methods):
            return None
        ((_, activation),) = self._layers
        found = mean_gradient(self._score, activation.tensor, lambda z: self._gradients(goal, [z])[0])
        return None if found is None else [found]

    def _differentiated(self, goal: TargetScores | None) -> list[Tensor]:
        tensors = [activation.tensor for _, activation in self._layers]
        found = self._gradients(goal, tensors)
        # A method that maps the pixels needs no layer that the score depends on.
        if not all(method.maps_pixels for method in self._traced.spec.methods):
            for (path, _), gradient in zip(self._layers, found, strict=True):
                if gradient is None:
                    raise not_between(path, self._traced.model.name)
        gradients = [tf.zeros_like(t) if g is None else g for t, g in zip(tensors, found, strict=True)]
        return [
            activation.as_map(gradient)
            for (_, activation), gradient in zip(self._layers, gradients, strict=True)
        ]

    def _curved(self, goal_number: int, method: Method) -> list[Tensor]:
        """Return ∂y/∂A − ½ H A of each layer as a map, (N, h, w, K) float32, with H the Hessian of y.

        Raises:
            LiveGradcamError: an operation of the network has no second derivative in TensorFlow.
        """
        slopes = self._slopes_of(goal_number)
        found = []
        for (_, activation), slope in zip(self._layers, slopes, strict=True):
            tensor = activation.tensor
            (gradient,) = self._gradients(self._goals[goal_number], [tensor])
            try:
                (product,) = tf.gradients(gradient, tensor, grad_ys=tensor)
            except LookupError as error:
                raise LiveGradcamError(
                    f"{method.name} needs second derivatives, and {self._traced.model.name} has an operation "
                    f"without one in TensorFlow ({error}). Take another method, such as gradcam."
                ) from error
            found.append(slope if product is None else slope - 0.5 * activation.as_map(product))
        return found

    def _gradients(self, goal: TargetScores | None, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return ∂y/∂x for each tensor x; None if y does not depend on it."""
        head = self._head
        if head is None or goal is None:
            return list(tf.gradients(self._score, tensors))
        if self._traced.spec.smooth == "augment":
            goal = goal.repeated(COPIES)
        elif self._product is not None:
            slope = self._product.gradient(*goal.summands())
            found = list(tf.gradients(self._product.features, tensors, grad_ys=slope))
            if all(each is not None for each in found):
                return found
        return list(tf.gradients(self._score, tensors, grad_ys=head.seed(goal.row, head.places_of(goal.ids))))

    @cached_property
    def _product(self) -> LastProduct | None:
        """The product at the network's end, if gradients begin before it; one copy of its weights serves all goals.

        Only in a graph of one picture, which is for another runtime: TensorFlow would hold several copies.
        """
        head, spec = self._head, self._traced.spec
        if head is None or head.task == "values" or not spec.one_pass or head.scores.shape.rank != 2:
            return None
        return last_product(head.scores) if head.scores.shape[0] == 1 else None
