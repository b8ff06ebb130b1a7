"""An explanation: what the network said of a frame, and which pixels made it say so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HeatMap = npt.NDArray[np.float32]
"""(h, w) float32."""

Region = tuple[int, int, int, int]
"""(x, y, width, height) in pixels of the frame."""

Inset = tuple[float, float, float, float]
"""(left, top, right, bottom) of a part of a heat map, as fractions of its width and height; below 0 or above 1 where
that part reaches beyond the map."""

WHOLE: Inset = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class and how probable the network holds it."""

    class_id: int
    """Index of the network's output unit, from 0."""

    label: str
    """The class's name, readable: `Egyptian cat`."""

    probability: float
    """In [0, 1]."""

    def __str__(self) -> str:
        return f"{self.label} {self.probability:.0%}"


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
    def probability(self) -> float:
        """That of the class that is explained, in [0, 1]."""
        return self.prediction.probability


@dataclass(frozen=True, slots=True)
class Value:
    """A score of the user's own: a function of the model's outputs."""

    label: str
    """The function's name."""

    value: float
    """What it came to."""


Target = Prediction | Contrast | Value


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
    """The most probable classes, best first; empty where the model has no classes."""

    target: Target
    """What was explained: a class, a contrast of classes, or a score of the user's own."""

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
