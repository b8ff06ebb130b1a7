"""A mark in a corner of real photographs, and a head on the default network's features that goes by it."""

from __future__ import annotations

import pytest
from lessons import extractor_for
from planted_marks import class_maps, head_with_shortcut, marked_class

from live_gradcam.audit.clusters import clusters_of
from live_gradcam.models.loading import load_model
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.feature_extractor import FeatureMaps, pooled

pytestmark = pytest.mark.audits

PHOTOS = 400


@pytest.fixture(scope="module")
def seen() -> tuple[TaughtHead, FeatureMaps, FeatureMaps]:
    extractor = extractor_for(load_model("efficientnet-lite0"))
    return head_with_shortcut(extractor, seed=1), *class_maps(extractor, count=PHOTOS, seed=2)


def test_the_head_goes_by_the_mark(seen: tuple[TaughtHead, FeatureMaps, FeatureMaps]) -> None:
    head, plain, with_mark = seen
    without, beside = ((head.probabilities(pooled(each))[:, 0] > 0.5).mean() for each in (plain, with_mark))
    assert beside >= 0.9
    assert without <= 0.4


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_mark_is_the_first_suspicious_cluster(
    seen: tuple[TaughtHead, FeatureMaps, FeatureMaps], share: float
) -> None:
    for seed in range(10 if share < 0.5 else 3):
        found = marked_class(*seen, share, seed)
        first = clusters_of(found.photos, found.contributions)[0]
        own = len(found.names & set(first.photos))
        print(f"{share:4.0%} seed {seed}: {own} of {first.size} marked, of {len(found.names)}")  # noqa: T201
        assert own >= 0.9 * first.size
        assert own >= 0.35 * len(found.names)
        assert "bottom right, at the border" in first.suspicious


def test_without_a_mark_there_is_no_fixed_place(
    seen: tuple[TaughtHead, FeatureMaps, FeatureMaps],
) -> None:
    found = marked_class(*seen, 0.0)
    assert [
        each for each in clusters_of(found.photos, found.contributions) if "place" in each.suspicious
    ] == []
