"""What can be loaded, and what is said of what cannot."""

from __future__ import annotations

import gc
import logging
import urllib.error
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import nested_network, picture, pooled_network, sequential_network, subclassed_network

import live_gradcam as lg
from live_gradcam.models import zoo
from live_gradcam.models.preprocessing import preprocessing_named


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("imagenet-caffe", keras.applications.vgg16),
        ("imagenet-caffe", keras.applications.resnet),
        ("tf", keras.applications.mobilenet_v2),
        ("tf", keras.applications.inception_v3),
        ("torch", keras.applications.densenet),
        ("none", keras.applications.efficientnet),
    ],
)
def test_preprocessing_equals_keras_own_on_rgb(name: str, application: Any) -> None:
    bgr = picture(8, 8)
    expected = application.preprocess_input(bgr[None, ..., ::-1].astype(np.float32))
    np.testing.assert_allclose(preprocessing_named(name)(bgr[None]), expected, rtol=1e-5, atol=1e-4)


def test_every_entry_of_the_zoo_is_an_application_with_its_preprocessing() -> None:
    for entry in zoo.CATALOGUE:
        lite = zoo.lite_named(entry.name) is not None
        assert lite or callable(getattr(keras.applications, str(entry.builder))), entry.name
        preprocessing_named(entry.preprocessing)
    assert [entry.name for entry in zoo.CATALOGUE if entry.builder is None] == [
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
    ]


def test_names_of_the_zoo_forgive_case_and_hyphens() -> None:
    entry = zoo.entry_like("EfficientNet_B0")
    assert entry is not None
    assert entry.name == "efficientnet-b0"


def test_an_unknown_model_lists_the_nearest() -> None:
    with pytest.raises(lg.ModelError, match=r"unknown model 'vgg61'\. Did you mean vgg\d+ or vgg\d+\?"):
        lg.load_model("vgg61")


def test_weights_that_cannot_be_downloaded_say_where_to_put_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline)
    with pytest.raises(lg.ModelError, match=r"MobileNet|mobilenet") as caught:
        lg.load_model("mobilenet")
    message = str(caught.value)
    assert "cannot be downloaded" in message
    assert (
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_1_0_224_tf.h5"
        in message
    )
    assert f"put it into {tmp_path / 'models'};" in message
    assert "\n" not in message


@pytest.mark.long
def test_weights_placed_where_the_download_would_put_them_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(3)
    original = keras.applications.MobileNet(weights=None)
    placed = tmp_path / "models" / "mobilenet_1_0_224_tf.h5"
    placed.parent.mkdir()
    original.save(placed)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    # Keras knows the published file's digest, which these random weights cannot have.
    monkeypatch.setattr(
        "keras.src.utils.file_utils.validate_file", lambda path, *_, **__: Path(path) == placed
    )
    model = lg.load_model("MobileNet")
    assert (model.name, model.preprocessing.name) == ("mobilenet", "tf")
    assert model.labels[285] == "Egyptian cat"
    np.testing.assert_array_equal(model.network.get_weights()[0], original.get_weights()[0])


def test_a_keras_model_is_used_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    network = pooled_network()
    with caplog.at_level(logging.WARNING):
        model = lg.load_model(network)
    assert model.network is network
    assert model.labels.names == ("class 0", "class 1", "class 2", "class 3")
    assert model.input_size == (16, 16)
    assert "pixels are scaled to 0 to 1, a guess" in caplog.text


@pytest.mark.long
def test_a_keras_model_that_the_zoo_knows_gets_its_scaling_and_labels() -> None:
    model = lg.load_model(keras.applications.MobileNetV2(weights=None, alpha=0.35))
    assert (model.preprocessing.name, model.labels[285]) == ("tf", "Egyptian cat")
    vgg_like = keras.Model(*_vgg_ends(), name="vgg16")
    assert lg.load_model(vgg_like).preprocessing.name == "imagenet-caffe"
    assert lg.load_model(vgg_like).layer is None  # it has none of that name


def _vgg_ends() -> tuple[Any, Any]:
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3)(image)
    return image, keras.layers.Dense(1000, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))


def test_a_model_with_a_rescaling_layer_gets_raw_pixels() -> None:
    image = keras.Input((16, 16, 3))
    inner = keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)], name="base")
    x = keras.layers.GlobalAveragePooling2D()(inner(image))
    network = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    assert lg.load_model(network).preprocessing.name == "none"


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_is_loaded_with_the_users_labels(tmp_path: Path, suffix: str) -> None:
    network = pooled_network()
    path = tmp_path / f"mine{suffix}"
    network.save(path)
    model = lg.load_model(path, labels=["a", "b", "c", "d"], preprocess="unit")
    assert (model.name, model.labels.names) == (path.name, ("a", "b", "c", "d"))
    x = np.random.default_rng(0).random((1, 16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(model.network(x), network(x))


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.keras"
    broken.write_text("this is no model")
    text = tmp_path / "model.txt"
    text.write_text("hello")
    with pytest.raises(
        lg.ModelError, match=r"broken\.keras is no model of a known kind: it begins with 'this is no model'"
    ):
        lg.load_model(broken)
    with pytest.raises(lg.ModelError, match=r"there is no model file .*missing\.h5"):
        lg.load_model(tmp_path / "missing.h5")
    with pytest.raises(
        lg.ModelError, match=r"model\.txt is no model of a known kind: it begins with 'hello'"
    ):
        lg.load_model(text)


def test_labels_must_be_as_many_as_the_classes() -> None:
    with pytest.raises(lg.ModelError, match="has 4 classes but 3 labels were given"):
        lg.load_model(pooled_network(), labels=["a", "b", "c"])


@pytest.mark.long
def test_the_class_names_of_a_model_that_the_zoo_knows_are_shown_in_chinese() -> None:
    network = keras.applications.MobileNetV2(weights=None)
    model = lg.load_model(network, lang="zh")
    assert model.labels[285] == "埃及猫"
    assert lg.load_model(model).labels[285] == "埃及猫"
    assert lg.load_model(model, labels=[f"n{i}" for i in range(1000)]).labels[285] == "n285"


@pytest.mark.parametrize("labels", [None, ["a", "b", "c", "d"]])
def test_the_names_of_a_users_own_classes_are_not_translated(labels: list[str] | None) -> None:
    english = lg.load_model(pooled_network(), labels=labels, preprocess="unit")
    chinese = lg.load_model(pooled_network(), labels=labels, preprocess="unit", lang="zh")
    assert chinese.labels == english.labels


def test_a_model_without_a_picture_is_refused() -> None:
    network = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    with pytest.raises(lg.ModelError, match=r"pictures \(batch, height, width, 3\) are needed"):
        lg.load_model(network)


def test_a_sequential_without_weights_is_built_for_its_input_and_nothing_else_changes() -> None:
    network = sequential_network(built=False)
    names = [layer.name for layer in network.layers]
    model = lg.load_model(network, preprocess="unit")
    assert model.network is network
    assert model.input_size == (224, 224)
    assert network.input_shape == (None, 224, 224, 3)
    assert [layer.name for layer in network.layers] == names
    assert not network.compiled
    assert len(model.labels) == 4
    again = lg.load_model(network, preprocess="unit")
    assert again.input_size == (224, 224)


def test_a_sequential_takes_the_size_of_the_network_or_the_data_it_began_with() -> None:
    alone = keras.Sequential([nested_network()])
    assert lg.load_model(alone, preprocess="unit").input_size == (16, 16)
    called = sequential_network(built=False)
    called(np.zeros((1, 20, 24, 3), np.float32))
    model = lg.load_model(called, preprocess="unit")
    assert model.input_size == (20, 24)
    assert model.forward(called, np.zeros((3, 20, 24, 3), np.float32)).shape == (3, 4)


def test_a_sequential_that_cannot_be_built_says_so() -> None:
    network = keras.Sequential([keras.layers.Dense(2), keras.layers.Conv3D(2, 3)])
    with pytest.raises(
        lg.ModelError, match=r"has no input yet and cannot be built for 224×224 pixels: "
    ) as e:
        lg.load_model(network, preprocess="unit")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("size", "expected"), [(None, 224), (16, 16)])
def test_a_subclassed_network_is_taken_at_the_size_it_was_built_for(size: int | None, expected: int) -> None:
    network = subclassed_network(size=size)
    model = lg.load_model(network, preprocess="unit")
    assert model.input_size == (expected, expected)
    assert model.labels.names == ()
    assert model.network_at(48, 64) is network
    pixels = np.zeros((2, expected, expected, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(model.forward(network, pixels)), np.asarray(network(pixels)))


@pytest.mark.long
def test_a_network_is_not_changed_by_loading_or_running_it() -> None:
    """Not even what Keras's own inference changes: the count of a random layer, the loss of a regulariser."""
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    x = layers.Dropout(0.5)(layers.RandomFlip()(layers.Rescaling(1 / 255)(image)))
    x = layers.Conv2D(4, 3, activity_regularizer="l2")(x)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    network = keras.Model(image, layers.Dense(3, activation="softmax")(x))
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(picture()[None].astype(np.float32), np.zeros(1), verbose=0)
    config, compiled = network.get_config(), network.get_compile_config()
    kept = [*network.variables, *network.optimizer.variables, *network.metrics_variables]
    state = [each.numpy() for each in kept]
    model = lg.load_model(network)
    signature = [tf.TensorSpec((None, 16, 16, 3), tf.uint8)]
    run = tf.function(
        lambda images: model.forward(model.network_at(16, 16), model.preprocessing(images)),
        signature,
        autograph=False,
    )
    output = run(picture()[None])
    model.network_at(32, 32)
    assert (network.get_config(), network.get_compile_config()) == (config, compiled)
    assert all(hasattr(loss, "numpy") for loss in network.losses), "a tensor of the graph stayed behind"
    for before, after in zip(state, kept, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    alone = network(picture()[None, ..., ::-1].astype(np.float32), training=False)
    np.testing.assert_allclose(output, alone, rtol=1e-5)


@pytest.mark.long
def test_models_can_be_made_and_dropped_without_growth() -> None:
    network = pooled_network()
    nested = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), nested_network()])

    def objects_after(times: int) -> int:
        for _ in range(times):
            lg.load_model(network, preprocess="unit")
            lg.load_model(nested)
        gc.collect()
        return len(gc.get_objects())

    before = objects_after(20)
    assert objects_after(200) - before < 200  # less than one for each


def test_a_model_keeps_nothing_alive_but_its_network() -> None:
    network = pooled_network()
    model = lg.load_model(network, preprocess="unit")
    watched = weakref.ref(network)
    del network, model
    gc.collect()
    assert watched() is None


def test_the_device_is_the_cpu_or_an_error_that_counts_the_gpus() -> None:
    from live_gradcam.models.devices import choose_device

    assert choose_device("cpu") == "CPU"
    gpus = len(tf.config.list_physical_devices("GPU"))
    with pytest.raises(lg.DeviceError, match=f"there is no device gpu:{gpus + 3}"):
        choose_device(f"gpu:{gpus + 3}")
    with pytest.raises(lg.DeviceError, match=r"unknown device 'tpu'\. Valid: auto, cpu, gpu:0"):
        choose_device("tpu")
