"""The compiled graphs that visitors share: what is compiled when, what is kept, and that nothing is traced twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from fakes import explained
from networks import pooled_network

from live_gradcam.errors import LayerError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.question import Question, TargetSpec
from live_gradcam.server import graphs as graph_cache
from live_gradcam.server.graphs import Graphs
from live_gradcam.server.refusal import Refusal

BLACK = np.zeros((16, 16, 3), np.uint8)


class PretendExplainer:
    """Counts how many pictures it was given at a time."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.target: TargetSpec = None
        self.traces = 1
        self.batches: list[int] = []

    def explain_batch(
        self, images: Sequence[Pixels], *, targets: Sequence[TargetSpec] | None = None
    ) -> list[Explanation]:
        assert targets is None or len(targets) == len(images)
        self.batches.append(len(images))
        return [explained((0, 0, 16, 16)) for _ in images]

    def explain_targets(self, image: Pixels, targets: Sequence[TargetSpec]) -> tuple[Explanation, ...]:
        del image
        return tuple(explained((0, 0, 16, 16)) for _ in targets)


class Workshop:
    """Makes pretend explainers when it is allowed to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.explainers: dict[str, PretendExplainer] = {}
        self.begun = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def make(self, method: str, layer: str | None) -> PretendExplainer:
        del layer
        self.begun.set()
        assert self.open.wait(10)
        self.made.append(method)
        if method == "impossible":
            raise LayerError("it has no such layer")
        if method == "broken":
            raise ZeroDivisionError
        self.explainers[method] = PretendExplainer(method)
        return self.explainers[method]


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def graphs(workshop: Workshop) -> Iterator[Graphs]:
    graphs = Graphs(workshop.make, (16, 16), lambda method: method != "slow")
    yield graphs
    workshop.open.set()
    graphs.close()


def asked(*methods: str, targets: tuple[TargetSpec, ...] = (None,)) -> Question:
    return Question(methods=methods, targets=targets)


def compile_now(graphs: Graphs, question: Question, asker: str = "me") -> None:
    for future in graphs.prepare(question, asker):
        future.result(10)


def test_what_is_compiled_answers_while_something_new_is_being_compiled(
    graphs: Graphs, workshop: Workshop
) -> None:
    compile_now(graphs, asked("a"))
    workshop.open.clear()
    waiting = graphs.prepare(asked("b"), "me")
    assert not graphs.ready(asked("b"))
    assert len(graphs.answer([BLACK], [asked("a")])) == 1
    workshop.open.set()
    waiting[0].result(10)
    assert graphs.ready(asked("b"))
    assert graphs.prepare(asked("b"), "me") == []


def test_batches_are_filled_up_to_the_sizes_that_are_warm(graphs: Graphs, workshop: Workshop) -> None:
    compile_now(graphs, asked("a"))
    batches = workshop.explainers["a"].batches
    assert batches == [1, 2, 4, 8]
    for count in (1, 2, 3, 4, 6, 7, 8):
        assert len(graphs.answer([BLACK] * count, [asked("a")] * count)) == count
    assert batches[4:] == [1, 2, 4, 4, 8, 8, 8]


def test_a_method_that_takes_one_picture_at_a_time_is_not_filled_up_and_not_warmed(
    graphs: Graphs, workshop: Workshop
) -> None:
    compile_now(graphs, asked("slow"))
    graphs.answer([BLACK], [asked("slow")])
    assert workshop.explainers["slow"].batches == [1]


def test_what_nobody_wants_any_more_is_not_compiled(graphs: Graphs, workshop: Workshop) -> None:
    workshop.open.clear()
    graphs.prepare(asked("begun"), "me")
    assert workshop.begun.wait(10)
    for method in ("b", "c", "d"):
        graphs.prepare(asked(method), "me")
    graphs.prepare(asked("c"), "another")
    last = graphs.prepare(asked("e"), "me")
    workshop.open.set()
    last[0].result(10)
    assert workshop.made == ["begun", "c", "e"]


def test_who_has_gone_wants_nothing_any_more(graphs: Graphs, workshop: Workshop) -> None:
    workshop.open.clear()
    graphs.prepare(asked("begun"), "me")
    assert workshop.begun.wait(10)
    gone = graphs.prepare(asked("b"), "another")
    graphs.forget("another")
    assert gone[0].cancelled()


def test_several_who_want_the_same_wait_for_one_compilation(graphs: Graphs, workshop: Workshop) -> None:
    workshop.open.clear()
    waiting = [graphs.prepare(asked("a"), number)[0] for number in range(5)]
    workshop.open.set()
    for future in waiting:
        future.result(10)
    assert workshop.made == ["a"]


def test_what_is_impossible_is_told_and_not_tried_again(graphs: Graphs, workshop: Workshop) -> None:
    with pytest.raises(Refusal, match="it has no such layer"):
        compile_now(graphs, asked("impossible"))
    with pytest.raises(Refusal, match="it has no such layer"):
        graphs.prepare(asked("impossible"), "another")
    assert workshop.made == ["impossible"]


def test_a_failure_that_nobody_foresaw_is_told_without_its_details(
    graphs: Graphs, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refusal) as refusal:
        compile_now(graphs, asked("broken"))
    assert str(refusal.value) == "broken cannot be compiled for this network: choose another."
    assert "ZeroDivisionError" in caplog.text


def test_the_cache_is_bounded_and_lets_go_of_what_was_used_longest_ago(
    graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "GRAPHS_KEPT", 3)
    monkeypatch.setattr(graph_cache, "_IN_USE_SECONDS", 0.0)
    graphs.keep(asked("kept"))
    for method in ("kept", "a", "b"):
        compile_now(graphs, asked(method))
    graphs.answer([BLACK], [asked("a")])
    compile_now(graphs, asked("c"))
    assert [graphs.ready(asked(method)) for method in ("kept", "a", "b", "c")] == [True, True, False, True]
    assert graphs.traces == 4
    with pytest.raises(Refusal, match="b is not compiled any more: ask again"):
        graphs.answer([BLACK], [asked("b")])


def test_what_is_in_use_is_not_thrown_out_for_something_new(
    graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "GRAPHS_KEPT", 2)
    for method in ("a", "b"):
        compile_now(graphs, asked(method))
    with pytest.raises(Refusal) as refusal:
        compile_now(graphs, asked("c"))
    assert refusal.value.status == 503
    assert "Take one of them (a, b), or wait." in str(refusal.value)
    assert graphs.ready(asked("a"))


def test_a_question_of_several_methods_and_targets_has_a_map_for_each(graphs: Graphs) -> None:
    question = asked("a", "b", targets=("#1", "#2"))
    compile_now(graphs, question)
    answers = graphs.answer([BLACK, BLACK], [question, question])
    assert [len(answer.explanations) for answer in answers] == [4, 4]


def test_no_size_of_batch_and_no_class_traces_a_real_network_again_and_each_picture_has_its_own_class() -> (
    None
):
    model = load_model(pooled_network(), ["a", "b", "c", "d"], preprocess="unit")
    made: list[Explainer] = []

    def make(method: str, layer: str | None) -> Explainer:
        made.append(Explainer(model, method, layer))
        return made[-1]

    graphs = Graphs(make, (16, 16), bool)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(8)]
    compile_now(graphs, asked("gradcam"))
    targets: tuple[TargetSpec, ...] = (None, 2, "#2", "a - b", "c -", 0, "b", "#4")
    questions = [asked("gradcam", targets=(target,)) for target in targets]
    for count in range(1, 9):
        together = graphs.answer(pictures[:count], questions[:count])
        assert [answer.question for answer in together] == questions[:count]
    assert graphs.traces == 1
    for picture, target, answer in zip(pictures, targets, together, strict=True):
        alone = Explainer(model, target=target).explain(picture)
        assert answer.first.target.label == alone.target.label
        np.testing.assert_allclose(answer.first.raw_heatmap, alone.raw_heatmap, rtol=1e-4, atol=1e-6)
    graphs.close()
