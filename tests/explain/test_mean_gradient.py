"""The mean of the gradient that is taken without the gradient: the same number, and only where that is so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from networks import picture

import live_gradcam as lg
from live_gradcam.explain.mean_gradient import mean_gradient
from live_gradcam.explain.tensorflow_graph import TensorFlowGraph

layers = keras.layers
Network = Any


def network(
    *between: Any,
    units: tuple[int, ...] = (6, 4),
    side: int = 9,
    channels: int = 5,
    dense: Any = layers.Dense,
) -> Network:
    """A convolution, what lies between, and dense layers, with seeded weights."""
    keras.utils.set_random_seed(1)
    image = keras.Input((side, side, 3))
    x = layers.Conv2D(channels, 3, padding="same", activation="relu", name="features")(image)
    for layer in between:
        x = layer(x)
    for count in units[:-1]:
        x = dense(count, activation="relu", bias_initializer="normal")(x)
    return keras.Model(image, layers.Dense(units[-1], activation="softmax", name="scores")(x))


def both(model: Network, seed: int = 0) -> tuple[Any, npt.NDArray[Any]]:
    """Return the mean gradient taken without the gradient, if it is, and the mean of TensorFlow's own gradient."""
    taken: list[bool] = []

    def means(pixels: Any) -> Any:
        features = model.get_layer("features")(pixels)
        rest = keras.Model(model.get_layer("features").output, model.output)
        scores = rest(features).op.inputs[0]  # of the softmax
        row = tf.tile(tf.constant([[1.0, -0.5, 0.0, 0.25]]), (tf.shape(pixels)[0], 1))
        found = mean_gradient(scores, features, lambda z: tf.gradients(scores, [z], grad_ys=row)[0])
        taken.append(found is not None)
        (gradient,) = tf.gradients(scores, [features], grad_ys=row)
        expected = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return (expected if found is None else found), expected

    side = model.input_shape[1]
    pixels = np.random.default_rng(seed).random((3, side, side, 3)).astype(np.float32)
    found, expected = (each.numpy() for each in tf.function(means, autograph=False)(tf.constant(pixels)))
    assert np.abs(expected).max() > 0, "nothing would be compared"
    return (found if taken[-1] else None), expected


@pytest.mark.parametrize(
    "between",
    [
        (layers.Flatten(),),
        (layers.MaxPooling2D(2), layers.Flatten()),
        (layers.MaxPooling2D(3, strides=2, padding="same"), layers.Flatten()),
        (layers.AveragePooling2D(2), layers.Flatten()),
        (layers.AveragePooling2D(3, strides=2, padding="same"), layers.Flatten()),
        (layers.MaxPooling2D(2), layers.AveragePooling2D(2), layers.Flatten(), layers.Dropout(0.5)),
        (layers.MaxPooling2D(2), layers.Reshape((80,))),
    ],
)
def test_behind_pooling_and_flattening_it_is_the_gradients_mean(between: tuple[Any, ...]) -> None:
    found, expected = both(network(*between))
    assert found is not None
    assert found.shape == (3, 1, 1, 5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_one_dense_layer_is_enough() -> None:
    found, expected = both(network(layers.Flatten(), units=(4,)))
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def skip_connected() -> Network:
    keras.utils.set_random_seed(1)
    image = keras.Input((9, 9, 3))
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="features")(image)
    flat = layers.Dense(6)(layers.Flatten()(x))
    pooled = layers.Dense(6)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Add()([flat, pooled])))


@pytest.mark.long
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: network(layers.GlobalAveragePooling2D()), id="averaged over all places"),
        pytest.param(lambda: network(layers.ReLU(), layers.Flatten()), id="bent before"),
        pytest.param(lambda: network(layers.Conv2D(5, 3), layers.Flatten()), id="convolved"),
        pytest.param(lambda: network(layers.Permute((3, 1, 2)), layers.Flatten()), id="turned"),
        pytest.param(lambda: network(layers.BatchNormalization(), layers.Flatten()), id="scaled"),
        pytest.param(lambda: network(layers.Reshape((9, 45)), layers.Flatten()), id="flattened in two steps"),
        pytest.param(
            lambda: network(
                layers.Flatten(), layers.Lambda(tf.transpose, name="t"), layers.Lambda(tf.transpose)
            ),
            id="turned when flat",
        ),
        pytest.param(skip_connected, id="two ways"),
    ],
)
def test_anything_else_is_left_to_the_gradient(build: Callable[[], Network]) -> None:
    found, _ = both(build())
    assert found is None


@pytest.mark.parametrize("method", ["gradcam", "finercam"])
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.long
def test_the_map_is_that_of_the_gradient(method: str, score: Any) -> None:
    kept = network(layers.MaxPooling2D(2), layers.Flatten())
    # The same function, where something that does nothing stands in the way.
    plain = network(layers.MaxPooling2D(2), layers.Rescaling(1.0), layers.Flatten())
    plain.set_weights(kept.get_weights())
    images = [picture(9, 9, seed=seed) for seed in range(3)]
    short, long = (
        lg.Explainer(lg.load_model(each, labels=["a", "b", "c", "d"], preprocess="unit"), method, score=score)
        for each in (kept, plain)
    )
    for target in (None, "b", "a - b", "c -"):
        short.target = long.target = target
        for one, other in zip(short.explain_batch(images), long.explain_batch(images), strict=True):
            peak = np.abs(other.raw_heatmap).max()
            assert peak > 0 or not one.has_evidence
            np.testing.assert_allclose(
                one.raw_heatmap, other.raw_heatmap, rtol=0, atol=1e-5 * max(peak, 1e-12)
            )
            assert (one.top, one.target, one.has_evidence) == (other.top, other.target, other.has_evidence)


@pytest.mark.geometry
def test_vgg16_reads_its_largest_weights_once() -> None:
    from live_gradcam.models.zoo import with_random_weights

    explainer = lg.Explainer(with_random_weights("vgg16", 0))
    (made,) = explainer._engine.graphs.values()
    assert isinstance(made, TensorFlowGraph)
    largest = max(made.function.graph.variables, key=lambda variable: variable.shape.num_elements())
    assert largest.shape == (25088, 4096)
    products = [
        operation
        for operation in made.function.graph.get_operations()
        if operation.type == "MatMul" and (25088, 4096) in [tuple(each.shape) for each in operation.inputs]
    ]
    assert len(products) == 1
