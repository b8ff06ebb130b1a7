"""Questions about a frame, and the network's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import WHOLE, Explanation, Inset, Region
from live_gradcam.faithfulness import Faithfulness, HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.taught_head import TaughtHead

TargetSpec = int | str | Callable[[Any], Any] | None
"""How a target is named. A class id; a class name; `#2` for the second most probable class; `tabby - tiger cat` for a
contrast of two classes; `tabby -` for a contrast with its strongest rivals; `module:function` or a function of the
model's outputs for a score of the user's own; None for the most probable class. For values: `age` explains what raises
it, `age -` what lowers it, `#2` the second value, None the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to explain about a frame: one heat map for each model, method and target (the target changes fastest)."""

    models: tuple[int, ...] = (0,)
    """Indices of the loaded models, in the order of the command line."""

    methods: tuple[str, ...] = ("gradcam",)
    """Method names, as `--method` takes them."""

    layer: str | None = None
    """Path of the first model's target layer, or several, separated by commas; None for the last feature map. All other
    models use their last feature map, because their layers have other names."""

    targets: tuple[TargetSpec, ...] = (None,)
    """Names or ids of the targets."""

    area: Region | None = None
    """(x, y, width, height) in pixels: the part of the frame to explain, clipped to the frame; None for the whole
    frame."""

    channels: int = 0
    """How many of the layer's strongest channels to return."""

    proof: float | None = None
    """The share of the area that the masking test of the first explanation keeps, in (0, 1); None: no test."""

    concepts: int = 0
    """How many concepts the target layer's activation of the first model is divided into; 0 for none."""

    curves: bool = False
    """Whether the deletion and the insertion curves of the heat are wanted."""

    head: TaughtHead | None = None
    """The classifier that takes the place of the first model's own; None: its own. Another head compiles nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of the target layer, and its weight in the heat map."""

    number: int
    """Its index in the layer, from 0."""

    weight: float
    """Its weight in Grad-CAM's sum: the spatial mean of the score's gradient."""

    activation: npt.NDArray[np.float32]
    """(h, w) float32: the layer's output."""


Head = Callable[[npt.NDArray[np.float32]], Prediction]
"""Returns the network's most probable class for means of a layer's activation over all places, (C,) float32."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerActivation:
    """The output of the target layer for a picture, and where it lies."""

    layer: str
    """The layer's path; of several layers, the first one's."""

    values: npt.NDArray[np.float32]
    """(h, w, C) float32."""

    region: Region
    """(x, y, width, height) in pixels of the frame."""

    inset: Inset
    """The part of the map that lies over the region, as in `Explanation`."""

    head: Head | None = None
    """None unless the rest of the network is pooling and one dense layer, and its outputs are classes or labels."""

    weights: npt.NDArray[np.float32] | None = None
    """(C, units) float32: those of the dense layer; None where there is no head."""


@dataclass(frozen=True, slots=True, eq=False)
class ConceptMaps:
    """How strong each concept is at each place of a picture."""

    strengths: npt.NDArray[np.float32]
    """(k, h, w) float32 in [0, 1]: the weight of each concept as a share of its maximum in the fitted frames. A concept
    keeps its place in the first axis from frame to frame."""

    predictions: tuple[Prediction | None, ...]
    """For each concept, the network's most probable class for the concept alone; None if that is not known."""

    region: Region
    """(x, y, width, height) in pixels of the frame."""

    inset: Inset = WHOLE
    """The part of the maps that lies over the region, as in `Explanation`."""


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """The masking test of an explanation, and how the picture was changed for it."""

    faithfulness: Faithfulness

    mask: npt.NDArray[np.bool_]
    """(h, w) bool: the hottest part, at the scale of the network's input."""

    replacement: Pixels
    """(h, w, 3) uint8 BGR: what replaces the pixels that are taken away, at the same scale."""

    part: Region
    """(x, y, width, height) in pixels of the frame: where both lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The explanations of one frame that a question asked for."""

    question: Question

    explanations: tuple[Explanation, ...]
    """One for each model, method and target (the target changes fastest); regions are in pixels of the whole frame."""

    channels: tuple[Channel, ...] = ()
    """The requested channels of the first explanation, strongest first, by |weight| times the mean of |activation|.
    Fewer if the layer has fewer; of several layers, those of the first."""

    activation: LayerActivation | None = None
    """The activation that the requested concepts are found in; None if none were asked for, or if the frame was
    scanned."""

    concepts: ConceptMaps | None = None
    """The requested concepts; None if none were asked for, or if they are not found yet."""

    proof: Proof | None = None
    """The masking test of the first explanation; None if the question asks for none, or if there can be none."""

    unproved: str = ""
    """Why there is no proof and no curve, in a few words; empty if there is, or if none was asked for."""

    curves: tuple[HeatCurve, ...] = ()
    """The curves of the first model's maps for the first target: a pair for each method of one pass, and a pair for a
    control. Empty if none were asked for, or if there can be none."""

    feature_map: npt.NDArray[np.float32] | None = None
    """(h, w, F) float32: what the question's head sees of the frame; None where the question has no head."""

    @property
    def first(self) -> Explanation:
        """The explanation that the label and the statistics use."""
        return self.explanations[0]

    @property
    def models(self) -> tuple[int, ...]:
        """The model of each explanation, as an index like those in `question.models`."""
        asked = self.question.models
        each = max(1, len(self.explanations) // len(asked))
        return tuple(asked[min(place // each, len(asked) - 1)] for place in range(len(self.explanations)))
