"""Small networks of Keras 2, made by the package tf-keras, that between them use what the translation must know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

import live_gradcam as lg
from live_gradcam.models.keras_files import read_keras_file

L = tf_keras.layers
Network = Any
Array = npt.NDArray[Any]
SIZE = (16, 16, 3)


def randomised(network: Network, seed: int = 0) -> Network:
    """Give a network random weights that let signals through, statistics of batch norms included."""
    random = np.random.default_rng(seed)
    values = []
    for weight in network.weights:
        name, shape, value = weight.name, tuple(weight.shape), weight.numpy()
        if name.endswith(("gamma:0", "moving_variance:0")):
            value = random.uniform(0.7, 1.3, shape)
        elif name.endswith(("/variance:0", "/mean:0")):  # of pixels
            value = random.uniform(100, 150, shape) * (10 if name.endswith("/variance:0") else 1)
        elif value.ndim == 1 and value.dtype.kind == "f":
            value = random.normal(0, 0.1, shape)
        elif value.ndim > 1:
            fan = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            value = random.normal(0, 1.2 / np.sqrt(fan), shape)
        values.append(np.asarray(value, weight.dtype.as_numpy_dtype))
    network.set_weights(values)
    return network


def pictures(shape: tuple[int, ...], *, count: int = 2) -> Array:
    """Return random pixels in [0, 255]."""
    return np.random.default_rng(7).uniform(0, 255, (count, *shape)).astype(np.float32)


def read_back(network: Network, path: Path) -> Network:
    """Save a network of Keras 2 and read the file."""
    network.save(path)
    container = "zip" if path.suffix == ".keras" else "hdf5"
    return read_keras_file(path, container=container, allow_unsafe=False)  # type: ignore[arg-type]


def assert_same_predictions(old: Network, new: Network, inputs: Any, tolerance: float = 1e-5) -> None:
    """Compare predictions, relative to the largest of each output."""
    wanted = tf.nest.flatten(old(inputs, training=False))
    given = tf.nest.flatten(new(inputs, training=False))
    assert len(wanted) == len(given)
    for before, after in zip(wanted, given, strict=True):
        expected, got = np.asarray(before, np.float64), np.asarray(after, np.float64)
        assert expected.shape == got.shape
        assert np.isfinite(expected).all()
        assert np.ptp(expected) > 0
        np.testing.assert_allclose(got, expected, atol=tolerance * max(1.0, np.abs(expected).max()), rtol=0)


def _on(*layers: Any, size: tuple[int, ...] = SIZE) -> Network:
    return tf_keras.Sequential([tf_keras.Input(size), *layers])


def _ending(*layers: Any) -> Network:
    return _on(L.Rescaling(1 / 255), *layers, L.GlobalAveragePooling2D(), L.Dense(3, activation="softmax"))


def _function(function: Callable[[Any], Any], size: tuple[int, ...] = SIZE) -> Network:
    image = tf_keras.Input(size)
    x = L.Conv2D(4, 3, padding="same")(L.Rescaling(1 / 255)(image))
    x = function(x)
    return tf_keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(x)))


def small_base(name: str = "base", size: tuple[int | None, ...] = SIZE) -> Network:
    """Return a functional network with batch norms and a skip."""
    image = tf_keras.Input(size)
    x = L.Conv2D(6, 3, padding="same", use_bias=False, name="conv1/conv")(image)
    x = L.BatchNormalization(name="conv1/bn")(x)
    x = shortcut = L.ReLU(6.0, name="conv1_relu")(x)
    for block in range(2):
        x = L.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"block{block}/depthwise")(x)
        x = L.BatchNormalization(axis=-1, name=f"block{block}/bn")(x)
        x = L.Conv2D(6, 1, activation="swish", name=f"block{block}/project")(x)
    x = L.Add(name="sum")([x, shortcut])
    return tf_keras.Model(image, x, name=name)


def convolutions() -> Network:
    return _ending(
        L.ZeroPadding2D(((1, 0), (0, 1))),
        L.Conv2D(6, 3, strides=2, groups=3, dilation_rate=1, padding="same"),
        L.LeakyReLU(0.2),
        L.SeparableConv2D(8, 3, depth_multiplier=2, activation="relu"),
        L.BatchNormalization(axis=[3], scale=False),
        L.PReLU(shared_axes=[1, 2]),
        L.DepthwiseConv2D((3, 3), depth_multiplier=2, padding="same", activation="elu"),
        L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1, activation="hard_sigmoid"),
        L.ThresholdedReLU(0.1),
        L.Conv2D(6, 3, activation=tf.nn.relu6, kernel_regularizer="l2", kernel_constraint="max_norm"),
        L.ReLU(6.0, negative_slope=0.1, threshold=0.2),
        L.Cropping2D(1),
        L.UpSampling2D(2, interpolation="bilinear"),
        L.AveragePooling2D(2, padding="same"),
        L.SpatialDropout2D(0.3),
    )


def locally_connected() -> Network:
    return _ending(L.LocallyConnected2D(5, 3, strides=2, activation="relu"))


def transfer_frozen() -> Network:
    base = small_base()
    base.trainable = False
    return _on(
        L.Rescaling(1 / 127.5, offset=-1), base, L.GlobalAveragePooling2D(), L.Dropout(0.2), L.Dense(3)
    )


def transfer_partly_frozen() -> Network:
    base = small_base()
    for layer in base.layers[:5]:
        layer.trainable = False
    image = tf_keras.Input(SIZE)
    x = L.RandomFlip("horizontal")(image)
    x = L.RandomRotation(0.1)(x)
    x = tf_keras.applications.mobilenet_v2.preprocess_input(x)
    x = base(x, training=False)
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    return tf_keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(x)))


def nested_twice() -> Network:
    """One network called on two halves, and a layer called on what comes out."""
    image = tf_keras.Input(SIZE)
    shared, dense = small_base(size=(16, 8, 3)), L.Dense(4, activation="tanh")
    x = L.Rescaling(1 / 255)(image)
    left, right = shared(x[:, :, :8]), shared(x[:, :, 8:])
    together = L.Concatenate()([dense(left), dense(right), dense(left)])
    return tf_keras.Model(image, L.Dense(2)(L.GlobalMaxPooling2D()(together)))


def teachable() -> Network:
    """Sequential of two Sequentials, a functional network in the first."""
    features = tf_keras.Sequential([small_base(), L.GlobalAveragePooling2D()])
    head = tf_keras.Sequential([L.Dense(5, activation="relu", input_shape=(6,)), L.Dense(3, use_bias=False)])
    return _on(L.Rescaling(1 / 255), features, head, L.Softmax())


def deferred() -> Network:
    """A Sequential that learned its input's shape when it was called."""
    inner = tf_keras.Sequential([L.Conv2D(4, 3, activation="relu"), L.BatchNormalization()])
    network = tf_keras.Sequential([L.Rescaling(1 / 255), inner, L.Flatten(), L.Dense(3)])
    network.build((None, *SIZE))
    network(np.zeros((1, *SIZE), np.float32))
    return network


def augmented() -> Network:
    augmentation = tf_keras.Sequential(
        [
            L.RandomFlip(),
            L.RandomRotation(0.2, fill_mode="nearest"),
            L.RandomZoom(0.1),
            L.RandomTranslation(0.1, 0.1),
            L.RandomContrast(0.2),
            L.RandomBrightness(0.2),
            L.RandomHeight(0.1),
            L.RandomWidth(0.1),
            L.Resizing(18, 20, interpolation="bilinear", crop_to_aspect_ratio=True),
            L.CenterCrop(16, 16),
            L.RandomCrop(14, 14),
            L.GaussianNoise(0.1),
            L.GaussianDropout(0.1),
            L.AlphaDropout(0.1),
            L.ActivityRegularization(0.1),
        ]
    )
    return _on(augmentation, L.Normalization(axis=-1), L.Conv2D(4, 3), L.GlobalAveragePooling2D(), L.Dense(2))


def merges() -> Network:
    def mixed(x: Any) -> Any:
        y = L.Conv2D(4, 1)(x)
        parts = [kind()([x, y]) for kind in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)]
        z = L.Concatenate(axis=-1)(parts)
        rows = L.Reshape((16, -1))(z)
        return L.Dot(axes=(2, 2), normalize=True)([rows, L.Permute((1, 2))(rows)])

    return _function(mixed)


def normalisations() -> Network:
    def mixed(x: Any) -> Any:
        return L.Concatenate()(
            [
                L.LayerNormalization(axis=[3])(x),
                L.LayerNormalization(axis=[1, 2, 3], epsilon=1e-2)(x),
                L.GroupNormalization(groups=2)(x),
                L.UnitNormalization(axis=-1)(x),
                L.BatchNormalization(axis=1)(x),
            ]
        )

    return _function(mixed)


def attention() -> Network:
    def mixed(x: Any) -> Any:
        tokens = L.Reshape((-1, 4))(L.MaxPooling2D(2)(x))
        seen = L.MultiHeadAttention(2, 3, value_dim=5, dropout=0.1)(tokens, tokens)
        other = L.MultiHeadAttention(2, 3, use_bias=False)(query=tokens, value=seen, key=tokens)
        plain = L.Attention(use_scale=True)([seen, other])
        added = L.AdditiveAttention()([seen, plain])
        return L.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d", activation="gelu")(added)

    return _function(mixed)


def recurrent() -> Network:
    def mixed(x: Any) -> Any:
        rows = L.TimeDistributed(L.Dense(5, activation="relu"))(L.Reshape((16, -1))(x))
        both = L.Bidirectional(L.LSTM(4, return_sequences=True, recurrent_activation="hard_sigmoid"))(rows)
        added = L.Bidirectional(L.GRU(4, reset_after=False), merge_mode="sum")(both)
        reset, state = L.GRU(3, return_state=True, return_sequences=True)(rows)
        again = L.GRU(3)(reset, initial_state=state)
        _, h, c = L.LSTM(3, return_state=True)(rows)
        simple = L.LSTM(3)(rows, initial_state=[h, c])
        cells = L.RNN([L.LSTMCell(4), L.GRUCell(3)])(rows)
        plain = L.SimpleRNN(2, unroll=True)(rows)
        return L.Concatenate()([added, again, simple, cells, plain])

    return _function(mixed)


def films() -> Network:
    """Networks inside of TimeDistributed, and a convolutional LSTM."""
    inner = tf_keras.Sequential([L.Conv2D(3, 3, input_shape=(8, 8, 4)), L.BatchNormalization(), L.ReLU()])

    def mixed(x: Any) -> Any:
        quarters = tf.stack([x[:, :8, :8], x[:, 8:, :8], x[:, :8, 8:], x[:, 8:, 8:]], axis=1)
        return L.ConvLSTM2D(3, 2)(L.TimeDistributed(inner)(quarters))

    return _function(mixed)


def several_outputs() -> Network:
    image, other = tf_keras.Input(SIZE, name="image"), tf_keras.Input((2,), name="a/number")
    x = small_base()(image)
    x = L.Concatenate()([L.GlobalAveragePooling2D()(x), other])
    outputs = {"kind": L.Dense(3, name="kind")(x), "age": L.Dense(1, name="age")(x)}
    return tf_keras.Model([image, other], outputs)


class OwnTraining(tf_keras.Model):  # type: ignore[misc]  # ships no types
    """A functional network with a training step of its own, as many tutorials have."""

    def train_step(self, data: Any) -> Any:
        """Not called here."""
        raise NotImplementedError


def own_training() -> Network:
    image = tf_keras.Input(SIZE)
    return OwnTraining(image, L.Dense(2)(L.GlobalAveragePooling2D()(small_base()(image))))


def activations() -> Network:
    names = [
        "elu",
        "exponential",
        "gelu",
        "hard_sigmoid",
        "linear",
        "mish",
        "relu",
        "selu",
        "sigmoid",
        "softmax",
        "softplus",
        "softsign",
        "swish",
        "tanh",
    ]

    def mixed(x: Any) -> Any:
        own = [L.Activation(name)(x) for name in names]
        layers = [L.Conv2D(2, 1, activation=kind)(x) for kind in (L.LeakyReLU(0.3), tf.nn.relu6)]
        return L.Concatenate()(
            [
                *own,
                *layers,
                L.ELU(0.5)(x),
                L.Softmax(axis=[1, 2])(x),
                L.Conv2D(2, 1, activation=tf.nn.silu)(x),
            ]
        )

    return _function(mixed)


NETWORKS: dict[str, Callable[[], Network]] = {
    each.__name__: each
    for each in (
        activations,
        attention,
        augmented,
        convolutions,
        deferred,
        films,
        locally_connected,
        merges,
        nested_twice,
        normalisations,
        own_training,
        recurrent,
        several_outputs,
        teachable,
        transfer_frozen,
        transfer_partly_frozen,
    )
}
"""Name → maker."""

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: (1.0 - x) * 2.0 / (3.0 + x**2) - x // 0.3 + x % 0.7 - (-x) + 2.0**x,
    "two tensors": lambda x: (x + tf.abs(x)) * (x - tf.square(x)) / (1.0 + tf.exp(x)),
    "comparisons": lambda x: (
        tf.where(x > 0.1, x, tf.zeros_like(x)) + tf.cast(tf.logical_and(x < 0.5, x > 0.2), "float32")
    ),
    "slices": lambda x: tf.concat([x[:, ::2, 1:, 0:1], x[..., 1:2][:, 1::2, :-1]], axis=-1),
    "one place": lambda x: x[:, 3, tf.newaxis, ..., 1],
    "reductions": lambda x: tf.concat(
        [
            tf.reduce_mean(x, axis=[1, 2]),
            tf.reduce_sum(x, [1, 2]),
            tf.reduce_max(x, axis=(1, 2)),
            tf.math.reduce_std(x, axis=[1, 2]),
            tf.reduce_prod(x[:, :2, :2], axis=[1, 2]),
            tf.math.reduce_variance(x, axis=[1, 2]),
            tf.math.reduce_logsumexp(x, axis=[1, 2]),
        ],
        axis=1,
    ),
    "kept axes": lambda x: x - tf.reduce_mean(x, axis=[1, 2], keepdims=True),
    "functions": lambda x: (
        tf.sin(x) + tf.tanh(x) + tf.sigmoid(x) + tf.sqrt(tf.abs(x)) + tf.math.log1p(tf.abs(x))
    ),
    "activations": lambda x: (
        tf.nn.relu(x) + tf.nn.leaky_relu(x, alpha=0.1) + tf.nn.swish(x) + tf.nn.relu6(x) + tf.nn.gelu(x)
    ),
    "softmax": lambda x: tf.nn.softmax(x, axis=-1) + tf.nn.log_softmax(x) + tf.nn.softplus(x) + tf.nn.elu(x),
    "resize": lambda x: tf.image.resize(x, (9, 20)) + tf.image.resize(x, [9, 20], method="nearest"),
    "resize area": lambda x: tf.image.resize(x, (7, 7), method="area", antialias=True),
    "crop": lambda x: tf.image.central_crop(tf.image.flip_left_right(x), 0.5),
    "standardise": lambda x: tf.image.per_image_standardization(x),
    "shapes": lambda x: tf.squeeze(
        tf.expand_dims(tf.transpose(tf.reshape(x, (-1, 32, 8, 4)), [0, 2, 1, 3]), 1), [1]
    ),
    "dynamic reshape": lambda x: tf.reshape(x, [tf.shape(x)[0], 16, 64]),
    "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], mode="REFLECT") + 0.5,
    "stack": lambda x: tf.stack([x, x * 2.0], axis=3),
    "split": lambda x: tf.concat(tf.split(x, 2, axis=-1)[::-1], axis=-1),
    "unstack": lambda x: tf.add_n(tf.unstack(x, axis=-1)),
    "matmul": lambda x: tf.matmul(x, x, transpose_b=True),
    "clip": lambda x: tf.clip_by_value(x, -0.1, 0.2) + tf.maximum(x, 0.1) + tf.minimum(0.2, x),
    "gather": lambda x: tf.gather(x, [2, 0, 1], axis=-1),
    "tile": lambda x: tf.tile(x[:, :4], [1, 2, 1, 1]),
    "pooling": lambda x: (
        tf.nn.avg_pool2d(x, 2, 2, "SAME") + tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
    ),
    "l2": lambda x: tf.math.l2_normalize(x, axis=-1) + tf.norm(x, axis=-1, keepdims=True),
    "cast": lambda x: tf.cast(tf.cast(x * 10.0, tf.int32), tf.float32) + tf.math.round(x),
    "space to depth": lambda x: tf.nn.depth_to_space(tf.nn.space_to_depth(x, 4), 2),
    "cumsum": lambda x: tf.cumsum(x, axis=1) + tf.reverse(x, [2]),
    "top": lambda x: tf.math.top_k(x, k=2).values,
    "argmax": lambda x: tf.one_hot(tf.argmax(x, axis=-1), 4) * x,
    "backend": lambda x: tf_keras.backend.mean(x, axis=[1, 2]) + tf_keras.backend.sum(x, axis=(1, 2)),
    "standardised constants": lambda x: (
        (x - tf.constant([0.485, 0.456, 0.406, 0.1])) / [0.229, 0.224, 0.225, 0.3]
    ),
}
"""Name → what is done to (N, 16, 16, 4) floats."""


def with_operations(names: Sequence[str]) -> Network:
    """Return a network with some of `OPERATIONS` in its graph, each of which gives an output."""
    image = tf_keras.Input(SIZE)
    x = L.Conv2D(4, 3, padding="same")(L.Rescaling(1 / 255)(image))
    return tf_keras.Model(image, [L.Dense(3)(L.Flatten()(OPERATIONS[name](x))) for name in names])


def heat_of_old(network: Network, layer: Any, pixels: Array, target: int) -> Array:
    """Return Grad-CAM's map (h, w) of a layer of Keras 2, before ReLU, computed with its own gradients.

    Args:
        network: whose outputs are scores: nothing is done to them.
        layer: a layer of it or of a network inside of it.
        pixels: its input (1, H, W, C).
        target: index of the score.
    """
    seen: list[Any] = []
    original = layer.call

    def watched(*arguments: Any, **named: Any) -> Any:
        output = original(*arguments, **named)
        tape.watch(output)
        seen.append(output)
        return output

    layer.call = watched
    try:
        with tf.GradientTape() as tape:
            score = network(tf.constant(pixels), training=False)[0, target]
    finally:
        layer.call = original
    (activation,) = seen
    weights = tf.reduce_mean(tape.gradient(score, activation), axis=(1, 2), keepdims=True)
    return np.asarray(tf.reduce_sum(weights * activation, axis=-1)[0], np.float64)


def layer_of_old(network: Network, path: str) -> Any:
    """Return the layer at a path such as `base/conv1/bn`: names may have slashes themselves."""
    for layer in network.layers:
        if layer.name == path:
            return layer
        if path.startswith(f"{layer.name}/") and hasattr(layer, "layers"):
            return layer_of_old(layer, path.removeprefix(f"{layer.name}/"))
    raise KeyError(path)


def feature_maps_of_old(network: Network, prefix: str = "") -> list[str]:
    """Return the paths of the layers that give (N, h, w, K), from first to last."""
    found: list[str] = []
    for layer in network.layers:
        if hasattr(layer, "layers"):
            found += feature_maps_of_old(layer, f"{prefix}{layer.name}/")
        elif len(layer.output_shape) == 4 and not isinstance(layer, L.InputLayer):
            found.append(f"{prefix}{layer.name}")
    return found


def assert_same_heat(old: Network, file: Path, layer: str, *, target: int = 0) -> None:
    """Compare the explainer's raw map of a layer with Keras 2's: equal to 1e-5 of the peak."""
    height, width = old.input_shape[1:3]
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    wanted = heat_of_old(old, layer_of_old(old, layer), image[None, ..., ::-1].astype(np.float32), target)
    model = lg.load_model(file, preprocess="none")
    given = lg.Explainer(model, layer=layer, target=f"class {target}", fit="stretch").explain(image)
    assert given.layer == layer
    peak = np.abs(wanted).max()
    assert peak > 0
    np.testing.assert_allclose(given.raw_heatmap, np.maximum(wanted, 0), atol=1e-5 * peak, rtol=0)
