"""Deletion and insertion against the definition written down again, and against areas that can be computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from metric_networks import random_explainer, scores_of
from networks import picture

from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Scores, baseline_picture
from live_gradcam.metrics.curves import ChangeCurve, Way, changed_counts, curve, deletion, insertion

RAMP = np.arange(256, dtype=np.float32).reshape(16, 16)[::-1, ::-1]


def by_the_paper(way: Way, image: Any, heat: Any, score: Any, steps: int, other: Any) -> float:
    """Petsiuk et al.'s two curves, pixel by pixel."""
    height, width = heat.shape
    places = sorted(
        ((row, column) for row in range(height) for column in range(width)),
        key=lambda place: (-float(heat[place]), place),
    )
    begin, end = (image, other) if way == "deletion" else (other, image)
    area = 0.0
    last_score, last_count = score(begin), 0
    for step in range(1, steps + 1):
        count = round(step * height * width / steps)
        changed = begin.copy()
        for place in places[:count]:
            changed[place] = end[place]
        now = score(changed)
        area += (count - last_count) / (height * width) * (now + last_score) / 2
        last_score, last_count = now, count
    return float(area)


@pytest.mark.parametrize("way", ["deletion", "insertion"])
@pytest.mark.parametrize(("steps", "seed"), [(20, 1), (7, 2)])
def test_a_curve_has_the_area_of_the_definition(way: Way, steps: int, seed: int) -> None:
    explainer = random_explainer(seed)
    image = picture(16, 16, seed)
    score = scores_of(explainer, 1)
    heat = np.random.default_rng(seed).random((16, 16)).astype(np.float32)
    heat[heat < 0.4] = 0  # as after a ReLU: the order of equal pixels counts
    for baseline in ("grey", "blur", "light-blur", "black", "mean"):
        other = baseline_picture(image, baseline)
        wanted = by_the_paper(way, image, heat, lambda each: score([each])[0], steps, other)
        found = curve(way, image, heat, score, steps=steps, baseline=baseline)
        assert found.area == pytest.approx(wanted, abs=1e-6)
        assert (found.fractions[0], found.fractions[-1], len(found.scores)) == (0, 1, steps + 1)


def share_of_white(pictures: Sequence[Pixels]) -> Scores:
    return np.array([np.mean(each == 255) for each in pictures])


def test_a_score_that_falls_in_proportion_has_half_the_area() -> None:
    white = np.full((16, 16, 3), 255, np.uint8)
    assert deletion(white, RAMP, share_of_white, steps=16, baseline="black") == pytest.approx(0.5)
    assert insertion(white, RAMP, share_of_white, steps=16, baseline="black") == pytest.approx(0.5)


def test_what_alone_matters_is_deleted_first_if_the_map_is_right() -> None:
    """One quarter of the picture decides: its score falls to 0 within the first of four steps, or in the last."""
    white = np.full((16, 16, 3), 255, np.uint8)

    def top_quarter(pictures: Sequence[Pixels]) -> Scores:
        return np.array([np.mean(each[:4] == 255) for each in pictures])

    right, wrong = np.zeros((2, 16, 16), np.float32)
    right[:4] = 1
    wrong[4:] = 1
    assert deletion(white, right, top_quarter, steps=4, baseline="black") == pytest.approx(1 / 8)
    assert deletion(white, wrong, top_quarter, steps=4, baseline="black") == pytest.approx(7 / 8)
    assert insertion(white, right, top_quarter, steps=4, baseline="black") == pytest.approx(7 / 8)


def test_the_area_of_uneven_steps_is_that_of_the_trapezoids() -> None:
    found = ChangeCurve(np.array([0.0, 0.1, 1.0]), np.array([1.0, 0.5, 0.0]))
    assert found.area == pytest.approx(0.1 * 0.75 + 0.9 * 0.25)


def test_equal_steps_give_what_rise_s_code_computes() -> None:
    """(sum − (first + last) / 2) / steps, as their `auc` has it."""
    scores = np.random.default_rng(3).random(11)
    found = ChangeCurve(np.linspace(0, 1, 11), scores)
    assert found.area == pytest.approx((scores.sum() - scores[0] / 2 - scores[-1] / 2) / 10)


def test_all_pixels_change_however_many_steps_there_are() -> None:
    counts = changed_counts(10, 4)
    assert counts.tolist() == [0, 2, 5, 8, 10]


def test_the_usual_baselines_are_those_of_rise() -> None:
    image = picture(224, 224)
    seen: list[Pixels] = []

    def score(pictures: Sequence[Pixels]) -> Scores:
        seen.extend(pictures)
        return np.zeros(len(pictures))

    heat = np.zeros((224, 224), np.float32)
    deletion(image, heat, score, steps=1)
    insertion(image, heat, score, steps=1)
    assert (seen[1] == 127).all()
    weights = cv2.getGaussianKernel(11, 5)
    patch = image[100:111, 100:111].astype(np.float64)
    wanted = np.einsum("a,b,abc->c", weights[:, 0], weights[:, 0], patch)
    np.testing.assert_allclose(seen[2][105, 105], wanted, atol=1)
    assert (seen[3] == image).all()
