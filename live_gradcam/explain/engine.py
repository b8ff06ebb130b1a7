"""Answers questions about frames: the loaded models, the settings that stay, and what is compiled for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from live_gradcam.config import DEFAULT_FIT, DEFAULT_SCORE, Fit, Fusion, Score, Smooth, Task
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.fit import Fitting, fitting_for, size_of
from live_gradcam.explain.graph_cache import GraphCache
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_steps import LayerShape
from live_gradcam.explain.layers import paths_in
from live_gradcam.explain.methods.gradients import FINERCAM_RIVALS, FINERCAM_STRENGTH
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.results import ResultReader
from live_gradcam.explain.targets import Aim, TargetLock, aim_of, function_of, is_lock
from live_gradcam.explanation import Explanation, Region
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.question import Answer, Channel, Question

Size = tuple[int, int]
"""(width, height) of a frame in pixels."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a question that one graph answers."""

    model: int
    """Which of the loaded models."""

    plan: GraphSpec
    fitting: Fitting
    """How what is looked at is brought to the network."""

    methods: tuple[int, ...]
    """The plan's methods, by their places in the question."""

    targets: tuple[int, ...]
    """The plan's targets, likewise."""


class Engine:
    """Holds what questions are asked of.

    Methods of one pass, all targets and the channels of one model come from one graph, which runs the network once;
    methods of many passes and scores of the user's own have each a graph of their own. Classes, contrasts and the
    lock are arguments of the graphs. One thread answers; others may prepare meanwhile.

    Args:
        models: what is explained.
        fit: how a picture is brought to a network's input.
        score: `logit` or `probability`.
        fusion: how the maps of several layers become one.
        smooth: `augment` averages over flipped and enlarged copies of the picture.
        grid: (height, width) of a transformer's tokens; None finds it.
        strength: how much of the strongest rivals' score a contrast takes off; None: as in FinerCAM's paper.
        rivals: how many rivals that are; None likewise.

    Raises:
        SettingsError: there is no model, or no rival.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        fit: Fit = DEFAULT_FIT,
        score: Score = DEFAULT_SCORE,
        fusion: Fusion = "mean",
        smooth: Smooth = "none",
        grid: tuple[int, int] | None = None,
        strength: float | None = None,
        rivals: int | None = None,
    ) -> None:
        if not models:
            raise SettingsError("there is no model to ask: at least 1 is needed.")
        if rivals is not None and rivals < 1:
            raise SettingsError(f"rivals is {rivals}: at least 1 is needed.")
        self.models = tuple(models)
        self.fit: Fit = fit
        self._graphs = [GraphCache(model) for model in models]
        self._strength = FINERCAM_STRENGTH if strength is None else strength
        self._usual = GraphSpec(
            methods=(),
            layers=None,
            input_size=(0, 0),
            score=score,
            rivals=FINERCAM_RIVALS if rivals is None else rivals,
            fusion=fusion,
            smooth=smooth,
            grid=grid,
        )
        self._locks: dict[int, TargetLock] = {}

    @property
    def traces(self) -> int:
        """How often a network has been traced so far."""
        return sum(graphs.made for graphs in self._graphs)

    def layers_of(self, model: int = 0) -> tuple[LayerShape, ...]:
        """Return the layers of a model to step through, from shallow to deep: (path, (height, width, channels)).

        They are known once a question about the model is compiled; until then there are none.
        """
        return self._graphs[model].walk

    def labels_of(self, model: int = 0) -> Labels:
        """Return the names of a model's classes, labels or values, as far as they are known."""
        return self._graphs[model].labels

    def task_of(self, model: int = 0) -> Task | None:
        """Return what a model's outputs are; None until a question about it is compiled."""
        return self._graphs[model].task

    def ready(self, question: Question, size: Size) -> bool:
        """Whether everything is compiled that a question needs for frames of a size."""
        try:
            parts = self._parts(question, size)
            ready = [self._graphs[part.model].ready(part.plan) for part in parts]
            return all(ready) and all(self._aims(part, question) for part in parts)
        except LiveGradcamError:
            return False

    def prepare(self, question: Question, size: Size, *, freeze: bool = False) -> Iterator[str]:
        """Compile what a question needs for frames of a size, one graph with each step.

        Args:
            question: what will be asked.
            size: of the frames.
            freeze: whether the graphs are frozen where that pays (`GraphCache.compiled`).

        Yields:
            Before each step what it compiles: `hirescam at block5c_add`.

        Raises:
            LiveGradcamError: the question cannot be answered; the message says why.
        """
        parts = self._parts(question, size)
        for number, graphs in enumerate(self._graphs):
            # Room for two questions: the one that is answered meanwhile, and this one.
            graphs.keep(2 * sum(part.model == number for part in parts))
        for part in parts:
            if len(self._graphs[part.model].labels):
                self._aims(part, question)  # a mistyped class need not wait for the compiler
        for part in parts:
            graphs = self._graphs[part.model]
            if not graphs.ready(part.plan):
                yield self._described(part)
                graphs.warm_up(part.plan, freeze=freeze)
            self._aims(part, question)

    def compile(self, question: Question, size: Size) -> None:
        """Compile all that a question needs for frames of a size, to be asked for long, and wait for it.

        Raises:
            LiveGradcamError: the question cannot be answered; the message says why.
        """
        for _ in self.prepare(question, size, freeze=True):
            pass

    def layer_of(self, question: Question, size: Size) -> str:
        """Return the path of the layer that the first answer to a question explains; several joined by commas.

        Raises:
            LiveGradcamError: the question cannot be answered.
        """
        first = self._parts(question, size)[0]
        return self._graphs[first.model].compiled(first.plan).layer

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame; what is not compiled is compiled first.

        Args:
            pixels: (H, W, 3) uint8 BGR.
            question: what is asked.

        Raises:
            LiveGradcamError: the question cannot be answered, or a network fails.
        """
        size = size_of(pixels)
        x, y, width, height = _inside(question.area, size)
        seen = pixels[y : y + height, x : x + width]
        found: dict[tuple[int, int, int], Explanation] = {}
        channels: tuple[Channel, ...] = ()
        for part in self._parts(question, size):
            graphs = self._graphs[part.model]
            compiled = graphs.compiled(part.plan)
            aims = [self._aims(part, question)]
            result = graphs.run(part.plan, part.fitting.apply(seen)[None], aims)
            reading = ResultReader(
                plan=part.plan,
                layer=compiled.layer,
                task=compiled.task,
                labels=graphs.labels,
                aims=aims,
                result=result,
                geometry=compiled.geometry,
            )
            for method, method_place in enumerate(part.methods):
                for target, target_place in enumerate(part.targets):
                    found[part.model, method_place, target_place] = reading.explanation(
                        part.fitting, method=method, target=target, corner=(x, y)
                    )
            channels = channels or reading.channels()
        explanations = tuple(
            found[model, method, target]
            for model in question.models
            for method in range(len(question.methods))
            for target in range(len(question.targets))
        )
        self._follow(question, explanations)
        return Answer(question, explanations, channels)

    def _parts(self, question: Question, size: Size) -> list[Part]:
        """Return the graphs that a question needs for frames of a size.

        Raises:
            LiveGradcamError: a method, or a function of the user's, is not there; or nothing is asked.
        """
        if not (question.models and question.methods and question.targets):
            raise SettingsError("a question needs at least one model, one method and one target.")
        if not set(question.models) <= set(range(len(self.models))):
            raise SettingsError(
                f"the question is about models {question.models}: {len(self.models)} are loaded."
            )
        methods = [method_named(name) for name in question.methods]
        functions = [function_of(target) for target in question.targets]
        shared = tuple(place for place, method in enumerate(methods) if method.one_pass)
        apart = [(place,) for place, method in enumerate(methods) if not method.one_pass]
        classes = tuple(place for place, function in enumerate(functions) if function is None)
        others = [(place,) for place, function in enumerate(functions) if function is not None]
        parts = []
        for number in dict.fromkeys(question.models):
            model = self.models[number]
            fitting = fitting_for(self.fit, _inside(question.area, size)[2:], model.input_size)
            named = question.layer if number == question.models[0] else None
            named = model.layer if named is None else named
            for method_places in filter(None, (shared, *apart)):
                for target_places in filter(None, (classes, *others)):
                    first = number == question.models[0] and 0 in method_places and 0 in target_places
                    plan = replace(
                        self._usual,
                        methods=tuple(methods[place] for place in method_places),
                        layers=None if named is None else paths_in(named),
                        input_size=fitting.input_size,
                        targets=len(target_places),
                        function=functions[target_places[0]],
                        channels=question.channels if first else 0,
                    )
                    parts.append(Part(number, plan, fitting, method_places, target_places))
        return parts

    def _aims(self, part: Part, question: Question) -> list[Aim]:
        """Return what a part's targets mean now, one for each goal of its plan.

        Raises:
            TargetError: one of them means nothing.
        """
        if part.plan.function is not None:
            return [Aim()]
        labels = self._graphs[part.model].labels
        return [
            aim_of(
                question.targets[place],
                labels,
                rivals=rivals,
                strength=self._strength,
                lock=self._locks.get(part.model),
            )
            for rivals in part.plan.contrasting
            for place in part.targets
        ]

    def _follow(self, question: Question, explanations: Sequence[Explanation]) -> None:
        """Let the locks of a question see what was found; there are none where none is asked for."""
        place = next((place for place, target in enumerate(question.targets) if is_lock(target)), None)
        locks, self._locks = self._locks, {}
        if place is None:
            return
        each = len(question.methods) * len(question.targets)
        for position, number in enumerate(question.models):
            self._locks[number] = locks.get(number) or TargetLock()
            self._locks[number].follow(explanations[position * each + place])

    def _described(self, part: Part) -> str:
        model = self.models[part.model]
        layer = self._graphs[part.model].usual_layer or "its last feature map"
        if part.plan.layers is not None:
            layer = ",".join(part.plan.layers)
        what = f"{', '.join(method.name for method in part.plan.methods)} at {layer}"
        return what if len(self.models) == 1 else f"{what} of {model.name}"


def _inside(area: Region | None, size: Size) -> Region:
    """Return what of an area lies in a frame of (width, height) pixels: never less than one pixel."""
    width, height = size
    if area is None:
        return 0, 0, width, height
    left, top = min(max(area[0], 0), width - 1), min(max(area[1], 0), height - 1)
    right, bottom = min(area[0] + area[2], width), min(area[1] + area[3], height)
    return left, top, max(1, right - left), max(1, bottom - top)
