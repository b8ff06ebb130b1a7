"""Proofs: the scores of changed pictures, by the graph of the explanation, equal an independent computation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import networks
import numpy as np
import pytest
from fakes import explained, valued

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import over_region
from live_gradcam.metrics.changed_pictures import baseline_picture
from live_gradcam.metrics.heat_test import CURVE_STEPS, untestable
from live_gradcam.metrics.proofs import ProvedAnswers, ProvedExplainer
from live_gradcam.prediction import Contrast
from live_gradcam.question import Answer, Question

SIDE = 16


def model() -> lg.Model:
    return lg.load_model(networks.pooled_network(size=SIDE), preprocess="unit")


def proved(engine: Engine, fit: Fit = "crop") -> ProvedAnswers:
    return ProvedAnswers(engine, fit, [each.input_size for each in engine.models])


def by_hand(image: Pixels, explanation: Explanation, share: float) -> tuple[Pixels, Pixels]:
    """The hottest part of a picture of the input's size alone, and the picture without it, pixel by pixel."""
    heat = over_region(explanation.heatmap, (SIDE, SIDE), explanation.inset)
    places = sorted(
        ((y, x) for y in range(SIDE) for x in range(SIDE) if heat[y, x] > 0),
        key=lambda place: (-float(heat[place]), place),
    )[: round(share * SIDE * SIDE)]
    blurred = np.asarray(
        cv2.GaussianBlur(image, (0, 0), SIDE / 16, borderType=cv2.BORDER_REPLICATE), np.uint8
    )
    alone, without = blurred.copy(), image.copy()
    for place in places:
        alone[place], without[place] = image[place], blurred[place]
    return alone, without


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_scores_equal_those_of_pictures_that_were_changed_pixel_by_pixel(share: float) -> None:
    network = model()
    image = networks.picture(SIDE, SIDE, seed=3)
    question = Question(proof=share)
    with Engine([network]) as engine:
        answer = proved(engine).answer(image, question)
    assert answer.question is question
    assert answer.proof is not None
    found = answer.proof.faithfulness
    changed = by_hand(image, answer.first, share)
    target = answer.first.target
    assert isinstance(target, lg.Prediction)
    explainer = lg.Explainer(network, target=target.class_id)
    expected = [explainer.explain(each).target for each in (image, *changed)]
    assert [each.probability for each in expected if isinstance(each, lg.Prediction)] == pytest.approx(
        [found.probability, found.heat.alone, found.heat.without], abs=1e-6
    )
    assert (found.share, found.class_id, found.label) == (share, target.class_id, target.label)
    assert (found.method, found.layer) == (answer.first.method, answer.first.layer)
    assert [name for name, _ in found.controls] == ["shifted", "shuffled"]
    mask, replacement = answer.proof.mask[..., None], answer.proof.replacement
    np.testing.assert_array_equal(np.where(mask, image, replacement), changed[0])
    np.testing.assert_array_equal(np.where(mask, replacement, image), changed[1])


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad", "scan"])
def test_step_by_step_gives_what_one_batch_gives(fit: Fit) -> None:
    image = networks.picture(24, 40, seed=4)
    with Engine([model()], fit=fit) as engine:
        answers = proved(engine, fit)
        answer = answers.answer(image, Question())
        at_once = answers.test(image, answer, 0.3).at_once().faithfulness
        test = answers.test(image, answer, 0.3)
        steps = [test.step() for _ in range(6)]
    own, found = steps.pop(1), steps.pop()
    assert steps == [None] * 4
    assert found is not None
    assert own == replace(found, controls=())
    assert own.margin is None
    assert not own.holds
    pairs = zip(
        (found.heat, *(scores for _, scores in found.controls)),
        (at_once.heat, *(scores for _, scores in at_once.controls)),
        strict=True,
    )
    for one, other in pairs:
        assert (one.alone, one.without) == pytest.approx((other.alone, other.without), abs=1e-6)


@pytest.mark.parametrize(
    "question",
    [
        Question(targets=("#1", "#2", "#3")),
        Question(methods=("hirescam", "gradcam", "scorecam")),
        Question(targets=("class 0 - class 1",)),
        *(
            pytest.param(question, marks=pytest.mark.geometry)
            for question in (Question(channels=4), Question(targets=("lock",)), Question(area=(4, 2, 20, 18)))
        ),
    ],
)
def test_a_proof_compiles_nothing_and_leaves_the_lock_alone(question: Question) -> None:
    image = networks.picture(30, 40, seed=5)
    with Engine([model()]) as engine:
        answer = engine.answer(image, question)
        traces, locks = engine.traces, {key: vars(lock).copy() for key, lock in engine._locks.items()}
        answer = replace(answer, question=question)
        proof = proved(engine).test(image, answer, 0.25).at_once()
        assert engine.traces == traces
        assert {key: vars(lock) for key, lock in engine._locks.items()} == locks
    assert proof.part == answer.first.region


def test_the_part_of_an_area_is_what_the_network_saw() -> None:
    image = networks.picture(60, 80, seed=6)
    area = (10, 20, 40, 30)
    with Engine([model()]) as engine:
        answers = proved(engine)
        answer = answers.answer(image, Question(area=area, proof=0.25))
        cut = np.ascontiguousarray(image[20:50, 10:50])
        alone = answers.answer(cut, Question(proof=0.25))
    assert answer.proof is not None
    assert alone.proof is not None
    assert answer.proof.part == (15, 20, 30, 30)
    assert alone.proof.part == (5, 0, 30, 30)
    assert answer.proof.faithfulness == alone.proof.faithfulness


class Counts:
    """Answers with the share of red pixels as the probability of the first class."""

    traces = 0

    def __init__(self) -> None:
        self.scored = 0

    def ready(self, question: Question, size: tuple[int, int]) -> bool:
        raise NotImplementedError

    prepare: Any = ready

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        return self.answer_batch([pixels], [question])[0]

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        self.scored += len(images)
        return [Answer(each, (self._seen(image),)) for image, each in zip(images, questions, strict=True)]

    def _seen(self, image: Pixels) -> Explanation:
        share = float((image[..., 2] == 255).mean())
        height, width = image.shape[:2]
        heat = (image[..., 2] == 255).astype(np.float32)
        asked = lg.Prediction(0, "red", share)  # of an asked class the network need not be sure
        return explained(
            (0, 0, width, height), heat, top=(("red", share), ("other", 1 - share)), target=asked
        )


def test_heat_on_the_only_pixels_that_matter_keeps_everything_and_its_loss_costs_everything() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[4:12, 6:14, 2] = 255
    answer = ProvedAnswers(Counts(), "crop", [(32, 32)]).answer(image, Question(proof=64 / 1024))
    assert answer.proof is not None
    found = answer.proof.faithfulness
    assert found.probability == found.heat.alone == 64 / 1024
    assert found.heat.without == 0
    shifted = dict(found.controls)["shifted"]
    assert shifted.alone == 0
    assert shifted.without == 64 / 1024
    assert found.holds


@pytest.mark.parametrize(
    ("explanation", "reason"),
    [
        (valued((0, 0, 8, 8), ("age", 31.0, "years")), "no test: the output is no probability"),
        (replace(explained((0, 0, 8, 8)), method="scorecam"), "no test: the method takes many passes"),
        (explained((0, 0, 8, 8), has_evidence=False), "no test: there is no heat"),
        (explained((0, 0, 8, 8)), ""),
    ],
)
def test_what_cannot_be_tested_says_why(explanation: Explanation, reason: str) -> None:
    assert untestable(explanation) == reason


def test_an_answer_that_cannot_be_proved_says_why_in_place_of_the_proof() -> None:
    with Engine([model()]) as engine:
        answer = proved(engine).answer(
            networks.picture(SIDE, SIDE), Question(methods=("scorecam",), proof=0.25)
        )
    assert answer.proof is None
    assert answer.unproved == "no test: the method takes many passes"


def test_a_question_without_a_proof_costs_nothing_more() -> None:
    with Engine([model()]) as engine:
        answer = proved(engine).answer(networks.picture(SIDE, SIDE), Question())
    assert (answer.proof, answer.unproved) == (None, "")


def test_an_archive_s_explanations_have_the_same_scores() -> None:
    images = [networks.picture(24, 40, seed=seed) for seed in range(3)]
    network = model()
    explanations = ProvedExplainer(lg.Explainer(network), network.input_size).explain_batch(images)
    with Engine([network]) as engine:
        answers = [proved(engine).answer(image, Question(proof=DEFAULT_SHARE)) for image in images]
    for explanation, answer in zip(explanations, answers, strict=True):
        assert explanation.faithfulness is not None
        assert answer.proof is not None
        one, other = explanation.faithfulness, answer.proof.faithfulness
        assert (one.heat.alone, one.heat.without) == pytest.approx(
            (other.heat.alone, other.heat.without), abs=1e-6
        )
        assert explanation.said["faithfulness"] == one.said


def test_the_curves_of_the_only_pixels_that_matter_have_the_areas_of_the_formula() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, :16, 2] = 255  # half of the picture
    answer = ProvedAnswers(Counts(), "crop", [(32, 32)]).answer(image, Question(curves=True))
    assert answer.proof is None
    curves = {(each.way, each.name): each for each in answer.curves}
    assert list(curves) == [
        ("deletion", "gradcam"),
        ("insertion", "gradcam"),
        ("deletion", ""),
        ("insertion", ""),
    ]
    own = curves["deletion", "gradcam"]
    assert own.fractions == pytest.approx([step / CURVE_STEPS for step in range(CURVE_STEPS + 1)], abs=1e-3)
    assert own.scores == pytest.approx([max(0.0, 0.5 - fraction) for fraction in own.fractions], abs=1e-9)
    for each in answer.curves:
        widths = np.diff(each.fractions)
        means = (np.array(each.scores)[1:] + np.array(each.scores)[:-1]) / 2
        assert each.area == pytest.approx(float((widths * means).sum()), abs=1e-9)
    assert own.area == pytest.approx(1 / 8, abs=1e-3)
    # Elsewhere the halves are exchanged: nothing is lost before everything else is gone.
    assert curves["deletion", ""].area == pytest.approx(3 / 8, abs=1e-3)


@pytest.mark.parametrize(
    "methods",
    [("gradcam",), pytest.param(("gradcam", "hirescam", "scorecam", "layercam"), marks=pytest.mark.audits)],
)
def test_each_method_of_one_pass_has_its_curves_and_its_scores_equal_those_of_changed_pictures(
    methods: tuple[str, ...],
) -> None:
    image = networks.picture(SIDE, SIDE, seed=8)
    network = model()
    with Engine([network]) as engine:
        answer = proved(engine).answer(image, Question(methods=methods, curves=True))
    own = [each for each in answer.curves if each.name]
    assert [each.name for each in own] == [name for name in methods if name != "scorecam" for _ in range(2)]
    target = answer.first.target
    assert isinstance(target, lg.Prediction)
    explainer = lg.Explainer(network, target=target.class_id)
    for explanation in answer.explanations:
        curve = next(
            (each for each in own if (each.name, each.way) == (explanation.method, "deletion")), None
        )
        if curve is None:
            continue
        heat = over_region(explanation.heatmap, (SIDE, SIDE), explanation.inset)
        order = np.argsort(-heat.ravel(), kind="stable")
        for fraction, score in zip(curve.fractions, curve.scores, strict=True):
            changed = image.reshape(-1, 3).copy()
            changed[order[: round(fraction * SIDE * SIDE)]] = baseline_picture(image, "grey")[0, 0]
            seen = explainer.explain(changed.reshape(image.shape)).target
            assert isinstance(seen, lg.Prediction)
            assert seen.probability == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_several_maps_are_scored_by_the_graph_of_one_map_if_it_is_there_and_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    image = networks.picture(SIDE, SIDE, seed=8)
    several = Question(methods=("gradcam", "layercam"), targets=(None, 2), curves=True)
    asked: list[Question] = []
    with Engine([model()]) as engine:
        list(engine.prepare(several, (SIDE, SIDE)))
        if compiled:
            list(engine.prepare(Question(methods=("layercam",)), (SIDE, SIDE)))
        traces, answer_batch = engine.traces, engine.answer_batch

        def noted(images: Sequence[Pixels], questions: Sequence[Question], **locks: Any) -> list[Answer]:
            asked.extend(questions)
            return answer_batch(images, questions, **locks)

        monkeypatch.setattr(engine, "answer_batch", noted)
        curves = proved(engine).answer(image, several).curves
        assert engine.traces == traces
        scored = {
            (each.methods, len(each.targets)) for each in asked[1:]
        }  # the first is about the picture itself
        alone = proved(engine).answer(image, Question(curves=True)).curves
    assert scored == ({(("layercam",), 1)} if compiled else {(("gradcam", "layercam"), 2)})
    assert [(each.name, each.way) for each in curves] == [
        (name, way) for name in ("gradcam", "layercam", "") for way in ("deletion", "insertion")
    ]
    for one, other in zip(alone[:2], curves[:2], strict=True):
        assert (one.name, one.way) == (other.name, other.way)
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


def test_a_frame_that_stands_still_is_measured_once_and_so_is_each_picture_of_its_curves() -> None:
    image = networks.picture(32, 32)
    image[4:12, 6:14, 2] = 255
    scores = Counts()
    answers = ProvedAnswers(scores, "crop", [(32, 32)])
    first = answers.answer(image, Question(curves=True))
    counted = scores.scored
    between = 4 * (CURVE_STEPS - 1)
    assert counted == 1 + between + 3, (
        "the frame, then the pictures between the ends, and three ends for all curves"
    )
    again = answers.answer(image, Question(curves=True))
    assert again.curves is first.curves
    assert scores.scored == counted + 1
    assert answers.answer(image.copy(), Question(curves=True)).curves == first.curves
    assert scores.scored > counted + 2


@pytest.mark.parametrize("target", [None, 2, "0 - 3"])
def test_curves_and_proof_name_the_class_whose_probability_they_tell(target: str | int | None) -> None:
    network = model()
    image = networks.picture(SIDE, SIDE, seed=8)
    with Engine([network]) as engine:
        question = Question(targets=(target,), curves=True, proof=0.3)
        answer = proved(engine).answer(image, question)
        explained = answer.first.target
        assert isinstance(explained, lg.Prediction | Contrast)
        alone = engine.answer(image, Question(targets=(explained.class_id,))).first.target
    assert isinstance(alone, lg.Prediction)
    name = explained.prediction.label if isinstance(explained, Contrast) else explained.label
    assert {each.label for each in answer.curves} == {name}
    assert {each.said["label"] for each in answer.curves} == {name}
    assert answer.curves[0].scores[0] == pytest.approx(alone.probability, abs=1e-6)
    assert answer.proof is not None
    assert answer.proof.faithfulness.label == name
    assert answer.proof.faithfulness.probability == pytest.approx(alone.probability, abs=1e-6)


def test_where_nothing_can_be_tested_there_are_no_curves_either() -> None:
    with Engine([model()]) as engine:
        question = Question(methods=("scorecam",), curves=True)
        answer = proved(engine).answer(networks.picture(SIDE, SIDE), question)
    assert answer.curves == ()
    assert answer.unproved == "no test: the method takes many passes"
