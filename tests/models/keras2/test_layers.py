"""Settings and layouts of older Keras versions, imitated by editing what tf-keras writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras2_networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")

import h5py  # noqa: E402
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402
from keras2_networks import (  # noqa: E402
    SIZE,
    L,
    assert_same_predictions,
    pictures,
    randomised,
    small_base,
)

import live_gradcam as lg  # noqa: E402
from live_gradcam.models.keras_files import read_keras_file  # noqa: E402

Config = dict[str, Any]


def saved(network: Any, path: Path, edit: Callable[[Config], None], version: str = "2.2.4-tf") -> Path:
    """Save a network and edit the configuration in the file."""
    network.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit(config)
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
    return path


def every_layer(config: Config, change: Callable[[Config], None]) -> None:
    """Apply a change to every stored layer, those inside of others too."""
    inner = config["config"]
    for layer in inner if isinstance(inner, list) else inner.get("layers", []):
        every_layer(layer, change)
    if isinstance(inner, dict) and isinstance(inner.get("layer"), dict):
        every_layer(inner["layer"], change)
    change(config)


def read(path: Path) -> Any:
    return read_keras_file(path, container="hdf5", allow_unsafe=False)


def conv_network(*layers: Any) -> Any:
    return tf_keras.Sequential(
        [
            L.Conv2D(4, 3, input_shape=SIZE),
            L.BatchNormalization(),
            *layers,
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ]
    )


def test_settings_that_came_and_went_change_nothing(tmp_path: Path) -> None:
    def change(layer: Config) -> None:
        kind, config = layer["class_name"], layer["config"]
        for key in ("module", "registered_name", "build_config"):
            layer.pop(key, None)
        if kind in ("DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"):
            config["groups"] = 1
        if kind == "BatchNormalization":
            layer["class_name"] = "BatchNormalizationV1"
            config |= {"axis": [3], "fused": True, "renorm": False, "virtual_batch_size": None}
        if kind == "Dense":
            config |= {"dtype": {"class_name": "Policy", "config": {"name": "float32"}}, "input_dim": None}
            config["kernel_regularizer"] = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.1}}
            config["kernel_initializer"] = {"class_name": "EfficientDense", "config": {"nonsense": 1}}
            config["kernel_constraint"] = {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}
        if kind == "LeakyReLU":
            config["alpha"] = {"class_name": "__numpy__", "config": {"value": 0.3, "dtype": "float32"}}
        if kind == "ReLU":
            config["max_value"] = {"type": "ndarray", "value": 6.0}
        if kind == "Dropout":
            layer["class_name"] = "FixedDropout"

    old = conv_network(
        L.DepthwiseConv2D(3),
        L.LeakyReLU(0.3),
        L.SeparableConv2D(4, 3),
        L.ReLU(6.0),
        L.Conv2DTranspose(3, 3),
        L.Dropout(0.5),
    )
    path = saved(randomised(old), tmp_path / "old.h5", lambda config: every_layer(config, change))
    assert_same_predictions(old, read(path), pictures(SIZE) / 255)


def test_a_setting_that_is_off_changes_nothing(tmp_path: Path) -> None:
    image = tf_keras.Input(SIZE)
    x = L.Reshape((-1, 4))(L.Conv2D(4, 3, strides=3)(image))
    old = randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling1D()(L.Attention()([x, x])))))

    def before_2_11(layer: Config) -> None:
        if layer["class_name"] == "Attention":
            layer["config"]["causal"] = False

    path = saved(old, tmp_path / "attention.h5", lambda config: every_layer(config, before_2_11), "2.8.0")
    assert_same_predictions(old, read(path), pictures(SIZE))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.long
def test_a_normalisation_keeps_what_it_was_adapted_to(tmp_path: Path, nested: bool) -> None:
    scaling = L.Normalization(name="scaling")
    scaling.adapt(pictures(SIZE))
    base = tf_keras.Sequential([L.Input(SIZE), scaling, L.Conv2D(4, 3)], name="base")
    base.trainable = not nested
    front = [base] if nested else base.layers
    old = tf_keras.Sequential([L.Input(SIZE), *front, L.GlobalAveragePooling2D(), L.Dense(2)])
    path = tmp_path / "adapted.h5"
    old.save(path)
    assert_same_predictions(old, read(path), pictures(SIZE))


def test_a_setting_that_changes_predictions_is_named(tmp_path: Path) -> None:
    def change(layer: Config) -> None:
        if layer["class_name"] == "Conv2D":
            layer["config"]["spin"] = 3

    path = saved(conv_network(), tmp_path / "spin.h5", lambda config: every_layer(config, change))
    with pytest.raises(
        lg.ModelError, match=r"\(Conv2D\) has the setting spin=3, which Keras 3 does not have\. Load the file"
    ) as caught:
        lg.load_model(path)
    assert len(str(caught.value)) <= 400 + len(str(path))


def test_a_sequential_of_keras_2_0_is_a_list_of_layers(tmp_path: Path) -> None:
    def edit(config: Config) -> None:
        config["config"] = [each for each in config["config"]["layers"] if each["class_name"] != "InputLayer"]
        config["config"][0]["config"]["batch_input_shape"] = [None, *SIZE]

    old = randomised(conv_network())
    new = read(saved(old, tmp_path / "list.h5", edit, "2.0.6"))
    assert new.input_shape == (None, *SIZE)
    assert_same_predictions(old, new, pictures(SIZE) / 255)


def test_a_sequential_that_begins_with_a_network_needs_no_input_of_its_own(tmp_path: Path) -> None:
    def edit(config: Config) -> None:
        config["config"]["layers"] = config["config"]["layers"][1:]
        config["config"]["layers"][0]["class_name"] = "Model"

    old = randomised(tf_keras.Sequential([small_base(), L.Flatten(), L.Dense(2)]))
    assert_same_predictions(old, read(saved(old, tmp_path / "model.h5", edit)), pictures(SIZE) / 255)


@pytest.mark.long
def test_hard_sigmoid_is_that_of_keras_2(tmp_path: Path) -> None:
    def change(layer: Config) -> None:
        if layer["class_name"] in ("LSTM", "GRU"):
            del layer["config"]["recurrent_activation"]  # as before Keras wrote it down
            layer["config"].pop("reset_after", None)

    image = tf_keras.Input((4, 6))
    both = L.Bidirectional(L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True))(image)
    x = L.GRU(3, recurrent_activation="hard_sigmoid", reset_after=False)(both)
    old = randomised(tf_keras.Model(image, L.Dense(2)(x)))
    new = read(saved(old, tmp_path / "lstm.h5", lambda config: every_layer(config, change)))
    assert_same_predictions(old, new, np.random.default_rng(0).normal(0, 2, (3, 4, 6)).astype(np.float32))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.long
def test_weights_of_cudnn_layers_are_converted(tmp_path: Path, kind: str) -> None:
    """A CuDNN layer keeps each gate's kernels transposed, and two sets of biases."""
    gates = {"LSTM": 4, "GRU": 3}[kind]
    image = tf_keras.Input((4, 6))
    x = L.Bidirectional(getattr(L, kind)(3))(image)
    old = randomised(tf_keras.Model(image, L.Dense(2)(x)))

    def edit(config: Config) -> None:
        def change(layer: Config) -> None:
            if layer["class_name"] == kind:
                layer["class_name"] = f"CuDNN{kind}"
                for key in ("activation", "recurrent_activation", "reset_after", "implementation", "unroll"):
                    layer["config"].pop(key, None)

        every_layer(config, change)

    path = saved(old, tmp_path / "cudnn.h5", edit)
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        (home,) = [each for each in group if "bidirectional" in each]
        for name in map(str, group[home].attrs["weight_names"]):
            value = np.asarray(group[home][name])
            if "bias" in name:
                both = value if kind == "GRU" else np.stack([0.25 * value, 0.75 * value])
                new = both.reshape(-1)
            else:
                turn = np.transpose if "recurrent" in name else cudnn
                new = np.concatenate([turn(part) for part in np.split(value, gates, axis=1)], axis=1)
            del group[home][name]
            group[home][name] = new.astype(np.float32)
    inputs = np.random.default_rng(0).normal(0, 1, (3, 4, 6)).astype(np.float32)
    assert_same_predictions(old, read(path), inputs)


def cudnn(kernel: Any) -> Any:
    """Return a gate's input kernel as cuDNN keeps it: (units, inputs) in memory, under the shape of Keras."""
    return np.ascontiguousarray(kernel.T).reshape(kernel.shape)


def test_the_scaled_branches_of_inception_resnet_need_no_code(tmp_path: Path) -> None:
    """They were Lambda layers until Keras 2.12."""
    image = tf_keras.Input(SIZE)
    x = L.Conv2D(4, 3, padding="same")(image)
    y = L.Conv2D(4, 1)(x)
    x = L.Lambda(
        lambda inputs, scale: inputs[0] + inputs[1] * scale, arguments={"scale": 0.17}, name="block35_1"
    )([x, y])
    old = randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(x))))
    new = read(saved(old, tmp_path / "irv2.h5", lambda _: None))
    assert_same_predictions(old, new, pictures(SIZE) / 255)


def test_mixed_precision_keeps_its_policy(tmp_path: Path) -> None:
    policy = tf_keras.mixed_precision.Policy("mixed_float16")
    image = tf_keras.Input(SIZE)
    x = L.GlobalAveragePooling2D(dtype=policy)(L.Conv2D(4, 3, dtype=policy)(image))
    old = randomised(tf_keras.Model(image, L.Dense(2, dtype="float32")(x)))
    old.save(tmp_path / "mixed.keras")
    new = read_keras_file(tmp_path / "mixed.keras", container="zip", allow_unsafe=False)
    assert [each.dtype_policy.name for each in new.layers[1:]] == [
        "mixed_float16",
        "mixed_float16",
        "float32",
    ]
    assert_same_predictions(old, new, pictures(SIZE) / 255, tolerance=1e-3)  # of half precision


def test_an_operation_of_a_graph_of_tensorflow_2_1_is_run(tmp_path: Path) -> None:
    """`x / 127.5 - 1` was two TensorFlowOpLayers from 1.13 to 2.3, each with its constant."""
    image = tf_keras.Input(SIZE, name="image")
    x = L.Rescaling(1 / 127.5, name="scaled")(image)
    x = L.Rescaling(1.0, offset=-1.0, name="moved")(x)
    old = randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(x)))))

    def change(layer: Config) -> None:
        operation, constant = {"scaled": ("RealDiv", 127.5), "moved": ("Sub", 1.0)}.get(
            layer["config"]["name"], (None, 0)
        )
        if operation is not None:
            layer["class_name"] = "TensorFlowOpLayer"
            layer["config"] = {
                "name": layer["config"]["name"],
                "trainable": True,
                "dtype": "float32",
                "node_def": {
                    "name": operation.lower(),
                    "op": operation,
                    "input": ["image", "y"],
                    "attr": {"T": {"type": "DT_FLOAT"}},
                },
                "constants": {"1": constant},
            }

    path = saved(old, tmp_path / "op.h5", lambda config: every_layer(config, change))
    assert_same_predictions(old, read(path), pictures(SIZE))


@pytest.mark.parametrize(
    "symbol", ["io.read_file", "py_function", "numpy_function", "raw_ops.ReadFile", "math.__doc__"]
)
def test_functions_that_do_more_than_compute_are_refused(tmp_path: Path, symbol: str) -> None:
    image = tf_keras.Input(SIZE)
    network = tf_keras.Model(image, tf.nn.relu(image))

    def change(layer: Config) -> None:
        if layer["class_name"] == "TFOpLambda":
            layer["config"]["function"] = symbol

    path = saved(network, tmp_path / "evil.h5", lambda config: every_layer(config, change))
    with pytest.raises(
        lg.ModelError, match=f"calls the function 'tf.{symbol}', which is not run from model files"
    ):
        lg.load_model(path)


def test_well_known_custom_objects_are_known(tmp_path: Path) -> None:
    def change(layer: Config) -> None:
        if layer["class_name"] == "Activation":
            layer["config"]["activation"] = "get_swish.<locals>.swish"
        if layer["config"].get("activation") == "elu":
            layer["config"]["activation"] = {
                "module": "builtins",
                "class_name": "function",
                "config": "relu6",
                "registered_name": "function",
            }

    old = conv_network(L.Activation("swish"), L.Conv2D(3, 3, activation="elu"))
    path = saved(randomised(old), tmp_path / "custom.h5", lambda config: every_layer(config, change))
    new = read(path)
    old.layers[3].activation = tf.nn.relu6
    assert_same_predictions(old, new, pictures(SIZE) / 255)


def test_unknown_classes_and_functions_name_themselves_and_the_remedy(tmp_path: Path) -> None:
    def unknown(layer: Config) -> None:
        if layer["class_name"] == "BatchNormalization":
            layer["class_name"] = "My>SquirrelNorm"

    path = saved(conv_network(), tmp_path / "unknown.h5", lambda config: every_layer(config, unknown))
    message = r"is a 'SquirrelNorm', which Keras does not know: .* use --model module:function"
    with pytest.raises(lg.ModelError, match=message):
        lg.load_model(path)

    def function(layer: Config) -> None:
        if layer["class_name"] == "Conv2D":
            layer["config"]["activation"] = "squirrel"

    path = saved(conv_network(), tmp_path / "function.h5", lambda config: every_layer(config, function))
    with pytest.raises(
        lg.ModelError, match=r"uses the activation function 'squirrel', which Keras does not have"
    ):
        lg.load_model(path)

    def hub(layer: Config) -> None:
        if layer["class_name"] == "BatchNormalization":
            layer["class_name"] = "KerasLayer"

    path = saved(conv_network(), tmp_path / "hub.h5", lambda config: every_layer(config, hub))
    with pytest.raises(lg.ModelError, match=r"is a TensorFlow Hub layer: .* save it with model\.export"):
        lg.load_model(path)


def test_a_class_that_the_user_registered_is_used(tmp_path: Path) -> None:
    class Doubling(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
        def call(self, x: Any) -> Any:
            return x * 2

    def change(layer: Config) -> None:
        if layer["class_name"] == "ReLU":
            layer |= {
                "class_name": "Doubling",
                "config": {"name": "doubling", "trainable": True, "dtype": "float32"},
            }

    old = conv_network(L.ReLU(name="doubling"))
    path = saved(randomised(old), tmp_path / "own.h5", lambda config: every_layer(config, change))
    with keras.saving.custom_object_scope({"Doubling": Doubling}):
        new = read(path)
    x = pictures(SIZE) / 255
    features = old.layers[1](old.layers[0](x))
    np.testing.assert_allclose(new(x), old.layers[-1](old.layers[-2](2 * features)), atol=1e-5)


def test_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    def cut(config: Config) -> None:
        config["config"]["layers"] = config["config"]["layers"][:1] + [{"class_name": "Dense"}]

    def circle(config: Config) -> None:
        layers = config["config"]["layers"]
        layers[1]["inbound_nodes"] = [[[layers[-1]["name"], 0, 0, {}]]]

    def lost(config: Config) -> None:
        config["config"]["layers"][2]["inbound_nodes"] = [[["nobody", 0, 0, {}]]]

    for number, edit in enumerate((cut, circle, lost)):
        path = saved(small_base(), tmp_path / f"damaged{number}.h5", edit)
        with pytest.raises(lg.ModelError) as caught:
            lg.load_model(path)
        assert "\n" not in str(caught.value)
    assert "configuration is damaged" in str(caught.value)
