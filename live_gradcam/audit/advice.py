"""What to photograph next: what follows from the findings of an audit.

Each sentence says first what to do and then why, and names its class, because the list goes over all classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from live_gradcam.audit.findings import AuditReport, ClassFinding, PhotoFinding
from live_gradcam.audit.headlines import below_chance
from live_gradcam.audit.report_texts import FEWEST, lenders_are_few, sources
from live_gradcam.number_format import counted

_SMALL_NEED = 0.25
"""A background need below which a photograph does without its background."""

_MOST_ADVICE = 20


def what_next(report: AuditReport) -> list[str]:
    """Return what to photograph next, the worst class first; only what the findings say."""
    found = [
        sentence
        for each in report.classes
        for sentence in _advice(
            each, [photo for photo in report.photos if photo.truth == each.name], places=bool(report.places)
        )
    ]
    if report.photos and not report.places:
        found.insert(
            0,
            "Say where the things are, with masks, boxes or --mark: then the audit can tell things from backgrounds.",
        )
    if below_chance(report):
        found.insert(
            0, "Give the names of the classes in the model's order, with --labels FILE, and audit again."
        )
    return found[:_MOST_ADVICE]


def _advice(finding: ClassFinding, photos: Sequence[PhotoFinding], *, places: bool) -> Iterator[str]:
    name, count = finding.name, sources(photos)
    known = 0 if finding.background_need is None else finding.background_need.count
    needs = [each for each in photos if each.right and each.background_need is not None]
    if needs and finding.verdict in ("background", "both"):
        without = sum((each.background_need or 0.0) < _SMALL_NEED for each in needs)
        yield (
            f"Photograph {name} on the backgrounds of the other classes, and these on the backgrounds of {name}: "
            f"{without or 'none'} of {counted(len(needs), 'recognised photograph')} of {name} "
            f"{'keeps' if without == 1 else 'keep'} the probability on another background, to within {_SMALL_NEED}."
        )
    if count < FEWEST:
        yield (
            f"Photograph {name} at least {_times(FEWEST - count)} more: a verdict needs {FEWEST} photographs, and "
            f"there {'is' if count == 1 else 'are'} {count}."
        )
    elif places and known < FEWEST:
        yield (
            f"Say where the thing is in at least {counted(FEWEST - known, 'more photograph')} of {name}: a verdict "
            f"needs {FEWEST}, and it is known in {known}."
        )
    if lenders_are_few(finding):
        yield (
            f"Say where the thing is in more photographs of the classes beside {name}: its backgrounds come from only "
            f"{finding.lenders} of them."
        )
    for cluster in finding.clusters:
        if cluster.suspicious and "place" in cluster.suspicious:
            place = cluster.suspicious.partition(";")[0].rpartition(": ")[2]
            yield (
                f"Look at the photographs of {name} for a mark, a date or a logo ({place}), and photograph {name} "
                f"without it: {cluster.size} of {finding.count} have their heat there."
            )
            break
    odd = [each for each in finding.clusters if each.suspicious and each.accuracy < finding.accuracy - 0.1]
    if odd:
        worst = min(odd, key=lambda each: each.accuracy)
        yield (
            f"Train with more photographs of {name} such as {worst.photos[0]}: of {worst.size} like it "
            f"{worst.accuracy:.0%} are recognised, and of the whole class {finding.accuracy:.0%}."
        )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
