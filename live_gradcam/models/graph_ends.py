"""Finds where a frozen graph without a signature begins and ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from live_gradcam.errors import ModelError
from live_gradcam.models.frozen_graph import GraphDef, inference_values, operation_of
from live_gradcam.models.graph_inputs import Entry


def make_placeholders_of_iterators(definition: GraphDef) -> None:
    """Let pictures be fed where a training program read them from a data set: `IteratorGetNext` of an Estimator.

    Args:
        definition: changed in place, unless it has placeholders or its answer needs several parts of the data set.
    """
    if any(node.op == "Placeholder" for node in definition.node):
        return
    for node in definition.node:
        if node.op != "IteratorGetNext":
            continue
        names = {name for each in definition.node for name in each.input if operation_of(name) == node.name}
        places = {int(name.partition(":")[2] or 0) for name in names}
        if len(places) != 1:
            continue
        (place,) = places
        dtype = node.attr["output_types"].list.type[place]
        shapes = node.attr["output_shapes"].list.shape
        shape = shapes[place] if place < len(shapes) else None
        node.op = "Placeholder"
        del node.input[:]
        node.attr.clear()
        node.attr["dtype"].type = dtype
        if shape is not None:
            node.attr["shape"].shape.CopyFrom(shape)
        for each in definition.node:
            for position, name in enumerate(each.input):
                if name in names:
                    each.input[position] = node.name


def ends_of(definition: GraphDef, path: Path) -> tuple[list[Entry], list[Entry]]:
    """Return where a graph without a signature begins and ends.

    Raises:
        ModelError: nothing can be fed to it, or nothing comes of it.
    """
    fixed = inference_values(definition)
    inputs = [
        Entry(node.name, f"{node.name}:0")
        for node in definition.node
        if node.op == "Placeholder" and node.name not in fixed
    ]
    if not inputs:
        inputs = [
            Entry(node.name, f"{node.name}:0")
            for node in definition.node
            if node.op == "PlaceholderWithDefault"
        ]
    used = {operation_of(name) for node in definition.node for name in node.input if not name.startswith("^")}
    reached = {entry.name for entry in inputs}
    nodes = {node.name: node for node in definition.node}
    waiting = [each.name for each in inputs]
    consumers: dict[str, list[str]] = {}
    for node in definition.node:
        for name in node.input:
            consumers.setdefault(operation_of(name), []).append(node.name)
    while waiting:
        for name in consumers.get(waiting.pop(), ()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    ends = [
        name for name in nodes if name in reached and name not in used and nodes[name].op not in _NO_ANSWER
    ]
    if not inputs or not ends:
        what = "no placeholder that a picture could be given to" if not inputs else "no output"
        raise ModelError(
            f"{path} is a TensorFlow graph with {what}. Export the whole network, from the picture to the answer."
        )
    likely = [name for name in ends if _answers_like_a_classifier(nodes[name], nodes)]
    return inputs, [Entry(name, f"{name}:0") for name in (likely or ends)]


_NO_ANSWER = frozenset(
    {"NoOp", "Assert", "SaveV2", "ScalarSummary", "HistogramSummary", "MergeSummary", "Print"}
)


def _answers_like_a_classifier(node: Any, nodes: dict[str, Any]) -> bool:  # noqa: ANN401 - NodeDefs
    while node.op in ("Identity", "Reshape", "Squeeze") and node.input:
        node = nodes[operation_of(node.input[0])]
    return node.op in ("Softmax", "Sigmoid", "LogSoftmax", "ArgMax")
