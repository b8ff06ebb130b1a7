"""Where a map lies is computed from the operations before it, as it is measured; or it is not known and measured."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from geometries import computed_geometry, measured_geometry
from receptive_arithmetic import check_against_arithmetic
from spotting import PREPARATIONS, Cut, spot, spot_network

import live_gradcam as lg
from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explanation import WHOLE

SIZE = (96, 160)
L = keras.layers

KNOWN = {
    *("Cropping2D", "Cropping2D, below", "CenterCrop", "RandomCrop", "ZeroPadding2D", "Resizing"),
    *("Resizing up", "valid convolutions", "valid convolutions and poolings", "slice"),
    *("crop, then padding", "two crops"),
}
"""Preparations of the input that are computed."""


def through(*layers: Any) -> Any:
    """A network whose layer `last` comes after some others."""
    x = image = keras.Input((64, 64, 3))
    for layer in layers:
        x = layer(x)
    x = L.Conv2D(4, 3, padding="same", name="last")(x)
    return keras.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@pytest.mark.long
@pytest.mark.parametrize("name", PREPARATIONS)
def test_what_is_done_to_the_input_is_computed_as_it_is_measured_or_is_not_known(name: str) -> None:
    small = name in ("patches", "valid convolutions and poolings")
    network = spot_network(PREPARATIONS[name], SIZE, cell=1 if small else 4)
    model = lg.load_model(network, preprocess="none")
    computed = computed_geometry(model, "red")
    assert (computed is not None) == (name in KNOWN)
    if computed is not None:
        measured = measured_geometry(model, "red")
        assert computed.extent == pytest.approx(measured.extent, abs=1e-3)
        assert computed.seen == pytest.approx(measured.seen, abs=1e-3)


def squeezed(x: Any) -> Any:
    gate = L.Dense(3, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
    return L.Multiply()([x, gate])


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param([squeezed], COVERING, id="squeeze and excitation"),
        pytest.param([L.Conv2D(4, 3, strides=2, padding="same")], COVERING, id="strides"),
        pytest.param([L.Conv2D(4, 3, dilation_rate=2, padding="same")], None, id="dilation"),
        pytest.param([L.SeparableConv2D(4, 3, padding="same")], COVERING, id="separable"),
        pytest.param([L.LayerNormalization(), L.BatchNormalization()], COVERING, id="normalised"),
        pytest.param([L.ZeroPadding2D(((0, 1), (0, 1))), L.Conv2D(4, 3, strides=2)], COVERING, id="padded"),
        pytest.param([L.Conv2D(4, 3, padding="same"), L.MaxPooling2D(2)], COVERING, id="pooled"),
        pytest.param([L.Permute((2, 1, 3))], None, id="transposed"),
        pytest.param([Cut(lambda x: tf.reverse(x, [2]))], None, id="mirrored"),
        pytest.param([Cut(lambda x: tf.roll(x, 9, axis=2))], None, id="rolled"),
        pytest.param(
            [Cut(lambda x: x * tf.cast(tf.range(64) > 30, tf.float32)[:, None, None])], None, id="a mask"
        ),
        pytest.param([Cut(lambda x: tf.cast(x > 0.5, tf.float32))], None, id="a comparison"),
        pytest.param([Cut(lambda x: tf.cast(tf.cast(x, tf.uint8), tf.float32))], None, id="whole numbers"),
        pytest.param([Cut(lambda x: x + tf.reduce_mean(x, 1, keepdims=True))], None, id="means of columns"),
        pytest.param(
            [Cut(lambda x: tf.pad(x, [[0, 0], [9, 0], [0, 0], [0, 0]], "REFLECT"))], None, id="reflected"
        ),
        pytest.param([Cut(tf.function(lambda x: x + 1.0))], COVERING, id="a function"),
        pytest.param([Cut(tf.function(lambda x: tf.roll(x, 9, 2)))], None, id="a function, rolled"),
        pytest.param([L.Conv2D(6, 3, padding="same", groups=3)], COVERING, id="grouped"),
        pytest.param([L.Dense(8, activation="gelu"), L.Dense(3)], COVERING, id="dense on each place"),
        pytest.param([L.Reshape((32, 128, 3))], None, id="other rows"),
        pytest.param([L.Reshape((4096, 3)), L.Dense(3), L.Reshape((64, 64, 3))], None, id="tokens"),
        pytest.param(
            [L.UpSampling2D(), L.Conv2DTranspose(4, 3, padding="same")], None, id="transposed windows"
        ),
    ],
)
def test_only_what_is_known_of_every_operation_is_computed(before: list[Any], expected: Any) -> None:
    keras.utils.set_random_seed(1)
    model = lg.load_model(through(*before), preprocess="unit")
    assert computed_geometry(model, "last") == expected
    if expected is not None:
        assert measured_geometry(model, "last") == expected


@pytest.mark.geometry
@pytest.mark.long
def test_a_network_that_squeezes_and_excites_is_computed_as_its_layers_say() -> None:
    network = keras.applications.MobileNetV3Small(weights=None, input_shape=(224, 224, 3))
    model = lg.load_model(network, preprocess="none")
    for layer in ("conv", "expanded_conv_3_project", network.layers[-8].name):
        if len(network.get_layer(layer).output.shape) == 4:
            computed = computed_geometry(model, layer)
            assert computed is not None
            check_against_arithmetic(network, computed, layer)


def test_what_is_computed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_gradcam.explain.geometry_by_gradients.measured_geometry", None)
    cut = lg.load_model(spot_network(L.Cropping2D(((24, 12), (40, 0))), SIZE), preprocess="none")
    found = lg.Explainer(cut, target=0, fit="stretch").explain(spot((640, 384), (400, 200), 20))
    assert (found.region, found.inset) == ((160, 96, 480, 240), WHOLE)
    with pytest.raises(TypeError, match="not callable"):
        lg.Explainer(lg.load_model(through(L.Permute((2, 1, 3))), preprocess="none")).explain(
            np.zeros((64, 64, 3), np.uint8)
        )
