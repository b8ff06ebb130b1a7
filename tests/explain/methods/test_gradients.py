"""The one-pass methods equal their papers: closed forms, and transcriptions on finite-difference gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from networks import flattened_network, picture, pooled_network
from oracles import Array, assert_same_map
from probes import smooth

from live_gradcam.explain.methods import gradients
from live_gradcam.explain.methods.method import FINERCAM_RIVALS, FINERCAM_STRENGTH, METHODS, method_named

ONE_PASS = [name for name in METHODS if method_named(name).family == "gradient"]
BY_GRADIENT = [name for name in ONE_PASS if name not in ("gradcam++", "cam", "finercam", "shapley-cam")]
"""Methods whose oracle takes the activation and the score's own gradient."""


def run(function: Callable[..., Any], *arrays: Array) -> Array:
    """Give one picture's arrays to a method, as float32 and in a batch of one, in a compiled function."""
    batches = [tf.constant(array[None], tf.float32) for array in arrays]
    return np.asarray(tf.function(function, autograph=False)(*batches)[0], np.float64)


def keras_derivatives(network: Any, target: int) -> tuple[Array, Array, float]:
    """Return the layer's activation, ∂y/∂A and y − b of a linear head, computed by Keras."""
    pixels = picture(seed=7)[None].astype(np.float32) / 255
    layer = network.get_layer("features")
    activations = keras.Model(network.input, layer.output)(pixels)
    with tf.GradientTape() as tape:
        tape.watch(activations)
        values = activations
        for each in network.layers[network.layers.index(layer) + 1 :]:
            values = each(values)
        score = values[0, target]
    bias = network.layers[-1].get_weights()[1][target]
    derivative = tape.gradient(score, activations)[0]
    return np.asarray(activations[0], np.float64), np.asarray(derivative, np.float64), float(score - bias)


@pytest.mark.parametrize("target", range(4))
def test_on_pooling_and_dense_the_maps_are_one(target: int) -> None:
    network = pooled_network(activation=None)
    activations, derivative, _ = keras_derivatives(network, target)
    weights = np.asarray(network.layers[-1].get_weights()[0], np.float64)[:, target]
    expected = oracles.cam(activations, weights)
    places = activations.shape[0] * activations.shape[1]
    assert places == 64
    assert_same_map(run(gradients.cam, activations, derivative), expected, of_peak=1e-5)
    for method in (gradients.gradcam, gradients.hirescam, gradients.xgradcam, gradients.finercam):
        assert_same_map(run(method, activations, derivative) * places, expected, of_peak=1e-5)


@cache
def by_differences(seed: int, target: int) -> tuple[Array, Array, float]:
    """Return the smooth network's activation, ∂y/∂A by finite differences and y, all in float64."""
    probe, network = smooth(seed, target=target)
    activations = network.features(np.asarray(probe.pixels, np.float64))[0]
    slopes = oracles.finite_differences(network.scores_from, activations)
    return activations, slopes, float(network.scores_from(activations[None])[0])


@pytest.mark.parametrize("build", [pooled_network, flattened_network])
@pytest.mark.parametrize("target", range(3))
def test_the_hirescam_map_sums_to_the_score_without_its_bias(build: Callable[..., Any], target: int) -> None:
    activations, derivative, score = keras_derivatives(build(activation=None), target)
    found = run(gradients.hirescam, activations, derivative)
    assert found.sum() == pytest.approx(score, abs=1e-5 * np.abs(found).sum())
    assert abs(score) > 0.001


@pytest.mark.parametrize("target", range(3))
def test_the_gradcam_map_does_not_where_places_differ(target: int) -> None:
    activations, derivative, score = keras_derivatives(flattened_network(activation=None), target)
    found = run(gradients.gradcam, activations, derivative)
    assert abs(found.sum() - score) > 0.1 * np.abs(found).sum()


@pytest.mark.parametrize("target", range(3))
def test_the_oracles_network_is_the_keras_network(target: int) -> None:
    probe, network = smooth(target=target)
    pixels = np.asarray(probe.pixels, np.float64)
    features = network.features(pixels)
    assert features.shape == (1, 6, 5, 7)
    assert_same_map(probe.activations, features, of_peak=1e-6)
    assert_same_map(probe.scores(probe.pixels), network.scores(pixels), of_peak=1e-5)
    slopes = oracles.finite_differences(network.scores_from, features[0])
    assert_same_map(probe.gradients[0], slopes, of_peak=1e-5)
    colours = oracles.finite_differences(network.scores, pixels[0])
    assert_same_map(probe.pixel_gradients(probe.pixels)[0], colours, of_peak=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", range(3))
@pytest.mark.parametrize("name", BY_GRADIENT)
def test_a_method_equals_its_papers_equation(name: str, target: int, seed: int) -> None:
    activations, slopes, _ = by_differences(seed, target)
    expected = getattr(oracles, name)(activations, slopes)
    assert_same_map(run(method_named(name).function, activations, slopes), expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", range(3))
def test_gradcam_pp_equals_equation_19_but_for_the_positive_factor(target: int, seed: int) -> None:
    activations, slopes, score = by_differences(seed, target)
    expected = oracles.gradcam_pp(activations, slopes, score) / np.exp(score)
    assert_same_map(run(gradients.gradcam_pp, activations, slopes), expected)


def test_finercam_equals_the_mean_of_the_contrasts_before_the_relu() -> None:
    activations = by_differences(0, 0)[0]
    slopes = [by_differences(0, target)[1] for target in range(3)]
    strength = FINERCAM_STRENGTH
    assert (strength, FINERCAM_RIVALS) == (0.6, 3)
    # Equations 5 and 6 of the paper: a map for each rival, and their mean.
    expected = np.mean(
        [oracles.gradcam(activations, slopes[0] - strength * slopes[t]) for t in (1, 2)], axis=0
    )
    contrast = slopes[0] - strength / 2 * (slopes[1] + slopes[2])
    assert_same_map(run(gradients.finercam, activations, contrast), expected)


@pytest.mark.parametrize("target", range(3))
def test_shapley_cam_equals_its_formula_on_the_gradient_less_half_the_curvature(target: int) -> None:
    activations, slopes, _ = by_differences(0, target)
    _, network = smooth(0, target=target)
    product = oracles.curvature(network.scores_from, activations)
    expected = oracles.shapley_cam(activations, slopes, product)
    assert_same_map(run(gradients.shapley_cam, activations, slopes - product / 2), expected)


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_a_method_equals_its_equation_where_activations_are_negative_too(name: str) -> None:
    random = np.random.default_rng(11)
    activations, slopes = random.normal(size=(5, 4, 9)), random.normal(size=(5, 4, 9))
    activations += np.arange(9) % 2 - 0.5  # so that no channel's sum is near zero: xgradcam divides by it
    expected = getattr(oracles, name)(activations, slopes)
    assert_same_map(run(method_named(name).function, activations, slopes), expected)


@pytest.mark.parametrize("name", ONE_PASS)
def test_pictures_of_a_batch_do_not_touch_one_another(name: str) -> None:
    random = np.random.default_rng(5)
    activations = tf.constant(random.random((3, 4, 5, 6)), tf.float32)
    slopes = tf.constant(random.normal(size=(3, 4, 5, 6)), tf.float32)
    function = method_named(name).function
    together = function(activations, slopes)
    assert together.shape == (3, 4, 5)
    assert together.dtype == tf.float32
    for n in range(3):
        alone = function(activations[n : n + 1], slopes[n : n + 1])[0]
        assert_same_map(together[n], np.asarray(alone, np.float64), of_peak=1e-6)


def test_gradcam_pp_gives_no_weight_where_the_gradient_is_zero_and_does_not_underflow() -> None:
    activations = np.ones((2, 2, 2))
    slopes = np.zeros((2, 2, 2))
    slopes[0, 0, 1] = 1e-20  # its third power is not a float32
    found = run(gradients.gradcam_pp, activations, slopes)
    np.testing.assert_allclose(found, 0.5e-20, rtol=1e-6)
    assert not run(gradients.gradcam_pp, activations, 0 * slopes).any()


def test_gradcam_pp_and_xgradcam_give_no_weight_where_they_would_divide_by_zero() -> None:
    activations = np.full((2, 2, 1), -0.5)  # their sum is −2, so 2 + Σ A · G = 0
    assert not run(gradients.gradcam_pp, activations, np.ones((2, 2, 1))).any()
    activations[0] = 0.5
    assert not run(gradients.xgradcam, activations, np.ones((2, 2, 1))).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_eigengradcam_map_goes_with_the_evidence_and_turns_with_the_score(seed: int) -> None:
    random = np.random.default_rng(seed)
    activations, slopes = random.random((4, 5, 12)), random.normal(size=(4, 5, 12))
    found = run(gradients.eigengradcam, activations, slopes)
    assert np.corrcoef(found.ravel(), run(gradients.hirescam, activations, slopes).ravel())[0, 1] > 0
    assert found.mean() == pytest.approx(0, abs=1e-6)
    assert_same_map(run(gradients.eigengradcam, activations, -slopes), -found, of_peak=1e-5)
