"""The parts of a question: which graphs answer it, and what its targets mean to each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from live_gradcam.errors import SettingsError
from live_gradcam.explain.explained_model import ExplainedModel
from live_gradcam.explain.graph_spec import GraphKey, GraphSpec, paths_in
from live_gradcam.explain.input_fitting import Fitting, fitting_for
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.targets import Aim, TargetLock, aim_of, function_of
from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import Fit
from live_gradcam.models.labels import Labels
from live_gradcam.question import Question
from live_gradcam.taught_head import MOST_CLASSES

Size = tuple[int, int]
"""(width, height) of a frame in pixels."""

Locks = Mapping[int, TargetLock]
"""The lock of each model that has one, by the model's number."""

NO_LOCKS: Locks = {}


@dataclass(frozen=True, slots=True)
class QuestionPart:
    """The part of a question that one graph answers."""

    model: int
    """The model's number."""

    spec: GraphSpec
    fitting: Fitting
    """How a frame is brought to the network's input."""

    methods: tuple[int, ...]
    """For each method of the graph, its place in the question."""

    targets: tuple[int, ...]
    """For each target of the graph, its place in the question."""

    @property
    def key(self) -> GraphKey:
        """The graph's key in the cache."""
        return self.model, self.spec


class QuestionParts:
    """Splits questions into parts. It is the only place that makes specifications of graphs for questions.

    Methods of one pass, all classes and contrasts, and the channels of one model come from one graph, which runs the
    network once. Each method of many passes, and each score function of the user's, has a graph of its own.

    Args:
        models: the models that questions are about.
        usual: a specification with the values that all specifications have in common.
        fit: how a frame is brought to a network's input.
        strength: how much of the rivals' score a contrast subtracts.
    """

    def __init__(
        self, models: Sequence[ExplainedModel], usual: GraphSpec, *, fit: Fit, strength: float
    ) -> None:
        self._models = models
        self._usual = usual
        self.fit: Fit = fit
        self._strength = strength

    def of(self, question: Question, size: Size) -> list[QuestionPart]:
        """Return the parts of a question about frames of a size.

        Raises:
            LiveGradcamError: a method or a score function does not exist, or the question asks for nothing.
        """
        if not (question.models and question.methods and question.targets):
            raise SettingsError("a question needs at least one model, one method and one target.")
        if not set(question.models) <= set(range(len(self._models))):
            raise SettingsError(
                f"the question is about models {question.models}: {len(self._models)} are loaded."
            )
        methods = [method_named(name) for name in question.methods]
        functions = [function_of(target) for target in question.targets]
        shared = tuple(place for place, method in enumerate(methods) if method.one_pass)
        apart = [(place,) for place, method in enumerate(methods) if not method.one_pass]
        classes = tuple(place for place, function in enumerate(functions) if function is None)
        others = [(place,) for place, function in enumerate(functions) if function is not None]
        parts = []
        for number in dict.fromkeys(question.models):
            fitting = self.fitting(question, size, number)
            named = question.layer if number == question.models[0] else None
            named = self._models[number].model.layer if named is None else named
            for method_places in filter(None, (shared, *apart)):
                for target_places in filter(None, (classes, *others)):
                    first = number == question.models[0] and 0 in method_places and 0 in target_places
                    spec = replace(
                        self._usual,
                        methods=tuple(methods[place] for place in method_places),
                        layers=None if named is None else paths_in(named),
                        input_size=fitting.input_size,
                        targets=len(target_places),
                        function=functions[target_places[0]],
                        channels=question.channels if first else 0,
                        activation=first and question.concepts > 0 and self.fit != "scan",
                        slots=MOST_CLASSES if number == 0 and question.head is not None else 0,
                        pace=None if methods[method_places[0]].one_pass else self._usual.pace,
                    )
                    parts.append(QuestionPart(number, spec, fitting, method_places, target_places))
        return parts

    def fitting(self, question: Question, size: Size, model: int) -> Fitting:
        """Return how frames of a size are brought to a model's input."""
        return fitting_for(self.fit, inside(question.area, size)[2:], self._models[model].model.input_size)

    def labels_of(self, part: QuestionPart, question: Question) -> Labels:
        """Return the names of the classes that a part's graph tells apart: the model's own, or those of the head."""
        if part.spec.slots and question.head is not None:
            return Labels(question.head.labels)
        return self._models[part.model].labels

    def aims(self, part: QuestionPart, question: Question, locks: Locks = NO_LOCKS) -> list[Aim]:
        """Return what the targets of a part mean now, one aim for each goal of its graph.

        Raises:
            TargetError: a target names no class, or several.
        """
        if part.spec.function is not None:
            return [Aim()]
        labels = self.labels_of(part, question)
        return [
            aim_of(
                question.targets[place],
                labels,
                rivals=rivals,
                strength=self._strength,
                lock=locks.get(part.model),
            )
            for rivals in part.spec.contrasting
            for place in part.targets
        ]

    def describe(self, key: GraphKey) -> str:
        """Return what a graph explains: `hirescam at block5c_add`."""
        number, spec = key
        layer = self._models[number].usual_layer or "its last feature map"
        if spec.layers is not None:
            layer = ",".join(spec.layers)
        text = f"{', '.join(method.name for method in spec.methods)} at {layer}"
        return text if len(self._models) == 1 else f"{text} of {self._models[number].model.name}"


def inside(area: Region | None, size: Size) -> Region:
    """Return the part of an area that lies in a frame of (width, height) pixels: at least one pixel."""
    width, height = size
    if area is None:
        return 0, 0, width, height
    left, top = min(max(area[0], 0), width - 1), min(max(area[1], 0), height - 1)
    right, bottom = min(area[0] + area[2], width), min(area[1] + area[3], height)
    return left, top, max(1, right - left), max(1, bottom - top)
