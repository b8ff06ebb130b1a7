"""Writes the file of an explained network and tries it, in a process of its own: a crash ends that process only.

`python -m live_gradcam.explain.export.file_writing FOLDER` reads there `request.json` (`FileRequest`), `graph-N.pb` for
each number N of pictures, and `examples.npz`. It writes `cam.onnx`, or `cam.xml` and `cam.bin`, and `result.json`
(`FileResult`). It loads no TensorFlow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import LiveGradcamError, ModelError
from live_gradcam.explain.export.any_batch import (
    FEWER,
    MORE,
    pictures_of,
    row_for_each,
    take_any_batch,
)
from live_gradcam.explain.export.onnx_graph import FORMAT, OPSET, OnnxGraph, UnknownOperationError, number_of
from live_gradcam.explain.export.onnx_operations import write_node
from live_gradcam.explain.openvino.gradient_rules import add_rules
from live_gradcam.explain.openvino.library import compiled, core, openvino, reason_in
from live_gradcam.explain.openvino.nodes import Value
from live_gradcam.explain.openvino.store import Ports
from live_gradcam.version import __version__

OUTPUTS = ("scores", "heatmap", "class_id")
"""The results of a file, in their order; those of a page's network are `page_contents.OUTPUTS`."""

INPUTS = {"pictures": "image", "targets": "aims", "strengths": "strengths"}
"""Argument of `CompiledGraph.run` → name of a file's input. Only a page's network has the last two."""

MOST_ERROR = 1e-4
"""Largest difference from TensorFlow's results: of a heat map and of a probability, both from 0 to 1; of a value, in
parts of the largest value."""

Arrays = Mapping[str, npt.NDArray[Any]]

Run = Callable[[Arrays], Arrays]
"""Takes inputs and returns results, both by name."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What a file is to contain, besides the graph."""

    suffix: str
    """`.onnx` or `.xml`."""

    batches: list[int]
    """The numbers of pictures that the graph was traced for: `FEWER` and `MORE` for any number, or 1."""

    metadata: dict[str, str]
    descriptions: dict[str, str]
    """Name of the input or of an output → a sentence about it."""

    ports: dict[str, dict[str, Any]]
    """Number of pictures, as text → `Ports` of its graph."""

    outputs: list[str]
    """The file's results, in their order."""

    relative: bool
    """Whether scores are compared in parts of the largest one, because they are no probabilities."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result of writing a file."""

    refused: str = ""
    """Why there is no file; "" if there is one."""

    fixed_batch: bool = False
    """Whether it was written for any number of pictures; then it is tried for one."""

    differences: dict[str, float] = field(default_factory=dict)
    """Output → the largest difference from TensorFlow's, as in `MOST_ERROR`."""


def main(folder: Path) -> None:
    """Write and try the file of a folder."""
    request = FileRequest(**json.loads((folder / "request.json").read_text(encoding="utf-8")))
    try:
        result = FileResult(differences=_written(folder, request))
    except UnknownOperationError as error:
        result = FileResult(refused=str(error))
    except Exception as error:
        reason = str(error) if isinstance(error, LiveGradcamError) else reason_in(error)
        result = FileResult(refused=reason, fixed_batch=len(request.batches) > 1)
    (folder / "result.json").write_text(json.dumps(asdict(result)), encoding="utf-8")


def _written(folder: Path, request: FileRequest) -> dict[str, float]:
    network = _network(folder, request)
    path = folder / f"cam{request.suffix}"
    if request.suffix == ".onnx":
        write_onnx(network, path, request)
        run = onnx_runner(path, request.outputs)
    else:
        for name, value in request.metadata.items():
            network.set_rt_info(value, ["live_gradcam", name])
        for name, sentence in request.descriptions.items():
            network.set_rt_info(sentence, ["live_gradcam", "descriptions", name])
        openvino().save_model(network, str(path), compress_to_fp16=False)
        run = openvino_runner(path, request.outputs)
    with np.load(folder / "examples.npz") as stored:
        return _differences(run, dict(stored), request)


def _network(folder: Path, request: FileRequest) -> Any:  # noqa: ANN401 - openvino.Model
    """Return the graph with named inputs and outputs, for any number of pictures or for one."""
    add_rules()
    networks = [_read(folder, number) for number in request.batches]
    network = networks[0]
    ports = Ports.from_json(request.ports[str(request.batches[0])])
    results = {name: network.output(tensor) for name, tensor in ports.outputs.items()}
    if len(networks) > 1:
        take_any_batch(*networks)
    inputs = {INPUTS[argument]: network.input(tensor) for argument, tensor in ports.inputs.items()}
    for name, value in inputs.items():
        value.get_node().set_friendly_name(name)
        value.get_tensor().set_names({name})
    count = pictures_of(inputs["image"].get_node())
    for name, fixed in ports.fixed.items():
        row = np.array(fixed.values, np.dtype(fixed.dtype)).reshape(fixed.shape)[0]
        results[name] = row_for_each(row, count)
    from openvino import opset14 as ops

    outputs = []
    for name in request.outputs:
        value = results[name]
        node = value.get_node()
        if node.get_type_name() == "Result":
            value = node.input_value(0)
        # Its own node, because one tensor may be two results.
        value = ops.convert(value, value.get_element_type()) if name == "class_id" else value
        result = ops.result(value)
        result.set_friendly_name(name)
        outputs.append(result)
    whole = openvino().Model(outputs, [value.get_node() for value in inputs.values()], "live-gradcam")
    for name, output in zip(request.outputs, whole.outputs, strict=True):
        output.get_tensor().set_names({name})
    return whole


def _read(folder: Path, number: int) -> Any:  # noqa: ANN401 - openvino.Model
    from openvino.passes import ConstantFolding, Manager

    try:
        network = core().read_model(str(folder / f"graph-{number}.pb"))
    except Exception as error:
        reason = reason_in(error)
        whole = reason if reason.startswith("OpenVINO") else f"OpenVINO cannot convert it: {reason}"
        raise ModelError(whole) from error
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(network)
    return network


def write_onnx(network: Any, path: Path, request: FileRequest) -> None:  # noqa: ANN401 - openvino.Model
    """Write OpenVINO's graph as ONNX, and check the file by ONNX's own rules.

    Args:
        network: its inputs and results have friendly names.
        path: the new file.
        request: metadata and descriptions.

    Raises:
        UnknownOperationError: an operation has no counterpart in ONNX here.
    """
    import onnx
    from onnx import helper

    results = [(each.input_value(0), str(each.get_friendly_name())) for each in network.get_results()]
    pictures = [(each.output(0), str(each.get_friendly_name())) for each in network.get_parameters()]
    graph = OnnxGraph(results)
    for value, name in pictures:
        graph.set(value, name)
    for node in network.get_ordered_ops():
        if node.get_type_name() not in ("Parameter", "Constant", "Result"):
            write_node(graph, node)

    def described(value: Value, name: str) -> Any:  # noqa: ANN401 - of ONNX
        shape = ["N" if length.is_dynamic else length.get_length() for length in value.get_partial_shape()]
        number = helper.np_dtype_to_tensor_dtype(number_of(value))
        return helper.make_tensor_value_info(name, number, shape, request.descriptions.get(name, ""))

    sentence = request.descriptions.get("file", "")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "live-gradcam",
            [described(*each) for each in pictures],
            [described(*each) for each in results],
            graph.constants,
            doc_string=sentence,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FORMAT,
        producer_name="live-gradcam",
        producer_version=__version__,
        doc_string=sentence,
    )
    helper.set_model_props(model, request.metadata)
    onnx.save(model, path)
    onnx.checker.check_model(path, full_check=True)


def onnx_runner(path: Path, outputs: Sequence[str] = OUTPUTS) -> Run:
    """Return a function that runs a file in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda given: dict(zip(outputs, session.run(list(outputs), dict(given)), strict=True))


def openvino_runner(path: Path, outputs: Sequence[str] = OUTPUTS) -> Run:
    """Return a function that runs a file in OpenVINO."""
    ready = compiled(path, "f32")

    def run(given: Arrays) -> Arrays:
        results = ready(dict(given))
        return {name: np.array(results[name]) for name in outputs}

    return run


def _differences(run: Run, examples: Arrays, request: FileRequest) -> dict[str, float]:
    """Return how far the file's results differ from TensorFlow's, for each picture alone and, where it can, for pairs.

    Raises:
        ModelError: a difference is too large, or the file cannot be run.
    """
    given = {name: examples[name] for name in INPUTS.values() if name in examples}
    count = len(given["image"])
    worst = dict.fromkeys(request.outputs, 0.0)
    for together in (1, FEWER, MORE) if len(request.batches) > 1 else (1,):
        for first in range(0, count - together + 1, together):
            part = slice(first, first + together)
            try:
                found = run({name: array[part] for name, array in given.items()})
            except Exception as error:
                raise ModelError(f"the written file cannot be run: {reason_in(error)}") from error
            for name in request.outputs:
                relative = name == "peak" or request.relative
                apart = _apart(found[name], examples[name][part], relative=relative)
                worst[name] = max(worst[name], apart)
                if not apart <= MOST_ERROR:
                    raise ModelError(f"{name} of the written file differs from TensorFlow's by {apart:.1e}.")
    return worst


def _apart(ours: npt.NDArray[Any], theirs: npt.NDArray[Any], *, relative: bool) -> float:
    """Return the largest difference; infinity where shapes, ids or what is finite differ."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return float("inf")
    if theirs.dtype.kind == "i":
        return 0.0 if np.array_equal(ours, theirs) else float("inf")
    finite = np.isfinite(theirs)
    if not np.array_equal(np.isfinite(ours), finite):
        return float("inf")
    size = max(1.0, float(np.abs(theirs[finite]).max(initial=0.0))) if relative else 1.0
    return float(np.abs(ours[finite] - theirs[finite]).max(initial=0.0)) / size


if __name__ == "__main__":
    main(Path(sys.argv[1]))
