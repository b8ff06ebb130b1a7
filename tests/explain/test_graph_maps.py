"""What a graph gives the methods: second derivatives, other scores, and the maps of several layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from networks import picture, pooled_network, residual_network, token_network
from oracles import Array, SmoothNetwork, assert_same_map, relu
from peer_maps import as_pixels, original, our_map

import live_gradcam as lg
from live_gradcam.explain.raw_maps import fused

SEEDS = (1, 2, 3)


def explained(network: Any, image: Any, **options: Any) -> lg.Explanation:
    model = lg.load_model(network, preprocess="unit")
    return lg.Explainer(model, "shapley-cam", "features", fit="stretch", **options).explain(image)


@pytest.mark.parametrize("seed", SEEDS)
def test_shapley_cam_equals_its_formula_with_the_hessian_of_finite_differences(seed: int) -> None:
    network = original("softplus", "tanh", seed=seed)
    image = picture(17, 17, seed)
    twin = SmoothNetwork(tuple(np.asarray(each, np.float64) for each in network.get_weights()), seed)
    features = twin.features(as_pixels(image).astype(np.float64))[0]
    slopes = oracles.finite_differences(twin.scores_from, features)
    product = oracles.curvature(twin.scores_from, features)
    expected = oracles.shapley_cam(features, slopes, product)
    found = our_map(network, "shapley-cam", image, seed)
    np.testing.assert_allclose(found, relu(expected), rtol=0, atol=1e-4 * np.abs(expected).max())
    gradcam = oracles.gradcam(features, slopes)
    assert np.abs(expected - gradcam).max() > 0.01 * np.abs(expected).max(), "the curvature does not count"


def probability_gradient(weights: Array, bias: Array, mean: Array, target: int) -> Array:
    """Return the probability's gradient with respect to the mean of the features."""
    logits = mean @ weights + bias
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return np.asarray(shares[target] * (weights[:, target] - weights @ shares))


@pytest.mark.parametrize("target", range(3))
def test_shapley_cam_of_a_probability_has_the_curvature_of_the_softmax(target: int) -> None:
    """After pooling, p depends on the mean m of A: G = p'(m)/Z, and H A = (∂p'/∂m) m / Z at every place."""
    network = pooled_network()
    kernel, bias = (np.asarray(each, np.float64) for each in network.layers[-1].get_weights())
    image = picture(seed=4)
    features = np.asarray(
        keras.Model(network.input, network.get_layer("features").output)(as_pixels(image))[0], np.float64
    )
    mean = features.mean(axis=(0, 1))
    step = 1e-5
    above, here, below = (
        probability_gradient(kernel, bias, mean * (1 + each), target) for each in (step, 0, -step)
    )
    weights = (here - (above - below) / (2 * step) / 2) / features[..., 0].size
    expected = oracles.weighted_sum(weights, features)
    found = explained(network, image, target=target, score="probability")
    np.testing.assert_allclose(found.raw_heatmap, relu(expected), rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_shapley_cam_of_a_piecewise_linear_score_is_gradcam(seed: int) -> None:
    network, image = original("relu", "relu", seed=seed), picture(17, 17, seed)
    expected = our_map(network, "gradcam", image, seed)
    assert_same_map(our_map(network, "shapley-cam", image, seed), expected, of_peak=1e-6)


def test_shapley_cam_of_a_batch_is_that_of_each_picture() -> None:
    model = lg.load_model(original("relu", "tanh", seed=2), preprocess="unit")
    explainer = lg.Explainer(model, "shapley-cam", "features", fit="stretch", score="probability")
    images = [picture(17, 17, seed) for seed in SEEDS]
    for image, together in zip(images, explainer.explain_batch(images), strict=True):
        alone = np.asarray(explainer.explain(image).raw_heatmap, np.float64)
        assert_same_map(together.raw_heatmap, alone, of_peak=1e-5)


@pytest.mark.geometry
def test_shapley_cam_of_several_layers_takes_the_curvature_at_each() -> None:
    image = picture(seed=9)
    model = lg.load_model(residual_network(), preprocess="unit")

    def heat(method: str, layer: str) -> Array:
        explainer = lg.Explainer(model, method, layer, 1, score="probability")
        return np.asarray(explainer.explain(image).heatmap, np.float64)

    alone = [heat("shapley-cam", layer) for layer in ("target", "late")]
    together = lg.Explainer(model, "shapley-cam", "target, late", 1, score="probability").explain(image)
    assert_same_map(together.raw_heatmap, np.mean(alone, axis=0), of_peak=1e-5)
    assert np.abs(alone[0] - heat("gradcam", "target")).max() > 1e-3


def test_a_network_without_second_derivatives_is_refused_by_the_operation_s_name() -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="features")(image)
    x = LocalResponse()(x)
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    network = keras.Model(image, x, name="normalised")
    with pytest.raises(lg.LiveGradcamError, match=r"second derivatives, and normalised .*LRNGrad.*gradcam"):
        explained(network, picture(), target=1)


class LocalResponse(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
    """Local response normalisation, whose gradient TensorFlow cannot differentiate."""

    def call(self, inputs: Any) -> Any:
        return tf.nn.local_response_normalization(inputs)


def test_shapley_cam_of_nothing_has_no_evidence() -> None:
    network = original("relu", "tanh")
    layer = network.get_layer("features")
    layer.set_weights([np.zeros_like(each) for each in layer.get_weights()])
    found = explained(network, picture(17, 17), target=1)
    assert not found.has_evidence
    assert not found.heatmap.any()


def test_shapley_cam_of_nan_has_no_evidence() -> None:
    network = original("relu", "tanh")
    layer = network.get_layer("features")
    layer.set_weights([np.full_like(each, np.nan) for each in layer.get_weights()])
    found = explained(network, picture(17, 17), target=1)
    assert not found.has_evidence
    assert not found.heatmap.any()


def softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("target", range(3))
def test_reciprocam_weighs_places_with_the_probability_that_each_gives_alone(target: int, score: Any) -> None:
    network, image = pooled_network(), picture(seed=4)
    given = network.layers[-1].get_weights()
    # One place of 64 changes the probability little, and float32 has seven digits of it.
    network.layers[-1].set_weights([100 * given[0], given[1]])
    kernel, bias = (np.asarray(each, np.float64) for each in network.layers[-1].get_weights())
    features = np.asarray(
        keras.Model(network.input, network.get_layer("features").output)(as_pixels(image))[0], np.float64
    )

    def probability(batch: Array) -> Array:
        return np.asarray(softmax(batch.mean(axis=(1, 2)) @ kernel + bias)[:, target])

    model = lg.load_model(network, preprocess="unit")
    found = lg.Explainer(model, "reciprocam", "features", target, "stretch", score=score).explain(image)
    expected = oracles.reciprocam(features, probability)
    assert_same_map(found.raw_heatmap, expected)
    assert_same_map(found.heatmap, expected / expected.max())


@pytest.mark.parametrize(
    ("class_token", "registers"),
    [
        (True, 2),
        *(pytest.param(*each, marks=pytest.mark.geometry) for each in ((True, 0), (False, 0), (False, 1))),
    ],
)
def test_reciprocam_leaves_one_token_of_the_grid_and_all_before_it(class_token: bool, registers: int) -> None:
    network, image = token_network(class_token, registers), picture(16, 16, 3)
    model = lg.load_model(network, preprocess="unit")
    found = lg.Explainer(model, "reciprocam", target=2, fit="stretch").explain(image)
    chosen, extra = network.get_layer(found.layer), int(class_token) + registers
    before = network.get_layer("tokens").output
    whole = keras.Model(network.input, [chosen.output, before])
    tokens, residual = (np.asarray(each) for each in whole(as_pixels(image)))
    named = [chosen.output, before] if class_token else [chosen.output]
    rest = keras.Model(named, network.output)
    scores = []
    for place in range(16):
        kept = np.zeros_like(tokens)
        kept[:, :extra] = tokens[:, :extra]
        kept[:, extra + place] = tokens[:, extra + place]
        scores.append(float(rest([kept, residual] if class_token else [kept])[0, 2]))
    expected = np.reshape(scores, (4, 4)).astype(np.float64)
    assert_same_map(found.raw_heatmap, expected - expected.min(), of_peak=1e-3)


def test_reciprocam_of_nothing_and_of_nan_has_no_evidence() -> None:
    for value in (0.0, np.nan):
        network = original("relu", "tanh")
        layer = network.get_layer("features")
        layer.set_weights([np.full_like(each, value) for each in layer.get_weights()])
        model = lg.load_model(network, preprocess="unit")
        found = lg.Explainer(model, "reciprocam", "features", 1, "stretch").explain(picture(17, 17))
        assert not found.has_evidence
        assert not found.heatmap.any()


def test_reciprocam_of_a_batch_is_that_of_each_picture() -> None:
    explainer = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"), "reciprocam", target=1)
    images = [picture(seed=seed) for seed in (1, 2)]
    for image, together in zip(images, explainer.explain_batch(images), strict=True):
        np.testing.assert_array_equal(together.raw_heatmap, explainer.explain(image).raw_heatmap)


def maps(*values: list[list[float]]) -> list[tuple[Any, Any]]:
    """Return maps of one picture, each with evidence if it is not zero."""
    arrays = [np.asarray(each, np.float32)[None] for each in values]
    return [(tf.constant(each), tf.constant([bool(each.any())])) for each in arrays]


def test_a_product_keeps_what_all_layers_show() -> None:
    raw, evidence = fused(maps([[4, 2], [0, 1]], [[1, -2], [3, 3]]), "product")
    np.testing.assert_allclose(raw[0], [[1 / 3, 0], [0, 0.25]], rtol=1e-6)
    assert evidence.numpy().tolist() == [True]


@pytest.mark.parametrize(
    "second",
    [[[0, 0], [0, 0]], [[0, 0], [3, 0]]],
    ids=["a layer without evidence", "layers that show nothing in common"],
)
def test_a_product_without_a_common_place_has_no_evidence(second: list[list[float]]) -> None:
    raw, evidence = fused(maps([[4, 2], [0, 1]], second), "product")
    assert not np.asarray(raw).any()
    assert evidence.numpy().tolist() == [False]
    for fusion in ("mean", "max"):
        assert fused(maps([[4, 2], [0, 1]], second), fusion)[1].numpy().tolist() == [True]
