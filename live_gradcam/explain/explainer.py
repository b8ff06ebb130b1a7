"""The explainer: pictures in, explanations out, one compiled pass for each."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.config import DEFAULT_FIT, DEFAULT_METHOD, DEFAULT_SCORE, Fit, Score
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.fit import Fitting, fitting_for
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.tracing import TOP_CLASS, Trace, trace
from live_gradcam.explanation import Explanation, Prediction
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model

logger = logging.getLogger(__name__)

TRACES_KEPT = 8
"""How many input shapes stay compiled; the one that was used longest ago goes first."""


class Explainer:
    """Says what a network sees in a picture, and where.

    The network is traced once for each input shape, when the first picture of that shape comes; the class to
    explain is an argument of the graph, so it can change from picture to picture. The model is never changed.
    One explainer may be used from several threads.

    Args:
        model: what `load_model` returned, or anything that it takes.
        method: how it is explained (`live_gradcam.explain.methods`).
        layer: path of the target layer; None for the last feature map.
        target: class to explain, by id or name; None for the most probable.
        fit: how a picture is brought to the network's input.
        score: `logit` differentiates the pre-softmax score y^c, `probability` the softmax's output.

    Raises:
        ModelError, LayerError, TargetError: at once, where the setting is wrong.
    """

    def __init__(
        self,
        model: Model | Any,  # noqa: ANN401 - a keras.Model, which ships no types
        method: str = DEFAULT_METHOD,
        layer: str | None = None,
        target: int | str | None = None,
        fit: Fit = DEFAULT_FIT,
        score: Score = DEFAULT_SCORE,
    ) -> None:
        self.model: Model = model if isinstance(model, Model) else load_model(model)
        self.method = method_named(method)
        self.fit: Fit = fit
        self.score: Score = score
        self._layer = layer if layer is not None else self.model.layer
        self._traces: OrderedDict[tuple[int, int], Trace] = OrderedDict()
        self._traces_made = 0
        self._lock = threading.Lock()
        self.target = target
        if fit != "wide":
            self._trace(self.model.input_size)

    @property
    def target(self) -> int | None:
        """Id of the class that is explained; None for the most probable. Takes a name too."""
        return self._target

    @target.setter
    def target(self, target: int | str | None) -> None:
        self._target = None if target is None else self.model.labels.find(target)

    @property
    def layer(self) -> str | None:
        """Path of the layer that is explained; None until it is known: with the first trace."""
        return next(iter(self._traces.values())).layer if self._traces else self._layer

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
            f"{columns}×{rows} ({'frozen' if trace.frozen else 'not frozen'}, no XLA, {trace.nodes} operations)"
            for (rows, columns), trace in self._traces.items()
        ]
        return (
            f"{self.model.name}, {self.method.name} at {self.layer}: {', '.join(compiled) or 'nothing yet'}"
        )

    def prepare(self, size: tuple[int, int]) -> None:
        """Compile now for pictures of (width, height) pixels, so that the first of them need not wait for it.

        Raises:
            ModelError: the network does not take the input that `fit` makes of them.
        """
        self._trace(fitting_for(self.fit, size, self.model.input_size).input_size)

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
        fittings = [self._fitting(image) for image in images]
        if len({fitting.input_size for fitting in fittings}) > 1:
            raise LiveGradcamError(
                "explain_batch under fit 'wide' takes pictures of one shape; these come to inputs of "
                + ", ".join(f"{f.input_size[1]}×{f.input_size[0]}" for f in fittings)
                + ". Explain them in separate calls, or use another fit."
            )
        trace = self._trace(fittings[0].input_size)
        batch = np.stack([fitting.apply(image) for fitting, image in zip(fittings, images, strict=True)])
        target = TOP_CLASS if self._target is None else self._target
        outputs = trace.function(tf.constant(batch), tf.constant(np.full(len(batch), target, np.int32)))
        columns = [output.numpy() for output in outputs]
        return [
            self._explanation(fitting, trace, *row)
            for fitting, row in zip(fittings, zip(*columns, strict=True), strict=True)
        ]

    def _fitting(self, image: Pixels) -> Fitting:
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
        return fitting_for(self.fit, (width, height), self.model.input_size)

    def _trace(self, input_size: tuple[int, int]) -> Trace:
        with self._lock:
            if input_size in self._traces:
                self._traces.move_to_end(input_size)
                return self._traces[input_size]
            made = trace(
                self.model,
                self.model.network_at(*input_size),
                self.method,
                layer=self._layer,
                score=self.score,
                input_size=input_size,
            )
            self._traces_made += 1
            self._traces[input_size] = made
            if len(self._traces) > TRACES_KEPT:
                self._traces.popitem(last=False)
            logger.info("traced %s", self.describe())
            return made

    def _explanation(
        self,
        fitting: Fitting,
        trace: Trace,
        top_probabilities: Any,  # noqa: ANN401 - one row of the graph's outputs, as NumPy gives them
        top_ids: Any,  # noqa: ANN401
        target_id: Any,  # noqa: ANN401
        target_probability: Any,  # noqa: ANN401
        raw: Any,  # noqa: ANN401
        has_evidence: Any,  # noqa: ANN401
    ) -> Explanation:
        labels = self.model.labels
        heatmap = np.zeros_like(raw)
        if has_evidence:
            np.maximum(raw, 0.0, out=heatmap)
            peak = heatmap.max()
            if peak > 0:
                heatmap /= peak
        return Explanation(
            heatmap=heatmap,
            raw_heatmap=raw,
            has_evidence=bool(has_evidence),
            top=tuple(
                Prediction(int(i), labels[int(i)], float(p))
                for i, p in zip(top_ids, top_probabilities, strict=True)
            ),
            target=Prediction(int(target_id), labels[int(target_id)], float(target_probability)),
            region=fitting.region,
            method=self.method.name,
            layer=trace.layer,
            inset=fitting.inset,
        )
