"""The methods that try things on the network equal their papers, a few inputs at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracles
import pytest
import tensorflow as tf
from oracles import assert_same_map
from probes import KerasProbe, smooth

from live_gradcam.explain.methods import chunked_loops, perturbations
from live_gradcam.explain.methods.chunked_loops import NOISE_LEVEL
from live_gradcam.explain.methods.method import SMOOTHGRADCAM_SAMPLES

FUNCTIONS = [
    perturbations.scorecam,
    perturbations.ablationcam,
    perturbations.smoothgradcam_pp,
    perturbations.reciprocam,
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("target", range(3))
def test_scorecam_equals_its_algorithm(target: int, seed: int) -> None:
    probe, network = smooth(seed, target=target)
    pixels = np.asarray(probe.pixels[0], np.float64)
    features = network.features(pixels[None])[0]
    for baseline in (np.zeros_like(pixels), np.full_like(pixels, 0.3)):
        expected = oracles.scorecam(pixels, features, network.scores, baseline)
        assert_same_map(perturbations.scorecam(probe)[0], expected)


def test_scorecam_leaves_out_channels_that_are_the_same_everywhere() -> None:
    probe, network = smooth()
    expected = perturbations.scorecam(probe)[0]
    constant = tf.fill((1, 6, 5, 2), 3.0)
    probe.activations = tf.concat([constant, probe.activations], axis=-1)
    assert_same_map(perturbations.scorecam(probe)[0], np.asarray(expected, np.float64), of_peak=1e-6)
    probe.activations = constant
    assert not np.asarray(perturbations.scorecam(probe)[0]).any()
    assert network.target == probe.target


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_ablationcam_equals_its_equation(seed: int) -> None:
    positive = 0
    for target in range(3):
        probe, network = smooth(seed, target=target)
        features = network.features(np.asarray(probe.pixels, np.float64))[0]
        found = np.asarray(perturbations.ablationcam(probe)[0], np.float64)
        if network.scores_from(features[None])[0] > 0:
            assert_same_map(found, oracles.ablationcam(features, network.scores_from))
            positive += 1
    assert positive > 0


def test_ablationcam_of_a_negative_score_still_shows_what_speaks_for_it() -> None:
    probe, network = smooth()
    features = network.features(np.asarray(probe.pixels, np.float64))[0]
    score = float(network.scores_from(features[None])[0])
    offset = -2 * abs(score)
    below = type("Below", (), {})()
    below.activations = probe.activations
    below.score_error = probe.score_error
    below.scores_from = lambda activations: probe.scores_from(activations) - score + offset
    # The drops are the same; only what they are divided by is not.
    above = oracles.ablationcam(features, lambda batch: network.scores_from(batch) - score - offset)
    assert_same_map(perturbations.ablationcam(below)[0], above)


def test_ablationcam_skips_channels_that_are_zero_already() -> None:
    probe, _ = smooth()
    probe.activations = tf.concat([probe.activations[..., :3], tf.zeros((1, 6, 5, 4))], axis=-1)
    probe.seen.clear()
    perturbations.ablationcam(probe)
    assert sum(map(len, probe.seen)) == 1 + 3


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("target", range(3))
def test_smoothgradcam_pp_equals_its_equation(target: int, seed: int) -> None:
    probe, network = smooth(seed, target=target)
    found, _ = perturbations.smoothgradcam_pp(probe)
    copies = np.concatenate(probe.seen)
    assert len(copies) == SMOOTHGRADCAM_SAMPLES
    slopes = [
        oracles.finite_differences(network.scores_from, features) for features in network.features(copies)
    ]
    features = network.features(np.asarray(probe.pixels, np.float64))[0]
    assert_same_map(found, oracles.smoothgradcam_pp(features, slopes))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("target", range(3))
def test_reciprocam_equals_its_formula(target: int, seed: int) -> None:
    probe, network = smooth(seed, target=target)
    features = network.features(np.asarray(probe.pixels, np.float64))[0]
    found, _ = perturbations.reciprocam(probe)
    assert_same_map(found, oracles.reciprocam(features, network.scores_from))
    assert float(tf.reduce_min(found)) == 0.0


def test_reciprocam_tries_each_place_alone_and_never_more_than_a_chunk_at_once() -> None:
    probe = ManyChannels(np.random.default_rng(0).normal(size=(14, 12, 3)))
    probe.activations = tf.constant(np.random.default_rng(1).random((1, 9, 8, 2)), tf.float32)
    probe.seen.clear()
    found, _ = perturbations.reciprocam(probe)
    assert [len(batch) for batch in probe.seen] == [32, 32, 8]
    places = np.concatenate(probe.seen)
    assert (np.count_nonzero(places.any(axis=-1), axis=(1, 2)) == 1).all()
    np.testing.assert_array_equal(places.sum(axis=0), np.asarray(probe.activations[0], np.float64))
    sums = np.asarray(tf.reduce_sum(probe.activations[0], axis=-1), np.float64)
    assert_same_map(found, sums - sums.min(), of_peak=1e-6)


@pytest.mark.parametrize("level", [0.0, 1e-3, 12.5])
def test_reciprocam_of_places_that_differ_by_rounding_only_is_empty(level: float) -> None:
    probe = ManyChannels(np.random.default_rng(0).normal(size=(14, 12, 3)))
    values = np.full((1, 6, 5, 3), level, np.float32)
    values[0, 2, 3, 1] = np.nextafter(np.float32(level), np.float32(100)) if level else 0.0
    probe.activations = tf.constant(values)
    found, error = perturbations.reciprocam(probe)
    assert np.max(found) <= error


def test_without_noise_smoothgradcam_pp_is_gradcam_pp(monkeypatch: pytest.MonkeyPatch) -> None:
    probe, network = smooth()
    monkeypatch.setattr(
        perturbations, "noisy_copies", lambda pixels, numbers: tf.repeat(pixels, tf.size(numbers), axis=0)
    )
    features = network.features(np.asarray(probe.pixels, np.float64))[0]
    slopes = oracles.finite_differences(network.scores_from, features)
    assert_same_map(perturbations.smoothgradcam_pp(probe)[0], oracles.gradcam_pp(features, slopes, 0.0))


def test_the_noise_is_gaussian_of_the_stated_width_and_differs_from_copy_to_copy() -> None:
    probe, _ = smooth()
    perturbations.smoothgradcam_pp(probe)
    pixels = np.asarray(probe.pixels, np.float64)
    noise = (np.concatenate(probe.seen) - pixels) / (NOISE_LEVEL * np.ptp(pixels))
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert np.abs(np.corrcoef(noise.reshape(len(noise), -1)) - np.eye(len(noise))).max() < 0.25


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_picture_gets_the_same_map_again_and_in_a_compiled_function(
    function: Callable[..., Any],
) -> None:
    probe, _ = smooth()
    first = np.asarray(function(probe)[0], np.float64)
    assert first.shape == (6, 5)
    np.testing.assert_array_equal(first, np.asarray(function(probe)[0]))
    compiled = tf.function(lambda: function(probe)[0], autograph=False).get_concrete_function()
    assert_same_map(compiled(), first, of_peak=1e-5)


class ManyChannels(KerasProbe):
    """A probe of a layer that says it has many channels."""

    def scores_from(self, activations: Any) -> Any:
        self._note(activations)
        return tf.reduce_sum(activations, axis=(1, 2, 3))


@pytest.mark.parametrize("function", [perturbations.scorecam, perturbations.ablationcam])
def test_all_channels_are_tried_and_never_more_than_a_chunk_at_once(function: Callable[..., Any]) -> None:
    probe = ManyChannels(np.random.default_rng(0).normal(size=(14, 12, 3)))
    probe.activations = tf.constant(np.random.default_rng(1).random((1, 6, 5, 70)), tf.float32)
    probe.seen.clear()
    function(probe)
    sizes = [len(batch) for batch in probe.seen if len(batch) > 1]
    assert sizes == [32, 32, 6]
    assert probe.largest_batch == chunked_loops.FORWARD_CHUNK


def test_the_network_stands_once_in_the_compiled_graph_however_many_channels_there_are() -> None:
    probe, _ = smooth()
    probe.activations = tf.constant(np.random.default_rng(1).random((1, 6, 5, 700)), tf.float32)
    graph = tf.function(lambda: perturbations.scorecam(probe), autograph=False).get_concrete_function().graph
    convolutions = [
        node.op
        for function in graph.as_graph_def().library.function
        for node in function.node_def
        if node.op == "Conv2D"
    ]
    assert len(convolutions) == 2
