"""Tells what a head has learned: whether its classes differ in the thing, or in what lies around it.

For two classes a and b, the mean difference of their logits between the examples of a and those of b is

    D = (w_a − w_b) · (mean_a f − mean_b f)

(the bias cancels). The features are means over the places of the feature map, so D falls exactly into what the thing
adds and what lies left, right, above and below of it: D = D_thing + D_left + D_right + D_above + D_below.

The thing's places include those around it, which its evidence leaks into (`thing_places`). So part of the background's
evidence is counted as the thing's. What the background adds in a place outside is taken to be what it adds in a place
around the thing, too. With the share r of the places that are the thing's, the background's share of D is

    (D_left + D_right + D_above + D_below) / ((1 − r) D)
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.examples import PARTS, Burst, Examples
from live_gradcam.teach.feature_extractor import FeatureExtractor, FeatureMaps
from live_gradcam.teach.thing_places import PlacesFrom

MOST_BACKGROUND = 0.5
"""The background's share of a difference from which there is a warning."""

_HEAT_BURSTS = 2
"""Bursts of a class whose pictures show where its heat lies."""

_MOST_SHARES = 3
"""Classes whose shares of the heat are named one by one, at most."""

_NAMED = 0.8
"""Share of the background's evidence that the named sides have together, at least."""


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """What two classes are told apart by."""

    first: str

    second: str

    difference: float
    """D, the mean difference of the logits, in logits. Above 0 for classes that the head tells apart."""

    parts: tuple[float, ...]
    """What each of `examples.PARTS` adds to it, in logits; they sum to it. One that is below 0 misleads."""

    background: float
    """The background's share of it. It may lie outside [0, 1], where the parts have different signs."""

    found_by: PlacesFrom
    """How the thing was found: `middle` if that is so for a burst of either class."""

    @property
    def finding(self) -> str:
        """One sentence where the classes differ more in their background than in the thing; else empty."""
        if self.difference <= 0 or self.background <= MOST_BACKGROUND:
            return ""
        sides = _sides(self.parts[1:])
        if self.found_by == "motion":
            where = f"{sides} them"
        else:
            where = f"{'outside' if sides == 'around' else sides} the middle of the picture"
        return f"{self.first} and {self.second} are told apart by what lies {where}"

    @property
    def warning(self) -> str:
        """The finding, with what to do in front of a camera; empty without one."""
        return f"{self.finding}: show both in front of the same wall" if self.finding else ""


@dataclass(frozen=True, slots=True)
class HeatShares:
    """How much of the heat of the classes lies on the thing."""

    shares: Mapping[str, float] = field(default_factory=dict)
    """Name → share in [0, 1]; without classes that have no heat."""

    found_by: PlacesFrom = "motion"
    """How the thing was found: `middle` if that is so for a burst of any class."""

    @property
    def sentence(self) -> str:
        """Such as `heat on the thing: mug 17%, banana 20%`; empty if nothing is known."""
        if not self.shares:
            return ""
        if len(self.shares) <= _MOST_SHARES:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items())
        else:
            (least, low), *_, (most, high) = sorted(self.shares.items(), key=lambda item: item[1])
            shares = f"{low:.0%} ({least}) to {high:.0%} ({most})"
        return (
            f"heat on the thing: {shares}" if self.found_by == "motion" else f"heat in the middle: {shares}"
        )


@dataclass(frozen=True, slots=True)
class Learned:
    """What a head has learned."""

    differences: tuple[ClassDifference, ...] = ()
    """One for each pair of classes."""

    heat: HeatShares = field(default_factory=HeatShares)

    @property
    def by_background(self) -> tuple[ClassDifference, ...]:
        """The pairs that differ more in their background than in the thing; the worst first."""
        return tuple(
            sorted((each for each in self.differences if each.finding), key=lambda each: -each.background)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each pair that differs more in its background than in the thing; the worst first."""
        return tuple(each.warning for each in self.by_background)

    def renamed(self, now: Mapping[str, str]) -> Learned:
        """Return the same about classes with other names.

        Args:
            now: name → present name; classes that are not in it keep theirs.
        """
        differences = (
            replace(each, first=now.get(each.first, each.first), second=now.get(each.second, each.second))
            for each in self.differences
        )
        shares = {now.get(name, name): share for name, share in self.heat.shares.items()}
        return Learned(tuple(differences), replace(self.heat, shares=shares))


def class_differences(head: TaughtHead, examples: Examples) -> tuple[ClassDifference, ...]:
    """Return what each pair of classes is told apart by.

    Args:
        head: fitted to the examples.
        examples: with the classes of the head, in any order.
    """
    means = {name: _Mean.of(examples.bursts_of(name)) for name in head.labels}
    weights = dict(zip(head.labels, head.kernel.T.astype(np.float64), strict=True))
    differences = []
    for first, second in itertools.combinations(head.labels, 2):
        a, b = means[first], means[second]
        parts = (a.parts - b.parts) @ (weights[first] - weights[second])
        differences.append(
            ClassDifference(
                first,
                second,
                float(parts.sum()),
                tuple(map(float, parts)),
                _background(parts, (a.reached + b.reached) / 2),
                "motion" if a.found_by == b.found_by == "motion" else "middle",
            )
        )
    return tuple(differences)


def heat_shares(extractor: FeatureExtractor, head: TaughtHead, examples: Examples) -> HeatShares:
    """Return how much of the heat of the classes lies on the thing, over pictures of their newest bursts.

    It runs the network once for each picture that was kept of them, at most eight for a class.
    """
    found: dict[str, float] = {}
    places: set[PlacesFrom] = set()
    for number, name in enumerate(head.labels):
        bursts = examples.bursts_of(name)[-_HEAT_BURSTS:]
        shares = [
            heat_share(extractor.maps(burst.samples), burst.covered, head.kernel[:, number])
            for burst in bursts
        ]
        known = [share for share in shares if share is not None]
        if known:
            found[name] = float(np.mean(known))
            places.update(burst.found_by for burst in bursts)
    return HeatShares(found, "middle" if "middle" in places else "motion")


def heat_share(
    maps: FeatureMaps, covered: npt.NDArray[np.bool_], weights: npt.NDArray[np.float32]
) -> float | None:
    """Return the share of the heat, ReLU(Σ_k w_k A_k), that lies on the thing.

    Args:
        maps: (N, h, w, F) float32: the feature maps of pictures.
        covered: (N, h, w) bool: the thing's places.
        weights: (F,) float32: the weights of a class.

    Returns:
        The mean of the pictures' shares, in [0, 1]; None where no picture has heat.
    """
    heat = np.maximum(maps @ weights, 0)
    sums = heat.sum(axis=(1, 2))
    if not (sums > 0).any():
        return None
    return float(((heat * covered).sum(axis=(1, 2))[sums > 0] / sums[sums > 0]).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Mean:
    """The mean of a class over all frames of its bursts."""

    parts: npt.NDArray[np.float64]
    """(5, F) float64, as `Burst.parts`."""

    reached: float
    found_by: PlacesFrom

    @classmethod
    def of(cls, bursts: Sequence[Burst]) -> _Mean:
        frames = np.array([burst.frames for burst in bursts], np.float64)
        weights = frames / frames.sum()
        parts = np.tensordot(weights, np.stack([burst.parts for burst in bursts]).astype(np.float64), 1)
        reached = float(weights @ [burst.reached for burst in bursts])
        by_motion = all(burst.found_by == "motion" for burst in bursts)
        return cls(parts, reached, "motion" if by_motion else "middle")


def _background(parts: npt.NDArray[np.float64], reached: float) -> float:
    """Return the background's share of a difference.

    Args:
        parts: (5,) float64: what each of `PARTS` adds to the difference.
        reached: share of the places that count as the thing's, in (0, 1].
    """
    total, outside = float(parts.sum()), float(parts[1:].sum())
    if total == 0 or reached >= 1:
        return 0.0
    return outside / ((1 - reached) * total)


def _sides(parts: Sequence[float]) -> str:
    """Return the sides that have most of the background's evidence: `left and right of`, `above`, `around`."""
    positive = [max(0.0, part) for part in parts]
    named: set[str] = set()
    for _, side in sorted(zip(positive, PARTS[1:], strict=True), reverse=True):
        if sum(positive[PARTS.index(each) - 1] for each in named) < _NAMED * sum(positive):
            named.add(side)
    if len(named) > 2:
        return "around"
    words = [side if side in ("above", "below") else f"{side} of" for side in PARTS[1:] if side in named]
    if named == {"left", "right"}:
        return "left and right of"
    return " and ".join(words)
