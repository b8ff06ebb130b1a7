"""The methods that look at pixels equal their papers, and what is integrated is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracles
import pytest
import tensorflow as tf
from oracles import assert_same_map
from probes import rectified, smooth

from live_gradcam.explain.methods import chunked_loops, pixels
from live_gradcam.explain.methods.method import SMOOTHGRAD_SAMPLES

FUNCTIONS = [
    pixels.saliency,
    pixels.smoothgrad,
    pixels.integrated_gradients,
    pixels.guided_backprop,
    pixels.guided_gradcam,
]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", range(3))
def test_saliency_equals_its_equation(target: int, seed: int) -> None:
    probe, network = smooth(seed, target=target)
    slope = oracles.finite_differences(network.scores, np.asarray(probe.pixels[0], np.float64))
    assert_same_map(pixels.saliency(probe)[0], oracles.strongest_colour(slope))


def test_smoothgrad_equals_its_equation() -> None:
    probe, network = smooth()
    found, _ = pixels.smoothgrad(probe)
    copies = np.concatenate(probe.seen)
    assert len(copies) == SMOOTHGRAD_SAMPLES == 50
    mean = np.mean([oracles.finite_differences(network.scores, copy) for copy in copies], axis=0)
    assert_same_map(found, oracles.strongest_colour(mean))


@pytest.mark.parametrize("target", range(3))
@pytest.mark.long
def test_integrated_gradients_equal_their_equation(target: int) -> None:
    probe, network = smooth(target=target)
    picture, black = (np.asarray(each[0], np.float64) for each in (probe.pixels, probe.black))
    expected = oracles.integrated_gradients(picture, black, network.scores)
    assert_same_map(pixels.integrated_gradients(probe)[0], expected)


@pytest.mark.parametrize("target", range(3))
def test_integrated_gradients_sum_to_the_score_difference(target: int) -> None:
    probe, network = smooth(target=target)
    found = np.asarray(pixels.integrated_gradients(probe)[0], np.float64)
    ends = network.scores(np.asarray(tf.concat([probe.black, probe.pixels], axis=0), np.float64))
    assert found.sum() == pytest.approx(ends[1] - ends[0], abs=1e-5 * np.abs(found).sum())
    assert abs(ends[1] - ends[0]) > 1e-3


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 4, 5])
def test_integrated_gradients_of_relus_sum_to_the_score_difference_within_a_fiftieth(seed: int) -> None:
    probe, _ = rectified(seed)
    found = np.asarray(pixels.integrated_gradients(probe)[0], np.float64)
    low, high = (float(probe.scores(each)[0]) for each in (probe.black, probe.pixels))
    assert found.sum() == pytest.approx(high - low, abs=0.02 * abs(high - low))


@pytest.mark.parametrize("seed", range(3))
def test_guided_backpropagation_equals_the_rule_worked_by_hand(seed: int) -> None:
    probe, network = rectified(seed)
    guided = network.guided_gradient(np.asarray(probe.pixels[0], np.float64))
    assert_same_map(pixels.guided_backprop(probe)[0], oracles.strongest_colour(guided))


@pytest.mark.parametrize("seed", range(3))
def test_guided_gradcam_is_the_product_with_the_upsampled_map(seed: int) -> None:
    probe, network = rectified(seed)
    picture = np.asarray(probe.pixels[0], np.float64)
    coarse = oracles.relu(oracles.gradcam(*network.features_and_gradients(picture)))
    guided = network.guided_gradient(picture) * oracles.upsampled(coarse, *picture.shape[:2])[..., None]
    assert_same_map(pixels.guided_gradcam(probe)[0], oracles.strongest_colour(guided))


@pytest.mark.long
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_picture_gets_the_same_map_again_and_in_a_compiled_function(
    function: Callable[..., Any],
) -> None:
    probe, _ = rectified()
    first = np.asarray(function(probe)[0], np.float64)
    assert first.shape == (14, 12)
    np.testing.assert_array_equal(first, np.asarray(function(probe)[0]))
    compiled = tf.function(lambda: function(probe)[0], autograph=False).get_concrete_function()
    assert_same_map(compiled(), first, of_peak=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_never_more_than_a_chunk_goes_through_at_once(function: Callable[..., Any]) -> None:
    probe, _ = rectified()
    function(probe)
    assert 0 < probe.largest_batch <= chunked_loops.BACKWARD_CHUNK
