"""A method of somebody else is a function: it is tried once, and named in every error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from installed import Install
from networks import flattened_network, picture, pooled_network

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.methods import own_methods
from live_gradcam.explain.methods.method import method_named, method_of
from live_gradcam.models.model import Model
from live_gradcam.question import Question

AGAINST = """
import tensorflow as tf

def against(activations, gradients):
    weights = tf.reduce_mean(-gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)
"""


def named(name: str, function: Callable[..., Any]) -> Any:
    """Return a function under another name."""

    def called(*given: Any) -> Any:
        return function(*given)

    called.__name__ = name
    return called


def model() -> Model:
    """Return a network whose gradients are its dense layer's weights."""
    return lg.load_model(flattened_network(), preprocess="unit")


@pytest.fixture(autouse=True)
def functions_of_other_tests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_methods, "_given", {})


def test_a_function_and_a_plugin_equal_their_formula(install: Install) -> None:
    install("odd-one", AGAINST, method="against")
    network, image = flattened_network(), picture(seed=5)
    pixels = image[None, ..., ::-1].astype(np.float32) / 255
    layer = keras.Model(network.input, network.get_layer("features").output)
    activations = np.asarray(layer(pixels)[0], np.float64)
    kernel = np.asarray(network.layers[-1].get_weights()[0], np.float64)
    slopes = kernel[:, 1].reshape(activations.shape)
    expected = np.zeros(activations.shape[:2])
    for channel in range(activations.shape[2]):
        expected -= slopes[..., channel].mean() * activations[..., channel]
    squared = np.sum((slopes * activations) ** 2, axis=-1)

    def squares(activations: Any, gradients: Any) -> Any:
        return tf.reduce_sum((activations * gradients) ** 2, axis=-1)

    ours = lg.load_model(network, preprocess="unit")
    for method, name, formula in (("against", "against", expected), (squares, "squares", squared)):
        explanation = lg.Explainer(ours, method, fit="stretch", target=1).explain(image)
        assert explanation.method == name
        assert explanation.has_evidence
        np.testing.assert_allclose(explanation.raw_heatmap, formula, atol=1e-5 * np.abs(formula).max())


def test_several_methods_share_one_run_with_one_of_somebody_else(install: Install) -> None:
    install("odd-one", AGAINST, method="against")
    with Engine([model()], fit="stretch") as engine:
        asked = Question(methods=("gradcam", "against", "hirescam"))
        found = engine.answer(picture(seed=5), asked).explanations
        alone = [engine.answer(picture(seed=5), Question(methods=(each,))).first for each in asked.methods]
        assert [each.method for each in found] == ["gradcam", "against", "hirescam"]
        for together, single in zip(found, alone, strict=True):
            np.testing.assert_allclose(together.raw_heatmap, single.raw_heatmap, atol=1e-6)
        assert engine.traces == 4


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (
            lambda a, g: a * g,
            "returned (2, 5, 7, 11) float32 for activations (2, 5, 7, 11) float32: "
            "it must return (N, h, w) float32.",
        ),
        (
            lambda a, _: tf.cast(a[..., 0], tf.float64),
            "returned (2, 5, 7) float64 for activations (2, 5, 7, 11) float32: it must return (N, h, w) float32.",
        ),
        (
            lambda a, _: tf.transpose(a[..., 0], (0, 2, 1)),
            "returned (2, 7, 5) float32 for activations (2, 5, 7, 11) float32: it must return (N, h, w) float32.",
        ),
        (lambda a, _: a.numpy().sum(-1), "returned ndarray: it must return a tensor."),
        (lambda *_: None, "returned NoneType: it must return a tensor."),
        (lambda *_: 1 // 0, "failed: ZeroDivisionError: integer division or modulo by zero"),
        (lambda a: a, "failed: TypeError: "),
        (
            lambda a, _: a[..., 0] / tf.reduce_sum(0 * a, axis=-1),
            "returned 70 of 70 numbers that are not finite, for finite activations and gradients: "
            "divide with tf.math.divide_no_nan.",
        ),
        (
            lambda a, _: a[..., 0] / tf.reduce_max(a),
            "returned another map for a picture that was alone: each picture of the batch must be explained by "
            "itself, without anything random.",
        ),
    ],
)
def test_a_function_that_gives_no_maps_is_an_error_that_says_what_it_got(
    function: Callable[..., Any], told: str
) -> None:
    with pytest.raises(lg.LiveGradcamError) as raised:
        lg.Explainer(model(), named("odd", function), fit="stretch")
    assert str(raised.value).startswith(f"the method 'odd' of {__name__} {told}")


def test_what_only_the_graph_shows_is_an_error_too(install: Install) -> None:
    install("odd-one", "def odd(a, g): return (a.numpy() if hasattr(a, 'numpy') else 3 * None)", method="odd")
    with pytest.raises(lg.LiveGradcamError, match=r"the method 'odd' of odd-one 1\.2 returned ndarray"):
        lg.Explainer(model(), "odd", fit="stretch")
    lg_function = named("graph_only", lambda a, _: tf.constant(a.numpy()[..., 0]))
    with pytest.raises(lg.LiveGradcamError, match=r"'graph_only' of .* failed: AttributeError"):
        lg.Explainer(model(), lg_function, fit="stretch")


def test_a_map_that_is_not_finite_for_one_picture_has_no_evidence_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    def fragile(activations: Any, _: Any) -> Any:
        total = tf.reduce_sum(tf.abs(activations), axis=(1, 2, 3), keepdims=True)
        return tf.reduce_sum(activations * total / total, axis=-1)  # 0 / 0 where all activations are zero

    network = pooled_network()
    network.get_layer("features").bias.assign(np.zeros(6))
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), fragile)
    black = np.zeros((16, 16, 3), np.uint8)
    assert explainer.explain(picture()).has_evidence
    assert caplog.messages == []
    for _ in range(2):
        explanation = explainer.explain(black)
        assert not explanation.has_evidence
        assert not explanation.heatmap.any()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        f"the method 'fragile' of {__name__} gave numbers that are not finite"
    )


def test_the_rounding_noise_of_a_function_that_subtracts_is_no_evidence() -> None:
    def minus(activations: Any, gradients: Any) -> Any:
        return -tf.reduce_sum(activations * gradients, axis=-1)

    network = pooled_network()
    features, dense = network.get_layer("features"), network.layers[-1]
    kernel, bias = features.get_weights()
    features.set_weights([np.repeat(kernel[..., :1], 6, axis=-1), bias])  # all channels are equal …
    weights = np.zeros((6, 4), np.float32)
    weights[:3, 0] = (0.1, 0.2, -0.3)  # … and cancel out, but for rounding
    weights[:, 1] = 1
    dense.set_weights([weights, dense.get_weights()[1]])
    ours = lg.load_model(network, preprocess="unit")
    for method in ("hirescam", minus):
        noise = lg.Explainer(ours, method, target=0).explain(picture())
        assert 0 < np.abs(noise.raw_heatmap).max() < 1e-7
        assert not noise.has_evidence
        assert lg.Explainer(ours, method, target=1).explain(picture()).has_evidence


def test_names_that_cannot_be_methods_are_refused() -> None:
    with pytest.raises(
        lg.SettingsError, match="'gradcam' cannot be a method: a method of live_gradcam has that"
    ):
        method_of(named("gradcam", lambda a, _: a))
    with pytest.raises(
        lg.SettingsError, match=r"'<lambda>' cannot be a method: it needs a name of its own\."
    ):
        method_of(lambda a, _: a)
    odd: Any = 3
    with pytest.raises(lg.SettingsError, match="method is int: a name or a function"):
        method_of(odd)


def test_a_function_that_was_given_once_can_be_named_and_a_later_one_replaces_it() -> None:
    first, later = named("mine", lambda a, _: a), named("Mine", lambda _, g: g)
    given = method_of(first)
    assert method_named("MINE") == given
    assert method_of(later).name == "mine"
    assert method_named("mine") != given
    assert method_named("mine") == method_of(later)
    assert hash(method_named("mine")) == hash(method_of(later))


def test_a_run_takes_a_function_as_its_method(tmp_path: Path) -> None:
    asked = []

    def brightest(activations: Any, gradients: Any) -> Any:
        asked.append(activations.shape)
        return tf.reduce_max(activations * gradients, axis=-1)

    cv2.imwrite(str(tmp_path / "photo.png"), picture(seed=5))
    settings: dict[str, Any] = {"model": "networks:colour_network", "preprocess": "unit", "method": brightest}
    done = lg.run(source=str(tmp_path / "photo.png"), window=False, frames=1, **settings)
    assert done.method == "brightest"
    assert asked
    with pytest.raises(lg.SettingsError, match="cannot be a method: it needs a name of its own"):
        lg.run(source="demo", **{**settings, "method": lambda activations, _: activations[..., 0]})
