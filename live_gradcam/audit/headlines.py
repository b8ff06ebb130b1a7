"""The headlines of an audit: what to know before the verdicts, on the terminal and in the page's first box.

They are, in this order: a share of recognised photographs far below chance, the suspicious clusters, the properties
that tell the classes apart, and the copies. Properties that tell only a little come last, and are no warning.

Far below chance: if the network's answers had nothing to do with the classes, a photograph would be recognised with
the probability s = Σ_c t_c·a_c, where t_c is the share of photographs of class c, and a_c the share that the network
answers with c. The number of recognised ones among N is then about Binomial(N, s), and varies less if anything, because
both shares are those of these photographs. So few as were found must be less probable than `LEVEL`. A network that
always answers the same has exactly s, and is not told of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from live_gradcam.audit.dull_causes import tells_little
from live_gradcam.audit.findings import AuditReport, CauseFinding, ClassFinding, ClusterFinding
from live_gradcam.audit.report_texts import sources
from live_gradcam.number_format import counted, percent_text

LEVEL = 0.001
"""Probability of a message about the labels if the answers have nothing to do with the classes."""

_MOST = 3
"""Findings of a kind that are named where all of them would hide the verdicts."""

_PLACE = "heat in the same place of the frame: "
"""Begins the reason of a cluster with heat in one place."""


def read_first(report: AuditReport) -> str:
    """Return what a reader should know before any verdict, in a few sentences; empty if there is nothing."""
    clusters = [f"{each}." for each in cluster_lines(report, "below")]
    copies = copies_text(report) if report.duplicates else ""
    said = filter(None, [below_chance(report), *clusters, _causes_text(strong_causes(report)), copies])
    return " ".join(f"{each[0].upper()}{each[1:]}" for each in said)


def below_chance(report: AuditReport) -> str:
    """Return a question about the order of the labels, if far fewer photographs are recognised than by chance.

    Empty if not. The frames of a film count as one photograph, the first.
    """
    photos = {each.film or (each.name,): each for each in reversed(report.photos)}.values()
    if not photos:
        return ""
    truths, answers = Counter(each.truth for each in photos), Counter(each.predicted for each in photos)
    count = len(photos)
    chance = sum(number * answers[name] for name, number in truths.items()) / count**2
    right = sum(each.right for each in photos)
    from scipy.stats import binom  # here, because it takes a while to load

    if not 0 < chance < 1 or float(binom.cdf(right, count, chance)) >= LEVEL:
        return ""
    return (
        f"{percent_text(right / count)} are recognised, which is far below chance ({percent_text(chance)}): are the "
        "labels in the model's order?"
    )


def cluster_lines(report: AuditReport, rest: str = "in the report") -> list[str]:
    """Return a line for each of the first suspicious clusters of all classes, and how many more there are.

    Those with heat at the border come first, then those with heat in another fixed place, the largest first.

    Args:
        report: the findings.
        rest: where the others are.
    """
    found = [(finding, each) for finding in report.classes for each in finding.clusters if each.suspicious]
    found.sort(key=lambda each: _order(each[1]))
    photos = {each.name: [photo for photo in report.photos if photo.truth == each.name] for each, _ in found}
    lines = [_cluster_line(finding, each, sources(photos[finding.name])) for finding, each in found]
    more = len(lines) - _MOST
    if more > 0:
        return [*lines[:_MOST], f"and {counted(more, 'more suspicious cluster')}, {rest}"]
    return lines


def _order(cluster: ClusterFinding) -> tuple[bool, bool, int]:
    reason = cluster.suspicious
    return "at the border" not in reason, not reason.startswith(_PLACE), -cluster.size


def _cluster_line(finding: ClassFinding, cluster: ClusterFinding, count: int) -> str:
    """Return what is odd about a cluster: `35 of 40 photographs of cat have their heat top left, at the border`."""
    reason = cluster.suspicious
    who = f"{cluster.size} of {counted(count, 'photograph')} of {finding.name}"
    if reason.startswith(_PLACE):
        return f"{who} have their heat {reason.removeprefix(_PLACE)}"
    return f"{who} are alike: {reason}"


def strong_causes(report: AuditReport) -> list[CauseFinding]:
    """Return the dull causes that tell the classes apart, the most telling first."""
    return [each for each in report.causes if not tells_little(each)]


def weak_causes(report: AuditReport) -> list[CauseFinding]:
    """Return the dull causes that tell a little about the classes, the most telling first."""
    return [each for each in report.causes if tells_little(each)]


def little_text(report: AuditReport) -> str:
    """Return which properties tell a little about the classes, and how much; empty if none does."""
    causes = weak_causes(report)
    if not causes:
        return ""
    named = _named([f"{each.name} ({percent_text(each.accuracy)})" for each in causes])
    tell = "tells" if len(causes) == 1 else "each tell"
    chance = percent_text(causes[0].baseline)
    named = f"{named[0].upper()}{named[1:]}"
    return f"{named} {tell} a little about the classes, where {chance} are right by chance."


def _causes_text(causes: Sequence[CauseFinding]) -> str:
    if not causes:
        return ""
    chance = percent_text(causes[0].baseline)
    if len(causes) == 1:
        one = causes[0]
        return (
            f"{one.name} alone tells the classes apart in {percent_text(one.accuracy)} of the photographs ({chance} by "
            "chance), so the network may have learned it."
        )
    named = _named([f"{each.name} ({percent_text(each.accuracy)})" for each in causes])
    return f"{named} each tell the classes apart alone ({chance} by chance), so the network may have learned them."


def _named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: `a, b, c and 2 more`."""
    more = [f"{len(names) - _MOST} more"] if len(names) > _MOST else []
    *some, last = [*names[:_MOST], *more]
    return f"{', '.join(some)} and {last}" if some else last


def copies_text(report: AuditReport) -> str:
    """Return how many pairs of photographs show the same picture."""
    count = len(report.duplicates)
    show = "shows" if count == 1 else "show"
    return f"{counted(count, 'pair')} of photographs {show} the same picture or nearly so, and should not."


def first_lines(sentences: Sequence[str]) -> list[str]:
    """Return sentences about the photographs for a terminal: the first ones, and how many more there are."""
    more = len(sentences) - _MOST
    return [*sentences[:_MOST], *([f"and {more} more, in the report"] if more > 0 else [])]
