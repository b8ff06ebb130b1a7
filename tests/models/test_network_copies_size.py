"""The same network for pictures of another size, where its layers allow it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from networks import flattened_network, nested_network, pooled_network, token_network

import live_gradcam as lg
from live_gradcam.models import zoo
from live_gradcam.models.efficientnet_lite import architecture

layers = keras.layers


@pytest.mark.geometry
@pytest.mark.parametrize(
    ("builder", "options"),
    [
        ("MobileNetV2", {"alpha": 0.35, "classifier_activation": None}),
        ("EfficientNetB0", {}),
        ("ResNet50V2", {"classes": 9}),
    ],
)
@pytest.mark.long
def test_a_network_of_keras_is_remade_wide_with_its_weights_and_options(
    builder: str, options: dict[str, Any]
) -> None:
    keras.utils.set_random_seed(1)
    build = getattr(keras.applications, builder)
    network = build(weights=None, **options)
    wide = lg.load_model(network, preprocess="none").network_at(224, 384)
    own = build(weights=None, input_shape=(224, 384, 3), **options)
    own.set_weights(network.get_weights())
    x = np.random.default_rng(0).random((1, 224, 384, 3)).astype(np.float32) * 255
    np.testing.assert_allclose(np.asarray(wide(x)), np.asarray(own(x)), rtol=1e-5, atol=1e-7)
    assert network.input_shape == (None, 224, 224, 3)


def test_a_network_that_takes_any_size_is_its_own() -> None:
    network = pooled_network(size=None)
    assert lg.load_model(network, preprocess="unit").network_at(48, 80) is network


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_a_base_inside_a_users_network_is_remade_with_it(kind: str) -> None:
    base = nested_network(2)
    row = [
        keras.Input((16, 16, 3)),
        layers.Rescaling(1 / 255),
        base.layers[1],
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]
    network = keras.Sequential(row) if kind == "sequential" else base
    model = lg.load_model(network, preprocess="none")
    wide = model.network_at(16, 32)
    x = np.random.default_rng(0).random((1, 16, 32, 3)).astype(np.float32)
    by_name = {layer.name: layer for layer in network._flatten_layers()}
    features = by_name["features"](by_name["early"](x / 255 if kind == "sequential" else x))
    expected = network.layers[-1](np.asarray(features).mean((1, 2)))
    np.testing.assert_allclose(np.asarray(wide(x)), np.asarray(expected), rtol=1e-5)
    for theirs, ours in zip(network.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, ours)
    assert [each.name for each in wide.layers[1:]] == [each.name for each in network.layers[1:]]


def test_a_network_made_for_one_size_says_so() -> None:
    for network in (flattened_network(), token_network(True, 1)):
        height = network.input_shape[1]
        model = lg.load_model(network, preprocess="unit")
        message = f"takes pictures of {height}×{height} pixels only, not {height + 32}×{height}"
        with pytest.raises(lg.ModelError, match=message):
            model.network_at(height, height + 32)


def test_a_class_of_the_users_own_is_not_remade() -> None:
    class Odd(keras.Model):  # type: ignore[misc]  # Keras ships no types
        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * 2

    image = keras.Input((16, 16, 3))
    network = Odd(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(image))))
    model = lg.load_model(network, preprocess="unit")
    assert model.resize is None
    with pytest.raises(lg.ModelError, match="takes pictures of 16×16 pixels only"):
        model.network_at(16, 32)


def test_the_zoos_default_takes_any_size() -> None:
    model = zoo.as_entry(zoo.CATALOGUE[0], architecture())
    assert model.network_at(224, 384) is model.network


@pytest.mark.long
def test_a_network_of_the_zoo_with_random_weights_is_remade_wide() -> None:
    model = zoo.with_random_weights("mobilenet", seed=0)
    assert model.network_at(224, 224) is model.network
    assert model.network_at(224, 384).input_shape == (None, 224, 384, 3)
