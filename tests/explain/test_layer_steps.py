"""The layers that a viewer steps through: few enough to walk, each seen by everything, the usual one among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import networks
import numpy as np
import pytest
from fakes import AtMost
from networks import picture

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.layer_steps import MOST_STEPS
from live_gradcam.question import Question


def walked(network: Any, **question: Any) -> list[str]:
    """Return the paths of a network's walk, known from answering one question."""
    loaded = network if isinstance(network, lg.Model) else lg.load_model(network, preprocess="unit")
    answering = Engine([loaded])
    height, width = loaded.input_size
    answering.answer(picture(height, width), Question(**question))
    assert answering.traces == 1, "the walk costs no trace of its own"
    return [path for path, _ in answering.layers_of()]


@pytest.mark.long
def test_the_default_network_is_walked_block_by_block() -> None:
    loaded = lg.load_model("efficientnet-lite0")
    answering = Engine([loaded])
    answering.compile(Question(), (224, 224))
    steps = answering.layers_of()
    assert [path for path, _ in steps] == [
        *("stem", "block0_project", "block1_project", "block2_add", "block3_project", "block4_add"),
        *("block5_project", "block6_add", "block7_add", "block8_project", "block9_add", "block10_add"),
        *("block11_project", "block12_add", "block13_add", "block14_add", "block15_project", "head"),
    ]
    assert (steps[0][1], steps[3][1], steps[-1][1]) == ((112, 112, 32), (56, 56, 24), (7, 7, 1280))


@pytest.mark.geometry
@pytest.mark.long
def test_vgg16_is_walked_convolution_by_convolution() -> None:
    network = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=3)
    expected = [
        f"block{block}_conv{number}"
        for block, count in enumerate((2, 2, 3, 3, 3), 1)
        for number in range(1, count + 1)
    ]
    assert walked(network) == expected


@pytest.mark.long
def test_what_lies_on_one_branch_of_a_residual_network_is_left_out() -> None:
    image = x = keras.Input((16, 16, 3))
    for number in range(10):
        branch = keras.layers.Conv2D(3, 3, padding="same", name=f"unit{number}_conv")(x)
        branch = keras.layers.BatchNormalization(name=f"unit{number}_bn")(branch)
        x = keras.layers.Add(name=f"unit{number}_sum")([x, branch])
        x = keras.layers.ReLU(name=f"unit{number}_out")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    assert walked(network) == [f"unit{number}_out" for number in range(10)]


@pytest.mark.geometry
@pytest.mark.long
def test_a_very_deep_network_is_walked_in_larger_steps_from_its_end() -> None:
    image = x = keras.Input((8, 8, 3))
    for number in range(70):
        x = keras.layers.Conv2D(3, 1, name=f"conv{number}")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    steps = walked(network)
    assert steps == [f"conv{number}" for number in range(0, 70, 3)]
    assert len(steps) <= MOST_STEPS


@pytest.mark.long
def test_a_small_network_is_walked_through_every_layer_wherever_it_lies() -> None:
    assert walked(networks.residual_network()) == ["early", "target", "sum", "join", "late"]
    assert walked(networks.residual_network(), layer="target") == ["early", "target", "sum", "join", "late"]
    assert walked(networks.nested_network(2)) == ["level1/base/early", "level1/base/features"]


@pytest.mark.long
def test_a_models_own_layer_is_always_among_the_steps() -> None:
    image = x = keras.Input((8, 8, 3))
    for number in range(10):
        x = keras.layers.Conv2D(3, 1, name=f"block{number}_conv")(x)
        x = keras.layers.ReLU(name=f"block{number}_out")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    loaded = lg.load_model(
        keras.Model(image, keras.layers.Dense(3, activation="softmax")(x)), preprocess="unit"
    )
    steps = [f"block{number}_out" for number in range(10)]
    assert walked(loaded) == steps
    steps.insert(7, "block7_conv")
    assert walked(replace(loaded, layer="block7_conv")) == steps


@pytest.mark.geometry
@pytest.mark.long
def test_tokens_that_no_score_depends_on_are_no_step() -> None:
    steps = walked(networks.token_network(True, 2))
    assert steps[-1] == "block0_norm1"
    assert "norm" not in steps
    steps = walked(networks.token_network(False, 0), layer="block0_norm1")
    assert steps[-1] == "norm"


@pytest.mark.geometry
@pytest.mark.long
def test_the_walk_stays_the_same_when_the_first_graph_is_long_gone() -> None:
    answering = Engine([lg.load_model(networks.token_network(True, 0), preprocess="unit")], limit=AtMost(2))
    answering.answer(picture(), Question(layer="patches"))
    answering.answer(picture(), Question())
    steps = answering.layers_of()
    assert steps[-1][0] == "block0_norm1"
    for path in ("patches", "tokens"):
        answering.compile(Question(layer=path, methods=("hirescam",)), (16, 16))
    assert not answering.ready(Question(), (16, 16))
    assert answering.layers_of() == steps
    (step,) = [step for step in answering.prepare(Question(), (16, 16))]
    assert step == "gradcam at block0_norm1"


def test_class_maps_of_a_segmentation_network_are_no_step() -> None:
    assert walked(networks.segmentation_network()) == ["features"]


@pytest.mark.long
@pytest.mark.parametrize("build", [networks.sequential_network, networks.shared_layer_network])
def test_every_step_can_be_explained(build: Any) -> None:
    network = build(True) if build is networks.sequential_network else build()
    answering = Engine([lg.load_model(network, preprocess="unit")])
    answering.answer(picture(), Question())
    for path, shape in answering.layers_of():
        explanation = answering.answer(picture(), Question(layer=path, methods=("hirescam",))).first
        assert explanation.layer == path
        assert explanation.raw_heatmap.shape == shape[:2]
        assert np.abs(explanation.raw_heatmap).max() > 0
