"""Compares TensorFlow and OpenVINO: what a prediction and an explanation cost, and how far the maps differ.

.venv/bin/python scripts/engines.py [--seconds 6] [--models MobileNetV2,VGG16] [--methods] [--json FILE]

All of a network's variants run in turn, 224×224 unless the network says otherwise. The weights are random, except for
the default network's. It ends with an error if a map in f32 differs from TensorFlow's by more than 1e-4 of the peak.
The figures stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import live_gradcam as lg
from live_gradcam.explain.array_types import Pictures
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.openvino.check_pictures import check_pictures
from live_gradcam.explain.openvino.conversion import convert
from live_gradcam.explain.openvino.freezing import leading_to
from live_gradcam.explain.openvino.graph import OpenVINOGraph
from live_gradcam.explain.openvino.library import NumberFormat, compiled, core, has_bf16
from live_gradcam.explain.runtime import CompiledGraph
from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler
from live_gradcam.models.type_names import Tensor
from live_gradcam.timing import interleaved_ms

NETWORKS = (
    "efficientnet-lite0",
    "MobileNetV2",
    "EfficientNetB0",
    "ResNet50",
    "DenseNet121",
    "ConvNeXtTiny",
    "VGG16",
)
MOST_ERROR = 1e-4
ONE_PASS = tuple(name for name in METHODS if method_named(name).one_pass)


def main() -> int:
    """Measure, print tables, and return 1 if a map is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6, help="how long to measure each network")
    parser.add_argument("--models", default=",".join(NETWORKS))
    parser.add_argument("--methods", action="store_true", help="compare the methods of one pass, too")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    arguments = parser.parse_args()
    rows, wrong = {}, False
    for name in arguments.models.split(","):
        model = network(name)
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = row = measure(model, Path(folder), arguments.seconds)
        print(name, json.dumps({key: round(value, 8) for key, value in row.items()}), flush=True)
        wrong |= row["error"] > MOST_ERROR
    print_table(rows)
    if arguments.methods:
        for name in arguments.models.split(","):
            wrong |= not compare_methods(name, arguments.seconds)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(wrong)


def network(name: str) -> lg.Model:
    """Return a network of EfficientNet-Lite with its weights, or one of Keras's with random weights."""
    if name.startswith("efficientnet-lite"):
        return lg.load_model(name)
    keras.utils.set_random_seed(0)
    return lg.load_model(getattr(keras.applications, name)(weights=None))


def spec_of(model: lg.Model, *methods: str) -> GraphSpec:
    """Return the specification of a graph of these methods at the usual layer."""
    return GraphSpec(
        methods=tuple(map(method_named, methods)),
        layers=None if model.layer is None else (model.layer,),
        input_size=model.input_size,
    )


def measure(model: lg.Model, folder: Path, seconds: float) -> dict[str, float]:
    """Return medians in milliseconds, and the largest difference of a map in parts of the peak."""
    spec = spec_of(model, "gradcam")
    compiler = TensorFlowCompiler(model)
    theirs = compiler.compile(spec, freeze=True)
    formats: tuple[NumberFormat, ...] = ("f32", "bf16") if has_bf16() else ("f32",)
    record = convert(compiler, spec, folder, lambda: False, checks_half="bf16" in formats)
    if record.trial.refused:
        sys.exit(f"{model.name} does not convert: {record.trial.refused}")
    graphs = {each: OpenVINOGraph(folder, record, each, model.name) for each in formats}
    picture = check_pictures(1, *spec.input_size)
    given = picture, np.array([[[-1, -1_000_000]]], np.int32), np.zeros((1, 1), np.float32)
    pixels, forward = bare(model, folder / "bare.pb", picture)
    runs: dict[str, Callable[[], Any]] = {
        "tensorflow": lambda: forward(pixels),
        "explained": lambda: theirs.run(*given),
    }
    for each in formats:
        request = compiled(core().read_model(str(folder / "bare.pb")), each).create_infer_request()
        request.get_input_tensor().data[:] = pixels.numpy()
        runs[f"bare {each}"] = request.infer
        runs[f"graph {each}"] = partial(graphs[each].run, *given)
    with Explainer(model, engine="openvino", precision="f32") as explainer:
        frame = np.ascontiguousarray(picture[0])
        runs["explain f32"] = lambda: explainer.explain(frame)
        medians, _ = interleaved_ms(runs, seconds, warm=True)
    return {**medians, "error": error(graphs["f32"], theirs, spec)}


def bare(model: lg.Model, path: Path, picture: Pictures) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Write the network's forward pass alone; return preprocessed pixels, and the pass as TensorFlow runs it."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    net = model.network_at(*picture.shape[1:3])
    pixels = model.preprocessing(tf.constant(picture))
    function = tf.function(
        lambda x: model.forward(net, x), [tf.TensorSpec(pixels.shape, pixels.dtype)], autograph=False
    )
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    definition = leading_to({frozen.outputs[0].op.name}, frozen.graph.as_graph_def())
    path.write_bytes(definition.SerializeToString())
    return pixels, function


def error(ours: CompiledGraph, theirs: CompiledGraph, spec: GraphSpec) -> float:
    """Return the largest difference of a map, in parts of the peak, on twelve pictures."""
    worst = 0.0
    for picture in check_pictures(12, *spec.input_size):
        given = (
            picture[None],
            np.full((1, spec.goals, 2), [-1, -1_000_000], np.int32),
            np.zeros((1, spec.goals), np.float32),
        )
        found, wanted = ours.run(*given).raw, theirs.run(*given).raw
        for one, other in zip(found[0], wanted[0], strict=True):
            worst = max(worst, float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30)))
    return worst


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Print the comparison as Markdown."""
    print(
        "\n| ms | TensorFlow | explained | bare f32 | graph f32 | graph bf16 | graph ÷ bare, f32 | bf16",
        end="",
    )
    print(" | `explain` ÷ bare | explained: f32 ÷ TensorFlow | error f32 |")
    print("|---|" + "---:|" * 10)
    for name, row in rows.items():
        half = row.get("graph bf16", float("nan")), row.get("bare bf16", float("nan"))
        numbers = (row["tensorflow"], row["explained"], row["bare f32"], row["graph f32"], half[0])
        ratios = (
            row["graph f32"] / row["bare f32"],
            half[0] / half[1],
            row["explain f32"] / row["bare f32"],
            row["graph f32"] / row["explained"],
        )
        cells = [
            *(f"{each:.1f}" for each in numbers),
            *(f"{each:.2f}" for each in ratios),
            f"{row['error']:.0e}",
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def compare_methods(name: str, seconds: float) -> bool:
    """Print what each method costs beside the bare pass; return whether all maps in f32 are right."""
    model = network(name)
    compiler = TensorFlowCompiler(model)
    graphs: dict[str, OpenVINOGraph] = {}
    right = True
    with tempfile.TemporaryDirectory() as place:
        for method in ONE_PASS:
            folder = Path(place) / method
            folder.mkdir()
            spec = spec_of(model, method)
            try:
                record = convert(compiler, spec, folder, lambda: False, checks_half=False)
                if record.trial.refused:
                    print(f"{name}, {method}: TensorFlow, because {record.trial.refused}")
                    continue
            except lg.LiveGradcamError as reason:
                print(f"{name}, {method}: {reason}")
                continue
            graphs[method] = OpenVINOGraph(folder, record, "f32", name)
            worst = error(graphs[method], compiler.compile(spec, freeze=True), spec)
            right &= worst <= MOST_ERROR
            print(f"{name}, {method}: error {worst:.0e}", flush=True)
        picture = check_pictures(1, *model.input_size)
        pixels, _ = bare(model, Path(place) / "bare.pb", picture)
        request = compiled(core().read_model(str(Path(place) / "bare.pb")), "f32").create_infer_request()
        request.get_input_tensor().data[:] = pixels.numpy()
        given = picture, np.array([[[-1, -1_000_000]]], np.int32), np.zeros((1, 1), np.float32)
        runs: dict[str, Callable[[], Any]] = {"bare": request.infer}
        runs |= {method: partial(graph.run, *given) for method, graph in graphs.items()}
        medians, _ = interleaved_ms(runs, 2 * seconds, warm=True)
    print(name, {method: round(each / medians["bare"], 2) for method, each in medians.items()}, flush=True)
    return right


if __name__ == "__main__":
    sys.exit(main())
