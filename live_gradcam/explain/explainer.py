"""The explainer: pictures in, explanations out, one compiled pass for each."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.config import DEFAULT_FIT, DEFAULT_METHOD, DEFAULT_SCORE, Fit, Fusion, Score, Smooth
from live_gradcam.errors import LiveGradcamError, SettingsError, TargetError
from live_gradcam.explain.fit import Fitting, fitting_for
from live_gradcam.explain.lock import LOCK, TargetLock
from live_gradcam.explain.methods.gradients import FINERCAM_RIVALS, FINERCAM_STRENGTH
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.plan import Plan
from live_gradcam.explain.targets import (
    Aim,
    ScoreFunction,
    TargetSpec,
    is_function_name,
    parse_target,
    score_function,
)
from live_gradcam.explain.tracing import FIELDS, Result, Trace, trace
from live_gradcam.explanation import Contrast, Explanation, Prediction, Target, Value
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels, numbered_labels
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model

logger = logging.getLogger(__name__)

TRACES_KEPT = 8
"""How many compiled graphs are kept; the one that was used longest ago goes first."""

_Key = tuple[tuple[int, int], int, ScoreFunction | None]


class Explainer:
    """Says what a network sees in a picture, and where.

    The network is traced once for each input shape, when the first picture of that shape comes; the class or
    contrast to explain is an argument of the graph, so it can change from picture to picture. The model is never
    changed. One explainer may be used from several threads.

    Args:
        model: what `load_model` returned, or anything that it takes.
        method: how it is explained (`live_gradcam.explain.methods`).
        layer: path of the target layer; several, separated by commas, are fused; None for the last feature map.
        target: what is explained: a class by id or name, `#2` for the second most probable, `tabby - tiger cat`
            for a contrast, `tabby -` for a contrast with its strongest rivals, `lock` for the most probable class
            with hysteresis, `module:function` or a function of the model's outputs for a score of one's own; None
            for the most probable class.
        fit: how a picture is brought to the network's input.
        score: `logit` differentiates the pre-softmax score y^c, `probability` the softmax's output.
        fusion: how the maps of several layers become one: `mean` or `max`.
        smooth: `augment` averages over flipped and enlarged copies of the picture.
        grid: (height, width) of a transformer's tokens; None finds it.
        strength: how much of the strongest rivals' score a contrast takes off; None: as in FinerCAM's paper.
        rivals: how many rivals that are; None likewise.

    Raises:
        ModelError, LayerError, TargetError: at once, where the setting is wrong.
    """

    def __init__(
        self,
        model: Model | Any,  # noqa: ANN401 - a keras.Model, which ships no types
        method: str = DEFAULT_METHOD,
        layer: str | None = None,
        target: TargetSpec = None,
        fit: Fit = DEFAULT_FIT,
        score: Score = DEFAULT_SCORE,
        *,
        fusion: Fusion = "mean",
        smooth: Smooth = "none",
        grid: tuple[int, int] | None = None,
        strength: float | None = None,
        rivals: int | None = None,
    ) -> None:
        if rivals is not None and rivals < 1:
            raise SettingsError(f"rivals is {rivals}: at least 1 is needed.")
        self.model: Model = model if isinstance(model, Model) else load_model(model)
        self.method = method_named(method)
        self.fit: Fit = fit
        self.score: Score = score
        self.labels: Labels = self.model.labels
        self._fusion: Fusion = fusion
        self._smooth: Smooth = smooth
        self._grid = grid
        self._strength = FINERCAM_STRENGTH if strength is None else strength
        self._rivals = FINERCAM_RIVALS if rivals is None else rivals
        wanted = layer if layer is not None else self.model.layer
        self._layers = None if wanted is None else tuple(path.strip() for path in wanted.split(","))
        self._traces: OrderedDict[_Key, Trace] = OrderedDict()
        self._traces_made = 0
        self._tracing = threading.Lock()
        self._function: ScoreFunction | None = None
        self._aim = Aim()
        self._lock: TargetLock | None = None
        self.target = target
        if fit != "wide":
            self._trace(self.model.input_size, 1, self._function)

    @property
    def target(self) -> TargetSpec:
        """What is explained, as it was named."""
        return self._target

    @target.setter
    def target(self, target: TargetSpec) -> None:
        function = target if callable(target) else None
        if isinstance(target, str) and is_function_name(target):
            function = score_function(target)
        lock = isinstance(target, str) and target.strip().casefold() == LOCK
        aim = Aim()
        if function is None and len(self.labels):
            aim = self._parsed(None if lock else target)
        self._target, self._function, self._aim = target, function, aim
        self._lock = TargetLock() if lock else None

    @property
    def layer(self) -> str | None:
        """Path of the layer that is explained; None until it is known: with the first trace."""
        if self._traces:
            return next(iter(self._traces.values())).layer
        return None if self._layers is None else ",".join(self._layers)

    @property
    def frozen(self) -> bool:
        """Whether the weights are constants of every compiled graph."""
        return all(trace.frozen for trace in self._traces.values())

    @property
    def traces(self) -> int:
        """How often the network has been traced so far."""
        return self._traces_made

    def describe(self) -> str:
        """Return one line on what is compiled, and how."""
        compiled = [
            f"{size[1]}×{size[0]} ({'frozen' if trace.frozen else 'not frozen'}, no XLA, {trace.nodes} operations)"
            for (size, _, _), trace in self._traces.items()
        ]
        precision = self.model.network.compute_dtype
        what = f"{self.model.name} in {precision}, {self.method.name} at {self.layer}"
        return f"{what}: {', '.join(compiled) or 'nothing yet'}"

    def prepare(self, size: tuple[int, int]) -> None:
        """Compile now for pictures of (width, height) pixels, so that the first of them need not wait for it.

        Raises:
            ModelError: the network does not take the input that `fit` makes of them.
        """
        trace = self._trace(fitting_for(self.fit, size, self.model.input_size).input_size, 1, self._function)
        if trace.batched:
            # The first run of a graph is slow: it is optimised then. What takes many passes is not run for nothing.
            width, height = size
            self._run([np.zeros((height, width, 3), np.uint8)], (self._aim,), self._function)

    def explain(self, image: Pixels) -> Explanation:
        """Explain one picture.

        Args:
            image: (H, W, 3) uint8 BGR, as OpenCV reads it.

        Raises:
            LiveGradcamError: it is no such picture, or the network fails.
        """
        return self.explain_batch([image])[0]

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        """Explain several pictures in one compiled call.

        Methods that try things on the network (Score-CAM and the like) take them one by one.

        Args:
            images: pictures (H, W, 3) uint8 BGR; their sizes may differ, but under `wide` all must come to the
                same input shape.

        Returns:
            One explanation for each, in order.

        Raises:
            LiveGradcamError: one is no such picture, or the network fails.
        """
        if len(images) == 0:
            return []
        aim = self._aim
        lock = self._lock
        if lock is not None and lock.class_id is not None:
            aim = Aim(lock.class_id, aim.rival, aim.strength)
        explained = [row[0] for row in self._run(images, (aim,), self._function)]
        if lock is not None:
            for each in explained:
                held = None if lock.class_id is None else each.target
                lock.see(each.top, held.probability if isinstance(held, Prediction | Contrast) else None)
        return explained

    def explain_targets(self, image: Pixels, targets: Sequence[TargetSpec]) -> tuple[Explanation, ...]:
        """Explain one picture for several targets: a tuple, one map for each, from one compiled call.

        Args:
            image: (H, W, 3) uint8 BGR.
            targets: classes and contrasts, as the argument `target` takes them: `("#1", "#2", "espresso")`.

        Raises:
            TargetError: one of them is none.
            LiveGradcamError: the network fails.
        """
        if not targets:
            return ()
        if any(callable(each) or is_function_name(each) for each in targets):
            raise TargetError("explain_targets takes classes and contrasts; explain a function by itself.")
        aims = tuple(self._parsed(each) for each in targets)
        return tuple(self._run([image], aims, None)[0])

    def explain_top(self, image: Pixels, count: int = 5) -> tuple[Explanation, ...]:
        """Explain one picture for each of its most probable classes, best first, in one compiled call.

        Args:
            image: (H, W, 3) uint8 BGR.
            count: how many classes, at most 16 and no more than the model has.
        """
        return self.explain_targets(image, [f"#{rank}" for rank in range(1, count + 1)])

    def _parsed(self, target: TargetSpec) -> Aim:
        assert not callable(target)
        rivals = self.method.name == "finercam"
        return parse_target(target, self.labels, rivals=rivals, strength=self._strength)

    def _run(
        self, images: Sequence[Pixels], aims: Sequence[Aim], function: ScoreFunction | None
    ) -> list[list[Explanation]]:
        """Return the explanations, [picture][target]."""
        fittings = [fitting_for(self.fit, self._checked(image), self.model.input_size) for image in images]
        if len({fitting.input_size for fitting in fittings}) > 1:
            raise LiveGradcamError(
                "explain_batch under fit 'wide' takes pictures of one shape; these come to inputs of "
                + ", ".join(f"{f.input_size[1]}×{f.input_size[0]}" for f in fittings)
                + ". Explain them in separate calls, or use another fit."
            )
        trace = self._trace(fittings[0].input_size, len(aims), function)
        batch = np.stack([fitting.apply(image) for fitting, image in zip(fittings, images, strict=True)])
        numbers = tf.constant([[aim.class_id, aim.rival] for aim in aims], tf.int32)
        strengths = tf.constant([aim.strength for aim in aims], tf.float32)
        found: list[list[Explanation]] = []
        size = len(batch) if trace.batched else 1
        for start in range(0, len(batch), size):
            outputs = trace.function(tf.constant(batch[start : start + size]), numbers, strengths)
            result = Result(**{name: each.numpy() for name, each in zip(FIELDS, outputs, strict=True)})
            for number in range(len(result.raw)):
                fitting = fittings[start + number]
                found.append(
                    [self._explanation(fitting, trace, result, number, t, aim) for t, aim in enumerate(aims)]
                )
        return found

    def _checked(self, image: object) -> tuple[int, int]:
        """Return a picture's (width, height).

        Raises:
            LiveGradcamError: it is none.
        """
        if (
            not isinstance(image, np.ndarray)
            or image.dtype != np.uint8
            or image.ndim != 3
            or image.shape[2] != 3
            or image.size == 0
        ):
            got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise LiveGradcamError(
                f"a picture must be an array (height, width, 3) uint8 in BGR order, as cv2.imread gives it; "
                f"this is {got}."
            )
        height, width = image.shape[:2]
        return width, height

    def _trace(self, input_size: tuple[int, int], targets: int, function: ScoreFunction | None) -> Trace:
        key = (input_size, targets, function)
        with self._tracing:
            if key in self._traces:
                self._traces.move_to_end(key)
                return self._traces[key]
            made = trace(
                Plan(
                    model=self.model,
                    network=self.model.network_at(*input_size),
                    method=self.method,
                    layers=self._layers,
                    input_size=input_size,
                    score=self.score,
                    targets=targets,
                    function=function,
                    rivals=self._rivals,
                    fusion=self._fusion,
                    smooth=self._smooth,
                    grid=self._grid,
                )
            )
            self._traces_made += 1
            self._traces[key] = made
            if len(self._traces) > TRACES_KEPT:
                self._traces.popitem(last=False)
            if len(self.labels) == 0 and made.classes:
                self.labels = numbered_labels(made.classes)
                self.target = self._target  # a subclassed model's classes are known only now
            logger.info("traced %s", self.describe())
            return made

    def _explanation(
        self, fitting: Fitting, trace: Trace, result: Result, picture: int, target: int, aim: Aim
    ) -> Explanation:
        raw = np.nan_to_num(result.raw[picture, target], nan=0.0, posinf=0.0, neginf=0.0)
        has_evidence = bool(result.evidence[picture, target])
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
            target=self._named_target(result, picture, target, aim),
            region=fitting.region,
            method=self.method.name,
            layer=trace.layer,
            inset=fitting.inset,
        )

    def _named_target(self, result: Result, picture: int, target: int, aim: Aim) -> Target:
        value = float(result.target_values[picture, target])
        class_id = int(result.target_ids[picture, target])
        if class_id < 0:
            return Value(str(getattr(self._function, "__name__", "score")), value)
        prediction = self._prediction(class_id, value)
        rivals = tuple(
            self._prediction(rival, probability)
            for rival, probability in zip(
                result.rival_ids[picture, target], result.rival_probabilities[picture, target], strict=True
            )
            if rival >= 0
        )
        return Contrast(prediction, rivals, aim.strength) if rivals else prediction

    def _prediction(self, class_id: Any, probability: Any) -> Prediction:  # noqa: ANN401 - NumPy scalars
        # A network that gives NaN says nothing, and with no probability.
        return Prediction(int(class_id), self.labels[int(class_id)], float(np.nan_to_num(probability)))
