"""The picture's input is found among several, and the others get what the user named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import pooled_network, two_input_network

import live_gradcam as lg

layers = keras.layers
PIXELS = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
FACTS = np.array([0.5, -1.0, 2.0], np.float32)


def traced(model: lg.Model, pixels: Any) -> Any:
    """Run a model as the explainer does: in a graph whose batch is not known."""
    spec = tf.TensorSpec((None, *pixels.shape[1:]), tf.float32)
    return tf.function(lambda x: model.forward(model.network, x), [spec], autograph=False)(pixels).numpy()


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("value", [FACTS, [0.5, -1.0, 2.0], FACTS[None], "0.5,-1,2"])
def test_other_inputs_get_the_values_that_were_named(keyed: bool, value: Any) -> None:
    network = two_input_network(keyed=keyed)
    model = lg.load_model(network, preprocess="unit", inputs={"facts": value})
    facts = np.tile(FACTS, (2, 1))
    expected = network({"facts": facts, "picture": PIXELS} if keyed else [facts, PIXELS])
    np.testing.assert_allclose(traced(model, PIXELS), np.asarray(expected), rtol=1e-5)
    assert model.input_size == (16, 16)


def test_a_single_number_fills_an_input_and_a_file_gives_an_array(tmp_path: Path) -> None:
    network = two_input_network()
    np.save(tmp_path / "facts.npy", FACTS)
    for value, facts in ((1, np.ones(3)), ("0.25", np.full(3, 0.25)), (str(tmp_path / "facts.npy"), FACTS)):
        model = lg.load_model(network, preprocess="unit", inputs={"facts": value})
        expected = network([np.tile(facts, (2, 1)), PIXELS])
        np.testing.assert_allclose(traced(model, PIXELS), np.asarray(expected), rtol=1e-5)


def test_a_missing_input_is_named_with_its_shape_and_the_flag() -> None:
    message = "two_input takes more than a picture: 'facts' (N, 3) must be given. Use --input facts=VALUE"
    with pytest.raises(lg.ModelError, match=re.escape(message)):
        lg.load_model(two_input_network())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"fact": 1}, "unknown input 'fact'. Did you mean facts?"),
        ({"facts": 1, "picture": 2}, "'picture' is the picture's own input"),
        ({"facts": [1, 2]}, "input 'facts' of two_input takes float32 (N, 3); an array (2,) does not fit."),
        ({"facts": "many"}, "'many' must be a number, numbers with commas between them, or a .npy file"),
        ({"facts": "none.npy"}, "(No such file or directory)"),
    ],
)
def test_a_value_that_does_not_fit_is_told(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(lg.ModelError, match=re.escape(message)) as caught:
        lg.load_model(two_input_network(), inputs=inputs)
    assert "\n" not in str(caught.value)


def test_of_two_pictures_one_is_the_cameras_and_the_other_is_given() -> None:
    before, now = keras.Input((8, 8, 3), name="before"), keras.Input((8, 8, 3), name="now")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(layers.Subtract()([now, before])))
    network = keras.Model([before, now], layers.Dense(2)(x))
    with pytest.raises(
        lg.ModelError, match=r"2 inputs that can take a picture: 'before' \(N, 8, 8, 3\), 'now'"
    ):
        lg.load_model(network)
    given = PIXELS[0, :8, :8]
    model = lg.load_model(network, preprocess="unit", inputs={"before": given})
    expected = network([np.stack([given] * 2), PIXELS[:, 8:, 8:]])
    np.testing.assert_allclose(traced(model, PIXELS[:, 8:, 8:]), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_whole_numbers_and_what_may_be_left_out_are_given_as_the_network_wants_them() -> None:
    image = keras.Input((8, 8, 3), name="picture")
    word = keras.Input((None,), name="word", dtype="int32")
    hint = keras.Input((2,), name="hint", optional=True)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    x = layers.Add()([x, layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(word))])
    network = keras.Model([image, word, hint], layers.Dense(2)(layers.Concatenate()([x, _or_zeros(hint)])))
    model = lg.load_model(network, preprocess="unit", inputs={"word": "3,1,4"})
    expected = network([PIXELS[:, :8, :8], np.array([[3, 1, 4]] * 2), None])
    np.testing.assert_allclose(traced(model, PIXELS[:, :8, :8]), np.asarray(expected), rtol=1e-5)


class OrZeros(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    def call(self, hint: Any) -> Any:
        return keras.ops.zeros((2, 2)) if hint is None else hint

    def compute_output_shape(self, shape: Any) -> Any:  # noqa: ARG002 - Keras's own signature
        return (None, 2)


def _or_zeros(hint: Any) -> Any:
    return OrZeros()(hint)


class Subclassed(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """Takes a dict, a list or two arguments, as its tests call it."""

    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.head = layers.Dense(3)

    def answer(self, image: Any, facts: Any) -> Any:
        return self.head(keras.ops.mean(image, (1, 2))) + facts


class Keyed(Subclassed):
    def call(self, inputs: Any) -> Any:
        return self.answer(inputs["image"], inputs["facts"])


class Listed(Subclassed):
    def call(self, inputs: Any) -> Any:
        return self.answer(*inputs)


class TwoArguments(Subclassed):
    def call(self, image: Any, facts: Any, training: bool = False) -> Any:  # noqa: ARG002 - as people write it
        return self.answer(image, facts)


@pytest.mark.parametrize("kind", [Keyed, Listed, TwoArguments])
def test_a_subclassed_network_that_was_called_once_says_what_it_takes(kind: type[Subclassed]) -> None:
    network, facts = kind(), np.tile(FACTS, (2, 1))
    arguments: dict[type[Subclassed], list[Any]] = {
        Keyed: [{"image": PIXELS, "facts": facts}],
        Listed: [[PIXELS, facts]],
        TwoArguments: [PIXELS, facts],
    }
    expected = network(*arguments[kind])
    name = "1" if kind is Listed else "facts"
    model = lg.load_model(network, preprocess="unit", inputs={name: FACTS})
    assert model.input_size == (16, 16)
    np.testing.assert_allclose(traced(model, PIXELS), np.asarray(expected), rtol=1e-5)
    with pytest.raises(lg.ModelError, match=rf"--input {name}=VALUE"):
        lg.load_model(network, preprocess="unit")


def test_a_subclassed_network_that_was_never_called_must_be() -> None:
    with pytest.raises(
        lg.ModelError, match="does not say what it takes besides the picture, so 'facts' cannot"
    ):
        lg.load_model(Keyed(), preprocess="unit", inputs={"facts": 1})


def test_a_network_whose_one_input_stands_in_a_dict_or_list_is_called_so(
    recwarn: pytest.WarningsRecorder,
) -> None:
    image = keras.Input((16, 16, 3), name="picture")
    output = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(image)))
    for network in (keras.Model({"picture": image}, output), keras.Model([image], output)):
        model = lg.load_model(network, preprocess="unit")
        np.testing.assert_allclose(traced(model, PIXELS), np.asarray(network([PIXELS])), rtol=1e-5)
        recwarn.clear()
        traced(model, PIXELS)
        assert not [each for each in recwarn if "structure" in str(each.message)]


def test_a_network_of_one_input_takes_no_other() -> None:
    with pytest.raises(lg.ModelError, match="unknown input 'facts'"):
        lg.load_model(pooled_network(), preprocess="unit", inputs={"facts": 1})


def test_a_grey_network_gets_grey_pictures() -> None:
    image = keras.Input((16, 16, 1))
    network = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(image))))
    model = lg.load_model(network, preprocess="unit")
    bgr = np.zeros((1, 16, 16, 3), np.uint8)
    bgr[..., 2] = 200  # red
    grey = np.asarray(model.preprocessing(bgr))
    assert grey.shape == (1, 16, 16, 1)
    np.testing.assert_allclose(grey, 0.299 * 200 / 255, rtol=1e-3)
    assert lg.load_model(network).preprocessing(bgr).shape == (1, 16, 16, 1)
    with pytest.raises(
        lg.ModelError, match="takes grey pictures, and 'torch' scales each colour its own way"
    ):
        lg.load_model(network, preprocess="torch")


def test_an_input_of_another_form_is_refused() -> None:
    image = keras.Input((16, 16, 5))
    network = keras.Model(image, layers.GlobalAveragePooling2D()(image))
    with pytest.raises(
        lg.ModelError, match=r"\(N, 16, 16, 5\); pictures \(batch, height, width, 3\) are needed"
    ):
        lg.load_model(network)


@pytest.mark.long
@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize("shape", [(20, 28), (560,)], ids=["no axis of channels", "flat"])
def test_a_network_of_grey_numbers_gets_grey_pictures(shape: tuple[int, ...], functional: bool) -> None:
    image = keras.Input(shape)
    parts = [
        layers.Reshape((20, 28, 1)),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
    network = keras.Sequential([image, *parts])
    if functional:
        x = image
        for part in parts:
            x = part(x)
        network = keras.Model(image, x)
    model = lg.load_model(network, preprocess="none")
    assert model.input_size == (20, 28)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 20, 28, 1)).astype(np.float32)
    expected = np.asarray(network(pixels.reshape(2, *shape)))
    np.testing.assert_allclose(traced(model, pixels), expected, atol=1e-6)
    explanation = lg.Explainer(model).explain(np.zeros((40, 56, 3), np.uint8))
    assert (explanation.layer, explanation.heatmap.shape) == ("conv", (18, 26))


def test_measurements_in_rows_are_no_picture() -> None:
    network = keras.Sequential([keras.Input((30, 63)), layers.LSTM(4), layers.Dense(3)])
    with pytest.raises(
        lg.ModelError, match=r"\(N, 30, 63\); pictures \(batch, height, width, 3\) are needed"
    ):
        lg.load_model(network)


def test_flat_numbers_of_unknown_sides_are_refused_with_what_to_write() -> None:
    network = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    with pytest.raises(
        lg.ModelError, match=r"\(N, 784\).* a function that returns keras\.Sequential\("
    ) as caught:
        lg.load_model(network)
    assert len(str(caught.value)) <= 400
