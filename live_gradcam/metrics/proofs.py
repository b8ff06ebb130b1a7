"""Proofs: answers whose first explanation is tested by covering a part of the picture and asking the network again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

import numpy as np

from live_gradcam.explain.question_parts import inside
from live_gradcam.explain.question_switch import WrappedAnswers
from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import DEFAULT_SHARE, HeatCurve
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Scores, seen_part
from live_gradcam.metrics.heat_test import (
    CURVE_STEPS,
    CurveTest,
    HeatTest,
    PictureAnswers,
    probability_of,
    untestable,
)
from live_gradcam.metrics.map_case import RememberedScores
from live_gradcam.metrics.masking import MaskingTest
from live_gradcam.prediction import Value
from live_gradcam.question import Answer, Question, TargetSpec

_AT_ONCE = CURVE_STEPS + 1
"""The most changed pictures in a batch: those of a curve."""


class ProvedAnswers(WrappedAnswers[PictureAnswers]):
    """Answers questions, and tests the heat of those that ask for a proof.

    Args:
        answers: answers questions without proofs.
        fit: how a frame is brought to a network's input.
        input_sizes: (height, width) of each model's input.
    """

    def __init__(self, answers: PictureAnswers, fit: Fit, input_sizes: Sequence[tuple[int, int]]) -> None:
        super().__init__(answers)
        self._fit: Fit = fit
        self._input_sizes = tuple(input_sizes)
        self._last: tuple[Pixels, Question, tuple[HeatCurve, ...]] | None = None

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame, with a proof if it asks for one.

        Args:
            pixels: (H, W, 3) uint8 BGR.
            question: the question.

        Raises:
            LiveGradcamError: the question cannot be answered, or a network fails.
        """
        answer = self._answers.answer(pixels, question)
        if question.proof is None and not question.curves:
            return answer
        reason = untestable(answer.first)
        if reason:
            return replace(answer, unproved=reason)
        if question.curves:
            answer = replace(answer, curves=self._curves_of(pixels, answer))
        if question.proof is None:
            return answer
        return replace(answer, proof=self.test(pixels, answer, question.proof).at_once())

    def test(self, pixels: Pixels, answer: Answer, share: float) -> HeatTest:
        """Begin the masking test of an answer's first explanation.

        Args:
            pixels: (H, W, 3) uint8 BGR: the frame.
            answer: the answer about it, which is testable.
            share: of the area that the hottest part takes at most, in (0, 1).
        """
        picture, part = self._seen(pixels, answer.question)
        return HeatTest(self._answers, picture, part, answer, share)

    def curve_test(self, pixels: Pixels, answer: Answer) -> CurveTest:
        """Begin to measure the curves of an answer.

        Args:
            pixels: (H, W, 3) uint8 BGR: the frame.
            answer: the answer about it, which is testable.
        """
        return CurveTest(self._answers, *self._seen(pixels, answer.question), answer)

    def _seen(self, pixels: Pixels, question: Question) -> tuple[Pixels, Region]:
        """Return what the first model sees of a frame, at its own scale, and where that lies in the frame."""
        size = self._input_sizes[question.models[0]]
        x, y, width, height = inside(question.area, (pixels.shape[1], pixels.shape[0]))
        picture, (left, top, *extent) = seen_part(pixels[y : y + height, x : x + width], self._fit, size)
        return picture, (x + left, y + top, extent[0], extent[1])

    def _curves_of(self, pixels: Pixels, answer: Answer) -> tuple[HeatCurve, ...]:
        """Return the curves of an answer; a frame that stands still is measured once."""
        question = answer.question
        if self._last is None or self._last[0] is not pixels or self._last[1] != question:
            test, scores = self.curve_test(pixels, answer), list[float]()
            changed = test.pictures()
            # All curves share their ends, and maps that order the pixels alike share all pictures.
            score_of = RememberedScores(lambda pictures: self._scored(pictures, test.question))
            while pictures := list(islice(changed, _AT_ONCE)):
                scores += score_of(pictures).tolist()
            self._last = pixels, question, test.curves(scores)
        return self._last[2]

    def _scored(self, pictures: Sequence[Pixels], question: Question) -> Scores:
        answers = self._answers.answer_batch(pictures, [question] * len(pictures))
        return np.array([probability_of(each.first) for each in answers])


class ClassExplainer(Protocol):
    """Explains pictures for a class of each: an `explainer.Explainer`, or a fake in tests."""

    fit: Fit
    target: Any

    def explain_batch(
        self, images: Sequence[Pixels], *, targets: Sequence[TargetSpec] | None = None
    ) -> list[Explanation]:
        """Explain pictures, (H, W, 3) uint8 BGR each, for one target each; None: for the explainer's own."""


class ProvedExplainer:
    """Explains pictures, and tests the heat of each.

    Args:
        explainer: explains the pictures, and scores the changed ones.
        input_size: (height, width) of the network's input.
        share: of the area that the hottest part takes at most.
    """

    def __init__(
        self, explainer: ClassExplainer, input_size: tuple[int, int], share: float = DEFAULT_SHARE
    ) -> None:
        self._explainer = explainer
        self._input_size = input_size
        self._share = share
        self.fit: Fit = explainer.fit
        self.target: TargetSpec = explainer.target

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        """Explain several pictures; each explanation that can be tested has the result in `faithfulness`.

        Args:
            images: pictures, (H, W, 3) uint8 BGR each, as `Explainer.explain_batch` takes them.

        Raises:
            LiveGradcamError: an image is not a picture of that form, or the network fails.
        """
        explanations = self._explainer.explain_batch(images)
        return [self._tested(*each) for each in zip(images, explanations, strict=True)]

    def _tested(self, image: Pixels, explanation: Explanation) -> Explanation:
        target = explanation.target
        if untestable(explanation) or isinstance(target, Value):
            return explanation
        picture, part = seen_part(image, self.fit, self._input_size)
        test = MaskingTest(picture, part, explanation, share=self._share)
        pictures = [test.picture(number) for number in range(len(test))]
        scored = self._explainer.explain_batch(pictures, targets=[target.class_id] * len(pictures))
        found = test.result(probability_of(explanation), [probability_of(each) for each in scored])
        return replace(explanation, faithfulness=found)
