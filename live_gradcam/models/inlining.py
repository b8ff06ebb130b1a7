"""Converts a TensorFlow function to one graph without calls and variables.

TensorFlow's `convert_variables_to_constants_v2` fails where the function also writes a variable, as every network with
random layers does: they count their calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer

from live_gradcam.models.inference_graph import all_nodes, operation_of
from live_gradcam.models.settled_branches import take_settled_branches
from live_gradcam.models.type_names import Array, ConcreteFunction, GraphDef, NodeDef

_BRANCHING = frozenset({"If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"})


def inlined(function: ConcreteFunction) -> GraphDef:
    """Return a function's graph with the functions it calls inlined, and with constants for variables.

    Args:
        function: the function; its own graph stays unchanged.

    Raises:
        Exception: TensorFlow cannot optimise the graph.
    """
    definition = _without_calls(function)
    values = dict(_values(function))
    for node in list(definition.node):
        _read_at_once(definition, node, values)
    if _reads_in_loops(definition):
        # A loop (a recurrent layer) reads variables inside its own functions, which TensorFlow's converter follows.
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
        return frozen.graph.as_graph_def()
    return definition


def _reads_in_loops(definition: GraphDef) -> bool:
    """Whether a loop or branch takes a variable, directly or through an `Identity`."""
    kinds = {"Placeholder": "dtype", "Identity": "T"}
    handles = {
        node.name
        for node in definition.node
        if node.op in kinds and node.attr[kinds[node.op]].type == tf.resource.as_datatype_enum
    }
    branching = (node for node in definition.node if node.op in _BRANCHING)
    return any(operation_of(name) in handles for node in branching for name in node.input)


def _without_calls(function: ConcreteFunction) -> GraphDef:
    definition = function.graph.as_graph_def()
    for node in all_nodes(definition):
        if node.op in _BRANCHING and "_lower_using_switch_merge" in node.attr:
            node.attr["_lower_using_switch_merge"].b = False  # `Switch` and `Merge` have no gradient
    for each in definition.library.function:
        each.attr.pop("api_implements", None)  # a second implementation for GPUs prevents inlining
    ends = [tensor.name for tensor in (*function.inputs, *function.outputs)]
    definition = _optimised(definition, ends)
    while take_settled_branches(definition):
        definition = _optimised(definition, ends)
    return definition


def _optimised(definition: GraphDef, ends: Sequence[str]) -> GraphDef:
    """Return the graph with its calls of functions inlined.

    Args:
        definition: the graph.
        ends: names of its inputs and outputs, which stay.
    """
    meta = meta_graph_pb2.MetaGraphDef(graph_def=definition)
    meta.collection_def["train_op"].node_list.value.extend(ends)
    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1  # also small graphs
    rewriting.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta)


def _values(function: ConcreteFunction) -> Iterator[tuple[str, Array]]:
    """Yield the name and the value of each placeholder for a captured variable or constant."""
    variables = {id(variable.handle): variable for variable in function.graph.variables}
    for outer, inner in function.graph.captures:
        name = operation_of(inner.name)
        if id(outer) in variables:
            yield name, variables[id(outer)].numpy()
        elif outer.dtype not in (tf.resource, tf.variant):
            yield name, outer.numpy()


def _read_at_once(definition: GraphDef, node: NodeDef, values: dict[str, Array]) -> None:
    """Replace a captured value, or an operation that reads a variable, by a constant."""
    if node.op == "Placeholder" and node.name in values:
        if node.attr["dtype"].type != tf.resource.as_datatype_enum:
            _make_constant(node, values[node.name])
        return
    if node.op == "Identity" and node.attr["T"].type == tf.resource.as_datatype_enum:
        source = operation_of(node.input[0])
        if source in values:
            values[node.name] = values[source]
        return
    source = operation_of(node.input[0]) if node.input else ""
    if source not in values:
        return
    if node.op == "ReadVariableOp":
        _make_constant(node, values[source])
    elif node.op == "ResourceGather":
        table, axis = (definition.node.add(name=f"{node.name}/{part}") for part in ("table", "axis"))
        _make_constant(table, values[source])
        _make_constant(axis, 0, tf.int32)
        kept = (node.attr["dtype"].type, node.attr["Tindices"].type, node.attr["batch_dims"].i)
        indices = node.input[1]
        node.op = "GatherV2"
        node.ClearField("input")
        node.input.extend([table.name, indices, axis.name])
        node.attr.clear()
        node.attr["Tparams"].type, node.attr["Tindices"].type, node.attr["batch_dims"].i = kept
        node.attr["Taxis"].type = tf.int32.as_datatype_enum


def _make_constant(node: NodeDef, value: npt.ArrayLike, dtype: tf.DType | None = None) -> None:
    tensor = tf.make_tensor_proto(value, dtype)
    node.op = "Const"
    node.ClearField("input")
    node.attr.clear()
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)
