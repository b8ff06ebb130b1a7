from typing import Any

import keras
import pytest
from networks import headed_network

import live_gradcam as lg
from live_gradcam.models.labels import Labels, labels_from
from live_gradcam.models.task import Evidence, decided, labels_for, named_with_unit, telling, with_units
from live_gradcam.models.task_evidence import ending_of, name_of

layers, ops = keras.layers, keras.ops


@pytest.mark.parametrize(
    ("ending", "units", "evidence", "task"),
    [
        ("softmax", 3, Evidence(), "classes"),
        ("log-softmax", 3, Evidence(trained="values"), "classes"),
        ("sigmoid", 1, Evidence(), "classes"),
        ("sigmoid", 1, Evidence(trained="values"), "values"),
        ("sigmoid", 1, Evidence(trained="values", labels=labels_from(["no", "yes"])), "classes"),
        ("sigmoid", 3, Evidence(), "multi-label"),
        ("sigmoid", 4, Evidence(trained="values"), "values"),
        ("linear", 1, Evidence(), "values"),
        ("linear", 1, Evidence(labels=labels_from(["age"])), "values"),
        ("linear", 1, Evidence(labels=labels_from(["no", "yes"])), "classes"),
        ("linear", 1, Evidence(trained="multi-label", from_logits=True), "classes"),
        ("linear", 5, Evidence(), "classes"),
        ("linear", 5, Evidence(trained="values"), "values"),
        ("linear", 5, Evidence(trained="classes", from_logits=True), "classes"),
        ("linear", 5, Evidence(trained="multi-label", from_logits=True), "multi-label"),
        ("linear", 4, Evidence(name="bbox_head"), "values"),
        ("linear", 2, Evidence(labels=labels_from(["x [px]", "y [px]"])), "values"),
        ("linear", 4, Evidence(labels=labels_from(["x", "Y", "width", "height"])), "values"),
        ("linear", 4, Evidence(labels=labels_from(["top", "shoe", "bag", "hat"])), "classes"),
        ("linear", 2, Evidence(labels=labels_from(["crane (bird)", "crane (machine)"])), "classes"),
        ("linear", 1000, Evidence(is_imagenet=True, name="box"), "classes"),
        ("other", 1, Evidence(), "values"),
        ("other", 3, Evidence(trained="multi-label"), "multi-label"),
        ("softmax", 3, Evidence(chosen="values"), "values"),
        ("linear", 3, Evidence(chosen="multi-label"), "multi-label"),
    ],
)
def test_the_task_follows_from_the_evidence(ending: Any, units: int, evidence: Evidence, task: str) -> None:
    assert decided(ending, units, evidence).task == task


def test_only_a_guess_is_worth_a_line() -> None:
    assert decided("linear", 5, Evidence()).is_guess
    assert decided("linear", 1, Evidence()).is_guess
    for ending, evidence in (
        ("softmax", Evidence()),
        ("other", Evidence()),
        ("linear", Evidence(trained="values")),
        ("linear", Evidence(chosen="classes")),
    ):
        assert not decided(ending, 5, evidence).is_guess  # type: ignore[arg-type]  # a Literal
    line = decided("sigmoid", 4, Evidence(trained="values")).warning("box.keras", 4)
    assert line == (
        "box.keras: its 4 outputs are taken as values, not classes (it ends in sigmoids and was trained as a "
        "regression). Say --task multi-label if labels are meant."
    )


@pytest.mark.parametrize(
    ("name", "called", "unit"),
    [
        ("age", "age", ""),
        ("age_years", "age", "years"),
        ("age_in_years", "age", "years"),
        ("steering_deg", "steering", "°"),
        ("AgeHead", "Age", ""),
        ("pred_age_output", "age", ""),
        ("sentence", "sentence", ""),
        ("speed_km", "speed", "km"),
        ("m", "m", ""),
    ],
)
def test_a_layer_s_name_gives_the_value_s_name_and_unit(name: str, called: str, unit: str) -> None:
    assert named_with_unit(name) == (called, unit)


@pytest.mark.parametrize(
    "name",
    ["dense", "dense_3", "output", "predictions", "re_lu_1", "logits", "a/dense_2", "fc_1", "dense/BiasAdd"],
)
def test_a_name_that_keras_made_up_says_nothing(name: str) -> None:
    assert telling(name) == ""


def test_a_frozen_graph_names_the_layer_before_the_operation() -> None:
    assert telling("head/age_years/BiasAdd:0") == "age_years"
    assert telling("age/Identity_1") == "age"


def test_units_stand_in_brackets_behind_the_labels_of_values() -> None:
    found = with_units(labels_from(["age [years]", "distance (m)", "score"]))
    assert found == Labels(("age", "distance", "score"), units=("years", "m", ""))
    given = Labels(("age", "mass"), units=("a", "kg"))
    assert with_units(given) is given
    assert labels_for("values", 3, Evidence(name="box_px")) == Labels(
        ("box 0", "box 1", "box 2"), units=("px", "px", "px")
    )
    assert labels_for("classes", 2, Evidence(labels=labels_from(["crane (bird)", "b"]))).names == (
        "crane (bird)",
        "b",
    )


@pytest.mark.parametrize(
    ("tail", "dense", "ending", "name"),
    [
        ((), {"activation": "relu", "name": "age"}, "other", "age"),
        ((), {"name": "age_years"}, "linear", "age_years"),
        ((layers.Softmax(),), {}, "softmax", ""),
        ((ops.log_softmax,), {}, "log-softmax", ""),
        ((layers.Activation("sigmoid"), layers.Reshape((1, 3)), layers.Flatten()), {}, "sigmoid", ""),
        ((layers.Rescaling(100.0),), {"name": "speed"}, None, "speed"),
        ((layers.UnitNormalization(),), {}, None, ""),
        ((lambda x: ops.sum(x, axis=-1, keepdims=True),), {}, None, ""),
        ((layers.Activation("log_softmax", name="answer"),), {}, "log-softmax", "answer"),
    ],
)
def test_the_last_layer_tells_its_function_and_its_name(
    tail: tuple[Any, ...], dense: dict[str, Any], ending: str | None, name: str
) -> None:
    network = headed_network(3, *tail, **dense)
    assert (ending_of(network.outputs[0]), name_of(network.outputs[0])) == (ending, name)
    nested = keras.Sequential([network, layers.Dropout(0.1)])
    assert (ending_of(nested.outputs[0]), name_of(nested.outputs[0])) == (ending, name)


@pytest.mark.parametrize(
    ("units", "dense", "labels", "told"),
    [
        (
            3,
            {"activation": "relu"},
            ["a", "b"],
            "headed has 3 values but 2 labels were given: one for each value",
        ),
        (1, {"activation": "relu"}, ["a", "b"], "headed has 1 value but 2 labels were given"),
        (
            3,
            {"activation": "softmax"},
            ["a", "b"],
            "headed has 3 classes but 2 labels were given: one for each class",
        ),
        (1, {"activation": "sigmoid"}, ["a", "b", "c"], "headed has 2 classes but 3 labels were given"),
    ],
)
def test_labels_that_do_not_fit_are_told_with_both_numbers(
    units: int, dense: dict[str, Any], labels: list[str], told: str
) -> None:
    with pytest.raises(lg.ModelError, match=told):
        lg.load_model(headed_network(units, **dense), labels, "unit")


def test_labels_that_turn_out_not_to_fit_when_the_network_is_traced_are_told() -> None:
    network = headed_network(1, layers.Activation("sigmoid"), layers.Rescaling(100.0))
    model = lg.load_model(network, ["small", "large"], "unit")  # until then it may be a classifier
    with pytest.raises(lg.ModelError, match=r"has 1 value but 2 labels were given.*--task classes"):
        lg.Explainer(model)


@pytest.mark.parametrize("output", ["age", 0, "0"])
def test_one_of_several_keyed_outputs_is_called_by_its_key(output: Any) -> None:
    image = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3, name="features")(image))
    heads = {"age": layers.Dense(1, activation="relu")(x), "gender": layers.Dense(1, activation="sigmoid")(x)}
    model = lg.load_model(keras.Model(image, heads), preprocess="unit", output=output)
    assert model.labels.names == ("age",)
    assert lg.load_model(model, output="gender").labels.names == ("class 0", "class 1")


def test_a_task_that_there_is_none_of_is_told_with_the_valid_ones() -> None:
    with pytest.raises(lg.SettingsError, match=r"task is 'guess'. Valid: classes, multi-label, values\."):
        lg.load_model(headed_network(3), task="guess")  # type: ignore[arg-type]  # that is the point
