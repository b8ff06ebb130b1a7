"""The explainer: pictures in, explanations out, one compiled run for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from live_gradcam.closeable import Closeable
from live_gradcam.config import DEFAULT_FIT, DEFAULT_METHOD, DEFAULT_SCORE, ExplainSettings
from live_gradcam.errors import TargetError
from live_gradcam.explain.compilers import compiler_for, runtime_for
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.graph_spec import Pace, paths_in
from live_gradcam.explain.input_fitting import with_image
from live_gradcam.explain.methods.method import FINERCAM_STRENGTH, method_of
from live_gradcam.explain.methods.own_methods import CamFunction
from live_gradcam.explain.question_parts import NO_LOCKS, Locks
from live_gradcam.explain.targets import MOST_RANKS, TargetLock, aim_of, check_classes, function_of, is_lock
from live_gradcam.explanation import Explanation
from live_gradcam.fixed_choices import Fit, Fusion, Precision, Runtime, Score, Smooth, Task
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels
from live_gradcam.models.remembered_model import KnownModel, known
from live_gradcam.question import LayerActivation, Question, TargetSpec
from live_gradcam.setting import settings_of


class Explainer(Closeable):
    """Explains pictures with one question: a simple interface to the engine. Several threads may use it.

    The network is traced once for each input shape, with the first picture of that shape. The class or contrast to
    explain is an argument of the graph, so it can change from picture to picture. The model is never changed. Its
    weights are read when it is traced: after more training, make a new one.

    Args:
        model: the result of `load_model`, or anything that it takes.
        method: name of the method (`live_gradcam.explain.methods`), or a function of your own (`CamFunction`).
        layer: path of the target layer; several, separated by commas, are fused; None: the last feature map.
        target: what is explained: a class by id or name, `#2` for the second most probable, `tabby - tiger cat`
            for a contrast, `tabby -` for one with its strongest rivals, `lock` for the most probable class with
            hysteresis, `module:function` or a function of the outputs for your own score; None: the most probable
            class. Of a network of values, `age` is what raises the value, `age -` what lowers it; None: the first.
        fit: how a picture is brought to the network's input.
        score: `logit` differentiates the pre-softmax score y^c, `probability` the softmax's output; of values, both
            differentiate the value.
        fusion: how the maps of several layers become one: `mean`, `max` or `product`.
        smooth: `augment` averages over flipped and enlarged copies of the picture.
        grid: (height, width) of a transformer's tokens; None finds it.
        strength: how much of the strongest rivals' score a contrast subtracts; None: as in FinerCAM's paper.
        rivals: how many strongest rivals count; None: as in FinerCAM's paper.
        freeze: whether the weights become constants of the graphs, if worthwhile: a sixth faster, for 130 MB each.
        pace: is called before each pass of a method of many passes, in a thread of TensorFlow's. It returns how many
            inputs go through the network next; it may wait, and may raise to end the run. None: passes never wait.
        engine: the library that computes: `tensorflow`; `openvino`, which converts each graph before its first picture;
            or `auto`, which changes to OpenVINO in the background where that is faster, until `close`.
        precision: the number format that OpenVINO computes in: `f32`, `bf16`, or `auto` for bfloat16 where it agrees.

    Raises:
        LiveGradcamError: a setting is wrong.
    """

    def __init__(
        self,
        model: KnownModel | Any,  # noqa: ANN401 - a keras.Model, which ships no types
        method: str | CamFunction = DEFAULT_METHOD,
        layer: str | None = None,
        target: TargetSpec = None,
        fit: Fit = DEFAULT_FIT,
        score: Score = DEFAULT_SCORE,
        *,
        fusion: Fusion = "mean",
        smooth: Smooth = "none",
        grid: tuple[int, int] | None = None,
        strength: float | None = None,
        rivals: int | None = None,
        freeze: bool = True,
        pace: Pace | None = None,
        engine: Runtime = "tensorflow",
        precision: Precision = "auto",
    ) -> None:
        usual: dict[str, Any] = {"fit": fit, "score": score, "fusion": fusion, "smooth": smooth, "grid": grid}
        usual |= {"strength": strength, "rivals": rivals}
        for name, value in {**usual, "engine": engine, "precision": precision}.items():
            settings_of(ExplainSettings)[name].check(value)
        self.model: KnownModel = known(model)
        self.method = method_of(method)
        self.score: Score = score
        self._layer = layer
        self._strength = FINERCAM_STRENGTH if strength is None else strength
        self._freeze = freeze
        self.keeps_pictures = True  # notebooks show a copy of what was explained
        self._usual = usual
        self._engine = Engine(
            [self.model],
            pace=None if pace is None else lambda: pace,
            compiler=compiler_for(runtime_for(engine), precision),
            **usual,
        )
        self._lock: TargetLock | None = None
        self.target = target
        if fit != "wide":
            self._prepare(self.model.input_size[::-1], 1, run=False)
            self.target = target  # a subclassed model tells its classes only now

    @property
    def target(self) -> TargetSpec:
        """The target, as it was named."""
        return self._target

    @target.setter
    def target(self, target: TargetSpec) -> None:
        function = function_of(target)
        if function is None and len(self.labels):  # raises if there is no such class
            aim_of(target, self.labels, rivals=self.method.contrasts, strength=self._strength, lock=None)
        self._target = target
        self._question = self._asking(target if function is None else function)
        self._lock = TargetLock() if is_lock(target) else None

    @property
    def fit(self) -> Fit:
        """How a picture is brought to the network's input."""
        return self._engine.parts.fit

    @fit.setter
    def fit(self, fit: Fit) -> None:
        settings_of(ExplainSettings)["fit"].check(fit)
        self._engine.parts.fit = fit

    @property
    def labels(self) -> Labels:
        """The class names; none before the first trace if only that tells how many classes there are."""
        return self._engine.labels_of()

    @property
    def task(self) -> Task | None:
        """What the outputs are: classes, labels or values; None before the first trace."""
        return self._engine.task_of()

    @property
    def layer(self) -> str | None:
        """Path of the explained layer; None before the first trace if none was named."""
        for graph in self._engine.graphs.values():
            return graph.facts.layer
        layer = self._layer if self._layer is not None else self.model.layer
        return None if layer is None else ",".join(paths_in(layer))

    @property
    def frozen(self) -> bool:
        """Whether the weights are constants of every compiled graph."""
        return all(graph.frozen for graph in self._engine.graphs.values())

    @property
    def traces(self) -> int:
        """How often the network was traced so far."""
        return self._engine.traces

    def describe(self) -> str:
        """Return one line on the compiled graphs."""
        return f"in {self.model.dtype}: {'; '.join(self._engine.describe()) or 'nothing yet'}"

    def settle(self) -> None:
        """Wait, for half a minute at most, until no graph is improved in the background any more."""
        self._engine.settle()

    def close(self) -> None:
        """Stop improving graphs in the background. The explainer still explains."""
        self._engine.close()

    def of(self, model: KnownModel) -> Explainer:
        """Return an explainer of another model with the same settings; TensorFlow computes it."""
        return Explainer(
            model, self.method.name, self._layer, freeze=False, **{**self._usual, "fit": self.fit}
        )

    def prepare(self, size: tuple[int, int], *, targets: int = 1) -> None:
        """Compile now for pictures of (width, height) pixels and this number of targets in one call.

        Raises:
            ModelError: the network does not take inputs of the size that `fit` gives.
        """
        self._prepare(size, targets, run=True)

    def prepared(self, size: tuple[int, int], *, targets: int = 1) -> bool:
        """Return whether pictures of (width, height) pixels and this number of targets need no compiling."""
        return self._engine.ready(self._question_of(targets), size)

    def explain(self, image: Pixels) -> Explanation:
        """Explain one picture.

        Args:
            image: (H, W, 3) uint8 BGR, as OpenCV reads it.

        Raises:
            LiveGradcamError: it is no picture, or the network fails.
        """
        return self.explain_batch([image])[0]

    def explain_batch(
        self,
        images: Sequence[Pixels],
        *,
        targets: Sequence[TargetSpec] | None = None,
        method: str | None = None,
    ) -> list[Explanation]:
        """Explain several pictures in one compiled call; methods of many passes take them one by one.

        Args:
            images: (H, W, 3) uint8 BGR each. Their sizes may differ, but under `wide` all must give one input size.
            targets: one class or contrast for each picture; None: the explainer's own target for all.
            method: a method in place of the explainer's own. Its graph shares the network's weights.

        Returns:
            One explanation for each, in order.

        Raises:
            TargetError: there is no such class, or there are not as many targets as pictures.
            LiveGradcamError: an image is no picture, or the network fails.
        """
        if targets is not None:
            check_classes("explain_batch", targets)
            if (count := len(targets)) != len(images):
                raise TargetError(f"there are {len(images)} pictures and {count} targets: give one for each.")
        if not len(images):
            return []
        question = self._question if method is None else replace(self._question, methods=(method,))
        if targets is None:
            questions, locks = [question] * len(images), {} if self._lock is None else {0: self._lock}
        else:
            questions, locks = [replace(question, targets=(each,)) for each in targets], {}
        return [row[0] for row in self._run(images, questions, locks)]

    def explain_targets(self, image: Pixels, targets: Sequence[TargetSpec]) -> tuple[Explanation, ...]:
        """Explain one picture for several targets in one compiled call, with one map for each target.

        Args:
            image: (H, W, 3) uint8 BGR.
            targets: classes and contrasts, as the argument `target` takes them: `("#1", "#2", "espresso")`.

        Raises:
            TargetError: there is no such class.
            LiveGradcamError: the network fails.
        """
        check_classes("explain_targets", targets)
        return self._run([image], [self._asking(*targets)])[0] if targets else ()

    def explain_top(self, image: Pixels, count: int = 5) -> tuple[Explanation, ...]:
        """Explain one picture for each of its most probable classes, best first, in one compiled call.

        Args:
            image: (H, W, 3) uint8 BGR.
            count: how many classes, from 1 to 16 and no more than the model has.

        Raises:
            TargetError: the model has fewer classes, or the number is not valid.
        """
        most = min(MOST_RANKS, len(self.labels) or MOST_RANKS)
        if not 1 <= count <= most:
            raise TargetError(f"{count} classes cannot be explained: it must be between 1 and {most}.")
        return self.explain_targets(image, [f"#{rank}" for rank in range(1, count + 1)])

    def activations(self, images: Sequence[Pixels]) -> list[LayerActivation]:
        """Return the first target layer's activation for pictures of one compiled call; none under `scan`."""
        methods = (self.method.name if self.method.one_pass else DEFAULT_METHOD,)
        question = replace(self._question, methods=methods, concepts=1)
        answers = self._engine.answer_batch(images, [question] * len(images))
        return [answer.activation for answer in answers if answer.activation is not None]

    def explain_with_activations(
        self, images: Sequence[Pixels], targets: Sequence[TargetSpec]
    ) -> tuple[list[Explanation], list[LayerActivation]]:
        """Return what `explain_batch` and `activations` return, in one run if the method takes one pass."""
        if not self.method.one_pass:
            return self.explain_batch(images, targets=targets), self.activations(images)
        questions = [replace(self._question, concepts=1, targets=(each,)) for each in targets]
        answers = self._engine.answer_batch(images, questions, freeze=self._freeze)
        explanations = [with_image(each.explanations[0], i) for each, i in zip(answers, images, strict=True)]
        return explanations, [each.activation for each in answers if each.activation is not None]

    def _asking(self, *targets: TargetSpec) -> Question:
        return Question(methods=(self.method.name,), layer=self._layer, targets=targets)

    def _question_of(self, targets: int) -> Question:
        """Return a question that the graph for this number of targets answers."""
        return self._question if targets == 1 else self._asking(*[None] * targets)

    def _prepare(self, size: tuple[int, int], targets: int, *, run: bool) -> None:
        for key in self._engine.keys(self._question_of(targets), size):
            self._engine.prepare_graph(key, freeze=self._freeze, run=run)

    def _run(
        self, images: Sequence[Pixels], questions: Sequence[Question], locks: Locks = NO_LOCKS
    ) -> list[tuple[Explanation, ...]]:
        """Return the explanations of each picture, one for each target."""
        freeze = self._freeze and questions[0].methods == (self.method.name,)
        answers = self._engine.answer_batch(images, questions, locks=locks, freeze=freeze)
        if not self.keeps_pictures:
            return [each.explanations for each in answers]
        pairs = zip(images, answers, strict=True)
        return [tuple(with_image(each, image) for each in answer.explanations) for image, answer in pairs]
