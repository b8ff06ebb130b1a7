"""A rendered picture, with the frame and the explanation that it shows."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.frame import Frame, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One finished picture for the sinks, and what it shows."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR: the finished picture. Nothing draws on it again."""

    frame: Frame
    """The frame on the picture; `frame.time` is its time."""

    explanation: Explanation | None = None
    """The explanation on the label plate, usually of an earlier frame. None until a frame was explained."""

    heatmap: HeatMap | None = None
    """(h, w) float32 in [0, 1]: the drawn heat, over `explanation.region`; None if none is drawn."""

    latency_ms: float | None = None
    """Time from capture to the finished picture, in milliseconds; None for files."""

    untested: str = ""
    """Why the picture shows no masking test of the heat, in a few words; empty if it shows one."""
