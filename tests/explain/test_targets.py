"""What can be explained besides the most probable class, and that none of it traces the graph again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from networks import colour_network, flattened_network, picture, pooled_network

import live_gradcam as lg
from live_gradcam.explain.methods.method import FINERCAM_RIVALS, FINERCAM_STRENGTH
from live_gradcam.explain.targets import NO_RIVAL, REVERSED, STRONGEST_RIVALS, Aim, TargetLock, parse_target
from live_gradcam.models.labels import Labels
from live_gradcam.prediction import Contrast, Prediction, Value

Array = npt.NDArray[Any]

NAMES = Labels(("tabby", "tiger cat", "hen-of-the-woods", "mask"))


@pytest.mark.parametrize(
    ("target", "aim"),
    [
        (None, Aim(-1)),
        (2, Aim(2)),
        ("2", Aim(2)),
        ("#1", Aim(-1)),
        ("#3", Aim(-3)),
        ("Tiger_Cat", Aim(1)),
        ("hen-of-the-woods", Aim(2)),
        ("tabby - tiger cat", Aim(0, 1, 1.0)),
        ("tabby − tiger cat", Aim(0, 1, 1.0)),
        ("#1 - #2", Aim(-1, -2, 1.0)),
        ("- mask", Aim(-1, 3, 1.0)),
        ("tabby -", Aim(0, REVERSED, 0.6)),
        ("tabby-", Aim(0, REVERSED, 0.6)),
        ("tabby -tiger cat", Aim(0, 1, 1.0)),
        ("tabby- tiger cat", Aim(0, 1, 1.0)),
        ("tabby – tiger cat", Aim(0, 1, 1.0)),
    ],
)
def test_a_target_is_named_in_many_ways(target: int | str | None, aim: Aim) -> None:
    assert parse_target(target, NAMES, rivals=False, strength=0.6) == aim


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("tabby-mask", "unknown class 'tabby-mask'. Did you mean 'tabby - mask'?"),
        ("tabby-tiger cat", "Did you mean 'tabby - tiger cat'?"),
        ("tabby–tigercat", "Did you mean 'tabby - tigercat'?"),
        ("#1-#2", "Did you mean '#1 - #2'?"),
        ("taby-mask", "Did you mean 'tabby - mask'?"),
        ("hen-of-the-woods-mask", "Did you mean 'hen-of-the-woods - mask'?"),
        (
            "tigr cat",
            "unknown class 'tigr cat'. Did you mean tiger cat? Valid: tabby, tiger cat, hen-of-the-woods, mask.",
        ),
        ("espresso", "unknown class 'espresso'. Valid: tabby, tiger cat, hen-of-the-woods, mask."),
    ],
)
def test_a_target_that_is_nearly_one_is_told_in_the_models_own_names(typed: str, said: str) -> None:
    with pytest.raises(lg.TargetError) as refused:
        parse_target(typed, NAMES, rivals=False, strength=0.6)
    assert said in str(refused.value)
    assert "live-gradcam classes" not in str(refused.value)


def test_a_name_of_one_s_own_comes_before_a_contrast() -> None:
    grades = Labels(("A", "A+", "A-", "front - left", "front", "left"))
    assert parse_target("A-", grades, rivals=False, strength=0.6) == Aim(2)
    assert parse_target("a+", grades, rivals=False, strength=0.6) == Aim(1)
    assert parse_target("A", grades, rivals=False, strength=0.6) == Aim(0)
    assert parse_target("Front - Left", grades, rivals=False, strength=0.6) == Aim(3)
    assert parse_target("left - front", grades, rivals=False, strength=0.6) == Aim(5, 4, 1.0)


def test_finercam_sets_every_class_against_its_strongest_rivals() -> None:
    assert parse_target("tabby", NAMES, rivals=True, strength=0.6) == Aim(0, STRONGEST_RIVALS, 0.6)
    assert parse_target(None, NAMES, rivals=False, strength=0.6).rival == NO_RIVAL


@pytest.mark.parametrize("target", ["#0", "#9", "lion", "tabby - lion", "-5"])
def test_a_target_that_is_none_is_told(target: str) -> None:
    with pytest.raises(lg.TargetError):
        parse_target(target, NAMES, rivals=False, strength=0.6)


def test_a_rank_that_is_none_is_told_in_the_word_for_what_the_model_gives() -> None:
    with pytest.raises(
        lg.TargetError, match="no rank '#9' among the most probable classes: '#1' to '#4' are"
    ):
        parse_target("#9", NAMES, rivals=False, strength=0.6)
    values = Labels(("x", "y"), kind="value")
    with pytest.raises(lg.TargetError, match="no value '#9': this model's first is '#1', its last '#2'"):
        parse_target("#9", values, rivals=False, strength=0.6)


class Flattened:
    """The flattened network with its parts at hand: the oracle for what a row of class weights gives."""

    def __init__(self, image: Array) -> None:
        self.network = flattened_network()
        self.model = lg.load_model(self.network, preprocess="unit")
        pixels = image[None, ..., ::-1].astype(np.float32) / 255
        inner = keras.Model(self.network.input, self.network.get_layer("features").output)
        self.activations = np.asarray(inner(pixels)[0], np.float64)
        self.kernel, self.bias = (np.asarray(w, np.float64) for w in self.network.layers[-1].get_weights())
        self.logits = self.activations.reshape(-1) @ self.kernel + self.bias

    def gradcam(self, row: Array) -> Array:
        gradients = (self.kernel @ row).reshape(self.activations.shape)
        return np.asarray(np.maximum((self.activations * gradients.mean(axis=(0, 1))).sum(axis=-1), 0))


@pytest.fixture
def flattened() -> Flattened:
    return Flattened(picture(seed=5))


def assert_maps_equal(found: Array, expected: Array) -> None:
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (2, 0)])
@pytest.mark.long
def test_a_contrast_is_the_difference_of_two_scores(flattened: Flattened, first: int, second: int) -> None:
    explanation = lg.Explainer(flattened.model, target=f"{first} - {second}").explain(picture(seed=5))
    assert_maps_equal(explanation.raw_heatmap, flattened.gradcam(np.eye(3)[first] - np.eye(3)[second]))
    target = explanation.target
    assert isinstance(target, Contrast)
    assert (target.class_id, [rival.class_id for rival in target.rivals], target.strength) == (
        first,
        [second],
        1,
    )
    assert target.label == f"class {first} − class {second}"


@pytest.mark.parametrize(("method", "target"), [("finercam", None), ("gradcam", "#1 -")])
def test_the_strongest_rivals_are_taken_off_as_in_finercam(
    flattened: Flattened, method: str, target: str | None
) -> None:
    explainer = lg.Explainer(flattened.model, method=method, target=target, strength=0.5, rivals=2)
    explanation = explainer.explain(picture(seed=5))
    first, second, third = np.argsort(-flattened.logits)
    row = np.eye(3)[first] - 0.5 * (np.eye(3)[second] + np.eye(3)[third]) / 2
    assert_maps_equal(explanation.raw_heatmap, flattened.gradcam(row))
    assert isinstance(explanation.target, Contrast)
    assert [rival.class_id for rival in explanation.target.rivals] == [second, third]


def test_finercams_strength_and_number_are_the_papers() -> None:
    assert (FINERCAM_STRENGTH, FINERCAM_RIVALS) == (0.6, 3)
    explanation = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"), method="finercam").explain(
        picture()
    )
    assert isinstance(explanation.target, Contrast)
    assert explanation.target.strength == pytest.approx(0.6)
    assert len(explanation.target.rivals) == 3


@pytest.mark.long
def test_several_targets_come_from_one_call_and_equal_each_alone(flattened: Flattened) -> None:
    explainer = lg.Explainer(flattened.model)
    targets: tuple[int | str, ...] = ("#1", 2, "class 0 - class 1", "#3 -")
    together = explainer.explain_targets(picture(seed=5), targets)
    assert isinstance(together, tuple)
    for target, one in zip(targets, together, strict=True):
        alone = lg.Explainer(flattened.model, target=target).explain(picture(seed=5))
        assert type(one.target) is type(alone.target)
        assert (one.target.label, one.top[0].class_id) == (alone.target.label, alone.top[0].class_id)
        np.testing.assert_allclose(one.raw_heatmap, alone.raw_heatmap, atol=1e-6)
    assert explainer.explain_targets(picture(), ()) == ()
    assert explainer.traces == 2  # one for a single target, one for four


def test_the_top_classes_are_explained_best_first(flattened: Flattened) -> None:
    explanations = lg.Explainer(flattened.model).explain_top(picture(seed=5), 3)
    order = np.argsort(-flattened.logits)
    assert [each.target.label for each in explanations] == [f"class {class_id}" for class_id in order]
    for class_id, each in zip(order, explanations, strict=True):
        expected = flattened.gradcam(np.eye(3)[class_id])
        np.testing.assert_allclose(each.raw_heatmap, expected, atol=1e-5 * max(expected.max(), 1e-3))


def test_class_contrast_and_lock_are_arguments_of_one_graph() -> None:
    explainer = lg.Explainer(lg.load_model(pooled_network(), preprocess="unit"))
    for target in (None, 3, "#2", "class 1 - class 2", "class 0 -", "lock", "- class 1", 0):
        explainer.target = target
        explainer.explain(picture())
    assert explainer.traces == 1


def test_the_lock_follows_only_what_leads_clearly_and_for_long_enough() -> None:
    lock = TargetLock(margin=0.1, frames=3)

    def see(best: int, probability: float, held: float) -> int | None:
        lock.update([Prediction(best, str(best), probability)], None if lock.class_id is None else held)
        return lock.class_id

    assert see(7, 0.5, 0.0) == 7
    assert [see(8, 0.5, 0.3) for _ in range(2)] == [7, 7]  # not long enough
    assert see(8, 0.35, 0.3) == 7  # not clearly enough: the count begins anew
    assert [see(8, 0.5, 0.3) for _ in range(3)] == [7, 7, 8]
    assert see(8, 0.9, 0.9) == 8


def test_a_locked_target_does_not_flap() -> None:
    explainer = lg.Explainer(lg.load_model(colour_network(), preprocess="unit"), target="lock")
    red, blue = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = blue[..., 0] = 255
    flapping = [explainer.explain(each) for each in [red, blue] * 6]
    assert [each.top[0].class_id for each in flapping] == [0, 1] * 6
    assert {each.target.label for each in flapping} == {"class 0"}
    steady = [explainer.explain(blue).target.label for _ in range(8)]
    assert steady == ["class 0"] * 4 + ["class 1"] * 4  # the last of the flapping frames was blue, too
    assert explainer.traces == 1


def entropy(output: Any) -> Any:
    """How undecided the network is."""
    return -tf.reduce_sum(output * tf.math.log(output), axis=-1)


def test_any_differentiable_score_can_be_explained(flattened: Flattened) -> None:
    explanation = lg.Explainer(flattened.model, target=entropy).explain(picture(seed=5))
    p = np.exp(flattened.logits - flattened.logits.max())
    p /= p.sum()
    value = -(p * np.log(p)).sum()
    row = -p * (np.log(p) + value)  # ∂entropy/∂logits
    assert_maps_equal(explanation.raw_heatmap, flattened.gradcam(row))
    assert isinstance(explanation.target, Value)
    assert explanation.target.label == "entropy"
    assert explanation.target.value == pytest.approx(value, rel=1e-5)


def test_a_score_of_ones_own_is_found_by_name(
    flattened: Flattened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_scores.py").write_text("def first(output):\n    return output[:, 0]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    by_name = lg.Explainer(flattened.model, target="my_scores:first").explain(picture(seed=5))
    direct = lg.Explainer(flattened.model, target=0, score="probability").explain(picture(seed=5))
    np.testing.assert_allclose(by_name.raw_heatmap, direct.raw_heatmap, atol=1e-7)
    with pytest.raises(lg.TargetError, match=r"my_scores: unknown name 'second'"):
        lg.Explainer(flattened.model, target="my_scores:second")
    with pytest.raises(lg.TargetError, match="there is no module no_such_module"):
        lg.Explainer(flattened.model, target="no_such_module:first")
