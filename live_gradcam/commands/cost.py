"""The cost of an explanation: how long it takes beside what else one might compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
from rich.console import Console

from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL
from live_gradcam.explain.article import ArticleGradCAM, BareForward
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.models.zoo import with_random_weights
from live_gradcam.render.picture import draw
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.timing import interleaved_ms

SEED = 0
"""Of the random weights of networks whose own would have to be downloaded: the cost is the same."""

_FRAME_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one network costs, in milliseconds for a frame: medians of one interleaved run."""

    model: str
    frozen: bool
    """Whether the explainer's graph is frozen to constants, as shipped."""

    rounds: int
    forward_ms: float
    """The network alone, as a `tf.function`."""

    forward_alike_ms: float
    """The same, frozen if the explainer's graph is."""

    explained_ms: float
    """Prediction and map, from a picture of the network's size."""

    article_ms: float
    """The seed article's procedure on a 1280×720 frame, picture included."""

    end_to_end_ms: float
    """A 1280×720 frame in, the finished picture out."""

    @property
    def ratios(self) -> dict[str, float]:
        """The figures that do not depend on how fast the machine is."""
        return {
            "explained / forward": self.explained_ms / self.forward_ms,
            "explained / forward, like for like": self.explained_ms / self.forward_alike_ms,
            "article / end to end": self.article_ms / self.end_to_end_ms,
        }


def measure(name: str, seconds: float, console: Console) -> Cost:
    """Measure what a network of the zoo costs.

    Args:
        name: which.
        seconds: for how long.
        console: says meanwhile that it is being measured.
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
    """Measure what the methods of one pass, top 5 and a contrast cost, on the default network.

    Args:
        seconds: for how long.
        console: says meanwhile that it is being measured.

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
    """Return a frame squeezed to the size of a network's input."""
    return cv2.resize(frame, model.input_size[::-1]).astype("uint8", copy=False)
