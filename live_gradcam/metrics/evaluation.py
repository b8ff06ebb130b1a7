"""Evaluation: metrics of several methods over many photographs, with intervals and paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from live_gradcam.errors import SettingsError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.input_fitting import size_of
from live_gradcam.faithfulness import Baseline
from live_gradcam.frame import Pixels
from live_gradcam.metrics.bootstrap import Difference, bootstrap_mean, paired_difference
from live_gradcam.metrics.curves import STEPS
from live_gradcam.metrics.map_case import CONTROLS, Control
from live_gradcam.metrics.metric import DEFAULT_METRICS, metric_named
from live_gradcam.metrics.photo_test import MapName, PhotoTest, PhotoValues, Place, wanted_values
from live_gradcam.number_format import counted

MOST_CONTROLS = 50
"""How many photographs the controls are tested on, because each control costs as much as a method."""

FEW_PHOTOS = 20
"""Below this number of photographs a bootstrap interval is too narrow, and a comparison is called a hint."""

_LEAST = 0.0005
"""The least difference that does not round to 0.000."""

_MOST_WORSE = 4
"""How many methods that are worse are named."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one method, or of one of its controls, over all photographs."""

    method: str
    metric: str
    mean: float
    low: float
    """The lower end of the mean's 95% bootstrap interval."""

    high: float
    """The upper end."""

    count: int
    """How many photographs have a value: not those on which the method found no evidence."""

    control: Control | None = None
    """The control that was tested in place of the method's map; None: the map itself."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation."""

    model: str
    count: int
    """How many photographs were evaluated."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()
    """The median time for one map of each method, in seconds, measured while the evaluation ran."""

    over_controls: tuple[Difference, ...] = ()
    """The paired differences of each method and its controls, on the photographs that have both; `second` is the name
    of the control."""

    @property
    def said(self) -> dict[str, Any]:
        """The result as JSON files store it; numbers have four digits after the point."""
        return {
            "model": self.model,
            "count": self.count,
            "rows": [{name: _rounded(value) for name, value in asdict(row).items()} for row in self.rows],
            "differences": [_said(each, "first", "second") for each in self.differences],
            "over_controls": [_said(each, "method", "control") for each in self.over_controls],
            "seconds": {name: float(f"{value:.3g}") for name, value in self.seconds},
        }

    def of(self, metric: str, control: Control | None = None) -> dict[str, Row]:
        """Return method → row of one metric."""
        return {row.method: row for row in self.rows if (row.metric, row.control) == (metric, control)}

    def words(self, metric: str) -> str:
        """Return one line that compares the methods by one metric: which lead, and what the others cost and lose."""
        rows = sorted(
            self.of(metric).values(),
            key=lambda row: row.mean,
            reverse=metric_named(metric).higher_is_better,
        )
        if len(rows) < 2:
            return "; ".join(
                f"{metric}: {part}" for part in self._unbeaten(metric, [row.method for row in rows])
            )
        level = [row for row in rows if row is rows[0] or not self._known(metric, rows[0].method, row.method)]
        cost = dict(self.seconds)
        cheapest = min(level, key=lambda row: cost.get(row.method, math.inf))
        names = [row.method for row in level]
        lead = f"{_listed(names)} are level" if len(names) > 1 else f"{names[0]} is best"
        parts = [f"{metric}: {lead} ({rows[0].mean:.3f})"]
        worse = [row for row in rows if row not in level]
        for row in [*(each for each in rows if each in level), *worse[:_MOST_WORSE]]:
            # From the method whose mean the line names for those that are worse; from the cheaper one for a price.
            apart = _difference(row.mean - (rows[0] if row in worse else cheapest).mean)
            ratio = cost.get(row.method, 0.0) / max(cost.get(cheapest.method, 0.0), 1e-9)
            dear = f"costs {ratio:.0f} times as much as {cheapest.method}" if ratio >= 2 else ""
            if row in worse:
                parts.append(f"{row.method} is {apart} worse{f' and {dear}' if dear else ''}")
            elif dear:
                is_better = rows.index(row) < rows.index(cheapest) and abs(row.mean - cheapest.mean) >= _LEAST
                parts.append(f"{row.method} {dear} {f'for {apart}' if is_better else 'and is no better'}")
        if more := worse[_MOST_WORSE:]:
            parts.append(f"{counted(len(more), 'more method')} {'is' if len(more) == 1 else 'are'} worse")
        parts += self._unbeaten(metric, names)
        least = min(row.count for row in rows)
        few = f" (only {counted(least, 'photo')}: a hint)" if least < FEW_PHOTOS else ""
        return "; ".join(parts) + few

    def _unbeaten(self, metric: str, methods: Sequence[str]) -> list[str]:
        """Return which of some methods are not known to beat a control, in words."""
        telling = metric_named(metric).controls
        sign = 1 if metric_named(metric).higher_is_better else -1
        found = []
        for method in methods:
            over = [
                each
                for each in self.over_controls
                if (each.metric, each.first) == (metric, method) and each.second in telling
            ]
            unbeaten = [each.second for each in over if not (each.is_known and sign * each.mean.mean > 0)]
            if unbeaten:
                controls = "control" if len(unbeaten) == 1 else "controls"
                found.append(f"{method} does not beat its {controls} {_listed(unbeaten)}")
        return found

    def _known(self, metric: str, first: str, second: str) -> bool:
        return any(
            each.is_known
            for each in self.differences
            if each.metric == metric and {each.first, each.second} == {first, second}
        )


def evaluate(
    explainer: Explainer,
    images: Iterable[Pixels],
    metrics: Sequence[str] = DEFAULT_METRICS,
    boxes: Sequence[Place] | None = None,
    *,
    methods: Sequence[str] = (),
    controls: Sequence[Control] = CONTROLS,
    steps: int = STEPS,
    baseline: Baseline | None = None,
) -> Evaluation:
    """Evaluate methods on pictures.

    Each picture is brought to the network's scale once, and explained there for its most probable class, or for the
    explainer's target.

    Args:
        explainer: has the model, the layer and the usual method.
        images: pictures (H, W, 3) uint8 BGR.
        metrics: names of metrics (`metric.METRICS`), or `all`.
        boxes: for each picture where the thing is: boxes (x, y, width, height) in its pixels, or a mask (H, W) bool, or
            None where that is unknown.
        methods: names of methods; none: the explainer's own.
        controls: the controls to test beside each map, on every picture.
        steps: the steps of the curves.
        baseline: the baseline of both curves; None: that of each.

    Raises:
        SettingsError: a metric is unknown, needs boxes, or needs probabilities that the network does not give.
        LiveGradcamError: a picture cannot be explained.
    """
    if isinstance(methods, str) or isinstance(metrics, str):
        raise SettingsError(
            "methods and metrics are names in a list or tuple, such as ('gradcam', 'layercam')."
        )
    pictures = list(images)
    for image in pictures:
        size_of(image)
    if boxes is not None and len(boxes) != len(pictures):
        raise SettingsError(
            f"there are {counted(len(pictures), 'picture')} and boxes for {len(boxes)}: give one entry for each."
        )
    test = PhotoTest(explainer, steps=steps, baseline=baseline)
    wanted = wanted_values(methods or [explainer.method.name], metrics, controls, places=boxes is not None)
    found = [
        test.values(image, None if boxes is None else boxes[number], wanted)
        for number, image in enumerate(pictures)
    ]
    return summary(explainer.model.name, found)


def summary(model: str, photos: Sequence[PhotoValues]) -> Evaluation:
    """Return the means, intervals and paired differences of the values of photographs."""
    values: dict[MapName, dict[int, float]] = {}
    for number, photo in enumerate(photos):
        for name, value in photo.values.items():
            column = values.setdefault(name, {})
            if value is not None and math.isfinite(value):
                column[number] = value
    rows = [
        Row(name.method, name.metric, mean.mean, mean.low, mean.high, mean.count, name.control)
        for name, column in sorted(values.items(), key=lambda each: _place(each[0], list(values)))
        if column
        for mean in [bootstrap_mean(list(column.values()))]
    ]
    return Evaluation(
        model,
        len(photos),
        tuple(rows),
        tuple(_differences(values)),
        _seconds(photos),
        tuple(_over_controls(values)),
    )


def _place(name: MapName, names: Sequence[MapName]) -> tuple[int, int, int]:
    """Return the place of a row: by method, by metric, each in the given order, then the map before its controls."""
    methods = list(dict.fromkeys(each.method for each in names))
    metrics = list(dict.fromkeys(each.metric for each in names))
    return methods.index(name.method), metrics.index(name.metric), (None, *CONTROLS).index(name.control)


def _differences(values: Mapping[MapName, Mapping[int, float]]) -> Iterable[Difference]:
    names = [name for name in values if name.control is None]
    for first, second in combinations(names, 2):
        if first.metric == second.metric:
            mean = paired_difference(values[first], values[second])
            if mean is not None:
                yield Difference(first.metric, first.method, second.method, mean)


def _over_controls(values: Mapping[MapName, Mapping[int, float]]) -> Iterable[Difference]:
    for name, column in values.items():
        own = values.get(name._replace(control=None), {})
        mean = None if name.control is None else paired_difference(own, column)
        if mean is not None and name.control is not None:
            yield Difference(name.metric, name.method, name.control, mean)


def _seconds(photos: Sequence[PhotoValues]) -> tuple[tuple[str, float], ...]:
    found: dict[str, list[float]] = {}
    for photo in photos:
        for method, value in photo.seconds.items():
            found.setdefault(method, []).append(value)
    return tuple((method, float(np.median(each))) for method, each in found.items())


def _rounded(value: Any) -> Any:  # noqa: ANN401 - of a row
    return round(value, 4) if isinstance(value, float) else value


def _said(difference: Difference, first: str, second: str) -> dict[str, Any]:
    """Return a difference as JSON files store it, with the keys of its two sides."""
    mean = {name: _rounded(value) for name, value in asdict(difference.mean).items()}
    return {"metric": difference.metric, first: difference.first, second: difference.second, **mean}


def _difference(value: float) -> str:
    """Return the size of a difference in words: one that is known is never called 0.000."""
    return f"{abs(value):.3f}" if abs(value) >= _LEAST else "less than 0.001"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
