"""Reads what a graph returned: arrays become explanations and channels, with the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from live_gradcam.explain.fit import Fitting
from live_gradcam.explain.geometry import COVERING, Geometry
from live_gradcam.explain.graph import Result
from live_gradcam.explain.plan import Plan
from live_gradcam.explain.targets import Aim
from live_gradcam.explanation import Contrast, Explanation, Prediction, Region, Target, Value
from live_gradcam.models.labels import Labels
from live_gradcam.question import Channel


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reading:
    """What one run of a graph says of its pictures."""

    plan: Plan
    layer: str
    """Path of the layer that was explained."""

    labels: Labels
    aims: Sequence[Sequence[Aim]]
    """For each picture, one for each of the plan's goals."""

    result: Result
    """Arrays."""

    geometry: Geometry = COVERING
    """How the layer's map lies on the network's input."""

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
            picture: which of the batch.
            method: which of the plan's.
            target: which of the plan's.
            corner: where in the frame the picture's upper left corner lies, in pixels.
        """
        result, goal = self.result, self.plan.goal_number(method, target)
        geometry = self.geometry
        if self.plan.methods[method].family == "pixel":
            geometry = Geometry(seen=geometry.seen)  # the map is the input's own
        raw = geometry.turned(result.raw[picture, method, target])
        raw = np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0)
        region, inset = fitting.laid(geometry.upright)
        has_evidence = bool(result.evidence[picture, method, target])
        heatmap = np.zeros_like(raw)
        if has_evidence:
            np.maximum(raw, 0.0, out=heatmap)
            peak = heatmap.max()
            if peak > 0:
                heatmap /= peak
        top = zip(result.top_ids[picture], result.top_probabilities[picture], strict=True)
        return Explanation(
            heatmap=heatmap,
            raw_heatmap=raw,
            has_evidence=has_evidence,
            top=tuple(self._prediction(class_id, probability) for class_id, probability in top),
            target=self._target(picture, goal),
            region=_moved(region, corner),
            method=self.plan.methods[method].name,
            layer=self.layer,
            inset=inset,
        )

    def channels(self, picture: int = 0) -> tuple[Channel, ...]:
        """Return the strongest channels of one picture, as many as the plan has."""
        result = self.result
        return tuple(
            Channel(
                int(number), float(np.nan_to_num(weight)), np.nan_to_num(self.geometry.turned(activation))
            )
            for number, weight, activation in zip(
                result.channel_numbers[picture],
                result.channel_weights[picture],
                result.channel_maps[picture],
                strict=True,
            )
        )

    def _target(self, picture: int, goal: int) -> Target:
        result = self.result
        value = float(result.target_values[picture, goal])
        class_id = int(result.target_ids[picture, goal])
        if class_id < 0:
            return Value(str(getattr(self.plan.function, "__name__", "score")), value)
        prediction = self._prediction(class_id, value)
        rivals = tuple(
            self._prediction(rival, probability)
            for rival, probability in zip(
                result.rival_ids[picture, goal], result.rival_probabilities[picture, goal], strict=True
            )
            if rival >= 0
        )
        return Contrast(prediction, rivals, self.aims[picture][goal].strength) if rivals else prediction

    def _prediction(self, class_id: Any, probability: Any) -> Prediction:  # noqa: ANN401 - NumPy scalars
        # A network that gives NaN says nothing, and with no probability.
        return Prediction(int(class_id), self.labels[int(class_id)], float(np.nan_to_num(probability)))


def _moved(region: Region, corner: tuple[int, int]) -> Region:
    x, y, width, height = region
    return x + corner[0], y + corner[1], width, height
