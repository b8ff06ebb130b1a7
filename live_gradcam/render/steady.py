"""Steady heat: a map that neither flickers from one explanation to the next nor paints noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from live_gradcam.config import DEFAULT_SMOOTHING, Scale
from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.heatmap import over_region

_RISE, _FALL = 0.1, 2.0
"""Seconds in which the scale follows a target's peaks up, and down."""

_CEILING_FALL = 60.0
"""Seconds in which the largest peak of late, of whichever target, is forgotten."""

_WEAK = 0.4
"""What peaks below this part of the largest peak of late is dimmed, by the square of how far it is below. With the
default network a blank wall peaks at 0.2 or less and things at 0.35 to 0.95; and on a blank wall the target changes
with every frame, so that a scale of each target's own would paint noise."""

_NOTHING = 1e-4
"""Heat below this is none."""

_SIDES = (128, 384)
"""Of the mesh that heat is computed on: the smallest and the largest for its longer side."""


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """The heat as of one explained frame, and what is needed to go on from there."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1]: over the region that the network saw, all of it and nothing else."""

    opacity: float
    """In [0, 1]; it fades where there is no evidence."""

    label: str
    """Of the target that it is the heat of: that of another does not mix with it."""

    origin: tuple[object, ...]
    """Method, layer, shape, region, inset and kind of target that it came by: another's values cannot be compared
    with it."""

    scale: float
    """The raw value that is full heat, for this target."""

    ceiling: float
    """The largest peak of late, whatever the target."""

    at: float
    """When the frame was taken, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """How heat is made steady.

    Raises:
        RenderError: a value makes no sense.
    """

    smoothing: float = DEFAULT_SMOOTHING
    """Seconds after which a change has come through to 63%, whatever the rate of explanations; 0: at once."""

    scale: Scale = "stable"

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if not (self.smoothing >= 0 and math.isfinite(self.smoothing)):
            raise RenderError(f"the smoothing is {self.smoothing}: it must be 0 or more seconds.")
        if self.scale not in get_args(Scale):
            raise RenderError(f"scale is '{self.scale}'. Valid: {', '.join(get_args(Scale))}.")

    def heat(
        self,
        explanation: Explanation,
        at: float,
        before: Heat | None = None,
        *,
        moved: HeatMap | None = None,
        known: HeatMap | float = 1.0,
    ) -> Heat:
        """Return the heat with one more explanation mixed in.

        Args:
            explanation: of a frame.
            at: when that frame was taken, in seconds.
            before: the heat so far; None for the first explanation.
            moved: `before.heatmap` carried to this frame, so that the mixture does not lag; None: it did not move.
            known: how far that is to be believed, in [0, 1], for all of it or each point: where it is not, the new
                explanation alone counts.
        """
        raw = explanation.raw_heatmap
        earlier = None if before is None else (before.heatmap if moved is None else moved)
        kept = 0.0 if before is None else _kept(at - before.at, self.smoothing)
        columns, rows = _mesh(explanation)
        if not (explanation.has_evidence and np.isfinite(raw).all()):
            if before is None or earlier is None:
                return Heat(np.zeros((rows, columns), np.float32), 0.0, "", (), 0.0, 0.0, at)
            # It fades in the shape that it had: a map of nothing has none to turn into.
            return replace(before, heatmap=earlier, opacity=before.opacity * kept, at=at)

        # A contrast's values are small beside those of a class, and no sign that there is nothing to see.
        kind = type(explanation.target)
        origin = (
            explanation.method,
            explanation.layer,
            raw.shape,
            explanation.region,
            explanation.inset,
            kind,
        )
        continued = before is not None and before.origin == origin
        same = continued and before is not None and before.label == explanation.target.label
        peak = max(float(raw.max()), 0.0)
        since = 0.0 if before is None else max(0.0, at - before.at)
        scale = _followed(before.scale, peak, since, _FALL) if before is not None and same else peak
        ceiling = (
            _followed(before.ceiling, peak, since, _CEILING_FALL)
            if before is not None and continued
            else peak
        )
        full = peak
        if self.scale == "stable" and scale > 0:
            full = scale * max(1.0, _WEAK * ceiling / scale) ** 2
        relative = np.clip(raw / full if full > 0 else raw, 0.0, 1.0).astype(np.float32)
        heatmap = over_region(relative, (columns, rows), explanation.inset)
        if same and earlier is not None:
            heatmap = np.asarray(heatmap + (earlier - heatmap) * (known * np.float32(kept)), np.float32)
        # What fades away must end: numbers too small to be normal make every later step many times slower.
        heatmap = np.where(heatmap < _NOTHING, np.float32(0), heatmap)
        opacity = 1.0 if before is None else 1.0 - (1.0 - before.opacity) * kept
        return Heat(heatmap, opacity, explanation.target.label, origin, scale, ceiling, at)


def _mesh(explanation: Explanation) -> tuple[int, int]:
    """Return (columns, rows) of the mesh over the region: as fine as the map, and fine enough for its curve."""
    _, _, width, height = explanation.region
    least, most = _SIDES
    side = min(max(least, *explanation.raw_heatmap.shape), most)
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _followed(scale: float, peak: float, seconds: float, fall: float) -> float:
    """Return a slowly moving maximum after one more peak, this many seconds later."""
    return peak + (scale - peak) * _kept(seconds, _RISE if peak > scale else fall)


def _kept(seconds: float, constant: float) -> float:
    """Return the weight of what was there before; none after a step back in time."""
    return math.exp(-seconds / constant) if constant > 0 and seconds >= 0 else 0.0
