"""Warnings about heat: they come for what they name, stay calm, and never for ordinary heat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import explained, panned, uneven

from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.frame import Frame
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat_warnings import (
    JUMPS,
    SAME_FOR_ALL,
    HeatWarnings,
    correlation,
    same_for_all,
)
from live_gradcam.render.renderer import Renderer

REGION = (140, 0, 360, 360)
HEAT = uneven()
ELSEWHERE = np.ascontiguousarray(HEAT[::-1, ::-1])


def cat(heatmap: HeatMap = HEAT, *, class_id: int = 0) -> Explanation:
    names = ("tabby", "lynx", "puma", "tiger cat")
    return explained(REGION, heatmap, target=Prediction(class_id, names[class_id], 0.8 - class_id / 5))


def of_classes(*maps: HeatMap) -> Answer:
    targets = tuple(f"#{rank + 1}" for rank in range(len(maps)))
    explanations = tuple(cat(heatmap, class_id=rank) for rank, heatmap in enumerate(maps))
    return Answer(Question(targets=targets), explanations)


@pytest.mark.parametrize("seed", range(3))
def test_the_correlation_is_pearson_s(seed: int) -> None:
    one, other = (np.random.default_rng(seed + k).random((5, 9), dtype=np.float32) for k in (0, 50))
    assert correlation(one, other) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-9)
    assert correlation(one, 3 * one + 1) == pytest.approx(1, abs=1e-6)
    assert correlation(one, -one) == pytest.approx(-1, abs=1e-6)


def test_the_correlation_of_a_constant_map_is_defined() -> None:
    flat = np.zeros((3, 3), np.float32)
    assert correlation(flat, flat) == 1
    assert correlation(flat, flat + 1) == 0
    assert correlation(flat, HEAT[:3, :3]) == 0


def test_heat_that_is_the_same_for_three_classes_is_told() -> None:
    nearly = np.clip(HEAT + 0.002 * ELSEWHERE, 0, 1)
    assert same_for_all(of_classes(HEAT, HEAT, nearly))
    assert not same_for_all(of_classes(HEAT, HEAT, ELSEWHERE))
    assert not same_for_all(of_classes(HEAT, HEAT)), "two names of one thing"
    assert not same_for_all(Answer(Question(), (cat(),)))


def test_maps_without_evidence_or_of_other_shapes_are_no_reason() -> None:
    same = of_classes(HEAT, HEAT, HEAT)
    without = replace(
        same, explanations=(*same.explanations[:2], explained(REGION, HEAT, has_evidence=False))
    )
    other = replace(same, explanations=(*same.explanations[:2], cat(HEAT[:5])))
    assert not same_for_all(without)
    assert not same_for_all(other)


def test_the_line_about_all_classes_stays_two_seconds_and_goes_with_the_view() -> None:
    warnings = HeatWarnings()
    same, others = of_classes(HEAT, HEAT, HEAT), of_classes(HEAT, ELSEWHERE, HEAT)
    assert warnings.line(same, 10.0) == SAME_FOR_ALL
    assert warnings.line(others, 11.9) == SAME_FOR_ALL
    assert warnings.line(others, 12.1) == ""
    assert warnings.line(replace(same), 13.0) == SAME_FOR_ALL
    assert warnings.line(Answer(Question(), (cat(),)), 13.1) == ""


def jumping(maps: list[HeatMap], *, confidence: float = 1.0, class_ids: tuple[int, ...] = (0,)) -> str:
    warnings = HeatWarnings()
    before, at = cat(maps[0]), 0.0
    for number, heatmap in enumerate(maps[1:], 1):
        at = number / 10
        now = cat(heatmap, class_id=class_ids[number % len(class_ids)])
        warnings.compare(now, before, before.heatmap, confidence, at)
        before = now
    return warnings.line(Answer(Question(), (before,)), at)


def test_heat_that_jumps_while_the_picture_rests_is_told() -> None:
    assert correlation(HEAT, ELSEWHERE) < 0.5
    assert jumping([HEAT, ELSEWHERE] * 6) == JUMPS


@pytest.mark.parametrize(
    "ordinary",
    [
        {"maps": [HEAT] * 12},
        {"maps": [HEAT] * 5 + [ELSEWHERE] * 7},
        {"maps": [HEAT, ELSEWHERE] * 2},
        {"maps": [HEAT, ELSEWHERE] * 6, "confidence": 0.5},
        {"maps": [HEAT, ELSEWHERE] * 6, "class_ids": (0, 1)},
    ],
    ids=["steady", "one jump", "a few frames", "motion that is not known", "two classes"],
)
def test_ordinary_heat_is_no_reason(ordinary: dict[str, object]) -> None:
    assert jumping(**ordinary) == ""  # type: ignore[arg-type]  # as the table has them


def test_a_cut_forgets_everything() -> None:
    warnings = HeatWarnings()
    same = of_classes(HEAT, HEAT, HEAT)
    assert warnings.line(same, 10.0) == SAME_FOR_ALL
    warnings.cut()
    assert warnings.line(same, 10.1) == ""


def shown(maps: list[HeatMap]) -> list[str]:
    """Show a picture that rests, with the heat of each of some maps; return the warning on each picture."""
    renderer = Renderer(Appearance())
    lines = []
    for index, heatmap in enumerate(maps):
        frame = Frame(panned(), index, index / 15)
        renderer.add_answer(frame, Answer(Question(), (cat(heatmap),)))
        renderer.picture(frame)
        answer = renderer._tracker.answer
        assert answer is not None
        lines.append(renderer._tracker.warnings.line(answer, frame.time))
    return lines


def test_on_a_picture_that_rests_only_heat_that_jumps_is_told() -> None:
    assert set(shown([HEAT] * 12)) == {""}
    assert shown([HEAT, ELSEWHERE] * 6)[-1] == JUMPS
