"""Sequences whose steps are no places of the picture are not laid over it, although their number fits a grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import live_gradcam as lg
from live_gradcam.explain.lost_places import has_no_places

PICTURE = np.random.default_rng(3).integers(0, 256, (28, 28, 3), np.uint8)


def features(image: Any) -> Any:
    return layers.Conv2D(4, 3, padding="same", name="features")(image)


def rows(image: Any) -> Any:
    return layers.LSTM(5, return_sequences=True)(layers.Reshape((28, 28 * 4))(features(image)))


def rows_of_the_picture(image: Any) -> Any:
    return layers.Reshape((28, 28))(image)


def columns(image: Any) -> Any:
    """As networks that read text do it."""
    turned = layers.Permute((2, 1, 3))(layers.MaxPooling2D(2)(features(image)))
    return layers.Conv1D(6, 3, padding="same")(layers.Reshape((14, 14 * 4))(turned))


def means_of_columns(image: Any) -> Any:
    return layers.Dense(6)(keras.ops.mean(features(image), axis=1))


def one_row(image: Any) -> Any:
    """A map that is one place high, as the last one of a network that reads text."""
    return keras.ops.squeeze(layers.Conv2D(4, (28, 1))(features(image)), 1)


def steps_apart(image: Any) -> Any:
    flat = layers.TimeDistributed(layers.Flatten())(features(image))
    return layers.TimeDistributed(layers.Dense(7))(flat)


def pieces_of_a_vector(image: Any) -> Any:
    vector = layers.Dense(64)(layers.Flatten()(features(image)))
    attended = layers.Reshape((16, 4))(vector)
    return layers.MultiHeadAttention(2, 4)(attended, attended)


def places_of_a_map(image: Any) -> Any:
    """As compact transformers do it."""
    return layers.Dense(8, use_bias=False)(layers.Reshape((49, 4))(layers.MaxPooling2D(4)(features(image))))


def patches(image: Any) -> Any:
    cut = layers.Lambda(
        lambda picture: tf.image.extract_patches(picture, [1, 4, 4, 1], [1, 4, 4, 1], [1, 1, 1, 1], "VALID")
    )
    return layers.Dense(8)(layers.Reshape((49, 16))(cut(image)))


def patches_by_hand(image: Any) -> Any:
    cut = keras.ops.transpose(keras.ops.reshape(image, (-1, 7, 4, 7, 4, 1)), (0, 1, 3, 2, 4, 5))
    tokens = layers.Dense(8)(keras.ops.reshape(cut, (-1, 49, 16)))
    return tokens + layers.MultiHeadAttention(2, 4)(tokens, tokens)


def has_places(build: Callable[[Any], Any], *, batch: int | None) -> bool:
    image = keras.Input((28, 28, 1))
    network = keras.Model(image, build(image))
    traced = tf.function(network, [tf.TensorSpec((batch, 28, 28, 1))], autograph=False)
    graph = traced.get_concrete_function().graph
    assert graph.outputs[0].shape.rank == 3
    return not has_no_places(graph.outputs[0])


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize(
    "build",
    [rows, rows_of_the_picture, columns, means_of_columns, one_row, steps_apart, pieces_of_a_vector],
)
def test_steps_of_a_recurrent_network_are_no_places(build: Callable[[Any], Any], batch: int | None) -> None:
    assert not has_places(build, batch=batch)


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("build", [places_of_a_map, patches, patches_by_hand])
def test_places_of_a_map_and_patches_of_the_picture_are_places(
    build: Callable[[Any], Any], batch: int | None
) -> None:
    assert has_places(build, batch=batch)


def test_a_recurrent_network_is_explained_at_its_feature_map_or_on_a_grid_that_is_given() -> None:
    keras.utils.set_random_seed(4)
    image = keras.Input((28, 28, 1))
    steps = layers.Reshape((28, 28 * 4), name="rows")(features(image))
    network = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(steps)))
    model = lg.load_model(network, preprocess="unit")
    assert lg.Explainer(model, fit="stretch").layer == "features"
    with pytest.raises(lg.LayerError) as error:
        lg.Explainer(model, layer="rows", fit="stretch")
    assert str(error.value) == (
        "layer 'rows' gives 28 steps of a sequence, such as rows or columns of a feature map, and no tokens on a grid. "
        "Name a layer before it, or give the grid: --grid HEIGHTxWIDTH."
    )
    laid = lg.Explainer(model, layer="rows", fit="stretch", grid=(28, 1))
    assert laid.explain(PICTURE).heatmap.shape == (28, 1)
