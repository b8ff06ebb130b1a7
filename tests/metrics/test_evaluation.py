"""Evaluations of networks with a known answer, and what an evaluation says of methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from metric_networks import random_explainer, scores_of, window_network
from networks import picture

import live_gradcam as lg
from live_gradcam.errors import SettingsError
from live_gradcam.frame import Pixels
from live_gradcam.metrics.bootstrap import Difference, Mean
from live_gradcam.metrics.changed_pictures import heat_over
from live_gradcam.metrics.confidence import confidence
from live_gradcam.metrics.controls import central, shifted
from live_gradcam.metrics.curves import curve, deletion, insertion
from live_gradcam.metrics.evaluation import Evaluation, Row, summary
from live_gradcam.metrics.map_case import CONTROLS, Control, RememberedScores
from live_gradcam.metrics.metric import METRICS, metric_named
from live_gradcam.metrics.photo_test import MapName, PhotoTest, PhotoValues, wanted_values

WHOLE = (0, 0, 16, 16)


def window_explainer(row: int, column: int) -> lg.Explainer:
    model = lg.load_model(window_network(32, row, column, 8), preprocess="unit")
    return lg.Explainer(model, method="hirescam", layer="brightness", target=0)


def bright_window(row: int, column: int, seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    image = random.integers(20, 80, (32, 32, 3), np.uint8)
    image[row : row + 8, column : column + 8] = random.integers(180, 256, (8, 8, 3), np.uint8)
    return image


@pytest.mark.audits
@pytest.mark.long
def test_where_only_a_window_matters_the_true_map_beats_every_control_in_20_of_20() -> None:
    """The map of the network is hot in the window alone. A control is hot elsewhere, or in many places."""
    places = [(row, column) for row in (0, 5, 17, 24) for column in (0, 4, 16, 20, 24)]
    metrics = ("deletion", "insertion", "average-drop", "road")
    wins: Counter[tuple[str, Control]] = Counter()
    for number, place in enumerate(places):
        explainer = window_explainer(*place)
        found = lg.evaluate(explainer, [bright_window(*place, number)], metrics, steps=16, baseline="black")
        for metric in metrics:
            (own,) = found.of(metric).values()
            for control in CONTROLS:
                (other,) = found.of(metric, control).values()
                more = own.mean - other.mean
                wins[metric, control] += more > 0 if metric_named(metric).higher_is_better else more < 0
    assert len(places) == 20
    assert wins == {(metric, control): 20 for metric in metrics for control in CONTROLS}


@pytest.mark.long
def test_a_wrong_map_does_not_beat_its_control() -> None:
    """The map of another window is no better than that map shifted onto the window."""
    score = RememberedScores(scores_of(window_explainer(4, 4), 0))
    for number in range(20):
        wrong = np.zeros((32, 32), np.float32)
        wrong[20:28, 20:28] = 1
        image = bright_window(4, 4, number)
        right = shifted(wrong)
        assert deletion(image, wrong, score, baseline="black") > deletion(
            image, right, score, baseline="black"
        )
        assert insertion(image, wrong, score, baseline="black") < insertion(
            image, right, score, baseline="black"
        )
        assert confidence(image, wrong, score).drop > confidence(image, right, score).drop


def test_an_evaluation_has_the_values_of_the_pure_functions() -> None:
    explainer = random_explainer(2, "layercam")
    images = [picture(16, 16, seed) for seed in range(3)]
    found = lg.evaluate(explainer, images, ["deletion", "insertion", "gain"], steps=8)
    wanted: dict[tuple[str, str | None], list[float]] = {}
    for image in images:
        explanation = explainer.explain(image)
        class_id = explanation.target.class_id  # type: ignore[union-attr]
        score = scores_of(explainer, class_id)
        own = heat_over(explanation, WHOLE, (16, 16))
        for control, heat in ((None, own), ("shifted", shifted(own)), ("central", central((16, 16)))):
            for way in ("deletion", "insertion"):
                area = curve(way, image, heat, score, steps=8).area
                wanted.setdefault((way, control), []).append(area)
            wanted.setdefault(("gain", control), []).append(confidence(image, heat, score).gain)
    rows = {(row.metric, row.control): row for row in found.rows}
    assert len(rows) == 3 * 4
    for (metric, control), values in wanted.items():
        row = rows[metric, control]  # type: ignore[index]
        assert row.mean == pytest.approx(np.mean(values), abs=1e-6)
        assert (row.method, row.count) == ("layercam", 3)
        assert row.low <= row.mean <= row.high


@pytest.mark.audits
@pytest.mark.long
def test_all_metrics_give_numbers_in_their_ranges_for_the_map_and_its_controls() -> None:
    explainer = random_explainer(2)
    images = [picture(16, 16, seed) for seed in range(2)]
    boxes = [[(2, 2, 8, 8)], np.eye(16, dtype=np.bool_)]
    found = lg.evaluate(explainer, images, ["all"], boxes=boxes, methods=["gradcam", "saliency"], steps=4)  # type: ignore[arg-type]
    assert {row.metric for row in found.rows} == set(METRICS)
    assert len(found.rows) == 2 * 4 * len(METRICS)
    for row in found.rows:
        least = {"class-sensitivity": -1, "randomisation": -1, "road": -0.5}.get(row.metric, 0)
        most = {"road": 0.5, "stability": np.inf}.get(row.metric, 1)
        assert least <= row.low <= row.mean <= row.high <= most, row
    central_rows = {row.metric: row.mean for row in found.rows if row.control == "central"}
    assert central_rows["stability"] == 0
    assert central_rows["class-sensitivity"] == pytest.approx(1)
    assert central_rows["randomisation"] == pytest.approx(1)
    assert dict(found.seconds).keys() == {"gradcam", "saliency"}


@pytest.mark.audits
def test_the_user_s_network_stays_as_it_was() -> None:
    explainer = random_explainer(2)
    network = explainer.model.loaded().network
    before = [each.copy() for each in network.get_weights()]
    lg.evaluate(explainer, [picture(16, 16)], ["randomisation"])
    assert all((a == b).all() for a, b in zip(before, network.get_weights(), strict=True))


def test_a_metric_that_does_not_exist_or_needs_boxes_is_refused() -> None:
    explainer = random_explainer()
    with pytest.raises(SettingsError, match=r"unknown metric 'delection'. Did you mean deletion"):
        lg.evaluate(explainer, [picture(16, 16)], ["delection"])
    with pytest.raises(SettingsError, match=r"the metric pointing compares .* give --boxes FILE"):
        lg.evaluate(explainer, [picture(16, 16)], ["pointing"])
    with pytest.raises(SettingsError, match="no metric is named"):
        lg.evaluate(explainer, [picture(16, 16)], [])


def test_a_network_of_values_is_told_which_metrics_work() -> None:
    import keras

    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(3, 3, activation="tanh", name="features")(image)
    x = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(x))
    explainer = lg.Explainer(lg.load_model(keras.Model(image, x), preprocess="unit", labels=["age"]))
    with pytest.raises(
        SettingsError, match=r"no probabilities, which deletion needs. These metrics work: pointing"
    ):
        lg.evaluate(explainer, [picture(16, 16)], ["deletion"])
    found = lg.evaluate(explainer, [picture(16, 16)], ["complexity", "stability"], controls=())
    assert {row.metric for row in found.rows} <= {"complexity", "stability"}


def test_a_picture_whose_map_has_no_evidence_is_not_counted() -> None:
    explainer = random_explainer(1)
    explainer.target = 0  # has no evidence for this picture: see the next line
    assert not explainer.explain(picture(16, 16, 1)).has_evidence
    test = PhotoTest(explainer, steps=2)
    wanted = wanted_values(["gradcam"], ["deletion"], (), places=False)
    values = test.values(picture(16, 16, 1), None, wanted)
    assert values.values == {MapName("gradcam", "deletion"): None}
    assert summary("model", [values]).rows == ()
    assert summary("model", [values]).count == 1


def test_fits_other_than_scan_are_evaluated_at_the_network_s_scale() -> None:
    for fit in ("crop", "stretch", "pad"):
        model = lg.load_model(window_network(32, 4, 4, 8), preprocess="unit")
        explainer = lg.Explainer(model, "hirescam", "brightness", 0, fit)
        image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
        found = lg.evaluate(explainer, [image], ["deletion"], boxes=None, steps=4, controls=())
        assert found.rows[0].count == 1
    with pytest.raises(SettingsError, match="fit is 'scan'"):
        lg.evaluate(lg.Explainer(model, "hirescam", "brightness", 0, "scan"), [image])


def test_a_picture_is_scored_once() -> None:
    asked: list[int] = []

    def score(pictures: Sequence[Pixels]) -> Any:
        asked.append(len(pictures))
        return [float(each.mean()) for each in pictures]

    remembered = RememberedScores(score)
    first, second = picture(8, 8, 1), picture(8, 8, 2)
    assert remembered([first, second, first.copy()]).tolist() == [first.mean(), second.mean(), first.mean()]
    assert remembered([second]).tolist() == [second.mean()]
    assert sum(asked) == 2


def of_two(first: float, second: float, *, known: bool, seconds: float) -> Evaluation:
    rows = tuple(
        Row(method, "insertion", mean, mean - 0.1, mean + 0.1, 50)
        for method, mean in (("gradcam", first), ("scorecam", second))
    )
    apart = first - second
    mean = Mean(apart, apart - (0.005 if known else 1), apart + (0.005 if known else 1), 50)
    difference = Difference("insertion", "gradcam", "scorecam", mean)
    return Evaluation("model", 50, rows, (difference,), (("gradcam", 0.01), ("scorecam", seconds)))


def test_it_says_in_words_what_a_dearer_method_brings() -> None:
    assert of_two(0.5, 0.51, known=False, seconds=4).words("insertion") == (
        "insertion: scorecam and gradcam are level (0.510); scorecam costs 400 times as much as gradcam for 0.010"
    )
    assert of_two(0.5, 0.495, known=False, seconds=0.011).words("insertion") == (
        "insertion: gradcam and scorecam are level (0.500)"
    )
    assert of_two(0.6, 0.5, known=True, seconds=1).words("insertion") == (
        "insertion: gradcam is best (0.600); scorecam is 0.100 worse and costs 100 times as much as gradcam"
    )


def of_three(means: Sequence[float], *, metric: str = "insertion") -> Evaluation:
    """The first two are level, the second is the cheapest, and the third is known to be worse than the first."""
    rows = tuple(Row(name, metric, mean, mean, mean, 50) for name, mean in zip("abc", means, strict=True))
    apart = means[0] - means[2]
    known = Difference(metric, "a", "c", Mean(apart, apart, apart, 50))
    return Evaluation("model", 50, rows, (known,), (("a", 0.015), ("b", 0.01), ("c", 0.02)))


def test_what_is_worse_is_worse_than_the_mean_that_the_line_names() -> None:
    assert of_three((0.228, 0.249, 0.280), metric="average-drop").words("average-drop") == (
        "average-drop: a and b are level (0.228); c is 0.052 worse and costs 2 times as much as b"
    )


def test_a_known_difference_is_never_called_nothing() -> None:
    assert "; c is less than 0.001 worse" in of_three((0.6, 0.59, 0.5998)).words("insertion")


def test_controls_are_not_held_against_a_metric_that_does_not_ask_where_the_heat_is() -> None:
    """A shuffled map has the mean of its map, so that no map can beat it."""
    values = {None: [0.3, 0.4, 0.5], "shifted": [0.3, 0.4, 0.5], "shuffled": [0.3, 0.4, 0.5]}
    photos = [
        PhotoValues(
            "cup",
            0.9,
            {
                MapName("gradcam", metric, control): column[number]  # type: ignore[arg-type]
                for control, column in values.items()
                for metric in ("complexity", "deletion")
            },
        )
        for number in range(3)
    ]
    found = summary("network", photos)
    assert found.words("complexity") == ""
    assert found.words("deletion") == "deletion: gradcam does not beat its controls shifted and shuffled"


@pytest.mark.parametrize(
    "metric", ["stability", "class-sensitivity", "randomisation", "coherency", "complexity"]
)
def test_a_control_that_no_map_can_beat_is_not_held_against_it(metric: str) -> None:
    """The central map never changes; and both maps that are compared are shifted alike."""
    images = [picture(16, 16, seed) for seed in (2, 4, 6)]
    found = lg.evaluate(random_explainer(2), images, [metric], controls=("shifted", "central"))
    own, shift, middle = (found.of(metric, each)["gradcam"].mean for each in (None, "shifted", "central"))
    telling = metric_named(metric).controls
    if "shifted" not in telling:
        assert shift == pytest.approx(own, abs=1e-3)
    assert "central" not in telling
    if metric != "complexity":
        assert middle == pytest.approx(0 if metric == "stability" else 1, abs=1e-6)
    assert "central" not in found.words(metric)


def test_the_differences_from_controls_are_told_with_the_number_of_their_photos() -> None:
    own, control = MapName("a", "deletion"), MapName("a", "deletion", "shifted")
    photos = [
        PhotoValues("x", 1.0, {own: 0.1, control: 0.3}),
        PhotoValues("x", 1.0, {own: 0.3}),
    ]
    assert summary("model", photos).said["over_controls"] == [
        {
            "metric": "deletion",
            "method": "a",
            "control": "shifted",
            "mean": -0.2,
            "low": -0.2,
            "high": -0.2,
            "count": 1,
        }
    ]


def test_few_photos_are_called_a_hint() -> None:
    rows = tuple(Row(name, "deletion", mean, mean, mean, 6) for name, mean in (("a", 0.1), ("b", 0.2)))
    assert Evaluation("model", 6, rows).words("deletion").endswith("(only 6 photos: a hint)")
    fewer = rows[0], replace(rows[1], count=4)
    assert Evaluation("model", 6, fewer).words("deletion").endswith("(only 4 photos: a hint)")


def test_of_many_methods_that_are_worse_the_nearest_are_named() -> None:
    rows = tuple(Row(f"m{n}", "deletion", n / 10, n / 10, n / 10, 50) for n in range(8))
    differences = tuple(
        Difference("deletion", "m0", f"m{n}", Mean(-n / 10, -n / 10, -n / 10, 50)) for n in range(1, 8)
    )
    words = Evaluation("model", 50, rows, differences).words("deletion")
    assert words == (
        "deletion: m0 is best (0.000); m1 is 0.100 worse; m2 is 0.200 worse; m3 is 0.300 worse; m4 is 0.400 worse; "
        "3 more methods are worse"
    )


def test_the_result_is_told_as_the_design_has_it() -> None:
    said = of_two(0.5, 0.51, known=False, seconds=4).said
    assert (said["model"], said["count"]) == ("model", 50)
    assert said["rows"][0] == {
        "method": "gradcam",
        "metric": "insertion",
        "mean": 0.5,
        "low": 0.4,
        "high": 0.6,
        "count": 50,
        "control": None,
    }


def test_values_that_are_no_numbers_are_left_out() -> None:
    name = MapName("gradcam", "deletion")
    photos = [PhotoValues("a", 0.5, {name: value}) for value in (0.25, float("nan"), None, 0.75)]
    (row,) = summary("model", photos).rows
    assert (row.mean, row.count) == (0.5, 2)


def test_a_method_that_does_not_go_with_the_network_is_left_out_with_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    explainer = random_explainer(2)  # flattens its features, so that CAM is not defined
    images = [picture(16, 16, seed) for seed in (2, 4)]
    found = lg.evaluate(explainer, images, ["complexity"], methods=["cam", "gradcam"], controls=())
    assert set(found.of("complexity")) == {"gradcam"}
    assert len([each for each in caplog.messages if each.startswith("cam is left out: ")]) == 1
    with pytest.raises(lg.LiveGradcamError, match="cam needs a network"):
        lg.evaluate(explainer, images, ["complexity"], methods=["cam"])


def test_controls_follow_their_map_though_the_first_photo_has_none() -> None:
    own, shift = MapName("a", "deletion"), MapName("a", "deletion", "shifted")
    other = MapName("b", "deletion")
    photos = [
        PhotoValues("x", 1.0, {own: 0.1, other: 0.2}),
        PhotoValues("x", 1.0, {own: 0.1, shift: 0.3, other: 0.2}),
    ]
    rows = [(row.method, row.control) for row in summary("model", photos).rows]
    assert rows == [("a", None), ("a", "shifted"), ("b", None)]


def test_words_say_which_control_the_best_method_does_not_beat() -> None:
    values = {
        MapName("gradcam", "insertion"): [0.5, 0.6, 0.7],
        MapName("gradcam", "insertion", "shifted"): [0.1, 0.2, 0.3],
        MapName("gradcam", "insertion", "central"): [0.6, 0.5, 0.7],
    }
    photos = [
        PhotoValues("cup", 0.9, {name: column[number] for name, column in values.items()})
        for number in range(3)
    ]
    found = summary("network", photos)
    assert found.words("insertion") == "insertion: gradcam does not beat its control central"
    assert [each.second for each in found.over_controls] == ["shifted", "central"]


def test_what_is_no_list_of_pictures_or_names_is_refused_in_one_line() -> None:
    explainer = random_explainer(2, "gradcam")
    image = picture(16, 16, 0)
    with pytest.raises(SettingsError, match="names in a list or tuple"):
        lg.evaluate(explainer, [image], methods="gradcam")
    with pytest.raises(lg.LiveGradcamError, match="this is NoneType"):
        lg.evaluate(explainer, [image, None])  # type: ignore[list-item]
    with pytest.raises(SettingsError, match="there are 2 pictures and boxes for 1"):
        lg.evaluate(explainer, [image, image], ["pointing"], boxes=[[(0, 0, 4, 4)]])
