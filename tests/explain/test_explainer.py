"""The explanation equals the formula, from one pass, for any class, without a second trace."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from networks import colour_network, flattened_network, picture, pooled_network

import live_gradcam as lg
from live_gradcam.explain import graph_cache
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.models import efficientnet_lite
from live_gradcam.question import Question
from live_gradcam.sources.demo.demo import DemoSource

Array = npt.NDArray[Any]


def transcription(activations: Array, gradients: Array) -> Array:
    """The article's steps 3 to 5, in NumPy: scale each channel by its mean gradient, mean, ReLU, ÷ maximum."""
    scaled = activations.astype(np.float64).copy()
    for channel in range(scaled.shape[-1]):
        scaled[:, :, channel] *= gradients[:, :, channel].mean(dtype=np.float64)
    heatmap = np.maximum(scaled.mean(axis=-1), 0)
    peak = heatmap.max()
    assert peak > 0, "the transcription's own map is empty: nothing would be compared"
    return np.asarray(heatmap / peak)


def softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum())


def inner_activation(network: Any, layer: str, pixels: Array) -> Array:
    return np.asarray(keras.Model(network.input, network.get_layer(layer).output)(pixels)[0], np.float64)


@pytest.mark.long
def test_the_articles_procedure_on_vgg16_equals_its_numpy_transcription() -> None:
    keras.utils.set_random_seed(7)
    network = keras.applications.VGG16(weights=None)
    model = lg.load_model(network, preprocess="imagenet-caffe")
    image = picture(224, 224, seed=3)
    explanation = lg.Explainer(
        model, method="gradcam", layer="block5_conv3", score="probability", fit="stretch"
    ).explain(image)

    pixels = image[None].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    activations = inner_activation(network, "block5_conv3", pixels)
    # Forward through the head, then back, all by hand.
    pooled = activations.reshape(7, 2, 7, 2, 512).max(axis=(1, 3))
    weights = [network.get_layer(name).get_weights() for name in ("fc1", "fc2", "predictions")]
    hidden = [pooled.reshape(-1).astype(np.float32)]
    for kernel, bias in weights[:2]:
        hidden.append(np.maximum(hidden[-1] @ kernel + bias, 0))
    probabilities = softmax((hidden[-1] @ weights[2][0] + weights[2][1]).astype(np.float64))
    top = int(probabilities.argmax())
    gradient = -probabilities[top] * probabilities
    gradient[top] += probabilities[top]
    for (kernel, _), below in zip(reversed(weights), reversed(hidden), strict=True):
        gradient = kernel @ gradient.astype(np.float32)
        if below is not hidden[0]:
            gradient = gradient * (below > 0)
    # The gradient of max pooling goes to the first of the largest in each 2×2 window.
    windows = activations.reshape(7, 2, 7, 2, 512).transpose(0, 2, 4, 1, 3).reshape(7, 7, 512, 4)
    routed = np.eye(4)[windows.argmax(axis=-1)] * gradient.reshape(7, 7, 512, 1)
    gradients = routed.reshape(7, 7, 512, 2, 2).transpose(0, 3, 1, 4, 2).reshape(14, 14, 512)

    assert explanation.top[0].class_id == top
    assert explanation.raw_heatmap.shape == (14, 14)
    np.testing.assert_allclose(explanation.heatmap, transcription(activations, gradients), atol=1e-4)


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.long
def test_a_map_with_negative_regions_equals_its_numpy_transcription(score: Any) -> None:
    network = flattened_network()
    image = picture(16, 16, seed=5)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), fit="stretch", score=score)

    pixels = image[None, ..., ::-1].astype(np.float32) / 255
    activations = inner_activation(network, "features", pixels)
    kernel, bias = (np.asarray(w, np.float64) for w in network.layers[-1].get_weights())
    logits = activations.reshape(-1) @ kernel + bias
    for target in range(3):
        explainer.target = target
        explanation = explainer.explain(image)
        gradients = kernel[:, target]
        if score == "probability":
            p = softmax(logits)
            gradients = kernel @ (p[target] * (np.eye(3)[target] - p))
        gradients = gradients.reshape(activations.shape)
        signed = (activations * gradients.mean(axis=(0, 1))).sum(axis=-1)
        assert signed.min() < 0 < signed.max(), "without both signs a missing ReLU would not show"
        np.testing.assert_allclose(explanation.raw_heatmap, np.maximum(signed, 0), atol=1e-5 * signed.max())
        np.testing.assert_allclose(explanation.heatmap, transcription(activations, gradients), atol=1e-4)
        assert isinstance(explanation.target, lg.Prediction)
        assert explanation.target.class_id == target
        assert explanation.target.probability == pytest.approx(softmax(logits)[target], abs=1e-6)


def test_predictions_are_the_models_own() -> None:
    network = pooled_network()
    image = picture()
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit")).explain(image)
    probabilities = np.asarray(network(image[None, ..., ::-1].astype(np.float32) / 255)[0])
    assert [p.class_id for p in explanation.top] == list(np.argsort(-probabilities))
    np.testing.assert_allclose(
        [p.probability or 0.0 for p in explanation.top], np.sort(probabilities)[::-1], rtol=1e-5
    )
    assert explanation.target == explanation.top[0]
    assert (explanation.method, explanation.layer) == ("gradcam", "features")


def test_a_batch_gives_what_each_picture_gives_alone() -> None:
    explainer = lg.Explainer(lg.load_model(flattened_network(), preprocess="unit"))
    images = [picture(16, 16, seed=1), picture(40, 64, seed=2), picture(64, 20, seed=3)]
    for alone, together in zip(map(explainer.explain, images), explainer.explain_batch(images), strict=True):
        assert alone.top[0].class_id == together.top[0].class_id
        assert alone.region == together.region
        np.testing.assert_allclose(alone.raw_heatmap, together.raw_heatmap, rtol=1e-4, atol=1e-7)
    assert explainer.explain_batch([]) == []
    assert explainer.traces == 1


@pytest.mark.parametrize("method", ["gradcam", "finercam", "saliency"])
@pytest.mark.long
def test_each_picture_of_a_batch_can_have_a_target_of_its_own(method: str) -> None:
    model = lg.load_model(pooled_network(), labels=["a", "b", "c", "d"], preprocess="unit")
    explainer = lg.Explainer(model, method)
    targets = [None, 2, "#3", "a - b", "c -"]
    images = [picture(16, 16, seed=seed) for seed in range(len(targets))]
    together = explainer.explain_batch(images, targets=targets)
    assert explainer.traces == 1
    by_itself = lg.Explainer(model, method)
    for image, target, found in zip(images, targets, together, strict=True):
        by_itself.target = target
        alone = by_itself.explain(image)
        assert found.target.label == alone.target.label
        np.testing.assert_allclose(found.raw_heatmap, alone.raw_heatmap, rtol=1e-4, atol=1e-6)


def test_targets_that_do_not_fit_the_pictures_of_a_batch_are_told() -> None:
    explainer = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"))
    with pytest.raises(lg.TargetError, match="there are 1 pictures and 2 targets: give one for each"):
        explainer.explain_batch([picture()], targets=[1, 2])
    with pytest.raises(lg.TargetError, match="explain_batch takes classes and contrasts"):
        explainer.explain_batch([picture()], targets=["module:function"])


def test_red_is_red_and_blue_is_blue() -> None:
    explainer = lg.Explainer(lg.load_model(colour_network(), labels=["red", "blue"], preprocess="unit"))
    red_in_bgr = np.zeros((8, 8, 3), np.uint8)
    red_in_bgr[..., 2] = 255
    assert explainer.explain(red_in_bgr).top[0].label == "red"
    assert explainer.explain(np.ascontiguousarray(red_in_bgr[..., ::-1])).top[0].label == "blue"


def test_the_heat_lies_where_the_colour_is() -> None:
    explainer = lg.Explainer(lg.load_model(colour_network(), labels=["red", "blue"], preprocess="unit"))
    image = np.zeros((8, 8, 3), np.uint8)
    image[1:3, 5:7, 2] = 255
    explanation = explainer.explain(image)
    expected = np.zeros((8, 8), np.float32)
    expected[1:3, 5:7] = 1
    np.testing.assert_array_equal(explanation.heatmap, expected)


def test_500_frames_of_changing_class_and_size_are_one_trace() -> None:
    explainer = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"))
    seen = set()
    for number in range(500):
        explainer.target = number % 4 if number % 5 else None
        size = (20, 30) if number < 250 else (50, 40)
        explanation = explainer.explain(picture(*size, seed=number % 7))
        assert isinstance(explanation.target, lg.Prediction)
        seen.add(explanation.target.class_id)
    assert seen == {0, 1, 2, 3}
    assert explainer.traces == 1


@pytest.mark.geometry
@pytest.mark.long
def test_few_shapes_stay_compiled_under_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lg.load_model(pooled_network(size=None), preprocess="unit")
    explainer = lg.Explainer(model, fit="wide")
    explainer.explain(np.zeros((224, 224, 3), np.uint8))
    size = explainer._engine.graph_bytes
    monkeypatch.setattr(graph_cache, "GRAPH_BYTES", round(4.5 * size))
    explainer = lg.Explainer(model, fit="wide")
    for width in range(224, 224 + 6 * 64, 64):
        explainer.explain(np.zeros((224, width, 3), np.uint8))
    assert explainer.traces == 6
    assert len(explainer._engine.graphs) == 4


def test_the_target_can_be_a_name_and_a_wrong_one_is_told() -> None:
    model = lg.load_model(pooled_network(), labels=["ant", "bee", "cat", "dog"], preprocess="unit")
    assert lg.Explainer(model, target="Bee").explain(picture()).target.label == "bee"
    with pytest.raises(lg.TargetError, match=r"unknown class 'eel'\. Valid: ant, bee, cat, dog\."):
        lg.Explainer(model, target="eel")


@pytest.mark.parametrize("layer", [["early", "late"], 3])
def test_layers_that_are_no_text_are_refused(layer: Any) -> None:
    with pytest.raises(lg.SettingsError, match=r"layer is .*\. Give a layer's name, or several in one text"):
        lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"), layer=layer)


def test_an_unknown_method_or_layer_is_told_with_the_valid_names() -> None:
    model = lg.load_model(pooled_network(), preprocess="unit")
    with pytest.raises(lg.LiveGradcamError, match=r"unknown method 'gradcan'\. Did you mean gradcam"):
        lg.Explainer(model, method="gradcan")
    with pytest.raises(lg.LayerError, match=r"unknown layer 'featurs'\. Did you mean features"):
        lg.Explainer(model, layer="featurs")


@pytest.fixture(scope="module")
def usual() -> lg.Explainer:
    """An explainer with the usual settings, which no test changes."""
    return lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        "cat.png",
    ],
)
def test_what_is_no_picture_is_refused(usual: lg.Explainer, image: Any) -> None:
    with pytest.raises(lg.LiveGradcamError, match=r"a picture must be an array \(height, width, 3\) uint8"):
        usual.explain(image)


def dead_network(weight: float) -> Any:
    """Two equal channels, weighted +w and −w: the map is zero but for rounding."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="twins")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(2, use_bias=False, activation="softmax", name="scores")(x)
    network = keras.Model(image, x)
    network.get_layer("twins").set_weights([np.full((1, 1, 3, 2), 1 / 3, np.float32)])
    network.get_layer("scores").set_weights([np.array([[weight, 0], [-weight * (1 + 1e-7), 0]], np.float32)])
    return network


@pytest.mark.parametrize("weight", [0.0, 1.0, 1e6, float("nan"), float("inf")])
@pytest.mark.long
def test_zero_rounding_noise_and_what_is_not_finite_are_no_evidence(weight: float) -> None:
    model = lg.load_model(dead_network(weight), labels=["a", "b"], preprocess="unit")
    explanation = lg.Explainer(model, target=0).explain(picture(8, 8))
    assert not explanation.has_evidence
    np.testing.assert_array_equal(explanation.heatmap, np.zeros((8, 8), np.float32))
    assert np.isfinite(explanation.raw_heatmap).all()
    assert all(each.probability is not None and 0 <= each.probability <= 1 for each in explanation.top)
    assert explanation.is_finite == bool(np.isfinite(weight))
    assert bool(explanation.top) == explanation.is_finite
    np.testing.assert_array_equal(lg.draw(picture(64, 64), explanation)[:10], picture(64, 64)[:10])


def test_weak_but_real_evidence_is_shown() -> None:
    network = dead_network(1.0)
    network.get_layer("scores").set_weights([np.array([[1.0, 0], [-0.999, 0]], np.float32)])
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit"), target=0).explain(picture(8, 8))
    assert explanation.has_evidence
    assert explanation.heatmap.max() == 1.0


def test_a_saturated_class_is_still_explained_by_its_logit() -> None:
    network = pooled_network()
    kernel, bias = network.layers[-1].get_weights()
    bias[:] = (60.0, 0.0, 0.0, 0.0)  # p = 1 in float32: the probability's gradient vanishes
    network.layers[-1].set_weights([kernel, bias])
    model = lg.load_model(network, preprocess="unit")
    image = picture()
    explanation = lg.Explainer(model).explain(image)
    activations = inner_activation(network, "features", image[None, ..., ::-1].astype(np.float32) / 255)
    signed = (activations * kernel[:, 0]).sum(axis=-1) / 64
    np.testing.assert_allclose(explanation.raw_heatmap, np.maximum(signed, 0), atol=1e-5 * signed.max())
    assert explanation.has_evidence
    assert explanation.top[0].probability == 1.0
    saturated = lg.Explainer(model, score="probability").explain(image)
    assert np.abs(saturated.raw_heatmap).max() < 1e-6 * signed.max()


def test_the_model_is_left_as_it_was() -> None:
    network = pooled_network()
    network.compile("adam", "sparse_categorical_crossentropy")
    weights = [np.array(w) for w in network.get_weights()]
    config, call = network.get_config(), keras.layers.Layer.__call__
    x = picture()[None].astype(np.float32)
    before = np.asarray(network(x))
    lg.Explainer(lg.load_model(network, preprocess="unit")).explain(picture())
    with pytest.raises(lg.LayerError):
        lg.Explainer(lg.load_model(network, preprocess="unit"), layer="dense")
    assert keras.layers.Layer.__call__ is call
    assert network.get_config() == config
    np.testing.assert_array_equal(np.asarray(network(x)), before)
    for old, new in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_several_threads_can_explain_at_once() -> None:
    explainer = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"))
    expected = [explainer.explain(picture(seed=seed)).raw_heatmap for seed in range(4)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        maps = [explainer.explain(picture(seed=seed)).raw_heatmap for _ in range(20)]
        wrong.extend(seed for each in maps if not np.allclose(each, expected[seed], atol=1e-6))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_a_fixed_network_that_cannot_be_wide_says_so() -> None:
    explainer = lg.Explainer(lg.load_model(flattened_network(), preprocess="unit"), fit="wide")
    with pytest.raises(lg.ModelError, match=r"takes pictures of 16×16 pixels only, not 32×16"):
        explainer.explain(np.zeros((16, 32, 3), np.uint8))


@pytest.mark.geometry
@pytest.mark.long
def test_a_network_of_the_zoo_is_rebuilt_wide_with_the_same_weights() -> None:
    keras.utils.set_random_seed(11)
    network = keras.applications.MobileNet(weights=None)
    from live_gradcam.models import zoo

    entry = zoo.entry_like("mobilenet")
    assert entry is not None
    model = zoo.as_entry(entry, network)
    explanation = lg.Explainer(model, fit="wide").explain(picture(180, 320))
    assert explanation.region == (0, 0, 320, 180)
    assert explanation.raw_heatmap.shape == (7, 12)
    wide = keras.applications.MobileNet(weights=None, input_shape=(224, 384, 3))
    wide.set_weights(network.get_weights())
    fitted = cv2.resize(picture(180, 320), (384, 224), interpolation=cv2.INTER_LINEAR)
    preprocessed = fitted[None, ..., ::-1].astype(np.float32) / 127.5 - 1
    expected = np.asarray(wide(preprocessed)[0])
    logits = keras.Model(
        wide.input, wide.layers[-2].output
    )  # probabilities of 1000 classes are equal when rounded
    assert explanation.top[0].class_id == int(np.asarray(logits(preprocessed)[0]).argmax())
    assert explanation.top[0].probability == pytest.approx(float(expected.max()), rel=1e-3)


LIVE = tuple(name for name in METHODS if method_named(name).family in ("gradient", "activation"))


@pytest.fixture(scope="module")
def live_explanations() -> dict[str, tuple[Any, lg.Explanation]]:
    """The network and the explanation of each method: those that take one pass come from one graph."""
    found: dict[str, tuple[Any, lg.Explanation]] = {}
    for network, methods in (
        (pooled_network(), ("cam",)),
        (flattened_network(), tuple(name for name in LIVE if name != "cam")),
    ):
        answering = Engine([lg.load_model(network, preprocess="unit")], rivals=1)
        answer = answering.answer(picture(16, 16, seed=5), Question(methods=methods, targets=(1,)))
        found |= {each.method: (network, each) for each in answer.explanations}
    return found


@pytest.mark.parametrize("method", LIVE)
@pytest.mark.long
def test_every_live_method_reaches_the_explanation_as_its_formula(
    live_explanations: dict[str, tuple[Any, lg.Explanation]], method: str
) -> None:
    network, explanation = live_explanations[method]
    image = picture(16, 16, seed=5)
    activations = inner_activation(network, "features", image[None, ..., ::-1].astype(np.float32) / 255)
    kernel, bias = (np.asarray(w, np.float64) for w in network.layers[-1].get_weights())
    if method == "cam":
        gradients = np.broadcast_to(kernel[:, 1] / 64, activations.shape)
    else:
        row = np.eye(3)[1]
        if method == "finercam":
            logits = activations.reshape(-1) @ kernel + bias
            distances = np.abs(logits - logits[1])
            distances[1] = np.inf
            row = row - 0.6 * np.eye(3)[distances.argmin()]
        gradients = (kernel @ row).reshape(activations.shape)
    chosen = method_named(method)
    arrays = [tf.constant(each[None], tf.float32) for each in (activations, gradients)]
    expected = np.asarray(chosen.function(*arrays[: 2 if chosen.family == "gradient" else 1])[0])
    expected = np.maximum(expected, 0) if chosen.rectified else expected
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(explanation.raw_heatmap, expected, atol=1e-4 * np.abs(expected).max())
    assert explanation.method == method


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=() if name in ("scorecam", "integrated-gradients") else pytest.mark.geometry)
        for name in METHODS
        if method_named(name).family in ("perturbation", "pixel")
    ],
)
@pytest.mark.long
def test_every_method_of_many_passes_runs_compiled_and_repeats_itself(method: str) -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="features")(image)
    x = keras.layers.Flatten()(x)
    keras.utils.set_random_seed(4)
    network = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), method)
    first, second = explainer.explain_batch([picture(16, 16, seed=5), picture(16, 16, seed=5)])
    size = (16, 16) if method_named(method).family == "pixel" else (8, 8)
    assert first.raw_heatmap.shape == size
    assert first.has_evidence
    np.testing.assert_array_equal(first.raw_heatmap, second.raw_heatmap)
    assert explainer.traces == 1


def test_saliency_is_the_gradient_of_the_logit() -> None:
    network = flattened_network(activation=None)
    image = picture(16, 16, seed=5)
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit"), "saliency", target=2).explain(image)
    pixels = tf.constant(image[None, ..., ::-1].astype(np.float32) / 255)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        y = network(pixels)[0, 2]
    expected = np.abs(np.asarray(tape.gradient(y, pixels))[0]).max(axis=-1)
    np.testing.assert_allclose(explanation.raw_heatmap, expected, atol=1e-5 * expected.max())


def test_ablation_takes_one_channel_away_at_a_time() -> None:
    network = flattened_network()
    image = picture(16, 16, seed=5)
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit"), "ablationcam", target=1).explain(
        image
    )
    activations = inner_activation(network, "features", image[None, ..., ::-1].astype(np.float32) / 255)
    kernel, bias = (np.asarray(w, np.float64) for w in network.layers[-1].get_weights())
    y = (activations.reshape(-1) @ kernel + bias)[1]
    expected = np.zeros((8, 8))
    for channel in range(activations.shape[-1]):
        without = activations.copy()
        without[..., channel] = 0
        weight = (y - (without.reshape(-1) @ kernel + bias)[1]) / abs(y)
        expected += weight * activations[..., channel]
    expected = np.maximum(expected, 0)
    assert expected.max() > 0
    np.testing.assert_allclose(explanation.raw_heatmap, expected, atol=1e-4 * expected.max())


def test_a_network_without_relus_cannot_be_guided() -> None:
    model = lg.load_model(flattened_network(), preprocess="unit")
    with pytest.raises(lg.LiveGradcamError, match="guided backpropagation needs a network of ReLUs"):
        lg.Explainer(model, "guided-backprop")


def test_cam_needs_pooling_and_one_dense_layer() -> None:
    model = lg.load_model(flattened_network(), preprocess="unit")
    with pytest.raises(lg.LiveGradcamError, match="cam needs a network that ends in global average pooling"):
        lg.Explainer(model, "cam")


@pytest.fixture(scope="module")
def full_precision() -> tuple[lg.Model, lg.Explainer]:
    model = lg.load_model("efficientnet-lite0")
    return model, lg.Explainer(model)


@pytest.mark.geometry
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.long
def test_half_precision_explains_the_demo_as_float32_does(
    full_precision: tuple[lg.Model, lg.Explainer], policy: str
) -> None:
    full, explains_full = full_precision
    keras.config.set_dtype_policy(policy)
    try:
        network = efficientnet_lite.architecture()
    finally:
        keras.config.set_dtype_policy("float32")
    network.set_weights(full.network.get_weights())
    half = replace(full, network=network)
    explainers = (explains_full, lg.Explainer(half))
    with DemoSource(live=False) as demo:
        for index in (30, 150, 270, 400):
            pixels = demo.frame_at(index).pixels
            one = explainers[0].explain(pixels)
            explainers[1].target = one.top[0].class_id
            other = explainers[1].explain(pixels)
            correlation = np.corrcoef(one.raw_heatmap.ravel(), other.raw_heatmap.ravel())[0, 1]
            assert correlation >= 0.99, f"frame {index}: {correlation}"
            assert other.has_evidence


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fit": "wdie"}, "fit is 'wdie'. Did you mean wide?"),
        ({"score": "logits"}, "score is 'logits'. Did you mean logit?"),
        ({"smooth": "yes"}, "smooth is 'yes'"),
        ({"fusion": "sum"}, "fusion is 'sum'"),
        ({"strength": "a"}, "strength is 'a': a number is needed"),
        ({"grid": "14x14"}, "grid is '14x14': a pair of whole numbers"),
        ({"rivals": 0}, "rivals is 0: it must be at least 1"),
    ],
)
def test_a_setting_that_is_not_valid_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(lg.SettingsError, match=said):
        lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"), **wrong)


@pytest.mark.parametrize("count", [-1, 0, 5, 17])
def test_more_or_fewer_classes_than_there_are_cannot_be_explained(usual: lg.Explainer, count: int) -> None:
    with pytest.raises(lg.TargetError, match=f"{count} classes cannot be explained: .* between 1 and 4"):
        usual.explain_top(picture(seed=9), count)
