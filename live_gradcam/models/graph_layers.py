"""The layers of a graph: its name scopes, each with the last tensor that is computed in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.models.inference_graph import INPUT_MARK, LEARNERS, operation_of
from live_gradcam.models.type_names import GraphDef, NodeDef

_NORMALISING = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_SILENT = frozenset(
    "Identity IdentityN StopGradient EnsureShape CheckNumerics PreventGradient Shape Pack".split()
)
"""Operations that return their input unchanged, or only its shape."""

_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?|Func")
"""Parts of names that TensorFlow adds where a function was inlined."""


@dataclass(frozen=True, slots=True)
class GraphLayer:
    """A layer of a graph."""

    path: str
    """Its scope without the parts that all layers share: `block5_conv3`, `Conv2d_0/BatchNorm`."""

    kind: str
    """Its main operation: `Conv2D` for a convolution with bias and activation."""

    tensor: str
    """Name of its output: `model/block5_conv3/Relu:0`."""


def graph_layers(definition: GraphDef, outputs: Sequence[str]) -> tuple[GraphLayer, ...]:
    """Return the layers of a graph in the execution order of their outputs.

    Args:
        definition: the graph, its operations in execution order.
        outputs: names of the tensors that it returns.
    """
    depending = _depending_on_inputs(definition)
    groups: dict[str, list[NodeDef]] = defaultdict(list)
    names = {node.name for node in depending}
    scopes = {name.rpartition("/")[0] for name in names}
    for node in depending:
        # An operation may have the name of a scope: `conv` after `conv/Conv2D`.
        scope = node.name if node.name in scopes else node.name.rpartition("/")[0]
        groups[scope].append(node)
    found: dict[str, tuple[str, NodeDef]] = {}
    for scope, nodes in groups.items():
        if scope and _is_one_layer(nodes):
            found[scope] = (_kind(nodes), nodes[-1])
        else:
            found.update({node.name: (node.op, node) for node in nodes})
    paths = _readable(list(found))
    place = {node.name: number for number, node in enumerate(definition.node)}
    layers = [
        GraphLayer(paths[scope], kind, f"{node.name}:0")
        for scope, (kind, node) in sorted(found.items(), key=lambda item: place[item[1][1].name])
    ]
    # The outputs of the graph are no layers, whatever their names.
    returned = {operation_of(name) for name in outputs}
    return tuple(layer for layer in layers if operation_of(layer.tensor) not in returned)


def _depending_on_inputs(definition: GraphDef) -> list[NodeDef]:
    varying = {node.name for node in definition.node if INPUT_MARK in node.attr}
    found = []
    for node in definition.node:
        if not any(operation_of(name) in varying for name in node.input):
            continue
        varying.add(node.name)
        if node.op not in _SILENT:
            found.append(node)
    return found


def _is_one_layer(nodes: Sequence[NodeDef]) -> bool:
    """Whether the operations in a scope are one layer: a single product with weights, or a separable convolution."""
    kinds = Counter(node.op for node in nodes)
    learners = sum(kinds[kind] for kind in LEARNERS)
    separable = kinds["DepthwiseConv2dNative"] == 1 and kinds["Conv2D"] == 1
    return (learners <= 1 or (separable and learners == 2)) and sum(kinds[kind] for kind in _NORMALISING) <= 1


def _kind(nodes: Sequence[NodeDef]) -> str:
    telling = [node.op for node in nodes if node.op in LEARNERS]
    telling += [node.op for node in nodes if node.op in _NORMALISING]
    return str(telling[-1] if telling else nodes[-1].op)


def _readable(scopes: Sequence[str]) -> dict[str, str]:
    """Return scope → short path, without the calls of functions where the paths stay distinct."""
    cleaned = {
        scope: "/".join(part for part in scope.split("/") if not _CALL.fullmatch(part)) or scope
        for scope in scopes
    }
    if len(set(cleaned.values())) < len(scopes):
        return _shortened(scopes)
    paths = _shortened(list(cleaned.values()))
    return {scope: paths[name] for scope, name in cleaned.items()}


def _shortened(scopes: Sequence[str]) -> dict[str, str]:
    """Return scope → path without the beginning that all share, and without endings that distinguish nothing."""
    below: Counter[str] = Counter()
    for scope in scopes:
        parts = scope.split("/")
        below.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    common = 0
    split = [scope.split("/") for scope in scopes]
    while split and all(len(parts) > common + 1 and parts[common] == split[0][common] for parts in split):
        common += 1
    paths = {}
    for scope in scopes:
        parts = scope.split("/")
        ends = [end for end in range(common + 1, len(parts) + 1) if below["/".join(parts[:end])] == 1]
        paths[scope] = "/".join(parts[common : min(ends, default=len(parts))])
    return paths
