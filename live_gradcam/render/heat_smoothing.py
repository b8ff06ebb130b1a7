"""Steady heat: a map that neither flickers from one explanation to the next nor paints noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from live_gradcam.config import DEFAULT_SMOOTHING, Scale
from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap, Prediction
from live_gradcam.heatmap import over_region
from live_gradcam.render.caption import belief_in

_RISE, _FALL = 0.1, 2.0
"""Seconds in which the scale follows a target's peaks up, and down."""

_CEILING_FALL = 60.0
"""Seconds in which the largest peak of late, of whichever target, is forgotten."""

WEAK = 0.4
"""What peaks below this part of the largest peak of late is dimmed, by the square of how far it is below. With the
default network a blank wall peaks at 0.2 or less and things at 0.35 to 0.95; and on a blank wall the target changes
with every frame, so that a scale of each target's own would paint noise."""

_FAINT = 0.12
"""Opacity of heat for a target that the network chose and is not sure of: nobody takes it for an answer."""

_NEARLY_BELIEVED = (0.85, 1.0)
"""Between these parts of the probability from which on the plate names a class the heat becomes full, so that it does
not come and go at a stroke."""

_LIKE_RECOGNISED, _LIKELY = (0.5, 0.65), (0.4, 0.6)
"""So it does below them, too, where it peaks between these parts of what recognised things gave of late, and the class
is as probable as these parts of what it takes to be named. docs/motion.md has the measurement."""

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
    """In [0, 1]; it fades where there is no evidence, and where the network is not sure of the target that it chose."""

    label: str
    """Of the target that it is the heat of: that of another does not mix with it."""

    origin: tuple[object, ...]
    """Method, layer, shape, region and inset that it came by: another's values cannot be compared with it."""

    chosen: tuple[object, ...]
    """The kind of target, and its name where the viewer chose it: what is chosen anew begins its own scale."""

    scale: float
    """The raw value that is full heat, for this target."""

    ceiling: float
    """The largest peak of late, whatever the target."""

    recognised: float
    """The largest peak of late of targets that the network chose and was sure of; 0: there was none."""

    strength: float
    """The newest peak as a part of that, or of the ceiling where there was none."""

    at: float
    """When the frame was taken, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatSmoothing:
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
                return Heat(np.zeros((rows, columns), np.float32), 0.0, "", (), (), 0.0, 0.0, 0.0, 0.0, at)
            # It fades in the shape that it had: a map of nothing has none to turn into.
            return replace(before, heatmap=earlier, opacity=before.opacity * kept, strength=0.0, at=at)

        target = explanation.target
        origin = explanation.method, explanation.layer, raw.shape, explanation.region, explanation.inset
        chosen = type(target), "" if explanation.automatic else target.label
        alike = before if before is not None and before.origin == origin else None
        continued = alike if alike is not None and alike.chosen == chosen else None
        same = continued is not None and continued.label == target.label
        peak = max(float(raw.max()), 0.0)
        since = 0.0 if before is None else max(0.0, at - before.at)
        scale = _followed(continued.scale, peak, since, _FALL) if continued is not None and same else peak
        ceiling = peak if continued is None else _followed(continued.ceiling, peak, since, _CEILING_FALL)
        recognised = recognised_peak(explanation, 0.0 if alike is None else alike.recognised, since)
        # A contrast's values are small beside those of a class, and no sign that there is nothing to see.
        strength = peak / (recognised or ceiling or 1.0) if isinstance(target, Prediction) else 1.0
        goal = opacity_of(explanation, strength if recognised else 0.0)
        full = peak
        if self.scale == "stable" and scale > 0:
            full = scale * max(1.0, WEAK * ceiling / scale) ** 2
        relative = np.clip(raw / full if full > 0 else raw, 0.0, 1.0).astype(np.float32)
        heatmap = over_region(relative, (columns, rows), explanation.inset)
        if same and earlier is not None:
            heatmap = np.asarray(heatmap + (earlier - heatmap) * (known * np.float32(kept)), np.float32)
        # What fades away must end: numbers too small to be normal make every later step many times slower.
        heatmap = np.where(heatmap < _NOTHING, np.float32(0), heatmap)
        opacity = goal if before is None else goal + (before.opacity - goal) * kept
        return Heat(heatmap, opacity, target.label, origin, chosen, scale, ceiling, recognised, strength, at)


def recognised_peak(explanation: Explanation, before: float, seconds: float) -> float:
    """Return the largest peak of late of targets that the network chose and was sure of, after one more explanation.

    Args:
        explanation: the newest; with evidence.
        before: the value after the explanation before; 0: nothing was recognised yet.
        seconds: since then.
    """
    if not explanation.automatic or belief_in(explanation) < 1:
        return before
    peak = max(float(explanation.raw_heatmap.max()), 0.0)
    return _followed(before, peak, seconds, _CEILING_FALL) if before else peak


def opacity_of(explanation: Explanation, likeness: float = 0.0) -> float:
    """Return how opaque heat is, in [0, 1]: faint where the network is not sure of a target that it chose itself.

    Args:
        explanation: what is shown.
        likeness: the peak of its map as a part of what recognised things gave of late; 0 where nothing was.
    """
    belief = belief_in(explanation)
    like = _smooth_step(likeness, *_LIKE_RECOGNISED) * _smooth_step(belief, *_LIKELY)
    return _FAINT + (1.0 - _FAINT) * max(_smooth_step(belief, *_NEARLY_BELIEVED), like)


def _mesh(explanation: Explanation) -> tuple[int, int]:
    """Return (columns, rows) of the mesh over the region: as fine as the map, and fine enough for its curve."""
    _, _, width, height = explanation.region
    least, most = _SIDES
    side = min(max(least, *explanation.raw_heatmap.shape), most)
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _smooth_step(value: float, begin: float, end: float) -> float:
    """Return 0 up to `begin`, 1 from `end` on, and a smooth curve between them."""
    share = min(1.0, max(0.0, (value - begin) / (end - begin)))
    return share * share * (3.0 - 2.0 * share)


def _followed(scale: float, peak: float, seconds: float, fall: float) -> float:
    """Return a slowly moving maximum after one more peak, this many seconds later."""
    return peak + (scale - peak) * _kept(seconds, _RISE if peak > scale else fall)


def _kept(seconds: float, constant: float) -> float:
    """Return the weight of what was there before; none after a step back in time."""
    return math.exp(-seconds / constant) if constant > 0 and seconds >= 0 else 0.0
