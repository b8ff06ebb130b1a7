"""The sentences of the report that depend on findings: the summary, what stands beside a picture, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from live_gradcam.audit.dull_causes import FEWEST as DULL_FEWEST
from live_gradcam.audit.findings import AuditReport, ClassFinding, ClusterFinding, PhotoFinding, Verdict
from live_gradcam.audit.fixed_places import FixedPlace, hot_cells
from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.bootstrap import Mean
from live_gradcam.metrics.evaluation import FEW_PHOTOS
from live_gradcam.number_format import counted, percent_text

FEWEST = FEW_PHOTOS
"""Photographs of a class from which a verdict is given."""

_SMALL_NEED = 0.25
"""A background need below which a photograph does without its background."""

_MOST_ADVICE = 20

SIGNS: dict[Verdict, str] = {"background": "▲", "both": "◆", "cannot tell": "?", "thing": "●"}
"""Verdict → the sign beside it, so that no verdict is told by its colour alone."""


def summary(report: AuditReport) -> str:
    """Return the first sentence of the report: how many photographs, and how many are recognised."""
    count = len(report.photos)
    if not count:
        return "No photograph was examined."
    right = sum(each.right for each in report.photos)
    films = [each.film for each in report.photos if each.film is not None]
    frames = f", {len(films)} of them frames of {counted(len(set(films)), 'film')}" if films else ""
    return (
        f"{counted(count, 'photograph')} of {counted(len(report.classes), 'class')}{frames}; "
        f"{right / count:.0%} are recognised."
    )


_KINDS: dict[str, str] = {
    "mask": "a mask",
    "box": "a box",
    "estimated": "an outline that GrabCut estimated in a box",
}


def known_places(report: AuditReport) -> str:
    """Return how it is known where the things are, for how many photographs."""
    places = report.places
    known = [f"{places[kind]} by {how}" for kind, how in _KINDS.items() if kind in places]
    count, photos = sum(places.values()), counted(len(report.photos), "photograph")
    said = f"The place of the thing is known in {count} of {photos}: {', '.join(known)}."
    if "estimated" in places:
        said += " An estimate is wrong where the thing has the colours of its background."
    return f"{said} {unknown_places(report)}".rstrip()


def unknown_places(report: AuditReport) -> str:
    """Return for which classes the thing of some photographs is unknown; empty if for none, or for all photographs."""
    unknown = {
        each.name: sum(photo.thing_need is None for photo in report.photos if photo.truth == each.name)
        for each in report.classes
    }
    some = [
        f"{unknown[name]} of {report.of(name).count} of {name}" for name in sorted(unknown) if unknown[name]
    ]
    if not some or not report.places:
        return ""
    return f"It is unknown in {', '.join(some)}: these photographs lend no background to the other classes."


def nothing_dull(report: AuditReport) -> str:
    """Return what the search for dull causes and copies says if it found none."""
    copies = "No picture was found twice."
    if len(report.photos) < DULL_FEWEST or len(report.classes) < 2:
        return f"{copies} For dull causes, such as brightness, there are too few photographs or classes."
    causes = "brightness, contrast, blur, size, colour, saturation, file type, camera and file size"
    return f"None of {causes} tells the classes apart by itself. {copies}"


def verdict_counts(report: AuditReport) -> str:
    """Return how many classes have which verdict, such as `background 2, both 0, cannot tell 1, thing 5`."""
    verdicts = [each.verdict for each in report.classes]
    return ", ".join(f"{each} {verdicts.count(each)}" for each in SIGNS)


def photo_text(photo: PhotoFinding) -> str:
    """Return what the network said of a photograph."""
    if photo.right:
        return f"recognised, {percent_text(photo.probability)}"
    return f"taken for {photo.predicted}, {percent_text(photo.probability)}"


def heat_caption(photo: PhotoFinding, of: Literal["truth", "predicted"]) -> str:
    """Return whose heat a picture shows: `heat for cat, 20%`."""
    if of == "truth":
        return f"heat for {photo.truth}, {percent_text(photo.truth_probability)}"
    return f"heat for {photo.predicted}, {percent_text(photo.probability)}"


def picture_text(photo: PhotoFinding, heatmap: HeatMap, of: Literal["truth", "predicted"]) -> str:
    """Return what a picture with heat shows, for those who do not see it."""
    said = f"{photo.name}: {photo.truth}, {photo_text(photo)}."
    return (
        f"{said} {heat_text(heatmap)}"
        if photo.right
        else f"{said} {heat_caption(photo, of)}. {heat_text(heatmap)}"
    )


def heat_text(heatmap: HeatMap) -> str:
    """Return where a map is hot."""
    cells = hot_cells(heatmap)
    if not cells.any():
        return "No heat."
    return f"Hottest: {FixedPlace(cells, 0.0).name}."


def cluster_title(cluster: ClusterFinding) -> str:
    """Return the heading of a cluster."""
    who = "the others" if cluster.accuracy > 0 else "they"
    confused = f"; {who} are mostly taken for {cluster.confused_with}" if cluster.confused_with else ""
    return f"{counted(cluster.size, 'photograph')}, {cluster.accuracy:.0%} recognised{confused}"


def mean_text(mean: Mean | None) -> str:
    """Return a mean with its interval, such as `0.61 (0.52 to 0.70)`; a dash if it was not measured."""
    return "–" if mean is None else f"{number(mean.mean)} ({number(mean.low)} to {number(mean.high)})"


def what_next(report: AuditReport) -> list[str]:
    """Return what to photograph next, the worst class first; only what the findings say."""
    found = [
        sentence
        for each in report.classes
        for sentence in _advice(each, [photo for photo in report.photos if photo.truth == each.name])
    ]
    return found[:_MOST_ADVICE]


def _advice(finding: ClassFinding, photos: Sequence[PhotoFinding]) -> Iterator[str]:
    name = finding.name
    needs = [each for each in photos if each.right and each.background_need is not None]
    if needs and finding.verdict in ("background", "both"):
        without = sum((each.background_need or 0.0) < _SMALL_NEED for each in needs)
        yield (
            f"{name}: on other backgrounds, the probability falls by less than {_SMALL_NEED} for {without} of "
            f"{counted(len(needs), 'recognised photograph')}. Photograph it on the backgrounds of the other classes, "
            "and the others on its backgrounds."
        )
    if finding.count < FEWEST:
        yield (
            f"{name}: {counted(finding.count, 'photograph')} are too few for a verdict. "
            f"Add at least {FEWEST - finding.count}."
        )
    for cluster in finding.clusters:
        if cluster.suspicious and "place" in cluster.suspicious:
            yield (
                f"{name}: {cluster.size} of {counted(finding.count, 'photograph')} have their "
                f"{_first_reason(cluster)}. Look for a mark, a date or a logo there, and photograph the class without."
            )
            break
    odd = [each for each in finding.clusters if each.suspicious and each.accuracy < finding.accuracy - 0.1]
    if odd:
        worst = min(odd, key=lambda each: each.accuracy)
        yield (
            f"{name}: {counted(worst.size, 'photograph')} such as {worst.photos[0]} are recognised in "
            f"{worst.accuracy:.0%} of the cases, and the class in {finding.accuracy:.0%}. "
            "Add more photographs like these."
        )


def _first_reason(cluster: ClusterFinding) -> str:
    return cluster.suspicious.partition(";")[0]


def number(value: float) -> str:
    """Return a need, a lift or a share with two decimals."""
    return _minus(f"{value:.2f}")


def signed(value: float) -> str:
    """Return a difference of needs with its sign and two decimals, such as `−0.08`, `0.00` or `+0.31`."""
    return _minus(f"{value:+.2f}")


def _minus(text: str) -> str:
    """Return a number with a real minus sign, and zero without any."""
    return "0.00" if text[1:] == "0.00" else text.replace("-", "−")
