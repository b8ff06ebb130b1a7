"""Traces a graph for one picture, freezes it, and runs some examples: here, or in a process of its own.

`python -m live_gradcam.explain.openvino.freezing FOLDER` reads a pickled `ModelKey`, `GraphSpec`, names of methods and
`LayerMemory` from standard input, loads the model again, and writes `graph.pb`, `examples.npz` and `record.json` into
the folder. On failure it writes the reason to standard output. So the program that asked can show pictures: tracing
holds Python's lock for seconds.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.errors import LiveGradcamError, ModelError, reason_of
from live_gradcam.explain.array_types import Ids, Numbers
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_table import layer_table
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.openvino.check_pictures import check_pictures, example_heads
from live_gradcam.explain.openvino.store import (
    ARGUMENTS,
    FixedOutput,
    GraphRecord,
    Ports,
    Trial,
    no_room,
    write_record,
)
from live_gradcam.explain.runtime import FIELDS, CompiledGraph
from live_gradcam.explain.targets import NO_RIVAL, STRONGEST_RIVALS
from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler, TensorFlowGraph
from live_gradcam.models.devices import choose_device, limit_cores
from live_gradcam.models.loading import load_named
from live_gradcam.models.model_key import key_of
from live_gradcam.models.type_names import ConcreteFunction, Tensor

GraphDef = Any
"""TensorFlow's protocol buffer of a graph."""

_EXAMPLES = 4


def freeze(compiler: TensorFlowCompiler, spec: GraphSpec, folder: Path) -> None:
    """Trace one graph for one picture, and write it, examples and its record into a folder.

    Args:
        compiler: traces the graph.
        spec: what the graph computes; one pass.
        folder: receives `graph.pb`, `examples.npz` and `record.json`, whose trial says nothing yet.

    Raises:
        LiveGradcamError: it cannot be traced or frozen.
        OSError: the folder cannot be written to.
    """
    graph = compiler.compile_for_one(spec)
    ports = write_frozen(graph, folder / "graph.pb")
    _write_examples(graph, spec, folder / "examples.npz")
    write_record(folder, GraphRecord(ports, graph.facts, graph.operations, Trial()))


def write_frozen(graph: TensorFlowGraph, path: Path, names: Sequence[str] = FIELDS) -> Ports:
    """Write a graph of fixed shapes as a GraphDef.

    Args:
        graph: traced for a fixed number of pictures (`tensorflow_graph.trace(…, pictures=1)`).
        path: the new file, `.pb`.
        names: of its outputs, in their order.

    Raises:
        ModelError: the graph cannot be frozen.
    """
    # TensorFlow has no public name for it; its own converters use this one.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        frozen = convert_variables_to_constants_v2(graph.function)
        folded = _folded(frozen)
        named = dict(zip(names, frozen.outputs, strict=True))
        fixed = {name: _fixed(tensor, folded) for name, tensor in named.items()}
        outputs = {name: tensor for name, tensor in named.items() if fixed[name] is None}
        definition = leading_to({tensor.op.name for tensor in outputs.values()}, folded)
        _turn_shared_squares(definition)
        content = definition.SerializeToString()
    except Exception as error:
        raise ModelError(f"{graph.name} cannot be frozen: {reason_of(error)}") from error
    path.write_bytes(content)
    there = {node.name for node in definition.node}
    return Ports(
        inputs={
            argument: tensor.name
            for argument, tensor in zip(ARGUMENTS, frozen.inputs, strict=False)
            if tensor.op.name in there
        },
        outputs={name: tensor.name for name, tensor in outputs.items()},
        fixed={
            name: FixedOutput(list(value.shape), value.dtype.name, value.ravel().tolist())
            for name, value in fixed.items()
            if value is not None
        },
    )


def _fixed(tensor: Tensor, definition: GraphDef) -> npt.NDArray[Any] | None:
    """Return the value of an output that is the same for all pictures, or has no element; None for any other.

    OpenVINO crashes on outputs without an element, and loses the names of outputs that are constants.
    """
    if 0 in tensor.shape:
        return np.zeros(tuple(tensor.shape), tensor.dtype.as_numpy_dtype)
    nodes = {node.name: node for node in definition.node}
    node = nodes[tensor.op.name]
    while node.op == "Identity":
        node = nodes[node.input[0].partition(":")[0]]
    return np.asarray(tf.make_ndarray(node.attr["value"].tensor)) if node.op == "Const" else None


def _folded(frozen: ConcreteFunction) -> GraphDef:
    """Return a graph with its fixed shapes, and what is computed from them, as constants."""
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    definition = frozen.graph.as_graph_def()
    settings = config_pb2.ConfigProto()
    settings.graph_options.rewrite_options.optimizers.append("constfold")
    settings.graph_options.rewrite_options.min_graph_nodes = -1
    fetched = meta_graph_pb2.CollectionDef()
    fetched.node_list.value.extend(tensor.name for tensor in frozen.outputs)
    whole = tf.compat.v1.train.export_meta_graph(graph_def=definition, graph=frozen.graph)
    whole.collection_def["train_op"].CopyFrom(fetched)
    return tf_optimizer.OptimizeGraph(settings, whole)


def _write_examples(graph: CompiledGraph, spec: GraphSpec, path: Path) -> None:
    """Run some pictures and targets through TensorFlow, and keep what comes out."""
    pictures = check_pictures(_EXAMPLES, *spec.input_size)
    # The most probable class; class 0 and its rivals; the second against the first; noise.
    asked = [(-1, NO_RIVAL, 0.0), (0, STRONGEST_RIVALS, 0.6), (-2, -1, 1.0), (-1, NO_RIVAL, 0.0)]
    pictures[-1] = np.random.default_rng(1).integers(0, 256, pictures.shape[1:], np.uint8)
    targets: Ids = np.array([[each[:2]] * spec.goals for each in asked], np.int32)
    strengths: Numbers = np.array([[each[2]] * spec.goals for each in asked], np.float32)
    heads = example_heads(_EXAMPLES, graph.facts.features, spec.slots)
    given: dict[str, npt.NDArray[Any]] = dict(
        zip(ARGUMENTS, (pictures, targets, strengths, *heads), strict=False)
    )
    rows = [graph.run(*(each[at : at + 1] for each in given.values())) for at in range(_EXAMPLES)]
    found = {name: np.concatenate([getattr(row, name) for row in rows]) for name in FIELDS}
    np.savez(path, allow_pickle=False, **given, **found)


def leading_to(outputs: set[str], definition: GraphDef) -> GraphDef:
    """Return the part of a graph that its outputs depend on."""
    inputs = {node.name: node.input for node in definition.node}
    needed, waiting = set(outputs), list(outputs)
    while waiting:
        for name in inputs[waiting.pop()]:
            node = name.removeprefix("^").partition(":")[0]
            if node not in needed:
                needed.add(node)
                waiting.append(node)
    part = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
    part.node.extend(node for node in definition.node if node.name in needed)
    return part


def _turn_shared_squares(definition: GraphDef) -> None:
    """Give each product with the transpose of a square matrix of weights its own, transposed matrix.

    OpenVINO 2026.4 packs a matrix once for all its products, by place and size: where a square one is multiplied by as
    it is and transposed, as by a dense layer and its gradient, the second product is wrong.
    """
    nodes = {node.name: node for node in definition.node}
    uses = Counter(name for node in definition.node for name in node.input)
    for node in list(definition.node):
        flag = {"MatMul": "transpose_b", "BatchMatMulV2": "adj_y"}.get(node.op)
        weights = None if flag is None or not node.attr[flag].b else nodes.get(node.input[1])
        if weights is None or weights.op != "Const" or uses[weights.name] < 2:
            continue
        matrix = tf.make_ndarray(weights.attr["value"].tensor)
        if matrix.shape[-1] == matrix.shape[-2]:
            turned = definition.node.add(name=f"{node.name}/turned", op="Const")
            turned.attr["dtype"].CopyFrom(weights.attr["dtype"])
            turned.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.swapaxes(matrix, -1, -2)))
            node.input[1] = turned.name
            node.attr[flag].b = False


def main(folder: Path) -> str:
    """Do what standard input asks for, and return why that failed; "" if it did not."""
    # From the program that started this process.
    key, spec, names, layers = pickle.load(sys.stdin.buffer)
    try:
        choose_device("cpu")
        limit_cores(1)
        model = load_named(key.settings)
        if key_of(key.settings) != key:
            return "its files have changed since it was loaded."
        spec = replace(spec, methods=tuple(method_named(name) for name in names))
        freeze(TensorFlowCompiler(model), spec, folder)
    except LiveGradcamError as error:
        return str(error)
    except OSError as error:
        return no_room(error)
    if not layers.recall(key):
        with suppress(LiveGradcamError):
            layers.keep(key, layer_table(model))  # while the model is loaded
    return ""


if __name__ == "__main__":
    _answer = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the user's code may print
    os.write(_answer, main(Path(sys.argv[1])).encode())
