"""Worst cases are picked from photographs by their figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audit_findings import photo, spot

from live_gradcam.audit.worst_cases import (
    confused_pairs,
    right_for_the_wrong_reason,
    wrong_with_confidence,
)

CENTRE = spot(3, 3)


def test_the_highest_background_need_is_the_worst_reason() -> None:
    photos = [
        replace(photo(name, CENTRE), background_need=need, inside=0.5, lift=2.0)
        for name, need in (("a", 0.3), ("b", 0.9), ("c", 0.1), ("d", 0.25))
    ]
    assert [each.name for each in right_for_the_wrong_reason(photos)] == ["b", "a", "d"]


def test_without_measured_needs_the_least_heat_on_the_thing_is_the_worst_reason() -> None:
    photos = [
        replace(photo(name, CENTRE), inside=inside, lift=inside / 0.2)
        for name, inside in (("a", 0.1), ("b", 0.5), ("c", 0.02), ("d", 0.2))
    ]
    assert [each.name for each in right_for_the_wrong_reason(photos)] == ["c", "a"]


def test_a_measured_need_decides_against_the_heat() -> None:
    kept = replace(photo("kept", CENTRE), background_need=0.0, inside=0.01, lift=0.1)
    assert right_for_the_wrong_reason([kept, photo("unknown", CENTRE)]) == ()


def test_a_wrong_photograph_has_no_right_reason() -> None:
    wrong = replace(photo("wrong", CENTRE, predicted="dog"), background_need=0.9)
    assert right_for_the_wrong_reason([wrong]) == ()


def test_the_surest_mistakes_come_first() -> None:
    photos = [
        photo("a", CENTRE, predicted="dog", probability=0.6),
        photo("b", CENTRE, predicted="dog", probability=0.95),
        photo("c", CENTRE, predicted="dog", probability=0.4),
        photo("d", CENTRE, probability=0.99),
    ]
    assert [each.name for each in wrong_with_confidence(photos)] == ["b", "a"]
    assert [each.name for each in wrong_with_confidence(photos, most=1)] == ["b"]


def test_pairs_are_sorted_by_how_often_they_are_confused() -> None:
    photos = [
        *(
            photo(f"cat {number}", CENTRE, predicted="dog", probability=0.5 + 0.1 * number)
            for number in range(3)
        ),
        photo("cat right", CENTRE),
        *(photo(f"dog {number}", CENTRE, truth="dog", predicted="fox") for number in range(2)),
        photo("dog as cat", CENTRE, truth="dog", predicted="cat"),
    ]
    pairs = confused_pairs(photos)
    assert [(each.truth, each.predicted, len(each.photos)) for each in pairs] == [
        ("cat", "dog", 3),
        ("dog", "fox", 2),
        ("dog", "cat", 1),
    ]
    assert [each.name for each in pairs[0].photos] == ["cat 2", "cat 1", "cat 0"]
    assert pairs[0].share == pytest.approx(3 / 4)
    assert confused_pairs(photos, most=1) == pairs[:1]
    assert confused_pairs([photo("right", CENTRE)]) == ()
