from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from networks import flattened_network, pooled_network

from live_gradcam.errors import ModelError
from live_gradcam.models.loading import load_model
from live_gradcam.models.pooled_features import features_network, pooled_part

layers = keras.layers


def _body(**pooling: Any) -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(5, 3, strides=2, activation="relu", name="features")(image)
    if pooling:
        x = layers.GlobalAveragePooling2D(**pooling)(x)
    return keras.Model(image, x, name="body")


def _squeezed() -> Any:
    """Pools once inside, to weight its channels, and once at the end."""
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(5, 3, name="before")(image)
    weight = layers.Dense(5, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Conv2D(7, 3, name="features")(layers.Multiply()([x, weight]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))


def _convolution_as_head() -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="features")(image)
    x = layers.Conv2D(3, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return keras.Model(image, layers.Softmax()(layers.Flatten()(x)))


def _sequential() -> Any:
    top = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255.0), _body(), *top])


def _pooling_in_the_body() -> Any:
    body = _body(keepdims=False)
    return keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255.0), body, layers.Dense(3)])


def _body_first() -> Any:
    return keras.Sequential(
        [keras.Input((16, 16, 3)), _body(keepdims=True), layers.Flatten(), layers.Dense(3)]
    )


def _two_outputs() -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="features")(image)
    named = layers.Dense(3, activation="softmax", name="named")(layers.GlobalAveragePooling2D()(x))
    other = layers.Dense(2, name="other")(layers.Flatten()(x))
    return keras.Model(image, [named, other])


NETWORKS: dict[str, Callable[[], Any]] = {
    "functional": pooled_network,
    "with squeeze and excitation": _squeezed,
    "with a convolution as its head": _convolution_as_head,
    "sequential": _sequential,
    "with the pooling inside an inner network": _pooling_in_the_body,
    "that begins with an inner network": _body_first,
}


def _marks(network: Any) -> list[tuple[str, int, int]]:
    """How many calls each layer has noted: a further call on a tensor of the graph would be noted, too."""
    return [
        (each.name, len(each._inbound_nodes), len(each._outbound_nodes)) for each in network._flatten_layers()
    ]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_features_are_the_means_of_the_last_feature_map_and_the_network_stays_as_it_is(kind: str) -> None:
    network = NETWORKS[kind]()
    before = _marks(network)
    picture = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    scores = np.asarray(network(picture))
    model = load_model(network, preprocess="unit")

    part = pooled_part(model)
    maps, features = part.maps(picture), part.features(picture)
    last = next(layer for layer in network._flatten_layers() if layer.name == "features")
    assert maps.shape[-1] == features.shape[-1] == last.filters
    np.testing.assert_allclose(features, np.asarray(maps).mean(axis=(1, 2)), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(part.features(picture), features)
    np.testing.assert_array_equal(features_network(model)(picture), features)
    assert _marks(network) == before
    np.testing.assert_array_equal(network(picture), scores)


def test_the_features_share_the_weights_of_the_network() -> None:
    network = pooled_network()
    features = features_network(load_model(network, preprocess="unit"))
    network.get_layer("features").set_weights([np.zeros((3, 3, 3, 6)), np.full(6, 0.5)])
    found = features(np.zeros((1, 16, 16, 3), np.float32))
    np.testing.assert_allclose(found, np.full((1, 6), np.tanh(0.5)), rtol=1e-6)


def test_of_several_outputs_the_chosen_one_counts() -> None:
    network = _two_outputs()
    assert features_network(load_model(network, preprocess="unit", output="named")).output.shape == (None, 5)
    with pytest.raises(ModelError, match="do not come from the output of a global average pooling"):
        features_network(load_model(network, preprocess="unit", output="other"))


def _skips_the_pooling() -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(5, 3)(image)
    both = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return keras.Model(image, layers.Dense(3)(both))


@pytest.mark.parametrize("make", [flattened_network, _skips_the_pooling])
def test_a_network_that_also_sees_something_else_is_refused(make: Callable[[], Any]) -> None:
    model = load_model(make(), preprocess="unit")
    with pytest.raises(ModelError, match="a dense layer: efficientnet-lite0 or resnet50"):
        features_network(model)


def test_a_network_of_the_users_own_class_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, picture: Any) -> Any:
            return picture

    model = load_model(Own(), preprocess="unit")
    with pytest.raises(ModelError, match="no graph of Keras layers"):
        features_network(model)
