"""Answers with the head that is being taught, whose pictures become examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from live_gradcam.explain.question_switch import Size, WrappedAnswers
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import PictureAnswers
from live_gradcam.question import Answer, Question
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.feature_extractor import pooled
from live_gradcam.teach.none_of_these import NoneOfThese


class Pupil(Protocol):
    """What is taught: a `teacher.Teacher`, or a fake in tests."""

    @property
    def head(self) -> TaughtHead:
        """What was learned so far."""

    def see(self, pixels: Pixels, answer: Answer) -> Answer:
        """Take a frame and the answer about it, and return the answer that is shown."""


class TaughtAnswers(WrappedAnswers[PictureAnswers]):
    """Answers questions about the first model with the pupil's head in place of the model's own.

    Args:
        answers: answers questions, an `engine.Engine`.
        pupil: has the head, and sees every frame that is answered.
    """

    def __init__(self, answers: PictureAnswers, pupil: Pupil) -> None:
        super().__init__(answers)
        self._pupil = pupil

    def ready(self, question: Question, size: Size) -> bool:
        """Return whether everything is compiled that a question needs for frames of a size."""
        return super().ready(self._headed(question), size)

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        """Compile the graphs that a question needs, one with each step; yield before each step what it compiles."""
        return super().prepare(self._headed(question), size)

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame, (H, W, 3) uint8 BGR; the answer's question has the head.

        Raises:
            LiveGradcamError: the question cannot be answered, or a network fails.
        """
        return self._pupil.see(pixels, self._answers.answer(pixels, self._headed(question)))

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer one question about each picture, (H, W, 3) uint8 BGR; nobody sees these pictures."""
        return self._answers.answer_batch(images, [self._headed(each) for each in questions])

    def _headed(self, question: Question) -> Question:
        """Return a question with the present head, unless it has one already."""
        if question.head is not None or 0 not in question.models:
            return question
        return replace(question, head=self._pupil.head)


def shown_answer(answer: Answer, rule: NoneOfThese | None) -> Answer:
    """Return an answer as it is shown: without heat for a picture that is none of the classes.

    Args:
        answer: of a head that is taught.
        rule: refuses pictures; None before two classes were taught, when no class is named.
    """
    if answer.feature_map is None:
        return answer
    if rule is None:
        told: dict[str, Any] = {"top": ()}
    elif rule.refuses(pooled(answer.feature_map[None]))[0]:
        told = {"is_known": False}
    else:
        return answer
    blank = [
        replace(each, has_evidence=False, heatmap=np.zeros_like(each.heatmap), **told)
        for each in answer.explanations
    ]
    return replace(answer, explanations=tuple(blank))
