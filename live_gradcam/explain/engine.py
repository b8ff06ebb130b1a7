"""The engine: answers batches of pictures and questions from one cache of compiled graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.config import DEFAULT_FIT, DEFAULT_SCORE
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.array_types import LayerShape
from live_gradcam.explain.explained_model import ExplainedModel
from live_gradcam.explain.graph_cache import Choose, GraphCache, Limit, NotCompiledError
from live_gradcam.explain.graph_runner import GraphRunner
from live_gradcam.explain.graph_spec import GraphKey, GraphSpec, MakePace
from live_gradcam.explain.methods.method import FINERCAM_RIVALS, FINERCAM_STRENGTH
from live_gradcam.explain.question_batch import QuestionBatch, follow
from live_gradcam.explain.question_parts import NO_LOCKS, Locks, QuestionParts, Size
from live_gradcam.explain.result_reader import ResultReader
from live_gradcam.explain.runtime import SETTLE_SECONDS, CompiledGraph, GraphCompiler
from live_gradcam.explain.scan import scanned
from live_gradcam.explain.targets import TargetLock, is_lock
from live_gradcam.fixed_choices import Fit, Fusion, Score, Smooth, Task
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.question import Answer, Question


class Engine(Closeable):
    """Answers questions about pictures, and keeps the compiled graphs that answer them.

    A graph is compiled when it is first needed, or beforehand with `prepare`. Classes, contrasts and the lock are
    arguments of a graph, so changing them compiles nothing. Several threads may call `answer_batch` and `prepare` at
    the same time. `answer` keeps the state of the lock, so one thread calls it.

    Args:
        models: the models to explain.
        fit: how a frame is brought to a network's input.
        score: `logit` or `probability`.
        fusion: how the maps of several layers become one.
        smooth: `augment` averages over flipped and enlarged copies of the picture.
        grid: (height, width) of a transformer's tokens; None finds it.
        strength: how much of the strongest rivals' score a contrast subtracts; None: as in FinerCAM's paper.
        rivals: how many strongest rivals count; None: as in FinerCAM's paper.
        pace: returns a function that is called before each pass of a method of many passes; None: passes never wait.
        batches: the sizes of batches that are run, ascending, so that TensorFlow never optimises another size while
            somebody waits (`runtime.run_in_batches`); empty: each batch is run as it is.
        limit: how much the cache of graphs may hold; None: `graph_cache.GRAPH_BYTES`.
        compiler: makes the compiler of a model's graphs; None: TensorFlow's.

    Raises:
        SettingsError: there is no model, or no rival.
    """

    def __init__(
        self,
        models: Sequence[KnownModel],
        *,
        fit: Fit = DEFAULT_FIT,
        score: Score = DEFAULT_SCORE,
        fusion: Fusion = "mean",
        smooth: Smooth = "none",
        grid: tuple[int, int] | None = None,
        strength: float | None = None,
        rivals: int | None = None,
        pace: MakePace | None = None,
        batches: Sequence[int] = (),
        limit: Limit | None = None,
        compiler: Callable[[KnownModel], GraphCompiler] | None = None,
    ) -> None:
        if not models:
            raise SettingsError("there is no model to ask: at least 1 is needed.")
        if rivals is not None and rivals < 1:
            raise SettingsError(f"rivals is {rivals}: at least 1 is needed.")
        self.models = tuple(models)
        if compiler is None:
            from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler  # it loads TensorFlow

            compiler = TensorFlowCompiler
        self._models = [ExplainedModel(model, compiler(model)) for model in models]
        self._cache = GraphCache(limit)
        self._runner = GraphRunner(self._models, self._cache, batches)
        usual = GraphSpec(
            methods=(),
            layers=None,
            input_size=(0, 0),
            score=score,
            rivals=FINERCAM_RIVALS if rivals is None else rivals,
            fusion=fusion,
            smooth=smooth,
            grid=grid,
            pace=pace,
        )
        strength = FINERCAM_STRENGTH if strength is None else strength
        self.parts = QuestionParts(self._models, usual, fit=fit, strength=strength)
        self._locks: dict[int, TargetLock] = {}

    @property
    def traces(self) -> int:
        """How many graphs were compiled so far."""
        return self._cache.made

    @property
    def graphs(self) -> dict[GraphKey, CompiledGraph]:
        """The compiled graphs that are kept, the most recently used last."""
        return self._cache.known()

    @property
    def graph_bytes(self) -> int:
        """Bytes of memory of the kept graphs, estimated."""
        return self._cache.size

    def layers_of(self, model: int = 0) -> tuple[LayerShape, ...]:
        """Return the layers of a model to step through, from shallow to deep; none until a question is compiled."""
        return self._models[model].layer_steps

    def labels_of(self, model: int = 0) -> Labels:
        """Return the names of a model's classes, labels or values, as far as they are known."""
        return self._models[model].labels

    def task_of(self, model: int = 0) -> Task | None:
        """Return what a model's outputs are; None until a question about it is compiled."""
        return self._models[model].task

    def keys(self, question: Question, size: Size) -> list[GraphKey]:
        """Return the keys of the graphs that answer a question about frames of a size.

        Raises:
            LiveGradcamError: the question cannot be answered.
        """
        return [part.key for part in self.parts.of(question, size)]

    def ready(self, question: Question, size: Size) -> bool:
        """Return whether a question about frames of a size can be answered without compiling."""
        try:
            parts = self.parts.of(question, size)
            ready = [self._runner.is_ready(part.key) for part in parts]
            return all(ready) and all(self.parts.aims(part, question) for part in parts)
        except LiveGradcamError:
            return False

    def prepare(self, question: Question, size: Size, *, freeze: bool = False) -> Iterator[str]:
        """Compile the graphs that answer a question about frames of a size, one with each step.

        Args:
            question: the question.
            size: of the frames.
            freeze: whether the weights become constants of the graphs, if that is worth the memory. It makes the
                default network a sixth faster, and costs 0.3 s and 130 MB: good for a question that stays for long.

        Yields:
            Before each step what it compiles: `hirescam at block5c_add`.

        Raises:
            LiveGradcamError: the question cannot be answered; the message says why.
        """
        parts = self.parts.of(question, size)
        # Room for two questions: the one that is answered meanwhile, and this one.
        self._cache.keep_at_least(2 * len(parts))
        for part in parts:
            if len(self.parts.labels_of(part, question)):
                self.parts.aims(part, question)  # a mistyped class is reported before anything is compiled
        for part in parts:
            if not self._runner.is_ready(part.key):
                yield self.parts.describe(part.key)
                self.prepare_graph(part.key, freeze=freeze)
            self.parts.aims(part, question)
        if self.parts.fit == "scan" and all(part.spec.one_pass for part in parts):
            black = np.zeros((size[1], size[0], 3), np.uint8)
            self.answer_batch([black], [question])  # the first run of all windows is slow

    def compile(self, question: Question, size: Size) -> None:
        """Compile and freeze the graphs that answer a question about frames of a size, and wait for it.

        Raises:
            LiveGradcamError: the question cannot be answered; the message says why.
        """
        for _ in self.prepare(question, size, freeze=True):
            pass

    def prepare_graph(
        self, key: GraphKey, *, freeze: bool = False, run: bool = True, choose: Choose | None = None
    ) -> None:
        """Compile one graph, and run it once with each size of batch, because the first run of a size is slow.

        A graph of many passes is not run.

        Args:
            key: which graph.
            freeze: as in `prepare`.
            run: whether it is run, too.
            choose: chooses which other graph is dropped where the cache is full; None: the least recently used.

        Raises:
            LiveGradcamError: it cannot be compiled or run, or `choose` refuses.
        """
        self._runner.prepare(key, freeze=freeze, run=run, choose=choose)

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until no graph is improved in the background any more, at most for some seconds."""
        until = time.monotonic() + seconds
        for model in self._models:
            model.settle(until - time.monotonic())

    def close(self, until: float | None = None) -> None:
        """Stop improving graphs in the background. The engine still answers.

        Args:
            until: when to stop waiting for that, in `time.monotonic()` seconds; None: after 0.8 s.
        """
        for model in self._models:
            model.close(until)

    def describe(self) -> list[str]:
        """Return one line on each graph that is kept."""
        return [self._models[number].describe(spec, graph) for (number, spec), graph in self.graphs.items()]

    def layer_of(self, question: Question, size: Size) -> str:
        """Return the path of the layer of the question's first explanation; several are joined by commas.

        Raises:
            LiveGradcamError: the question cannot be answered.
        """
        return self._runner.graph(self.parts.of(question, size)[0].key).facts.layer

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame. The lock follows the frames from one call to the next.

        Args:
            pixels: (H, W, 3) uint8 BGR.
            question: the question.

        Raises:
            LiveGradcamError: the question cannot be answered, or a network fails.
        """
        locked = any(is_lock(target) for target in question.targets)
        locks = {model: self._locks.get(model) or TargetLock() for model in question.models if locked}
        self._locks = locks
        return self.answer_batch([pixels], [question], locks=locks)[0]

    def answer_batch(
        self,
        images: Sequence[Pixels],
        questions: Sequence[Question],
        *,
        locks: Locks = NO_LOCKS,
        freeze: bool = False,
        compiled_only: bool = False,
    ) -> list[Answer]:
        """Answer questions about pictures, with one run of each graph.

        Args:
            images: pictures, (H, W, 3) uint8 BGR each. Their sizes may differ, but under `wide` all must give the
                same input size.
            questions: one for each picture. They may differ in areas and in classes, contrasts and locks.
            locks: the lock of each model, which follows the explanations whose target is `lock`; a model without one
                explains its most probable class there.
            freeze: as in `prepare`, for graphs that are not compiled yet.
            compiled_only: whether nothing is compiled.

        Raises:
            NotCompiledError: a graph is not compiled, and must not be.
            LiveGradcamError: a question cannot be answered, or a network fails.
        """
        ask = partial(self._ask, locks=locks, freeze=freeze, compiled_only=compiled_only)
        scans = self.parts.fit == "scan"
        answers = scanned(images, questions, self.models, ask) if scans else ask(images, questions)
        for answer in answers if locks else ():
            follow(locks, answer)
        return answers

    def _ask(
        self,
        images: Sequence[Pixels],
        questions: Sequence[Question],
        *,
        locks: Locks,
        freeze: bool,
        compiled_only: bool,
    ) -> list[Answer]:
        """Answer questions about pictures, each of which the network sees once."""
        batch = QuestionBatch(images, questions)
        for part in self.parts.of(questions[0], batch.sizes[0]):
            graph = (
                self._cache.find(part.key) if compiled_only else self._runner.graph(part.key, freeze=freeze)
            )
            if graph is None:
                raise NotCompiledError(f"{self.parts.describe(part.key)} is not compiled.")
            fittings = batch.fittings(part, self.parts)
            aims = [self.parts.aims(part, question, locks) for question in questions]
            heads = [question.head for question in questions]
            result = self._runner.run(part.key, graph, batch.inputs(fittings), aims, heads)
            labels = [self.parts.labels_of(part, question) for question in questions]
            reader = ResultReader(spec=part.spec, facts=graph.facts, labels=labels, aims=aims, result=result)
            batch.take(part, fittings, reader)
        return batch.answers()
