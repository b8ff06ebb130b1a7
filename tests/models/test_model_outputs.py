"""One of several outputs is chosen by name or number; how many classes it has is seen where it can be."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from networks import (
    captioner_network,
    picture,
    pooled_network,
    segmentation_network,
    sigmoid_network,
    subclassed_network,
    two_headed_network,
)

import live_gradcam as lg

PIXELS = picture()[None].astype(np.float32) / 255


def output_of(model: lg.Model) -> Any:
    return np.asarray(model.forward(model.network, PIXELS))


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(
    ("output", "index", "name"), [("place", 1, "place"), (1, 1, "place"), ("1", 1, "place"), (0, 0, "animal")]
)
def test_an_output_is_chosen_by_name_or_number(keyed: bool, output: str | int, index: int, name: str) -> None:
    network = two_headed_network(keyed=keyed)
    model = lg.load_model(network, preprocess="unit", output=output)
    every = network(PIXELS)
    np.testing.assert_array_equal(output_of(model), np.asarray(every[name if keyed else index]))
    assert len(model.labels) == (3 if name == "place" else 4)


@pytest.mark.parametrize("keyed", [False, True])
def test_where_none_is_chosen_the_outputs_are_listed(keyed: bool) -> None:
    network = two_headed_network(keyed=keyed)
    listed = re.escape("2 outputs: 0 'animal' (N, 4), 1 'place' (N, 3). Choose one: --output NAME")
    with pytest.raises(lg.ModelError, match=listed):
        lg.load_model(network, preprocess="unit")
    with pytest.raises(lg.ModelError, match=r"no output 'plaice'\. It has: 0 'animal' \(N, 4\), 1 'place'"):
        lg.load_model(network, preprocess="unit", output="plaice")
    with pytest.raises(lg.ModelError, match=r"no output '2'"):
        lg.load_model(network, preprocess="unit", output=2)


def test_a_model_that_is_loaded_already_can_be_given_another_output() -> None:
    model = lg.load_model(two_headed_network(), preprocess="unit", output="animal")
    other = lg.load_model(model, output="place", labels=["in", "out", "up"])
    assert (other.preprocessing.name, other.labels.names) == ("unit", ("in", "out", "up"))
    assert output_of(other).shape == (1, 3)
    assert len(lg.load_model(model, output=1).labels) == 3


class TwoAnswers(keras.Model):  # type: ignore[misc]  # Keras ships no types
    def __init__(self) -> None:
        super().__init__(name="answers")
        self.head = keras.layers.Dense(3)

    def call(self, pixels: Any) -> Any:
        pooled = keras.ops.mean(pixels, (1, 2))
        return {"class": self.head(pooled), "colour": pooled, "area": None}


def test_a_subclassed_networks_outputs_are_known_when_it_runs() -> None:
    network = TwoAnswers()
    model = lg.load_model(network, preprocess="unit", output="colour")
    assert model.labels.names == ()
    np.testing.assert_allclose(output_of(model), PIXELS.mean((1, 2)), rtol=1e-5)
    unclear = lg.load_model(network, preprocess="unit")
    with pytest.raises(
        lg.ModelError, match=r"2 outputs: 0 'class' \(N, 3\), 1 'colour' \(N, 3\)\. Choose one"
    ):
        output_of(unclear)


@pytest.mark.parametrize(
    ("make", "classes"),
    [
        (pooled_network, 4),
        (sigmoid_network, 2),
        (segmentation_network, 3),
        (captioner_network, 5),
        (subclassed_network, 0),
    ],
)
def test_classes_are_the_last_axis_and_one_unit_decides_between_two(make: Any, classes: int) -> None:
    labels = lg.load_model(make(), preprocess="unit").labels
    assert labels.names == tuple(f"class {i}" for i in range(classes))


@pytest.mark.parametrize(
    ("given", "names"),
    [(["cat", "dog"], ("cat", "dog")), (["dog"], ("not dog", "dog")), (None, ("class 0", "class 1"))],
)
def test_one_unit_takes_two_labels_or_one(given: list[str] | None, names: tuple[str, ...]) -> None:
    assert lg.load_model(sigmoid_network(), preprocess="unit", labels=given).labels.names == names


def test_one_label_does_not_do_for_two_units() -> None:
    image = keras.Input((8, 8, 3))
    network = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(image)))
    with pytest.raises(lg.ModelError, match="has 2 classes but 1 label was given"):
        lg.load_model(network, preprocess="unit", labels=["dog"])


def test_a_vector_of_scores_is_one_unit() -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(image))
    network = keras.Model(image, keras.ops.squeeze(x, axis=-1))
    model = lg.load_model(network, preprocess="unit")
    assert model.labels.names == ("value",)
    assert lg.load_model(network, preprocess="unit", task="classes").labels.names == ("class 0", "class 1")
    assert output_of(model).shape == (1, 1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_runs_as_it_is(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        network = pooled_network()
    finally:
        keras.config.set_dtype_policy("float32")
    model = lg.load_model(network, preprocess="unit")
    assert model.forward(network, PIXELS).dtype.name == policy.removeprefix("mixed_")
