"""What each kind of last layer says, and the heat for it, against NumPy in float64.

The networks end in global average pooling and a dense layer, so that ∂y/∂A is known in closed form: with m the mean of
the features, z = m·W + b and y a function of z, ∂y/∂A_ijk is Σ_c W_kc ∂y/∂z_c over the number of places.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from networks import headed_network, picture, places_network

import live_gradcam as lg
from live_gradcam.prediction import Contrast, Lowered, Prediction, Value

Array = npt.NDArray[np.float64]
ops, layers = keras.ops, keras.layers

IMAGE = picture(seed=9)


def softmax(z: Array) -> Array:
    powers = np.exp(z - z.max())
    return np.asarray(powers / powers.sum())


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def features_and_sums(network: Any) -> tuple[Array, Array, Array]:
    """Return the features (h, w, K), the dense layer's weights W (K, C) and z (C,)."""
    features = np.asarray(
        network.get_layer("features")(IMAGE[None, ..., ::-1] / np.float32(255))[0], np.float64
    )
    dense = next(each for each in network.layers if isinstance(each, layers.Dense))
    weights, bias = (np.asarray(each, np.float64) for each in dense.get_weights())
    return features, weights, features.mean(axis=(0, 1)) @ weights + bias


def heat(network: Any, score: Callable[[Array], float]) -> Array:
    """Return Grad-CAM's map of a score of z, before the ReLU; ∂y/∂z by central differences."""
    features, weights, z = features_and_sums(network)
    step = 1e-5
    slope = [(score(z + step * each) - score(z - step * each)) / (2 * step) for each in np.eye(len(z))]
    return np.asarray(features @ (weights @ np.array(slope)) / features[..., 0].size)


def explain(network: Any, *, labels: Any = None, task: Any = None, **settings: Any) -> lg.Explanation:
    model = lg.load_model(network, labels, preprocess="unit", task=task)
    return lg.Explainer(model, **settings).explain(IMAGE)


def assert_heat(found: lg.Explanation, expected: Array) -> None:
    expected = np.maximum(expected, 0)
    assert expected.max() > 0, "the expected map is empty: nothing would be compared"
    np.testing.assert_allclose(found.raw_heatmap, expected, atol=2e-4 * expected.max())
    assert found.has_evidence


def probabilities(found: lg.Explanation) -> Array:
    return np.array([each.probability for each in found.top], np.float64)


def values(found: lg.Explanation) -> Array:
    return np.array([each.value for each in found.top], np.float64)


def target_of(explanation: lg.Explanation) -> Prediction:
    assert isinstance(explanation.target, Prediction)
    return explanation.target


LOG_SOFTMAXES: dict[str, tuple[Any, ...]] = {
    "activation": (layers.Activation("log_softmax"),),
    "operation": (ops.log_softmax,),
    "tf.nn": (layers.Lambda(tf.nn.log_softmax, output_shape=(3,)),),
    "minus logsumexp": (lambda x: x - ops.logsumexp(x, axis=-1, keepdims=True),),
    "minus tf.reduce_logsumexp": (
        layers.Lambda(lambda x: x - tf.reduce_logsumexp(x, -1, keepdims=True), output_shape=(3,)),
    ),
    "minus log of the sum": (lambda x: x - ops.log(ops.sum(ops.exp(x), axis=-1, keepdims=True)),),
    "shifted by hand": (
        lambda x: x - ops.max(x, axis=-1, keepdims=True),
        lambda x: x - ops.log(ops.sum(ops.exp(x), axis=-1, keepdims=True)),
    ),
    "log of a softmax": (layers.Softmax(), lambda x: ops.log(x + 1e-9)),
    "reshaped": (ops.log_softmax, layers.Reshape((1, 1, 3)), layers.Reshape((3,))),
}


@pytest.mark.parametrize("tail", LOG_SOFTMAXES.values(), ids=LOG_SOFTMAXES.keys())
@pytest.mark.long
def test_a_log_softmax_is_a_softmax_however_it_is_written(
    tail: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    network = headed_network(3, *tail)
    _, _, z = features_and_sums(network)
    found = explain(network, target=1)
    assert found.task == "classes"
    assert [each.class_id for each in found.top] == list(np.argsort(-z))
    np.testing.assert_allclose(probabilities(found), np.sort(softmax(z))[::-1], atol=1e-5)
    assert target_of(found).value == pytest.approx(np.log(softmax(z))[1], abs=1e-5), (
        "the network's own number"
    )
    assert_heat(found, heat(network, lambda z: z[1]))
    assert not caplog.records, "the logits were found: there is nothing to warn of"


SOFTMAXES: dict[str, tuple[Any, ...]] = {
    "layer": (layers.Softmax(),),
    "temperature": (lambda x: x / 1.0, layers.Softmax()),
    "written out": (lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True),),
    "written out, shifted": (
        lambda x: ops.exp(x - ops.max(x, axis=-1, keepdims=True)),
        lambda x: x / ops.sum(x, axis=-1, keepdims=True),
    ),
    "cast and dropped out": (layers.Softmax(), lambda x: ops.cast(x, "float32"), layers.Dropout(0.5)),
    "exp of a log-softmax": (ops.log_softmax, ops.exp),
}


@pytest.mark.parametrize("tail", SOFTMAXES.values(), ids=SOFTMAXES.keys())
@pytest.mark.long
def test_a_softmax_is_found_however_it_is_written(
    tail: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    network = headed_network(3, *tail)
    _, _, z = features_and_sums(network)
    found = explain(network, target=1)
    assert found.task == "classes"
    assert target_of(found).probability == pytest.approx(softmax(z)[1], abs=1e-5)
    assert_heat(found, heat(network, lambda z: z[1]))
    assert not caplog.records


def test_the_probability_of_a_log_softmax_is_what_its_score_probability_differentiates() -> None:
    network = headed_network(3, ops.log_softmax)
    found = explain(network, target=1, score="probability")
    assert_heat(found, heat(network, lambda z: softmax(z)[1]))


def test_a_mean_of_softmaxes_is_classes_whose_score_is_log_p(caplog: pytest.LogCaptureFixture) -> None:
    mean = (lambda x: layers.Average()([layers.Softmax()(x), layers.Softmax()(2.0 * x)]),)
    network = headed_network(3, *mean)
    found = explain(network, target=1)

    def p(z: Array) -> float:
        return float((softmax(z)[1] + softmax(2 * z)[1]) / 2)

    assert target_of(found).probability == pytest.approx(p(features_and_sums(network)[2]), abs=1e-5)
    assert_heat(found, heat(network, lambda z: np.log(p(z))))
    assert "the score is log p, not the logit" in caplog.text


VALUES: dict[str, tuple[tuple[Any, ...], dict[str, Any], Callable[[Array], Array]]] = {
    "tanh": ((), {"activation": "tanh"}, np.tanh),
    "relu": ((), {"activation": "relu"}, lambda z: np.maximum(z, 0)),
    "softplus": ((), {"activation": "softplus"}, lambda z: np.log1p(np.exp(z))),
    "exponential": ((), {"activation": "exponential"}, np.exp),
    "softsign": ((), {"activation": "softsign"}, lambda z: z / (1 + np.abs(z))),
    "elu": ((), {"activation": "elu"}, lambda z: np.where(z > 0, z, np.expm1(z))),
    "hard sigmoid": ((), {"activation": "hard_sigmoid"}, lambda z: np.clip(z / 6 + 0.5, 0, 1)),
    "scaled sigmoid": (
        (layers.Activation("sigmoid"), layers.Rescaling(100.0, 5.0)),
        {},
        lambda z: 100 * sigmoid(z) + 5,
    ),
    "scaled tanh": ((ops.tanh, lambda x: 25.0 * x), {}, lambda z: 25 * np.tanh(z)),
    "square": ((ops.square,), {}, np.square),
}


@pytest.mark.parametrize(("tail", "dense", "function"), VALUES.values(), ids=VALUES.keys())
@pytest.mark.long
def test_a_head_that_is_no_classifier_gives_values(
    tail: tuple[Any, ...], dense: dict[str, Any], function: Callable[[Array], Array]
) -> None:
    network = headed_network(3, *tail, **dense)
    _, _, z = features_and_sums(network)
    own = function(z)
    chosen = int(np.argmax(own))
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), target=chosen)
    found = explainer.explain(IMAGE)
    assert found.task == "values"
    assert [each.class_id for each in found.top] == [0, 1, 2], "in the order of the outputs"
    assert all(
        each.probability is None for each in (*found.top, found.target) if isinstance(each, Prediction)
    )
    np.testing.assert_allclose(values(found), own, rtol=1e-4, atol=1e-5)
    explainer.target = f"{chosen} -"
    lowered = explainer.explain(IMAGE)
    assert isinstance(lowered.target, Lowered)
    assert lowered.target.label == f"{found.target.label} −"
    expected = heat(network, lambda z: function(z)[chosen])
    for explanation, sign in ((found, 1), (lowered, -1)):
        if (sign * expected).max() > 0:
            assert_heat(explanation, sign * expected)
        else:
            assert not explanation.heatmap.any()


def test_one_unit_of_relu_is_one_value() -> None:
    network = headed_network(1, activation="relu", name="age", bias_initializer="ones")
    found = explain(network)
    (age,) = found.top
    assert (age.label, age.probability) == ("age", None)
    assert age.value == pytest.approx(features_and_sums(network)[2][0], rel=1e-4)
    assert str(age) == f"age {age.value:.2f}"


@pytest.mark.parametrize(
    ("method", "signs"),
    [
        ("gradcam", (1, -1)),
        ("saliency", (1,)),
        *(
            pytest.param(*each, marks=pytest.mark.geometry)
            for each in (
                ("scorecam", (1, -1)),
                ("reciprocam", (1, -1)),
                ("gradcam++", (1,)),
                ("layercam", (1, -1)),
                ("eigengradcam", (1,)),
                ("eigencam", (1,)),
                ("ablationcam", (1, -1)),
                ("smoothgradcam++", (1,)),
                ("integrated-gradients", (1, -1)),
            )
        ),
    ],
)
@pytest.mark.long
def test_methods_explain_a_value_as_they_explain_a_function_that_returns_it(
    method: str, signs: tuple[int, ...]
) -> None:
    model = lg.load_model(headed_network(2, activation="tanh"), preprocess="unit")
    explainer = lg.Explainer(model, method)
    for sign in signs:
        explainer.target = "1" if sign > 0 else "1 -"
        value = explainer.explain(IMAGE)

        def function(output: Any, sign: int = sign) -> Any:
            return sign * output[:, 1]

        own = lg.Explainer(model, method, target=function).explain(IMAGE)
        assert isinstance(own.target, Value)
        peak = np.abs(own.raw_heatmap).max()
        np.testing.assert_allclose(value.raw_heatmap, own.raw_heatmap, atol=1e-5 * max(peak, 1e-9))
        assert value.has_evidence == own.has_evidence
    assert explainer.traces == 1


def test_a_change_of_the_target_s_sign_traces_nothing() -> None:
    explainer = lg.Explainer(
        lg.load_model(headed_network(2, activation="tanh"), ["age [years]", "size"], "unit")
    )
    for target in ("age", "age -", "size", "size -", "age - size", None, "#2"):
        explainer.target = target
        explainer.explain(IMAGE)
    assert explainer.traces == 1


def test_one_value_against_another_is_the_difference_of_both() -> None:
    network = headed_network(3, activation="tanh")
    found = explain(network, labels=["x", "y", "z"], target="x - z")
    assert isinstance(found.target, Contrast)
    assert (found.target.label, found.target.probability) == ("x − z", None)
    assert_heat(found, heat(network, lambda z: np.tanh(z)[0] - np.tanh(z)[2]))


def test_finercam_of_a_value_is_gradcam_for_values_are_no_rivals() -> None:
    network = headed_network(3, activation="tanh")
    found = explain(network, method="finercam", target=1)
    assert isinstance(found.target, Prediction)
    np.testing.assert_allclose(found.raw_heatmap, explain(network, target=1).raw_heatmap, atol=1e-7)


def test_several_sigmoids_are_labels_each_with_a_probability_of_its_own() -> None:
    network = headed_network(3, activation="sigmoid")
    _, _, z = features_and_sums(network)
    found = explain(network, labels=["beach", "person", "dog"], target="person")
    assert found.task == "multi-label"
    np.testing.assert_allclose(probabilities(found), np.sort(sigmoid(z))[::-1], atol=1e-5)
    assert target_of(found).probability == pytest.approx(sigmoid(z)[1], abs=1e-5)
    assert_heat(found, heat(network, lambda z: z[1]))
    probability = explain(network, target=1, score="probability")
    assert_heat(probability, heat(network, lambda z: sigmoid(z)[1]))


@pytest.mark.parametrize(("task", "function"), [("multi-label", sigmoid), ("classes", softmax)])
def test_a_linear_head_is_what_the_user_says(task: Any, function: Callable[[Array], Array]) -> None:
    network = headed_network(3)
    found = explain(network, task=task, target=1)
    _, _, z = features_and_sums(network)
    assert found.task == task
    assert target_of(found).probability == pytest.approx(function(z)[1], abs=1e-5)
    assert target_of(found).value == pytest.approx(z[1], abs=1e-5)
    assert_heat(found, heat(network, lambda z: z[1]))


def test_a_network_without_evidence_of_its_task_is_guessed_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = lg.load_model(headed_network(3), preprocess="unit")
    for method in ("gradcam", "hirescam"):
        assert lg.Explainer(model, method).explain(IMAGE).task == "classes"
    (line,) = caplog.messages
    assert line == (
        "headed: its 3 outputs are taken as logits of classes (its last layer is linear). Say --task values if values "
        "are meant, --task multi-label if several can be right at once."
    )


def test_one_linear_unit_is_a_value_unless_it_has_two_labels(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(headed_network(1)).task == "values"
    assert "taken as a value, not a class (its last layer is linear). Say --task classes if" in caplog.text
    caplog.clear()
    assert explain(headed_network(1), labels=["no", "yes"]).task == "classes"
    assert explain(headed_network(1, name="age")).top[0].label == "age"
    assert not caplog.records


def test_a_network_that_gives_nan_has_no_evidence_and_one_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = headed_network(3, activation="softmax")
    dense = network.layers[-1]
    dense.set_weights([dense.get_weights()[0], np.array([0, np.nan, 0], np.float32)])
    model = lg.load_model(network, preprocess="unit")
    for method in ("gradcam", "eigencam", "scorecam"):
        found = lg.Explainer(model, method).explain(IMAGE)
        assert (found.has_evidence, found.is_finite, found.top) == (False, False, ())
        assert not found.heatmap.any()
        assert np.isfinite(found.raw_heatmap).all()
        assert target_of(found).probability is None
    (line,) = caplog.messages
    assert line.startswith(
        "headed gives NaN or infinity: there is nothing to explain then. Check its weights"
    )


def test_one_of_several_values_may_be_no_number_and_the_others_are_explained() -> None:
    network = headed_network(3, activation="elu")
    dense = network.layers[-1]
    weights, bias = dense.get_weights()
    weights[:, 1], bias[1] = 0, np.inf
    dense.set_weights([weights, bias])
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), target=1)
    broken = explainer.explain(IMAGE)
    explainer.target = 2
    whole = explainer.explain(IMAGE)
    assert (broken.has_evidence, broken.is_finite, target_of(broken).value) == (False, False, None)
    assert str(broken.target) == "value 1 no number"
    assert whole.top[1].value is None
    assert whole.has_evidence
    json.dumps([whole.said, broken.said], allow_nan=False)


def test_one_sigmoid_at_each_place_is_explained_on_both_sides() -> None:
    network = places_network(1, activation="sigmoid")
    features = np.asarray(
        network.get_layer("features")(IMAGE[None, ..., ::-1] / np.float32(255))[0], np.float64
    )
    weights, bias = (np.asarray(each, np.float64) for each in network.get_layer("places").get_weights())
    logits = (features @ weights[0, 0] + bias)[..., 0]
    p = sigmoid(logits).mean()
    for label, sign, probability in (("thing", 1, p), ("not thing", -1, 1 - p)):
        found = explain(network, labels=["thing"], target=label)
        assert target_of(found).probability == pytest.approx(probability, abs=1e-5)
        slope = sign * (sign * logits > 0).sum() * weights[0, 0, :, 0] / logits.size
        # The mean gradient over the places: only those that are given to the side count.
        assert_heat(found, features @ slope)


def test_the_values_of_all_places_are_explained_by_their_mean() -> None:
    network = places_network(2, activation="softplus")
    found = explain(network, labels=["depth [m]", "height"], target="depth", method="hirescam")
    features = np.asarray(
        network.get_layer("features")(IMAGE[None, ..., ::-1] / np.float32(255))[0], np.float64
    )
    weights, bias = (np.asarray(each, np.float64) for each in network.get_layer("places").get_weights())
    z = features @ weights[0, 0] + bias
    depth = np.log1p(np.exp(z))[..., 0]
    assert target_of(found).value == pytest.approx(depth.mean(), rel=1e-4)
    assert target_of(found).unit == "m"
    expected = (features * (sigmoid(z)[..., :1] * weights[0, 0, :, 0])).sum(axis=-1) / depth.size
    np.testing.assert_allclose(found.raw_heatmap, expected, atol=1e-4 * np.abs(expected).max())


class Compiled(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A softmax inside a function that is compiled on its own."""

    def call(self, x: Any) -> Any:
        return tf.function(tf.nn.softmax)(x)


def test_a_softmax_inside_a_compiled_function_is_found() -> None:
    network = headed_network(3, Compiled())
    _, _, z = features_and_sums(network)
    found = explain(network, target=1)
    assert found.task == "classes"
    assert target_of(found).probability == pytest.approx(softmax(z)[1], abs=1e-5)
    assert_heat(found, heat(network, lambda z: np.log(softmax(z)[1])))


class Unseen(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A function in a branch, which can be looked at only from outside."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return tf.cond(tf.size(x) > 0, lambda: self.function(x), lambda: x)


@pytest.mark.parametrize(
    ("function", "task"),
    [
        (tf.nn.softmax, "classes"),
        (tf.nn.log_softmax, "classes"),
        (tf.sigmoid, "multi-label"),
        (tf.nn.relu, "values"),
    ],
)
@pytest.mark.long
def test_what_cannot_be_looked_at_is_known_by_its_numbers(function: Callable[[Any], Any], task: str) -> None:
    network = headed_network(3, Unseen(function), scale=4.0)
    _, _, z = features_and_sums(network)
    found = explain(network)
    assert found.task == task
    if task == "classes":
        np.testing.assert_allclose(probabilities(found), np.sort(softmax(z))[::-1], atol=1e-5)


def test_an_output_of_several_axes_is_values_only_where_the_user_says_so() -> None:
    network = headed_network(6, layers.Reshape((3, 2)))
    with pytest.raises(
        lg.ModelError, match=r"gives \(N, 3, 2\), not one score for each class.*--task values"
    ):
        explain(network)
    _, _, z = features_and_sums(network)
    found = explain(network, task="values", target=3)
    np.testing.assert_allclose(values(found), z, rtol=1e-4, atol=1e-5)
    assert_heat(found, heat(network, lambda z: z[3]))
