"""Faithfulness: what a network says when the hottest part of a picture is all that it sees, and when it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Baseline = Literal["blur", "light-blur", "black", "grey", "mean"]
"""What replaces the pixels that are taken away: the picture blurred so that nothing can be recognised; the picture
blurred as RISE has it; black; grey; or the picture's mean colour."""

DEFAULT_BASELINE: Baseline = "blur"

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""The shares of the area that a viewer can choose from."""

DEFAULT_SHARE = 0.3
"""A smaller part hides much of a thing that fills the picture; a larger one shows most things whole, wherever it lies.
Measured in docs/faithfulness.md."""

KEPT = 0.25
"""The share of the probability that the hottest part alone must keep."""

MARGIN = 0.1
"""By how much a map's score must exceed that of as much area elsewhere."""


@dataclass(frozen=True, slots=True)
class MaskedScores:
    """The probability of one class for two changed pictures."""

    alone: float
    """With only the hottest part of a map left, in [0, 1]."""

    without: float
    """With all but the hottest part left, in [0, 1]."""

    def score(self, probability: float) -> float:
        """Return (alone − without) / probability: about 1 if the hottest part decides, 0 if it is as good as the rest.

        Args:
            probability: of the class for the unchanged picture; if it is 0, so is the score.
        """
        return (self.alone - self.without) / probability if probability > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """The result of covering a part of one picture and asking the network again."""

    label: str
    """The class whose probability is compared."""

    probability: float
    """For the unchanged picture, in [0, 1]."""

    heat: MaskedScores
    """For the explanation's own map."""

    controls: tuple[tuple[str, MaskedScores], ...] = ()
    """For the same map in other places, by name: as much area elsewhere."""

    share: float = DEFAULT_SHARE
    """The share of the area that the hottest part takes at most, in (0, 1)."""

    baseline: Baseline = DEFAULT_BASELINE

    class_id: int = -1
    """Id of that class, from 0; two classes may have one name."""

    method: str = ""
    """The method whose map was tested."""

    layer: str = ""
    """The layer of that map."""

    is_sure: bool = True
    """Whether the network named the class, or the viewer chose it: where it is not sure, there is no verdict."""

    @property
    def elsewhere(self) -> MaskedScores | None:
        """The mean of the controls: as much area elsewhere; None without controls."""
        if not self.controls:
            return None
        scores = [each for _, each in self.controls]
        alone, without = (
            sum(each) / len(scores)
            for each in ((one.alone for one in scores), (one.without for one in scores))
        )
        return MaskedScores(alone, without)

    @property
    def margin(self) -> float | None:
        """By how much the score of the heat exceeds that of `elsewhere`; None without controls."""
        elsewhere = self.elsewhere
        if elsewhere is None:
            return None
        return self.heat.score(self.probability) - elsewhere.score(self.probability)

    @property
    def holds(self) -> bool | None:
        """Whether the heat accounts for the answer; None if there is no verdict.

        The hottest part alone keeps a part of the probability (`KEPT`), says the class at least as surely as all the
        rest does, and has a higher score than as much area elsewhere (`MARGIN`).
        """
        if self.margin is None or not self.is_sure:
            return None
        keeps = self.probability > 0 and self.heat.alone >= KEPT * self.probability
        return keeps and self.heat.alone >= self.heat.without and self.margin >= MARGIN

    @property
    def said(self) -> dict[str, Any]:
        """The result as recordings and tables store it."""
        return {
            "label": self.label,
            "probability": round(self.probability, 4),
            "alone": round(self.heat.alone, 4),
            "without": round(self.heat.without, 4),
            "controls": {
                name: [round(scores.alone, 4), round(scores.without, 4)] for name, scores in self.controls
            },
            "margin": None if self.margin is None else round(self.margin, 4),
            "holds": self.holds,
            "share": self.share,
            "baseline": self.baseline,
        }


@dataclass(frozen=True, slots=True)
class FrameTest:
    """The masking test of one frame of a run."""

    index: int
    """`Frame.index` of the tested frame."""

    time: float
    """`Frame.time` of the tested frame, in seconds."""

    faithfulness: Faithfulness


@dataclass(frozen=True, slots=True)
class HeatCurve:
    """How the probability of a class changes while a picture is changed along a map, the hottest pixels first."""

    way: Literal["deletion", "insertion"]
    """Whether the hottest pixels are taken away first, or shown first."""

    name: str
    """The method whose map it is; empty for a control: as much heat elsewhere."""

    label: str
    """The class whose probability it is."""

    fractions: tuple[float, ...]
    """The share of the pixels that is changed, from 0 to 1."""

    scores: tuple[float, ...]
    """The probability at each of them, in [0, 1]."""

    area: float
    """The area under it by the trapezoidal rule, in [0, 1]; of a deletion lower is better, of an insertion higher."""

    @property
    def said(self) -> dict[str, Any]:
        """The curve as the page gets it."""
        return {
            "way": self.way,
            "name": self.name,
            "label": self.label,
            "fractions": [round(each, 4) for each in self.fractions],
            "scores": [round(each, 4) for each in self.scores],
            "area": round(self.area, 4),
        }
