"""Graphs that OpenVINO runs: equal to TensorFlow's, kept for the next start, and never in the way of a picture."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import keras
import networks
import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam.config import ExplainSettings
from live_gradcam.explain import compilers, loading
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explain.methods.method import METHODS, method_named, method_of
from live_gradcam.explain.openvino import compiler, conversion, freezing, store, trial
from live_gradcam.explain.openvino.choice import ReplaceableGraph, chosen
from live_gradcam.explain.openvino.compiler import OpenVINOCompiler
from live_gradcam.explain.openvino.graph import OpenVINOGraph
from live_gradcam.explain.openvino.library import has_bf16
from live_gradcam.explain.openvino.store import GraphRecord, GraphStore, HalfCheck, Ports, Trial
from live_gradcam.explain.runtime import GraphFacts
from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler
from live_gradcam.models import remembered_model
from live_gradcam.models.labels import labels_from
from live_gradcam.models.model_key import ModelKey, key_of
from live_gradcam.models.remembered_model import ModelMemory, RememberedModel

SIZE = (32, 32)
ONE_PASS = [name for name in METHODS if method_named(name).one_pass and name != "cam"]
WITHOUT_EIGENVALUES = [name for name in ONE_PASS if "eigen" not in name and name != "kpcacam"]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep graphs and models in a folder of the test's own."""
    folder = tmp_path / "cache"
    for module in (remembered_model, store):
        monkeypatch.setattr(module, "user_cache_path", lambda *_, **__: folder)
    monkeypatch.delenv(compilers.VARIABLE, raising=False)
    return folder


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    path = tmp_path / "stage.keras"
    networks.stage_network().save(path)
    return path


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try graphs without a process of their own, which takes a second."""

    def tried(folder: Path, _: conversion.Ended, *, checks_half: bool) -> Trial:
        trial.main(folder, checks_half=checks_half)
        stored = json.loads((folder / "trial.json").read_text())
        return Trial(**{**stored, "half": None})

    monkeypatch.setattr(conversion, "_tried", tried)


def converted(model: lg.Model, spec: GraphSpec, folder: Path) -> tuple[Any, Any]:
    """Return TensorFlow's and OpenVINO's graph of one specification."""
    traced = TensorFlowCompiler(model).compile(spec, freeze=True)
    record = conversion.convert(TensorFlowCompiler(model), spec, folder, lambda: False, checks_half=False)
    assert record.trial.refused == ""
    return traced, OpenVINOGraph(folder, record, "f32", model.name)


def assert_equal(ours: Any, theirs: Any) -> None:
    """Compare results: maps to 1e-4 of the peak, as the trial does, numbers to 1e-5, the rest exactly."""
    for name in ("top_ids", "target_ids", "rival_ids", "finite", "evidence", "channel_numbers"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for name in ("top_probabilities", "target_probabilities", "rival_probabilities", "top_values"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5, err_msg=name)
    for name in ("raw", "channel_maps", "channel_weights", "activation"):
        wanted = getattr(theirs, name)
        assert getattr(ours, name).shape == wanted.shape
        if wanted.size:
            np.testing.assert_allclose(
                getattr(ours, name), wanted, atol=1e-4 * np.abs(wanted).max(), err_msg=name
            )


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "every method of one pass at once": (networks.stage_network, {"methods": WITHOUT_EIGENVALUES}),
    "several targets and channels": (networks.stage_network, {"targets": 3, "channels": 5}),
    "the activation": (networks.stage_network, {"activation": True}),
    "the activation of tokens": (
        lambda: networks.token_network(class_token=True, registers=1),
        {"activation": True},
    ),
    "a layer in the middle": (networks.stage_network, {"layers": ("second",), "methods": ["hirescam"]}),
    "several layers": (networks.stage_network, {"layers": ("first", "third")}),
    "flipped and enlarged copies": (networks.stage_network, {"smooth": "augment"}),
    "the probability": (networks.stage_network, {"score": "probability", "methods": ["finercam"]}),
    "a residual network": (networks.residual_network, {"methods": ["layercam", "gradcam++"]}),
    "a flattened network": (networks.flattened_network, {"methods": ["gradcam", "hirescam"]}),
    "a nested network": (networks.nested_network, {}),
    "tokens": (lambda: networks.token_network(True, 0), {"methods": ["gradcam", "hirescam"]}),
    "labels": (networks.sigmoid_network, {}),
    "many classes": (
        lambda: networks.headed_network(130),
        {"task": "classes", "targets": 2, "methods": ["gradcam", "hirescam", "finercam"]},
    ),
    "many labels": (
        lambda: networks.headed_network(130, keras.layers.Activation("sigmoid")),
        {"task": "multi-label", "methods": ["gradcam", "finercam"]},
    ),
    "places": (networks.segmentation_network, {}),
    "one unit": (lambda: networks.headed_network(1, keras.layers.Activation("sigmoid")), {}),
    "values": (lambda: networks.headed_network(3), {"task": "values"}),
}

USUAL = {
    "every method of one pass at once",
    "many classes",
    "several targets and channels",
}
"""What the usual suite tests; the others, further networks above all, are in the group `runtimes`."""


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in USUAL else pytest.mark.runtimes) for case in CASES]
)
def test_maps_predictions_and_channels_equal_tensorflows(case: str, tmp_path: Path) -> None:
    make, settings = CASES[case]
    model = lg.load_model(make(), task=settings.get("task"))
    methods = tuple(method_named(name) for name in settings.get("methods", ["gradcam"]))
    chosen = {name: value for name, value in settings.items() if name not in ("methods", "task")}
    height, width = model.input_size
    spec = GraphSpec(methods=methods, **{"layers": None, **chosen}, input_size=(height, width))
    folder = tmp_path / "graph"
    folder.mkdir()
    theirs, ours = converted(model, spec, folder)
    pictures = np.stack([networks.picture(height, width, seed) for seed in range(5)])
    classes = theirs.facts.units
    asked = [(-1, -1_000_000), (0, -1_000_000), (-2, -1), (classes - 1, -1_000_001), (0, -1_000_002)]
    targets = np.array([[pair] * spec.goals for pair in asked], np.int32)
    strengths = np.full((5, spec.goals), 0.6, np.float32)
    assert_equal(ours.run(pictures, targets, strengths), theirs.run(pictures, targets, strengths))
    for at in range(5):
        one = pictures[at : at + 1], targets[at : at + 1], strengths[at : at + 1]
        assert_equal(ours.run(*one), theirs.run(*one))


@pytest.mark.runtimes
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("fit", ["wide", "crop", "scan", "stretch", "pad"])
def test_a_picture_is_explained_as_by_tensorflow(fit: Any) -> None:
    network = networks.pooled_network(size=None)
    picture = networks.picture(48, 80)
    with Explainer(network, fit=fit, engine="openvino") as explainer:
        ours = explainer.explain(picture)
        assert "OpenVINO" in explainer.describe()
        batch = explainer.explain_batch([picture, picture[::-1]])
        top = explainer.explain_top(picture, 3)
    theirs = Explainer(network, fit=fit)
    wanted = theirs.explain(picture)
    assert (ours.region, ours.layer, ours.method) == (wanted.region, wanted.layer, wanted.method)
    np.testing.assert_allclose(ours.raw_heatmap, wanted.raw_heatmap, atol=1e-4 * wanted.raw_heatmap.max())
    np.testing.assert_allclose(batch[0].raw_heatmap, ours.raw_heatmap, atol=1e-6)
    assert [each.target.label for each in top] == [each.label for each in wanted.top[:3]]


@pytest.mark.usefixtures("in_this_process")
def test_a_score_function_of_the_users_is_converted_but_not_kept(own_cache: Path, network_file: Path) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    model, _ = loading.load_chosen(settings)
    picture = networks.picture(32, 32)

    def margin(outputs: Any) -> Any:
        return outputs[:, 0] - outputs[:, 1]

    with Explainer(model, target=margin, engine="openvino", precision="f32") as explainer:
        ours = explainer.explain(picture)
        assert "OpenVINO" in explainer.describe()
    wanted = Explainer(model, target=margin).explain(picture)
    np.testing.assert_allclose(
        ours.raw_heatmap, wanted.raw_heatmap, atol=1e-4 * np.abs(wanted.raw_heatmap).max()
    )
    assert not list((own_cache / "graphs").glob("[!.]*"))


@pytest.mark.usefixtures("in_this_process")
def test_a_graph_that_is_not_kept_goes_with_an_explainer_that_nobody_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    explainer = Explainer(lg.load_model(networks.pooled_network()), engine="openvino", precision="f32")
    explainer.explain(networks.picture())
    assert list(folder.glob("live-gradcam-*"))
    del explainer
    gc.collect()
    assert not list(folder.glob("live-gradcam-*"))


@pytest.mark.parametrize("method", [pytest.param("eigencam", marks=pytest.mark.runtimes), "scorecam"])
def test_what_does_not_convert_is_computed_by_tensorflow(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    network = networks.pooled_network()
    picture = networks.picture()
    with Explainer(network, method, engine="openvino") as explainer:
        found = explainer.explain(picture)
        assert "OpenVINO" not in explainer.describe()
    np.testing.assert_array_equal(found.raw_heatmap, Explainer(network, method).explain(picture).raw_heatmap)
    (line,) = [record for record in caplog.records if "TensorFlow" in record.getMessage()]
    assert line.levelno == logging.WARNING
    assert (
        line.getMessage()
        == {
            "eigencam": "pooled, eigencam: computed by TensorFlow, because OpenVINO has no rule for SelfAdjointEigV2",
            "scorecam": "scorecam takes many passes: it is computed by TensorFlow.",
        }[method]
    )


@pytest.mark.parametrize(
    ("program", "longest", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", 60.0, "its trial crashed (SIGSEGV)"),
        ("import os; os.abort()", 60.0, "its trial crashed (SIGABRT)"),
        ("import time; time.sleep(60)", 1.0, "its trial did not end within 1 s"),
    ],
)
def test_a_crash_of_the_library_reaches_nobody(
    program: str,
    longest: float,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda command, **options: real([command[0], "-c", program], **options),
    )
    monkeypatch.setattr(conversion, "_LONGEST_TRIAL", longest)
    with Explainer(networks.pooled_network(), engine="openvino") as explainer:
        assert explainer.explain(networks.picture()).has_evidence
        assert "OpenVINO" not in explainer.describe()
    assert caplog.messages[1:] == [f"pooled, gradcam: computed by TensorFlow, because {reason}"]


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.kill(os.getpid(), 9)",
        pytest.param("import sys; sys.exit(3)", marks=pytest.mark.runtimes),
    ],
)
def test_a_trial_that_somebody_ends_is_tried_again_at_the_next_start(
    program: str, network_file: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    real = subprocess.Popen
    with monkeypatch.context() as patched:
        patched.setattr(
            subprocess,
            "Popen",
            lambda command, **options: real([command[0], "-c", program], **options),
        )
        with loading.load_explainer(settings, SIZE, print) as explainer:
            assert "OpenVINO" not in explainer.describe()
    assert not list((own_cache / "graphs").iterdir())
    with loading.load_explainer(settings, SIZE, print) as explainer:
        assert "OpenVINO" in explainer.describe()


@pytest.mark.runtimes
def test_the_trial_hears_no_ctrl_c_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("only on Linux and macOS: groups of processes")
    groups: list[int] = []
    sessions: list[int] = []
    real = subprocess.Popen

    def watched(command: list[str], **options: Any) -> Any:
        process = real(command, **options)
        groups.append(os.getpgid(process.pid))
        sessions.append(os.getsid(process.pid))
        return process

    monkeypatch.setattr(subprocess, "Popen", watched)
    with Explainer(networks.pooled_network(), engine="openvino", precision="f32") as explainer:
        assert "OpenVINO" in explainer.describe()
    assert groups
    assert os.getpgid(0) not in groups
    # Linux shares the processor out among sessions, and low priority counts inside one only.
    assert set(sessions) == {os.getsid(0)}


@pytest.mark.runtimes
def test_the_processes_have_the_priority_that_is_set(
    key: ModelKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("only on Linux and macOS: priorities from -20 to 19")
    monkeypatch.setattr(conversion, "PRIORITY", 17)
    told = tmp_path / "told"
    program = (
        f"import os, time; time.sleep(1); open({str(told)!r}, 'a').write(f'{{os.nice(0)}} '); os.abort()"
    )
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **o: real([command[0], "-c", program], **o))
    for source in (key, TensorFlowCompiler(lg.load_model(networks.stage_network()))):
        folder = tmp_path / type(source).__name__
        folder.mkdir()
        conversion.convert(source, spec_of("gradcam"), folder, lambda: False, checks_half=False)
    assert told.read_text().split() == ["17", "17"]


def spec_of(method: str, size: tuple[int, int] = SIZE) -> GraphSpec:
    return GraphSpec(methods=(method_named(method),), layers=None, input_size=size)


def test_the_head_is_kept_with_the_graph(in_this_process: None, tmp_path: Path) -> None:
    del in_this_process
    network = networks.stage_network()
    model = lg.load_model(network, preprocess="unit")
    spec = replace(spec_of("gradcam"), activation=True)
    store = GraphStore(tmp_path / "graphs")
    with store.new() as folder:
        record = conversion.convert(TensorFlowCompiler(model), spec, folder, lambda: False, checks_half=False)
        store.keep("k", folder, record)
    found = store.find("k")
    assert found is not None
    kernel, bias = network.layers[-1].get_weights()
    head = found[1].facts.head
    assert head is not None
    np.testing.assert_array_equal(head.weights, kernel)
    np.testing.assert_array_equal(head.bias, bias)
    (found[0] / "head.npz").unlink()
    assert store.find("k") is None, "a graph without its head is damaged"


@pytest.mark.runtimes
def test_a_graph_without_the_activation_has_no_head(in_this_process: None, tmp_path: Path) -> None:
    del in_this_process
    model = lg.load_model(networks.stage_network(), preprocess="unit")
    _, graph = converted(model, spec_of("gradcam"), tmp_path)
    assert graph.facts.head is None
    assert not (tmp_path / "head.npz").exists()


@pytest.fixture
def key(network_file: Path) -> ModelKey:
    found = key_of(ExplainSettings(model=str(network_file)))
    assert found is not None
    return found


@pytest.mark.runtimes
def test_another_process_traces_the_same_graph(key: ModelKey, network_file: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    spec = replace(spec_of("hirescam"), layers=("second",), targets=2, channels=3)
    records = []
    for folder, source in ((here, TensorFlowCompiler(lg.load_model(network_file))), (there, key)):
        folder.mkdir()
        records.append(conversion.convert(source, spec, folder, lambda: False, checks_half=False))
    ours, theirs = (replace(record, trial=Trial()) for record in records)
    assert [record.trial.refused for record in records] == ["", ""]
    assert ours == theirs
    assert ours.facts.layer == "second"
    assert {file.name for file in here.iterdir()} == {file.name for file in there.iterdir()}
    assert (here / "graph.bin").read_bytes() == (there / "graph.bin").read_bytes()
    assert operations_in(here / "graph.xml") == operations_in(there / "graph.xml")


def operations_in(network: Path) -> list[tuple[Any, ...]]:
    """Each operation's type, name, settings and inputs; their order in the file varies between conversions."""
    root = ElementTree.parse(network).getroot()
    names = {layer.get("id"): layer.get("name") for layer in root.iter("layer")}
    inputs: dict[str | None, list[tuple[Any, ...]]] = {name: [] for name in names.values()}
    for edge in root.iter("edge"):
        origin = names[edge.get("from-layer")], edge.get("from-port")
        inputs[names[edge.get("to-layer")]].append((int(edge.get("to-port", "0")), *origin))
    found = []
    for layer in root.iter("layer"):
        data = layer.find("data")
        settings = {} if data is None else {key: value for key, value in data.items() if key != "offset"}
        name = layer.get("name")
        found.append((layer.get("type"), name, sorted(settings.items()), sorted(inputs[name])))
    assert len(found) > 20
    return sorted(found, key=str)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_model_that_can_be_loaded_again_is_traced_for_openvino_in_another_process(
    remembered: bool, network_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[Any] = []
    done = threading.Event()

    def convert(source: Any, *_: Any, **__: Any) -> Any:
        sources.append(source)
        done.set()
        raise lg.ModelError("not now")

    monkeypatch.setattr(compiler, "convert", convert)
    model = str(network_file) if remembered else networks.stage_network()
    settings = ExplainSettings(model=model, engine="auto", precision="f32")
    with loading.load_explainer(settings, SIZE, print) as explainer:
        while not done.is_set():
            explainer.explain(networks.picture(32, 32))
    assert [type(source) for source in sources] == [ModelKey if remembered else TensorFlowCompiler]


@pytest.mark.runtimes
def test_a_file_that_changed_after_it_was_loaded_is_not_converted(
    key: ModelKey, network_file: Path, tmp_path: Path
) -> None:
    networks.residual_network().save(network_file)
    with pytest.raises(lg.ModelError, match=r"^its files have changed since it was loaded\.$"):
        conversion.convert(key, spec_of("gradcam"), tmp_path, lambda: False, checks_half=False)
    network_file.unlink()
    with pytest.raises(lg.ModelError, match=r"stage\.keras"):
        conversion.convert(key, spec_of("gradcam"), tmp_path, lambda: False, checks_half=False)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "its conversion crashed (SIGABRT)"),
        ("import time; time.sleep(60)", "its conversion did not end within 1 s"),
    ],
)
def test_a_crash_in_the_process_that_traces_is_recorded(
    program: str, reason: str, key: ModelKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **o: real([command[0], "-c", program], **o))
    monkeypatch.setattr(conversion, "_LONGEST_TRIAL", 1.0)
    record = conversion.convert(key, spec_of("gradcam"), tmp_path, lambda: False, checks_half=False)
    assert record.trial == Trial(refused=reason)
    kept = GraphStore(tmp_path / "graphs")
    with kept.new() as folder:
        kept.keep("k", folder, record)
    found = kept.find("k")
    assert found is not None
    assert found[1] == record


@pytest.mark.runtimes
@pytest.mark.usefixtures("in_this_process")
def test_other_labels_take_the_same_graph(
    network_file: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    names = tmp_path / "labels.txt"
    names.write_text("a\nb\nc\nd\ne\nf\n")
    picture = networks.picture(32, 32)
    with loading.load_explainer(settings, SIZE, print) as explainer:
        first = explainer.explain(picture)
    monkeypatch.setattr(compiler, "convert", None)  # nothing is converted again
    names.write_text("A\nB\nC\nD\nE\nFF\n")
    with loading.load_explainer(settings, SIZE, print) as explainer:
        assert "OpenVINO" in explainer.describe()
        second = explainer.explain(picture)
    assert second.target.label.casefold()[0] == first.target.label
    assert second.target.label.isupper()
    np.testing.assert_array_equal(second.raw_heatmap, first.raw_heatmap)
    assert len(list((own_cache / "graphs").iterdir())) == 1


def test_labels_that_decide_the_task_are_part_of_the_key(network_file: Path) -> None:
    model = replace(lg.load_model(network_file), key=key_of(ExplainSettings(model=str(network_file))))
    keys = []
    for names in ("abcdef", "ghijkl", "abcde", ["x", "y", "w", "h", "age", "depth"], ["a [m]", *"bcdef"]):
        labelled = replace(model, evidence=replace(model.evidence, labels=labels_from(list(names))))
        made = OpenVINOCompiler(labelled, runtime="openvino", precision="f32")
        keys.append(made._key(spec_of("gradcam")))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_a_graph_with_a_method_of_somebody_else_is_not_kept_because_its_formula_may_change(
    network_file: Path,
) -> None:
    def mine(activations: Any, _: Any) -> Any:
        return activations[..., 0]

    model = replace(lg.load_model(network_file), key=key_of(ExplainSettings(model=str(network_file))))
    compiler = OpenVINOCompiler(model, runtime="openvino", precision="f32")
    spec = spec_of("gradcam")
    assert compiler._key(spec) is not None
    assert compiler._key(replace(spec, methods=(*spec.methods, method_of(mine)))) is None


@pytest.mark.usefixtures("in_this_process")
def test_a_graph_with_other_maps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(graph: Any, spec: GraphSpec, path: Path) -> None:
        real(graph, spec, path)
        with np.load(path) as stored:
            changed = dict(stored)
        changed["raw"] = changed["raw"] * 1.001
        np.savez(path, allow_pickle=False, **changed)

    real = freezing._write_examples
    monkeypatch.setattr(freezing, "_write_examples", written)
    model = lg.load_model(networks.pooled_network())
    spec = GraphSpec(methods=(method_named("gradcam"),), layers=None, input_size=(16, 16))
    record = conversion.convert(TensorFlowCompiler(model), spec, tmp_path, lambda: False, checks_half=False)
    assert record.trial.refused == "OpenVINO's maps differ from TensorFlow's by 1.0e-03 of the peak"
    assert not list(tmp_path.iterdir())  # nothing but the record, which the store writes, is worth keeping


@pytest.fixture
def automatic(network_file: Path) -> Iterator[tuple[ExplainSettings, Explainer]]:
    settings = ExplainSettings(model=str(network_file), engine="auto", precision="f32")
    explainer = loading.load_explainer(settings, SIZE, print)
    yield settings, explainer
    explainer.close()


def test_auto_answers_with_tensorflow_until_openvino_is_ready_and_keeps_it(
    automatic: tuple[ExplainSettings, Explainer], network_file: Path, own_cache: Path
) -> None:
    settings, explainer = automatic
    picture = networks.picture(32, 32)
    first = explainer.explain(picture)
    until = time.monotonic() + 60
    while "OpenVINO" not in explainer.describe() and time.monotonic() < until:
        explainer.explain(picture)
        time.sleep(0.05)
    second = explainer.explain(picture)
    assert "OpenVINO" in explainer.describe()
    assert explainer.traces == 1
    np.testing.assert_allclose(second.raw_heatmap, first.raw_heatmap, atol=1e-4 * first.raw_heatmap.max())
    explainer.close()
    (kept,) = (own_cache / "graphs").iterdir()
    assert {path.name for path in kept.iterdir()} >= {"graph.xml", "graph.bin", "record.json"}
    assert not (kept / "graph.pb").exists()

    again, device = loading.load_chosen(settings)
    assert isinstance(again, RememberedModel)
    assert device == "CPU"
    assert again.labels.names == explainer.labels.names
    assert again.weights_sha256() == explainer.model.weights_sha256()
    later = loading.load_explainer(settings, SIZE, print)
    assert "OpenVINO" in later.describe()
    np.testing.assert_allclose(
        later.explain(picture).raw_heatmap, second.raw_heatmap, atol=1e-6 * second.raw_heatmap.max()
    )
    network_file.touch()
    assert isinstance(loading.load_chosen(settings)[0], lg.Model)


SHOWN = """
import sys
from live_gradcam.cli import main
code = main(sys.argv[1:])
print("TensorFlow" if "tensorflow" in sys.modules else "OpenVINO alone")
sys.exit(code)
"""


@pytest.mark.runtimes
def test_the_next_start_needs_no_tensorflow_and_shows_the_same(network_file: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "home")}
    environment.pop(compilers.VARIABLE, None)
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), networks.picture(64, 64))
    said, told, heat = [], [], []
    for number in range(2):
        snapshot = tmp_path / f"{number}.png"
        typed = [
            "live",
            "-s",
            str(picture),
            "-m",
            str(network_file),
            # `auto` would end before the conversion does, if others use the processor.
            *("--no-window", "--verbose", "--engine", "openvino", "--precision", "f32"),
            "--snapshot",
            str(snapshot),
        ]
        done = subprocess.run(
            [sys.executable, "-c", SHOWN, *typed],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        said.append(done.stdout.splitlines())
        told.append(done.stderr)
        drawn = cv2.imread(str(tmp_path / f"{number}.heat.png"), cv2.IMREAD_UNCHANGED)
        assert drawn is not None
        heat.append(drawn)
    assert [lines[-1] for lines in said] == ["TensorFlow", "OpenVINO alone"], told
    assert said[0][-3] == said[1][-3]
    assert heat[0].any()
    assert np.abs(heat[0].astype(int) - heat[1]).max() <= 1e-4 * heat[0].max() + 1


def test_slow_openvino_is_not_taken() -> None:
    measured = Trial(milliseconds={"tensorflow": 30.0, "f32": 34.0, "bf16": 15.0})
    assert chosen(measured, "auto", "auto") is None
    assert chosen(measured, "openvino", "auto") == "f32"
    assert chosen(replace(measured, milliseconds={"tensorflow": 30.0, "f32": 33.0}), "auto", "f32") == "f32"
    assert chosen(replace(measured, milliseconds={"tensorflow": 1.0, "f32": 2.9}), "auto", "f32") == "f32"
    assert chosen(replace(measured, refused="it crashed"), "openvino", "f32") is None


def test_bfloat16_is_taken_where_it_is_asked_for_or_passed_its_check() -> None:
    passed, failed = HalfCheck(64, 64, 64, 0.9995), HalfCheck(64, 63, 64, 0.9995)
    times = {"f32": 4.0, "bf16": 2.0, "tensorflow": 5.0}
    assert chosen(Trial(milliseconds=times, half=passed), "auto", "auto") == "bf16"
    assert chosen(Trial(milliseconds=times, half=failed), "auto", "auto") == "f32"
    for lacking in (replace(passed, correlation=0.998), replace(passed, same_peak=63)):
        assert chosen(Trial(milliseconds=times, half=lacking), "auto", "auto") == "f32"
    assert chosen(Trial(milliseconds={**times, "bf16": 4.5}, half=passed), "auto", "auto") == "f32"
    assert chosen(Trial(milliseconds=times, half=passed), "auto", "f32") == "f32"
    assert chosen(Trial(milliseconds=times, half=failed), "auto", "bf16") == "bf16"
    assert chosen(Trial(milliseconds={"f32": 4.0}), "auto", "bf16") == "f32"  # no such processor


@pytest.mark.runtimes
def test_bfloat16_explains_nearly_the_same() -> None:
    if not has_bf16():
        pytest.skip("only on a processor that computes in bfloat16")
    network = networks.stage_network()
    with Explainer(network, engine="openvino", precision="bf16") as explainer:
        rough = explainer.explain(networks.picture(32, 32))
        assert "bf16" in explainer.describe()
    exact = Explainer(network).explain(networks.picture(32, 32))
    assert np.corrcoef(rough.heatmap.ravel(), exact.heatmap.ravel())[0, 1] > 0.99
    assert (rough.raw_heatmap != exact.raw_heatmap).any()


@pytest.mark.runtimes
@pytest.mark.usefixtures("in_this_process")
def test_a_damaged_graph_is_made_again(network_file: Path, own_cache: Path) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    picture = networks.picture(32, 32)
    with loading.load_explainer(settings, SIZE, print) as explainer:
        wanted = explainer.explain(picture)
    for damage in ("empty record", "no network", "other bytes", "other weights"):
        (kept,) = (own_cache / "graphs").iterdir()
        for blob in kept.glob("*.blob"):
            blob.chmod(0o600)
            blob.unlink()
        if damage == "empty record":
            (kept / "record.json").write_text("{}")
        elif damage == "no network":
            (kept / "graph.xml").unlink()
        elif damage == "other bytes":
            (kept / "graph.xml").write_text("<net>")
        else:
            weights = bytearray((kept / "graph.bin").read_bytes())
            weights[1000:2000] = bytes(each ^ 0x15 for each in weights[1000:2000])
            (kept / "graph.bin").write_bytes(weights)
        with loading.load_explainer(settings, SIZE, print) as explainer:
            found = explainer.explain(picture)
            assert "OpenVINO" in explainer.describe(), damage
        np.testing.assert_array_equal(found.raw_heatmap, wanted.raw_heatmap, err_msg=damage)


@pytest.mark.usefixtures("in_this_process")
def test_warnings_about_a_model_are_repeated_at_the_next_start(
    network_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    loading.load_explainer(settings, SIZE, print).close()
    first = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any("pixels" in line for line in first)
    caplog.clear()
    loading.load_explainer(settings, SIZE, print).close()
    again = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(again) == sorted(first)


def test_the_key_of_a_model_follows_its_files_and_settings(network_file: Path, tmp_path: Path) -> None:
    settings = ExplainSettings(model=str(network_file))
    key = key_of(settings)
    assert key is not None
    assert key == key_of(ExplainSettings(model=str(network_file), method="hirescam", target="2"))
    others = {
        key_of(replace(settings, **changed))
        for changed in ({"preprocess": "tf"}, {"task": "values"}, {"lang": "zh"}, {"output": 0})
    }
    assert len(others) == 4
    assert key not in others
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with_labels = key_of(settings)
    assert with_labels != key
    (tmp_path / "labels.txt").write_text("a\nbb\n")
    assert key_of(settings) not in (with_labels, key)
    assert key_of(ExplainSettings(model=networks.pooled_network())) is None
    assert key_of(ExplainSettings(model="networks:pooled_network")) is None
    assert key_of(ExplainSettings(model=str(network_file), preprocess="networks:picture")) is None


def test_a_loaded_model_with_other_settings_is_another_model(network_file: Path) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    model, _ = loading.load_chosen(settings)
    assert model.key is not None
    assert lg.load_model(model, labels=[f"name {number}" for number in range(6)]).key is None


@pytest.mark.usefixtures("in_this_process")
def test_a_folder_that_cannot_be_written_to_costs_nothing_but_the_next_start(
    network_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    compiler = OpenVINOCompiler(
        replace(lg.load_model(network_file), key=key_of(ExplainSettings(model=str(network_file)))),
        runtime="openvino",
        precision="f32",
        store=GraphStore(tmp_path / "file" / "graphs"),
        memory=ModelMemory(tmp_path / "file" / "models"),
    )
    spec = GraphSpec(methods=(method_named("gradcam"),), layers=None, input_size=SIZE)
    graph = compiler.compile(spec, freeze=True)
    assert "OpenVINO" in graph.describe()
    (folder,) = compiler._folders
    assert folder.exists()
    compiler.close()
    assert not folder.exists()


def test_the_oldest_graphs_go_where_there_are_many_or_large_ones_and_what_was_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = GraphStore(tmp_path)
    record = GraphRecord(
        Ports({}, {}, {}), GraphFacts("l", "classes", 2, (), COVERING), 1, Trial(refused="x")
    )
    abandoned = tmp_path / ".old.part"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))

    def keep(key: str, size: int, used: float) -> None:
        with kept.new() as folder:
            (folder / "graph.bin").write_bytes(bytes(size))
            place = kept.keep(key, folder, record)
        os.utime(place, (used, used))

    now = time.time()
    keep("oldest", 10, now - 300)
    keep("large", 6000, now - 200)
    keep("newest", 10, now - 100)
    assert not abandoned.exists()
    monkeypatch.setattr(store, "MOST_BYTES", 6000)
    keep("small", 10, now)
    assert {each.name for each in tmp_path.iterdir()} == {"newest", "small"}
    monkeypatch.setattr(store, "MOST_KEPT", 1)
    keep("last", 10, now)
    assert kept.find("small") is None
    assert kept.find("last") == (tmp_path / "last", record)


@pytest.mark.usefixtures("in_this_process")
def test_a_damaged_memory_of_a_model_is_written_again(network_file: Path, own_cache: Path) -> None:
    settings = ExplainSettings(model=str(network_file), engine="openvino", precision="f32")
    loading.load_explainer(settings, SIZE, print).close()
    (memory,) = (own_cache / "models").iterdir()
    whole = memory.read_bytes()
    memory.write_bytes(whole[:100])
    loading.load_explainer(settings, SIZE, print).close()
    assert memory.read_bytes() == whole
    assert isinstance(loading.load_chosen(settings)[0], RememberedModel)


def test_closing_stops_a_conversion_at_once(network_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    started: list[Any] = []

    def slow(command: list[str], **options: Any) -> Any:
        started.append(real([command[0], "-c", "import time; time.sleep(60)"], **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", slow)
    settings = ExplainSettings(model=str(network_file), engine="auto", precision="f32")
    explainer = loading.load_explainer(settings, SIZE, print)
    until = time.monotonic() + 60
    while not started and time.monotonic() < until:
        explainer.explain(networks.picture(32, 32))
    began = time.monotonic()
    explainer.close()
    assert time.monotonic() - began < 0.8
    assert started[0].wait(5) != 0
    assert isinstance(next(iter(explainer._engine.graphs.values())), ReplaceableGraph)
    assert explainer.explain(networks.picture(32, 32)).has_evidence
