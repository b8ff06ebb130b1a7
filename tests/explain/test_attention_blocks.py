"""LeGrad's gradients of the attention equal finite differences on a transformer written down in NumPy."""

from __future__ import annotations

import math
from typing import Any

import keras
import networks
import numpy as np
import oracles
import pytest
from networks import picture
from oracles import Array, assert_same_map
from peer_maps import as_pixels

import live_gradcam as lg

BLOCKS = 3
KINDS = [(True, 0), (True, 2), (False, 0), (False, 1)]
"""Whether there is a class token, and how many registers."""


class Transformer:
    """`networks.token_network` in float64: `blocks` by hand, from the tokens on."""

    def __init__(self, network: Any, extra: int, *, class_token: bool) -> None:
        self.network = network
        self.extra = extra
        self.class_token = class_token

    def weights(self, name: str) -> list[Array]:
        return [np.asarray(each, np.float64) for each in self.network.get_layer(name).get_weights()]

    def tokens(self, image: Any) -> Array:
        model = keras.Model(self.network.input, self.network.get_layer("tokens").output)
        return np.asarray(model(as_pixels(image))[0], np.float64)

    def normed(self, tokens: Array, name: str) -> Array:
        gain, offset = self.weights(name)
        centred = tokens - tokens.mean(axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-3) * gain + offset)

    def attention(self, tokens: Array, name: str) -> Array:
        """Return the probabilities (heads, T, T)."""
        query, query_bias, key, key_bias, *_ = self.weights(f"{name}_attention")
        normed = self.normed(tokens, f"{name}_norm1")
        queries = np.einsum("td,dhk->thk", normed, query) + query_bias
        keys = np.einsum("td,dhk->thk", normed, key) + key_bias
        scores = np.einsum("thk,shk->hts", queries, keys) / math.sqrt(query.shape[-1])
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))

    def block(self, tokens: Array, attention: Array, name: str) -> Array:
        """Return the tokens (N, T, K) after a block for given probabilities (N, heads, T, T)."""
        _, _, _, _, value, value_bias, out, out_bias = self.weights(f"{name}_attention")
        values = np.einsum("td,dhk->thk", self.normed(tokens, f"{name}_norm1"), value) + value_bias
        mixed = np.einsum("nhts,shk->nthk", attention, values)
        tokens = tokens + np.einsum("nthk,hkd->ntd", mixed, out) + out_bias
        up, up_bias = self.weights(f"{name}_mlp1")
        down, down_bias = self.weights(f"{name}_mlp2")
        hidden = self.normed(tokens, f"{name}_norm2") @ up + up_bias
        gelu = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
        return np.asarray(tokens + gelu @ down + down_bias)

    def head(self, tokens: Array, target: int) -> Array:
        """Return the logit (N,) of tokens (N, T, K)."""
        normed = self.normed(tokens, "norm")
        kernel, bias = self.weights("head")
        pooled = normed[:, 0] if self.class_token else normed[:, self.extra :].mean(axis=1)
        return np.asarray((pooled @ kernel + bias)[:, target])


def legrad(transformer: Transformer, tokens: Array, blocks: int, target: int) -> Array:
    """Bousselham et al. 2024, before the division, as a row of tokens on the grid."""
    total = np.zeros(len(tokens) - transformer.extra)
    for number in range(blocks):
        name, before = f"block{number}", tokens
        attention = transformer.attention(before, name)

        def score(batch: Array, name: str = name, before: Array = before) -> Array:
            return transformer.head(transformer.block(before, batch, name), target)

        slopes = oracles.finite_differences(score, attention)
        for head in slopes:
            for query in head:
                total += np.maximum(query[transformer.extra :], 0) / (len(slopes) * len(head) * blocks)
        tokens = transformer.block(before, attention[None], name)[0]
    return np.asarray(total - total.min())


def explained(network: Any, image: Any, target: int = 2, **options: Any) -> lg.Explanation:
    model = lg.load_model(network, preprocess="unit")
    return lg.Explainer(model, "legrad", target=target, fit="stretch", **options).explain(image)


@pytest.mark.parametrize("blocks", [pytest.param(1, marks=pytest.mark.geometry), BLOCKS])
@pytest.mark.parametrize(
    ("class_token", "registers"),
    [pytest.param(*kind, marks=() if kind == KINDS[-1] else pytest.mark.geometry) for kind in KINDS],
)
def test_legrad_equals_its_formula(class_token: bool, registers: int, blocks: int) -> None:
    network = networks.token_network(class_token, registers, grid=(3, 3), blocks=blocks)
    image = picture(12, 12, 5)
    transformer = Transformer(network, int(class_token) + registers, class_token=class_token)
    tokens = transformer.tokens(image)
    found = explained(network, image)
    assert found.has_evidence
    assert_same_map(found.raw_heatmap.reshape(-1), legrad(transformer, tokens, blocks, 2))


def test_the_transformer_in_numpy_says_what_keras_says() -> None:
    network = networks.token_network(True, 1, grid=(3, 3), blocks=BLOCKS, activation=None)
    image = picture(12, 12, 5)
    transformer = Transformer(network, 2, class_token=True)
    tokens = transformer.tokens(image)
    for number in range(BLOCKS):
        name = f"block{number}"
        tokens = transformer.block(tokens, transformer.attention(tokens, name)[None], name)[0]
    logits = [transformer.head(tokens[None], target)[0] for target in range(4)]
    np.testing.assert_allclose(logits, np.asarray(network(as_pixels(image)))[0], atol=1e-5)


@pytest.mark.geometry
def test_legrad_of_a_batch_is_that_of_each_picture() -> None:
    network = networks.token_network(True, 0, blocks=2)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), "legrad", target=1)
    images = [picture(seed=seed) for seed in (1, 2)]
    for image, together in zip(images, explainer.explain_batch(images), strict=True):
        np.testing.assert_array_equal(together.raw_heatmap, explainer.explain(image).raw_heatmap)


def test_a_network_without_attention_over_all_tokens_is_refused() -> None:
    with pytest.raises(lg.LiveGradcamError, match=r"legrad explains the attention .* such as gradcam"):
        explained(networks.pooled_network(), picture())


@pytest.mark.parametrize(
    ("layer", "side"), [("stage0_add2", 8), pytest.param("stage1_norm1", 4, marks=pytest.mark.geometry)]
)
def test_of_a_network_in_stages_the_attention_over_the_layer_s_tokens_counts(layer: str, side: int) -> None:
    found = explained(networks.swin_like_network(), picture(), layer=layer)
    assert found.has_evidence
    assert found.raw_heatmap.shape == (side, side)


def test_blocks_that_no_layer_ends_are_refused() -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 4, strides=4, name="patches")(image)
    x = networks.Tokens(1, name="tokens")(x)
    x = x + keras.layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = keras.layers.Dense(4, activation="softmax")(x[:, 0])
    with pytest.raises(lg.LiveGradcamError, match=r"for each of the 1 attentions of .*a layer after it"):
        explained(keras.Model(image, x, name="bare"), picture(), layer="tokens")


@pytest.mark.geometry
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_legrad_of_nothing_and_of_nan_has_no_evidence(value: float) -> None:
    network = networks.token_network(True, 0, blocks=2)
    head = network.get_layer("head")
    head.set_weights([np.full_like(each, value) for each in head.get_weights()])
    found = explained(network, picture(), layer="block1_norm1")
    assert not found.has_evidence
    assert not found.heatmap.any()


@pytest.mark.geometry
def test_legrad_goes_with_neither_several_layers_nor_augmentation() -> None:
    network = networks.token_network(True, 0, blocks=2)
    with pytest.raises(lg.LiveGradcamError, match="legrad does not go with several layers"):
        explained(network, picture(), layer="block0_add1,block0_add2")
    with pytest.raises(lg.LiveGradcamError, match="legrad does not go with augmentation smoothing"):
        explained(network, picture(), smooth="augment")
