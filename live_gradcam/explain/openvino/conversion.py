"""Converts a graph: TensorFlow traces and freezes it here, and a process of its own converts and tries it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.errors import LiveGradcamError, ModelError, reason_of
from live_gradcam.explain.array_types import Ids, Numbers
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.openvino.check_pictures import check_pictures
from live_gradcam.explain.openvino.store import (
    KNOWN,
    NETWORK,
    FixedOutput,
    GraphRecord,
    Ports,
    Trial,
)
from live_gradcam.explain.runtime import FIELDS, CompiledGraph
from live_gradcam.explain.targets import NO_RIVAL, STRONGEST_RIVALS
from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler, TensorFlowGraph
from live_gradcam.models.type_names import ConcreteFunction, Tensor

logger = logging.getLogger(__name__)

GraphDef = Any
"""TensorFlow's protocol buffer of a graph."""

ARGUMENTS = ("pictures", "targets", "strengths")
"""The arguments of `CompiledGraph.run`, in the order of the graph's placeholders."""

_EXAMPLES = 4
_LONGEST_TRIAL = 300.0
"""Seconds after which a trial counts as stuck."""

_CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
"""Signals that end a process because of its own fault."""

_LEAST_CRASH_ON_WINDOWS = 0xC0000000
"""Exit codes from here on are exceptions of Windows, such as an access violation."""

_LOOK_SECONDS = 0.1

Ended = Callable[[], bool]
"""Returns whether the program ends, so that the conversion is to stop."""


class StoppedError(LiveGradcamError):
    """The program ended while a graph was converted."""


def convert(
    compiler: TensorFlowCompiler, spec: GraphSpec, folder: Path, ended: Ended, *, checks_half: bool
) -> GraphRecord:
    """Convert one graph into a folder and try it there.

    Args:
        compiler: traces the graph.
        spec: what the graph computes; one pass.
        folder: new; receives the files that the store keeps.
        ended: is asked now and then.
        checks_half: whether bfloat16 is compared with float32.

    Returns:
        The record of the graph; its trial says whether the graph may be used.

    Raises:
        LiveGradcamError: it cannot be traced or frozen, or the program ended meanwhile.
        OSError: the folder cannot be written to.
    """
    graph = compiler.compile_for_one(spec)
    if ended():
        raise StoppedError("the program ends.")
    ports = write_frozen(graph, folder / "graph.pb")
    (folder / "ports.json").write_text(json.dumps(asdict(ports)), encoding="utf-8")
    _write_examples(graph, spec, folder / "examples.npz")
    trial = _tried(folder, ended, checks_half=checks_half)
    kept = () if trial.refused else (NETWORK, Path(NETWORK).with_suffix(".bin").name, KNOWN)
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()
    return GraphRecord(ports, graph.facts, graph.operations, trial)


def _write_examples(graph: CompiledGraph, spec: GraphSpec, path: Path) -> None:
    """Run some pictures and targets through TensorFlow, and keep what comes out."""
    pictures = check_pictures(_EXAMPLES, *spec.input_size)
    # The most probable class; class 0 and its rivals; the second against the first; noise.
    asked = [(-1, NO_RIVAL, 0.0), (0, STRONGEST_RIVALS, 0.6), (-2, -1, 1.0), (-1, NO_RIVAL, 0.0)]
    pictures[-1] = np.random.default_rng(1).integers(0, 256, pictures.shape[1:], np.uint8)
    targets: Ids = np.array([[each[:2]] * spec.goals for each in asked], np.int32)
    strengths: Numbers = np.array([[each[2]] * spec.goals for each in asked], np.float32)
    rows = [
        graph.run(pictures[at : at + 1], targets[at : at + 1], strengths[at : at + 1])
        for at in range(_EXAMPLES)
    ]
    found = {name: np.concatenate([getattr(row, name) for row in rows]) for name in FIELDS}
    np.savez(path, allow_pickle=False, pictures=pictures, targets=targets, strengths=strengths, **found)


def _tried(folder: Path, ended: Ended, *, checks_half: bool) -> Trial:
    """Run the trial in a process of its own.

    Raises:
        StoppedError: the program ended meanwhile.
        ModelError: the process cannot be started, or somebody ended it. That says nothing about the graph, so it is
            tried again at the next start.
    """
    # -P: a file of the user's in the current folder must not hide a module.
    command = [sys.executable, "-P", "-m", "live_gradcam.explain.openvino.trial", str(folder)]
    command += ["half"] if checks_half else []
    paths = [str(Path(__file__).parents[3]), *filter(None, sys.path)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C in the terminal is for the program, which ends the trial itself.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        raise ModelError(f"the trial of the converted graph cannot be started: {error}") from error
    waited = 0.0
    try:
        while True:
            try:
                code = process.wait(_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                waited += _LOOK_SECONDS
                if ended():
                    raise StoppedError("the program ends.") from None
                if waited > _LONGEST_TRIAL:
                    return Trial(refused=f"its trial did not end within {_LONGEST_TRIAL:.0f} s")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if -code in _CRASHES or code >= _LEAST_CRASH_ON_WINDOWS:
        return Trial(refused=f"its trial crashed ({signal.Signals(-code).name if code < 0 else hex(code)})")
    if code != 0:
        raise ModelError(f"the trial of its graph was ended ({code}); it is tried again at the next start.")
    return Trial.from_json(json.loads((folder / "trial.json").read_text(encoding="utf-8")))


def write_frozen(graph: TensorFlowGraph, path: Path) -> Ports:
    """Write a graph of fixed shapes as a GraphDef.

    Args:
        graph: traced for one picture (`tensorflow_graph.trace(…, pictures=1)`).
        path: the new file, `.pb`.

    Raises:
        ModelError: the graph cannot be frozen.
    """
    # TensorFlow has no public name for it; its own converters use this one.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        frozen = convert_variables_to_constants_v2(graph.function)
        folded = _folded(frozen)
        named = dict(zip(FIELDS, frozen.outputs, strict=True))
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
            for argument, tensor in zip(ARGUMENTS, frozen.inputs, strict=True)
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
