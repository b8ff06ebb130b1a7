"""Small networks for the tests, with weights chosen so that the right answer can be written down."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def pooled_network(*, activation: str | None = "softmax", size: int | None = 16, seed: int = 1) -> Any:
    """Conv (tanh) → global average → dense: the network for which CAM and Grad-CAM agree."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(
        4, activation=activation, kernel_initializer="random_normal", bias_initializer="random_normal"
    )(x)
    return keras.Model(image, x, name="pooled")


def two_layer_network(size: int, *, seed: int = 14) -> Any:
    """Two convolutions (`first`, `second`) for pictures of another size, with 3 classes."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh", name="first")(image)
    x = keras.layers.Conv2D(5, 3, padding="same", activation="tanh", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax", kernel_initializer="random_normal")(x)
    return keras.Model(image, x, name="large")


def stage_network(*, sure: bool = True) -> Any:
    """Three convolutions (`first`, `second`, `third`) and 6 classes: compiled at once, and with much to choose from.

    It is sure of its first class, whatever it sees, or of none: what it is not sure of has faint heat.
    """
    keras.utils.set_random_seed(15)
    x = image = keras.Input((32, 32, 3))
    for name, filters in (("first", 8), ("second", 10), ("third", 12)):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", name=name)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(6, activation="softmax", kernel_initializer="random_normal")(x)
    network = keras.Model(image, x, name="stage")
    if not sure:
        return network
    kernel, _ = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, np.array([2.0, 1.0, 0.8, 0.6, 0.4, 0.2], np.float32)])
    return network


def flattened_network(*, activation: str | None = "softmax", seed: int = 2) -> Any:
    """Conv (tanh) → flatten → dense: gradients differ from place to place."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(3, activation=activation, kernel_initializer="random_normal")(x)
    return keras.Model(image, x, name="flattened")


def colour_network() -> Any:
    """Says 0 for red and 1 for blue: pictures in the wrong colour order give the wrong answer."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="colours")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Activation("softmax")(x)
    network = keras.Model(image, x, name="colour")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0, 0] = kernel[0, 0, 2, 1] = 8.0
    network.get_layer("colours").set_weights([kernel])
    return network


def picture(height: int = 16, width: int = 16, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Seeded noise, (height, width, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def nested_network(levels: int = 1, *, activation: str | None = "softmax", seed: int = 3) -> Any:
    """A base inside a network (`base/features`), and that inside another where there are two levels."""
    keras.utils.set_random_seed(seed)
    inner = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="tanh", name="early")(inner)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="tanh", name="features")(x)
    base = keras.Model(inner, x, name="base")
    for level in range(1, levels):
        outer = keras.Input((16, 16, 3))
        base = keras.Model(outer, base(outer), name=f"level{level}")
    head = keras.layers.Dense(4, activation=activation, kernel_initializer="random_normal", name="head")
    image = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(base(image))
    return keras.Model(image, head(x), name="nested")


def residual_network(*, activation: str | None = "softmax", seed: int = 4) -> Any:
    """A skip connection passes by `target`: out = early + target(early), then a concatenation with early."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    early = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="early")(image)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="tanh", name="target")(early)
    x = keras.layers.Add(name="sum")([early, x])
    x = keras.layers.Concatenate(name="join")([x, early])
    x = keras.layers.Conv2D(5, 3, padding="same", activation="gelu", name="late")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(4, activation=activation, kernel_initializer="random_normal", name="head")(x)
    return keras.Model(image, x, name="residual")


def two_headed_network(*, keyed: bool = False, seed: int = 5) -> Any:
    """Two outputs over one feature map: `animal` (4 classes) and `place` (3); a dict of them where `keyed`."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    heads = {
        name: keras.layers.Dense(units, activation="softmax", kernel_initializer="random_normal", name=name)(
            x
        )
        for name, units in (("animal", 4), ("place", 3))
    }
    return keras.Model(image, heads if keyed else list(heads.values()), name="two_headed")


def two_input_network(*, keyed: bool = False, seed: int = 6) -> Any:
    """Takes `facts` (N, 3) and a `picture` (N, 16, 16, 3); the facts gate the channels of `features`."""
    keras.utils.set_random_seed(seed)
    facts = keras.Input((3,), name="facts")
    image = keras.Input((16, 16, 3), name="picture")
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    gate = keras.layers.Dense(6, activation="tanh", name="gate")(facts)
    x = keras.layers.Multiply()([x, gate])
    x = keras.layers.Dense(4, activation="softmax", kernel_initializer="random_normal", name="head")(x)
    return keras.Model({"facts": facts, "picture": image} if keyed else [facts, image], x, name="two_input")


def sigmoid_network(*, activation: str | None = "sigmoid", seed: int = 7) -> Any:
    """One unit: the probability of the second of two classes."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(1, activation=activation, kernel_initializer="random_normal", name="head")(x)
    return keras.Model(image, x, name="sigmoid")


class Subclassed(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """conv → average → dense, written as a class; it has no symbolic inputs or outputs."""

    def __init__(self, activation: str | None) -> None:
        super().__init__(name="subclassed")
        self.features = keras.layers.Conv2D(
            6, 3, strides=2, padding="same", activation="tanh", name="features"
        )
        self.pool = keras.layers.GlobalAveragePooling2D(name="pool")
        self.head = keras.layers.Dense(
            4, activation=activation, kernel_initializer="random_normal", name="head"
        )

    def call(self, pixels: Any) -> Any:
        return self.head(self.pool(self.features(pixels)))


class CompiledCall(Subclassed):
    """The same with a compiled `call`: its layers run inside a function of their own."""

    call = tf.function(Subclassed.call)


def subclassed_network(*, activation: str | None = "softmax", size: int | None = 16, seed: int = 8) -> Any:
    """A subclassed network, called once at (size, size) or, with None, never."""
    keras.utils.set_random_seed(seed)
    return _called_once(Subclassed(activation), size)


def compiled_call_network(*, size: int | None = 16, seed: int = 8) -> Any:
    """A subclassed network whose `call` is a `tf.function`: the activation cannot be reached from outside."""
    keras.utils.set_random_seed(seed)
    return _called_once(CompiledCall("softmax"), size)


def _called_once(network: Any, size: int | None) -> Any:
    if size is not None:
        network(np.zeros((1, size, size, 3), np.float32))
    return network


def sequential_network(built: bool, *, activation: str | None = "softmax", seed: int = 9) -> Any:
    """conv → average → dense in a row; not `built`: it never got an input and has no weights yet."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features"),
        keras.layers.GlobalAveragePooling2D(name="pool"),
        keras.layers.Dense(4, activation=activation, kernel_initializer="random_normal", name="head"),
    ]
    return keras.Sequential([keras.Input((16, 16, 3)), *layers] if built else layers, name="sequential")


class Tokens(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A grid of patches to a row of tokens: class token, registers, patches, each with its position."""

    def __init__(self, extra: int, **options: Any) -> None:
        super().__init__(**options)
        self.extra = extra

    def build(self, shape: tuple[int, ...]) -> None:
        _, height, width, channels = shape
        self.leading = self.add_weight(shape=(1, self.extra, channels), initializer="random_normal")
        self.position = self.add_weight(
            shape=(1, self.extra + height * width, channels), initializer="random_normal"
        )

    def call(self, patches: Any) -> Any:
        _, height, width, channels = patches.shape
        tokens = keras.ops.reshape(patches, (-1, height * width, channels))
        leading = keras.ops.tile(self.leading, (keras.ops.shape(patches)[0], 1, 1))
        return keras.ops.concatenate([leading, tokens], axis=1) + self.position


def _transformer_block(x: Any, name: str) -> Any:
    width = x.shape[-1]
    normed = keras.layers.LayerNormalization(name=f"{name}_norm1")(x)
    attended = keras.layers.MultiHeadAttention(2, width // 2, name=f"{name}_attention")(normed, normed)
    x = keras.layers.Add(name=f"{name}_add1")([x, attended])
    normed = keras.layers.LayerNormalization(name=f"{name}_norm2")(x)
    hidden = keras.layers.Dense(2 * width, activation="gelu", name=f"{name}_mlp1")(normed)
    hidden = keras.layers.Dense(width, name=f"{name}_mlp2")(hidden)
    return keras.layers.Add(name=f"{name}_add2")([x, hidden])


def token_network(
    class_token: bool,
    registers: int,
    *,
    grid: tuple[int, int] = (4, 4),
    blocks: int = 1,
    activation: str | None = "softmax",
    seed: int = 10,
) -> Any:
    """A small ViT on patches of 4 pixels: tokens are (N, class token + registers + grid, 8).

    The head reads the class token, or else the mean of the patches' tokens. With a class token the layer that is
    usually explained is the first norm of the last block (`block0_norm1` where there is one block): nothing after the
    last attention but its own token matters.
    """
    keras.utils.set_random_seed(seed)
    extra = int(class_token) + registers
    image = keras.Input((4 * grid[0], 4 * grid[1], 3))
    x = keras.layers.Conv2D(8, 4, strides=4, name="patches")(image)
    x = Tokens(extra, name="tokens")(x)
    for block in range(blocks):
        x = _transformer_block(x, f"block{block}")
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = x[:, 0] if class_token else keras.ops.mean(x[:, extra:], axis=1)
    x = keras.layers.Dense(4, activation=activation, kernel_initializer="random_normal", name="head")(x)
    return keras.Model(image, x, name="vit")


def swin_like_network(*, activation: str | None = "softmax", seed: int = 11) -> Any:
    """Stages of tokens (N, 8·8, 8) and, their patches merged two by two, (N, 4·4, 16); no class token."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 2, strides=2, name="patches")(image)
    x = keras.layers.Reshape((64, 8), name="tokens")(x)
    x = _transformer_block(x, "stage0")
    x = keras.layers.Reshape((4, 2, 4, 2, 8))(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5))(x)
    x = keras.layers.Reshape((16, 32), name="merged")(x)
    x = keras.layers.Dense(16, use_bias=False, name="merging")(x)
    x = _transformer_block(x, "stage1")
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    x = keras.layers.Dense(4, activation=activation, kernel_initializer="random_normal", name="head")(x)
    return keras.Model(image, x, name="swin")


def segmentation_network(*, activation: str | None = "softmax", seed: int = 12) -> Any:
    """A class for each pixel, (N, 16, 16, 3), from `features` at half the size."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.UpSampling2D(interpolation="bilinear", name="up")(x)
    x = keras.layers.Conv2D(
        3, 3, padding="same", activation=activation, kernel_initializer="random_normal", name="masks"
    )(x)
    return keras.Model(image, x, name="segmentation")


def shared_layer_network(*, seed: int = 13) -> Any:
    """One layer, `shared`, is called twice: it has no one activation."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    shared = keras.layers.Conv2D(6, 3, padding="same", activation="tanh", name="shared")
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="early")(image)
    x = shared(shared(x))
    x = keras.layers.Conv2D(5, 3, padding="same", activation="tanh", name="late")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, activation="softmax", kernel_initializer="random_normal", name="head")(x)
    return keras.Model(image, x, name="shared_layer")


CAPTION_WORDS = ("nothing", "red", "blue", "left", "right")
"""What `captioner_network` can say: a colour, then a side."""


class Places(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Tokens (N, h·w, 2) of how red and how blue a place is: also told for the left and the right half alone."""

    def call(self, tokens: Any) -> Any:
        side = round(tokens.shape[1] ** 0.5)
        columns = np.tile(np.linspace(-1, 1, side, dtype=np.float32), side)[None, :, None]
        colourful = keras.ops.sum(tokens, axis=-1, keepdims=True)
        sides = [colourful * np.maximum(sign * columns, 0) for sign in (-1, 1)]
        return keras.ops.concatenate([tokens, *sides], axis=-1)


class Questions(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """The decoder's state before each word, (N, 2, 4): the same for every picture, and learned."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.state = self.add_weight(shape=(1, 2, shape[-1]), name="state")

    def call(self, tokens: Any) -> Any:
        return keras.ops.tile(self.state, (keras.ops.shape(tokens)[0], 1, 1))


def captioner_network() -> Any:
    """Says of a picture (24×24, a red or a blue thing on black) in two words what it is, and on which side.

    A convolution (`encoder`, (N, 12, 12, 2): how red, how blue) feeds a decoder of one attention head; the output
    is (N, 2, 5): a logit for each word of `CAPTION_WORDS` at each of the two steps.
    """
    image = keras.Input((24, 24, 3))
    encoded = keras.layers.Conv2D(2, 2, strides=2, activation="softplus", name="encoder")(image)
    tokens = keras.layers.Reshape((144, 2), name="tokens")(encoded)
    values = Places(name="places")(tokens)
    questions = Questions(name="questions")(values)
    attention = keras.layers.MultiHeadAttention(1, 4, name="attention")
    read = attention(questions, values)
    step = keras.layers.Concatenate(name="step")([read, questions])
    words = keras.layers.Dense(len(CAPTION_WORDS), name="words")(step)
    network = keras.Model(image, words, name="captioner")

    colour = np.zeros((2, 2, 3, 2), np.float32)
    colour[:, :, 0] = (2, -2)
    colour[:, :, 2] = (-2, 2)
    network.get_layer("encoder").set_weights([colour, np.full(2, -5, np.float32)])
    # Both questions look at where it is colourful; they differ in their last number, which the words read.
    network.get_layer("questions").set_weights([np.array([[[1, 0, 0, -1], [1, 0, 0, 1]]], np.float32)])
    query, key = np.zeros((4, 1, 4), np.float32), np.zeros((4, 1, 4), np.float32)
    query[0, 0, 0] = 2.0
    key[:2, 0, 0] = 2.0
    same = np.eye(4, dtype=np.float32)
    none = np.zeros((1, 4), np.float32)
    attention.set_weights([query, none, key, none, same[:, None], none, same[None], np.zeros(4, np.float32)])
    kernel = np.zeros((8, 5), np.float32)
    kernel[0, 1] = kernel[1, 2] = 4.0  # red, blue
    kernel[2, 3] = kernel[3, 4] = 4.0  # left, right
    kernel[7] = (0, -20, -20, 20, 20)  # the first word is a colour, the second a side
    network.get_layer("words").set_weights([kernel, np.array([20, 20, 20, 0, 0], np.float32) - 10])
    return network


def thing_picture(colour: str, x: int, y: int = 12) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A 6×6 square, `red` or `blue`, centred at (x, y) on black: (24, 24, 3) uint8 BGR."""
    image = np.zeros((24, 24, 3), np.uint8)
    image[y - 3 : y + 3, x - 3 : x + 3, 2 if colour == "red" else 0] = 255
    return image


def headed_network(units: int, *tail: Any, seed: int = 16, scale: float = 2.0, **dense: Any) -> Any:
    """conv (`features`, tanh) → average → dense (`units`, its settings in `dense`) → `tail`: layers or functions."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    initial = keras.initializers.RandomUniform(-scale, scale)
    dense = {"kernel_initializer": initial, "bias_initializer": initial, **dense}
    x = keras.layers.Dense(units, **dense)(x)
    for each in tail:
        x = each(x)
    return keras.Model(image, x, name="headed")


def places_network(units: int, *, activation: str | None, seed: int = 17) -> Any:
    """An answer for each place, (N, 8, 8, units), by a 1×1 convolution (`places`) on `features` (tanh)."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(image)
    initial = keras.initializers.RandomUniform(-3, 3)
    x = keras.layers.Conv2D(units, 1, activation=activation, kernel_initializer=initial, name="places")(x)
    return keras.Model(image, x, name="places")
