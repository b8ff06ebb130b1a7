"""The planted shortcut with twenty pairs of things and backgrounds; one pair stands in test_learned.py."""

from __future__ import annotations

import numpy as np
import pytest
from lessons import Figures, extractor_for, figures

from live_gradcam.models.loading import load_model

pytestmark = pytest.mark.lessons

SEEDS = range(20)


@pytest.fixture(scope="module")
def found() -> list[Figures]:
    extractor = extractor_for(load_model("efficientnet-lite0"))
    found = []
    for seed in SEEDS:
        each = figures(extractor, seed)
        found.append(each)
        shares = [f"{part.background:5.2f}" for part in (each.shortcut, each.same, each.both)]
        print(  # noqa: T201 - the figures are the purpose of this group
            f"{seed:2}  follows {each.follows:.2f}  right {each.right:.2f}  heat {each.heat_before:.3f} → "
            f"{each.heat_after:.3f}  background {' '.join(shares)}  {each.name}",
            flush=True,
        )
    return found


def test_the_warning_comes_with_every_shortcut(found: list[Figures]) -> None:
    assert [each.name for each in found if not each.shortcut.warning] == []


def test_without_the_shortcut_the_warning_comes_once_at_most(found: list[Figures]) -> None:
    assert sum(bool(each.same.warning) for each in found) <= 1
    assert sum(bool(each.both.warning) for each in found) <= 1


def test_the_thing_is_found_by_its_motion(found: list[Figures]) -> None:
    assert {part.found_by for each in found for part in (each.shortcut, each.same, each.both)} == {"motion"}


def test_after_the_swap_the_label_follows_the_background(found: list[Figures]) -> None:
    assert min(each.follows for each in found) >= 0.9


def test_taught_on_both_backgrounds_it_is_right(found: list[Figures]) -> None:
    assert np.mean([each.right for each in found]) >= 0.95


def test_taught_on_both_backgrounds_the_heat_moves_onto_the_thing(found: list[Figures]) -> None:
    before, after = (
        np.mean([getattr(each, name) for each in found]) for name in ("heat_before", "heat_after")
    )
    assert after >= 3 * before
    assert all(each.heat_after > 1.5 * each.heat_before for each in found)
