"""What is shown: a finished picture, and what is on it."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.frame import Frame, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One picture on its way to the sinks, and everything that can be said of it."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR: the picture, with all that is drawn on it. Nobody draws on it again."""

    frame: Frame
    """The frame that it shows; `frame.time` is its place in time."""

    explanation: Explanation | None = None
    """What the plate says; of an earlier frame as a rule. None as long as nothing was explained."""

    heatmap: HeatMap | None = None
    """(h, w) float32 in [0, 1]: the heat that is drawn, over `explanation.region`; None where none is."""

    latency_ms: float | None = None
    """How long ago the frame was captured, when the picture was finished; None for files."""
