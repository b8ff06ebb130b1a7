"""The head that is read from a traced network gives the network's own scores for its own activation."""

from __future__ import annotations

from typing import Any

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import picture

import live_gradcam as lg
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.pooled_head import last_product
from live_gradcam.question import LayerActivation, Question


def model(network: Any) -> lg.Model:
    return lg.load_model(network, preprocess="unit")


def activation_of(network: Any, question: Question | None = None, **options: Any) -> LayerActivation:
    answer = Engine([model(network)], **options).answer(picture(), question or Question(concepts=4))
    assert answer.activation is not None
    return answer.activation


def network_with(*layers: Any, seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="features")(x)
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


def dense(units: int = 4, **options: Any) -> Any:
    return keras.layers.Dense(units, kernel_initializer="random_normal", bias_initializer="normal", **options)


@pytest.mark.parametrize(
    "build",
    [
        networks.pooled_network,
        lambda: networks.pooled_network(activation=None),
        lambda: network_with(
            keras.layers.GlobalAveragePooling2D(keepdims=True),
            keras.layers.Flatten(),
            dense(activation="softmax"),
        ),
        lambda: network_with(
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.5),
            dense(activation="softmax", use_bias=False),
        ),
        lambda: network_with(keras.layers.GlobalAveragePooling2D(), dense(activation="sigmoid")),
        lambda: networks.nested_network(),
    ],
    ids=["softmax", "logits", "flattened after pooling", "without bias", "sigmoid", "nested"],
)
def test_the_head_gives_the_network_s_own_prediction_for_the_mean_activation(build: Any) -> None:
    answer = Engine([model(build())]).answer(picture(), Question(concepts=4))
    found = answer.activation
    assert found is not None
    assert found.head is not None
    predicted = found.head(found.values.mean(axis=(0, 1)))
    best = max(answer.first.top, key=lambda each: each.probability or 0.0)
    assert (predicted.class_id, predicted.label) == (best.class_id, best.label)
    assert predicted.probability == pytest.approx(best.probability, abs=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        networks.flattened_network,
        lambda: network_with(keras.layers.GlobalMaxPooling2D(), dense(activation="softmax")),
        lambda: network_with(
            keras.layers.GlobalAveragePooling2D(), dense(8), keras.layers.ReLU(), dense(activation="softmax")
        ),
        lambda: network_with(keras.layers.GlobalAveragePooling2D(), dense(8), dense(activation="softmax")),
        lambda: network_with(keras.layers.GlobalAveragePooling2D(), dense(1, activation="sigmoid")),
    ],
    ids=["flattened", "maximum", "hidden layer", "two dense layers", "one unit for two classes"],
)
def test_other_tails_have_no_head(build: Any) -> None:
    assert activation_of(build()).head is None


def test_a_layer_before_the_last_has_no_head() -> None:
    assert activation_of(networks.two_layer_network(16), Question(concepts=4, layer="first")).head is None


def test_a_score_of_the_viewer_s_own_has_no_head() -> None:
    question = Question(concepts=3, targets=(lambda output: output[:, 0],))
    assert activation_of(networks.pooled_network(), question).head is None


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("smooth", ["none", "augment"])
def test_the_activation_is_the_layer_s_output(score: str, smooth: str) -> None:
    network = networks.pooled_network()
    loaded = model(network)
    image = picture()
    output = keras.Model(network.input, network.get_layer("features").output)
    expected = np.asarray(output(loaded.preprocessing(image[None])))[0]
    answer = Engine([loaded], score=score, smooth=smooth).answer(image, Question(concepts=2))  # type: ignore[arg-type]
    assert answer.activation is not None
    assert answer.activation.layer == "features"
    assert answer.activation.region == answer.first.region
    np.testing.assert_allclose(answer.activation.values, expected, atol=1e-6)
    assert answer.activation.head is not None


def test_without_concepts_there_is_no_activation() -> None:
    assert Engine([model(networks.pooled_network())]).answer(picture(), Question()).activation is None


def test_of_several_layers_it_is_the_first() -> None:
    found = activation_of(networks.two_layer_network(16), Question(concepts=2, layer="first,second"))
    assert (found.layer, found.values.shape) == ("first", (8, 8, 4))


@pytest.mark.geometry
def test_tokens_are_laid_out_on_their_grid() -> None:
    engine = Engine([model(networks.token_network(class_token=True, registers=2))])
    answer = engine.answer(picture(), Question(concepts=2))
    assert answer.activation is not None
    assert answer.activation.values.shape[:2] == answer.first.raw_heatmap.shape


@pytest.mark.geometry
def test_only_the_first_model_s_activation_is_returned() -> None:
    engine = Engine([model(networks.pooled_network()), model(networks.two_layer_network(16))])
    question = Question(models=(1, 0), concepts=2)
    answer = engine.answer(picture(), question)
    assert answer.activation is not None
    assert answer.activation.layer == "second"
    assert [key[1].activation for key in engine.keys(question, (16, 16))] == [True, False]


def test_a_scan_has_no_activation_and_an_explainer_says_so() -> None:
    explainer = Explainer(model(networks.pooled_network()), fit="scan")
    assert explainer.activations([picture(16, 32)]) == []
    with pytest.raises(LiveGradcamError, match="the fit 'scan' sees a picture in parts"):
        lg.concepts(explainer, [picture(16, 32)])


@pytest.mark.geometry
def test_a_method_of_many_passes_needs_one_pass_for_activations() -> None:
    network = networks.pooled_network()
    found = Explainer(model(network), method="scorecam").activations([picture(seed=1), picture(seed=2)])
    expected = Explainer(model(network)).activations([picture(seed=1), picture(seed=2)])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.values, theirs.values, atol=1e-6)


# The gradient of few of many classes


def traced_gradients(*layers: Any, classes: int = 130) -> tuple[Any, Any, Any] | None:
    """Return a network's x, ∂y/∂x by `LastProduct` and by backpropagation for two pictures, traced as a graph."""
    network = network_with(*layers)
    ids, weights = np.array([[3, 7, 7], [classes - 1, 0, 3]]), np.array([[1, -0.3, 0.2], [1, 0, -0.5]])
    found: list[Any] = []

    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow ships no types
    def trace(images: Any) -> Any:
        scores = network(images)
        product = last_product(scores)
        if product is None:
            return images
        slope = product.gradient(tf.constant(ids, tf.int32), tf.constant(weights, tf.float32))
        sparse = product.features, slope
        found.append(sparse)
        row = np.zeros((2, classes), np.float32)
        for picture_, (numbers, factors) in enumerate(zip(ids, weights, strict=True)):
            np.add.at(row[picture_], numbers, factors)
        return *sparse, tf.gradients(scores, sparse[0], grad_ys=tf.constant(row))[0]

    images = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    returned = trace(tf.constant(images))
    return tuple(each.numpy() for each in returned) if found else None


@pytest.mark.parametrize(
    "layers",
    [
        (keras.layers.GlobalAveragePooling2D(), dense(130)),
        (keras.layers.GlobalAveragePooling2D(), dense(130, use_bias=False)),
        (keras.layers.GlobalAveragePooling2D(), dense(130), keras.layers.Reshape((130,))),
        (keras.layers.Flatten(), dense(9, activation="relu"), dense(130)),
    ],
    ids=["bias", "no bias", "reshaped", "two layers"],
)
def test_the_gradient_of_a_few_classes_is_that_of_backpropagation(layers: Any) -> None:
    found = traced_gradients(*layers)
    assert found is not None
    _, sparse, full = found
    np.testing.assert_allclose(sparse, full, atol=1e-6 * np.abs(full).max())
    assert np.abs(full).max() > 0


@pytest.mark.parametrize(
    ("layers", "classes"),
    [
        ((keras.layers.GlobalAveragePooling2D(), dense(99)), 99),
        ((keras.layers.GlobalAveragePooling2D(), dense(130, activation="relu")), 130),
        ((keras.layers.Conv2D(130, 8), keras.layers.Flatten()), 130),
    ],
    ids=["few classes", "an activation", "a convolution"],
)
def test_other_ends_and_few_classes_are_left_to_backpropagation(layers: Any, classes: int) -> None:
    assert traced_gradients(*layers, classes=classes) is None


def test_a_second_branch_that_is_added_to_the_scores_is_not_left_out() -> None:
    class Added(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
        def call(self, inputs: Any) -> Any:
            return inputs + tf.reduce_mean(inputs, axis=1, keepdims=True)

    assert traced_gradients(keras.layers.GlobalAveragePooling2D(), dense(130), Added()) is None
