"""Heat smoothing: heat maps that do not flicker between explanations and do not amplify noise."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from live_gradcam.config import DEFAULT_SMOOTHING
from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.fixed_choices import Scale
from live_gradcam.heatmap import over_region
from live_gradcam.prediction import Prediction
from live_gradcam.render.caption import confidence_of

_RISE, _FALL = 0.1, 2.0
"""Time constants in seconds with which the scale follows a target's peaks, upwards and downwards."""

_CEILING_FALL = 60.0
"""Time constant in seconds with which the largest recent peak of all targets decays."""

WEAK = 0.4
"""A peak below this share of the largest recent peak is dimmed quadratically. With the default network a blank wall
peaks at 0.2 or less and things at 0.35 to 0.95. On a blank wall the target changes with every frame, so a scale for
each target alone would amplify noise."""

_FAINT = 0.12
"""Opacity of heat for a target that the network chose and is not sure of, too faint to be taken for a result."""

_NEARLY_BELIEVED = (0.85, 1.0)
"""The heat becomes fully opaque between these shares of the probability from which the plate names a class, so that it
fades in and out smoothly."""

_LIKE_RECOGNISED, _LIKELY = (0.5, 0.65), (0.4, 0.6)
"""Below that it also becomes opaque, if two things rise together: its peak between the first two shares of the recent
peak of recognised things, and its probability between the last two shares of the probability from which the plate names
a class. docs/motion.md has the measurement."""

_NOTHING = 1e-4
"""Heat below this value is set to 0."""

_MOST_KEPT = 16
"""Number of kinds of maps (method, layer, shape) whose peaks are remembered."""

_SIDES = (128, 384)
"""Smallest and largest longer side of the mesh on which heat is computed, in points."""


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """Smoothed heat at one explained frame, and the state that smooths the next one."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1], over exactly the region that the network saw."""

    opacity: float
    """In [0, 1]; lower without evidence, and where the network is not sure of the target that it chose."""

    label: str
    """Label of the target; heat of another target is not mixed in. Empty if all things of a scan are explained."""

    origin: tuple[object, ...]
    """Method, layer, map shape, region and inset; values with another origin cannot be compared."""

    chosen: tuple[object, ...]
    """Kind of target, and its name if the viewer chose it; another choice begins a new scale."""

    scale: float
    """The raw value that is shown as full heat, for this target."""

    ceiling: float
    """The largest recent peak of any target."""

    recognised: float
    """The largest recent peak of targets that the network chose and was sure of; 0 if there was none."""

    strength: float
    """The newest peak as a share of `recognised`, or of `ceiling` if nothing was recognised."""

    at: float
    """Time of the frame, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatSmoothing:
    """Settings of the smoothing, and the smoothing step.

    Raises:
        RenderError: a value is invalid.
    """

    seconds: float = DEFAULT_SMOOTHING
    """Time constant in seconds: after it, 63% of a change is visible, at any rate of explanations; 0 for no
    smoothing."""

    scale: Scale = "stable"

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not (self.seconds >= 0 and math.isfinite(self.seconds)):
            raise RenderError(f"the smoothing is {self.seconds}: it must be 0 or more seconds.")
        if self.scale not in get_args(Scale):
            raise RenderError(f"scale is '{self.scale}'. Valid: {', '.join(get_args(Scale))}.")

    def heat(
        self,
        explanation: Explanation,
        at: float,
        before: Heat | None = None,
        *,
        moved: HeatMap | None = None,
        confidence: HeatMap | float = 1.0,
    ) -> Heat:
        """Return the heat after one more explanation.

        Args:
            explanation: of a frame.
            at: time of that frame, in seconds.
            before: the heat so far; None for the first explanation.
            moved: `before.heatmap` moved to this frame, so that the mixture does not lag; None if it did not move.
            confidence: of the movement, in [0, 1], for the whole map or each point. Where it is 0, only the new
                explanation counts.
        """
        raw = explanation.raw_heatmap
        earlier = None if before is None else (before.heatmap if moved is None else moved)
        kept = 0.0 if before is None else _kept(at - before.at, self.seconds)
        columns, rows = _mesh(explanation)
        if not (explanation.has_evidence and np.isfinite(raw).all()):
            if before is None or earlier is None:
                return Heat(np.zeros((rows, columns), np.float32), 0.0, "", (), (), 0.0, 0.0, 0.0, 0.0, at)
            # Fade out in the previous shape: an empty map has no shape of its own.
            return replace(before, heatmap=earlier, opacity=before.opacity * kept, strength=0.0, at=at)

        target = explanation.target
        origin = explanation.method, explanation.layer, raw.shape, explanation.region, explanation.inset
        chosen = type(target), "" if explanation.automatic else target.label
        alike = before if before is not None and before.origin == origin else None
        continued = alike if alike is not None and alike.chosen == chosen else None
        label = target.label if explanation.things is None else ""
        same = continued is not None and continued.label == label
        peak = max(float(raw.max()), 0.0)
        since = 0.0 if before is None else max(0.0, at - before.at)
        scale = _followed(continued.scale, peak, since, _FALL) if continued is not None and same else peak
        ceiling = peak if continued is None else _followed(continued.ceiling, peak, since, _CEILING_FALL)
        recognised = recognised_peak(explanation, 0.0 if alike is None else alike.recognised, since)
        # A contrast's values are small compared with a class's, which does not mean that there is nothing to see.
        strength = peak / (recognised or ceiling or 1.0) if isinstance(target, Prediction) else 1.0
        goal = opacity_of(explanation, strength if recognised else 0.0)
        full = peak
        if self.scale == "stable" and scale > 0:
            full = scale * max(1.0, WEAK * ceiling / scale) ** 2
        relative = np.clip(raw / full if full > 0 else raw, 0.0, 1.0).astype(np.float32)
        heatmap = over_region(relative, (columns, rows), explanation.inset)
        if same and earlier is not None:
            heatmap = np.asarray(heatmap + (earlier - heatmap) * (confidence * np.float32(kept)), np.float32)
        # Heat that fades out must reach zero: subnormal numbers would make every later step many times slower.
        heatmap = np.where(heatmap < _NOTHING, np.float32(0), heatmap)
        opacity = goal if before is None else goal + (before.opacity - goal) * kept
        return Heat(heatmap, opacity, label, origin, chosen, scale, ceiling, recognised, strength, at)


def recognised_peak(explanation: Explanation, before: float, seconds: float) -> float:
    """Return the largest recent peak of targets that the network chose and was sure of, after one more explanation.

    Args:
        explanation: the newest; with evidence.
        before: the value before it; 0 if nothing was recognised yet.
        seconds: time since then.
    """
    if not explanation.automatic or confidence_of(explanation) < 1:
        return before
    peak = max(float(explanation.raw_heatmap.max()), 0.0)
    return _followed(before, peak, seconds, _CEILING_FALL) if before else peak


class RelativePeaks:
    """Compares the peak of each map with the peaks of recognised things, for each kind of map separately."""

    def __init__(self) -> None:
        self._peaks: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def of(self, explanation: Explanation, at: float) -> float:
        """Add an explanation, and return its peak divided by the peak of recognised things.

        Args:
            explanation: the newest explanation.
            at: time at which it was made, in seconds.

        Returns:
            The ratio; 0 if nothing was recognised yet, or if there is no evidence.
        """
        if not explanation.has_evidence:
            return 0.0
        kind = explanation.method, explanation.layer, explanation.raw_heatmap.shape
        before, since = self._peaks.pop(kind, (0.0, at))
        peak = max(float(explanation.raw_heatmap.max()), 0.0)
        recognised = recognised_peak(explanation, before, at - since)
        self._peaks[kind] = recognised, at
        if len(self._peaks) > _MOST_KEPT:
            self._peaks.popitem(last=False)
        return peak / recognised if recognised else 0.0


def opacity_of(explanation: Explanation, likeness: float = 0.0) -> float:
    """Return the opacity of heat, in [0, 1]: faint if the network is not sure of a target that it chose.

    Args:
        explanation: the explanation that is shown.
        likeness: its peak as a share of the recent peak of recognised things; 0 if nothing was recognised.
    """
    belief = confidence_of(explanation)
    like = _smooth_step(likeness, *_LIKE_RECOGNISED) * _smooth_step(belief, *_LIKELY)
    return _FAINT + (1.0 - _FAINT) * max(_smooth_step(belief, *_NEARLY_BELIEVED), like)


def _mesh(explanation: Explanation) -> tuple[int, int]:
    """Return (columns, rows) of the mesh over the region: as fine as the map and as cubic interpolation need."""
    _, _, width, height = explanation.region
    least, most = _SIDES
    side = min(max(least, *explanation.raw_heatmap.shape), most)
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _smooth_step(value: float, begin: float, end: float) -> float:
    """Return 0 up to `begin`, 1 from `end`, and a smooth curve between them."""
    share = min(1.0, max(0.0, (value - begin) / (end - begin)))
    return share * share * (3.0 - 2.0 * share)


def _followed(scale: float, peak: float, seconds: float, fall: float) -> float:
    """Return a slowly moving maximum after one more peak, `seconds` later."""
    return peak + (scale - peak) * _kept(seconds, _RISE if peak > scale else fall)


def _kept(seconds: float, constant: float) -> float:
    """Return the weight of the previous value; 0 after a step back in time."""
    return math.exp(-seconds / constant) if constant > 0 and seconds >= 0 else 0.0
