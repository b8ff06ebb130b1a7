"""Exported files: equal to the explainer, with all that is needed to use them, and never half written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import onnx
import onnxruntime
import pytest

import live_gradcam as lg
from live_gradcam.cli import main
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.export import any_batch, exporter, onnx_operations
from live_gradcam.explain.export.exporter import EXPORTED, Export, export
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.openvino import conversion

pytest_plugins = ["exported"]

OUTPUTS = ["scores", "heatmap", "class_id"]


def run(done: Export, pictures: Any) -> list[Any]:
    """Run a file on pictures (N, H, W, 3) uint8 RGB, as somebody without this program does."""
    if done.files[0].suffix == ".onnx":
        session = onnxruntime.InferenceSession(str(done.files[0]), providers=["CPUExecutionProvider"])
        return list(session.run(OUTPUTS, {"image": pictures}))
    from openvino import Core

    results = Core().compile_model(str(done.files[0]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(pictures)
    return [np.array(results[name]) for name in OUTPUTS]


def mirrored_network() -> Any:
    """A network that mirrors its input, so that its feature map is mirrored, too."""
    keras.utils.set_random_seed(3)
    image = keras.Input((16, 16, 3))
    x = keras.ops.flip(image, axis=2)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="features")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, activation="softmax", kernel_initializer="random_normal")(x)
    return keras.Model(image, x, name="mirrored")


def pooling_network() -> Any:
    """A largest pooling after the explained layer, and a depthwise convolution."""
    keras.utils.set_random_seed(21)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="features")(image)
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", activation="swish")(x)
    x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(5, activation="softmax", kernel_initializer="random_normal")(x)
    return keras.Model(image, x, name="pooling")


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    **{name: (networks.stage_network, {"method": name}) for name in EXPORTED},
    "a layer in the middle": (networks.stage_network, {"layer": "second", "method": "hirescam"}),
    "second derivatives": (mirrored_network, {"method": "shapley-cam", "score": "probability"}),
    "second derivatives of pooling": (pooling_network, {"method": "shapley-cam", "score": "probability"}),
    "several layers": (networks.stage_network, {"layer": "first,third", "fusion": "max"}),
    "the product of layers": (networks.stage_network, {"layer": "first,third", "fusion": "product"}),
    "flipped and enlarged copies": (networks.stage_network, {"smooth": "augment"}),
    "the probability": (networks.stage_network, {"score": "probability", "method": "finercam"}),
    "a named class": (networks.stage_network, {"target": 4}),
    "the second": (networks.stage_network, {"target": "#2"}),
    "a contrast": (networks.stage_network, {"target": "1 - 3"}),
    "a contrast with rivals": (networks.stage_network, {"target": "2 -", "strength": 0.8, "rivals": 2}),
    "a residual network": (networks.residual_network, {"method": "layercam"}),
    "a flattened network": (networks.flattened_network, {"method": "hirescam"}),
    "a subclassed network": (networks.subclassed_network, {}),
    "poolings": (pooling_network, {"layer": "features", "method": "hirescam"}),
    "tokens": (lambda: networks.token_network(True, 0), {"method": "hirescam"}),
    "merged tokens": (networks.swin_like_network, {}),
    "labels": (networks.sigmoid_network, {"labels": ["a", "b"]}),
    "several labels": (
        lambda: networks.headed_network(3, keras.layers.Activation("sigmoid")),
        {"task": "multi-label"},
    ),
    "places": (networks.segmentation_network, {}),
    "values": (lambda: networks.headed_network(3), {"task": "values", "labels": ["age (years)", "b", "c"]}),
    "what lowers a value": (
        lambda: networks.headed_network(1),
        {"task": "values", "labels": ["x"], "target": "x -"},
    ),
    "one of several outputs": (networks.two_headed_network, {"output": "place"}),
    "a fixed second input": (networks.two_input_network, {"inputs": {"facts": "1,0.5,-1"}}),
    "a mirrored network": (mirrored_network, {"layer": "features"}),
    "another preprocessing": (networks.pooled_network, {"preprocess": "imagenet-caffe"}),
    "colours": (networks.colour_network, {"preprocess": "unit"}),
}


IN_OPENVINO = ("gradcam++", "several layers", "poolings", "tokens", "a contrast", "values")
"""Of both formats these are tested as OpenVINO's, too."""

USUAL = {
    ("gradcam", ".onnx"),
}
"""What the usual suite tests; the others are in the group `runtimes`."""


@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("case", "suffix"),
    [
        pytest.param(*each, marks=() if each in USUAL else pytest.mark.runtimes)
        for each in [*((case, ".onnx") for case in CASES), *((case, ".xml") for case in IN_OPENVINO)]
    ],
)
def test_a_file_gives_the_scores_and_maps_of_the_explainer(case: str, suffix: str, tmp_path: Path) -> None:
    make, settings = CASES[case]
    network = make()
    done = export(ExplainSettings(model=network, **settings), tmp_path / f"cam{suffix}")
    assert done.any_batch, done.reason

    loading = {
        name: settings[name]
        for name in ("labels", "task", "output", "inputs", "preprocess")
        if name in settings
    }
    asking = {name: value for name, value in settings.items() if name not in loading}
    model = lg.load_model(network, **loading)
    explainer = Explainer(model, fit="stretch", **asking)
    height, width = model.input_size
    pictures = np.stack([networks.picture(height, width, seed) for seed in range(5)])
    explanations = [explainer.explain(picture) for picture in pictures]
    for first, last in ((0, 1), (1, 2), (0, 2), (0, 5)):
        scores, heatmaps, ids = run(done, np.ascontiguousarray(pictures[first:last, ..., ::-1]))
        assert (scores.dtype, heatmaps.dtype, ids.dtype) == (np.float32, np.float32, np.int64)
        for score, heat, number, wanted in zip(scores, heatmaps, ids, explanations[first:last], strict=True):
            np.testing.assert_allclose(heat, wanted.heatmap, atol=1e-4)
            assert number == wanted.target.class_id  # type: ignore[union-attr]  # no score function
            for each in wanted.top:
                said = each.value if wanted.task == "values" else each.probability
                assert score[each.class_id] == pytest.approx(said, abs=1e-4)
    assert any(each.heatmap.any() for each in explanations)


@pytest.mark.runtimes
@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("name", sorted(exporter._EIGENVALUES))
def test_a_method_that_is_refused_for_its_eigenvalues_cannot_be_converted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert method_named(name).one_pass
    monkeypatch.setattr(exporter, "EXPORTED", METHODS)
    with pytest.raises(LiveGradcamError, match="OpenVINO has no rule for SelfAdjointEig"):
        export(ExplainSettings(model=networks.stage_network(), method=name), tmp_path / "cam.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_gives_nan_is_refused(tmp_path: Path) -> None:
    network = networks.stage_network()
    weights = network.get_weights()
    weights[-1][:] = np.nan
    network.set_weights(weights)
    with pytest.raises(LiveGradcamError, match="gives NaN or infinity for pictures of the check"):
        export(ExplainSettings(model=network), tmp_path / "cam.onnx")
    assert not list(tmp_path.iterdir())


def test_every_method_of_one_pass_is_exported_or_needs_eigenvalues() -> None:
    assert {*EXPORTED, *exporter._EIGENVALUES} == {name for name in METHODS if method_named(name).one_pass}


@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.runtimes
def test_a_picture_without_evidence_has_a_map_of_zeros(tmp_path: Path) -> None:
    network = networks.stage_network()
    kernel, bias = network.get_layer("third").get_weights()
    network.get_layer("third").set_weights([np.zeros_like(kernel), bias])
    done = export(ExplainSettings(model=network), tmp_path / "cam.onnx")
    _, heatmaps, _ = run(done, networks.picture(32, 32)[None])
    assert not heatmaps.any()
    assert np.isfinite(heatmaps).all()


@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    names = ["red, really", "grün", "蓝", "d", "e", "f"]
    settings = ExplainSettings(model=networks.stage_network(), labels=names, target="grün", method="hirescam")
    export(settings, tmp_path / "cam.onnx")
    model = onnx.load(tmp_path / "cam.onnx")
    onnx.checker.check_model(model, full_check=True)
    facts = {each.key: each.value for each in model.metadata_props}
    assert json.loads(facts["labels"]) == names
    assert json.loads(facts["input_size"]) == [32, 32]
    assert json.loads(facts["map_extent"]) == pytest.approx([0, 0, 1, 1], abs=0.3)
    expected = {
        "live_gradcam": lg.__version__,
        "model": "stage",
        "task": "classes",
        "method": "hirescam",
        "layer": "third",
        "target": "grün",
        "score": "logit",
        "fusion": "mean",
        "smooth": "none",
        "preprocessing": "unit, inside the file",
        "colour_order": "RGB",
        "fit": "crop",
        "batch": "any",
    }
    assert {name: facts[name] for name in expected} == expected
    assert model.producer_name == "live-gradcam"
    shapes = {
        each.name: [length.dim_param or length.dim_value for length in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "image": ["N", 32, 32, 3],
        "scores": ["N", 6],
        "heatmap": ["N", 4, 4],
        "class_id": ["N"],
    }
    assert all(each.doc_string for each in (*model.graph.input, *model.graph.output))
    assert {each.domain for each in model.opset_import} == {""}  # nothing that only one runtime has

    export(settings, tmp_path / "cam.xml")
    from openvino import Core

    network = Core().read_model(str(tmp_path / "cam.xml"))
    told = network.get_rt_info("live_gradcam")
    assert {name: str(told[name]) for name in facts} == facts
    assert [each.get_any_name() for each in network.outputs] == OUTPUTS
    assert network.input().get_any_name() == "image"


@pytest.mark.runtimes
@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
def test_a_network_for_one_picture_makes_a_file_for_one_and_says_so(tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3), batch_size=1)
    x = keras.layers.Conv2D(4, 3, activation="tanh", name="features")(image)
    x = keras.layers.Reshape((14 * 14, 4))(x)
    x = keras.ops.reshape(x, (1, 14 * 14 * 4))
    x = keras.layers.Dense(3, activation="softmax", kernel_initializer="random_normal")(x)
    network = keras.Model(image, x, name="single")
    done = export(ExplainSettings(model=network, layer="features"), tmp_path / "cam.onnx")
    assert not done.any_batch
    assert done.reason
    picture = networks.picture(16, 16)
    _, (heat,), _ = run(done, picture[None, ..., ::-1])
    wanted = Explainer(network, layer="features", fit="stretch").explain(picture)
    np.testing.assert_allclose(heat, wanted.heatmap, atol=1e-4)
    assert heat.any()
    facts = {each.key: each.value for each in onnx.load(tmp_path / "cam.onnx").metadata_props}
    assert facts["batch"] == "1"


def wrong(graph: Any, node: Any) -> str:
    return str(graph.add("Sub", graph.input(node, 0), graph.input(node, 1)))


@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.runtimes
def test_a_file_that_gives_other_numbers_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(onnx_operations._RULES, "Add", wrong)
    with pytest.raises(
        LiveGradcamError, match=r"stage cannot be exported: scores .* differs from TensorFlow's by"
    ):
        export(ExplainSettings(model=networks.stage_network()), tmp_path / "cam.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.runtimes
@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
def test_an_operation_that_is_not_known_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(onnx_operations._RULES, "Softmax")
    with pytest.raises(LiveGradcamError, match=r"stage cannot be exported: ONNX .* operation Softmax"):
        export(ExplainSettings(model=networks.stage_network()), tmp_path / "cam.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.runtimes
@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
def test_a_batch_that_gives_other_numbers_makes_a_file_for_one_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_row(fewer: Any, _more: Any, count: Any) -> Any:
        from openvino import opset14 as ops

        return ops.add(
            ops.constant(fewer), ops.convert(ops.multiply(count, np.array([0])), fewer.dtype)
        ).output(0)

    monkeypatch.setattr(any_batch, "_for_any", first_row)
    done = export(ExplainSettings(model=networks.stage_network()), tmp_path / "cam.onnx")
    assert not done.any_batch
    assert len(run(done, networks.picture(32, 32)[None])) == 3


REFUSED: dict[str, tuple[list[str], str]] = {
    "a method of many passes": (
        ["--method", "scorecam"],
        "scorecam cannot be exported, because it takes many passes",
    ),
    "eigenvalues": (["--method", "eigencam"], "eigencam cannot be exported, because it needs eigenvalues"),
    "an unknown ending": (
        ["--out", "cam.tflite"],
        "must end in .onnx, in .xml for OpenVINO's format, or in .html",
    ),
    "a missing folder": (["--out", "none/cam.onnx"], "there is no folder 'none'. Make it first."),
    "a lock": (["--target", "lock"], "the target 'lock' follows a film"),
    "a score function": (["--target", "numpy:sum"], "a score function of your own cannot be exported"),
    "an unknown model": (["vgg61"], "Did you mean vgg16"),
    "an unknown class": (["--target", "tabbi"], "Did you mean tabby"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_refused_in_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in arguments else ["--out", "cam.onnx"]
    assert main(["export", *arguments, *out]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())


@pytest.mark.runtimes
def test_who_interrupts_is_told_that_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(conversion, "run_apart", interrupted)
    monkeypatch.chdir(tmp_path)
    keras.saving.save_model(networks.pooled_network(), "small.keras")
    assert main(["export", "small.keras", "--preprocess", "unit", "--out", "cam.onnx"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == "live-gradcam: interrupted: 'cam.onnx' was not written."
    assert [path.name for path in tmp_path.iterdir()] == ["small.keras"]


def test_the_model_is_named_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "vgg16", "--model", "vgg19", "--out", "cam.onnx"]) == 2
    assert "the model is given twice: 'vgg16' and --model 'vgg19'" in capfd.readouterr().err


@pytest.mark.parametrize(("name", "there"), [("cam.onnx", "cam.onnx"), ("cam.xml", "cam.bin")])
def test_a_file_that_exists_is_replaced_only_if_that_is_asked_for(
    name: str, there: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / there).write_text("mine")
    assert main(["export", "--out", str(tmp_path / name)]) == 1
    assert "it exists. Choose another name, or use --overwrite." in capfd.readouterr().err
    assert (tmp_path / there).read_text() == "mine"


def test_packages_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = exporter.importlib.util.find_spec  # type: ignore[attr-defined]
    monkeypatch.setattr(
        exporter.importlib.util,  # type: ignore[attr-defined]
        "find_spec",
        lambda name: None if name.startswith("onnx") else found(name),
    )
    assert main(["export", "--out", str(tmp_path / "cam.onnx")]) == 1
    said = capfd.readouterr().err
    assert "(onnx, onnxruntime)" in said
    assert "pip install 'live-gradcam[export]'" in said


@pytest.mark.runtimes
def test_a_disk_that_is_full_leaves_nothing(small_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--out", str(small_disk / "cam.onnx")]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert not list(small_disk.iterdir())


@pytest.mark.runtimes
def test_a_saved_network_is_exported_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    networks.stage_network().save("stage.keras")
    Path("stage.txt").write_text("\n".join("abcdef"))
    assert main(["export", "stage.keras", "--preprocess", "unit", "--target", "c", "-o", "cam.onnx"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("cam.onnx: 0.0 MB, image uint8 (N, 32, 32, 3) RGB to scores float32 (N, 6), ")
    assert {each.name for each in tmp_path.iterdir()} == {"stage.keras", "stage.txt", "cam.onnx"}
    facts = onnxruntime.InferenceSession("cam.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(facts["labels"]) == [*"abcdef"]
    assert facts["target"] == "c"
