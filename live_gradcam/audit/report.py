"""The report of an audit: one HTML file that needs no network, is read on a phone, and prints.

Jinja2 draws it piece by piece, and each small picture is made when its place is reached, so that memory stays flat.
Names of classes and files are whatever somebody called them: each is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Literal

import numpy as np

from live_gradcam.audit import headlines
from live_gradcam.audit import report_texts as texts
from live_gradcam.audit.advice import what_next
from live_gradcam.audit.change_examples import ChangeExamples
from live_gradcam.audit.change_texts import ChangeText, need_text, share_text
from live_gradcam.audit.comparison import plain_names
from live_gradcam.audit.findings import AuditReport, ClassComparison, ClassFinding, PhotoFinding
from live_gradcam.audit.thumbnails import Thumbnail, Thumbnails
from live_gradcam.audit.worst_cases import (
    ConfusedPair,
    confused_pairs,
    confusion_matrix,
    right_for_the_wrong_reason,
    wrong_with_confidence,
)
from live_gradcam.cache_files import write_whole
from live_gradcam.errors import LiveGradcamError, SinkError
from live_gradcam.escaping import shown
from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.bootstrap import Mean
from live_gradcam.report_photos import write_photo_list

NEAREST = 9
"""Photographs that stand for a cluster."""

BESIDE = 3
"""Right and wrong photographs of each class that stand side by side."""

MOST_PAIRS = 6
"""Pairs of classes that are shown with pictures."""

MOST_IN_MATRIX = 25
"""Classes from which on the confusion matrix is left out: the pairs most often confused say more than 900 numbers."""

_COMPARED = (
    ("Background’s share", "share"),
    ("Recognised", "accuracy"),
    ("Background need", "background_need"),
    ("Exchange need", "exchange_need"),
    ("Thing need", "thing_need"),
    ("Neutral need", "neutral_need"),
)

_MISSING = "the report needs Jinja2, which is not installed. Type: pip install 'live-gradcam[audit]'"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A picture with its text."""

    picture: Thumbnail | None
    alt: str
    """For those who do not see the picture."""

    caption: str
    number: int | None = None
    """Of the photograph in the findings; None for other pictures."""


@dataclass(frozen=True, slots=True)
class _Whisker:
    """A mean and its interval on the scale of the plot, in percent of its width."""

    at: float
    low: float
    high: float


def write_report(
    report: AuditReport, folder: Path, photos: Mapping[str, Path], examples: ChangeExamples | None = None
) -> None:
    """Write `folder/index.html`, whole or not at all; a file of that name is replaced.

    A hidden file beside it says where each photograph lies, for a server that shows the report.

    Args:
        report: the findings.
        folder: is made if it is missing.
        photos: name of a photograph, as in the findings → its file. One that is missing has no picture.
        examples: makes the changed pictures of one photograph of each class; None: the page shows none.

    Raises:
        LiveGradcamError: Jinja2 is missing.
        SinkError: the file cannot be written.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error

    def printable(value: object) -> object:
        return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("live_gradcam.audit", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files("live_gradcam.audit").joinpath("page", "report.css").read_text("utf-8")
    page = _Page(report, Thumbnails(photos), examples)
    template = environment.get_template("report.html")

    def write(file: IO[bytes]) -> None:
        names = {"page": page, "report": report, "texts": texts, "headlines": headlines}
        for piece in template.generate(names, style=Markup(style)):
            file.write(piece.encode("utf-8"))

    path = folder / "index.html"
    try:
        write_whole(path, write)
        write_photo_list(folder, [photos.get(each.name) for each in report.photos])
    except OSError as error:
        raise SinkError(
            f"cannot write '{shown(path)}': {error.strerror or error}. Name another folder with --out."
        ) from error


class _Page:
    """What the template asks for.

    Args:
        report: the findings.
        thumbnails: makes the pictures, in the order in which the template asks.
        examples: makes the changed pictures of one photograph of each class.
    """

    def __init__(self, report: AuditReport, thumbnails: Thumbnails, examples: ChangeExamples | None) -> None:
        self._report = report
        self._examples = examples
        self._thumbnails = thumbnails
        self._by_name = {each.name: each for each in report.photos}
        self._numbers = {each.name: number for number, each in enumerate(report.photos)}
        self._of_class: dict[str, list[PhotoFinding]] = {}
        for each in report.photos:
            self._of_class.setdefault(each.truth, []).append(each)
        self.pairs = confused_pairs(report.photos, MOST_PAIRS)
        self.wrong_reasons = right_for_the_wrong_reason(report.photos)
        self.confident_mistakes = wrong_with_confidence(report.photos)
        self.has_matrix = 1 < len(report.classes) < MOST_IN_MATRIX
        self.needs = [each for each in report.classes if each.background_need or each.exchange_need]
        self.low, self.high = self._scale()

    @property
    def advice(self) -> list[str]:
        """What to photograph next."""
        return what_next(self._report)

    @property
    def pictures_left_out(self) -> bool:
        """Whether the report has fewer pictures than it would show."""
        return self._thumbnails.are_used_up

    @property
    def ticks(self) -> list[tuple[str, float]]:
        """Numbers of the plot's scale, and their places in percent of its width."""
        values = [value for value in (-1.0, -0.5, 0.0, 0.5, 1.0) if self.low <= value <= self.high]
        return [(f"{value:g}".replace("-", "−"), self._at(value)) for value in values]

    def whisker(self, mean: Mean) -> _Whisker:
        """Return where a mean and its interval lie on the plot."""
        return _Whisker(self._at(mean.mean), self._at(mean.low), self._at(mean.high))

    def figure(self, photo: PhotoFinding, *, of: Literal["", "truth", "predicted"] = "") -> _Figure:
        """Return a photograph with its heat.

        Args:
            photo: the photograph.
            of: the class whose heat and probability are shown; empty for the true class, and what the network said, as
                without a second map.
        """
        heat, caption = photo.heatmap, texts.photo_text(photo)
        if of == "predicted" and photo.rival_heatmap is not None:
            heat = photo.rival_heatmap
        if of and photo.rival_heatmap is not None:
            caption = texts.heat_caption(photo, of)
        elif of and not photo.right:
            caption += f"; heat for {photo.truth}"
        picture = self._thumbnails.photo(photo.name, heat, photo.region, photo.inset)
        return _Figure(
            picture, texts.picture_text(photo, heat, of or "truth"), caption, self._numbers.get(photo.name)
        )

    def nearest(self, names: Sequence[str]) -> list[_Figure]:
        """Return the first photographs of a cluster."""
        return [self.figure(self._by_name[name]) for name in names[:NEAREST] if name in self._by_name]

    def example(self, finding: ClassFinding) -> tuple[str, list[_Figure]] | None:
        """Return the name of a photograph of a class, and what the audit made of it; None if that is not to be had."""
        if self._examples is None or self._thumbnails.are_used_up:
            return None
        if (found := self._examples.of(finding.name, self._report)) is None:
            return None
        return found.photo.name, [
            _Figure(self._thumbnails.example(pixels), f"{found.photo.name}: {caption}", caption)
            for pixels, caption in found.shown
        ]

    def mean_map(self, heatmap: HeatMap) -> _Figure:
        """Return the mean map of a cluster."""
        return _Figure(
            self._thumbnails.mean_map(heatmap), f"Mean map. {texts.heat_text(heatmap)}", "mean map"
        )

    def beside(self, finding: ClassFinding) -> tuple[list[PhotoFinding], list[PhotoFinding]]:
        """Return the surest right and the surest wrong photographs of a class."""
        own = sorted(self._of_class.get(finding.name, []), key=lambda each: (-each.probability, each.name))
        right, wrong = ([each for each in own if each.right is wanted] for wanted in (True, False))
        return right[:BESIDE], wrong[:BESIDE]

    def matrix(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """Return the rows of the confusion matrix: (true class, [(count, share of the row) for each class, others])."""
        return confusion_matrix([each.name for each in self._report.classes], self._of_class)

    def contrast(self, pair: ConfusedPair) -> _Figure | None:
        """Return where the predicted class has more heat than the true one, on average; None without rival maps."""
        differences = [
            each.rival_heatmap - each.heatmap
            for each in pair.photos
            if each.rival_heatmap is not None
            and each.rival_heatmap.shape == pair.photos[0].heatmap.shape
            and each.heatmap.shape == pair.photos[0].heatmap.shape
        ]
        if not differences:
            return None
        mean = np.maximum(np.mean(differences, axis=0), 0)
        heat = np.asarray(mean / max(float(mean.max()), 1e-12), np.float32)
        return _Figure(
            self._thumbnails.mean_map(heat),
            f"Mean of the heat for {pair.predicted} above that for {pair.truth}. {texts.heat_text(heat)}",
            f"more for {pair.predicted} than for {pair.truth}",
        )

    @property
    def model_names(self) -> tuple[str, str]:
        """The names of both models of a comparison, the audited one first."""
        assert self._report.comparison is not None
        return plain_names(self._report.model, self._report.comparison.report.model)

    @property
    def compared(self) -> list[tuple[str, str]]:
        """The columns of the comparison that have a value: title, and field of `ClassComparison`."""
        assert self._report.comparison is not None
        classes = self._report.comparison.classes
        return [each for each in _COMPARED if any(getattr(one, each[1]) is not None for one in classes)]

    def change(self, comparison: ClassComparison, name: str) -> ChangeText | None:
        """Return how a value of a class differs between two models; None where that is unknown."""
        found = getattr(comparison, name)
        if found is None:
            return None
        return share_text(found) if name in ("share", "accuracy") else need_text(found)

    def few(self, finding: ClassFinding, mean: Mean | None) -> bool:
        """Return whether a mean of a class rests on too few photographs for a verdict.

        Args:
            finding: the class.
            mean: the mean; None for the share of recognised photographs.
        """
        if mean is None:
            return self.sources(finding) < texts.FEWEST
        of_needs = mean is not finding.lift and mean is not finding.pointing
        return mean.count < texts.FEWEST or (of_needs and texts.lenders_are_few(finding))

    def sources(self, finding: ClassFinding) -> int:
        """Return how many photographs and films a class has."""
        return texts.sources(self._of_class.get(finding.name, []))

    def _scale(self) -> tuple[float, float]:
        means = [mean for each in self.needs for mean in (each.background_need, each.exchange_need) if mean]
        low = min((mean.low for mean in means), default=0.0)
        return min(0.0, float(np.floor(low * 10) / 10)), 1.0

    def _at(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(2 + 96 * share, 2)  # so that a mark at the end of the scale is whole
