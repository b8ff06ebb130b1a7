"""A batch of pictures with a question about each: how they enter the graphs, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.array_types import Numbers, Pictures
from live_gradcam.explain.input_fitting import Fitting, size_of
from live_gradcam.explain.question_parts import Locks, QuestionPart, QuestionParts, inside
from live_gradcam.explain.result_reader import ResultReader
from live_gradcam.explain.targets import function_of, is_lock
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Channel, LayerActivation, Question


class QuestionBatch:
    """Pictures and questions that the same graphs answer.

    Args:
        images: pictures, (H, W, 3) uint8 BGR each.
        questions: one for each picture. They differ in areas, heads, classes, contrasts and locks only.

    Raises:
        LiveGradcamError: one is no picture, or the questions differ in something else.
    """

    def __init__(self, images: Sequence[Pixels], questions: Sequence[Question]) -> None:
        self.questions = questions
        self.sizes = [size_of(image) for image in images]
        self._areas = [
            inside(question.area, size) for question, size in zip(questions, self.sizes, strict=True)
        ]
        self._images = images
        self._found: list[dict[tuple[int, int, int], Explanation]] = [{} for _ in images]
        self._channels: list[tuple[Channel, ...]] = [()] * len(images)
        self._activations: list[LayerActivation | None] = [None] * len(images)
        self._feature_maps: list[Numbers | None] = [None] * len(images)
        if any(question is not questions[0] for question in questions):
            _check_alike(questions)

    def fittings(self, part: QuestionPart, parts: QuestionParts) -> list[Fitting]:
        """Return how each picture is brought to a model's input.

        Args:
            part: the model's part of the first picture's question.
            parts: fits the other pictures.

        Raises:
            LiveGradcamError: they come to inputs of different sizes.
        """
        others = zip(self.questions[1:], self.sizes[1:], strict=True)
        found = [part.fitting, *(parts.fitting(question, size, part.model) for question, size in others)]
        if any(fitting.input_size != part.spec.input_size for fitting in found):
            raise LiveGradcamError(
                "explain_batch under fit 'wide' takes pictures of one shape; these come to inputs of "
                + ", ".join(f"{each.input_size[1]}×{each.input_size[0]}" for each in found)
                + ". Explain them in separate calls, or use another fit."
            )
        return found

    def inputs(self, fittings: Sequence[Fitting]) -> Pictures:
        """Return the pictures as a network takes them, (N, H, W, 3) uint8 BGR."""
        fitted = [
            fitting.apply(image[y : y + height, x : x + width])
            for image, fitting, (x, y, width, height) in zip(self._images, fittings, self._areas, strict=True)
        ]
        return fitted[0][None] if len(fitted) == 1 else np.stack(fitted)

    def take(self, part: QuestionPart, fittings: Sequence[Fitting], reader: ResultReader) -> None:
        """Take in the explanations, channels and activations that a part's graph gave."""
        for number, (fitting, area) in enumerate(zip(fittings, self._areas, strict=True)):
            for method, method_place in enumerate(part.methods):
                for target, target_place in enumerate(part.targets):
                    self._found[number][part.model, method_place, target_place] = reader.explanation(
                        fitting, picture=number, method=method, target=target, corner=area[:2]
                    )
            self._channels[number] = self._channels[number] or reader.channels(number)
            if part.spec.activation:
                self._activations[number] = reader.activation(fitting, picture=number, corner=area[:2])
            if part.spec.slots:
                self._feature_maps[number] = reader.result.feature_map[number]

    def answers(self) -> list[Answer]:
        """Return the answer to each question, once all parts were taken in."""
        return [
            Answer(
                question,
                tuple(
                    found[model, method, target]
                    for model in question.models
                    for method in range(len(question.methods))
                    for target in range(len(question.targets))
                ),
                channels,
                activation,
                feature_map=feature_map,
            )
            for question, found, channels, activation, feature_map in zip(
                self.questions,
                self._found,
                self._channels,
                self._activations,
                self._feature_maps,
                strict=True,
            )
        ]


def _check_alike(questions: Sequence[Question]) -> None:
    """Make sure that the same graphs answer all questions."""
    kinds = {
        (
            replace(question, area=None, targets=(), head=None),
            question.head is None,
            tuple(map(function_of, question.targets)),
        )
        for question in questions
    }
    if len(kinds) > 1:
        raise SettingsError("the questions of a batch may differ in areas, classes and heads only.")


def follow(locks: Locks, answer: Answer) -> None:
    """Update each lock with the explanation of its model whose target is the lock."""
    question = answer.question
    place = next((place for place, target in enumerate(question.targets) if is_lock(target)), None)
    if place is None:
        return
    each = len(question.methods) * len(question.targets)
    for position, model in enumerate(question.models):
        if model in locks:
            locks[model].follow(answer.explanations[position * each + place])
