from dataclasses import replace

import numpy as np
import pytest
from fakes import explained, warm_in_the_middle

from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.heatmap import over_region
from live_gradcam.prediction import Contrast, Prediction
from live_gradcam.render.heat_smoothing import Heat, HeatSmoothing

REGION = (280, 0, 720, 720)
CAT, CUP = Prediction(0, "Egyptian cat", 0.6), Prediction(1, "espresso", 0.7)


def cell(row: int, column: int, peak: float = 1.0) -> HeatMap:
    """A raw map with one warm cell."""
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[row, column] = peak
    return heatmap


def about(raw: HeatMap, target: Prediction = CAT, *, has_evidence: bool = True) -> Explanation:
    return explained(REGION, raw, target=target, has_evidence=has_evidence)


def chosen_by_itself(raw: HeatMap, target: Prediction = CAT, probability: float = 0.6) -> Explanation:
    """An explanation of what the network finds most probable."""
    return replace(about(raw, target), automatic=True, top=(replace(target, probability=probability),))


def value(heat: Heat, row: int, column: int) -> float:
    """The heat in the middle of a cell."""
    rows, columns = heat.heatmap.shape
    return float(heat.heatmap[int((row + 0.5) * rows / 7), int((column + 0.5) * columns / 7)])


def test_the_first_explanation_is_shown_as_it_is() -> None:
    heatmap = warm_in_the_middle()
    heat = HeatSmoothing().heat(about(heatmap * np.float32(3)), 5.0)
    rows, columns = heat.heatmap.shape
    assert heat.heatmap == pytest.approx(over_region(heatmap, (columns, rows)), abs=2e-4)
    assert heat.heatmap.dtype == np.float32
    assert heat.opacity == 1.0


@pytest.mark.parametrize("rate", [5, 30, 60])
def test_a_change_comes_through_in_the_same_time_at_any_rate(rate: int) -> None:
    smoothing = HeatSmoothing(seconds=0.4)
    heat = smoothing.heat(about(cell(1, 1)), 0.0)
    for number in range(1, rate * 2 // 5 + 1):
        heat = smoothing.heat(about(cell(5, 5)), number / rate, heat)
    assert value(heat, 5, 5) == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert value(heat, 1, 1) == pytest.approx(np.exp(-1), abs=0.02)


def test_without_smoothing_the_newest_counts_alone() -> None:
    smoothing = HeatSmoothing(seconds=0)
    heat = smoothing.heat(about(cell(5, 5)), 0.1, smoothing.heat(about(cell(1, 1)), 0.0))
    assert value(heat, 5, 5) == pytest.approx(1, abs=0.02)
    assert value(heat, 1, 1) == 0


@pytest.mark.parametrize(
    "other",
    [
        about(cell(5, 5), CUP),
        replace(about(cell(5, 5)), layer="block_3"),
        replace(about(cell(5, 5)), method="layercam"),
        replace(about(cell(5, 5)), region=(0, 0, 1280, 720)),
        about(np.pad(cell(5, 5), ((0, 7), (0, 7)))),
    ],
    ids=["target", "layer", "method", "region", "shape"],
)
def test_another_target_layer_or_shape_does_not_mix_with_what_was_there(other: Explanation) -> None:
    smoothing = HeatSmoothing(seconds=10)
    heat = smoothing.heat(other, 0.1, smoothing.heat(about(cell(1, 1)), 0.0))
    alone = smoothing.heat(other, 0.1)
    assert np.array_equal(heat.heatmap, alone.heatmap)


def test_what_was_there_is_mixed_in_where_it_has_moved_to_so_that_it_does_not_lag() -> None:
    smoothing = HeatSmoothing(seconds=0.15)
    before = smoothing.heat(about(cell(3, 1)), 0.0)
    moved = smoothing.heat(about(cell(3, 4)), 0.0).heatmap
    heat = smoothing.heat(about(cell(3, 4)), 0.03, before, moved=moved)
    assert heat.heatmap == pytest.approx(moved, abs=1e-6)


def test_where_the_motion_is_not_to_be_believed_the_newest_counts_alone() -> None:
    smoothing = HeatSmoothing(seconds=10)
    before = smoothing.heat(about(cell(1, 1) + cell(5, 5)), 0.0)
    known = np.ones_like(before.heatmap)
    known[:64] = 0
    heat = smoothing.heat(about(cell(3, 3)), 0.1, before, confidence=known)
    assert value(heat, 1, 1) == pytest.approx(0, abs=1e-6)
    assert value(heat, 5, 5) > 0.9


def test_a_weaker_map_is_shown_weaker_on_the_stable_scale() -> None:
    smoothing = HeatSmoothing(seconds=0)
    strong = smoothing.heat(about(cell(3, 3, 2.0)), 0.0)
    weak = smoothing.heat(about(cell(3, 3, 1.0)), 0.1, strong)
    assert value(weak, 3, 3) == pytest.approx(0.5, abs=0.05)
    each = HeatSmoothing(seconds=0, scale="frame")
    assert value(each.heat(about(cell(3, 3, 1.0)), 0.1, strong), 3, 3) == pytest.approx(1, abs=0.02)


def test_the_scale_rises_fast_and_falls_slowly() -> None:
    smoothing = HeatSmoothing()
    heat = smoothing.heat(about(cell(3, 3, 1.0)), 0.0)
    risen = smoothing.heat(about(cell(3, 3, 2.0)), 0.3, heat)
    assert risen.scale == pytest.approx(2, abs=0.1)
    fallen = smoothing.heat(about(cell(3, 3, 1.0)), 0.6, risen)
    assert fallen.scale > 1.8
    assert smoothing.heat(about(cell(3, 3, 1.0)), 10.0, fallen).scale == pytest.approx(1, abs=0.05)


def test_another_target_has_a_scale_of_its_own() -> None:
    smoothing = HeatSmoothing()
    heat = smoothing.heat(about(cell(3, 3, 1.0), CUP), 0.1, smoothing.heat(about(cell(3, 3, 2.0)), 0.0))
    assert heat.scale == 1.0
    assert value(heat, 3, 3) == pytest.approx(1, abs=0.02)


def test_noise_is_not_painted_where_nothing_is_though_the_target_changes_with_every_frame() -> None:
    smoothing = HeatSmoothing()
    heat = smoothing.heat(chosen_by_itself(cell(3, 3, 0.9)), 0.0)
    for number in range(1, 90):
        noise = np.random.default_rng(number).random((7, 7), dtype=np.float32) * 0.15
        heat = smoothing.heat(chosen_by_itself(noise, (CAT, CUP)[number % 2]), number / 30, heat)
        assert heat.heatmap.max() < 0.25


@pytest.mark.parametrize(
    "nothing",
    [
        about(np.zeros((7, 7), np.float32), has_evidence=False),
        about(np.full((7, 7), np.nan, np.float32), has_evidence=False),
        about(np.full((7, 7), np.inf, np.float32)),
        about(np.zeros((7, 7), np.float32), CUP, has_evidence=False),
    ],
    ids=["zeros", "nan", "infinite", "another target"],
)
def test_without_evidence_the_heat_fades_and_stays_finite(nothing: Explanation) -> None:
    smoothing = HeatSmoothing(seconds=0.2)
    first = smoothing.heat(about(cell(3, 3)), 0.0)
    faded = smoothing.heat(nothing, 0.2, first)
    assert faded.opacity == pytest.approx(np.exp(-1))
    assert np.array_equal(faded.heatmap, first.heatmap)
    assert smoothing.heat(nothing, 2.0, faded).opacity < 0.001
    back = smoothing.heat(about(cell(3, 3)), 0.4, faded)
    assert faded.opacity < back.opacity < 1


def test_without_evidence_from_the_start_there_is_no_heat() -> None:
    smoothing = HeatSmoothing()
    heat = smoothing.heat(about(np.full((7, 7), np.nan, np.float32), has_evidence=False), 0.0)
    assert heat.opacity == 0
    assert not heat.heatmap.any()
    heat = smoothing.heat(about(cell(3, 3)), 1.0, heat)
    assert heat.opacity == pytest.approx(1, abs=0.01)
    assert value(heat, 3, 3) == pytest.approx(1, abs=0.02)


def test_values_below_zero_are_no_heat() -> None:
    heat = HeatSmoothing().heat(about(cell(3, 3) - cell(1, 1, 4.0)), 0.0)
    assert heat.heatmap.min() == 0
    assert value(heat, 3, 3) == pytest.approx(1, abs=0.02)


def test_a_step_back_in_time_begins_anew() -> None:
    smoothing = HeatSmoothing(seconds=10)
    heat = smoothing.heat(about(cell(5, 5)), 0.0, smoothing.heat(about(cell(1, 1)), 9.0))
    assert value(heat, 1, 1) == 0


@pytest.mark.parametrize("smoothing", [-0.1, float("nan"), float("inf")])
def test_a_smoothing_that_makes_no_sense_is_refused(smoothing: float) -> None:
    with pytest.raises(RenderError, match=rf"the smoothing is {smoothing}: it must be 0 or more seconds"):
        HeatSmoothing(seconds=smoothing)


def test_an_unknown_scale_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(RenderError, match=r"scale is 'own'\. Valid: stable, frame\."):
        HeatSmoothing(scale="own")  # type: ignore[arg-type] # that is the point


def test_a_contrast_is_as_bright_as_a_class_though_its_values_are_smaller() -> None:
    smoothing = HeatSmoothing()
    strong = smoothing.heat(chosen_by_itself(cell(1, 1, peak=10)), 0.0)
    contrast = replace(about(cell(5, 5, peak=0.5)), target=Contrast(CAT, (CUP,), 1.0))
    assert value(smoothing.heat(contrast, 0.1, strong), 5, 5) == pytest.approx(1, abs=0.02)
    assert value(smoothing.heat(chosen_by_itself(cell(5, 5, peak=0.5), CUP), 0.1, strong), 5, 5) < 0.1


def test_what_the_viewer_chooses_begins_its_own_scale() -> None:
    smoothing = HeatSmoothing()
    strong = smoothing.heat(chosen_by_itself(cell(1, 1, peak=10)), 0.0)
    banana = smoothing.heat(about(cell(5, 5, peak=0.5), CUP), 0.1, strong)
    assert value(banana, 5, 5) == pytest.approx(1, abs=0.02)
    assert banana.opacity == pytest.approx(1)
    assert banana.strength == pytest.approx(0.05)
    again = smoothing.heat(chosen_by_itself(cell(1, 1, peak=9)), 0.2, banana)
    assert again.strength == pytest.approx(0.9, abs=0.01)  # what was recognised is remembered


@pytest.mark.parametrize("probability", [0.02, 0.15, 0.25])
def test_heat_for_what_the_network_is_not_sure_of_is_faint(probability: float) -> None:
    unsure = chosen_by_itself(cell(3, 3), CAT, probability)
    assert HeatSmoothing().heat(unsure, 0.0).opacity <= 0.2
    assert HeatSmoothing().heat(replace(unsure, automatic=False), 0.0).opacity == 1
    assert HeatSmoothing().heat(chosen_by_itself(cell(3, 3), CAT, 0.31), 0.0).opacity == 1


def test_heat_as_strong_as_that_of_recognised_things_is_full_though_the_name_is_not_sure() -> None:
    smoothing = HeatSmoothing(seconds=0)
    clock = smoothing.heat(chosen_by_itself(cell(1, 1, peak=0.9)), 0.0)
    cat = smoothing.heat(chosen_by_itself(cell(3, 3, peak=0.7), CUP, 0.22), 60.0, clock)
    assert cat.opacity == pytest.approx(1)
    wall = smoothing.heat(chosen_by_itself(cell(3, 3, peak=0.3), CUP, 0.22), 120.0, cat)
    assert wall.opacity <= 0.2
    for second in range(121, 600):  # the wall does not become what it is compared with
        wall = smoothing.heat(chosen_by_itself(cell(3, 3, peak=0.3), CUP, 0.22), float(second), wall)
    assert wall.opacity <= 0.2


def test_a_network_of_labels_is_sure_from_one_half_on() -> None:
    label = replace(chosen_by_itself(cell(3, 3), CAT, 0.4), task="multi-label")
    assert HeatSmoothing().heat(label, 0.0).opacity <= 0.2
    held = replace(chosen_by_itself(cell(3, 3), CAT, 0.5), task="multi-label")
    assert HeatSmoothing().heat(held, 0.0).opacity == 1


def test_a_contrast_is_never_called_weak() -> None:
    smoothing = HeatSmoothing()
    strong = smoothing.heat(chosen_by_itself(cell(1, 1, peak=10)), 0.0)
    contrast = replace(about(cell(5, 5, peak=0.5)), target=Contrast(CAT, (CUP,), 1.0))
    assert smoothing.heat(contrast, 0.1, strong).strength == 1
