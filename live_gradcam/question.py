"""What is asked of a network about a frame, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import Explanation, Region

TargetSpec = int | str | Callable[[Any], Any] | None
"""How a target is named: a class id, a name, `#2` for the second most probable class, `tabby - tiger cat` for a
contrast, `tabby -` for a contrast with its strongest rivals, `module:function` or a function of the model's outputs
for a score of one's own; None for the most probable class. Of values: `age` for what raises it, `age -` for what lowers
it, `#2` for the second; None for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about a frame: one heat map for each model, method and target, in that order of loops."""

    models: tuple[int, ...] = (0,)
    """Which of the loaded models, by their place on the command line."""

    methods: tuple[str, ...] = ("gradcam",)
    """Names as `--method` takes them."""

    layer: str | None = None
    """Path of the target layer of the first model, or several, separated by commas; None for the last feature map,
    as for all the other models, whose layers have other names."""

    targets: tuple[TargetSpec, ...] = (None,)
    """What is explained, by the names of the classes or their numbers."""

    area: Region | None = None
    """(x, y, width, height) in pixels: only this part of the frame is looked at, as far as it lies in the frame; None:
    all of it."""

    channels: int = 0
    """How many of the layer's channels are wanted, the strongest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of the target layer, and what it adds to the heat."""

    number: int
    """Which, from 0."""

    weight: float
    """Its weight in Grad-CAM's sum: the gradient of the score, averaged over space."""

    activation: npt.NDArray[np.float32]
    """(h, w) float32, as the layer gives it."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the networks said to a question about one frame."""

    question: Question

    explanations: tuple[Explanation, ...]
    """One for each model, method and target, in that order of loops; their regions are places in the whole frame."""

    channels: tuple[Channel, ...] = ()
    """The channels that were asked for, of the first explanation, strongest first: by |weight| times the mean of
    |activation|. Fewer where the layer has fewer; of several layers, the first one's."""

    @property
    def first(self) -> Explanation:
        """The explanation that the label and the statistics are about."""
        return self.explanations[0]

    @property
    def models(self) -> tuple[int, ...]:
        """Which model each explanation is by, as `question.models` names it."""
        asked = self.question.models
        each = max(1, len(self.explanations) // len(asked))
        return tuple(asked[min(place // each, len(asked) - 1)] for place in range(len(self.explanations)))
