"""The masking test and the curves of one answer, scored by the graph that gave the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.question_switch import Answers, Size
from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import Faithfulness, HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import heat_over
from live_gradcam.metrics.controls import shifted
from live_gradcam.metrics.curves import Way, changed_pictures, scored_curve
from live_gradcam.metrics.masking import MaskingTest
from live_gradcam.prediction import Value, class_name
from live_gradcam.question import Answer, Proof, Question

_OWN = 2
"""How many of the changed pictures are of the heat itself; they come first."""

CURVE_STEPS = 10
"""Steps of a curve: for one method, 44 changed pictures."""

WAYS: tuple[Way, ...] = ("deletion", "insertion")


class PictureAnswers(Answers, Protocol):
    """Answers questions about several pictures at once: an `engine.Engine`, or a fake in tests."""

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer one question about each picture, (H, W, 3) uint8 BGR; no lock is changed."""


class HeatTest:
    """The masking test of one answer, in steps, so that it can be done while nothing else waits.

    Args:
        answers: give the scores of changed pictures.
        picture: (H, W, 3) uint8 BGR: what the network saw of the frame.
        part: (x, y, width, height) of it in pixels of the frame.
        answer: the answer; its first explanation is tested.
        share: of the area that the hottest part takes at most.
    """

    def __init__(
        self, answers: PictureAnswers, picture: Pixels, part: Region, answer: Answer, share: float
    ) -> None:
        self._answers = answers
        self._part = part
        self._probability = probability_of(answer.first)
        self._test = MaskingTest(picture, part, answer.first, share=share)
        self.question = question_of_scores(answers, answer, _size_of(picture))
        """The question about each changed picture."""
        self._scores: list[float] = []

    @property
    def is_done(self) -> bool:
        """Whether all changed pictures are scored."""
        return len(self._scores) == len(self._test)

    @property
    def pictures(self) -> list[Pixels]:
        """All changed pictures, (H, W, 3) uint8 BGR each."""
        return [self._test.picture(number) for number in range(len(self._test))]

    def proof(self, scores: Sequence[float]) -> Proof:
        """Return the result with the mask.

        Args:
            scores: the probability of the explained class for each of `pictures`.
        """
        found = self._test.result(self._probability, scores)
        return Proof(found, self._test.mask, self._test.replacement, self._part)

    def step(self) -> Faithfulness | None:
        """Score the next changed picture.

        Returns:
            After the last picture the result; after the two of the heat itself a result without controls; else None.
        """
        self._scores += self._scored([self._test.picture(len(self._scores))])
        return (
            self._test.result(self._probability, self._scores)
            if self.is_done or len(self._scores) == _OWN
            else None
        )

    def at_once(self) -> Proof:
        """Score all changed pictures in one batch, and return the result with the mask."""
        return self.proof(self._scored(self.pictures))

    def _scored(self, pictures: Sequence[Pixels]) -> list[float]:
        answers = self._answers.answer_batch(pictures, [self.question] * len(pictures))
        return [probability_of(answer.first) for answer in answers]


class CurveTest:
    """The deletion and insertion curves of an answer's maps for its first target, and of a control.

    The control is the first map, shifted by half the picture.

    Args:
        answers: gave the answer.
        picture: (H, W, 3) uint8 BGR: what the network saw of the frame.
        part: (x, y, width, height) of it in pixels of the frame.
        answer: the answer; its first explanation is testable.
    """

    def __init__(self, answers: Answers, picture: Pixels, part: Region, answer: Answer) -> None:
        asked, size = answer.question, _size_of(picture)
        self._picture = picture
        own = [
            (each.method, heat_over(each, part, size))
            for each in answer.explanations[: len(asked.methods) * len(asked.targets) : len(asked.targets)]
            if each.has_evidence and method_named(each.method).one_pass
        ]
        self._maps = (*own, ("", shifted(own[0][1])))
        self._label = class_name(answer.first.target)
        self.question = question_of_scores(answers, answer, size)
        """The question about each changed picture."""

    def pictures(self) -> Iterator[Pixels]:
        """Yield all changed pictures, (H, W, 3) uint8 BGR each: curve by curve, from no changed pixel to all."""
        for _, heat in self._maps:
            for way in WAYS:
                yield from changed_pictures(way, self._picture, heat, steps=CURVE_STEPS)

    def curves(self, scores: Sequence[float]) -> tuple[HeatCurve, ...]:
        """Return the curves: for each method of one pass a pair, and a pair without a name for the control.

        Args:
            scores: the probability of the explained class for each of `pictures`.
        """
        curves, pixels = [], self._picture.shape[0] * self._picture.shape[1]
        for number, (name, way) in enumerate((name, way) for name, _ in self._maps for way in WAYS):
            begin = number * (CURVE_STEPS + 1)
            found = scored_curve(scores[begin : begin + CURVE_STEPS + 1], pixels)
            fractions, own = (tuple(map(float, each)) for each in (found.fractions, found.scores))
            curves.append(HeatCurve(way, name, self._label, fractions, own, found.area))
        return tuple(curves)


def question_of_scores(answers: Answers, answer: Answer, size: Size) -> Question:
    """Return the question whose first explanation has the probability of the explained class for another picture.

    Nothing is compiled for it. A graph of one method costs less than one of several, so it is taken if it is there;
    else the graph of the answer's own question, which methods of one pass and all targets share.

    Args:
        answers: gave the answer.
        answer: a testable one.
        size: (width, height) of the other pictures.
    """
    question, target = answer.question, answer.first.target
    assert not isinstance(target, Value), "a score of the user's own is no class"
    own = replace(
        question,
        models=question.models[:1],
        methods=tuple(each for each in question.methods if method_named(each).one_pass),
        targets=(target.class_id,) * len(question.targets),
        area=None,
        proof=None,
        curves=False,
    )
    if len(own.methods) * len(own.targets) == 1:
        return own
    single = (replace(own, methods=(each,), targets=own.targets[:1]) for each in own.methods)
    return next((each for each in single if answers.ready(each, size)), own)


def _size_of(picture: Pixels) -> Size:
    return picture.shape[1], picture.shape[0]


def probability_of(explanation: Explanation) -> float:
    """Return the probability of the explained class, in [0, 1]; 0 if the network gives NaN."""
    target = explanation.target
    return 0.0 if isinstance(target, Value) else float(target.probability or 0.0)


def untestable(explanation: Explanation) -> str:
    """Return in a few words why the masking test cannot test an explanation; empty if it can."""
    if explanation.task == "values" or isinstance(explanation.target, Value):
        return "no test: the output is no probability"
    if not method_named(explanation.method).one_pass:
        return "no test: the method takes many passes"
    if not explanation.has_evidence or not explanation.is_finite:
        return "no test: there is no heat"
    return ""
