"""The headlines of an audit: labels in another order, suspicious clusters, and what the photographs tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb

import pytest
from audit_findings import cluster, photo, report_of, spot

from live_gradcam.audit.advice import what_next
from live_gradcam.audit.findings import AuditReport, CauseFinding
from live_gradcam.audit.headlines import LEVEL, below_chance, cluster_lines, strong_causes, weak_causes


def answered(pairs: Sequence[tuple[str, str]], film: str | None = None) -> AuditReport:
    """Return a report on photographs of which (true class, answer) are given."""
    photos = [
        replace(photo(f"{number}.jpg", spot(3, 3), truth=truth, predicted=predicted), film=film)
        for number, (truth, predicted) in enumerate(pairs)
    ]
    return AuditReport(model="m", classes=(), photos=tuple(photos))


def test_labels_in_another_order_are_asked_about() -> None:
    turned = {"cat": "cup", "cup": "owl", "owl": "cat"}
    pairs = [(truth, answer) for truth, answer in turned.items() for _ in range(10)]
    report = answered([*pairs[1:], ("cat", "cat")])
    question = "3% are recognised, which is far below chance (33%): are the labels in the model's order?"
    assert below_chance(report) == question
    assert what_next(report)[0].startswith("Give the names of the classes in the model's order")
    assert below_chance(answered(pairs[:3], film="cat.mp4")) == ""  # one photograph


@pytest.mark.parametrize("right", range(3, 16))
def test_the_question_comes_where_the_tail_of_the_binomial_distribution_is_small(right: int) -> None:
    half = 20
    pairs = [("cat", "cat"), ("cup", "cup")] * right + [("cat", "cup"), ("cup", "cat")] * (half - right)
    tail = sum(comb(2 * half, each) for each in range(2 * right + 1)) / 2 ** (2 * half)
    assert (below_chance(answered(pairs)) != "") == (tail < LEVEL)


def test_a_network_that_always_says_the_same_is_not_below_chance() -> None:
    assert below_chance(answered([("cat", "cup")] * 90 + [("cup", "cup")] * 10)) == ""
    assert below_chance(answered([("cat", "dog")] * 50 + [("cup", "fox")] * 50)) == ""  # answers of no class
    assert below_chance(AuditReport(model="m", classes=(), photos=())) == ""


def test_suspicious_clusters_at_the_border_come_first_and_three_are_named() -> None:
    report = report_of(["cat", "cup", "owl", "fox"])
    place = "heat in the same place of the frame: "
    low = "only 20% are recognised, and 90% of the rest of the class"
    own = [each for each in report.photos if each.truth == "cat"]
    odd = (cluster(own[:5], low), cluster(own[:7], f"{place}top"), cluster(own[:6]))
    first = replace(report.classes[0], clusters=odd)
    some = replace(report, classes=(first, *report.classes[1:2]))
    assert cluster_lines(some) == [
        "4 of 12 photographs of cup have their heat bottom right, at the border",
        "7 of 12 photographs of cat have their heat top",
        f"5 of 12 photographs of cat are alike: {low}",
    ]
    more = replace(report, classes=(first, *report.classes[1:]))
    assert cluster_lines(more)[3:] == ["and 2 more suspicious clusters, in the report"]
    assert cluster_lines(replace(report, classes=(replace(first, clusters=odd[2:]),))) == []


def test_a_property_that_names_less_than_half_of_what_chance_misses_tells_a_little() -> None:
    causes = tuple(
        CauseFinding(name=f"{accuracy}", accuracy=accuracy, baseline=0.25, sentence="")
        for accuracy in (0.9, 0.625, 0.62, 0.4)
    )
    report = replace(report_of(["cat"]), causes=causes)
    assert [each.name for each in strong_causes(report)] == ["0.9", "0.625"]
    assert [each.name for each in weak_causes(report)] == ["0.62", "0.4"]
