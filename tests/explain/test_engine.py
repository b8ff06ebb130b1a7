"""Answers equal what explainers give one by one, from as few graphs and passes as the mathematics allows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from fakes import AtMost
from networks import picture

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.graph_cache import ByteLimit
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.question_switch import QuestionSwitch
from live_gradcam.explain.runtime import CompiledGraph, GraphOutputs
from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler, TensorFlowGraph
from live_gradcam.explanation import Region
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.prediction import Contrast
from live_gradcam.question import Question, TargetSpec

Array = npt.NDArray[Any]

ONE_PASS = tuple(name for name in METHODS if method_named(name).one_pass and name != "cam")
TARGETS: tuple[TargetSpec, ...] = (None, "#2", 2, "class 0 - class 1")


def model(network: Any, **options: Any) -> lg.Model:
    return lg.load_model(network, preprocess="unit", **options)


def assert_equal(found: lg.Explanation, expected: lg.Explanation) -> None:
    peak = max(np.abs(expected.raw_heatmap).max(), 1e-6)
    np.testing.assert_allclose(found.raw_heatmap, expected.raw_heatmap, atol=1e-5 * peak)
    assert (found.method, found.layer, found.region, found.has_evidence) == (
        expected.method,
        expected.layer,
        expected.region,
        expected.has_evidence,
    )
    assert type(found.target) is type(expected.target)
    assert found.target.label == expected.target.label
    assert [each.class_id for each in found.top] == [each.class_id for each in expected.top]


@pytest.mark.parametrize(
    ("build", "layer", "methods"),
    [
        pytest.param(networks.nested_network, "base/early", ONE_PASS, marks=pytest.mark.geometry),
        (networks.residual_network, "target", ("hirescam", "finercam", "gradcam")),
        pytest.param(
            lambda: networks.token_network(True, 2),
            "block0_norm1",
            ("gradcam", "fem"),
            marks=pytest.mark.geometry,
        ),
        (networks.segmentation_network, "features", ("fem", "gradcam++")),
    ],
)
@pytest.mark.long
def test_methods_and_targets_come_from_one_graph_and_equal_each_alone(
    build: Callable[[], Any], layer: str, methods: tuple[str, ...]
) -> None:
    loaded = model(build())
    image = picture(*loaded.input_size, seed=9)
    question = Question(methods=methods, layer=layer, targets=TARGETS)
    answering = Engine([loaded])
    answer = answering.answer(image, question)
    assert answering.traces == 1
    assert answer.question == question
    assert len(answer.explanations) == len(methods) * len(TARGETS)
    found = iter(answer.explanations)
    for name in methods:
        alone = lg.Explainer(loaded, name, layer)
        for target in TARGETS:
            alone.target = target
            assert_equal(next(found), alone.explain(image))
    assert answer.first is answer.explanations[0]


def test_finercam_sets_a_class_against_its_rivals_beside_methods_that_do_not() -> None:
    answering = Engine([model(networks.flattened_network())])
    targets: tuple[TargetSpec, ...] = (None, "class 0 - class 1")
    answer = answering.answer(picture(seed=5), Question(methods=("gradcam", "finercam"), targets=targets))
    plain, named, finer, finer_named = (each.target for each in answer.explanations)
    assert isinstance(plain, lg.Prediction)
    assert isinstance(finer, Contrast)
    assert len(finer.rivals) == 2
    assert named == finer_named


@pytest.mark.long
def test_a_shared_graph_runs_the_network_once() -> None:
    """The graph of all methods and targets has no more convolutions than that of one, but for the way back."""
    loaded = model(networks.residual_network())
    answering = Engine([loaded])
    convolutions = []
    for methods, targets in ((("gradcam",), (None,)), (ONE_PASS, TARGETS)):
        question = Question(methods=methods, targets=targets, layer="late", channels=4)
        answering.compile(question, (16, 16))
        ((_, spec), compiled), *_ = reversed(answering.graphs.items())
        assert len(spec.methods) == len(methods)
        assert isinstance(compiled, TensorFlowGraph)
        graph = compiled.function.graph.as_graph_def()
        nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
        convolutions.append(sum(node.op == "Conv2D" for node in nodes))
    assert convolutions == [3, 3]


@pytest.mark.geometry
@pytest.mark.long
def test_methods_of_many_passes_have_graphs_of_their_own_and_equal_each_alone() -> None:
    loaded = model(networks.nested_network())
    image = picture(seed=9)
    methods = ("scorecam", "gradcam", "saliency", "layercam")
    answering = Engine([loaded])
    answer = answering.answer(image, Question(methods=methods, targets=(1, None), channels=2))
    assert answering.traces == 3
    found = iter(answer.explanations)
    for name in methods:
        alone = lg.Explainer(loaded, name)
        for target in (1, None):
            alone.target = target
            assert_equal(next(found), alone.explain(image))
    assert len(answer.channels) == 2


def entropy(output: Any) -> Any:
    """How undecided the network is."""
    return -tf.reduce_sum(output * tf.math.log(output), axis=-1)


def first(output: Any) -> Any:
    """The first output."""
    return output[:, 0]


@pytest.mark.long
def test_a_score_of_ones_own_stands_beside_classes() -> None:
    loaded = model(networks.residual_network())
    answering = Engine([loaded])
    answer = answering.answer(
        picture(seed=9), Question(methods=("gradcam", "finercam"), targets=(2, entropy), channels=1)
    )
    assert answering.traces == 2
    labels = [each.target.label for each in answer.explanations]
    assert labels[1::2] == ["entropy", "entropy"]
    assert (labels[0], labels[2].split(" − ")[0]) == ("class 2", "class 2")
    assert_equal(answer.explanations[1], lg.Explainer(loaded, target=entropy).explain(picture(seed=9)))


@pytest.mark.parametrize("method", ["gradcam", "eigencam", "scorecam"])
@pytest.mark.long
def test_channels_are_the_strongest_with_grad_cams_weight_and_their_activation(method: str) -> None:
    network = networks.flattened_network()
    image = picture(seed=5)
    answer = Engine([model(network)]).answer(image, Question(methods=(method,), targets=(1,), channels=3))
    inner = keras.Model(network.input, network.get_layer("features").output)
    activations = np.asarray(inner(image[None, ..., ::-1].astype(np.float32) / 255)[0])
    kernel = network.layers[-1].get_weights()[0]
    weights = kernel[:, 1].reshape(activations.shape).mean(axis=(0, 1))
    order = np.argsort(-np.abs(weights) * np.abs(activations).mean(axis=(0, 1)))[:3]
    assert [channel.number for channel in answer.channels] == list(order)
    for channel in answer.channels:
        assert channel.weight == pytest.approx(float(weights[channel.number]), rel=1e-4)
        np.testing.assert_allclose(channel.activation, activations[..., channel.number], atol=1e-6)


def test_all_channels_together_are_grad_cams_map() -> None:
    answer = Engine([model(networks.residual_network())]).answer(
        picture(seed=9), Question(layer="target", targets=("#2",), channels=1000)
    )
    assert len(answer.channels) == 6, "the layer has no more"
    total = sum((each.weight * each.activation for each in answer.channels), np.zeros((8, 8), np.float32))
    np.testing.assert_allclose(np.maximum(total, 0), answer.first.raw_heatmap, atol=1e-6)


@pytest.mark.long
def test_two_models_are_asked_each_at_its_own_size_and_layer() -> None:
    small = model(networks.pooled_network())
    large = model(networks.two_layer_network(24))
    answering = Engine([small, large])
    image = picture(48, 48, seed=3)
    question = Question(models=(1, 0), methods=("gradcam", "layercam"), layer="second", channels=2)
    answer = answering.answer(image, question)
    assert answering.traces == 2
    assert [each.layer for each in answer.explanations] == ["second", "second", "features", "features"]
    for number, loaded, layer in ((0, large, "second"), (2, small, None)):
        assert_equal(answer.explanations[number], lg.Explainer(loaded, layer=layer).explain(image))
    assert answer.channels[0].activation.shape == (12, 12)
    assert [step for step in answering.prepare(Question(models=(1,), methods=("fem",)), (48, 48))] == [
        "fem at its last feature map of large"
    ]


def test_an_area_is_explained_as_its_crop_and_its_place_in_the_frame_is_told() -> None:
    loaded = model(networks.residual_network())
    answering, image = Engine([loaded]), picture(90, 160, seed=4)
    answer = answering.answer(image, Question(area=(30, 20, 64, 40), targets=(1,)))
    alone = lg.Explainer(loaded, target=1).explain(image[20:60, 30:94])
    np.testing.assert_allclose(answer.first.raw_heatmap, alone.raw_heatmap, atol=1e-6)
    x, y, width, height = alone.region
    assert answer.first.region == (x + 30, y + 20, width, height)
    assert answering.traces == 1


@pytest.fixture(scope="module")
def pooled() -> Engine:
    """An engine whose graph several tests use."""
    return Engine([model(networks.pooled_network())])


@pytest.mark.parametrize(
    ("area", "region"),
    [
        ((150, 80, 64, 40), (150, 80, 10, 10)),
        ((-20, -20, 52, 52), (0, 0, 32, 32)),
        ((500, 500, 10, 10), (159, 89, 1, 1)),
        ((10, 10, 0, 0), (10, 10, 1, 1)),
        ((30, 30, -5, -5), (30, 30, 1, 1)),
    ],
)
def test_an_area_is_cut_to_the_frame_and_never_empty(pooled: Engine, area: Region, region: Region) -> None:
    assert pooled.answer(picture(90, 160), Question(area=area)).first.region == region


def test_classes_contrasts_areas_and_the_lock_never_trace_again() -> None:
    answering = Engine([model(networks.pooled_network())])
    answering.compile(Question(), (160, 90))
    for number, target in enumerate((None, 3, "#2", "class 1 - class 2", "class 0 -", "lock", "- class 1")):
        question = Question(targets=(target,), area=(number, 0, 20 + number, 30))
        assert answering.ready(question, (160, 90))
        answering.answer(picture(90, 160), question)
    assert answering.traces == 1


def test_the_lock_holds_in_a_conversation_and_is_let_go_when_it_is_not_asked_for() -> None:
    answering = Engine([model(networks.colour_network())])
    locked, free = Question(targets=("lock", None)), Question(targets=(None, None))
    red, blue = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = blue[..., 0] = 255

    def labels(pixels: Array, question: Question) -> list[str]:
        return [each.target.label for each in answering.answer(pixels, question).explanations]

    assert labels(red, locked) == ["class 0", "class 0"]
    assert labels(blue, locked) == ["class 0", "class 1"]
    assert labels(blue, free) == ["class 1", "class 1"]
    assert labels(blue, locked) == ["class 1", "class 1"]


def test_ready_is_what_has_been_run_once_for_the_first_run_of_a_graph_is_slow() -> None:
    answering = Engine([model(networks.residual_network())])
    live, slow = Question(), Question(methods=("ablationcam",))
    for question, ready in ((live, False), (slow, True)):
        answering.prepare_graph(*answering.keys(question, (16, 16)), run=False)
        assert answering.ready(question, (16, 16)) is ready, "what takes many passes is not run for nothing"
    assert list(answering.prepare(live, (16, 16))) == ["gradcam at late"]
    assert answering.ready(live, (16, 16))
    assert answering.traces == 2


def test_only_what_is_asked_from_the_start_is_frozen() -> None:
    answering = Engine([model(networks.residual_network())])
    first, later = Question(), Question(methods=("hirescam",))
    answering.compile(first, (16, 16))
    for _ in answering.prepare(later, (16, 16)):
        pass
    assert [graph.frozen for graph in answering.graphs.values()] == [True, False]
    frozen = answering.answer(picture(), first).first
    assert_equal(frozen, lg.Explainer(answering.models[0]).explain(picture()))


def questions_of_graphs(*methods: str) -> list[Question]:
    """Return a question for each method at each of two layers: each needs a graph of its own."""
    return [Question(layer=layer, methods=(method,)) for layer in ("early", "late") for method in methods]


@pytest.mark.geometry
@pytest.mark.long
def test_the_graph_that_was_used_longest_ago_goes_first() -> None:
    answering = Engine([model(networks.residual_network())], limit=AtMost(4))
    questions = questions_of_graphs("gradcam", "hirescam", "fem")
    for question in questions:
        answering.compile(question, (16, 16))
        assert answering.ready(questions[0], (16, 16)), "what is used is kept"
    assert answering.traces == 6
    assert [answering.ready(each, (16, 16)) for each in questions] == [True, False, False] + [True] * 3


@pytest.mark.long
def test_the_bytes_of_all_graphs_stay_within_the_limit() -> None:
    loaded = model(networks.residual_network())
    questions = questions_of_graphs("gradcam", "hirescam", "fem")
    unlimited = Engine([loaded])
    sizes = []
    for question in questions:
        before = unlimited.graph_bytes
        unlimited.compile(question, (16, 16))
        sizes.append(unlimited.graph_bytes - before)
    assert len(unlimited.graphs) == 6
    assert min(sizes) > 0
    limit = sum(sizes[-3:])
    answering = Engine([loaded], limit=ByteLimit(limit))
    for question in questions:
        answering.compile(question, (16, 16))
        assert answering.graph_bytes <= limit
    assert [answering.ready(each, (16, 16)) for each in questions] == [False] * 3 + [True] * 3
    tight = Engine([loaded], limit=ByteLimit(1))
    tight.compile(Question(methods=("gradcam", "saliency")), (16, 16))
    assert tight.ready(Question(methods=("gradcam", "saliency")), (16, 16)), "a question has all its graphs"


def test_frozen_weights_count_as_bytes_of_their_graph() -> None:
    loaded = model(networks.headed_network(5000))
    shared, frozen = Engine([loaded]), Engine([loaded])
    for _ in shared.prepare(Question(), (16, 16)):
        pass
    frozen.compile(Question(), (16, 16))
    weights = sum(int(np.prod(each.shape)) * 4 for each in loaded.network.variables)
    assert frozen.graph_bytes > shared.graph_bytes
    assert frozen.graph_bytes > weights


def test_a_batch_has_a_question_for_each_picture_and_equals_each_alone() -> None:
    loaded = model(networks.residual_network())
    images = [picture(16, 16, seed=1), picture(40, 64, seed=2), picture(64, 20, seed=3)]
    methods = ("gradcam", "hirescam", "finercam")
    questions = [
        Question(methods=methods, targets=(None, 2), channels=2),
        Question(methods=methods, targets=("#2", "class 0 - class 1"), channels=2, area=(8, 4, 30, 30)),
        Question(methods=methods, targets=(3, None), channels=2),
    ]
    answering = Engine([loaded])
    together = answering.answer_batch(images, questions)
    assert answering.traces == 1
    for image, question, answer in zip(images, questions, together, strict=True):
        alone = answering.answer(image, question)
        assert answer.question == question
        assert len(answer.explanations) == 6
        for found, expected in zip(answer.explanations, alone.explanations, strict=True):
            assert_equal(found, expected)
        for channel, other in zip(answer.channels, alone.channels, strict=True):
            assert channel.number == other.number
            np.testing.assert_allclose(channel.activation, other.activation, rtol=1e-4, atol=1e-6)


def test_the_questions_of_a_batch_need_the_same_graphs() -> None:
    answering = Engine([model(networks.residual_network())])
    for other in (Question(methods=("fem",)), Question(targets=(None, 1)), Question(targets=(entropy,))):
        with pytest.raises(lg.SettingsError, match="may differ in areas, classes and heads only"):
            answering.answer_batch([picture(), picture()], [Question(), other])


class CountedGraph:
    """Runs a graph, and notes the size of each batch."""

    def __init__(self, graph: CompiledGraph, batches: list[int]) -> None:
        self._graph = graph
        self._batches = batches
        self.facts, self.frozen, self.size = graph.facts, graph.frozen, graph.size
        self.fixed_batches = graph.fixed_batches

    def describe(self) -> str:
        return self._graph.describe()

    def run(self, pictures: Array, targets: Array, strengths: Array, *head: Array) -> GraphOutputs:
        self._batches.append(len(pictures))
        return self._graph.run(pictures, targets, strengths, *head)


class CountedRuntime:
    """Another runtime: it compiles with TensorFlow, and its graphs note the sizes of their batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, model: KnownModel) -> CountedRuntime:
        self._compiler = TensorFlowCompiler(model)
        return self

    def settle(self, seconds: float) -> None:
        pass

    def close(self, until: float | None = None) -> None:
        pass

    def compile(self, spec: GraphSpec, *, freeze: bool) -> CountedGraph:
        return CountedGraph(self._compiler.compile(spec, freeze=freeze), self.batches)


def test_batches_are_filled_up_to_the_sizes_that_are_warm() -> None:
    runtime = CountedRuntime()
    answering = Engine([model(networks.pooled_network())], batches=(1, 2, 4, 8), compiler=runtime)
    for _ in answering.prepare(Question(), (16, 16)):
        pass
    assert runtime.batches == [1, 2, 4, 8]
    for count in (1, 2, 3, 4, 6, 7, 8, 9):
        assert len(answering.answer_batch([picture()] * count, [Question()] * count)) == count
    assert runtime.batches[4:] == [1, 2, 4, 4, 8, 8, 8, 8, 1]
    assert answering.traces == 1


def test_a_method_that_takes_one_picture_at_a_time_is_not_filled_up_and_not_warmed() -> None:
    runtime = CountedRuntime()
    answering = Engine([model(networks.pooled_network())], batches=(2, 4), compiler=runtime)
    question = Question(methods=("saliency",))
    for _ in answering.prepare(question, (16, 16)):
        pass
    assert runtime.batches == []
    answering.answer_batch([picture()] * 3, [question] * 3)
    assert runtime.batches == [1, 1, 1]


@pytest.mark.long
def test_several_targets_are_run_picture_by_picture_where_the_sizes_of_batches_are_given() -> None:
    runtime = CountedRuntime()
    answering = Engine([model(networks.pooled_network())], batches=(1, 2, 4), compiler=runtime)
    question = Question(targets=("#1", "#2"))
    for _ in answering.prepare(question, (16, 16)):
        pass
    assert runtime.batches == [1], "a size that is not run need not be warm"
    answers = answering.answer_batch([picture(seed=1), picture(seed=2)], [question, question])
    assert runtime.batches == [1, 1, 1]
    for seed, answer in enumerate(answers, 1):
        alone = Engine([answering.models[0]]).answer(picture(seed=seed), question)
        for found, expected in zip(answer.explanations, alone.explanations, strict=True):
            assert_equal(found, expected)


def test_one_module_specifies_graphs_and_keeps_them() -> None:
    package = Path(lg.__file__).parent
    texts = {path.relative_to(package).as_posix(): path.read_text("utf-8") for path in package.rglob("*.py")}
    for call in ("GraphSpec(", "GraphCache("):
        found = [name for name, text in texts.items() if call in text.replace(f"class {call}", "")]
        assert found == ["explain/engine.py"], call


def test_another_runtime_answers_behind_the_same_engine() -> None:
    loaded = model(networks.residual_network())
    question = Question(methods=("gradcam", "layercam"), targets=TARGETS, channels=2)
    expected = Engine([loaded]).answer(picture(seed=9), question)
    found = Engine([loaded], compiler=CountedRuntime()).answer(picture(seed=9), question)
    for one, other in zip(found.explanations, expected.explanations, strict=True):
        assert_equal(one, other)


@pytest.mark.geometry
@pytest.mark.long
def test_a_question_of_many_graphs_has_room_for_all_of_them() -> None:
    answering = Engine([model(networks.residual_network(activation=None))])
    question = Question(methods=("saliency", "gradcam", "scorecam", "hirescam"), targets=(0, entropy, first))
    steps = list(answering.prepare(question, (16, 16)))
    assert answering.ready(question, (16, 16))
    assert len(steps) == answering.traces == 9
    assert steps[0] == "gradcam, hirescam at its last feature map"
    assert steps[3:5] == ["saliency at late", "saliency at late"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("question", "line"),
    [
        (Question(methods=("gradcan",)), r"unknown method 'gradcan'\. Did you mean gradcam"),
        (Question(layer="lete"), r"residual: unknown layer 'lete'\. Did you mean late"),
        (Question(layer="head"), r"layer 'head' gives \(None, 4\), neither a feature map nor"),
        (Question(methods=("cam",)), r"cam needs a network that ends in global average pooling"),
        (Question(methods=("guided-backprop",)), r"guided backpropagation needs a network of ReLUs"),
        (Question(targets=("#1", "eel")), r"unknown class 'eel'"),
        (Question(targets=("no_such_module:first",)), r"there is no module no_such_module"),
        (Question(targets=()), r"at least one model, one method and one target"),
        (Question(models=(0, 1)), r"the question is about models \(0, 1\): 1 are loaded"),
    ],
)
def test_what_cannot_be_answered_is_told_in_one_line(question: Question, line: str) -> None:
    answering = Engine([model(networks.residual_network())])
    assert not answering.ready(question, (16, 16))
    with pytest.raises(lg.LiveGradcamError, match=line) as caught:
        answering.compile(question, (16, 16))
    assert "\n" not in str(caught.value)
    assert not answering.ready(question, (16, 16))


def test_no_model_and_no_rivals_are_refused() -> None:
    with pytest.raises(lg.SettingsError, match="there is no model to ask"):
        Engine([])
    with pytest.raises(lg.SettingsError, match="rivals is 0"):
        Engine([model(networks.pooled_network())], rivals=0)


@pytest.mark.long
def test_what_is_compiled_is_answered_while_something_else_is_traced() -> None:
    network = networks.residual_network()
    answering = Engine([model(network)])
    answering.answer(picture(), Question())
    tracing, go_on = threading.Event(), threading.Event()

    def held_up(output: Any) -> Any:
        tracing.set()
        go_on.wait()
        return output[:, 0]

    with QuestionSwitch(answering, Question()) as conversation:
        conversation.answer(picture())
        conversation.ask(Question(targets=(held_up,)))
        assert tracing.wait()
        assert conversation.compiling == "gradcam at late"
        for seed in range(20):
            assert conversation.answer(picture(seed=seed)).question == Question()
        go_on.set()
        while conversation.answer(picture()).question == Question():
            time.sleep(0.01)  # a loop without a pause would take the processor from what is compiled
        assert answering.traces == 2


@pytest.mark.long
def test_walking_warm_layers_and_methods_never_traces_again() -> None:
    answering = Engine([model(networks.residual_network())])
    questions = [Question(layer=path) for path, _ in answering.layers_of()]
    assert questions == [], "nothing is known before the first question"
    answering.answer(picture(), Question())
    questions = [Question(layer=path) for path, _ in answering.layers_of()]
    with QuestionSwitch(answering, Question()) as conversation:
        for _ in range(2):
            for question in questions:
                conversation.answer(picture())
                conversation.ask(question)
                while conversation.answer(picture()).question != question:
                    assert conversation.refused() is None
                    time.sleep(0.01)
    assert len(questions) == 5
    assert answering.traces == 1 + len(questions)


def test_a_subclassed_model_learns_its_classes_and_takes_a_class_at_once() -> None:
    answering = Engine([model(networks.subclassed_network(size=None))])
    answer = answering.answer(picture(224, 224), Question(targets=(2, "class 1")))
    assert [each.target.label for each in answer.explanations] == ["class 2", "class 1"]


@pytest.mark.runs
def test_the_threads_end_in_a_fresh_process_that_is_still_compiling(tmp_path: Any) -> None:
    code = """
import sys
import numpy as np, networks, live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.question_switch import QuestionSwitch
from live_gradcam.question import Question
answering = Engine([lg.load_model(networks.nested_network(), preprocess="unit")])
pixels = np.zeros((16, 16, 3), np.uint8)
answering.answer(pixels, Question())
with QuestionSwitch(answering, Question()) as conversation:
    conversation.answer(pixels)
    conversation.ask(Question(methods=("scorecam", "smoothgrad", "ablationcam", "integrated-gradients")))
print("the end", file=sys.stderr)
"""
    path = os.pathsep.join(str(each) for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0
    assert "the end" in done.stderr
