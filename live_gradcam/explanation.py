"""An explanation: what the network said of a frame, and which pixels made it say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.config import Task
from live_gradcam.number import LABEL_HOLDS, UNSURE, number_text, percent_text, with_unit

HeatMap = npt.NDArray[np.float32]
"""(h, w) float32."""

Region = tuple[int, int, int, int]
"""(x, y, width, height) in pixels of the frame."""

Inset = tuple[float, float, float, float]
"""(left, top, right, bottom) of a part of a heat map, as fractions of its width and height; below 0 or above 1 where
that part reaches beyond the map."""

WHOLE: Inset = (0.0, 0.0, 1.0, 1.0)

NOT_SURE = "not sure"
NO_LABEL = "no label"
NO_ANSWER = "no answer"
"""What is said in the place of a class's name."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network says about one of its outputs: a class, a label, or a value."""

    class_id: int
    """Index of the network's output unit, from 0."""

    label: str
    """The class's or the value's name, readable: `Egyptian cat`, `age`."""

    probability: float | None
    """In [0, 1]; None where the network is no classifier, or gives NaN."""

    value: float | None = None
    """The network's own number: a probability, log-probability, logit or plain value, as its last layer gives it. Of
    a network with one unit that decides between two classes, the first class has the unit's opposite. None where it is
    NaN or infinite, or not known."""

    unit: str = ""
    """Of a plain value: `years`; empty: none."""

    @property
    def title(self) -> str:
        """The name with the unit, as over a column of a table: `age [years]`."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def __str__(self) -> str:
        if self.probability is not None:
            return f"{self.label} {percent_text(self.probability)}"
        return f"{self.label} {with_unit(number_text(self.value), self.unit)}"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One class set against others: what speaks for it rather than for them."""

    prediction: Prediction
    """The class that is explained."""

    rivals: tuple[Prediction, ...]
    """The classes it is set against, strongest first."""

    strength: float
    """How much of the rivals' score is taken off; 1 is the plain difference of two scores."""

    @property
    def class_id(self) -> int:
        """The class that is explained."""
        return self.prediction.class_id

    @property
    def label(self) -> str:
        """Both sides: `tabby − tiger cat`."""
        return f"{self.prediction.label} − {', '.join(rival.label for rival in self.rivals)}"

    @property
    def probability(self) -> float | None:
        """That of the class that is explained, in [0, 1]; None where the network is no classifier."""
        return self.prediction.probability

    @property
    def value(self) -> float | None:
        """The network's own number for what is explained."""
        return self.prediction.value

    @property
    def unit(self) -> str:
        """The unit of what is explained."""
        return self.prediction.unit


@dataclass(frozen=True, slots=True)
class Lowered:
    """A value of a network that is no classifier, explained by what lowers it."""

    prediction: Prediction
    """The value."""

    @property
    def class_id(self) -> int:
        """Index of the network's output unit, from 0."""
        return self.prediction.class_id

    @property
    def label(self) -> str:
        """As a target is written: `age −`."""
        return f"{self.prediction.label} −"

    @property
    def probability(self) -> None:
        """None: it is no class."""

    @property
    def value(self) -> float | None:
        """The network's own number."""
        return self.prediction.value

    @property
    def unit(self) -> str:
        """The unit of the number."""
        return self.prediction.unit


@dataclass(frozen=True, slots=True)
class Value:
    """A score of the user's own: a function of the model's outputs."""

    label: str
    """The function's name."""

    value: float | None
    """What it came to; None where that is NaN or infinite."""


Target = Prediction | Contrast | Lowered | Value


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What the network said of one frame, and the heat map of what made it say so."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1] at the layer's own resolution, or the input's for methods that look at the pixels:
    `raw_heatmap` clipped at zero and divided by its maximum; all zeros where there is no evidence."""

    raw_heatmap: HeatMap
    """(h, w) float32 before normalisation, after ReLU where the method has one. Where what was computed is not
    finite it holds 0, and `has_evidence` is False."""

    has_evidence: bool
    """False where what was computed is not finite, or its peak is rounding noise beside the sum of
    |weight · activation|: then there is nothing to show, and the picture is left as it is."""

    top: tuple[Prediction, ...]
    """The most probable classes or labels, best first; of a network that is no classifier its values, in the order of
    its outputs; empty where a score of the user's own is explained."""

    target: Target
    """What was explained: a class, a contrast of classes, a value, or a score of the user's own."""

    region: Region
    """(x, y, width, height): the part of the frame that the network saw, in pixels. A network that cuts its own input
    saw what it left of it."""

    method: str
    """The method's name, as `--method` takes it."""

    layer: str
    """The path of the layer whose activation was weighted; several are joined by commas; of methods that look at
    the pixels themselves, the input's name."""

    inset: Inset = WHOLE
    """Which part of the heat map lies over the region: all of it, as a rule. Less than 0 to 1 where the map reaches
    beyond the region: over the borders that `pad`, or the network itself, adds. More where the region reaches beyond
    the map, as the cells of a network without padding look at the inner part of it only: there is no heat there."""

    task: Task = "classes"
    """What `top` holds: classes of which one is right, labels that are right or not each by itself, or values."""

    is_finite: bool = True
    """False where the network gives NaN or infinity for this picture."""

    automatic: bool = False
    """Whether the network chose the target, as its most probable class or by another rank; False where the viewer
    did."""

    @property
    def best(self) -> Prediction | None:
        """The most probable class or label; None where the network is no classifier, or gives NaN."""
        return self.top[0] if self.top and self.task != "values" else None

    @property
    def needed(self) -> float:
        """The probability from which on the most probable class or label is named."""
        return LABEL_HOLDS if self.task == "multi-label" else UNSURE

    @property
    def headline(self) -> str | None:
        """The name that this explanation gives the picture: the most probable class, or that there is none.

        None where the network is no classifier, or a score of the user's own is explained.
        """
        if self.task == "values":
            return None
        if self.best is None:
            return None if self.is_finite else NO_ANSWER
        if (self.best.probability or 0.0) >= self.needed:
            return self.best.label
        return NO_LABEL if self.task == "multi-label" else NOT_SURE

    @property
    def values(self) -> tuple[Prediction, ...]:
        """The values of a network that is no classifier, in the order of its outputs; empty for a classifier."""
        return self.top if self.task == "values" else ()

    @property
    def numbers(self) -> dict[str, float]:
        """The values that are finite, by their names with units: `age [years]`; empty for a classifier."""
        return {each.title: each.value for each in self.values if each.value is not None}

    @property
    def said(self) -> dict[str, list[list[Any]]]:
        """What the network says, as recordings and tables hold it.

        `top`: up to five pairs of label and probability, best first. Of a network that is no classifier it is empty,
        and there are `values`: triples of name, number and unit; a number is None where it is NaN.
        """
        if self.task != "values":
            return {"top": [[each.label, _rounded(each.probability)] for each in self.top[:5]]}
        values = [[each.label, _shortest(each.value), each.unit] for each in self.values]
        return {"top": [], **({"values": values} if values else {})}


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 4)


def _shortest(value: float | None) -> float | None:
    """Return a float32 with the digits that it has."""
    return None if value is None else float(f"{value:.7g}")
