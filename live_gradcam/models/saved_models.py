"""Reads SavedModel folders and frozen graphs as networks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from live_gradcam.errors import LiveGradcamError, ModelError, reason_of
from live_gradcam.models.declared_sizes import check_checkpoint, check_constants
from live_gradcam.models.graph_inputs import GraphEntry
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.graph_ports import (
    ends_of,
    graph_with_ports,
    make_placeholders_of_iterators,
    reason_not_imported,
)
from live_gradcam.models.inference_graph import all_nodes, operation_of
from live_gradcam.models.inlining import inlined
from live_gradcam.models.type_names import ConcreteFunction, GraphDef, Network, Tensor
from live_gradcam.number_format import counted

logger = logging.getLogger(__name__)

_UNSAFE = frozenset(
    (
        "ReadFile WriteFile MatchingFiles PyFunc EagerPyFunc PyFuncStateless WholeFileReaderV2 "
        "FixedLengthRecordReaderV2 TextLineReaderV2 TFRecordReaderV2 RpcCall RpcClient Rpc TryRpc "
        "DebugNumericSummary DebugIdentityV2 DebugIdentity FileSystemSetConfiguration PrintV2 Print"
    ).split()
)
"""Operations that read or write files, or call code outside the graph; a network needs none of them."""

_DEFAULT_SIGNATURE = "serving_default"


def read_saved_model(folder: Path, *, allow_unsafe: bool) -> Network:
    """Return the network of a SavedModel of TensorFlow 1 or 2, as one graph without variables.

    Args:
        folder: holds `saved_model.pb` and `variables/`.
        allow_unsafe: whether the graph may use files and code outside it.

    Raises:
        ModelError: it is damaged, takes no pictures, or holds operations that may not run.
    """
    meta = _meta_graph(folder)
    _check_operations(folder, meta.graph_def, allow_unsafe=allow_unsafe)
    check_constants(folder, meta.graph_def)
    check_checkpoint(folder)
    try:
        # A module of TensorFlow Hub has no tags.
        loaded = tf.saved_model.load(str(folder), tags=list(meta.meta_info_def.tags))
    except Exception as error:
        raise ModelError(f"cannot load the SavedModel {folder}: {why_not_loaded(folder, error)}") from error
    function = _function(loaded, folder)
    try:
        definition = inlined(function)
    except Exception as error:
        raise ModelError(
            f"the SavedModel {folder} cannot be made one graph: {reason_of(error)} Export it again as a .keras file."
        ) from error
    # The flattened structure has the order of the graph's own inputs and outputs.
    specs = tf.nest.flatten(function.structured_input_signature, expand_composites=True)
    given = [
        spec.name or operation_of(tensor.name) for spec, tensor in zip(specs, function.inputs, strict=False)
    ]
    named = function.structured_outputs
    names = sorted(named) if isinstance(named, dict) else [operation_of(t.name) for t in function.outputs]
    inputs = [GraphEntry(name, tensor.name) for name, tensor in zip(given, function.inputs, strict=False)]
    outputs = [
        GraphEntry(name, tensor.name)
        for name, tensor in zip(names, function.outputs, strict=True)
        if tensor.dtype.is_floating or tensor.dtype.is_integer
    ]
    graph = graph_with_ports(definition, inputs, _in_floats(outputs, function.outputs), model=folder.name)
    return GraphNetwork(graph, name=folder.name)


def read_graph(path: Path, *, text: bool, allow_unsafe: bool) -> Network:
    """Return the network of a frozen graph: a `GraphDef` of TensorFlow 1.

    Args:
        path: a `.pb` or `.pbtxt` file.
        text: whether the protocol buffer is text.
        allow_unsafe: whether the graph may use files and code outside it.

    Raises:
        ModelError: it is damaged or not frozen, takes no pictures, or holds operations that may not run.
    """
    definition = tf.compat.v1.GraphDef()
    try:
        if text:
            text_format.Parse(path.read_text("utf-8"), definition)
        else:
            definition.ParseFromString(path.read_bytes())
    except (DecodeError, text_format.ParseError, UnicodeDecodeError, ValueError) as error:
        raise ModelError(
            f"{path} is incomplete or damaged: it begins like a TensorFlow graph, but is invalid. Download it again."
        ) from error
    _check_operations(path, definition, allow_unsafe=allow_unsafe)
    check_constants(path, definition)
    variables = [
        node.name for node in definition.node if node.op in ("VariableV2", "VarHandleOp", "Variable")
    ]
    if variables:
        count = counted(len(variables), "variable")
        raise ModelError(
            f"{path} is a graph without its weights ({count}, such as '{variables[0]}'). Freeze it with its "
            "checkpoint (freeze_graph.py), or save the model as a .keras file or a SavedModel."
        )
    make_placeholders_of_iterators(definition)
    if definition.library.function:
        definition = _inlined(definition, path)
    inputs, outputs = ends_of(definition, path)
    return GraphNetwork(graph_with_ports(definition, inputs, outputs, model=path.name), name=path.stem)


def _meta_graph(folder: Path) -> MetaGraphDef:
    """Return the graph of a SavedModel that is meant for inference."""
    saved = saved_model_pb2.SavedModel()
    binary = folder / "saved_model.pb"
    try:
        if binary.is_file():
            saved.ParseFromString(binary.read_bytes())
        else:
            text_format.Parse((folder / "saved_model.pbtxt").read_text("utf-8"), saved)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError, OSError) as error:
        raise ModelError(
            f"the SavedModel {folder} is damaged: its saved_model.pb cannot be read. Download or export it again."
        ) from error
    graphs = list(saved.meta_graphs)
    if not graphs:
        raise ModelError(f"the SavedModel {folder} holds no graph. Export it again.")

    def rank(graph: MetaGraphDef) -> tuple[bool, bool, int]:
        tags = set(graph.meta_info_def.tags)
        return "serve" not in tags, "train" in tags, len(tags)

    return min(graphs, key=rank)


def _check_operations(path: Path, definition: GraphDef, *, allow_unsafe: bool) -> None:
    # `Save` and `Restore` are in every SavedModel: they read its own variables.
    if allow_unsafe:
        return
    for node in all_nodes(definition):
        if node.op in _UNSAFE:
            raise ModelError(
                f"{path} holds the operation {node.op} ('{node.name}'), which reads or writes outside the network: it "
                "is not run from files that anybody may have made. If you trust it, use --allow-unsafe "
                "(allow_unsafe=True)."
            )


def _function(loaded: tf.Module, folder: Path) -> ConcreteFunction:
    """Return the function that takes pictures: the default signature, another one, or the model's own call.

    Of several others, the one with the fewest arguments: a step of training takes the answers, too.
    """
    signatures = dict(loaded.signatures)
    usual = signatures.pop(_DEFAULT_SIGNATURE, None)
    found = [each for each in (usual, *signatures.values()) if each is not None]
    called = getattr(loaded, "__call__", None)  # noqa: B004 - the restored function, not whether there is one
    found += getattr(called, "concrete_functions", [])
    pictured = [each for each in found if any(map(_is_picture, _specs(each)))]
    calm = [each for each in pictured if not _trains(each)]
    chosen = min(
        calm or pictured or found,
        key=lambda each: (each is not usual, _takes_text(each), len(_specs(each))),
        default=None,
    )
    if chosen is None:
        raise ModelError(
            f"the SavedModel {folder} has no function to call. Save it with a signature: "
            "tf.saved_model.save(model, FOLDER, signatures=model.call.get_concrete_function(…))."
        )
    return chosen


def _specs(function: ConcreteFunction) -> list[tf.TensorSpec]:
    flat = tf.nest.flatten(function.structured_input_signature, expand_composites=True)
    return [spec for spec in flat if isinstance(spec, tf.TensorSpec)]


def _is_picture(spec: tf.TensorSpec) -> bool:
    return spec.dtype != tf.string and spec.shape.rank in (None, 4)


def _takes_text(function: ConcreteFunction) -> bool:
    return any(spec.dtype == tf.string for spec in _specs(function))


def _trains(function: ConcreteFunction) -> bool:
    flat = tf.nest.flatten(function.structured_input_signature)
    return any(each is True for each in flat)


def _in_floats(outputs: Sequence[GraphEntry], tensors: Sequence[Tensor]) -> Sequence[GraphEntry]:
    """Return the outputs of floats, or all outputs where there are none."""
    floats = {tensor.name for tensor in tensors if tensor.dtype.is_floating}
    return [entry for entry in outputs if entry.tensor in floats] or outputs


def _inlined(definition: GraphDef, path: Path) -> GraphDef:
    """Return a graph with the functions that it calls inlined."""
    inputs, outputs = ends_of(definition, path)
    try:
        wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(definition, name=""), [])
        feeds = tf.nest.map_structure(wrapped.graph.as_graph_element, [f"{entry.tensor}" for entry in inputs])
        fetches = tf.nest.map_structure(
            wrapped.graph.as_graph_element, [f"{entry.tensor}" for entry in outputs]
        )
        return inlined(wrapped.prune(feeds, fetches))
    except LiveGradcamError:
        raise
    except Exception as error:
        raise ModelError(f"{path} cannot be imported: {reason_not_imported(error)}") from error


_LFS = b"version https://git-lfs"


def why_not_loaded(folder: Path, error: Exception) -> str:
    """Return why a SavedModel cannot be loaded, and what to do."""
    if not (folder / "variables").is_dir():
        return (
            "its folder 'variables' is missing, which holds the weights. Copy the whole folder: saved_model.pb, "
            "variables/variables.index and variables/variables.data-…"
        )
    missing = _missing_shard(folder)
    if missing:
        return missing
    if "Op type not registered" in str(error):
        return reason_not_imported(error)
    return (
        f"{reason_of(error).rstrip('.')}. Its variables may be damaged or of another model: export it again."
    )


def _missing_shard(folder: Path) -> str:
    """Return the fault in the files of the variables; empty where there is none."""
    files = sorted(each for each in (folder / "variables").iterdir() if each.name.startswith("variables."))
    for each in files:
        with each.open("rb") as file:
            if file.read(len(_LFS)) == _LFS:
                return f"its variables/{each.name} is a Git LFS pointer, not the weights. Fetch them: git lfs pull"
    for part in ("index", "data-"):
        if not any(each.name.startswith(f"variables.{part}") for each in files):
            return (
                f"its folder 'variables' has no variables.{part}{'…' if part == 'data-' else ''}, which is one of the "
                "files that hold the weights. Copy the whole folder."
            )
    return ""
