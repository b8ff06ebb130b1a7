"""The fit `scan`: its windows, and the explanation laid together from theirs, computed a second time point by point."""

import math
from dataclasses import replace
from typing import Any

import keras
import networks
import numpy as np
import pytest
from fakes import explained

import live_gradcam as lg
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.scan import AT_ONCE, laid_together, windows_over
from live_gradcam.explanation import Explanation, Region
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import Question

SIDE = 8
"""Of the colour network's input."""


def desk(*things: tuple[str, int]) -> Pixels:
    """A black frame of 320×180 with squares of 30 pixels: (colour, x of the centre)."""
    frame = np.zeros((180, 320, 3), np.uint8)
    for colour, x in things:
        frame[75:105, x - 15 : x + 15, {"blue": 0, "green": 1, "red": 2}[colour]] = 255
    return frame


@pytest.fixture(scope="module")
def colours() -> Any:
    return lg.load_model(networks.colour_network(), preprocess="unit", labels=["red", "blue"])


def covered(area: Region, windows: tuple[Region, ...]) -> np.ndarray[Any, np.dtype[np.int_]]:
    """How many windows see each pixel of an area."""
    counts = np.zeros((area[3], area[2]), int)
    for x, y, width, height in windows:
        assert x >= area[0]
        assert y >= area[1]
        counts[y - area[1] : y - area[1] + height, x - area[0] : x - area[0] + width] += 1
    return counts


# Windows


@pytest.mark.parametrize(
    "size", [(1280, 720), (720, 1280), (640, 480), (500, 500), (1920, 800), (33, 17), (1, 1)]
)
@pytest.mark.parametrize("network", [(224, 224), (96, 160)])
def test_the_large_windows_cover_the_frame_and_all_have_the_networks_aspect(
    size: tuple[int, int], network: tuple[int, int]
) -> None:
    area = (7, 5, *size)
    windows = windows_over(area, network)
    largest = max(window[2] * window[3] for window in windows)
    assert covered(area, tuple(each for each in windows if each[2] * each[3] == largest)).min() >= 1
    for _, _, width, height in windows:
        assert abs(width - height * network[1] / network[0]) <= 1 + network[1] / network[0]


def test_a_frame_of_16_to_9_has_two_large_windows_and_four_small_ones_along_its_middle() -> None:
    windows = windows_over((0, 0, 1280, 720), (224, 224))
    assert windows == (
        *((x, 0, 720, 720) for x in (0, 560)),
        *((x, 160, 400, 400) for x in (0, 293, 587, 880)),
    )
    assert len(windows) == AT_ONCE


def test_the_windows_of_an_upright_frame_are_those_of_a_lying_one_turned() -> None:
    lying = windows_over((0, 0, 1280, 720), (224, 224))
    upright = windows_over((0, 0, 720, 1280), (224, 224))
    assert upright == tuple((y, x, height, width) for x, y, width, height in lying)


def test_the_windows_of_an_area_lie_in_it() -> None:
    whole = windows_over((0, 0, 300, 200), (224, 224))
    moved = windows_over((40, 30, 300, 200), (224, 224))
    assert moved == tuple((x + 40, y + 30, width, height) for x, y, width, height in whole)


def test_a_frame_that_is_very_long_is_refused_with_its_size() -> None:
    with pytest.raises(
        LiveGradcamError, match=r"at most 64 windows .* 4000×100 pixels need \d+\. Use fit 'crop'"
    ):
        windows_over((0, 0, 4000, 100), (224, 224))


# Laying together


def at(explanation: Explanation, x: float, y: float) -> float:
    """The raw heat of a window's explanation at a point of the frame of 320×180.

    It is linear between cells, and falls to zero over 0.15 of the window towards an edge inside the frame, and within
    half a cell beyond the map.
    """
    left, top, width, height = explanation.region
    rows, columns = explanation.raw_heatmap.shape
    across, down = (x - left) / width * columns - 0.5, (y - top) / height * rows - 0.5
    fade = 1.0
    for place, cells in ((across, columns), (down, rows)):
        beyond = max(0.0, -0.5 - place, place - (cells - 0.5))
        fade *= max(0.0, 1.0 - 2.0 * beyond)
    for place, begin, length, whole in ((x, left, width, 320), (y, top, height, 180)):
        if begin > 0:
            fade *= min(1.0, max(0.0, (place - begin) / (0.15 * length)))
        if begin + length < whole:
            fade *= min(1.0, max(0.0, (begin + length - place) / (0.15 * length)))
    across, down = min(max(across, 0), columns - 1), min(max(down, 0), rows - 1)
    x0, y0 = min(int(across), columns - 2), min(int(down), rows - 2)
    dx, dy = across - x0, down - y0
    cell = explanation.raw_heatmap
    upper = (1 - dx) * cell[y0, x0] + dx * cell[y0, x0 + 1]
    lower = (1 - dx) * cell[y0 + 1, x0] + dx * cell[y0 + 1, x0 + 1]
    return fade * float((1 - dy) * upper + dy * lower)


def test_the_map_has_at_each_point_the_largest_value_of_the_windows_that_explain_the_class(
    colours: Any,
) -> None:
    frame = desk(("red", 60), ("blue", 250))
    windows = windows_over((0, 0, 320, 180), (SIDE, SIDE))
    single = lg.Explainer(colours, target="blue", fit="crop")
    parts = [
        replace(
            single.explain(np.ascontiguousarray(frame[y : y + high, x : x + wide])), region=(x, y, wide, high)
        )
        for x, y, wide, high in windows
    ]
    found = lg.Explainer(colours, target="blue", fit="scan").explain(frame)
    rows, columns = found.raw_heatmap.shape
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5) / columns * 320, (row + 0.5) / rows * 180
            expected = max(0.0, *(at(part, x, y) for part in parts))
            assert found.raw_heatmap[row, column] == pytest.approx(
                expected, abs=1e-4 * float(found.raw_heatmap.max())
            )
    assert found.region == (0, 0, 320, 180)
    assert found.heatmap == pytest.approx(found.raw_heatmap / found.raw_heatmap.max(), abs=1e-6)
    peak = np.unravel_index(int(found.heatmap.argmax()), found.heatmap.shape)
    assert abs((peak[1] + 0.5) / columns * 320 - 250) < 15
    # A class that the viewer chose is one answer: that of the window where it is most probable.
    assert found.things is None
    clearest = max(parts, key=lambda part: part.target.probability or 0)  # type: ignore[union-attr]
    assert (found.target, found.top) == (clearest.target, clearest.top)


def test_each_thing_has_its_name_at_its_heat_and_the_best_window_names_the_picture(colours: Any) -> None:
    found = lg.Explainer(colours, fit="scan").explain(desk(("red", 60), ("blue", 250)))
    assert found.things is not None
    by_name = {thing.prediction.label: thing for thing in found.things}
    assert set(by_name) == {"red", "blue"}
    assert by_name["red"].centre == pytest.approx((60, 90), abs=12)
    assert by_name["blue"].centre == pytest.approx((250, 90), abs=12)
    assert found.headline == found.things[0].prediction.label
    assert found.things[0].prediction.probability == max(
        thing.prediction.probability or 0 for thing in found.things
    )
    # Both have heat on the common map.
    columns = found.heatmap.shape[1]
    assert min(found.heatmap[:, : columns // 2].max(), found.heatmap[:, columns // 2 :].max()) > 0.5
    assert found.said["things"] == [
        {
            "label": each.prediction.label,
            "probability": round(each.prediction.probability or 0, 4),
            "box": list(each.box),
        }
        for each in found.things
    ]


def test_nothing_is_named_in_a_black_frame(colours: Any) -> None:
    found = lg.Explainer(colours, fit="scan").explain(desk())
    assert found.things == ()
    assert not found.has_evidence
    assert not found.heatmap.any()


def windowed(region: Region, *top: tuple[str, float], place: tuple[int, int] = (1, 1)) -> Explanation:
    """A window's explanation by its most probable class, whose heat is one cell of 3×3."""
    heat = np.zeros((3, 3), np.float32)
    heat[place] = 1.0
    names = ("cup", "mug", "cat")
    predictions = tuple(Prediction(names.index(label), label, share) for label, share in top)
    shown = explained(region, heat, top=top, target=predictions[0])
    return replace(shown, top=predictions, automatic=True)


AREA = (0, 0, 900, 300)
LEFT, MIDDLE, RIGHT = (0, 0, 300, 300), (300, 0, 300, 300), (600, 0, 300, 300)


def hot(merged: Explanation, x: int, y: int = 150) -> float:
    """The merged raw heat at a point of `AREA`."""
    rows, columns = merged.raw_heatmap.shape
    return float(merged.raw_heatmap[y * rows // AREA[3], x * columns // AREA[2]])


def named(merged: Explanation) -> list[tuple[str, float | None]]:
    return [(each.prediction.label, each.prediction.probability) for each in merged.things or ()]


def test_a_name_at_two_places_is_given_once_by_the_surest_and_both_are_hot() -> None:
    merged, deciding = laid_together(
        [windowed(LEFT, ("cat", 0.4)), windowed(MIDDLE, ("cat", 0.9)), windowed(RIGHT, ("cup", 0.5))], AREA
    )
    assert deciding == 1
    assert merged.headline == "cat"
    assert named(merged) == [("cat", 0.9), ("cup", 0.5)]
    assert [each.centre[0] for each in merged.things or ()] == pytest.approx([450, 750], abs=3)
    assert [hot(merged, x) for x in (150, 450, 750)] == pytest.approx([1.0, 1.0, 1.0], abs=0.01)


def test_a_thing_is_shown_by_the_window_that_sees_it_whole_and_has_the_surest_probability() -> None:
    """Two windows cut it: their heat reaches far beyond it."""
    halves = [windowed(LEFT, ("cat", 0.9), place=(1, 2)), windowed(MIDDLE, ("cat", 0.8), place=(1, 0))]
    whole = windowed((150, 0, 300, 300), ("cat", 0.6))
    apart, _ = laid_together(halves, AREA)
    assert named(apart) == [("cat", 0.9)]
    assert min(hot(apart, 210), hot(apart, 390)) > 0.4
    merged, deciding = laid_together([*halves, whole], AREA)
    assert deciding == 0
    assert named(merged) == [("cat", 0.9)]
    assert (merged.things or ())[0].centre == pytest.approx((300, 150), abs=3)
    alone, _ = laid_together([whole], AREA)
    assert merged.raw_heatmap == pytest.approx(alone.raw_heatmap)
    assert max(hot(merged, 190), hot(merged, 410)) < 0.2


def test_a_thing_that_all_windows_cut_is_shown_by_all_of_them() -> None:
    """It meets itself in the windows' overlap."""
    parts = [
        windowed((0, 0, 300, 300), ("cat", 0.9), place=(1, 2)),
        windowed((190, 0, 300, 300), ("cat", 0.8), place=(1, 0)),
    ]
    merged, _ = laid_together(parts, AREA)
    assert named(merged) == [("cat", 0.9)]
    x, _, width, _ = (merged.things or ())[0].box
    assert (x, x + width) == pytest.approx((190, 300), abs=8)


def test_at_the_edge_of_the_frame_nothing_is_cut() -> None:
    edge, inner = (
        windowed(LEFT, ("cat", 0.9), place=(1, 0)),
        windowed((20, 0, 300, 300), ("cat", 0.8), place=(1, 0)),
    )
    merged, _ = laid_together([inner, edge], AREA)
    alone, _ = laid_together([edge], AREA)
    assert merged.raw_heatmap == pytest.approx(alone.raw_heatmap)


def test_two_names_for_one_hot_place_are_one_thing_and_the_second_class_has_no_heat() -> None:
    inner = (75, 75, 150, 150)  # the same place seen by a small window, which says something else
    merged, _ = laid_together([windowed(LEFT, ("cup", 0.8)), windowed(inner, ("mug", 0.6))], AREA)
    assert [each.prediction.label for each in merged.things or ()] == ["cup"]
    alone, _ = laid_together([windowed(LEFT, ("cup", 0.8))], AREA)
    points = merged.raw_heatmap.shape
    assert np.unravel_index(int(merged.raw_heatmap.argmax()), points)[1] / points[1] == pytest.approx(
        np.unravel_index(int(alone.raw_heatmap.argmax()), alone.raw_heatmap.shape)[1]
        / alone.raw_heatmap.shape[1],
        abs=0.05,
    )


def test_an_unsure_window_names_nothing_and_gives_no_heat() -> None:
    merged, _ = laid_together([windowed(LEFT, ("cat", 0.7)), windowed(RIGHT, ("cup", 0.29))], AREA)
    assert [each.prediction.label for each in merged.things or ()] == ["cat"]
    assert not merged.raw_heatmap[:, -merged.raw_heatmap.shape[1] // 3 :].any()


def test_a_further_thing_needs_more_than_the_first() -> None:
    for share, expected in ((0.39, ["cat"]), (0.4, ["cat", "cup"])):
        merged, _ = laid_together([windowed(LEFT, ("cat", 0.7)), windowed(RIGHT, ("cup", share))], AREA)
        assert [each.prediction.label for each in merged.things or ()] == expected
    first, _ = laid_together([windowed(LEFT, ("cat", 0.3))], AREA)
    assert named(first) == [("cat", 0.3)]


def test_a_window_that_sees_two_things_of_one_name_does_not_make_them_one() -> None:
    both = windowed(AREA, ("cat", 0.6))
    heat = np.zeros((3, 9), np.float32)
    heat[1, 1] = heat[1, 7] = 1.0
    both = replace(both, heatmap=heat, raw_heatmap=heat)
    merged, _ = laid_together([windowed(LEFT, ("cat", 0.9)), windowed(RIGHT, ("cat", 0.8)), both], AREA)
    assert named(merged) == [("cat", 0.9)]
    assert [hot(merged, x) for x in (150, 750)] == pytest.approx([1.0, 1.0], abs=0.01)


def test_another_name_for_a_place_that_overlaps_by_a_third_does_not_count() -> None:
    beside = (60, 0, 300, 300)  # its cell shares 0.4 of the other's, and no centre
    merged, _ = laid_together([windowed(LEFT, ("cat", 0.9)), windowed(beside, ("cup", 0.8))], AREA)
    assert named(merged) == [("cat", 0.9)]


def test_if_no_window_is_sure_the_best_ones_heat_is_shown_and_nothing_is_named() -> None:
    merged, deciding = laid_together([windowed(LEFT, ("cat", 0.2)), windowed(RIGHT, ("cup", 0.25))], AREA)
    assert deciding == 1
    assert merged.things == ()
    assert merged.headline == "not sure"
    assert merged.raw_heatmap[:, -merged.raw_heatmap.shape[1] // 3 :].max() == pytest.approx(1.0)
    assert not merged.raw_heatmap[:, : merged.raw_heatmap.shape[1] // 3].any()


def test_windows_that_give_nan_neither_decide_nor_are_named() -> None:
    broken = replace(
        windowed(LEFT, ("cat", math.nan)),
        top=(),
        is_finite=False,
        has_evidence=False,
        target=Prediction(2, "cat", None),
    )
    merged, deciding = laid_together([broken, windowed(RIGHT, ("cup", 0.6))], AREA)
    assert deciding == 1
    assert merged.headline == "cup"
    assert merged.is_finite
    all_broken, _ = laid_together([broken, replace(broken, region=RIGHT)], AREA)
    assert all_broken.headline == "no answer"
    assert not all_broken.has_evidence


# Through the engine


def test_a_batch_of_frames_of_several_sizes_gives_what_each_frame_gives_alone(colours: Any) -> None:
    explainer = lg.Explainer(colours, fit="scan")
    frames = [
        desk(("red", 60)),
        desk(("blue", 100), ("red", 280))[:, :240],
        np.rot90(desk(("blue", 200))).copy(),
    ]
    for frame, together in zip(frames, explainer.explain_batch(frames), strict=True):
        alone = explainer.explain(frame)
        assert together.top == alone.top
        assert together.region == alone.region == (0, 0, *frame.shape[1::-1])
        assert together.raw_heatmap == pytest.approx(alone.raw_heatmap, abs=1e-5)


def test_an_area_is_scanned_instead_of_the_frame(colours: Any) -> None:
    engine = Engine([colours], fit="scan")
    frame = desk(("red", 60), ("blue", 250))
    answer = engine.answer(frame, Question(area=(160, 0, 160, 180)))
    assert answer.first.region == (160, 0, 160, 180)
    assert [thing.prediction.label for thing in answer.first.things or ()] == ["blue"]
    assert answer.question.area == (160, 0, 160, 180)


def test_two_models_of_different_aspect_scan_with_their_own_windows(colours: Any) -> None:
    image = keras.Input((8, 16, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="other")(image)
    x = keras.layers.Activation("softmax")(keras.layers.GlobalAveragePooling2D()(x))
    network = keras.Model(image, x, name="broad")
    network.get_layer("other").set_weights(networks.colour_network().get_layer("colours").get_weights())
    broad = lg.load_model(network, preprocess="unit", labels=["red", "blue"])
    engine = Engine([colours, broad], fit="scan")
    frame = desk(("red", 60))
    answer = engine.answer(
        frame, Question(models=(0, 1), methods=("gradcam", "hirescam"), layer="colours", channels=2)
    )
    alone = [Engine([model], fit="scan") for model in (colours, broad)]
    for explanation, (model, method) in zip(
        answer.explanations, [(0, "gradcam"), (0, "hirescam"), (1, "gradcam"), (1, "hirescam")], strict=True
    ):
        expected = alone[model].answer(frame, Question(methods=(method,))).first
        assert explanation.top == expected.top
        assert explanation.method == method
        assert explanation.raw_heatmap == pytest.approx(expected.raw_heatmap, abs=1e-5)
    assert len(answer.channels) == 2


def test_the_lock_keeps_one_class_while_another_thing_is_surer(colours: Any) -> None:
    engine = Engine([colours], fit="scan")
    locked = Question(targets=("lock",))
    assert engine.answer(desk(("red", 60)), locked).first.target.label == "red"
    both = engine.answer(desk(("red", 60), ("blue", 250)), locked).first
    assert both.target.label == "red"
    columns = both.heatmap.shape[1]
    assert both.heatmap[:, columns // 2 :].max() < 0.1  # no heat for blue


def test_the_windows_go_through_the_network_six_at_a_time(
    colours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine([colours], fit="scan")
    sizes = []
    ask = engine._ask

    def counting(images: Any, questions: Any, **settings: Any) -> Any:
        sizes.append(len(images))
        return ask(images, questions, **settings)

    monkeypatch.setattr(engine, "_ask", counting)
    engine.answer_batch([desk(("red", 60))] * 3, [Question()] * 3)
    assert sizes == [6, 6, 6]


def test_a_network_of_values_cannot_be_scanned() -> None:
    network = networks.headed_network(1)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit", task="values"), fit="scan")
    with pytest.raises(
        LiveGradcamError, match=r"fit 'scan' looks for classes, and headed gives values\. Use fit 'crop'"
    ):
        explainer.explain(desk())


def test_a_question_is_ready_once_it_is_prepared(colours: Any) -> None:
    engine = Engine([colours], fit="scan")
    question = Question()
    assert not engine.ready(question, (320, 180))
    engine.compile(question, (320, 180))
    assert engine.ready(question, (320, 180))
    assert engine.traces == 1
    engine.answer(desk(("red", 60)), question)
    assert engine.traces == 1
