"""A taught head is an argument of a graph: another head gives other answers, and compiles nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import numpy.typing as npt
import pytest
from networks import picture

import live_gradcam as lg
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.openvino.compiler import OpenVINOCompiler
from live_gradcam.explain.openvino.store import GraphStore
from live_gradcam.models.remembered_model import ModelMemory
from live_gradcam.prediction import Contrast, Value
from live_gradcam.question import Question
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead

RUNTIMES = ("tensorflow", "openvino")


@pytest.fixture
def model() -> lg.Model:
    return lg.load_model(networks.stage_network(), preprocess="unit")


@pytest.fixture(params=RUNTIMES)
def engine(request: pytest.FixtureRequest, model: lg.Model, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "tensorflow":
        yield Engine([model])
        return

    def compiler(known: Any) -> OpenVINOCompiler:
        folder = tmp_path / "graphs"
        return OpenVINOCompiler(
            known,
            runtime="openvino",
            precision="f32",
            store=GraphStore(folder),
            memory=ModelMemory(tmp_path / "models"),
        )

    engine = Engine([model], compiler=compiler)
    yield engine
    engine.close()


def own_weights(model: lg.Model) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    kernel, bias = model.network.layers[-1].get_weights()
    return kernel, bias


def some_of(model: lg.Model, classes: list[int]) -> TaughtHead:
    kernel, bias = own_weights(model)
    return TaughtHead(
        tuple(f"thing {each}" for each in classes), kernel[:, classes].copy(), bias[classes].copy()
    )


def random_head(count: int, seed: int = 0) -> TaughtHead:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(12, count)).astype(np.float32)
    return TaughtHead(tuple(f"thing {each}" for each in range(count)), kernel, np.zeros(count, np.float32))


def test_the_network_s_own_weights_as_a_head_give_its_own_map(engine: Engine, model: lg.Model) -> None:
    image = picture(32, 32)
    (own,) = engine.answer_batch([image], [Question(targets=(2,))])
    (taught,) = engine.answer_batch([image], [Question(targets=(1,), head=some_of(model, [0, 2, 4]))])
    peak = np.abs(own.first.raw_heatmap).max()
    np.testing.assert_allclose(taught.first.raw_heatmap, own.first.raw_heatmap, atol=1e-5 * peak)
    assert taught.first.target.label == "thing 2"


def test_probabilities_and_the_feature_map_equal_numpy_s(engine: Engine, model: lg.Model) -> None:
    image, head = picture(32, 32), random_head(3)
    (answer,) = engine.answer_batch([image], [Question(head=head)])
    activation = np.asarray(_feature_map(model, image))
    features = activation.mean(axis=(0, 1))
    assert answer.feature_map is not None
    np.testing.assert_allclose(answer.feature_map, activation, rtol=1e-4, atol=1e-6)
    powers = np.exp(features @ head.kernel + head.bias)
    found = {each.class_id: each.probability or 0.0 for each in answer.first.top}
    np.testing.assert_allclose([found[each] for each in range(3)], powers / powers.sum(), atol=1e-5)
    best = answer.first.top[0].class_id
    cam = np.maximum(activation @ head.kernel[:, best], 0.0) / activation[..., 0].size
    np.testing.assert_allclose(answer.first.raw_heatmap, cam, atol=1e-4 * max(cam.max(), 1e-6))


def _feature_map(model: lg.Model, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    upto = keras.Model(model.network.input, model.network.get_layer("third").output)
    return np.asarray(upto(np.asarray(image[None, ..., ::-1], np.float32) / 255.0)[0])


def test_each_picture_of_a_batch_has_its_own_head(engine: Engine) -> None:
    image = picture(32, 32)
    heads = [random_head(2, seed=1), random_head(9, seed=2), random_head(5, seed=3)]
    together = engine.answer_batch([image] * 3, [Question(head=head) for head in heads])
    for head, answer in zip(heads, together, strict=True):
        (alone,) = engine.answer_batch([image], [Question(head=head)])
        assert [each.class_id for each in answer.first.top] == [each.class_id for each in alone.first.top]
        assert len(answer.first.top) == min(5, len(head.labels))
        np.testing.assert_allclose(answer.first.raw_heatmap, alone.first.raw_heatmap, rtol=1e-4, atol=1e-7)


def test_another_head_compiles_nothing(engine: Engine) -> None:
    engine.answer_batch([picture(32, 32)], [Question(head=random_head(2))])
    before = engine.traces
    for count in range(2, 10):
        assert engine.ready(Question(head=random_head(count, seed=count)), (32, 32))
        engine.answer_batch([picture(32, 32)], [Question(head=random_head(count, seed=count))])
    assert engine.traces == before


def test_before_anything_is_taught_there_is_no_class_and_no_heat(engine: Engine) -> None:
    (answer,) = engine.answer_batch([picture(32, 32)], [Question(head=NOTHING_TAUGHT)])
    assert answer.first.top == ()
    assert not answer.first.has_evidence
    assert answer.feature_map is not None


METHODS = ("gradcam", "gradcam++", "layercam", "finercam", "eigencam", "scorecam", "integrated-gradients")
USUAL = ("gradcam", "scorecam", "integrated-gradients")
"""What the usual suite tests; the others are in the group `geometry`."""


@pytest.mark.parametrize(
    "method", [pytest.param(each, marks=() if each in USUAL else pytest.mark.geometry) for each in METHODS]
)
def test_every_method_explains_a_head_as_it_explains_a_dense_layer(model: lg.Model, method: str) -> None:
    head = random_head(9)
    features = model.network.layers[-2].output
    classes = keras.layers.Dense(9, activation="softmax")(features)
    dense = keras.Model(model.network.input, classes, name="dense")
    dense.layers[-1].set_weights([head.kernel, head.bias])
    (expected,) = Engine([lg.load_model(dense, preprocess="unit")]).answer_batch(
        [picture(32, 32)], [Question(methods=(method,))]
    )
    (answer,) = Engine([model]).answer_batch([picture(32, 32)], [Question(methods=(method,), head=head)])
    raw = expected.first.raw_heatmap
    np.testing.assert_allclose(answer.first.raw_heatmap, raw, atol=1e-4 * np.abs(raw).max())
    assert answer.first.has_evidence == expected.first.has_evidence
    found, wanted = answer.first.target, expected.first.target
    assert not isinstance(found, Value)
    assert not isinstance(wanted, Value)
    assert found.class_id == wanted.class_id


def test_empty_slots_are_no_rivals(engine: Engine) -> None:
    head = random_head(3)
    (answer,) = engine.answer_batch([picture(32, 32)], [Question(methods=("finercam",), head=head)])
    target = answer.first.target
    assert isinstance(target, Contrast)
    assert {each.label for each in target.rivals} <= set(head.labels)
    assert len(target.rivals) == 2


def test_augmented_copies_take_the_head_of_their_picture(model: lg.Model) -> None:
    engine = Engine([model], smooth="augment")
    heads = [random_head(2, seed=4), random_head(4, seed=5)]
    images = [picture(32, 32), picture(32, 32, seed=1)]
    together = engine.answer_batch(images, [Question(head=head) for head in heads])
    for image, head, answer in zip(images, heads, together, strict=True):
        (alone,) = engine.answer_batch([image], [Question(head=head)])
        np.testing.assert_allclose(answer.first.raw_heatmap, alone.first.raw_heatmap, rtol=1e-4, atol=1e-7)


def test_questions_with_and_without_a_head_do_not_share_a_batch(engine: Engine) -> None:
    with pytest.raises(LiveGradcamError, match="heads"):
        engine.answer_batch([picture(32, 32)] * 2, [Question(), Question(head=random_head(2))])


def test_a_head_of_another_network_is_refused(engine: Engine) -> None:
    head = TaughtHead(("a", "b"), np.ones((7, 2), np.float32), np.zeros(2, np.float32))
    with pytest.raises(LiveGradcamError, match="7 features: this network takes at most 9 classes, and 12"):
        engine.answer_batch([picture(32, 32)], [Question(head=head)])


def test_the_user_s_network_stays_as_it_was(model: lg.Model) -> None:
    before = [each.copy() for each in model.network.get_weights()]
    layers = [each.name for each in model.network.layers]
    nodes = [len(each._inbound_nodes) for each in model.network.layers]
    Engine([model]).answer_batch([picture(32, 32)], [Question(head=random_head(3))])
    assert [each.name for each in model.network.layers] == layers
    assert [len(each._inbound_nodes) for each in model.network.layers] == nodes
    for old, new in zip(before, model.network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_network_without_pooling_cannot_be_taught() -> None:
    flat = lg.load_model(networks.flattened_network(), preprocess="unit")
    with pytest.raises(LiveGradcamError, match="flattened cannot be taught: its classes do not come from"):
        Engine([flat]).answer_batch([picture(16, 16)], [Question(head=random_head(2))])
