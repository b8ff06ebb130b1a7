"""What a target is stays fixed by the picture, and what lies within the rounding of a map is no evidence."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import oracles
import pytest
import tensorflow as tf
from networks import picture, segmentation_network

import live_gradcam as lg

Array = npt.NDArray[np.float64]

FURTHER = ("ablationcam", "smoothgradcam++", "integrated-gradients")


def ended(*layers: Any, size: int = 16, channels: int = 3) -> Any:
    """Return a network of one convolution and some last layers."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((size, size, channels))
    features = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="features")(inputs)
    outputs = features
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def pooled(units: int = 4, activation: str | None = "softmax", **dense: Any) -> Any:
    """Return a network that ends in global average pooling and one dense layer."""
    keras.utils.set_random_seed(7)  # a layer draws the seed of its weights when it is made
    return ended(
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(units, activation=activation, name="dense", **dense),
    )


def explain(network: Any, method: str, image: Any = None, **settings: Any) -> lg.Explanation:
    loading = {name: settings.pop(name) for name in ("task", "labels") if name in settings}
    model = lg.load_model(network, preprocess="unit", **loading)
    image = picture(16, 16) if image is None else image
    return lg.Explainer(model, method, layer="features", **settings).explain(image)


@pytest.mark.parametrize(
    "method", ["scorecam", "gradcam", *(pytest.param(each, marks=pytest.mark.geometry) for each in FURTHER)]
)
def test_logits_that_are_no_numbers_are_no_evidence(method: str) -> None:
    network = pooled(bias_initializer=keras.initializers.Constant(np.nan))
    for target in (None, 1, lambda output: output[:, 1]):
        explanation = explain(network, method, target=target)
        assert not explanation.has_evidence
        assert not explanation.heatmap.any()


def test_integrated_gradients_of_a_grey_network_sum_to_the_difference_from_black() -> None:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((28, 28, 1))
    features = keras.layers.Conv2D(4, 5, activation="softplus", name="features")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(features)))
    image = np.repeat(picture(28, 28)[..., :1], 3, axis=-1)
    explanation = explain(network, "integrated-gradients", image, target=2, task="classes")
    seen = np.stack([image[..., :1] / 255.0, np.zeros((28, 28, 1))]).astype(np.float32)
    own, black = np.asarray(network(seen), np.float64)[:, 2]
    assert explanation.raw_heatmap.shape == (28, 28)
    assert explanation.raw_heatmap.sum() == pytest.approx(own - black, abs=1e-4 * abs(own - black))
    assert abs(own - black) > 0.05


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda output: output[:, :2], r"\(N, 2\)"),
        (lambda output: tf.reduce_sum(output[:, 1]), "a single number"),
        (lambda output: tf.reduce_max(output, axis=0), r"\(N,\)"),
    ],
)
def test_a_function_that_gives_no_number_for_each_picture_is_refused(function: Any, got: str) -> None:
    message = f"must return one number for each of N pictures, .N,., and returns {got}"
    with pytest.raises(lg.TargetError, match=message):
        explain(pooled(), "gradcam", target=function)


def test_a_function_may_keep_an_axis_of_one() -> None:
    kept, flat = (
        explain(pooled(), "gradcam", target=function)
        for function in (lambda output: output[:, 1:2], lambda output: output[:, 1])
    )
    np.testing.assert_array_equal(kept.raw_heatmap, flat.raw_heatmap)


def test_finercams_rivals_are_the_classes_of_the_nearest_scores() -> None:
    logits = np.array([9.0, 8.0, 6.0, 20.0, -50.0])
    network = pooled(5, "sigmoid", kernel_initializer="zeros")
    network.get_layer("dense").bias.assign(logits)
    explanation = explain(network, "finercam", target=0, rivals=2)
    # By log p, class 3 (20.0) would be as near as class 1: both probabilities round to 1.
    assert [rival.class_id for rival in explanation.target.rivals] == [1, 2]  # type: ignore[union-attr]


def test_the_ranks_of_a_saturated_softmax_are_those_of_its_logits() -> None:
    logits = np.array([0.0, 300.0, 20.0, 40.0, 10.0])  # in float32, all but one probability are 0
    network = pooled(5, kernel_initializer="zeros")
    network.get_layer("dense").bias.assign(logits)
    explanation = explain(network, "gradcam")
    assert [each.class_id for each in explanation.top] == [1, 3, 2, 4, 0]
    assert explain(network, "gradcam", target="#3").target.class_id == 2  # type: ignore[union-attr]


def fixed_places(network: Any, seen: Array, class_id: int) -> tuple[Array, Any]:
    """Return the places that a picture gives a class, and y of any outputs: the class's logits summed over them."""
    places = np.asarray(network(seen[None].astype(np.float32)))[0].argmax(axis=-1) == class_id
    assert 0 < places.mean() < 1

    def score(outputs: Any) -> Array:
        return np.asarray((np.asarray(outputs, np.float64)[..., class_id] * places).sum(axis=(1, 2)))

    return places, score


def segmenting() -> tuple[Any, Any, Array]:
    """Return a segmentation network of logits, its layers after `features`, and a picture in [0, 1]."""
    network = segmentation_network(activation=None)
    inputs = keras.Input(network.get_layer("features").output.shape[1:])
    tail = keras.Model(inputs, network.get_layer("masks")(network.get_layer("up")(inputs)))
    return network, tail, picture(16, 16, seed=9)[..., ::-1] / 255.0


@pytest.mark.parametrize("class_id", [0, 1])
def test_the_places_of_a_segmentation_target_stay_where_they_are_along_the_path(class_id: int) -> None:
    network, _, seen = segmenting()
    _, score = fixed_places(network, seen, class_id)
    own, black = score(network(np.stack([seen, np.zeros_like(seen)]).astype(np.float32)))
    image = picture(16, 16, seed=9)
    found = explain(network, "integrated-gradients", image, target=class_id, task="classes")
    assert found.raw_heatmap.sum() == pytest.approx(own - black, abs=0.01 * abs(own - black))


@pytest.mark.parametrize("class_id", [0, 1])
def test_the_places_of_a_segmentation_target_stay_where_they_are_without_a_channel(class_id: int) -> None:
    network, tail, seen = segmenting()
    _, score = fixed_places(network, seen, class_id)
    features = np.asarray(network.get_layer("features")(seen[None].astype(np.float32)), np.float64)
    expected = oracles.relu(
        oracles.ablationcam(features[0], lambda batch: score(tail(batch.astype(np.float32))))
    )
    found = explain(network, "ablationcam", picture(16, 16, seed=9), target=class_id, task="classes")
    np.testing.assert_allclose(found.raw_heatmap, expected, atol=1e-4 * expected.max())
    assert found.has_evidence


def test_a_sum_that_cancels_before_a_layer_normalisation_is_no_evidence() -> None:
    """Σ_k A^k ∂y/∂A^k is 0 at each place, by Euler's theorem, for a score that does not depend on the scale of A."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(64, 3, activation="gelu", name="features")(inputs)
    x = keras.layers.LayerNormalization(epsilon=1e-12)(x)
    x = keras.layers.Conv2D(6, 3, activation="tanh")(x)
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))
    for seed in range(3):
        assert not explain(network, "hirescam", picture(16, 16, seed=seed), task="classes").has_evidence
    assert explain(network, "layercam", task="classes").has_evidence


@pytest.mark.parametrize("method", ["scorecam", "ablationcam"])
def test_scores_that_are_rounded_away_are_no_evidence(method: str) -> None:
    """A float32 near 10⁷ is a whole number: what a channel adds to it is lost."""
    network = pooled(activation=None)
    assert explain(network, method, target=1, task="classes").has_evidence
    network.get_layer("dense").bias.assign([1e7, 1e7, 1e7, 1e7])
    assert not explain(network, method, target=1, task="classes").has_evidence
    # A contrast of two such scores is rounded as they are.
    assert not explain(network, method, target="0 - 1", task="classes", labels=list("0123")).has_evidence


def test_gradients_that_float16_rounds_to_its_smallest_number_are_no_evidence() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        strong, faint = (
            pooled(2, None, kernel_initializer=keras.initializers.Constant(weight)) for weight in (1e-2, 1e-5)
        )
    finally:
        keras.config.set_dtype_policy("float32")
    assert explain(strong, "gradcam", target=0, task="classes").has_evidence
    assert not explain(faint, "gradcam", target=0, task="classes").has_evidence  # 1e-5 / 256 is below 2⁻²⁴
