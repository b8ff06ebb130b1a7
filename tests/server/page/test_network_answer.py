"""A network in the page: its outputs become the answers that the server gives, by the same rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import onnxruntime
import pytest
from fakes import answered, explained
from javascript import run_javascript
from served import read_answer

import live_gradcam as lg
from live_gradcam.config import ExplainSettings, Settings
from live_gradcam.errors import TargetError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.export.exporter import write_page_network
from live_gradcam.explanation import Explanation
from live_gradcam.fixed_choices import Lang
from live_gradcam.models.labels import Labels, imagenet_labels
from live_gradcam.render.heat_smoothing import RelativePeaks
from live_gradcam.server.messages import answer_message
from live_gradcam.server.own_page import MOST_BYTES, page_setup_of
from live_gradcam.server.queued_work import Done

pytest_plugins = ["exported"]

LABELS = ["red fox", "green-frog", "blue_jay", "grey wolf", "pink\tflamingo", "bear"]

CLASSES = (
    None,
    "#2",
    3,
    "GREENFROG",
    "red fox - bear",
    "blue jay -",
    "#2 - #1",
    "5",
    "bear−red fox".replace("−", " − "),
)
VALUES = (None, "height", "#3", "age -", "height -", "age - height", 2)

CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], tuple[int | str | None, ...]]] = {
    "classes, sure": (networks.stage_network, {"labels": LABELS}, CLASSES),
    "classes, not sure": (lambda: networks.stage_network(sure=False), {"labels": LABELS}, CLASSES),
    "rivals": (lambda: networks.stage_network(sure=False), {"labels": LABELS, "method": "finercam"}, CLASSES),
    "labels": (
        lambda: networks.headed_network(3, keras.layers.Activation("sigmoid")),
        {"task": "multi-label", "labels": ["a", "b", "c"]},
        (None, "b", "#3", "a - c", "c -"),
    ),
    "one unit for two classes": (networks.sigmoid_network, {"labels": ["a", "b"]}, (None, "a", "b", "a - b")),
    "values": (
        lambda: networks.headed_network(3),
        {"task": "values", "labels": ["age (years)", "height (°)", "weight"]},
        VALUES,
    ),
    "places": (networks.segmentation_network, {}, (None, 2)),
}


def sent(explanation: Explanation, picture: Any, relative_peak: float) -> dict[str, Any]:
    """The answer that the server sends, without what the page does not compute."""
    message = answer_message(
        0, 0, Done(answered(explanation), picture, 0, 0, 1), compiling=None, relative_peaks=[relative_peak]
    )
    answer = read_answer(message)
    (heat,) = answer.maps
    return {**answer.header, "heat": heat}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_the_server_does(case: str, tmp_path: Path) -> None:
    make, settings, targets = CASES[case]
    network = make()
    contents, path = write_page_network(ExplainSettings(model=network, **settings), tmp_path, MOST_BYTES)
    setup = page_setup_of(contents, Settings(model=network, **settings))
    facts = {**setup["network"], "labels": setup["labels"]}
    aims = run_javascript(
        "network_answer.js", "aimOf", "return given[0].map((each) => aimOf(each, given[1]));", targets, facts
    )

    loading = {name: settings[name] for name in ("labels", "task") if name in settings}
    model = lg.load_model(network, **loading)
    asking = {"method": settings["method"]} if "method" in settings else {}
    height, width = model.input_size
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    inputs = {each.name for each in session.get_inputs()}
    peaks, expected, results, times = RelativePeaks(), [], [], []
    for number, (target, aim) in enumerate(zip(targets, aims, strict=True)):
        picture = networks.picture(height, width, number)
        explanation = Explainer(model, fit="stretch", target=target, **asking).explain(picture)
        times.append(0.5 * number)
        expected.append(sent(explanation, picture, peaks.of(explanation, times[-1])))
        given = {
            "image": np.ascontiguousarray(picture[None, ..., ::-1]),
            "aims": np.array([[[aim["id"], aim["rival"]]]], np.int32),
            "strengths": np.array([[aim["strength"]]], np.float32),
        }
        found = session.run(names, {name: array for name, array in given.items() if name in inputs})
        results.append({name: array.ravel().tolist() for name, array in zip(names, found, strict=True)})

    answers = run_javascript(
        "network_answer.js",
        "AnswerMaker",
        "const [results, aims, facts, times] = given, maker = new AnswerMaker(facts);"
        "const answers = results.map((each, i) => maker.answer([each], [aims[i]], times[i]));"
        "for (const each of answers) each.heat = [...each.maps[0].heat];"
        "return answers;",
        results,
        aims,
        facts,
        times,
    )
    for answer, right, target in zip(answers, expected, targets, strict=True):
        assert answer["caption"] == right["caption"], target
        for name in ("task", "finite", "test", "compiling", "batch"):
            assert answer[name] == right[name], (target, name)
        assert [row[:2] + row[4:] for row in answer["top"]] == [row[:2] + row[4:] for row in right["top"]], (
            target
        )
        assert_near(
            [row[2:4] for row in answer["top"]],
            [row[2:4] for row in right["top"]],
            values=right["task"] == "values",
        )
        ours, theirs = answer["maps"][0], right["maps"][0]
        for name in ("method", "layer", "automatic", "evidence", "shape", "things"):
            assert ours[name] == theirs[name], (target, name)
        assert {name: ours["target"][name] for name in ("id", "label", "unit", "lowers")} == {
            name: theirs["target"][name] for name in ("id", "label", "unit", "lowers")
        }
        assert ours["opacity"] == pytest.approx(theirs["opacity"], abs=1e-3)
        assert ours["peak"] == pytest.approx(theirs["peak"], rel=1e-3)
        assert ours["region"] == pytest.approx(theirs["region"])
        assert ours["inset"] == pytest.approx(theirs["inset"])
        heat = np.array(answer["heat"]).reshape(ours["shape"])
        assert np.abs(heat - right["heat"].astype(int)).max() <= 1, target


def assert_near(ours: list[list[float | None]], theirs: list[list[float | None]], *, values: bool) -> None:
    """Compare probability and value; the value of a class is not used by the page."""
    for (probability, value), (right, number) in zip(ours, theirs, strict=True):
        assert probability == (None if right is None else pytest.approx(right, abs=1e-4))
        if values:
            assert value == (None if number is None else pytest.approx(number, rel=1e-4))


def test_nan_is_no_answer() -> None:
    facts = {
        "labels": ["a", "b"],
        "units": [],
        "method": "gradcam",
        "layer": "top_conv",
        "shape": [7, 7],
        "region": [0, 0, 1, 1],
        "inset": [0, 0, 1, 1],
    }
    result = {
        "scores": [None, 0.2],
        "heatmap": [0] * 49,
        "peak": [0],
        "evidence": [0],
        "class_id": [1],
        "rivals": [],
    }
    found = run_javascript(
        "network_answer.js",
        "AnswerMaker",
        "const [facts, result] = given; result.scores[0] = NaN;"
        "const aim = { id: -1, rival: -1000000, strength: 0, automatic: true };"
        "return ['classes', 'values'].map((task) => new AnswerMaker({ ...facts, task }).answer([result], [aim], 0));",
        facts,
        result,
    )
    broken = replace(explained((0, 0, 8, 8), has_evidence=False), top=(), is_finite=False)
    right = sent(broken, np.zeros((8, 8, 3), np.uint8), 0.0)
    classes, values = found
    assert classes["caption"] == right["caption"]
    assert classes["caption"]["note"] == "the network gives NaN or infinity"
    assert classes["top"] == []
    assert not classes["finite"]
    assert values["top"] == [[0, "a", None, None, ""], [1, "b", None, 0.2, ""]]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("#9", "There is no rank #9: there are #1 to #6."),
        (6, "There is no class 6: they are 0 to 5."),
        ("fox", "There is no class fox. Did you mean red fox?"),
        ("gray wolfe", "There is no class gray wolfe. Did you mean grey wolf?"),
        ("hotdog", "There is no class hotdog. The list has all names."),
        ("bear - hotdog", "There is no class hotdog. The list has all names."),
    ],
)
def test_an_unknown_target_is_refused_in_one_line(target: int | str, said: str) -> None:
    body = "try { return aimOf(given[0], given[1]); } catch (error) { return error.message; }"
    facts = {"labels": LABELS, "rivals": False, "strength": 0.6}
    assert run_javascript("network_answer.js", "aimOf", body, target, facts) == said


SEARCHED = (
    *("tabby", "TIGER-CAT", "killer whale", "hotdog", "Egyptian_cat", "+5", "-5", "1000", "0007"),
    *("crane", "crane (bird)", "maillot", "sunglasses", "虎斑猫", "电视", "tiger", "clock", "egyptain cat"),
    *(
        "hotdogg",
        "hot dgo",
        "espreso",
        "goldfsh",
        "labradoodle",
        "elefant",
        "fish",
        "xyz",
        "owl",
        "grate grey owl",
    ),
)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_class_is_found_by_the_rules_of_the_program(lang: Lang) -> None:
    """By names in every language, by synonyms, and with the same near names where there is none."""
    labels = imagenet_labels(lang)
    expected: list[int | str] = []
    for text in SEARCHED:
        try:
            expected.append(labels.find(text))
        except TargetError as error:
            near = re.search(r"Did you mean (.+)\? `", str(error))
            expected.append(near[1].replace(" or ", ", ") if near else "")
    names = {
        "labels": labels.names,
        "translations": labels.translations,
        "synonyms": labels.synonyms,
    }
    found = run_javascript(
        "class_search.js",
        "classNamed",
        "return given[0].map((text) => { try { return classNamed(text, given[1]); } catch (error) {"
        "return / Did you mean (.+)[?]$/.exec(error.message)?.[1] ?? ''; } });",
        SEARCHED,
        names,
    )
    assert dict(zip(SEARCHED, found, strict=True)) == dict(zip(SEARCHED, expected, strict=True))


@pytest.mark.usefixtures("in_this_process")
def test_a_page_knows_the_names_in_other_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes them as `--target`, so the page begins with them."""
    network = networks.stage_network()
    contents, _ = write_page_network(ExplainSettings(model=network, labels=LABELS), tmp_path, MOST_BYTES)
    german = ("Rotfuchs", "Laubfrosch", "Blauhäher", "Wolf", "Flamingo", "Bär")
    labels = Labels(tuple(LABELS), (("vixen",), *[()] * 5), (german,))
    monkeypatch.setattr(contents, "labels", labels)
    setup = page_setup_of(contents, Settings(model=network))
    facts = {**setup["network"], "labels": setup["labels"]}
    body = "return given[0].map((each) => aimOf(each, given[1]).id);"
    wanted = ["Blauhäher", "VIXEN", "wolf", "bear - Wolf"]
    assert run_javascript("network_answer.js", "aimOf", body, wanted, facts) == [2, 0, 3, 5]


def test_a_name_of_several_classes_is_refused_with_their_numbers() -> None:
    body = "try { return classNamed('cat', { labels: given[0] }); } catch (error) { return error.message; }"
    said = run_javascript("class_search.js", "classNamed", body, ["cat", "dog", "Cat"])
    assert said == "Several classes are called cat: cat (0), Cat (2). Give a number."
