"""Which tokens are explained if no layer is named: features of places, not scores, heads or learned tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import live_gradcam as lg

PICTURE = np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8)


def tokens_of(image: Any) -> Any:
    """16 tokens, the places of a feature map."""
    return layers.Reshape((16, 6))(layers.Conv2D(6, 4, strides=4)(image))


def explained(network: Any, **settings: Any) -> lg.Explanation:
    model = lg.load_model(network, preprocess="unit", task="classes")
    return lg.Explainer(model, **settings).explain(PICTURE)


def pooled_by_attention() -> Any:
    """As compact convolutional transformers do it: one score for each token."""
    image = keras.Input((16, 16, 3))
    tokens = layers.LayerNormalization(name="features")(tokens_of(image))
    weights = ops.softmax(layers.Dense(1, name="scores")(tokens), axis=1)
    pooled = ops.squeeze(ops.matmul(ops.transpose(weights, (0, 2, 1)), tokens), 1)
    return keras.Model(image, layers.Dense(3)(pooled))


def test_the_scores_by_which_tokens_are_pooled_are_no_features() -> None:
    explanation = explained(pooled_by_attention())
    assert explanation.layer == "features"
    assert explanation.raw_heatmap.max() > 1e-4


def test_heads_of_attention_are_no_columns_of_a_map() -> None:
    """The rows of a picture are a sequence without places; queries, keys and values of it have four axes."""
    image = keras.Input((16, 16, 3))
    rows = layers.Reshape((16, 48))(image)
    attended = layers.Add()([rows, layers.MultiHeadAttention(2, 4)(rows, rows)])
    network = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(attended)))
    with pytest.raises(lg.LayerError, match="Methods that map the pixels need none"):
        explained(network)
    assert explained(network, method="saliency").layer == "input"


def split_by_keras(of: Any, attention: Any) -> Any:
    """Queries, keys and values, (N, 17, 6) each, as parts of one layer's channels."""
    return of.split(attention, 3, axis=-1)


def split_by_shape(of: Any, attention: Any) -> Any:
    """The same, by an axis of their own."""
    parts = of.reshape(attention, (-1, 17, 3, 6))
    return [parts[:, :, part] for part in range(3)]


@pytest.mark.parametrize("split", [split_by_keras, split_by_shape])
@pytest.mark.parametrize("saved", [False, True])
def test_queries_keys_and_values_of_one_layer_are_no_tokens(split: Any, saved: bool, tmp_path: Path) -> None:
    """Only the class token is read, so the last tokens that count are those of the norm before the attention."""
    image = keras.Input((16, 16, 3))
    tokens = tokens_of(image)
    tokens = layers.Concatenate(axis=1)([ops.mean(tokens, axis=1, keepdims=True), tokens])
    normed = layers.LayerNormalization(name="norm")(tokens)
    queries, keys, values = split(ops, layers.Dense(18, name="qkv")(normed))
    weights = ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 2, 1))))
    tokens = layers.Add()([tokens, layers.Dense(6)(ops.matmul(weights, values))])
    network = keras.Model(image, layers.Dense(3)(tokens[:, 0]))
    expected = explained(network)
    assert expected.layer == "norm"
    assert expected.raw_heatmap.shape == (4, 4)
    if saved:
        network.export(tmp_path / "saved", verbose=False)
        found = explained(tmp_path / "saved")
        assert "norm" in found.layer
        peak = expected.raw_heatmap.max()
        np.testing.assert_allclose(found.raw_heatmap, expected.raw_heatmap, atol=1e-5 * peak)


def test_tokens_of_a_saved_model_need_no_declared_number(tmp_path: Path) -> None:
    """A dense layer of Keras 2 computes the lengths of its axes while it runs, so the file declares none."""
    tf_keras = pytest.importorskip("tf_keras", reason="Keras 2 writes the SavedModels that people have")
    theirs = tf_keras.layers
    image = theirs.Input((16, 16, 3))
    tokens = theirs.Reshape((16, 6))(theirs.Conv2D(6, 4, strides=4)(image))
    tokens = theirs.Add()([tokens, theirs.Dense(6)(tokens)])
    pooled = theirs.GlobalAveragePooling1D()(theirs.Dense(5, name="last")(tokens))
    network = tf_keras.Model(image, theirs.Dense(3)(pooled))
    network.save(tmp_path / "saved")
    network.save(tmp_path / "saved.keras")
    from_graph, from_layers = explained(tmp_path / "saved"), explained(tmp_path / "saved.keras")
    assert (from_graph.layer, from_layers.layer) == ("last", "last")
    peak = from_layers.raw_heatmap.max()
    np.testing.assert_allclose(from_graph.raw_heatmap, from_layers.raw_heatmap, atol=1e-5 * peak)
