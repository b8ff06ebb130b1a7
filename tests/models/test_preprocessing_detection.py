"""`auto` finds how pixels have to be scaled by looking at the network, and says so where it has to guess."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from networks import pooled_network, subclassed_network

import live_gradcam as lg
from live_gradcam.models import zoo
from live_gradcam.models.preprocessing_detection import application_scaling

layers = keras.layers


@pytest.fixture(scope="module")
def bases() -> dict[str, Any]:
    """Networks of keras.applications without their heads, by the name that Keras gave them."""
    options = {"weights": None, "include_top": False, "input_shape": (64, 64, 3)}
    found = [
        keras.applications.VGG16(**options),
        keras.applications.MobileNet(alpha=0.25, **options),
        keras.applications.MobileNetV2(alpha=0.35, **options),
        keras.applications.MobileNetV3Small(**options),
        keras.applications.MobileNetV3Small(include_preprocessing=False, name="bare_v3", **options),
        keras.applications.ResNet50(**options),
    ]
    return {base.name: base for base in found}


def headed(image: Any, x: Any) -> Any:
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def scaling_of(network: Any, caplog: pytest.LogCaptureFixture) -> tuple[str, int]:
    """Return what `auto` chose and how many warnings it took."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        name = lg.load_model(network).preprocessing.name
    return name, len(caplog.records)


BASES = [
    ("vgg16", "imagenet-caffe"),
    ("mobilenet_0.25_64", "tf"),
    ("mobilenetv2_0.35_64", "tf"),
    ("MobileNetV3Small", "none"),
    ("bare_v3", "tf"),
    ("resnet50", "imagenet-caffe"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [pytest.param(*each, marks=pytest.mark.geometry if each[0] == "vgg16" else ()) for each in BASES],
)
@pytest.mark.long
def test_a_base_inside_a_users_network_brings_its_scaling(
    bases: dict[str, Any], caplog: pytest.LogCaptureFixture, name: str, expected: str
) -> None:
    base = bases[name]
    rows = [
        keras.Input((64, 64, 3)),
        layers.RandomFlip(),
        base,
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]
    assert scaling_of(keras.Sequential(rows), caplog) == (expected, int(expected != "none"))


@pytest.mark.parametrize(("name", "expected"), BASES)
def test_a_base_that_was_built_upon_is_recognised_by_its_layers(
    bases: dict[str, Any], caplog: pytest.LogCaptureFixture, name: str, expected: str
) -> None:
    base = bases[name]
    assert scaling_of(headed(base.input, base.output), caplog) == (expected, int(expected != "none"))


def test_a_base_under_a_head_of_the_users_own_may_have_been_trained_otherwise_and_this_is_said(
    bases: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    base = bases["mobilenet_0.25_64"]
    network = headed(base.input, base.output)
    assert scaling_of(network, caplog) == ("tf", 1)
    assert caplog.messages[0].removeprefix(network.name) == (
        ": pixels are scaled as the keras.applications network in it was trained ('tf'), a guess. If it was trained on "
        "0 to 1, add --preprocess unit; on 0 to 255, --preprocess none."
    )
    whole = keras.applications.MobileNet(alpha=0.25, weights=None, input_shape=(64, 64, 3))
    assert scaling_of(whole, caplog) == ("tf", 0)


@pytest.mark.parametrize(
    "builder",
    [
        "EfficientNetB0",
        *(pytest.param(name, marks=pytest.mark.geometry) for name in ("DenseNet121", "ResNet50V2")),
    ],
)
@pytest.mark.long
def test_a_whole_network_of_keras_is_scaled_as_the_zoo_says(
    caplog: pytest.LogCaptureFixture, builder: str
) -> None:
    entry = zoo.entry_like(builder)
    assert entry is not None
    network = getattr(keras.applications, builder)(weights=None, classes=7)
    assert scaling_of(network, caplog) == (entry.preprocessing, int(entry.preprocessing != "none"))
    assert len(lg.load_model(network).labels) == 7


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (layers.Rescaling(1 / 255), "none"),
        (layers.Rescaling(1 / 127.5, offset=-1), "none"),
        (layers.Normalization(mean=[123.0, 117.0, 104.0], variance=[3400.0, 3300.0, 3400.0]), "none"),
        (keras.applications.mobilenet_v2.preprocess_input, "none"),
        (keras.applications.vgg16.preprocess_input, "none"),
        (keras.applications.densenet.preprocess_input, "none"),
        (lambda x: x / 255.0, "none"),
        (lambda x: (x - 127.5) * 2, "none"),
        (layers.Lambda(lambda x: x / 255.0), "none"),
        (layers.Lambda(keras.applications.vgg16.preprocess_input), "none"),
        (keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255), layers.Resizing(48, 48)]), "none"),
        (layers.Rescaling(2.0, offset=-1), "unit"),
        (layers.Normalization(mean=[0.48, 0.46, 0.41], variance=[0.05, 0.05, 0.05]), "unit"),
        (lambda x: x * 2.0 - 1.0, "unit"),
    ],
)
@pytest.mark.parametrize("base", [None, "mobilenetv2_0.35_64"])
def test_what_a_network_does_to_its_pixels_itself_decides(
    bases: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    front: Callable[[Any], Any],
    expected: str,
    base: str | None,
) -> None:
    image = keras.Input((64, 64, 3))
    x = front(image)
    if base is not None:
        x = layers.Resizing(64, 64)(x)
    network = headed(image, layers.Conv2D(4, 3)(x) if base is None else bases[base](x))
    assert scaling_of(network, caplog) == (expected, 0)


def test_a_scaling_two_levels_deep_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    inner = keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)])
    image = keras.Input((16, 16, 3))
    base = keras.Model(image, layers.Conv2D(4, 3)(inner(image)))
    outer = keras.Input((16, 16, 3))
    assert scaling_of(headed(outer, base(outer)), caplog) == ("none", 0)


class Scaled(keras.Model):  # type: ignore[misc]  # Keras ships no types
    def __init__(self) -> None:
        super().__init__()
        self.head = layers.Dense(3)
        self.scale = layers.Rescaling(1 / 255)

    def call(self, pixels: Any) -> Any:
        return self.head(keras.ops.mean(self.scale(pixels), (1, 2)))


def test_a_scaling_in_a_subclassed_network_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    assert scaling_of(Scaled(), caplog) == ("none", 0)
    network = Scaled()
    network(np.zeros((1, 8, 8, 3), np.float32))
    image = keras.Input((8, 8, 3))
    assert scaling_of(keras.Model(image, network(image)), caplog) == ("none", 0)


def test_a_scaling_of_something_else_does_not_count(caplog: pytest.LogCaptureFixture) -> None:
    image, facts = keras.Input((16, 16, 3), name="picture"), keras.Input((2,), name="facts")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(0.1)(layers.Conv2D(2, 3)(image)))
    x = layers.Concatenate()([x, layers.Normalization(mean=[200.0, 3.0], variance=[9.0, 1.0])(facts)])
    network = keras.Model([image, facts], layers.Dense(3)(x))
    with caplog.at_level(logging.WARNING):
        model = lg.load_model(network, inputs={"facts": 1})
    assert model.preprocessing.name == "unit"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("make", [pooled_network, subclassed_network])
def test_where_nothing_can_be_seen_one_warning_says_what_is_assumed(
    caplog: pytest.LogCaptureFixture, make: Callable[[], Any]
) -> None:
    assert scaling_of(make(), caplog) == ("unit", 1)
    assert (
        "pixels are scaled to 0 to 1, a guess. If it was trained on 0 to 255, add --preprocess none"
        in caplog.text
    )


def test_a_network_that_takes_whole_numbers_gets_them_unscaled(caplog: pytest.LogCaptureFixture) -> None:
    image = keras.Input((16, 16, 3), dtype="uint8")
    network = headed(image, layers.Conv2D(2, 3)(layers.Rescaling(2.0)(image)))
    assert scaling_of(network, caplog) == ("none", 0)


def test_two_bases_that_disagree_are_no_answer(bases: dict[str, Any]) -> None:
    image = keras.Input((64, 64, 3))
    pooled = [layers.GlobalAveragePooling2D()(bases[name](image)) for name in ("vgg16", "mobilenet_0.25_64")]
    assert application_scaling(keras.Model(image, layers.Concatenate()(pooled))) is None


def test_looking_at_a_network_leaves_no_trace_on_it(bases: dict[str, Any]) -> None:
    image = keras.Input((64, 64, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(layers.RandomFlip()(image))
    network = headed(image, bases["mobilenetv2_0.35_64"](x))
    config = network.get_config()
    state = [variable.numpy() for variable in network.variables]
    nodes = [len(each._inbound_nodes) for each in network._flatten_layers()]
    lg.load_model(network)
    assert network.get_config() == config
    assert [len(each._inbound_nodes) for each in network._flatten_layers()] == nodes
    for before, after in zip(state, network.variables, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
