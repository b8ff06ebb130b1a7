"""AttnLRP equals its rules, written down for relevance itself, number by number, in float64."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import picture
from oracles import Array, assert_same_map
from peer_maps import as_pixels

import live_gradcam as lg
from live_gradcam.explain.methods.pixels import CONVOLUTION_GAMMA, DENSE_GAMMA
from live_gradcam.explain.relevance import relevance


def by_share(given: Array, shares: Array, bias: Array | float, gamma: float) -> Array:
    """The γ-rule: relevances (M,) of sums to those of the numbers (I,) whose shares (I, M) they are."""
    found = np.zeros(len(shares))
    for j, whole in enumerate(shares.sum(axis=0) + bias):
        offset = np.broadcast_to(bias, given.shape)[j]
        part = np.maximum if whole > 0 else np.minimum
        below = offset + gamma * part(offset, 0) + sum(p + gamma * part(p, 0) for p in shares[:, j])
        for i, p in enumerate(shares[:, j]):
            found[i] += (p + gamma * part(p, 0)) / below * given[j]
    return found


def dense(given: Array, values: Array, kernel: Array, bias: Array) -> Array:
    """The same for each row of a layer from (T, I) to (T, M)."""
    rows = zip(given, values, strict=True)
    return np.array([by_share(each, row[:, None] * kernel, bias, DENSE_GAMMA) for each, row in rows])


def product(given: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """The uniform rule: relevances (A, B) of one (A, K) @ other (K, B) to half of them for each."""
    to_one, to_other = np.zeros_like(one), np.zeros_like(other)
    for a, b in np.ndindex(*given.shape):
        parts = one[a] * other[:, b]
        to_one[a] += given[a, b] / 2 * parts / parts.sum()
        to_other[:, b] += given[a, b] / 2 * parts / parts.sum()
    return to_one, to_other


def normalised(given: Array, values: Array, gain: Array, offset: Array) -> Array:
    """The identity rule: the deviation is a constant, the mean is a sum like any other. Rows (T, K)."""
    found = np.zeros_like(values)
    count = values.shape[1]
    for t, row in enumerate(values):
        deviation = math.sqrt(((row - row.mean()) ** 2).mean() + 1e-3)
        results = (row - row.mean()) / deviation * gain + offset
        for i, j in np.ndindex(count, count):
            share = row[i] * ((i == j) - 1 / count) / deviation * gain[j]
            found[t, i] += share / results[j] * given[t, j]
    return found


class Relevances:
    """The relevance of everything in `networks.token_network`, from the logit back."""

    def __init__(self, network: Any, extra: int, blocks: int, *, class_token: bool) -> None:
        self.network, self.extra, self.class_token, self.blocks = network, extra, class_token, blocks

    def weights(self, name: str) -> list[Array]:
        return [np.asarray(each, np.float64) for each in self.network.get_layer(name).get_weights()]

    def outputs(self, name: str, image: Any) -> Array:
        model = keras.Model(self.network.input, self.network.get_layer(name).output)
        return np.asarray(model(as_pixels(image))[0], np.float64)

    def of_pixels(self, image: Any, target: int) -> Array:
        tokens = [self.outputs("tokens", image)]
        tokens += [self.outputs(f"block{number}_add2", image) for number in range(self.blocks)]
        kernel, bias = self.weights("head")
        last = self.outputs("norm", image)
        counted = [0] if self.class_token else range(self.extra, len(last))
        pooled = np.array([last[place] for place in counted]).mean(axis=0)
        logit = pooled @ kernel[:, target] + bias[target]
        given = by_share(np.array([logit]), (pooled * kernel[:, target])[:, None], bias[target], DENSE_GAMMA)
        of_last = np.zeros_like(last)
        for place in counted:
            of_last[place] = given * last[place] / len(counted) / pooled
        found = normalised(of_last, tokens[-1], *self.weights("norm"))
        for number in reversed(range(self.blocks)):
            found = self.block(found, tokens[number], f"block{number}", image)
        return self.patches(found, tokens[0], image)

    def block(self, given: Array, tokens: Array, name: str, image: Any) -> Array:
        between, after = (self.outputs(f"{name}_{each}", image) for each in ("add1", "add2"))
        up, down = self.weights(f"{name}_mlp1"), self.weights(f"{name}_mlp2")
        normed = self.outputs(f"{name}_norm2", image)
        hidden = self.outputs(f"{name}_mlp1", image)
        branch = dense(given * (after - between) / after, hidden, *down)  # through GELU as it is
        branch = dense(branch, normed, *up)
        given = given * between / after + normalised(branch, between, *self.weights(f"{name}_norm2"))
        branch = self.attention(given * (between - tokens) / between, name, image)
        return given * tokens / between + normalised(branch, tokens, *self.weights(f"{name}_norm1"))

    def attention(self, given: Array, name: str, image: Any) -> Array:
        normed = self.outputs(f"{name}_norm1", image)
        query, query_bias, key, key_bias, value, value_bias, out, out_bias = self.weights(f"{name}_attention")
        heads, width = query_bias.shape
        queries, keys, values = (
            np.einsum("td,dhk->htk", normed, kernel) + bias[:, None]
            for kernel, bias in ((query, query_bias), (key, key_bias), (value, value_bias))
        )
        scores = np.einsum("htk,hsk->hts", queries, keys) / math.sqrt(width)
        attention = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention /= attention.sum(axis=-1, keepdims=True)
        mixed = np.concatenate(list(attention @ values), axis=1)
        of_mixed = dense(given, mixed, out.reshape(heads * width, -1), out_bias)
        found = np.zeros_like(normed)
        for head in range(heads):
            part = of_mixed[:, head * width : (head + 1) * width]
            of_attention, of_values = product(part, attention[head], values[head])
            totals = of_attention.sum(axis=1, keepdims=True)
            of_scores = scores[head] * (of_attention - attention[head] * totals)
            of_queries, of_keys = product(of_scores, queries[head], keys[head].T)
            for each, kernel, bias in (
                (of_queries, query, query_bias),
                (of_keys.T, key, key_bias),
                (of_values, value, value_bias),
            ):
                found += dense(each, normed, kernel[:, head], bias[head])
        return found

    def patches(self, given: Array, tokens: Array, image: Any) -> Array:
        """From the tokens, which are patches with a position added, to the pixels."""
        kernel, bias = self.weights("patches")
        patches = self.outputs("patches", image)
        side, (rows, columns, width) = kernel.shape[0], patches.shape
        flat = patches.reshape(-1, width)
        given = given[self.extra :] * flat / tokens[self.extra :]
        pixels = as_pixels(image)[0].astype(np.float64)
        found = np.zeros(pixels.shape[:2])
        for number, (row, column) in enumerate(np.ndindex(rows, columns)):
            part = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
            shares = pixels[part].reshape(-1, 1) * kernel.reshape(-1, width)
            found[part] = (
                by_share(given[number], shares, bias, CONVOLUTION_GAMMA).reshape(side, side, 3).sum(-1)
            )
        return found


@pytest.mark.parametrize(("class_token", "registers", "blocks"), [(True, 1, 2), (False, 0, 1)])
def test_attnlrp_equals_its_rules(class_token: bool, registers: int, blocks: int) -> None:
    network = networks.token_network(class_token, registers, grid=(3, 3), blocks=blocks)
    random = np.random.default_rng(3)
    for layer in network.layers:  # biases are no longer 0, and norms no longer plain
        layer.set_weights([each + random.normal(0, 0.1, each.shape) for each in layer.get_weights()])
    image = picture(12, 12, 5)
    expected = Relevances(network, int(class_token) + registers, blocks, class_token=class_token)
    model = lg.load_model(network, preprocess="unit")
    found = lg.Explainer(model, "attnlrp", target=2, fit="stretch").explain(image)
    assert found.has_evidence
    assert_same_map(found.raw_heatmap, expected.of_pixels(image, 2))


class Own(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A layer of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def attnlrp(network: Any, image: Any, **options: Any) -> Any:
    model = lg.load_model(network, preprocess=options.pop("preprocess", "unit"))
    return lg.Explainer(model, "attnlrp", target=1, fit="stretch", **options).explain(image)


def logit(network: Any, image: Any) -> float:
    return float(np.asarray(network(as_pixels(image)))[0, 1])


def without_biases(middle: Any, *, seed: int = 2) -> Any:
    """Convolution, `middle`, convolution, pooling and 4 logits, of which no layer adds anything."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(6, 3, use_bias=False, kernel_initializer="random_normal")(image)
    x = middle(x)
    x = layers.MaxPooling2D()(layers.Conv2D(5, 3, activation="relu", use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, use_bias=False, kernel_initializer="random_normal")(x))


def gated(x: Any) -> Any:
    """Squeeze and excitation: each channel times a number that all places decide."""
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = keras.layers.Conv2D(x.shape[-1], 1, activation="sigmoid", use_bias=False)(gate)
    return keras.layers.Multiply()([x, gate])


def tanh_gelu(x: Any) -> Any:
    """GELU by its approximation, as a network's author would write it."""
    return 0.5 * x * (1 + tf.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


MIDDLES = {
    **{
        name: keras.layers.Activation(name) for name in ("elu", "gelu", "leaky_relu", "mish", "relu6", "silu")
    },
    "hard swish": keras.layers.Activation("hard_silu"),
    "own gelu": Own(tanh_gelu),
    "own swish": Own(lambda x: x / (1 + tf.exp(-x))),
    "gate": gated,
    "normalisation": keras.layers.LayerNormalization(center=False, epsilon=0.0),
    "length": keras.layers.UnitNormalization(),
    "own length": Own(lambda x: x * (1 / tf.sqrt(tf.reduce_sum(x**2, axis=-1, keepdims=True)))),
    "reciprocal": Own(lambda x: 1 / tf.exp(x)),
    **{
        name: Own(getattr(tf.math, name))
        for name in ("asinh", "atan", "cos", "sin", "sinh", "erfinv", "floor")
    },
    "hard sigmoid": keras.layers.Activation("hard_sigmoid"),
    "squareplus": Own(keras.activations.squareplus),
    "own sigmoid": Own(lambda x: 1 / (1 + tf.exp(-x))),
    "own elu": Own(lambda x: tf.where(x > 0, x, tf.exp(x) - 1)),
    "highway": Own(lambda x: x[..., :3] * (1 - tf.sigmoid(x[..., 3:]))),
    "safe quotient": Own(lambda x: tf.math.divide_no_nan(x, 1 + tf.abs(tf.reverse(x, [1])))),
    "variance": Own(lambda x: tf.nn.moments(x, -1, keepdims=True)[1]),
    "local response": Own(tf.nn.local_response_normalization),
    "depthwise": keras.layers.DepthwiseConv2D(3, use_bias=False),
    "weights first": Own(
        lambda x: tf.transpose(tf.matmul(tf.ones((4, 6)), x, transpose_b=True), (0, 1, 3, 2))
    ),
    "residual": lambda x: keras.layers.Add()([x, keras.layers.Dense(6, "gelu", use_bias=False)(x)]),
}


@pytest.mark.parametrize("name", MIDDLES)
def test_where_nothing_is_added_relevance_adds_up_to_the_score(name: str) -> None:
    network = without_biases(MIDDLES[name])
    image = picture(12, 12, 7)
    found = attnlrp(network, image, score="logit")
    assert abs(logit(network, image)) > 1e-6
    assert found.raw_heatmap.sum() == pytest.approx(logit(network, image), rel=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_numbers_near_0_have_finite_relevance_in_half_precision(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:  # the sigmoid of a number below 1e-5, divided by that number, exceeds float16
        scaled = keras.layers.Rescaling(1e-4)
        network = without_biases(lambda x: keras.layers.Activation("sigmoid")(scaled(x)))
    finally:
        keras.config.set_dtype_policy("float32")
    image = picture(12, 12, 7)
    found = attnlrp(network, image, score="logit")
    assert found.has_evidence
    assert found.raw_heatmap.sum() == pytest.approx(logit(network, image), rel=0.02)


def test_pixels_have_the_same_relevance_wherever_they_are_scaled() -> None:
    image = picture(12, 12, 7)
    outside = without_biases(keras.layers.Activation("gelu"))
    pixels = keras.Input((12, 12, 3))
    inside = keras.Model(pixels, outside(keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)))
    expected = attnlrp(outside, image, preprocess="tf").raw_heatmap
    assert_same_map(attnlrp(inside, image, preprocess="none").raw_heatmap, expected)


def softmax_by_hand(x: Any) -> Any:
    powers = tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def softmax_over_places_by_hand(x: Any) -> Any:
    powers = tf.exp(20 * x - tf.reduce_max(20 * x, axis=(1, 2), keepdims=True))
    return x * (powers / tf.reduce_sum(powers, axis=(1, 2), keepdims=True))


def softmax_over_places(x: Any) -> Any:
    flat = tf.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
    return x * tf.reshape(tf.nn.softmax(20 * flat, axis=1), tf.shape(x))


def fused_normalisation(x: Any) -> Any:
    """As Keras 2 normalises the channels of each place: the batch norm of one picture of that many channels."""
    count = x.shape[1] * x.shape[2]
    flat = tf.reshape(x, (1, count, x.shape[-1], 1))
    found, _, _ = tf.compat.v1.nn.fused_batch_norm(
        flat, tf.fill((count,), 1.0), tf.fill((count,), 0.1), epsilon=1e-3, data_format="NCHW"
    )
    return tf.reshape(found, (1, *x.shape[1:]))


def usual_normalisation(x: Any) -> Any:
    mean, variance = tf.nn.moments(x, axes=-1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, 0.1, 1.0, 1e-3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (softmax_by_hand, tf.nn.softmax),
        (softmax_over_places_by_hand, softmax_over_places),
        (fused_normalisation, usual_normalisation),
    ],
)
def test_an_operation_has_one_rule_however_it_is_written(one: Any, other: Any) -> None:
    image = picture(12, 12, 7)
    first, second = (attnlrp(without_biases(Own(each)), image) for each in (one, other))
    assert_same_map(first.raw_heatmap, second.raw_heatmap)


def test_a_savedmodel_has_the_map_of_its_network(tmp_path: Path) -> None:
    network, image = without_biases(keras.layers.Activation("gelu")), picture(12, 12, 7)
    network.export(tmp_path / "saved", verbose=False)
    assert_same_map(attnlrp(tmp_path / "saved", image).raw_heatmap, attnlrp(network, image).raw_heatmap)


def test_a_network_with_a_loop_is_refused_in_one_line() -> None:
    network = without_biases(Own(lambda x: tf.map_fn(lambda each: 2 * each, x)))
    with pytest.raises(
        lg.LiveGradcamError, match=r"attnlrp needs a rule .* hides some in a .*While.* saliency\.$"
    ):
        attnlrp(network, picture(12, 12, 7))


def test_a_score_that_does_not_depend_on_the_pixels_has_no_relevance() -> None:
    @tf.function  # type: ignore[untyped-decorator] # TensorFlow ships no types
    def found(pixels: Any) -> Any:
        return relevance(tf.constant([2.0]), tf.identity(pixels), "none", convolution=0.25, dense=0.05)

    np.testing.assert_array_equal(found(tf.ones((1, 2, 2, 3))), np.zeros((1, 2, 2, 3)))
