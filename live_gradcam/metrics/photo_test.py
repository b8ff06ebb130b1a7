"""Tests the maps of several methods on one photograph after the other."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.methods.method import method_named, method_names
from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import Baseline
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask, Scores, seen_part
from live_gradcam.metrics.curves import STEPS
from live_gradcam.metrics.localization import boxes_mask, scaled_mask
from live_gradcam.metrics.map_case import Control, MapCase, PhotoCase, RememberedScores
from live_gradcam.metrics.metric import ALL, METRICS, Metric, metric_named, metrics_named
from live_gradcam.question import TargetSpec

Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels of the photograph."""

Place = Sequence[Box] | Mask | None
"""Where the thing is in a photograph: boxes; or a mask (H, W) bool; None where that is unknown."""


class MapName(NamedTuple):
    """What a value is of."""

    method: str
    metric: str
    control: Control | None = None


@dataclass(frozen=True, slots=True)
class PhotoValues:
    """The values of one photograph."""

    label: str
    """The explained class."""

    probability: float | None
    """Of that class for the photograph; None if the network is no classifier."""

    values: Mapping[MapName, float | None] = field(default_factory=dict)
    """None where there is no value: the method found no evidence, or nothing is known about the place."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    """The time that each method took for the map, in seconds."""


def wanted_values(
    methods: Sequence[str], metrics: Sequence[str], controls: Iterable[Control], *, places: bool
) -> list[MapName]:
    """Return what to compute for a photograph: every metric of every method and of its controls.

    Args:
        methods: names of methods; `all` stands for all.
        metrics: names of metrics; `all` stands for all that can be computed.
        controls: the controls to test.
        places: whether there are boxes or masks.

    Raises:
        LiveGradcamError: a name is unknown, or a metric needs boxes and there are none.
    """
    names = [
        each
        for name in methods
        for each in (method_names() if name.strip().casefold() == ALL else [name.strip()])
    ]
    kinds: list[Control | None] = [None, *controls]
    return [
        MapName(method, metric.name, control)
        for method in dict.fromkeys(method_named(each).name for each in names)
        for metric in metrics_named(metrics, places=places)
        for control in kinds
    ]


class PhotoTest:
    """Computes metrics of methods for photographs. Not thread-safe.

    Args:
        explainer: has the model, the layer and the target. If its method takes one pass, its graph scores the changed
            pictures.
        steps: the steps of the curves.
        baseline: the baseline of both curves; None: that of each.
        seed: of everything random.

    Raises:
        SettingsError: a setting does not go with an evaluation.
    """

    def __init__(
        self,
        explainer: Explainer,
        *,
        steps: int = STEPS,
        baseline: Baseline | None = None,
        seed: int = 0,
    ) -> None:
        if explainer.fit == "scan":
            raise SettingsError(
                "fit is 'scan': an evaluation needs one input of the network for each picture. Use crop, wide, "
                "stretch or pad."
            )
        if steps < 1:
            raise SettingsError(f"steps is {steps}: it must be at least 1.")
        self._explainer = explainer
        self._scorer = explainer.method.name if explainer.method.one_pass else DEFAULT_METHOD
        self._steps = steps
        self._baseline = baseline
        self._seed = seed
        self._randomised: list[Explainer] | None = None
        self._warm: set[str] = set()

    def values(self, image: Pixels, place: Place, wanted: Collection[MapName]) -> PhotoValues:
        """Return the values of one photograph.

        Args:
            image: (H, W, 3) uint8 BGR.
            place: where the thing is.
            wanted: what to compute.

        Raises:
            SettingsError: a metric needs probabilities, and the network gives none.
            LiveGradcamError: the photograph cannot be explained.
        """
        explainer = self._explainer
        picture, part = seen_part(image, explainer.fit, explainer.model.input_size)
        (first,) = explainer.explain_batch([picture], method=self._scorer)
        class_id = getattr(first.target, "class_id", None)
        if class_id is None:
            raise SettingsError(
                "an evaluation needs a class as its target, and not a function of the outputs."
            )
        self._check_probabilities(first, wanted)
        spec = self._spec(class_id)
        photo = PhotoCase(
            picture=picture,
            class_id=class_id,
            rival_id=next((each.class_id for each in first.top if each.class_id != class_id), None),
            score_of=RememberedScores(partial(self._scores, spec)),
            mask=place_mask(place, part, picture),
            steps=self._steps,
            baseline=self._baseline,
            seed=self._seed,
        )
        values: dict[MapName, float | None] = {}
        seconds = {}
        for method in dict.fromkeys(each.method for each in wanted):
            own = [each for each in wanted if each.method == method]
            try:
                explanation, seconds[method] = self._explained(picture, spec, method)
            except LiveGradcamError as error:
                if len({each.method for each in wanted}) == 1:
                    raise
                explainer.model.warn_once(f"{method} is left out: {error}")
                values |= dict.fromkeys(own)
            else:
                values |= self._of_method(photo, explanation, spec, own)
        probability = getattr(first.target, "probability", None)
        return PhotoValues(first.target.label, probability, values, seconds)

    def _explained(self, picture: Pixels, spec: TargetSpec, method: str) -> tuple[Explanation, float]:
        """Return the explanation by a method, and the seconds that it took.

        Raises:
            LiveGradcamError: the method does not go with the network, as `cam` with one that does not pool.
        """

        def explain() -> Explanation:
            return self._explainer.explain_batch([picture], targets=[spec], method=method)[0]

        if method not in self._warm and method_named(method).one_pass:
            explain()  # the first run of a graph is slow
        self._warm.add(method)
        began = time.perf_counter()
        return explain(), time.perf_counter() - began

    def _of_method(
        self, photo: PhotoCase, explanation: Explanation, spec: TargetSpec, wanted: Sequence[MapName]
    ) -> dict[MapName, float | None]:
        """Return the values of one method; None for all if there is no evidence."""
        if not explanation.has_evidence:
            return dict.fromkeys(wanted)
        method = wanted[0].method

        def explain(pictures: Sequence[Pixels], class_id: int) -> list[Explanation]:
            target = spec if class_id == photo.class_id else class_id
            return self._explainer.explain_batch(pictures, targets=[target] * len(pictures), method=method)

        def randomised() -> list[Explanation]:
            return [
                each.explain_batch([photo.picture], targets=[photo.class_id], method=method)[0]
                for each in self._randomised_explainers()
            ]

        values: dict[MapName, float | None] = {}
        for control in dict.fromkeys(each.control for each in wanted):
            case = MapCase(photo, explanation, explain, control=control, randomised=randomised)
            for name in wanted:
                if name.control == control:
                    metric = metric_named(name.metric)
                    lost = metric.needs == "place" and photo.mask is None
                    values[name] = None if lost else metric.measure(case)
        return values

    def _scores(self, spec: TargetSpec, pictures: Sequence[Pixels]) -> Scores:
        """Return the probability of the explained class for each picture; NaN if the network gives NaN."""
        found = self._explainer.explain_batch(pictures, targets=[spec] * len(pictures), method=self._scorer)
        probabilities = [getattr(each.target, "probability", None) for each in found]
        return np.array([np.nan if each is None else each for each in probabilities], np.float64)

    def _spec(self, class_id: int) -> TargetSpec:
        """Return the target that is explained for this photograph, whatever is changed on it."""
        target = self._explainer.target
        by_rank = isinstance(target, str) and (target.strip().startswith("#") or target.strip() == "lock")
        return class_id if target is None or by_rank else target

    def _randomised_explainers(self) -> list[Explainer]:
        if self._randomised is None:
            from live_gradcam.models.network_copies import randomised_copies  # it loads Keras

            copies = randomised_copies(self._explainer.model.loaded(), seed=self._seed)
            self._randomised = [self._explainer.of(each) for each in copies]
        return self._randomised

    def _check_probabilities(self, explanation: Explanation, wanted: Collection[MapName]) -> None:
        if explanation.task != "values":
            return
        needing = [
            name for name in dict.fromkeys(each.metric for each in wanted) if _asks(metric_named(name))
        ]
        if needing:
            others = ", ".join(name for name in METRICS if not _asks(metric_named(name)))
            raise SettingsError(
                f"{self._explainer.model.name} gives values and no probabilities, which {', '.join(needing)} "
                f"{'needs' if len(needing) == 1 else 'need'}. These metrics work: {others}."
            )


def _asks(metric: Metric) -> bool:
    return metric.needs == "probability"


def place_mask(place: Place, part: Region, picture: Pixels) -> Mask | None:
    """Return the pixels of the thing in the part that the network sees; None if unknown, or if it is not in there."""
    if place is None:
        return None
    size = (picture.shape[1], picture.shape[0])
    if isinstance(place, np.ndarray):
        mask = scaled_mask(place.astype(np.bool_), part, size)
    else:
        mask = boxes_mask(place, part, size)
    return mask if mask.any() else None
