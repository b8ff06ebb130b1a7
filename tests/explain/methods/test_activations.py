"""The methods of one forward pass equal their papers, with a sign that is not left to chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracles
import pytest
import tensorflow as tf
from oracles import Array, assert_same_map
from probes import smooth

import live_gradcam as lg
from live_gradcam.explain.methods import activations as methods
from live_gradcam.explain.methods.gradients import eigengradcam
from live_gradcam.explain.methods.principal_component import projection

FUNCTIONS = [methods.eigencam, methods.kpcacam, methods.fem]
EIGEN = [methods.eigencam, methods.kpcacam, lambda features: eigengradcam(features, features)]


def run(function: Callable[..., Any], features: Array) -> Array:
    """Give one picture's activation to a method, as float32 and in a batch of one, in a compiled function."""
    batch = tf.constant(features[None], tf.float32)
    return np.asarray(tf.function(function, autograph=False)(batch)[0], np.float64)


def features_of(seed: int) -> Array:
    probe, network = smooth(seed)
    return np.asarray(network.features(np.asarray(probe.pixels, np.float64))[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_method_equals_its_papers_equation(function: Callable[..., Any], seed: int) -> None:
    features = features_of(seed)
    # FEM's threshold is a step: in float32 and float64 the same places must lie above it.
    sigmas = (features - features.mean(axis=(0, 1))) / features.std(axis=(0, 1))
    assert np.abs(sigmas - 2).min() > 1e-4
    expected = getattr(oracles, function.__name__)(features)
    assert_same_map(run(function, features), expected)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(7, 7, 320), (3, 4, 5), (12, 9, 4)])
def test_a_method_equals_its_equation_with_more_channels_than_places_and_with_fewer(
    function: Callable[..., Any], shape: tuple[int, int, int]
) -> None:
    features = np.random.default_rng(2).normal(size=shape) * 3
    expected = getattr(oracles, function.__name__)(features)
    assert_same_map(run(function, features), expected)


@pytest.mark.parametrize(("shape", "share"), [((49, 1280), 0.5), ((196, 512), 0.9), ((49, 1280), 0.99)])
def test_the_first_component_equals_numpys_singular_value_decomposition(
    shape: tuple[int, int], share: float
) -> None:
    """`share` is the second eigenvalue's of the first, and so on down."""
    random = np.random.default_rng(8)
    places, channels = shape
    left = np.linalg.qr(random.normal(size=(places, places)))[0]
    right = np.linalg.qr(random.normal(size=(channels, places)))[0]
    points = left * np.sqrt(share ** np.arange(places)) @ right.T
    found = projection(tf.constant(points[None], tf.float32))[0]
    assert_same_map(found, oracles.principal(points))


def test_the_kernels_largest_eigenvalue_is_taken_not_its_largest_in_magnitude() -> None:
    # Two far points and many near ones: tanh of large products makes the kernel indefinite.
    features = np.random.default_rng(0).normal(size=(2, 4, 3)) * 0.1
    features[0, 0], features[1, 3] = 4, -4
    points = (features - features.mean(axis=(0, 1))).reshape(8, 3)
    kernel = np.tanh(points @ points.T / 3 + 1)
    without_mean = np.eye(8) - 1 / 8
    assert np.linalg.eigvalsh(without_mean @ kernel @ without_mean).min() < -0.01
    assert_same_map(run(methods.kpcacam, features), oracles.kpcacam(features))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("function", EIGEN)
def test_a_component_goes_with_the_sum_of_what_it_is_made_of(function: Callable[..., Any], seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(4, 3, 10))
    made_of = features**2 if function is EIGEN[2] else features
    if function is not methods.eigencam:
        made_of = made_of - made_of.mean(axis=(0, 1))
    assert (run(function, features) * made_of.sum(axis=-1)).sum() > 0


@pytest.mark.parametrize("seed", range(3))
def test_where_no_activation_is_negative_the_eigencam_map_is_not_either(seed: int) -> None:
    features = np.random.default_rng(seed).random((5, 5, 30))
    assert run(methods.eigencam, features).min() > 0
    assert run(methods.eigencam, -features).max() < 0


@pytest.mark.parametrize("function", [*FUNCTIONS, EIGEN[2]])
def test_pictures_of_a_batch_do_not_touch_one_another(function: Callable[..., Any]) -> None:
    batch = tf.constant(np.random.default_rng(5).random((3, 4, 5, 6)) ** 4, tf.float32)
    together = function(batch)
    assert together.shape == (3, 4, 5)
    assert together.dtype == tf.float32
    for n in range(3):
        assert_same_map(together[n], np.asarray(function(batch[n : n + 1])[0], np.float64), of_peak=1e-5)


@pytest.mark.parametrize("function", [*FUNCTIONS, EIGEN[2]])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_no_map_and_no_error_and_leaves_the_others_alone(
    function: Callable[..., Any], bad: float
) -> None:
    batch = np.random.default_rng(5).random((2, 4, 5, 6)).astype(np.float32) ** 4
    sound = np.asarray(function(tf.constant(batch))[1], np.float64)
    batch[0, 1, 2, 3] = bad
    found = np.asarray(function(tf.constant(batch)))
    if function is not methods.fem:
        assert not np.isfinite(found[0]).all()
    assert_same_map(found[1], sound, of_peak=1e-5)


@pytest.mark.parametrize("function", [*FUNCTIONS, EIGEN[2]])
def test_nothing_in_gives_nothing_out(function: Callable[..., Any]) -> None:
    assert not run(function, np.zeros((4, 5, 6))).any()


def test_fem_leaves_out_a_channel_that_is_the_same_everywhere() -> None:
    features = np.full((7, 7, 3), 0.1)
    features[2, 3, 1] = 5
    expected = np.zeros((7, 7))
    expected[2, 3] = features[..., 1].mean()
    assert_same_map(run(methods.fem, features), expected, of_peak=1e-6)


def test_a_layer_with_too_many_places_for_a_kernel_says_so() -> None:
    with pytest.raises(lg.LayerError, match=r"kpcacam .* 56×56 are too many \(at most 1024 in all\)"):
        methods.kpcacam(tf.zeros((1, 56, 56, 8)))
