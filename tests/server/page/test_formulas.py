"""The rules that the page and the program share give the same results in JavaScript and in Python."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import answered, explained
from javascript import run_javascript
from served import read_answer
from test_number_format import NUMBERS, NUMBERS_BESIDE, SHARES, UNITS

from live_gradcam import faithfulness
from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.explain.input_fitting import fitting_for
from live_gradcam.explain.scan import windows_over
from live_gradcam.explanation import FoundThing
from live_gradcam.fixed_choices import Fit, View
from live_gradcam.heatmap import over_region
from live_gradcam.live.choice import LOWERED, Choice, Menu, chosen_in_words, question_of
from live_gradcam.prediction import Lowered, Prediction
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.caption import named
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.thing_names import ThingName, followed, places_of
from live_gradcam.server.messages import answer_message
from live_gradcam.server.queued_work import Done
from live_gradcam.translations import table_of, words_of

LABELS = ("red", "green", "blue", "grey", "pink", "brown")
VIEWS: tuple[View, ...] = ("one", "side", "methods", "targets", "proof", "history")


# Numbers and words


def test_numbers_probabilities_and_units_are_written_as_in_the_window() -> None:
    finite: list[tuple[float | None, tuple[float | None, ...]]]
    finite = [(value, ()) for value, _ in NUMBERS if value is None or math.isfinite(value)]
    finite += [
        (value, tuple(each for each in beside if each is None or math.isfinite(each)))
        for value, beside, _ in NUMBERS_BESIDE
    ]
    shares, numbers, units = run_javascript(
        "label_plate.js",
        "percent, numberText, figure",
        "const [shares, numbers, units] = given;"
        "return [shares.map(percent), numbers.map((each) => numberText(...each)),"
        " units.map((unit) => figure({ probability: null, value: 31.6, unit }))];",
        [share for share, _ in SHARES],
        finite,
        [unit for unit, _ in UNITS],
    )
    assert shares == [text for _, text in SHARES]
    expected = [text for value, text in NUMBERS if value is None or math.isfinite(value)]
    assert numbers == expected + [text for _, _, text in NUMBERS_BESIDE]
    assert units == [text for _, text in UNITS]


def test_targets_are_named_as_in_the_window() -> None:
    years = Prediction(1, "age", None, value=31.6, unit="years")
    probable = Prediction(1, "tabby", 0.62)
    targets = {
        named(probable): {"label": "tabby", "probability": 0.62, "value": None, "unit": ""},
        named(years): {"label": "age", "probability": None, "value": 31.6, "unit": "years"},
        named(Lowered(years)): {"label": Lowered(years).label, "lowers": True},
    }
    found = run_javascript("label_plate.js", "named", "return given[0].map(named);", list(targets.values()))
    assert found == list(targets) == ["tabby 62%", "age 31.6 years", "what lowers age"]


def test_a_language_is_spoken_by_the_same_rules_as_in_the_window() -> None:
    table = table_of("zh")
    texts = [text.replace("{}", "tabby 3%") for text in table] + [
        "heat for what lowers age",
        "heat for Egyptian cat 62%",
        "layer block3 · tabby − lynx",
        "tabby 20%   lynx 10%",
        "what lowers the first",
        "",
        "toString",
    ]
    said = run_javascript(
        "translations.js", "wordsOf", "return given[1].map(wordsOf(given[0]));", table, texts
    )
    assert said == [words_of("zh")(text) for text in texts]


# What a viewer chose

CHOICES: list[tuple[Choice, bool]] = [
    (Choice(), False),
    (Choice(method="hirescam"), False),
    (Choice(curves=True), False),
    (Choice(layer="block3/conv3"), False),
    (Choice(layer="block3/conv3,stem/add"), False),
    (Choice(target=1), False),
    (Choice(target=7), False),
    (Choice(target="#2"), False),
    (Choice(rival=-1), False),
    (Choice(target=0, rival=2), False),
    (Choice(target=1, rival=0, method="hirescam"), False),
    (Choice(rival=LOWERED), True),
    (Choice(target=1, rival=LOWERED, layer="stem"), True),
]
"""Choices, and whether the network gives values."""


def as_on_the_page(choice: Choice) -> dict[str, Any]:
    return {
        "method": choice.method,
        "layer": choice.layer,
        "target": choice.target,
        "contrast": choice.rival is not None,
        "share": choice.look.share,
        "curves": choice.curves,
    }


def test_the_line_of_what_is_chosen_is_worded_as_in_the_window() -> None:
    menu = Menu(methods=[DEFAULT_METHOD, "hirescam"], labels=LABELS)
    setup = {"usual_method": DEFAULT_METHOD, "labels": LABELS}
    said = run_javascript(
        "choice.js",
        "choiceText",
        "const [choices, setup, top, views] = given;"
        "return choices.map(([choice, values]) =>"
        " views.map((view) => choiceText(choice, { ...setup, values }, { top }, view)));",
        [(as_on_the_page(choice), values) for choice, values in CHOICES],
        setup,
        [[0, "red"], [2, "blue"]],
        VIEWS,
    )
    for lines, (choice, values) in zip(said, CHOICES, strict=True):
        menu = replace(menu, values=values)
        assert lines == [chosen_in_words(choice, menu, view) for view in VIEWS], choice


@pytest.mark.parametrize("labels", [LABELS, LABELS[:2], ()])
@pytest.mark.parametrize("view", ["one", "side", "targets", "proof", "history"])
def test_the_page_asks_for_the_layer_and_the_targets_that_the_window_asks_for(
    view: View, labels: tuple[str, ...]
) -> None:
    choices = [
        (choice, values)
        for choice, values in CHOICES
        # The page leaves the rival of a chosen class to the server, as `#1` or `#2`.
        if choice.rival in (None, LOWERED) or choice.target is None
    ]
    panes = min(4, len(labels) or 4) if view == "targets" else 1
    found = run_javascript(
        "choice.js",
        "questionOf",
        "const [choices, view, panes] = given;"
        "return choices.map(([choice, values]) => questionOf(choice, { methods: [], values }, null, view, panes));",
        [(as_on_the_page(choice), values) for choice, values in choices],
        view,
        panes,
    )
    for question, (choice, values) in zip(found, choices, strict=True):
        menu = Menu(methods=[DEFAULT_METHOD], labels=labels, values=values)
        asked = question_of(replace(choice, look=Appearance(view=view)), menu)
        assert question["layer"] == asked.layer
        assert question["targets"] == list(asked.targets), choice
        assert question["methods"] == list(asked.methods)
        assert question["share"] == asked.proof
        assert question["curves"] == asked.curves


def test_the_shares_of_a_proof_follow_one_another_as_in_the_window() -> None:
    shares = faithfulness.SHARES
    following = run_javascript("proof.js", "nextShare", "return given[0].map(nextShare);", shares)
    assert following == [*shares[1:], shares[0]]
    assert faithfulness.DEFAULT_SHARE in shares


@pytest.mark.parametrize("shape", [(5, 7), (16, 16), (9, 12)])
def test_the_outline_of_the_hottest_part_lies_where_the_interpolated_mask_is_halfway(
    shape: tuple[int, int],
) -> None:
    rows, columns = shape
    mask = np.random.default_rng(rows).random(shape) < 0.4
    bits = np.packbits(mask).tolist()
    lines = run_javascript("proof.js", "outlineOf", "return outlineOf(...given);", bits, shape)
    padded = np.pad(mask, 1).astype(float)
    ends: dict[tuple[float, float], int] = {}
    for x0, y0, x1, y1 in lines:
        for x, y in ((x0 * columns, y0 * rows), (x1 * columns, y1 * rows)):
            # The centre of the padded mask's pixel (i, j) lies at (j - 0.5, i - 0.5).
            i, j = y + 0.5, x + 0.5
            i0, j0 = min(int(i), rows), min(int(j), columns)
            a, b = i - i0, j - j0
            level = (
                (1 - a) * (1 - b) * padded[i0, j0]
                + (1 - a) * b * padded[i0, j0 + 1]
                + a * (1 - b) * padded[i0 + 1, j0]
                + a * b * padded[i0 + 1, j0 + 1]
            )
            assert level == pytest.approx(0.5)
            ends[round(x, 3), round(y, 3)] = ends.get((round(x, 3), round(y, 3)), 0) + 1
    assert set(ends.values()) == {2}, "the lines are closed"
    edges = int(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())
    assert len(ends) == edges, "each pair of neighbours of which one is hot is parted"


def test_a_curve_stands_at_its_shares_and_its_probabilities() -> None:
    curve = {"fractions": [0, 0.25, 1], "scores": [0.5, 1, 0]}
    found = run_javascript("curves.js", "pointsOf", "return pointsOf(...given);", curve, [10, 20, 200, 100])
    assert found == [[10, 70], [60, 20], [210, 120]]


@pytest.mark.parametrize("width", [120, 300, 600])
@pytest.mark.parametrize("label", ["Egyptian cat", "African hunting dog, hyena dog, Cape hunting dog"])
def test_the_curves_say_which_class_s_probability_they_draw_in_letters_that_can_be_read(
    width: int, label: str
) -> None:
    curve = {"way": "deletion", "name": "gradcam", "label": label, "area": 0.5}
    curve |= {"fractions": [0, 1], "scores": [0.5, 0.5]}
    written = run_javascript(
        "curves.js",
        "drawCurves",
        "const written = [], context = new Proxy({"
        "  measureText: (text) => ({ width: 0.5 * text.length * parseFloat(context.font.split(' ')[1]) }),"
        "  fillText: (text, ...at) => written.push([text, at, parseFloat(context.font.split(' ')[1])]),"
        "}, { get: (it, name) => it[name] ?? (() => {}), set: (it, name, value) => (it[name] = value, true) });"
        "drawCurves(context, [0, 0, given[0], 500], [given[1]], (text) => text, 14);"
        "return written;",
        width,
        curve,
    )
    (text, _, letters), *_ = written
    assert 0.6 * 14 <= letters <= 14
    assert 0.5 * letters * len(text) <= width + 1e-6
    whole = f"probability of {label}"
    if len(whole) * 0.5 * 14 * 0.6 <= width:
        assert text == whole
    else:
        assert label.startswith(text.rstrip("…"))


@pytest.mark.parametrize("box", [(250, 305), (370, 240), (270, 305), (250, 600)])
def test_the_curves_have_room_on_the_screen_of_a_phone(box: tuple[int, int]) -> None:
    curves = [
        {"way": way, "name": name, "label": "cup", "area": 0.5, "fractions": [0, 1], "scores": [0.5, 0.5]}
        for way in ("deletion", "insertion")
        for name in ("gradcam", "")
    ]
    boxes, letters = run_javascript(
        "curves.js",
        "drawCurves",
        "const boxes = [], letters = [], context = new Proxy({"
        "  measureText: (text) => ({ width: 0.5 * text.length * parseFloat(context.font.split(' ')[1]) }),"
        "  fillText: () => letters.push(parseFloat(context.font.split(' ')[1])),"
        "  strokeRect: (...box) => boxes.push(box),"
        "}, { get: (it, name) => it[name] ?? (() => {}), set: (it, name, value) => (it[name] = value, true) });"
        "drawCurves(context, [0, 0, ...given[0]], given[1], (text) => text, 14);"
        "return [boxes, letters];",
        box,
        curves,
    )
    assert len(boxes) == 2
    assert all(high >= 40 for _, _, _, high in boxes)
    assert all(top + high <= box[1] for _, top, _, high in boxes)
    assert min(letters) >= 0.6 * 0.85 * 0.7 * 14


def test_the_page_fills_the_view_of_methods_with_quick_ones_that_suit_any_network() -> None:
    methods = [
        {"name": "slow", "quick": False, "any_network": True},
        {"name": "a", "quick": True, "any_network": True},
        {"name": "pooled", "quick": True, "any_network": False},
        {"name": "b", "quick": True, "any_network": True},
        {"name": "c", "quick": True, "any_network": True},
        {"name": "d", "quick": True, "any_network": True},
    ]
    found = run_javascript(
        "choice.js",
        "questionOf",
        "const [choice, setup] = given;"
        'return questionOf({ ...choice, method: "c" }, setup, null, "methods", 4).methods;',
        as_on_the_page(CHOICES[0][0]),
        {"methods": methods, "values": False},
    )
    assert found == ["c", "d", "a", "b"]


# What the network sees


FITS: tuple[Fit, ...] = ("crop", "stretch", "pad", "wide")
FRAMES = ((1280, 720), (480, 640), (224, 224), (641, 479), (900, 300))
NETWORKS = ((224, 224), (96, 160))


def test_the_page_sends_the_part_of_a_frame_that_the_network_sees() -> None:
    cases = list(itertools.product(FRAMES, NETWORKS, FITS))
    results = run_javascript(
        "fit.js",
        "fitted, inPicture",
        "return given[0].map(([frame, network, fit]) => {"
        " const found = fitted(frame, [0, 0, 1, 1], network, fit);"
        " return [found, inPicture([0, 0, 1, 1], found.seen, frame)]; });",
        cases,
    )
    for (fitted, region), case in zip(results, cases, strict=True):
        frame, network, fit = case
        whole = fitting_for(fit, frame, network)
        x, y, width, height = whole.region
        assert fitted["seen"] == pytest.approx(whole.region, abs=1), case
        ends = (x / frame[0], y / frame[1], (x + width) / frame[0], (y + height) / frame[1])
        assert region == pytest.approx(ends, abs=1 / min(frame)), case
        # The network sees all of the frame that is sent, laid as the whole frame would be.
        columns, rows = fitted["size"]
        sent = fitting_for(fit, (columns, rows), network)
        assert sent.region == (0, 0, columns, rows), case
        assert sent.input_size == whole.input_size, case
        assert sent.inner == pytest.approx(whole.inner, abs=1), case


def test_under_scan_the_page_sends_the_whole_area_with_small_windows_of_the_networks_size() -> None:
    area = (0.25, 0.1, 0.9, 0.7)
    cases = list(itertools.product(FRAMES, NETWORKS))
    results = run_javascript(
        "fit.js",
        "fitted",
        "return given[0].map(([frame, network]) => fitted(frame, given[1], network, 'scan'));",
        cases,
        area,
    )
    for found, (frame, network) in zip(results, cases, strict=True):
        width, height = (area[2] - area[0]) * frame[0], (area[3] - area[1]) * frame[1]
        assert found["seen"] == pytest.approx((area[0] * frame[0], area[1] * frame[1], width, height))
        columns, rows = found["size"]
        assert columns / rows == pytest.approx(min(width / height, 4), rel=0.01)
        smallest = min(windows_over((0, 0, columns, rows), network), key=lambda window: window[2])
        assert min(smallest[2:]) >= min(network) - 1, (frame, network)


# Names


def test_names_follow_the_things_as_in_the_window() -> None:
    rng = np.random.default_rng(5)
    before: tuple[ThingName, ...] = ()
    steps: list[tuple[list[FoundThing], float]] = []
    expected = []
    for seconds in (-1.0, 0.05, 0.02, 0.2, 0.0, 0.1, 0.6):
        labels = [number for number in range(4) if rng.random() < 0.6]
        boxes = [tuple(map(int, rng.integers(0, 100, 4))) for _ in labels]
        things = [
            FoundThing(Prediction(number, f"thing {number}", 0.5), (0, 0), (x, y, wide, high))
            for number, (x, y, wide, high) in zip(labels, boxes, strict=True)
        ]
        steps.append((things, seconds))
        before = followed(before, things, seconds)
        expected.append([[name.prediction.label, name.visible, name.strength, *name.box] for name in before])
    given = [
        [[{"label": each.prediction.label, "percent": "50%", "box": each.box} for each in things], seconds]
        for things, seconds in steps
    ]
    found = run_javascript(
        "thing_names.js",
        "followed",
        "let names = [];"
        "return given[0].map(([things, seconds]) => {"
        " names = followed(names, things, seconds);"
        " return names.map((name) => [name.label, name.visible, name.strength, ...name.box]); });",
        given,
    )
    for one, other in zip(found, expected, strict=True):
        assert [each[:2] for each in one] == [each[:2] for each in other]
        assert [each[2:] for each in one] == [pytest.approx(each[2:]) for each in other]


def test_names_are_placed_as_in_the_window() -> None:
    rng = np.random.default_rng(8)
    cases = []
    for _ in range(60):
        size = (int(rng.integers(80, 700)), int(rng.integers(60, 500)))
        names = [
            # Even numbers, so that no middle lies between two pixels.
            (tuple(2 * int(each) for each in rng.integers(0, 200, 4)), (2 * int(rng.integers(5, 90)), 24))
            for _ in range(5)
        ]
        cases.append((names, size, 4, [(10, size[1] - 50, 120, 40)]))
    found = run_javascript(
        "thing_names.js",
        "placesOf",
        "return given[0].map(([names, size, gap, taken]) =>"
        " placesOf(names.map(([box, size]) => ({ box, size })), size, gap, taken));",
        cases,
    )
    for places, case in zip(found, cases, strict=True):
        expected = places_of(*case)  # type: ignore[arg-type]
        assert places == [None if each is None else list(each[:2]) for each in expected], case


# Heat

PEAKS = [
    ("cup", True, 0.8, 0.0),
    ("cup", True, 0.9, 0.1),
    ("cup", True, 0.2, 0.5),
    ("wall", True, 0.1, 0.7),
    ("wall", True, 0.12, 3.0),
    ("cup", False, 0.4, 3.5),
    ("cup", False, 0.05, 9.0),
    ("cup", False, 0.5, 9.0),
    ("spoon", False, 0.02, 10.0),
    ("spoon", True, 0.02, 100.0),
]
"""Explanations that follow one another: the target, whether the network chose it, the peak, and the second."""


def answered_map(
    label: str, heat: list[int], shape: tuple[int, int], peak: float = 1.0, *, automatic: bool = True
) -> dict[str, Any]:
    """A map as the page reads it out of an answer."""
    return {
        "method": "gradcam",
        "layer": "head",
        "shape": list(shape),
        "inset": [0, 0, 1, 1],
        "automatic": automatic,
        "target": {"label": label},
        "peak": peak,
        "heat": heat,
        "evidence": True,
        "opacity": 1,
    }


@pytest.mark.parametrize("scale", ["stable", "frame"])
def test_heat_is_scaled_by_the_peaks_of_late_as_in_the_window(scale: Any) -> None:
    maps = [
        answered_map(label, [255] * 49, (7, 7), peak, automatic=automatic)
        for label, automatic, peak, _ in PEAKS
    ]
    found = run_javascript(
        "heat_smoothing.js",
        "HeatSmoothing",
        "const [maps, times, scale] = given, smoothing = new HeatSmoothing(0, scale);"
        "return maps.map((map, i) => {"
        " smoothing.explained(map, [0, 0, 1, 1], times[i]);"
        " return [smoothing.scale, smoothing.ceiling, smoothing.goal[0]]; });",
        maps,
        [at for *_, at in PEAKS],
        scale,
    )
    smoothing, heat = HeatSmoothing(seconds=0, scale=scale), None
    expected: list[list[float]] = []
    for label, automatic, peak, at in PEAKS:
        explanation = explained((0, 0, 64, 64), np.full((7, 7), peak, np.float32), top=((label, 0.9),))
        heat = smoothing.heat(replace(explanation, automatic=automatic), at, heat)
        expected.append([heat.scale, heat.ceiling, float(heat.heatmap.max())])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_map_that_is_shown_at_once_is_painted_once() -> None:
    """The proofs of a moving picture follow one another with nothing to smooth between them."""
    maps = [
        answered_map(label, heat, (1, 2))
        for heat, label in (([255, 0], "cup"), ([0, 255], "cup"), ([255, 0], "clock"))
    ]
    found = run_javascript(
        "heat_smoothing.js",
        "HeatSmoothing",
        "const [first, second, third] = given[0], smoothing = new HeatSmoothing(0.15, 'frame'), found = [];"
        "const painted = () => found.push([smoothing.step(0.02), smoothing.step(0.02), smoothing.shown[0]]);"
        "for (const map of [first, second]) { smoothing.begin(map, [0, 0, 1, 1]); painted(); }"
        "smoothing.explained(third, [0, 0, 1, 1], 1); painted(); return found;",
        maps,
    )
    assert found == [[True, False, 1], [True, False, 0], [True, False, 1]]


def test_a_change_comes_through_to_63_percent_within_the_smoothing_at_any_rate() -> None:
    """In Python at every explanation, on the page at every picture that is painted."""
    found = run_javascript(
        "heat_smoothing.js",
        "HeatSmoothing",
        "return given[0].map((steps) => {"
        " const smoothing = new HeatSmoothing(0.3, 'frame');"
        " Object.assign(smoothing, { shown: new Float32Array(1), goal: Float32Array.of(1), goalOpacity: 1 });"
        " for (let i = 0; i < steps; i++) smoothing.step(0.3 / steps);"
        " return [smoothing.shown[0], smoothing.opacity]; });",
        [1, 3, 20],
    )
    smoothing = HeatSmoothing(seconds=0.3, scale="frame")
    hot = explained((0, 0, 64, 64), np.ones((7, 7), np.float32), top=(("cup", 0.9),))
    begun = smoothing.heat(hot, 0.0)
    before = replace(begun, heatmap=np.zeros_like(begun.heatmap), opacity=0.0)
    after = smoothing.heat(hot, 0.3, before)
    assert after.opacity == pytest.approx(1 - math.exp(-1))
    assert float(after.heatmap.mean()) == pytest.approx(1 - math.exp(-1), abs=1e-3)
    np.testing.assert_allclose(found, 1 - math.exp(-1), atol=1e-5)


@pytest.mark.parametrize("inset", [(0.0, 0.0, 1.0, 1.0), (0.1, 0.0, 0.9, 0.6), (-0.2, -0.1, 1.3, 1.05)])
def test_the_page_lays_a_map_over_its_region_as_the_program_does(
    inset: tuple[float, float, float, float],
) -> None:
    heat = np.random.default_rng(2).uniform(0, 1, (6, 8)).astype(np.float32)
    values, rows, columns = run_javascript(
        "heat_smoothing.js",
        "HeatSmoothing",
        "const [heat, inset] = given, smoothing = new HeatSmoothing(0, 'frame');"
        "Object.assign(smoothing, { shown: Float32Array.from(heat), shape: [6, 8], inset });"
        "const mesh = smoothing.mesh(); return [Array.from(mesh.values), mesh.rows, mesh.columns];",
        heat.ravel().tolist(),
        inset,
    )
    found = np.array(values).reshape(rows, columns)
    np.testing.assert_allclose(found, over_region(heat, (columns, rows), inset), atol=0.06)


# What comes over the socket


def test_the_page_reads_an_answer_as_it_was_written() -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    maps = [np.random.default_rng(seed).uniform(0, 1, (3, 4)).astype(np.float32) for seed in range(2)]
    answer = answered(*(explained((0, 0, 64, 48), each) for each in maps))
    message = answer_message(7, 3, Done(answer, pixels, 1.0, 2.0, 1), compiling=None, jpeg=b"\xff\xd8picture")
    found = run_javascript(
        "connection.js",
        "readAnswer",
        "const answer = readAnswer(Uint8Array.from(given[0]).buffer);"
        "answer.maps.forEach((map) => (map.heat = Array.from(map.heat)));"
        "answer.picture = [answer.picture.type, ...new Uint8Array(await answer.picture.arrayBuffer())];"
        "return answer;",
        list(message),
    )
    expected = read_answer(message)
    assert found.pop("picture") == ["image/jpeg", *expected.picture]
    assert [each.pop("heat") for each in found["maps"]] == [each.ravel().tolist() for each in expected.maps]
    assert found == expected.header


# Scenes


def test_a_picture_is_another_scene_where_its_forms_are_others_and_not_where_it_is_darker() -> None:
    random = np.random.default_rng(5)
    scene, other = random.uniform(40, 220, (2, 256))
    wall = 128 + random.uniform(-2, 2, 256)
    pairs = {
        "the same": (scene, scene),
        "darker": (scene, scene - 30),
        "noise on a wall": (wall, wall[::-1]),
        "another": (scene, other),
        "a wall": (scene, wall),
    }
    found = run_javascript(
        "scene_change.js",
        "difference",
        "return given[0].map(([one, other]) => difference(one, other));",
        [[one.tolist(), other.tolist()] for one, other in pairs.values()],
    )
    assert dict(zip(pairs, [each > 0.5 for each in found], strict=True)) == {
        "the same": False,
        "darker": False,
        "noise on a wall": False,
        "another": True,
        "a wall": True,
    }
    assert found[0] == 0
    assert found[1] == pytest.approx(0)
