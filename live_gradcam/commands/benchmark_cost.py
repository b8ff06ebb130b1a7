"""The cost of an explanation, compared with the network alone and with other procedures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
from rich.console import Console

from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL
from live_gradcam.explain.article_baseline import ArticleGradCAM, BareForward
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.models.zoo import with_random_weights
from live_gradcam.render.single_picture import draw
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.timing import interleaved_ms

SEED = 0
"""Seed of the random weights that are used instead of weights to download; the cost is the same."""

_FRAME_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one network in milliseconds a frame: medians of one interleaved run."""

    model: str
    frozen: bool
    """Whether the explainer's graph is frozen to constants."""

    rounds: int
    forward_ms: float
    """The network alone, as a `tf.function`."""

    forward_alike_ms: float
    """The network alone, frozen to constants if the explainer's graph is frozen."""

    explained_ms: float
    """Prediction and map of a picture of the network's size."""

    article_ms: float
    """The original article's procedure on a 1280×720 frame, drawing included."""

    end_to_end_ms: float
    """From a 1280×720 frame to the finished picture."""

    @property
    def ratios(self) -> dict[str, float]:
        """The ratios, which depend little on the machine's speed."""
        return {
            "explained / forward": self.explained_ms / self.forward_ms,
            "explained / forward, like for like": self.explained_ms / self.forward_alike_ms,
            "article / end to end": self.article_ms / self.end_to_end_ms,
        }


def measure(name: str, seconds: float, console: Console) -> Cost:
    """Measure the cost of a network of the zoo.

    Args:
        name: the network's name.
        seconds: length of the measurement.
        console: shows a status line meanwhile.
    """
    model = with_random_weights(name, SEED)
    explainer = Explainer(model)
    frame = _frame()
    small = _fitting(frame, model)
    article = ArticleGradCAM(model, str(explainer.layer))
    forward = BareForward(model, small, frozen=False)
    alike = BareForward(model, small, frozen=True) if explainer.frozen else forward
    runs: dict[str, Callable[[], Any]] = {
        "forward": forward,
        "alike": alike,
        "explained": lambda: explainer.explain(small),
        "article": lambda: article.picture(frame),
        "end to end": lambda: draw(frame, explainer.explain(frame)),
    }
    with console.status(f"measuring {model.name}"):
        medians, rounds = interleaved_ms(runs, seconds)
    return Cost(
        model=model.name,
        frozen=explainer.frozen,
        rounds=rounds,
        forward_ms=medians["forward"],
        forward_alike_ms=medians["alike"],
        explained_ms=medians["explained"],
        article_ms=medians["article"],
        end_to_end_ms=medians["end to end"],
    )


def measure_methods(seconds: float, console: Console) -> tuple[dict[str, float], int]:
    """Measure the cost of the one-pass methods, the top five and a contrast, with the default network.

    Args:
        seconds: length of the measurement.
        console: shows a status line meanwhile.

    Returns:
        Name → median in milliseconds, Grad-CAM first, and the number of rounds.
    """
    model = load_model(DEFAULT_MODEL)
    picture = _fitting(_frame(), model)
    plain = Explainer(model)
    runs: dict[str, Callable[[], Any]] = {DEFAULT_METHOD: partial(plain.explain, picture)}
    for name in METHODS:
        if name != DEFAULT_METHOD and method_named(name).one_pass:
            runs[name] = partial(Explainer(model, name).explain, picture)
    runs["top 5 maps"] = partial(plain.explain_top, picture, 5)
    runs["contrast"] = partial(Explainer(model, target="#1 - #2").explain, picture)
    with console.status("measuring the methods"):
        return interleaved_ms(runs, seconds)


def _frame() -> Pixels:
    with DemoSource(live=False, size=_FRAME_SIZE) as demo:
        return next(iter(demo)).pixels


def _fitting(frame: Pixels, model: Model) -> Pixels:
    """Return a frame resized to the network's input."""
    return cv2.resize(frame, model.input_size[::-1]).astype("uint8", copy=False)
