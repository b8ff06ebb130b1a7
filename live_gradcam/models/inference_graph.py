"""Prepares a TensorFlow graph for inference: removes the training phase and unused operations.

Graphs of TensorFlow 1 choose between training and inference with `Switch` and `Merge`, which have no gradient in a
graph that was read from a file. They are replaced by the inference branch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from live_gradcam.models.type_names import Array, GraphDef, NodeDef

LEARNERS = frozenset(
    {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2", "Einsum"}
)
"""Operations that multiply with weights; the operations before the first of them prepare the picture."""

INPUT_MARK = "_live_gradcam_input"
"""Attribute of operations that are replaced by an input on import."""

WEIGHT_MARK = "_live_gradcam_weight"
"""Attribute of operations that are replaced by a weight on import."""

_MOST_STEPS = 100

_KEPT_FRACTIONS = ("keep_prob", "keep_probability", "dropout_keep_prob")
"""Usual names of the share of units that dropout keeps; 1 for inference."""


def ready(graph: GraphDef, inputs: Sequence[str], outputs: Sequence[str]) -> GraphDef:
    """Return the operations that a graph's outputs need for inference, in execution order.

    Args:
        graph: a graph without variables and calls of functions; it stays unchanged.
        inputs: names of the operations that are fed.
        outputs: names of the output tensors.
    """
    kept = tf.compat.v1.GraphDef()
    kept.CopyFrom(graph)
    values = inference_values(kept)
    for node in kept.node:
        if node.name not in inputs:
            _settle(node, values.get(node.name))
    nodes = {node.name: node for node in kept.node}
    _choose_branches(nodes, ordered(kept.node))
    live = _reachable(nodes, [operation_of(name) for name in outputs])
    result = tf.compat.v1.GraphDef()
    result.versions.CopyFrom(graph.versions)
    result.library.CopyFrom(graph.library)
    for node in ordered([nodes[name] for name in live]):
        added = result.node.add()
        added.CopyFrom(node)
        # Drop control inputs, devices, colocation, and gradients that only the writing process had registered.
        added.ClearField("device")
        data = [name for name in node.input if not name.startswith("^")]
        del added.input[:]
        added.input.extend(data)
        for key in [
            key for key in added.attr if key.startswith("_") and key not in (INPUT_MARK, WEIGHT_MARK)
        ]:
            del added.attr[key]
    return result


def all_nodes(graph: GraphDef) -> Iterator[NodeDef]:
    """Yield the operations of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def make_place(node: NodeDef, dtype: int, mark: str) -> None:
    """Make an operation a stand-in that every import replaces by another tensor.

    It becomes a `Const`, because a function with an unused `Placeholder` cannot run.

    Args:
        node: changed in place.
        dtype: TensorFlow's number of the tensor's dtype.
        mark: `INPUT_MARK` or `WEIGHT_MARK`.
    """
    node.op = "Const"
    node.ClearField("input")
    node.attr.clear()
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.dtype = dtype
    node.attr["value"].tensor.tensor_shape.SetInParent()
    node.attr["value"].tensor.tensor_content = bytes(tf.as_dtype(dtype).size)
    node.attr[mark].b = True


def operation_of(tensor: str) -> str:
    """Return the name of the operation that computes a tensor: `a/b` for `a/b:0` and `^a/b`."""
    return tensor.removeprefix("^").partition(":")[0]


def tensor_of(name: str) -> str:
    """Return the full name of a tensor: `a/b:0` for `a/b`."""
    return name if ":" in name else f"{name}:0"


def constant(node: NodeDef) -> Array:
    """Return the value of a `Const`."""
    return np.asarray(tf.make_ndarray(node.attr["value"].tensor))


def constant_shape(node: NodeDef) -> tuple[int, ...]:
    """Return the shape of a `Const` without reading its value; () for another operation."""
    return tuple(axis.size for axis in node.attr["value"].tensor.tensor_shape.dim)


def shape_of(placeholder: NodeDef) -> tf.TensorShape:
    """Return the shape that a placeholder declares, or a shape of unknown rank."""
    declared = placeholder.attr.get("shape")
    return tf.TensorShape(None if declared is None else declared.shape)


def ordered(nodes: Sequence[NodeDef]) -> list[NodeDef]:
    """Return operations in execution order: each after its inputs."""
    by_name = {node.name: node for node in nodes}
    done: dict[str, NodeDef] = {}
    begun: set[str] = set()
    for root in nodes:
        stack: list[tuple[NodeDef, Iterator[str]]] = []
        following: NodeDef | None = root if root.name not in begun else None
        while following is not None or stack:
            if following is not None:
                begun.add(following.name)
                stack.append((following, iter(following.input)))
            node, inputs = stack[-1]
            name = next(
                (each for each in map(operation_of, inputs) if each in by_name and each not in begun), None
            )
            following = None if name is None else by_name[name]
            if following is None:
                done[node.name] = node
                stack.pop()
    return list(done.values())


def _settle(node: NodeDef, value: bool | float | None) -> None:
    """Give a placeholder that only training feeds its value for inference."""
    if node.op == "PlaceholderWithDefault":
        dtype = node.attr["dtype"].type
        node.op = "Identity"
        node.attr.clear()
        node.attr["T"].type = dtype
    elif node.op == "Placeholder" and value is not None:
        node.op = "Const"
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, node.attr["dtype"].type, []))
        node.attr.pop("shape", None)


def inference_values(graph: GraphDef) -> dict[str, bool | float]:
    """Return placeholder → value for inference: False for the training phase, the share that drops nothing for dropout.

    Args:
        graph: the graph; placeholders of data are left out.
    """
    found: dict[str, bool | float] = {}
    consumers = consumers_of(graph)
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op != "Placeholder" or shape_of(node).rank not in (None, 0):
            continue
        dtype = tf.as_dtype(node.attr["dtype"].type)
        if dtype == tf.bool:
            found[node.name] = False
        elif dtype.is_floating:
            last = node.name.rpartition("/")[2].casefold()
            value = 1.0 if last.startswith(_KEPT_FRACTIONS) else _share_of_dropout(node, nodes, consumers)
            if value is not None:
                found[node.name] = value
    return found


def consumers_of(graph: GraphDef) -> dict[str, list[NodeDef]]:
    """Return operation → the operations that take its output."""
    found: dict[str, list[NodeDef]] = defaultdict(list)
    for node in graph.node:
        for name in dict.fromkeys(map(operation_of, node.input)):
            found[name].append(node)
    return found


def _share_of_dropout(
    placeholder: NodeDef, nodes: dict[str, NodeDef], consumers: dict[str, list[NodeDef]]
) -> float | None:
    """Return the value with which dropout drops nothing, if a placeholder is the share of dropout; else None.

    Dropout keeps a unit where `floor(kept + random)` is 1, or where `random >= dropped`, with `dropped = 1 - kept`.
    """
    waiting = [(placeholder.name, True)]
    for name, is_itself in waiting:
        for node in consumers[name] if len(waiting) < _MOST_STEPS else ():
            inputs = [operation_of(each) for each in node.input]
            if node.op in ("Identity", "Cast", "Reshape"):
                waiting.append((node.name, is_itself))
            elif node.op == "Sub" and inputs[-1] == name:
                waiting.append((node.name, not is_itself))
            elif any(_is_random(each, nodes) for each in inputs if each != name):
                if node.op in ("Add", "AddV2", "Less"):
                    return float(is_itself)
                if node.op == "GreaterEqual":
                    return float(not is_itself)
    return None


def _is_random(name: str, nodes: dict[str, NodeDef], depth: int = 4) -> bool:
    node = nodes.get(name)
    if node is None or not depth:
        return False
    if node.op in ("Add", "AddV2", "Cast", "Identity", "Mul", "Sub"):
        return any(_is_random(operation_of(each), nodes, depth - 1) for each in node.input)
    return str(node.op).startswith(("RandomUniform", "StatelessRandomUniform"))


def _choose_branches(nodes: dict[str, NodeDef], order: Sequence[NodeDef]) -> None:
    """Replace each `Switch` and `Merge` with a known condition by the branch that is taken."""
    known: dict[str, bool] = {}
    dead: set[str] = set()
    for node in order:
        value = _truth(node, known)
        if value is not None:
            known[node.name] = value
        data = [name for name in node.input if not name.startswith("^")]
        if node.op in ("Merge", "RefMerge"):
            live = [name for name in data if name not in dead]
            if not live:
                dead.update((node.name, f"{node.name}:0"))
            elif len(live) == 1 and len(live) < len(data):
                _forward(node, live[0])
            continue
        if any(name.removeprefix("^") in dead for name in node.input):
            dead.update((node.name, f"{node.name}:0", f"{node.name}:1"))
        elif node.op in ("Switch", "RefSwitch") and operation_of(data[1]) in known:
            taken = known[operation_of(data[1])]
            # Output 0 is the branch for False, output 1 the branch for True.
            if taken:
                dead.update((node.name, f"{node.name}:0"))
            else:
                dead.add(f"{node.name}:1")
            _forward(node, data[0])
    for node in order:
        live_inputs = [
            name.rpartition(":")[0] if _is_forwarded(nodes, name) else name
            for name in node.input
            if not name.startswith("^") or operation_of(name) in nodes
        ]
        del node.input[:]
        node.input.extend(live_inputs)


def _forward(node: NodeDef, tensor: str) -> None:
    dtype = node.attr["T"].type
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype
    del node.input[:]
    node.input.append(tensor)


def _is_forwarded(nodes: dict[str, NodeDef], name: str) -> bool:
    """Whether a name is output 1 of a former `Switch`, now an `Identity`, which has only output 0."""
    return name.endswith(":1") and operation_of(name) in nodes and nodes[operation_of(name)].op == "Identity"


def _truth(node: NodeDef, known: dict[str, bool]) -> bool | None:
    if node.op == "Const" and node.attr["dtype"].type == tf.bool.as_datatype_enum:
        value = np.asarray(constant(node))
        return bool(value) if value.ndim == 0 else None
    inputs = [known.get(operation_of(name)) for name in node.input if not name.startswith("^")]
    if node.op in ("Identity", "Squeeze", "Reshape") and inputs and inputs[0] is not None:
        return inputs[0]
    if node.op == "LogicalNot" and inputs[0] is not None:
        return not inputs[0]
    if node.op in ("LogicalAnd", "LogicalOr"):
        decisive = node.op == "LogicalOr"  # one True makes it True; one False makes `LogicalAnd` False
        return decisive if decisive in inputs else None if None in inputs else not decisive
    return None


def _reachable(nodes: dict[str, NodeDef], roots: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in nodes:
            continue
        found[name] = None
        waiting += [operation_of(each) for each in nodes[name].input if not each.startswith("^")]
    return list(found)
