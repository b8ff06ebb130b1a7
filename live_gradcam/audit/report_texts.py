"""The sentences of the report that depend on findings: the summary, what stands beside a picture, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from live_gradcam.audit.dull_causes import FEWEST as DULL_FEWEST
from live_gradcam.audit.findings import AuditReport, ClassFinding, ClusterFinding, PhotoFinding, Verdict
from live_gradcam.audit.fixed_places import FixedPlace, hot_cells
from live_gradcam.audit.mask_faults import mask_fault_lines
from live_gradcam.audit.need_intervals import FEW_LENDERS
from live_gradcam.audit.verdicts import EFFECT
from live_gradcam.config import ExplainSettings
from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.bootstrap import Mean
from live_gradcam.metrics.evaluation import FEW_PHOTOS
from live_gradcam.number_format import counted, percent_text
from live_gradcam.setting import settings_of

FEWEST = FEW_PHOTOS
"""Photographs of a class from which a verdict is given."""

ONLY_THESE = (
    "These differences are those on these photographs: they say nothing about photographs outside this set."
)
"""Stands below the comparison of two models."""

_LEAST_UNSEEN = 0.01
"""Share of the photographs' area from which the part that the network does not see is told of."""

_MOST_CLASSES = 6
"""Classes that one sentence names."""

_SETTINGS = {
    "version": "Written by",
    "model": "Network",
    "labels": "Names of its classes",
    "method": "Method of the heat",
    "layer": "Layer of the heat",
    "score": "What the heat explains",
    "fit": "What the network sees",
    "backgrounds": "Other backgrounds for each thing",
}
"""Setting → its name in the report."""

_NOT_SHOWN = frozenset({"lang", "task", "target"})

_VALUES: dict[tuple[str, str], str] = {
    ("fit", "crop"): "the largest square in the middle of each photograph",
    ("fit", "wide"): "the whole of each photograph",
    ("fit", "stretch"): "the whole of each photograph, stretched to the network's shape",
    ("fit", "pad"): "the whole of each photograph, with bars beside it",
    ("score", "logit"): "the class's score before the softmax",
    ("score", "probability"): "the class's probability",
}

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


def unseen_text(report: AuditReport) -> str:
    """Return which part of the photographs the network does not see under `--fit crop`; empty if it sees 99% of them.

    The part that it sees lies in the middle, so that each photograph is as large as that part and its borders twice.
    """
    if report.settings.get("fit") != "crop":
        return ""
    regions = [each.region for each in report.photos if each.region is not None]
    shares = [width * height / ((width + 2 * x) * (height + 2 * y)) for x, y, width, height in regions]
    unseen = 1 - sum(shares) / len(shares) if shares else 0.0
    if unseen < _LEAST_UNSEEN:
        return ""
    return (
        "The network sees the largest square in the middle of each photograph (--fit crop). "
        f"{percent_text(unseen)} of their area, at the edges, is not seen, and nothing on this page is about it. "
        "--fit stretch, pad and wide show all of it."
    )


def known_places(report: AuditReport) -> str:
    """Return how it is known where the things are, for how many photographs."""
    places = report.places
    known = [f"{places[kind]} by {how}" for kind, how in _KINDS.items() if kind in places]
    count, photos = sum(places.values()), counted(len(report.photos), "photograph")
    said = f"The place of the thing is known in {count} of {photos}: {', '.join(known)}."
    if "estimated" in places:
        said += " An estimate is wrong where the thing has the colours of its background."
    return " ".join(filter(None, [said, *mask_fault_lines(report.photos), unknown_places(report)]))


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
    if len(some) > _MOST_CLASSES:
        some = [*some[:_MOST_CLASSES], f"and of {len(some) - _MOST_CLASSES} more classes"]
    return f"It is unknown in {', '.join(some)}: these photographs lend no background to the other classes."


def with_verdict(finding: ClassFinding) -> str:
    """Return a class's sentence with its verdict: `cat: background: 71% of the effect is the background`."""
    if finding.verdict == "cannot tell":
        return finding.sentence  # has it
    return f"{finding.name}: {finding.verdict}: {finding.sentence.removeprefix(f'{finding.name}: ')}"


def by_background(finding: ClassFinding) -> str:
    """Return the background's share on the backgrounds of the other classes, of the eight largest at the most."""
    shares = [
        f"{name} {100 * each.mean:.0f}% ({100 * each.low:.0f} to {100 * each.high:.0f})"
        for name, each in islice(finding.by_background.items(), 8)
    ]
    return f"The background’s share on the backgrounds of each other class (95%): {', '.join(shares)}."


def no_places(report: AuditReport) -> str:
    """Return what is missing where nobody said where any thing is; empty if somebody did."""
    if report.places or not report.photos:
        return ""
    return (
        "This audit has no places: nobody said where the things are. So it counts who is recognised and looks for "
        "clusters, and cannot tell a thing from its background."
    )


def lenders_are_few(finding: ClassFinding) -> bool:
    """Return whether too few photographs of other classes lend their backgrounds to a class."""
    return finding.lenders is not None and finding.lenders < FEW_LENDERS


def sources(photos: Sequence[PhotoFinding]) -> int:
    """Return a number of photographs and films: the frames of a film count as one."""
    return len({(each.film is None, each.film or each.name) for each in photos})


def effect_text(report: AuditReport) -> str:
    """Return what a share of the effect means, by the first class that has one; empty if no sentence tells a share."""
    for each in report.classes:
        if each.share is not None and EFFECT in each.sentence:
            share = f"{100 * each.share.mean:.0f}%"
            return (
                f"“{share} {EFFECT} is the background” means: of what the probability of {each.name} loses on other "
                f"backgrounds and with other things in its place, {share} is lost on the other backgrounds."
            )
    return ""


def nothing_dull(report: AuditReport) -> str:
    """Return what the search for dull causes and copies says if it found none."""
    copies = "No picture was found twice."
    if len(report.photos) < DULL_FEWEST or len(report.classes) < 2:
        return f"{copies} For dull causes, such as brightness, there are too few photographs or classes."
    causes = "brightness, contrast, blur, size, colour, saturation, file type, camera and file size"
    return f"None of {causes} tells the classes apart by itself. {copies}"


def verdict_counts(report: AuditReport) -> str:
    """Return how many classes have which verdict, such as `background 2, thing 5`, without verdicts of no class."""
    verdicts = [each.verdict for each in report.classes]
    return ", ".join(f"{each} {verdicts.count(each)}" for each in SIGNS if each in verdicts)


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


def better_text(cluster: ClusterFinding) -> str:
    """Return how a cluster is better than the rest of its class; empty if it is not."""
    if not cluster.better or cluster.rest_accuracy is None:
        return ""
    rest = f"{cluster.rest_accuracy:.0%}"
    said = f"Better than the rest of the class, of which {rest} are recognised"
    # The heat of a suspicious one may lie on a mark that the rest lacks.
    return f"{said}." if cluster.suspicious else f"{said}: look for the fault in the rest."


def drop_text(drop: Mean) -> str:
    """Return how a probability changes, with its interval: `falls by 0.30 (0.22 to 0.38)`, or `rises by` it."""
    if round(drop.mean, 2) < 0:
        return f"rises by {mean_text(Mean(-drop.mean, -drop.high, -drop.low, drop.count))}"
    return f"falls by {mean_text(drop)}"


def mean_text(mean: Mean | None) -> str:
    """Return a mean with its interval, such as `0.61 (0.52 to 0.70)`; a dash if it was not measured."""
    return "–" if mean is None else f"{number(mean.mean)} ({number(mean.low)} to {number(mean.high)})"


def settings(report: AuditReport) -> list[tuple[str, str]]:
    """Return what the values depend on, in plain words: name and value of each setting.

    Other options stand together as they are typed, if they are not as usual. What only a program can read is left out.
    """
    found = report.settings
    known = [(name, _value(key, found[key])) for key, name in _SETTINGS.items() if _is_set(found.get(key))]
    usual = settings_of(ExplainSettings)
    others = [
        f"--{usual[key].name} {_plain(value)}"
        for key, value in found.items()
        if key in usual and key not in {*_SETTINGS, *_NOT_SHOWN} and str(value) != str(usual[key].default)
    ]
    return [*known, ("Other options", ", ".join(others))] if others else known


def _value(key: str, value: object) -> str:
    text = _plain(value)
    return f"live-gradcam {text}" if key == "version" else _VALUES.get((key, text), text)


def _is_set(value: object) -> bool:
    return str(value) not in ("None", "")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def number(value: float) -> str:
    """Return a need, a lift or a share with two decimals."""
    return _minus(f"{value:.2f}")


def signed(value: float) -> str:
    """Return a difference of needs with its sign and two decimals, such as `−0.08`, `0.00` or `+0.31`."""
    return _minus(f"{value:+.2f}")


def _minus(text: str) -> str:
    """Return a number with a real minus sign, and zero without any."""
    return "0.00" if text[1:] == "0.00" else text.replace("-", "−")
