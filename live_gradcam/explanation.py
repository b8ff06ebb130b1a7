"""Explanations: what the network predicted for a frame, and the heat map of the pixels behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.faithfulness import Faithfulness
from live_gradcam.fixed_choices import Task
from live_gradcam.frame import Pixels
from live_gradcam.number_format import LABEL_HOLDS, UNSURE
from live_gradcam.prediction import Prediction, Target

HeatMap = npt.NDArray[np.float32]
"""(h, w) float32; in [0, 1] unless it is raw."""

Region = tuple[int, int, int, int]
"""(x, y, width, height) in pixels of the frame."""

Inset = tuple[float, float, float, float]
"""(left, top, right, bottom) of a part of a heat map, as fractions of its width and height. Values below 0 or above 1
lie beyond the map."""

WHOLE: Inset = (0.0, 0.0, 1.0, 1.0)

NOT_SURE = "not sure"
NO_LABEL = "no label"
NONE_OF_THESE = "none of these"
NOT_TAUGHT = "not taught yet"
NO_ANSWER = "no answer"
NO_CLASS = (NOT_SURE, NO_LABEL, NONE_OF_THESE, NOT_TAUGHT, NO_ANSWER)
"""Texts shown instead of a class's name."""


@dataclass(frozen=True, slots=True)
class FoundThing:
    """A recognised thing and its place: where the heat map that explains its class is at least half of its maximum."""

    prediction: Prediction
    """Its class, with the probability in the part of the frame where it is clearest."""

    centre: tuple[float, float]
    """(x, y) of the centre of mass of that heat, in pixels of the frame."""

    box: Region
    """(x, y, width, height) of that heat's bounding box, in pixels of the frame."""

    @property
    def said(self) -> dict[str, str | float | list[int] | None]:
        """The thing as recordings and tables store it: `label`, `probability` and `box`."""
        prediction = self.prediction
        return {
            "label": prediction.label,
            "probability": _rounded(prediction.probability),
            "box": list(self.box),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The network's prediction for one frame, and the heat map that explains it."""

    heatmap: HeatMap = field(repr=False)
    """(h, w) float32 in [0, 1] at the layer's resolution, or the input's for pixel methods: `raw_heatmap` clipped at 0
    and divided by its maximum. All zeros if there is no evidence."""

    raw_heatmap: HeatMap = field(repr=False)
    """(h, w) float32 before normalisation, after ReLU if the method has one. If the computed map is not finite it is 0,
    and `has_evidence` is False."""

    has_evidence: bool
    """False if the computed map is not finite, or its peak is rounding noise compared with the sum of
    |weight · activation|. Then no heat is drawn."""

    top: tuple[Prediction, ...]
    """The most probable classes or labels, best first. For a network that is no classifier: its values, in the order of
    its outputs. Empty if a score of the user's own is explained."""

    target: Target
    """What is explained: a class, a contrast of classes, a value, or a score of the user's own."""

    region: Region
    """(x, y, width, height): the part of the frame that the network saw, in pixels. If the network crops its input, the
    part that remains."""

    method: str
    """Name of the method, as `--method` takes it."""

    layer: str
    """Path of the target layer; several paths are joined by commas. For pixel methods, the name of the input."""

    inset: Inset = WHOLE
    """The part of the heat map that lies over the region, usually all of it. Smaller if the map extends beyond the
    region, over borders that `pad` or the network adds. Larger if the region extends beyond the map: the cells of a
    network without padding cover the inner part only, and there is no heat outside."""

    task: Task = "classes"
    """What `top` holds: classes of which one is true, labels that are each true or false, or values."""

    is_finite: bool = True
    """False if the network gives NaN or infinity for this frame."""

    automatic: bool = False
    """Whether the target was chosen by its rank in the network's output, not by the viewer."""

    things: tuple[FoundThing, ...] | None = None
    """The recognised things, the most probable first, if the frame was scanned and each window explained by its most
    probable class; the heat is the evidence for all of them. None if it was not scanned."""

    faithfulness: Faithfulness | None = None
    """The masking test of the heat map; None if it was not tested."""

    is_known: bool = True
    """False if the picture is unlike everything that a taught head has seen; then there is no evidence either."""

    image: Pixels | None = field(default=None, repr=False)
    """(h, w, 3) uint8 BGR: a copy of the explained picture for notebooks and `lg.show`, at most 640 pixels wide and
    high. None if no `Explainer` made the explanation."""

    frame_size: tuple[int, int] | None = None
    """(width, height) of the explained picture, in pixels; None without an image."""

    def _repr_png_(self) -> bytes | None:
        """Return the picture with its heat, its name and its bars, as notebooks show it; None without an image."""
        return None if self.image is None else _notebook().png_of(self)

    def _repr_html_(self) -> str | None:
        """Return the picture with its heat, and its bars as text; None without an image."""
        return None if self.image is None else _notebook().html_of(self)

    @property
    def best(self) -> Prediction | None:
        """The most probable class or label; None if the network is no classifier, or gives NaN."""
        return self.top[0] if self.top and self.task != "values" else None

    @property
    def needed(self) -> float:
        """The probability from which the most probable class or label is named."""
        return LABEL_HOLDS if self.task == "multi-label" else UNSURE

    @property
    def headline(self) -> str | None:
        """The text that names the picture: the most probable class or label, or `not sure`, `no label` or `no answer`.

        None if the network is no classifier, or a score of the user's own is explained.
        """
        if self.task == "values":
            return None
        if self.best is None:
            return NOT_TAUGHT if self.is_finite else NO_ANSWER
        if not self.is_known:
            return NONE_OF_THESE
        if (self.best.probability or 0.0) >= self.needed:
            return self.best.label
        return NO_LABEL if self.task == "multi-label" else NOT_SURE

    @property
    def values(self) -> tuple[Prediction, ...]:
        """The values of a network that is no classifier, in the order of its outputs; empty for a classifier."""
        return self.top if self.task == "values" else ()

    @property
    def numbers(self) -> dict[str, float]:
        """The finite values by title, such as `age [years]`; empty for a classifier."""
        return {each.title: each.value for each in self.values if each.value is not None}

    @property
    def said(self) -> dict[str, Any]:
        """The predictions as recordings and tables store them.

        `top`: up to five pairs of label and probability, best first. If the network is no classifier, `top` is empty
        and `values` has triples of name, number (None for NaN) and unit. A scan also has `things` (`FoundThing.said`),
        a tested explanation `faithfulness` (`Faithfulness.said`).
        """
        if self.task != "values":
            top = [[each.label, _rounded(each.probability)] for each in self.top[:5]]
            return {
                "top": top,
                **({} if self.things is None else {"things": [each.said for each in self.things]}),
                **({} if self.faithfulness is None else {"faithfulness": self.faithfulness.said}),
            }
        values = [[each.label, _shortest(each.value), each.unit] for each in self.values]
        return {"top": [], **({"values": values} if values else {})}


def _notebook() -> ModuleType:
    """Return the module that draws for notebooks. Values know no room, so the package's face gives it."""
    import live_gradcam

    return live_gradcam.notebook


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 4)


def _shortest(value: float | None) -> float | None:
    """Return a float32 with its significant digits only."""
    return None if value is None else float(f"{value:.7g}")
