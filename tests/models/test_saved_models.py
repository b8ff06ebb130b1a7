"""SavedModel folders and frozen graphs: the same predictions and heat as the same network loaded by Keras."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import picture

import live_gradcam as lg
from live_gradcam.explain.layer_table import layer_table

tf_keras = pytest.importorskip("tf_keras", reason="Keras 2 writes the SavedModels that people have")

SIZE = 48


def with_spread_weights(network: Any, seed: int = 0) -> Any:
    """Give a network weights that make every layer matter: no variance zero or negative."""
    generator = np.random.default_rng(seed)
    values = []
    for weight in network.weights:
        name = getattr(weight, "path", weight.name)
        if "variance" in name or "gamma" in name:
            values.append(generator.uniform(0.5, 1.5, weight.shape))
        elif len(weight.shape) > 1:
            fan = np.prod(weight.shape[:-1])
            values.append(generator.normal(0, 1.5 / np.sqrt(fan), weight.shape))
        else:
            values.append(generator.normal(0, 0.1, weight.shape))
    network.set_weights([np.asarray(value, np.float32) for value in values])
    return network


def vgg_like(library: Any) -> Any:
    """Convolutions with names as VGG16's, in Keras 2 or 3."""
    layers = library.layers
    image = layers.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, activation="relu", padding="same", name="block1_conv1")(image)
    x = layers.MaxPooling2D(name="block1_pool")(x)
    x = layers.Conv2D(12, 3, activation="relu", padding="same", name="block5_conv3")(x)
    x = layers.MaxPooling2D(name="block5_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(16, activation="relu", name="fc1")(x)
    return library.Model(image, layers.Dense(5, activation="softmax", name="predictions")(x), name="vgg_like")


def mobile(library: Any) -> Any:
    return library.applications.MobileNetV2((SIZE, SIZE, 3), alpha=0.35, weights=None, classes=5)


def efficient(library: Any) -> Any:
    """With swish, for which Keras 2 registers a gradient of its own, and squeeze-and-excitation."""
    return library.applications.EfficientNetB0(weights=None, input_shape=(SIZE, SIZE, 3), classes=5)


def transfer(library: Any) -> Any:
    base = library.applications.MobileNet((SIZE, SIZE, 3), alpha=0.25, include_top=False, weights=None)
    layers = library.layers
    return library.Sequential(
        [base, layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(3, activation="softmax")]
    )


FRAMES = [picture(60, 80, seed) for seed in (0, 1)]


def assert_equal_explanations(found: Any, expected: Any, **settings: Any) -> None:
    """Compare two models on two frames: probabilities to 1e-5, maps to 1e-5 of their peak."""
    first, second = (lg.Explainer(model, **settings).explain_batch(FRAMES) for model in (found, expected))
    for mine, theirs in zip(first, second, strict=True):
        for top, other in zip(mine.top, theirs.top, strict=True):
            assert top.probability == pytest.approx(other.probability, abs=1e-5)
        assert mine.has_evidence == theirs.has_evidence
        peak = np.abs(theirs.raw_heatmap).max()
        np.testing.assert_allclose(mine.raw_heatmap, theirs.raw_heatmap, atol=1e-5 * peak)
    assert any(each.has_evidence for each in second)


def small_mobile(library: Any) -> Any:
    """Batch normalisation, depthwise convolutions, swish, squeeze-and-excitation, a skip, in a nested network."""
    layers = library.layers
    image = layers.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = first = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.Activation("swish", name="swish")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True, name="se_squeeze")(x)
    squeezed = layers.Conv2D(6, 1, activation="sigmoid", name="se_expand")(squeezed)
    x = layers.Multiply(name="se_excite")([x, squeezed])
    x = layers.Add(name="skip")([x, first])
    x = layers.SeparableConv2D(8, 3, padding="same", activation="swish", name="separable")(x)
    base = library.Model(image, layers.Concatenate(name="joined")([x, first]), name="base")
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(3, activation="softmax")]
    return library.Sequential([base, *head])


def recurrent(library: Any) -> Any:
    """A loop, whose variables are read in a function of its own, and a layer normalisation."""
    return looping(library, library.layers.LSTM(5, name="lstm"))


def gated(library: Any) -> Any:
    """A loop that is given its variables through operations that hand them on."""
    return looping(library, library.layers.GRU(5, activation="relu", name="gru"))


def looping(library: Any, loop: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Conv2D(6, 3, strides=4, activation="relu", name="features"),
            layers.LayerNormalization(name="norm"),
            layers.Reshape((-1, 6 * ((SIZE - 3) // 4 + 1))),
            loop,
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Any], Any]], tuple[Path, Any]]:
    """Gives the SavedModel of a network of Keras 2, which nobody changes, and that network: each is made once."""

    @cache
    def made(build: Callable[[Any], Any]) -> tuple[Path, Any]:
        old = with_spread_weights(build(tf_keras))
        folder = tmp_path_factory.mktemp(build.__name__) / "saved"
        old.save(folder, save_format="tf")
        return folder, old

    return made


@pytest.mark.parametrize(
    "build",
    [
        small_mobile,
        *(
            pytest.param(each, marks=pytest.mark.keras2)
            for each in (gated, vgg_like, recurrent, mobile, efficient, transfer)
        ),
    ],
)
@pytest.mark.long
def test_a_saved_model_of_keras_2_is_explained_like_the_network(
    saved: Callable[[Any], tuple[Path, Any]], build: Callable[[Any], Any]
) -> None:
    folder, old = saved(build)
    new = build(keras)
    new.set_weights(old.get_weights())
    found = lg.load_model(folder, preprocess="tf")
    x = np.random.default_rng(0).uniform(-1, 1, (2, SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(found.network(x), old(x, training=False), atol=1e-5)
    assert_equal_explanations(found, lg.load_model(new, preprocess="tf"))


@pytest.mark.long
def test_a_saved_model_of_keras_3_is_explained_like_the_network(tmp_path: Path) -> None:
    network = with_spread_weights(vgg_like(keras))
    network.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    found, expected = (lg.load_model(each, preprocess="tf") for each in (tmp_path / "saved", network))
    for method in ("gradcam++", "scorecam", "saliency"):
        assert_equal_explanations(found, expected, method=method)


@pytest.mark.keras2
@pytest.mark.long
def test_layers_of_a_saved_model_have_the_names_that_the_user_knows(
    saved: Callable[[Any], tuple[Path, Any]],
) -> None:
    folder, old = saved(vgg_like)
    new = vgg_like(keras)
    new.set_weights(old.get_weights())
    found, expected = (lg.load_model(each, preprocess="tf") for each in (folder, new))
    rows = {row.path.rpartition("/")[2]: row for row in layer_table(found) if row.explainable}
    assert list(rows) == ["block1_conv1", "block1_pool", "block5_conv3", "block5_pool"]
    assert (rows["block5_conv3"].kind, rows["block5_conv3"].shape) == ("Conv2D", "24×24×12")
    assert rows["block5_conv3"].automatic
    assert_equal_explanations(found, expected, layer="block1_conv1")
    assert_equal_explanations(found, expected, layer="block5_pool")
    with pytest.raises(lg.LayerError, match=r"unknown layer 'block5_conv4'\. Did you mean .*block5_conv3"):
        lg.Explainer(found, layer="block5_conv4").explain(FRAMES[0])


@pytest.mark.long
def test_the_file_saved_model_pb_means_its_folder_and_so_does_a_folder_around_it(
    saved: Callable[[Any], tuple[Path, Any]], tmp_path: Path
) -> None:
    """Teachable Machine's other export: labels.txt beside the folder model.savedmodel."""
    folder = tmp_path / "converted"
    shutil.copytree(saved(vgg_like)[0], folder / "model.savedmodel")
    (folder / "labels.txt").write_text("0 a\n1 b\n2 c\n3 d\n4 e\n")
    x = np.ones((1, SIZE, SIZE, 3), np.float32)
    whole = lg.load_model(str(folder / "model.savedmodel"), preprocess="tf")
    assert whole.name == "model.savedmodel"
    for name in (folder, folder / "model.savedmodel" / "saved_model.pb"):
        model = lg.load_model(str(name), preprocess="tf")
        np.testing.assert_array_equal(model.network(x), whole.network(x))
    assert lg.load_model(folder, folder / "labels.txt", preprocess="tf").labels.names == tuple("abcde")


class Home(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """A network without Keras: a convolution, global pooling, logits; pixels come as bytes."""

    def __init__(self) -> None:
        generator = np.random.default_rng(4)
        self.kernel = tf.Variable(generator.normal(0, 0.3, (3, 3, 3, 6)), dtype=tf.float32)
        self.dense = tf.Variable(generator.normal(0, 1, (6, 4)), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, 24, 24, 3), tf.uint8, name="pixels")])  # type: ignore[untyped-decorator]
    def __call__(self, pixels: Any) -> Any:
        x = tf.cast(pixels, tf.float32) / 127.5 - 1.0
        with tf.name_scope("features"):
            x = tf.nn.relu(tf.nn.conv2d(x, self.kernel, 2, "SAME"))
        return tf.reduce_mean(x, axis=(1, 2)) @ self.dense

    @tf.function(input_signature=[tf.TensorSpec((), tf.string, name="jpeg")])  # type: ignore[untyped-decorator]
    def of_file(self, jpeg: Any) -> Any:
        resized = tf.image.resize(tf.io.decode_jpeg(jpeg, 3)[None], (24, 24))
        return {"logits": self(tf.cast(resized, tf.uint8))}

    def as_keras(self) -> Any:
        image = keras.Input((24, 24, 3))
        x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
        features = keras.layers.Conv2D(6, 3, 2, "same", activation="relu", use_bias=False, name="features")
        dense = keras.layers.Dense(4, use_bias=False, name="logits")
        network = keras.Model(image, dense(keras.layers.GlobalAveragePooling2D()(features(x))))
        features.set_weights([self.kernel.numpy()])
        dense.set_weights([self.dense.numpy()])
        return network


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.long
def test_a_module_without_keras_is_explained_like_the_network(tmp_path: Path, signed: bool) -> None:
    module = Home()
    signatures = {"pixels": module.__call__} if signed else None
    tf.saved_model.save(module, str(tmp_path / "home"), signatures)
    found = lg.load_model(tmp_path / "home")
    assert found.preprocessing.name == "none"  # it takes bytes
    assert found.input_size == (24, 24)
    expected = lg.load_model(module.as_keras())
    assert expected.preprocessing.name == "none"
    assert_equal_explanations(found, expected)
    assert_equal_explanations(found, expected, method="saliency")


class Learner(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """As a model that learns on a phone: its step of training comes first among its functions."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Home()

    @tf.function(
        input_signature=[tf.TensorSpec((None, 24, 24, 3), tf.uint8), tf.TensorSpec((None, 4), tf.float32)]
    )  # type: ignore[untyped-decorator]
    def train(self, pixels: Any, answers: Any) -> Any:
        return {"loss": tf.reduce_mean((self.home(pixels) - answers) ** 2)}

    @tf.function(input_signature=[tf.TensorSpec((None, 24, 24, 3), tf.uint8)])  # type: ignore[untyped-decorator]
    def infer(self, pixels: Any) -> Any:
        return {"logits": self.home(pixels)}


def test_the_function_that_takes_a_picture_alone_is_explained_and_not_a_step_of_training(
    tmp_path: Path,
) -> None:
    module = Learner()
    signatures = {"train": module.train, "infer": module.infer}
    tf.saved_model.save(module, str(tmp_path / "learner"), signatures)
    found = lg.load_model(tmp_path / "learner")
    assert [each.shape for each in found.network.outputs] == [(None, 4)]
    assert found.feed.picture.name == "pixels"


@pytest.mark.long
def test_scaling_is_measured_in_front_of_the_first_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, (scale, shift, expected) in enumerate(
        [(1 / 255, 0.0, "none"), (2.0, -1.0, "unit"), (1 / 127.5, -1.0, "none"), (1.0, 0.0, "unit")]
    ):
        image = tf_keras.Input((16, 16, 3))
        x = tf_keras.layers.Rescaling(scale, shift)(image) if scale != 1 else image
        x = tf_keras.layers.Conv2D(4, 3)(tf_keras.layers.ZeroPadding2D()(x))
        network = tf_keras.Model(image, tf_keras.layers.GlobalAveragePooling2D()(x))
        network.save(tmp_path / str(number), save_format="tf")
        caplog.clear()
        assert lg.load_model(tmp_path / str(number)).preprocessing.name == expected
        assert ("pixels are scaled to 0 to 1, a guess" in caplog.text) == (scale == 1)


@pytest.mark.long
def test_a_known_family_in_a_saved_model_tells_its_scaling(tmp_path: Path) -> None:
    image = tf_keras.Input((16, 16, 3))
    x = tf_keras.layers.Conv2D(4, 3, name="Conv1")(image)
    x = tf_keras.layers.BatchNormalization(name="bn_Conv1")(x)
    x = tf_keras.layers.DepthwiseConv2D(3, name="expanded_conv_depthwise")(x)
    network = tf_keras.Model(image, tf_keras.layers.GlobalAveragePooling2D()(x))
    network.save(tmp_path / "saved", save_format="tf")
    assert lg.load_model(tmp_path / "saved").preprocessing.name == "tf"


@pytest.mark.long
def test_a_graph_that_pools_globally_takes_other_sizes_and_one_that_flattens_says_it_cannot(
    saved: Callable[[Any], tuple[Path, Any]],
) -> None:
    folder, old = saved(small_mobile)
    new = small_mobile(keras)
    new.set_weights(old.get_weights())
    found, expected = (lg.load_model(each, preprocess="tf") for each in (folder, new))
    assert_equal_explanations(found, expected, fit="wide")
    with pytest.raises(
        lg.ModelError, match=r"takes pictures of 48×48 pixels only, not 64×48\. Use --fit crop"
    ):
        lg.Explainer(lg.load_model(saved(vgg_like)[0], preprocess="tf"), fit="wide").explain(FRAMES[0])


# TensorFlow 1


def old_graph(
    *, cond: bool = False, encoded: bool = False, batch: int | None = None
) -> tuple[Any, list[str]]:
    """Write a graph as the tutorials of TensorFlow 1 do, freeze it, and return it with its output's name.

    Args:
        cond: with a training phase: a batch normalisation that `cond` switches, and dropout by `keep_prob`.
        encoded: whether it begins with the bytes of a JPEG, as Inception's does.
        batch: how many pictures it takes.
    """
    v1 = tf.compat.v1
    generator = np.random.default_rng(7)
    with tf.Graph().as_default():
        was_on = v1.control_flow_v2_enabled()
        v1.disable_control_flow_v2()
        try:
            if encoded:
                jpeg = v1.placeholder(tf.string, name="DecodeJpeg/contents")
                decoded = tf.cast(tf.image.decode_jpeg(jpeg, 3, name="DecodeJpeg"), tf.float32, name="Cast")
                image = tf.expand_dims(decoded, 0, name="ExpandDims")
                image = tf.compat.v1.image.resize_bilinear(image, (24, 24), name="ResizeBilinear")
                image = tf.multiply(tf.subtract(image, 128.0, name="Sub"), 1 / 128, name="Mul")
                batch = 1
            else:
                image = v1.placeholder(tf.float32, (batch, 24, 24, 3), name="input")
            kernel = v1.Variable(
                generator.normal(0, 0.3, (3, 3, 3, 6)).astype(np.float32), name="conv/kernel"
            )
            with v1.name_scope("conv"):
                x = tf.nn.conv2d(image, kernel, 2, "SAME")
            if cond:
                phase = v1.placeholder_with_default(False, (), name="keras_learning_phase")
                keep = v1.placeholder(tf.float32, (), name="keep_prob")
                scale, offset = generator.uniform(0.5, 1.5, 6), generator.normal(0, 0.2, 6)
                mean, variance = generator.normal(0, 0.2, 6), generator.uniform(0.5, 1.5, 6)
                numbers = [tf.constant(value, tf.float32) for value in (scale, offset, mean, variance)]

                def norm(training: bool) -> Any:
                    given = numbers[:2] if training else numbers
                    return v1.nn.fused_batch_norm(x, *given, is_training=training)[0]

                x = v1.cond(phase, lambda: norm(True), lambda: norm(False), name="bn/cond")
                x = v1.nn.relu(x, name="act/Relu")
                x = v1.nn.dropout(x, keep_prob=keep, name="drop")
            else:
                x = tf.nn.relu(x, name="conv/Relu")
            pooled = tf.reduce_mean(x, (1, 2), keepdims=True, name="pool")
            pooled = tf.reshape(pooled, (batch or -1, 6), name="pool/_reshape")
            dense = v1.Variable(generator.normal(0, 1, (6, 4)).astype(np.float32), name="final/weights")
            tf.nn.softmax(pooled @ dense, name="final_result")
            with v1.Session() as session:
                session.run(v1.global_variables_initializer())
                frozen = v1.graph_util.convert_variables_to_constants(
                    session, session.graph_def, ["final_result"]
                )
                values = session.run([kernel, dense])
        finally:
            if was_on:
                v1.enable_control_flow_v2()
    norms = (scale, offset, mean, variance) if cond else None
    return frozen, [*values, norms]


def as_keras(values: list[Any], *, front: Any = None) -> Any:
    """The same network in Keras."""
    kernel, dense, norms = values
    layers = keras.layers
    image = keras.Input((24, 24, 3))
    x = image if front is None else front(image)
    conv = layers.Conv2D(6, 3, 2, "same", use_bias=False, name="conv")
    head = layers.Dense(4, use_bias=False, activation="softmax", name="final")
    x = conv(x)
    if norms is not None:
        norm = layers.BatchNormalization(epsilon=1e-3, name="bn")
        x = norm(x)
        norm.set_weights([np.asarray(value, np.float32) for value in norms])
    network = keras.Model(image, head(layers.GlobalAveragePooling2D()(layers.ReLU(name="act")(x))))
    conv.set_weights([kernel])
    head.set_weights([dense])
    return network


@pytest.mark.parametrize(
    ("name", "cond"),
    [
        ("graph.pbtxt", True),
        *(
            pytest.param(*each, marks=pytest.mark.geometry)
            for each in (("retrained_graph.pb", False), ("graph.pbtxt", False))
        ),
        ("no_suffix", True),
    ],
)
@pytest.mark.long
def test_a_frozen_graph_is_explained_like_the_network(tmp_path: Path, name: str, cond: bool) -> None:
    graph, values = old_graph(cond=cond)
    text = name.endswith("txt")
    tf.io.write_graph(graph, str(tmp_path), name, as_text=text)
    found = lg.load_model(tmp_path / name, preprocess="tf")
    assert_equal_explanations(found, lg.load_model(as_keras(values), preprocess="tf"))
    explainer = lg.Explainer(found)
    explainer.explain(FRAMES[0])
    assert len(explainer.labels) == 4


def test_a_graph_made_for_one_picture_takes_several(tmp_path: Path) -> None:
    graph, values = old_graph(batch=1)
    tf.io.write_graph(graph, str(tmp_path), "one.pb", as_text=False)
    found = lg.load_model(tmp_path / "one.pb", preprocess="tf")
    assert_equal_explanations(found, lg.load_model(as_keras(values), preprocess="tf"))


def test_a_graph_that_begins_with_an_encoded_picture_is_fed_behind_its_decoder(tmp_path: Path) -> None:
    """Inception of 2015, and what retrain.py made of it."""
    graph, values = old_graph(encoded=True)
    tf.io.write_graph(graph, str(tmp_path), "output_graph.pb", as_text=False)
    found = lg.load_model(tmp_path / "output_graph.pb")
    assert (found.preprocessing.name, found.input_size) == ("none", (24, 24))
    front = keras.layers.Rescaling(1 / 128, -1.0)
    assert_equal_explanations(found, lg.load_model(as_keras(values, front=front)))


def test_a_saved_model_of_tensorflow_1_is_explained_like_the_network(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    generator = np.random.default_rng(7)
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, (None, 24, 24, 3), name="images")
        kernel = v1.get_variable(
            "kernel", initializer=generator.normal(0, 0.3, (3, 3, 3, 6)).astype(np.float32)
        )
        with v1.name_scope("conv"):
            x = tf.nn.relu(tf.nn.conv2d(image, kernel, 2, "SAME"))
        dense = v1.get_variable("dense", initializer=generator.normal(0, 1, (6, 4)).astype(np.float32))
        output = tf.nn.softmax(tf.reduce_mean(x, (1, 2)) @ dense, name="scores")
        classes = tf.argmax(output, -1)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(
            session, str(tmp_path / "one"), {"images": image}, {"scores": output, "classes": classes}
        )
        values = [*session.run([kernel, dense]), None]
    found = lg.load_model(tmp_path / "one", preprocess="tf")
    assert_equal_explanations(found, lg.load_model(as_keras(values), preprocess="tf"))


# What is refused


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) <= 380
    return message


def test_a_saved_model_that_takes_strings_is_refused_with_the_way_out(tmp_path: Path) -> None:
    module = Home()
    hidden = tf.Module()
    hidden.kept = [module.kernel, module.dense]
    tf.saved_model.save(hidden, str(tmp_path / "strings"), {"serving_default": module.of_file})
    message = refusal(tmp_path / "strings")
    assert "takes 'jpeg', encoded pictures or records (strings)" in message
    assert "Export a signature that takes (N, height, width, 3) floats" in message
    both = {"serving_default": module.of_file, "pixels": module.__call__}
    tf.saved_model.save(module, str(tmp_path / "both"), both)
    assert lg.load_model(tmp_path / "both").input_size == (24, 24)


@pytest.mark.long
def test_a_saved_model_without_its_variables_says_what_to_copy(
    saved: Callable[[Any], tuple[Path, Any]], tmp_path: Path
) -> None:
    shutil.copytree(saved(vgg_like)[0], tmp_path / "saved")
    shutil.rmtree(tmp_path / "saved" / "variables")
    assert "its folder 'variables' is missing, which holds the weights. Copy the whole folder" in refusal(
        tmp_path / "saved"
    )


@pytest.mark.long
def test_variables_that_break_off_are_told(saved: Callable[[Any], tuple[Path, Any]], tmp_path: Path) -> None:
    shutil.copytree(saved(vgg_like)[0], tmp_path / "saved")
    data = tmp_path / "saved" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    assert "Download or export it again" in refusal(tmp_path / "saved") or "export it again" in refusal(
        tmp_path / "saved"
    )


def test_a_graph_that_breaks_off_is_told(tmp_path: Path) -> None:
    graph, _ = old_graph()
    (tmp_path / "half.pb").write_bytes(graph.SerializeToString()[:-700])
    assert "is incomplete or damaged" in refusal(tmp_path / "half.pb")


def test_channels_first_is_told(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, (None, 3, 24, 24), name="input")
        x = tf.nn.conv2d(image, tf.ones((3, 3, 3, 4)), 1, "SAME", data_format="NCHW")
        tf.nn.softmax(tf.reduce_mean(x, (2, 3)), name="output")
    tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "planar.pb", as_text=False)
    assert "channels first" in refusal(tmp_path / "planar.pb")
    assert "channels_last" in refusal(tmp_path / "planar.pb")


def test_a_graph_that_reads_files_is_not_run_until_it_is_allowed(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, (None, 24, 24, 3), name="input")
        secret = tf.strings.length(tf.io.read_file("/etc/hostname"))
        x = tf.nn.conv2d(image + tf.cast(secret, tf.float32), tf.ones((3, 3, 3, 4)), 1, "SAME")
        tf.nn.softmax(tf.reduce_mean(x, (1, 2)), name="output")
    tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "reading.pb", as_text=False)
    message = refusal(tmp_path / "reading.pb", preprocess="unit")
    assert "holds the operation ReadFile" in message
    assert "use --allow-unsafe (allow_unsafe=True)" in message
    assert lg.load_model(tmp_path / "reading.pb", preprocess="unit", allow_unsafe=True).input_size == (24, 24)


def test_an_operation_that_tensorflow_does_not_know_is_named(tmp_path: Path) -> None:
    graph, _ = old_graph()
    for node in graph.node:
        if node.op == "Relu":
            node.op = "HomeMadeRelu"
    tf.io.write_graph(graph, str(tmp_path), "custom.pb", as_text=False)
    assert "uses the operation 'HomeMadeRelu', which this TensorFlow does not have" in refusal(
        tmp_path / "custom.pb"
    )


def test_a_graph_with_its_weights_left_out_is_told(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, (None, 24, 24, 3), name="input")
        kernel = v1.get_variable("kernel", (3, 3, 3, 4), use_resource=True)
        tf.nn.softmax(tf.reduce_mean(tf.nn.conv2d(image, kernel, 1, "SAME"), (1, 2)))
    tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "bare.pb", as_text=False)
    assert "is a graph without its weights (1 variable, such as 'kernel'). Freeze it" in refusal(
        tmp_path / "bare.pb"
    )


def test_a_constant_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    graph, _ = old_graph()
    node = next(node for node in graph.node if node.op == "Const" and node.attr["dtype"].type == 1)
    tensor = node.attr["value"].tensor
    tensor.tensor_content = b""
    tensor.float_val.append(1.0)
    tensor.tensor_shape.dim[0].size = 10**9
    tf.io.write_graph(graph, str(tmp_path), "bomb.pb", as_text=False)
    assert "made to exhaust memory: its constants would take" in refusal(tmp_path / "bomb.pb")


@pytest.mark.keras2
@pytest.mark.long
def test_many_graphs_in_one_process_are_called_without_a_warning_of_retracing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, SIZE, SIZE, 3)).astype(np.float32)
    network = vgg_like(keras)
    network.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    expected = network(pixels)
    for _ in range(7):
        found = lg.load_model(tmp_path / "saved", preprocess="tf").network
        for _ in range(2):
            np.testing.assert_allclose(found(pixels), expected, atol=1e-5)
        assert found._compiled_call.experimental_get_tracing_count() == 1
    assert "retracing" not in caplog.text


def test_a_random_layer_that_asks_in_the_graph_whether_it_trains_is_left_out(tmp_path: Path) -> None:
    layers = tf_keras.layers
    network = tf_keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.RandomCrop(40, 40),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    network.save(tmp_path / "cropped")
    model = lg.load_model(tmp_path / "cropped")
    assert model.preprocessing.name == "none"
    image = picture(SIZE, SIZE, seed=2)
    explanation = lg.Explainer(model).explain(image)
    expected = network(image[None, ..., ::-1].astype(np.float32), training=False).numpy()[0]
    found = {each.class_id: each.probability for each in explanation.top}
    assert found == pytest.approx(dict(enumerate(expected)), abs=1e-5)
