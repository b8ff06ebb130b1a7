"""Turns the arrays that a graph returned into explanations and channels, with the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from live_gradcam.explain.array_types import Ids, Numbers
from live_gradcam.explain.graph_spec import GraphSpec, paths_in
from live_gradcam.explain.input_fitting import Fitting
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explain.methods.own_methods import warn_not_finite
from live_gradcam.explain.runtime import GraphFacts, GraphOutputs, PooledHead
from live_gradcam.explain.targets import REVERSED, Aim
from live_gradcam.explanation import Explanation, Region
from live_gradcam.models.labels import Labels
from live_gradcam.prediction import Contrast, Lowered, Prediction, Target, Value
from live_gradcam.question import Channel, LayerActivation


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ResultReader:
    """Reads the result of one run of a graph."""

    spec: GraphSpec
    facts: GraphFacts
    labels: Sequence[Labels]
    """For each picture, the names of its classes."""

    aims: Sequence[Sequence[Aim]]
    """For each picture, one for each goal of the graph."""

    result: GraphOutputs

    def explanation(
        self,
        fitting: Fitting,
        *,
        picture: int = 0,
        method: int = 0,
        target: int = 0,
        corner: tuple[int, int] = (0, 0),
    ) -> Explanation:
        """Return one explanation.

        Args:
            fitting: how the picture was brought to the network.
            picture: number of the picture in the batch.
            method: number of the method in the graph.
            target: number of the target in the graph.
            corner: (x, y) of the picture's upper left corner in the frame, in pixels.
        """
        result, goal = self.result, self.spec.goal_number(method, target)
        geometry = self.facts.geometry
        if self.spec.methods[method].maps_pixels:
            geometry = Geometry(seen=geometry.seen)  # the map is one of the input
        raw = geometry.turned(result.raw[picture, method, target])
        own = self.spec.methods[method].own
        if own is not None and result.finite[picture] and not np.isfinite(raw).all():
            warn_not_finite(own)
        raw = np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0)
        region, inset = fitting.laid(geometry.upright)
        has_evidence = bool(result.evidence[picture, method, target])
        heatmap = np.zeros_like(raw)
        if has_evidence:
            np.maximum(raw, 0.0, out=heatmap)
            peak = heatmap.max()
            if peak > 0:
                heatmap /= peak
        top = self._predictions(
            picture, result.top_ids[picture], result.top_probabilities[picture], result.top_values[picture]
        )
        if self.facts.task == "multi-label":
            top = tuple(each for each in top if each.probability is not None)
        elif self._is_broken(picture):
            top = ()
        if self.spec.slots:
            top = tuple(each for each in top if each.class_id < len(self.labels[picture]))
        return Explanation(
            heatmap=heatmap,
            raw_heatmap=raw,
            has_evidence=has_evidence,
            top=top,
            target=self._target(picture, goal),
            region=_moved(region, corner),
            method=self.spec.methods[method].name,
            layer=self.facts.layer,
            inset=inset,
            task=self.facts.task or "values",
            is_finite=bool(result.finite[picture]),
            automatic=self.facts.task is not None and self.aims[picture][goal].automatic,
        )

    def channels(self, picture: int = 0) -> tuple[Channel, ...]:
        """Return the strongest channels of one picture."""
        result = self.result
        return tuple(
            Channel(
                int(number),
                float(np.nan_to_num(weight)),
                np.nan_to_num(self.facts.geometry.turned(activation)),
            )
            for number, weight, activation in zip(
                result.channel_numbers[picture],
                result.channel_weights[picture],
                result.channel_maps[picture],
                strict=True,
            )
        )

    def activation(
        self, fitting: Fitting, *, picture: int = 0, corner: tuple[int, int] = (0, 0)
    ) -> LayerActivation | None:
        """Return the layer's activation for one picture; None if the graph does not return it.

        Args:
            fitting: how the picture was brought to the network.
            picture: number of the picture in the batch.
            corner: (x, y) of the picture's upper left corner in the frame, in pixels.
        """
        if not self.spec.activation:
            return None
        geometry = self.facts.geometry
        by_channel = geometry.turned(np.moveaxis(self.result.activation[picture], 2, 0))
        region, inset = fitting.laid(geometry.upright)
        head = (
            None
            if self.facts.head is None
            else partial(self._predicted, self.facts.head, self.labels[picture])
        )
        values = np.ascontiguousarray(np.moveaxis(np.nan_to_num(by_channel), 0, 2))
        layer = paths_in(self.facts.layer)[0]
        weights = None if self.facts.head is None else self.facts.head.weights
        return LayerActivation(layer, values, _moved(region, corner), inset, head, weights)

    def _predicted(self, head: PooledHead, labels: Labels, means: Numbers) -> Prediction:
        """Return the most probable class or label for means of the activation over all places."""
        logits = head.scores(means).astype(np.float64)
        best = int(logits.argmax())
        if self.facts.task == "multi-label":
            probability = 1 / (1 + np.exp(-logits[best]))
        else:
            probability = 1 / np.exp(logits - logits[best]).sum()
        return Prediction(best, labels[best], float(probability))

    def _is_broken(self, picture: int) -> bool:
        """Return whether a class has NaN. Classes depend on one another, so no class is reported then."""
        return self.facts.task == "classes" and not self.result.finite[picture]

    def _target(self, picture: int, goal: int) -> Target:
        result = self.result
        if self.facts.task is None:
            name = str(getattr(self.spec.function, "__name__", "score"))
            return Value(name, _number(result.target_values[picture, goal]))
        one = slice(goal, goal + 1)
        (prediction,) = self._predictions(
            picture,
            result.target_ids[picture, one],
            result.target_probabilities[picture, one],
            result.target_values[picture, one],
        )
        ids = result.rival_ids[picture, goal]
        there = ids >= 0
        rivals = self._predictions(
            picture,
            ids[there],
            result.rival_probabilities[picture, goal][there[: result.rival_probabilities.shape[2]]],
            result.rival_values[picture, goal][there],
        )
        if self._is_broken(picture):
            prediction = replace(prediction, probability=None, value=None)
            rivals = tuple(replace(rival, probability=None, value=None) for rival in rivals)
        aim = self.aims[picture][goal]
        if rivals:
            return Contrast(prediction, rivals, aim.strength)
        return Lowered(prediction) if self.facts.task == "values" and aim.rival == REVERSED else prediction

    def _predictions(
        self, picture: int, ids: Ids, probabilities: Numbers, values: Numbers
    ) -> tuple[Prediction, ...]:
        """Return the predictions of a picture for the outputs `ids`, (k,); `probabilities` may be empty."""
        likely = [_number(each) for each in probabilities] or [None] * len(ids)
        labels = self.labels[picture]
        units = labels.units if self.facts.task == "values" else ()
        return tuple(
            Prediction(
                class_id=int(class_id),
                label=labels[int(class_id)] if class_id < len(labels) else "",  # an unused slot
                probability=None if probability is None else min(1.0, max(0.0, probability)),
                value=_number(value),
                unit=units[int(class_id)] if units else "",
            )
            for class_id, probability, value in zip(ids, likely, values, strict=True)
        )


def _number(value: np.float32) -> float | None:
    """Return a number; None if it is NaN or infinite."""
    return float(value) if np.isfinite(value) else None


def _moved(region: Region, corner: tuple[int, int]) -> Region:
    x, y, width, height = region
    return x + corner[0], y + corner[1], width, height
