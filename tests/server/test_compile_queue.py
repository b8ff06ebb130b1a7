"""The compiled graphs that visitors share: what is compiled when, what is kept, and that nothing is traced twice."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from limits import until
from networks import pooled_network

from live_gradcam.errors import LayerError
from live_gradcam.explain.array_types import Ids, Numbers, Pictures
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explain.methods import method as registry
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.runtime import GraphFacts, GraphOutputs
from live_gradcam.fixed_choices import Fit
from live_gradcam.models.loading import load_model
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.question import Question, TargetSpec
from live_gradcam.server import fair_thread as background
from live_gradcam.server import graph_eviction
from live_gradcam.server.batch_queue import BATCHES
from live_gradcam.server.compile_queue import MOST_WANTED, CompileQueue
from live_gradcam.server.errors import RequestError
from live_gradcam.server.graph_eviction import Room, ServerLimit

BLACK = np.zeros((16, 16, 3), np.uint8)

PRETEND = (
    *("a", "b", "c", "d", "e", "begun", "kept", "default", "modest", "impossible", "broken", "slow"),
    *(f"m{number}" for number in range(8)),
    *(f"greedy {number}" for number in range(20)),
)


class PretendGraph:
    """Gives empty maps, and notes how many pictures it was given at a time."""

    frozen = False
    size = 1
    fixed_batches = True

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec
        self.facts = GraphFacts("features", "classes", 4, (), COVERING)
        self.batches: list[int] = []

    def describe(self) -> str:
        return "pretended"

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        assert not head
        assert targets.shape == (*strengths.shape, 2) == (len(pictures), self.spec.goals, 2)
        count = len(pictures)
        self.batches.append(count)
        ids, numbers = (
            np.zeros((count, self.spec.goals), np.int32),
            np.zeros((count, self.spec.goals), np.float32),
        )
        shape = (count, len(self.spec.methods), self.spec.targets)
        return GraphOutputs(
            *(ids[:, :1], numbers[:, :1], numbers[:, :1], ids, numbers, numbers),
            *(ids[..., None][..., :0], numbers[..., None][..., :0], numbers[..., None][..., :0]),
            np.ones(count, np.bool_),
            np.zeros((*shape, 2, 2), np.float32),
            np.zeros(shape, np.bool_),
            *(ids[:, :0], numbers[:, :0], np.zeros((count, 0, 2, 2), np.float32)),
            *[np.zeros((count, 0, 0, 0), np.float32)] * 2,
        )


class Workshop:
    """Compiles pretend graphs when it is allowed to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.graphs: dict[str, PretendGraph] = {}
        """The last that was made for each method."""
        self.failed: list[weakref.ref[PretendGraph]] = []
        self.begun = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def __call__(self, model: KnownModel) -> Workshop:
        del model
        return self

    def settle(self, seconds: float) -> None:
        pass

    def close(self, until: float | None = None) -> None:
        pass

    def compile(self, spec: GraphSpec, *, freeze: bool) -> PretendGraph:
        del freeze
        self.begun.set()
        assert self.open.wait(10)
        name = ", ".join(each.name for each in spec.methods)
        self.made.append(name)
        graph = PretendGraph(spec)
        if name in ("impossible", "broken"):
            self.failed.append(weakref.ref(graph))
        if name == "impossible":
            raise LayerError("it has no such layer")
        if name == "broken":
            raise ZeroDivisionError
        self.graphs[name] = graph
        return graph

    def queue(self, room: Room | None = None, fit: Fit = "crop") -> CompileQueue:
        model = load_model(pooled_network(size=None if fit == "wide" else 16), ["r", "g", "b", "w"])
        engine = Engine([model], fit=fit, batches=BATCHES, limit=ServerLimit(room), compiler=self)
        return CompileQueue(engine, (16, 16))


@pytest.fixture(autouse=True)
def pretend_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PRETEND:
        like = method_named("scorecam" if name == "slow" else "gradcam")
        monkeypatch.setitem(registry._METHODS, name, replace(like, name=name))


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def graphs(workshop: Workshop) -> Iterator[CompileQueue]:
    graphs = workshop.queue()
    yield graphs
    workshop.open.set()
    graphs.close()


def asked(*methods: str, targets: tuple[TargetSpec, ...] = (None,)) -> Question:
    return Question(methods=methods, targets=targets)


def compile_now(graphs: CompileQueue, question: Question, asker: str = "me") -> None:
    for future in graphs.prepare(question, asker):
        future.result(10)


def test_what_is_compiled_answers_while_something_new_is_being_compiled(
    graphs: CompileQueue, workshop: Workshop
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


@pytest.fixture
def wide_graphs(workshop: Workshop) -> Iterator[CompileQueue]:
    graphs = workshop.queue(fit="wide")
    yield graphs
    workshop.open.set()
    graphs.close()


def test_another_size_is_compiled_in_the_compiling_thread_once_for_all_who_want_it(
    wide_graphs: CompileQueue, workshop: Workshop
) -> None:
    compile_now(wide_graphs, asked("a"))
    (mine,) = wide_graphs.prepare_size(asked("a"), (64, 16), "me")
    mine.result(10)
    assert wide_graphs.prepare_size(asked("a"), (64, 16), "you") == []
    assert wide_graphs.prepare_size(asked("a"), (640, 160), "you") == [], "the input has the same size"
    assert workshop.made == ["a", "a"]
    assert workshop.graphs["a"].spec.input_size == (224, 896)
    wide_graphs.answer([np.zeros((16, 64, 3), np.uint8)], [asked("a")])
    assert workshop.made == ["a", "a"]


def test_one_payer_wants_a_few_sizes_at_once_and_no_more(
    wide_graphs: CompileQueue, workshop: Workshop
) -> None:
    graphs = wide_graphs
    compile_now(graphs, asked("a"))
    workshop.open.clear()
    graphs.prepare(asked("b"), "else")
    for number in range(MOST_WANTED):
        graphs.prepare_size(asked("a"), (32 * (number + 2), 16), "me")
    with pytest.raises(RequestError, match=r"4 combinations .* are being compiled for you already"):
        graphs.prepare_size(asked("a"), (200, 16), "me")
    assert len(graphs.prepare_size(asked("a"), (200, 16), "you")) == 1
    graphs.forget("me")
    workshop.open.set()


def test_four_methods_are_one_graph_and_one_run(graphs: CompileQueue, workshop: Workshop) -> None:
    question = asked("a", "b", "c", "d")
    compile_now(graphs, question)
    assert workshop.made == ["a, b, c, d"]
    graph = workshop.graphs["a, b, c, d"]
    runs = len(graph.batches)
    answers = graphs.answer([BLACK, BLACK], [question, question])
    assert [[each.method for each in answer.explanations] for answer in answers] == [["a", "b", "c", "d"]] * 2
    assert graph.batches[runs:] == [2]
    assert graphs.traces == 1
    assert not graphs.ready(asked("a")), "one method alone has a graph of its own"


def test_batches_are_filled_up_to_the_sizes_that_are_warm(graphs: CompileQueue, workshop: Workshop) -> None:
    compile_now(graphs, asked("a"))
    batches = workshop.graphs["a"].batches
    assert batches == [1, 2, 4, 8]
    for count in (1, 2, 3, 4, 6, 7, 8):
        assert len(graphs.answer([BLACK] * count, [asked("a")] * count)) == count
    assert batches[4:] == [1, 2, 4, 4, 8, 8, 8]


def test_a_method_that_takes_one_picture_at_a_time_is_not_filled_up_and_not_warmed(
    graphs: CompileQueue, workshop: Workshop
) -> None:
    compile_now(graphs, asked("slow"))
    graphs.answer([BLACK], [asked("slow")])
    assert workshop.graphs["slow"].batches == [1]


def test_what_nobody_wants_any_more_is_not_compiled(graphs: CompileQueue, workshop: Workshop) -> None:
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


def test_who_has_gone_wants_nothing_any_more(graphs: CompileQueue, workshop: Workshop) -> None:
    workshop.open.clear()
    graphs.prepare(asked("begun"), "me")
    assert workshop.begun.wait(10)
    gone = graphs.prepare(asked("b"), "another")
    graphs.forget("another")
    assert gone[0].cancelled()


def test_several_who_want_the_same_wait_for_one_compilation(graphs: CompileQueue, workshop: Workshop) -> None:
    workshop.open.clear()
    waiting = [graphs.prepare(asked("a"), number)[0] for number in range(5)]
    workshop.open.set()
    for future in waiting:
        future.result(10)
    assert workshop.made == ["a"]


def test_what_is_impossible_is_told_and_not_tried_again(graphs: CompileQueue, workshop: Workshop) -> None:
    with pytest.raises(RequestError, match="it has no such layer"):
        compile_now(graphs, asked("impossible"))
    with pytest.raises(RequestError, match="it has no such layer"):
        graphs.prepare(asked("impossible"), "another")
    assert workshop.made == ["impossible"]


def test_a_failure_that_nobody_foresaw_is_told_without_its_details(
    graphs: CompileQueue, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RequestError) as refusal:
        compile_now(graphs, asked("broken"))
    assert str(refusal.value) == "broken cannot be compiled for this network: choose another."
    assert "ZeroDivisionError" in caplog.text


def test_the_cache_is_bounded_and_lets_go_of_what_was_used_longest_ago(
    graphs: CompileQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_eviction, "GRAPHS_KEPT", 3)
    monkeypatch.setattr(graph_eviction, "IN_USE_SECONDS", 0.0)
    graphs.keep(asked("kept"))
    for method in ("kept", "a", "b"):
        compile_now(graphs, asked(method))
    graphs.answer([BLACK], [asked("a")])
    compile_now(graphs, asked("c"))
    assert [graphs.ready(asked(method)) for method in ("kept", "a", "b", "c")] == [True, True, False, True]
    assert graphs.traces == 4
    with pytest.raises(RequestError, match="b is not compiled any more: ask again"):
        graphs.answer([BLACK], [asked("b")])


def test_what_others_use_is_not_thrown_out_for_something_new(
    graphs: CompileQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_eviction, "GRAPHS_KEPT", 2)
    for method, asker in (("a", "me"), ("b", "another")):
        compile_now(graphs, asked(method), asker)
    with pytest.raises(RequestError) as refusal:
        compile_now(graphs, asked("c"), "third")
    assert refusal.value.status == 503
    assert str(refusal.value) == (
        "2 combinations of method and layer are in use. Take one of them (a, b), or wait."
    )
    assert graphs.ready(asked("a"))


def test_one_who_wants_something_new_each_second_throws_out_its_own(
    graphs: CompileQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_eviction, "GRAPHS_KEPT", 4)
    monkeypatch.setattr(background, "REST", 0.0)
    for method in ("a", "b"):
        compile_now(graphs, asked(method), "modest")
    monkeypatch.setattr(graph_eviction, "IN_USE_SECONDS", 0.0)  # as if it were long ago
    for number in range(20):
        compile_now(graphs, asked(f"greedy {number}"), "greedy")
    assert [graphs.ready(asked(method)) for method in ("a", "b", "greedy 18", "greedy 19")] == [True] * 4
    assert len(graphs) == 4


def test_what_cannot_be_compiled_throws_out_nothing(
    graphs: CompileQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_eviction, "GRAPHS_KEPT", 2)
    monkeypatch.setattr(graph_eviction, "IN_USE_SECONDS", 0.0)
    for method in ("a", "b"):
        compile_now(graphs, asked(method))
    with pytest.raises(RequestError, match="it has no such layer"):
        compile_now(graphs, asked("impossible"), "another")
    assert [graphs.ready(asked(method)) for method in ("a", "b")] == [True, True]


def test_a_refusal_keeps_nothing_of_what_failed(graphs: CompileQueue, workshop: Workshop) -> None:
    gc.disable()  # what holds it is found by counting references, as it is in the server between two collections
    try:
        for method in ("impossible", "broken"):
            with pytest.raises(RequestError) as refusal:
                compile_now(graphs, asked(method))
            assert refusal.value.__cause__ is None
            del refusal
        until(lambda: all(failed() is None for failed in workshop.failed), "the end of the failed network")
    finally:
        gc.enable()
    assert len(workshop.failed) == 2


def test_no_more_may_be_wanted_at_once_than_one_question_has(
    graphs: CompileQueue, workshop: Workshop
) -> None:
    workshop.open.clear()
    for number in range(4):
        graphs.prepare(asked(f"m{number}"), object(), "10.0.0.1")
    with pytest.raises(
        RequestError, match=r"4 combinations of method and layer are being compiled for you"
    ) as refusal:
        graphs.prepare(asked("m5"), object(), "10.0.0.1")
    assert (refusal.value.status, refusal.value.retry_after) == (503, 2)
    assert len(graphs.prepare(asked("m6"), object(), "10.0.0.2")) == 1


def test_who_wants_a_lot_does_not_keep_others_from_compiling(
    graphs: CompileQueue, workshop: Workshop
) -> None:
    workshop.open.clear()
    greedy = [graphs.prepare(asked(f"greedy {number}"), object(), "10.0.0.1") for number in range(4)]
    assert workshop.begun.wait(10)
    modest = graphs.prepare(asked("modest"), object(), "10.0.0.2")
    workshop.open.set()
    for future in (*greedy[-1], *modest):
        future.result(10)
    assert workshop.made[:2] == ["greedy 0", "modest"]


class FewGraphs:
    """Memory that a few graphs fill."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.graphs: CompileQueue | None = None
        self.freed = 0

    @property
    def is_short(self) -> bool:
        assert self.graphs is not None
        return len(self.graphs) >= self.most

    def free(self) -> None:
        self.freed += 1


def test_graphs_are_thrown_out_where_memory_is_short_and_the_default_never(
    workshop: Workshop,
) -> None:
    room = FewGraphs(3)
    graphs = room.graphs = workshop.queue(room)
    graphs.keep(asked("default"))
    for method in ("default", "a", "b"):
        compile_now(graphs, asked(method), "me")
    assert (len(graphs), room.freed) == (3, 0)
    compile_now(graphs, asked("c"), "me")
    assert [graphs.ready(asked(method)) for method in ("default", "a", "b", "c")] == [True, False, True, True]
    assert room.freed == 2  # once in the hope that this is enough, once for what was thrown out
    room.most = 1
    with pytest.raises(RequestError) as refusal:
        compile_now(graphs, asked("d"), "me")
    assert str(refusal.value) == (
        "the server has no memory for another combination of method and layer. Take one of them (default), "
        "or wait."
    )
    graphs.close()


def test_a_method_of_many_passes_is_not_run_before_somebody_asks(
    graphs: CompileQueue, workshop: Workshop
) -> None:
    compile_now(graphs, asked("slow", targets=("#1", "#2")))
    assert workshop.graphs["slow"].spec.targets == 2
    assert workshop.graphs["slow"].batches == []


def test_a_question_of_several_methods_and_targets_has_a_map_for_each(graphs: CompileQueue) -> None:
    question = asked("a", "b", targets=("#1", "#2"))
    compile_now(graphs, question)
    answers = graphs.answer([BLACK, BLACK], [question, question])
    assert [len(answer.explanations) for answer in answers] == [4, 4]


@pytest.mark.long
def test_no_size_of_batch_and_no_class_traces_a_real_network_again_and_each_picture_has_its_own_class() -> (
    None
):
    model = load_model(pooled_network(), ["a", "b", "c", "d"], preprocess="unit")
    graphs = CompileQueue(Engine([model], batches=BATCHES, limit=ServerLimit()), (16, 16))
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
