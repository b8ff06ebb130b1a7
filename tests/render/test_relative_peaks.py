"""How strong a visitor's maps are beside what was recognised: the page's heat is as opaque as the window's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import explained

from live_gradcam.explanation import Explanation
from live_gradcam.prediction import Prediction
from live_gradcam.render.heat_smoothing import Heat, HeatSmoothing, RelativePeaks, opacity_of

REGION = (0, 0, 720, 720)


def chosen_by_itself(peak: float, probability: float, *, layer: str = "top") -> Explanation:
    """An explanation of what the network finds most probable, with one warm cell."""
    raw = np.zeros((7, 7), np.float32)
    raw[3, 4] = peak
    target = Prediction(1, "espresso", probability)
    found = explained(REGION, raw, target=target, has_evidence=peak > 0)
    return replace(found, automatic=True, top=(target,), layer=layer)


def test_a_walk_of_the_camera_gets_the_opacity_that_the_window_gives_it() -> None:
    rng = np.random.default_rng(4)
    peaks, steady = RelativePeaks(), HeatSmoothing(seconds=0)
    heat: Heat | None = None
    seen = set()
    for step in range(200):
        peak, probability = float(rng.uniform(0.05, 1)), float(rng.uniform(0.05, 0.6))
        explanation = chosen_by_itself(peak, probability)
        heat = steady.heat(explanation, step / 10, heat)
        opacity = opacity_of(explanation, peaks.of(explanation, step / 10))
        assert opacity == pytest.approx(heat.opacity, abs=1e-6)
        seen.add(round(opacity, 1))
    assert {0.1, 1.0} <= seen  # faint and full


def test_peaks_of_different_layers_are_not_compared() -> None:
    peaks = RelativePeaks()
    peaks.of(chosen_by_itself(1.0, 0.9), 0.0)
    assert peaks.of(chosen_by_itself(0.5, 0.1), 0.1) == pytest.approx(0.5)
    assert peaks.of(chosen_by_itself(0.5, 0.1, layer="deep"), 0.2) == 0.0


def test_without_anything_recognised_or_without_evidence_there_is_no_likeness() -> None:
    peaks = RelativePeaks()
    assert peaks.of(chosen_by_itself(0.5, 0.1), 0.0) == 0.0
    peaks.of(chosen_by_itself(0.5, 0.9), 0.1)
    assert peaks.of(chosen_by_itself(0.0, 0.1), 0.2) == 0.0


def test_no_more_kinds_of_maps_are_remembered_than_a_visitor_can_look_at() -> None:
    peaks = RelativePeaks()
    for number in range(40):
        peaks.of(chosen_by_itself(1.0, 0.9, layer=f"layer {number}"), float(number))
    assert peaks.of(chosen_by_itself(0.5, 0.1, layer="layer 39"), 40.0) > 0
    assert peaks.of(chosen_by_itself(0.5, 0.1, layer="layer 0"), 40.0) == 0.0
