"""The network to try things on: in pieces, with pauses between them, it says the same; and a run can be ended."""

from __future__ import annotations

import time

import numpy as np
import pytest
from networks import picture, stage_network

import live_gradcam as lg
from live_gradcam.explain.methods.method import METHODS, method_named

MANY = tuple(
    name for name in METHODS if not method_named(name).one_pass and not method_named(name).needs_attention
)


class Sizes:
    """Says the same sizes again and again, and counts how often it was asked."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.sizes[self.asked % len(self.sizes)]


@pytest.fixture(scope="module")
def model() -> lg.Model:
    return lg.load_model(stage_network(), preprocess="unit")


@pytest.mark.long
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(each, marks=() if each in ("scorecam", "smoothgrad") else pytest.mark.geometry)
        for each in MANY
    ],
)
def test_a_method_of_many_passes_finds_the_same_at_any_pace(method: str, model: lg.Model) -> None:
    pace = Sizes(3, 1, 7)
    image = picture(seed=5)
    paced = lg.Explainer(model, method, target=1, freeze=False, pace=pace).explain(image)
    usual = lg.Explainer(model, method, target=1).explain(image)
    assert usual.has_evidence
    np.testing.assert_allclose(paced.raw_heatmap, usual.raw_heatmap, rtol=1e-4, atol=1e-6)
    assert pace.asked >= 1


def test_it_is_asked_before_each_piece(model: lg.Model) -> None:
    pace = Sizes(4)
    lg.Explainer(model, "smoothgrad", pace=pace).explain(picture(seed=5))
    assert pace.asked == 5 * 3  # of 50 copies ten come at a time, in pieces of 4, 4 and 2


def test_a_run_ends_when_the_pace_raises(model: lg.Model) -> None:
    asked: list[float] = []

    def pace() -> int:
        asked.append(time.monotonic())
        if len(asked) == 4:
            raise TimeoutError
        return 1

    explainer = lg.Explainer(model, "smoothgrad", pace=pace)
    with pytest.raises(Exception, match="TimeoutError"):
        explainer.explain(picture(seed=5))
    assert len(asked) == 4
    assert explainer.explain(picture(seed=5)).has_evidence, "it can be run again"


def test_methods_of_one_pass_have_no_pace(model: lg.Model) -> None:
    pace = Sizes(1)
    lg.Explainer(model, "gradcam", pace=pace).explain(picture(seed=5))
    assert pace.asked == 0


def test_graphs_that_are_not_frozen_explain_the_same(model: lg.Model) -> None:
    image = picture(seed=6)
    frozen, shared = (lg.Explainer(model, "gradcam++", freeze=freeze) for freeze in (True, False))
    np.testing.assert_allclose(
        shared.explain(image).raw_heatmap, frozen.explain(image).raw_heatmap, rtol=1e-4, atol=1e-6
    )
    assert (frozen.frozen, shared.frozen) == (True, False)
