"""Files of Keras 1: other words, other kernels, gates apart; and files that Theano computed with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt
import pytest

import live_gradcam as lg
from live_gradcam.models.keras2.keras1 import as_keras_2, is_of_keras_1
from live_gradcam.models.keras_files import read_keras_file

Array = npt.NDArray[Any]
Layer = tuple[str, dict[str, Any], Sequence[tuple[str, Array]]]
"""Class, settings, and name and value of each weight."""

RANDOM = np.random.default_rng(0)


def weight(*shape: int) -> Array:
    return RANDOM.normal(0, 0.4, shape).astype(np.float32)


def statistics(count: int) -> Array:
    return RANDOM.uniform(0.5, 1.5, count).astype(np.float32)


def written(path: Path, layers: Sequence[Layer], *, version: str | None = "1.2.2") -> Path:
    """Write a `Sequential` as `keras.models.save_model` of Keras 1 did."""
    config: list[dict[str, Any]] = [
        {"class_name": kind, "config": {"name": f"{kind.lower()}_{place}", "trainable": True, **settings}}
        for place, (kind, settings, _) in enumerate(layers)
    ]
    names = [each["config"]["name"] for each in config]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config}).encode()
        if version is not None:
            file.attrs["keras_version"] = version.encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name, (_, _, weights) in zip(names, layers, strict=True):
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}_{each}".encode() for each, _ in weights]
            for each, value in weights:
                inner[f"{name}_{each}"] = value
    return path


def read(path: Path) -> Any:
    return read_keras_file(path, container="hdf5", allow_unsafe=False)


def convolution(kernel: Array, order: str, **settings: Any) -> dict[str, Any]:
    """Return what Keras 1 stored of a `Convolution2D` with this kernel (rows, columns, channels, filters)."""
    rows, columns, _, filters = kernel.shape
    return {
        "nb_filter": filters,
        "nb_row": rows,
        "nb_col": columns,
        "subsample": [1, 1],
        "border_mode": "valid",
        "dim_ordering": order,
        "init": "glorot_uniform",
        "activation": "linear",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
        "b_regularizer": None,
        "W_constraint": None,
        "b_constraint": None,
        "activity_regularizer": None,
        "bias": True,
        **settings,
    }


def dense(units: int, activation: str) -> dict[str, Any]:
    return {
        "output_dim": units,
        "init": "he_normal",
        "activation": activation,
        "bias": True,
        "input_dim": None,
    }


@pytest.mark.parametrize("order", ["tf", "th"])
def test_a_picture_network_of_keras_1_predicts_what_its_weights_say(
    tmp_path: Path, order: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = weight(3, 5, 3, 6), weight(2, 2, 6, 4), weight(4 * 7 * 5, 3)
    biases = weight(6), weight(3)
    gamma, beta, mean, variance = statistics(6), weight(6), weight(6), statistics(6)
    is_th = order == "th"

    def stored(kernel: Array) -> Array:
        return kernel.transpose(3, 2, 0, 1) if is_th else kernel

    shape = [None, 3, 16, 20] if is_th else [None, 16, 20, 3]
    path = written(
        tmp_path / "model.h5",
        [
            (
                "Convolution2D",
                convolution(first, order, subsample=[1, 2], activation="relu", batch_input_shape=shape),
                [("W:0", stored(first)), ("b:0", biases[0])],
            ),
            (
                "BatchNormalization",
                {"mode": 0, "axis": 1 if is_th else -1, "epsilon": 1e-3, "momentum": 0.9, "beta_init": 0.0},
                [("gamma", gamma), ("beta", beta), ("running_mean", mean), ("running_std", variance)],
            ),
            ("ZeroPadding2D", {"padding": [1, 1]}, []),
            ("SpatialDropout2D", {"p": 0.3}, []),
            ("Convolution2D", convolution(second, order, bias=False, border_mode="same"), [("W:0", stored(second))]),
            ("MaxPooling2D", {"pool_size": [2, 2], "border_mode": "valid", "dim_ordering": order}, []),
            ("Cropping2D", {"cropping": [[1, 0], [0, 0]]}, []),
            ("Dropout", {"p": 0.5}, []),
            ("Flatten", {}, []),
            ("Dense", dense(3, "softmax"), [("W:0", third), ("b:0", biases[1])]),
        ],
    )  # fmt: skip
    network = lg.load_model(path, preprocess="none").network
    assert ("set the attribute backend of the file to 'theano'" in caplog.text) is is_th
    pixels = RANDOM.uniform(0, 1, (2, 16, 20, 3)).astype(np.float32)

    layers = keras.layers
    flat = [layers.Permute((3, 1, 2))] if is_th else []
    expected = keras.Sequential(
        [
            keras.Input((16, 20, 3)),
            layers.Conv2D(6, (3, 5), strides=(1, 2), activation="relu"),
            layers.BatchNormalization(epsilon=1e-3),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 2, padding="same", use_bias=False),
            layers.MaxPooling2D(2),
            layers.Cropping2D(((1, 0), (0, 0))),
            *flat,
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rows = expected.layers[-1].kernel.shape[0]
    assert rows == third.shape[0]
    expected.set_weights([first, biases[0], gamma, beta, mean, variance, second, third, biases[1]])
    np.testing.assert_allclose(network(pixels, training=False), expected(pixels, training=False), atol=1e-6)


def test_a_file_without_a_version_is_of_keras_1_by_its_words(tmp_path: Path) -> None:
    kernel = weight(3, 3, 1, 2)
    settings = convolution(kernel, "tf", batch_input_shape=[None, 8, 8, 1])
    path = written(
        tmp_path / "model.h5", [("Convolution2D", settings, [("W", kernel), ("b", weight(2))])], version=None
    )
    assert read(path).output_shape == (None, 6, 6, 2)
    assert not is_of_keras_1({"class_name": "Dense", "config": {"units": 3}}, None)
    assert not is_of_keras_1({}, b"2.0.4")


def test_the_gates_of_a_recurrent_layer_of_keras_1_are_joined(tmp_path: Path) -> None:
    gates = {
        kind + gate: weight(*shape)
        for gate in "icfo"
        for kind, shape in (("W", (6, 4)), ("U", (4, 4)), ("b", (4,)))
    }
    settings = {
        "output_dim": 4,
        "activation": "tanh",
        "inner_activation": "hard_sigmoid",
        "inner_init": "orthogonal",
        "forget_bias_init": "one",
        "consume_less": "cpu",
        "dropout_W": 0.0,
        "dropout_U": 0.0,
        "return_sequences": False,
        "input_dim": 6,
        "batch_input_shape": [None, 5, 6],
    }
    weights = [(f"{name[0]}_{name[1]}:0", value) for name, value in gates.items()]
    network = read(written(tmp_path / "model.h5", [("LSTM", settings, weights)]))
    rows = RANDOM.normal(size=(2, 5, 6)).astype(np.float32)

    def gate(name: str, row: Array, state: Array) -> Array:
        return np.asarray(row @ gates[f"W{name}"] + state @ gates[f"U{name}"] + gates[f"b{name}"])

    def hard_sigmoid(x: Array) -> Array:
        return np.asarray(np.clip(0.2 * x + 0.5, 0, 1))

    state, cell = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)
    for row in rows.transpose(1, 0, 2):
        kept, added = hard_sigmoid(gate("f", row, state)), hard_sigmoid(gate("i", row, state))
        cell = kept * cell + added * np.tanh(gate("c", row, state))
        state = hard_sigmoid(gate("o", row, state)) * np.tanh(cell)
    np.testing.assert_allclose(network(rows), state, atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "class_name"),
    [("sum", "Add"), ("mul", "Multiply"), ("ave", "Average"), ("max", "Maximum"), ("concat", "Concatenate")],
)
def test_a_merge_of_keras_1_is_the_layer_that_does_the_same(mode: str, class_name: str) -> None:
    config = {"name": "merge_1", "mode": mode, "mode_type": "raw", "concat_axis": 3, "dot_axes": -1}
    translated = as_keras_2({"class_name": "Merge", "config": config, "inbound_nodes": []})
    axis = {"axis": 3} if mode == "concat" else {}
    assert translated == {
        "class_name": class_name,
        "config": {"name": "merge_1", **axis},
        "inbound_nodes": [],
    }


@pytest.mark.parametrize(
    ("class_name", "config", "words"),
    [
        (
            "Merge",
            {"mode": "cos"},
            "joins its inputs with 'cos'; only sum, mul, ave, max and concat are supported",
        ),
        ("BatchNormalization", {"mode": 2, "axis": -1}, "has mode 1 or 2, which only Keras 1 has"),
    ],
)
def test_what_only_keras_1_computes_is_refused(class_name: str, config: dict[str, Any], words: str) -> None:
    with pytest.raises(lg.ModelError, match=words):
        as_keras_2({"class_name": class_name, "config": {"name": "layer_1", **config}})


def test_kernels_of_theano_are_turned_by_half_a_turn(tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    layers = tf_keras.layers
    network = tf_keras.Sequential(
        [
            layers.Conv2D(4, (3, 2), input_shape=(12, 12, 3)),
            layers.SeparableConv2D(3, 3),
            layers.Conv2DTranspose(2, 3, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    path = tmp_path / "theano.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["backend"] = "theano"

        def turn(name: str, item: Any) -> None:
            if name.endswith("kernel:0") and item.ndim == 4:
                item[...] = item[()][::-1, ::-1]

        file["model_weights"].visititems(
            lambda name, item: turn(name, item) if hasattr(item, "ndim") else None
        )
    pixels = RANDOM.uniform(0, 1, (2, 12, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(read(path)(pixels), network(pixels), atol=1e-6)
