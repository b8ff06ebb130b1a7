"""The findings of an audit: frozen values, from which the report, the JSON and the CSV are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from live_gradcam.audit.needs import LentPart
from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.metrics.bootstrap import Mean

Verdict = Literal["thing", "background", "both", "cannot tell"]
"""What a class is recognised by: see `verdicts`."""

MaskFaultKind = Literal["size", "unreadable", "whole"]
"""Why a mask says nothing: it has another size than its photograph, cannot be read, or covers the photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFinding:
    """One photograph: what the network said of it, and why."""

    name: str
    """The photograph's name, as the user typed it or below the folder that was typed."""

    truth: str
    """Its class."""

    predicted: str
    """The most probable of the network's classes."""

    probability: float
    """Of the predicted class, in [0, 1]."""

    truth_probability: float
    """Of the true class, in [0, 1]."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1]: the heat for the true class, at the layer's resolution; of a finer map, with 56 cells
    along the longer side."""

    blur_drop: float | None = None
    """p − p with the hot part blurred, in [-1, 1]; None without heat. The hot part has at least half of the peak."""

    rival_heatmap: HeatMap | None = None
    """The heat for the predicted class; None where that is the true class."""

    film: str | None = None
    """The name of the film or saved session that it is a frame of; None for a photograph."""

    region: Region | None = None
    """(x, y, width, height): the part of the photograph that the network saw, in pixels; None for all of it."""

    inset: Inset = WHOLE
    """The part of the heat maps that lies over the region: see `Explanation.inset`."""

    inside: float | None = None
    """R: the heat on the thing ÷ all heat, in [0, 1]; None where nobody said where the thing is, or without heat."""

    lift: float | None = None
    """R ÷ the thing's share of the area that the network sees; 1 for heat that is spread evenly."""

    pointing: float | None = None
    """1 if the hottest pixel lies on the thing, else 0."""

    background_need: float | None = None
    """p − the mean p of the thing on other classes' backgrounds, in [-1, 1]; None where it was not computed."""

    thing_need: float | None = None
    """p − p without the thing, in [-1, 1]."""

    neutral_need: float | None = None
    """p − the mean p of the thing on neutral backgrounds, in [-1, 1]."""

    exchange_need: float | None = None
    """p − the mean p of other classes' things in the place of its own, in [-1, 1]."""

    on_backgrounds: tuple[LentPart, ...] = ()
    with_things: tuple[LentPart, ...] = ()

    lenders: int | None = None
    """Among how many photographs and films of other classes these parts were drawn; None without needs."""

    unseen: bool = False
    """Whether its thing is known, but lies outside the part that the network sees."""

    mask_fault: tuple[MaskFaultKind, str] | None = None
    """Why its mask cannot be used, and what it is like: `64×32 pixels, the photograph 32×32`. The thing is unknown."""

    mask_around: bool = False
    """Whether its mask covers the edges of the photograph and leaves out a part inside: it may be inverted."""

    @property
    def right(self) -> bool:
        """Whether the network recognised it."""
        return self.predicted == self.truth


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFinding:
    """Photographs of one class that the network treats alike."""

    photos: tuple[str, ...]
    """Names of all its photographs, those nearest to its centre first."""

    accuracy: float
    """The share of them that is recognised, in [0, 1]."""

    mean_map: HeatMap = field(compare=False)
    """(h, w) float32 in [0, 1]: the mean of their heat maps, divided by its maximum."""

    suspicious: str = ""
    """Why it deserves a look, such as `heat in the same place of the frame: top left`; empty if nothing is odd."""

    confused_with: str | None = None
    """The class that its wrong photographs are most often taken for; None if all are right."""

    blur_drop: Mean | None = None
    """How much the probability of the class falls when the hot part is blurred; None where it was not measured."""

    rest_accuracy: float | None = None
    """The share of the rest of the class that is recognised, in [0, 1]; None if there is no rest."""

    better: bool = False
    """Whether it is better than the rest by more than chance: then the rest deserves the look."""

    @property
    def size(self) -> int:
        """How many photographs it has."""
        return len(self.photos)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFinding:
    """What an audit found about one class."""

    name: str
    count: int
    """How many photographs it has."""

    accuracy: float
    """The share of them that is recognised, in [0, 1]."""

    verdict: Verdict
    sentence: str
    """The verdict in words, with its numbers."""

    background_need: Mean | None = None
    thing_need: Mean | None = None
    neutral_need: Mean | None = None
    exchange_need: Mean | None = None
    share: Mean | None = None
    """The background's part of the effect: background need ÷ (background need + exchange need), in [0, 1]."""

    inside: Mean | None = None
    lift: Mean | None = None
    pointing: Mean | None = None
    clusters: tuple[ClusterFinding, ...] = ()
    """The suspicious ones first, then the largest."""

    estimated: int = 0
    """Of how many of its photographs the outline of the thing was estimated, by GrabCut in a box."""

    lenders: int | None = None
    """On the backgrounds and things of how many photographs and films of other classes its needs rest."""

    by_background: Mapping[str, Mean] = field(default_factory=dict)
    """Another class → the background's share on its backgrounds alone: see `need_intervals.shares_by_background`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedChange:
    """How one value of a class differs between two models, over the photographs that both have."""

    first: float
    """The value for the first model, which is audited."""

    other: float
    """The value for the other model, with which the first one is compared."""

    difference: Mean
    """first − other, with its paired interval of 95%."""

    @property
    def is_known(self) -> bool:
        """Whether the sign of the difference is known: 0 lies outside its interval."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassComparison:
    """One class with two models. What was not measured for both is None."""

    name: str
    """The first model's name of the class."""

    other_name: str
    """The other model's name of the same photographs' class."""

    count: int
    """How many photographs both models have."""

    verdict: Verdict
    """That of the first model."""

    other_verdict: Verdict
    sentence: str
    """What the difference is, in words and with its numbers."""

    accuracy: PairedChange
    share: PairedChange | None = None
    """Of the background's share of the effect: see `ClassFinding.share`."""

    background_need: PairedChange | None = None
    exchange_need: PairedChange | None = None
    thing_need: PairedChange | None = None
    neutral_need: PairedChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """Two models on the same photographs."""

    report: AuditReport
    """All findings about the other model. Dull causes, copies and failures are in the first model's report."""

    classes: tuple[ClassComparison, ...]
    """Those whose share of the background changed most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFinding:
    """A dull property of the photographs that tells the classes apart by itself."""

    name: str
    """Such as `brightness` or `file type`."""

    accuracy: float
    """The share of photographs whose class it predicts in cross-validation, in [0, 1]."""

    baseline: float
    """The share that the same prediction reaches without it: that of the largest class."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFinding:
    """Two photographs that show nearly the same picture, and should not."""

    first: str
    second: str
    """Names of the photographs; the second may be one of the training folder."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """All findings of an audit."""

    model: str
    classes: tuple[ClassFinding, ...]
    """Worst first: background, both, cannot tell, thing; within each the largest part of the background first."""

    photos: tuple[PhotoFinding, ...]
    places: Mapping[str, int] = field(default_factory=dict)
    """How it is known where the things are → of how many photographs: `mask`, `box`, or `estimated`: an outline that
    GrabCut estimated in a box. No other photograph has a known thing."""

    causes: tuple[CauseFinding, ...] = ()
    """The most telling first; only those that beat their baseline."""

    duplicates: tuple[DuplicateFinding, ...] = ()
    failures: tuple[str, ...] = ()
    """Photographs that were left out, each with its reason."""

    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings that the values depend on, and the program's version."""

    interrupted: bool = False
    """Whether Ctrl-C ended the audit early: the findings cover the photographs that are finished."""

    comparison: ModelComparison | None = None
    """How another model does on the same photographs."""

    def of(self, name: str) -> ClassFinding:
        """Return the finding of a class.

        Raises:
            KeyError: there is no such class.
        """
        return {each.name: each for each in self.classes}[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, in their order."""
        return tuple(each.name for each in self.classes)
