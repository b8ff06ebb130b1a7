"""Networks of Keras 2, rebuilt from its files: they predict what they predicted there, and show the same heat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras2_networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")

import keras  # noqa: E402
import tf_keras  # noqa: E402
from keras2_networks import (  # noqa: E402
    NETWORKS,
    OPERATIONS,
    SIZE,
    L,
    assert_same_heat,
    assert_same_predictions,
    pictures,
    randomised,
    read_back,
    small_base,
    with_operations,
)

import live_gradcam as lg  # noqa: E402
from live_gradcam.explain.layer_table import layer_table  # noqa: E402

WITH_ELLIPSIS = ("slices", "one place")
"""Keras 2 can write these to HDF5 only."""

SLOW = ("attention", "augmented", "recurrent")
"""What takes seconds."""

QUICK_AS_ZIP = ("films", "nested_twice", "teachable")
"""Networks whose weights lie in a zip where no rule for others would look."""


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *(pytest.param(name, ".h5", marks=pytest.mark.keras2 if name in SLOW else ()) for name in NETWORKS),
        *(
            pytest.param(name, ".keras", marks=() if name in QUICK_AS_ZIP else pytest.mark.keras2)
            for name in NETWORKS
        ),
    ],
)
@pytest.mark.long
def test_a_network_predicts_what_it_predicted_in_keras_2(name: str, suffix: str, tmp_path: Path) -> None:
    old = randomised(NETWORKS[name]())
    inputs: Any = pictures(SIZE)
    if name == "several_outputs":
        inputs = [inputs, np.ones((2, 2), np.float32)]
    assert_same_predictions(old, read_back(old, tmp_path / f"{name}{suffix}"), inputs)


@pytest.mark.parametrize("suffix", [".h5", pytest.param(".keras", marks=pytest.mark.keras2)])
@pytest.mark.long
@pytest.mark.keras2
def test_operations_in_the_graph_give_what_they_gave(tmp_path: Path, suffix: str) -> None:
    names = [name for name in OPERATIONS if suffix == ".h5" or name not in WITH_ELLIPSIS]
    old = randomised(with_operations(names))
    new = read_back(old, tmp_path / f"operations{suffix}")
    for name, before, after in zip(names, old(pictures(SIZE)), new(pictures(SIZE)), strict=True):
        scale = max(1.0, float(np.abs(before).max()))
        np.testing.assert_allclose(after, before, atol=1e-5 * scale, rtol=0, err_msg=name)


def test_an_operation_keeps_its_name_and_can_be_explained(tmp_path: Path) -> None:
    import tensorflow as tf

    image = tf_keras.Input(SIZE)
    x = tf.nn.relu(L.Conv2D(4, 3, name="conv")(image / 127.5 - 1.0))
    old = randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(x))))
    path = tmp_path / "operations.h5"
    new = read_back(old, path)
    assert [each.name for each in new.layers] == [each.name for each in old.layers]
    assert_same_heat(old, path, old.layers[-3].name)


@pytest.mark.parametrize("suffix", [".h5", pytest.param(".keras", marks=pytest.mark.keras2)])
@pytest.mark.long
def test_layers_are_found_by_names_with_slashes(tmp_path: Path, suffix: str) -> None:
    base = small_base()
    x = L.GlobalAveragePooling2D()(base.output)
    surgery = randomised(tf_keras.Model(base.input, L.Dense(3)(x)))
    path = tmp_path / f"slashes{suffix}"
    surgery.save(path)
    assert_same_heat(surgery, path, "conv1/bn")
    nested = randomised(NETWORKS["transfer_frozen"]())
    nested.save(path)
    assert_same_heat(nested, path, "base/block0/depthwise", target=2)
    rows = [row.path for row in layer_table(lg.load_model(path))]
    assert {"base/conv1/conv", "base/block1/project", "base/sum"} <= set(rows)


def test_names_that_differ_by_a_slash_only_stay_apart(tmp_path: Path) -> None:
    image = tf_keras.Input(SIZE)
    x = L.Conv2D(4, 3, name="a_b")(L.Conv2D(4, 3, name="a/b")(image))
    old = randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(x))))
    path = tmp_path / "names.h5"
    assert_same_predictions(old, read_back(old, path), pictures(SIZE))
    assert_same_heat(old, path, "a/b")
    assert_same_heat(old, path, "a_b", target=1)


def test_a_rebuilt_network_takes_wider_pictures_too(tmp_path: Path) -> None:
    base = small_base(size=(None, None, 3))
    image = tf_keras.Input((16, 16, 3))
    x = L.GlobalAveragePooling2D()(base(image / 255.0))
    old = randomised(tf_keras.Model(image, L.Dense(2)(x)))
    path = tmp_path / "wide.h5"
    old.save(path)
    model = lg.load_model(path, preprocess="none")
    wide = pictures((16, 32, 3))
    features = old.layers[-3](wide / 255.0)
    wanted = old.layers[-1](old.layers[-2](features))
    np.testing.assert_allclose(model.network_at(16, 32)(wide), wanted, atol=1e-5)


def test_scaling_in_the_graph_is_seen(tmp_path: Path) -> None:
    old = randomised(NETWORKS["transfer_partly_frozen"]())
    old.save(tmp_path / "scaled.h5")
    assert lg.load_model(tmp_path / "scaled.h5").preprocessing.name == "none"


def test_what_comes_out_is_an_ordinary_keras_model(tmp_path: Path) -> None:
    new = read_back(randomised(NETWORKS["teachable"]()), tmp_path / "teachable.h5")
    assert type(new) is keras.Sequential
    assert [type(each).__name__ for each in new.layers] == [
        "Rescaling",
        "Sequential",
        "Sequential",
        "Softmax",
    ]
    assert all(isinstance(each, keras.KerasTensor) for each in new.outputs)
