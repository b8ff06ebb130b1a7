"""OpenVINO's operations in terms of ONNX's: one rule for each.

A rule gets the graph that is written and OpenVINO's node, and returns the names of the node's results. The formulas are
those of OpenVINO's specification of its operations (opset 14) and of ONNX's (opset 18). Only operations that ONNX
Runtime has on every processor, and in browsers, are used.
"""

from __future__ import annotations

import math

import numpy as np

from live_gradcam.explain.export.onnx_arrays import ARRAY_RULES
from live_gradcam.explain.export.onnx_graph import OnnxGraph, Rule, UnknownOperationError, number_of
from live_gradcam.explain.export.onnx_windows import WINDOW_RULES
from live_gradcam.explain.openvino.nodes import Node, Value, whole_numbers


def write_node(graph: OnnxGraph, node: Node) -> None:
    """Write one node of OpenVINO's graph.

    Raises:
        UnknownOperationError: there is no rule for its operation, or not for its settings.
    """
    kind = node.get_type_name()
    rule = _RULES.get(kind)
    if rule is None:
        raise UnknownOperationError(f"ONNX is not written for OpenVINO's operation {kind}.")
    graph.begin(node)
    found = rule(graph, node)
    for number, name in enumerate([found] if isinstance(found, str) else found):
        graph.set(node.output(number), name)


def _like(graph: OnnxGraph, value: Value, number: float) -> str:
    """Return a constant of the same number format as a tensor."""
    return graph.constant(np.array(number, number_of(value)))


def _alike(graph: OnnxGraph, node: Node, kind: str) -> str:
    """Write an operation that ONNX has, too, with the same inputs and no settings."""
    return graph.add(kind, *(graph.input(node, number) for number in range(node.get_input_size())))


def _same(kind: str) -> Rule:
    return lambda graph, node: _alike(graph, node, kind)


def _not_equal(graph: OnnxGraph, node: Node) -> str:
    return graph.add("Not", _alike(graph, node, "Equal"))


def _softmax(kind: str) -> Rule:
    return lambda graph, node: graph.add(kind, graph.input(node, 0), axis=node.get_attributes()["axis"])


def _divide(graph: OnnxGraph, node: Node) -> str:
    if number_of(node.output(0)).kind != "f":
        raise UnknownOperationError("ONNX is not written for a division of whole numbers.")
    return _alike(graph, node, "Div")


def _floor_mod(graph: OnnxGraph, node: Node) -> str:
    """Write x − ⌊x / y⌋ · y, which is ONNX's Mod for whole numbers."""
    x, y = graph.input(node, 0), graph.input(node, 1)
    if number_of(node.output(0)).kind != "f":
        return graph.add("Mod", x, y)
    return graph.add("Sub", x, graph.add("Mul", graph.add("Floor", graph.add("Div", x, y)), y))


def _squared_difference(graph: OnnxGraph, node: Node) -> str:
    difference = _alike(graph, node, "Sub")
    return graph.add("Mul", difference, difference)


def _is_finite(graph: OnnxGraph, node: Node) -> str:
    """|x| < ∞, which is false for NaN."""
    size = graph.add("Abs", graph.input(node, 0))
    return graph.add("Less", size, _like(graph, node.input_value(0), math.inf))


def _clamp(graph: OnnxGraph, node: Node) -> str:
    limits = node.get_attributes()
    low, high = (_like(graph, node.output(0), limits[name]) for name in ("min", "max"))
    return graph.add("Clip", graph.input(node, 0), low, high)


def _elu(graph: OnnxGraph, node: Node) -> str:
    return graph.add("Elu", graph.input(node, 0), alpha=node.get_attributes()["alpha"])


def _p_relu(graph: OnnxGraph, node: Node) -> str:
    """PRelu(x, slope): a vector has a slope for each channel, which is axis 1."""
    slope, rank = graph.input(node, 1), len(node.get_output_partial_shape(0))
    if len(node.input_value(1).get_partial_shape()) == 1 and rank > 2:
        slope = graph.add("Unsqueeze", slope, graph.whole(range(1, rank - 1)))
    return graph.add("PRelu", graph.input(node, 0), slope)


def _selu(graph: OnnxGraph, node: Node) -> str:
    """Selu(x, alpha, lambda) with two constants."""
    alpha, gamma = (float(node.input_value(at).get_node().get_data().item()) for at in (1, 2))
    return graph.add("Selu", graph.input(node, 0), alpha=alpha, gamma=gamma)


def _hard_sigmoid(graph: OnnxGraph, node: Node) -> str:
    """HardSigmoid(x, alpha, beta) with two constants."""
    alpha, beta = (float(node.input_value(at).get_node().get_data().item()) for at in (1, 2))
    return graph.add("HardSigmoid", graph.input(node, 0), alpha=alpha, beta=beta)


def _swish(graph: OnnxGraph, node: Node) -> str:
    """Write x · sigmoid(β x)."""
    x = graph.input(node, 0)
    scaled = graph.add("Mul", x, graph.input(node, 1)) if node.get_input_size() > 1 else x
    return graph.add("Mul", x, graph.add("Sigmoid", scaled))


def _gelu(graph: OnnxGraph, node: Node) -> str:
    """½ x (1 + erf(x / √2)), or with tanh(√(2/π) (x + 0.044715 x³)) in place of erf."""
    x, value = graph.input(node, 0), node.input_value(0)
    if str(node.get_attributes()["approximation_mode"]).casefold() == "erf":
        inner = graph.add("Erf", graph.add("Mul", x, _like(graph, value, math.sqrt(0.5))))
    else:
        cube = graph.add("Mul", x, graph.add("Mul", x, x))
        bent = graph.add("Add", x, graph.add("Mul", cube, _like(graph, value, 0.044715)))
        inner = graph.add("Tanh", graph.add("Mul", bent, _like(graph, value, math.sqrt(2 / math.pi))))
    half = graph.add("Mul", x, _like(graph, value, 0.5))
    return graph.add("Mul", half, graph.add("Add", inner, _like(graph, value, 1.0)))


def _mat_mul(graph: OnnxGraph, node: Node) -> str:
    names = []
    for number, flag in enumerate(("transpose_a", "transpose_b")):
        value, name = node.input_value(number), graph.input(node, number)
        rank = len(value.get_partial_shape())
        if node.get_attributes()[flag] and rank > 1:
            order = [*range(rank - 2), rank - 1, rank - 2]
            name = graph.add("Transpose", name, perm=order)
        names.append(name)
    return graph.add("MatMul", *names)


def _reduction(kind: str) -> Rule:
    def rule(graph: OnnxGraph, node: Node) -> str:
        axes = graph.whole(whole_numbers(node.input_value(1)))
        keep = int(node.get_attributes()["keep_dims"])
        return graph.add(kind, graph.input(node, 0), axes, keepdims=keep)

    return rule


def _logical_reduction(kind: str) -> Rule:
    """Return the rule for "all" or "any": the least or the greatest of zeros and ones."""

    def rule(graph: OnnxGraph, node: Node) -> str:
        axes = graph.whole(whole_numbers(node.input_value(1)))
        numbers = graph.cast(graph.input(node, 0), np.int32)
        found = graph.add(kind, numbers, axes, keepdims=int(node.get_attributes()["keep_dims"]))
        return graph.cast(found, bool)

    return rule


def _select(graph: OnnxGraph, node: Node) -> str:
    chosen, yes, no = (graph.input(node, number) for number in range(3))
    if number_of(node.output(0)).kind != "b":
        return graph.add("Where", chosen, yes, no)
    other = graph.add("And", graph.add("Not", chosen), no)
    return graph.add("Or", graph.add("And", chosen, yes), other)


def _convert(graph: OnnxGraph, node: Node) -> str:
    return graph.cast(graph.input(node, 0), number_of(node.output(0)))


def _top_k(graph: OnnxGraph, node: Node) -> list[str]:
    settings = node.get_attributes()
    values, indices = graph.add_several(
        "TopK",
        [graph.input(node, 0), graph.shape(node.input_value(1))],
        2,
        axis=settings["axis"],
        largest=int(settings["mode"] == "max"),
        sorted=1,
    )
    number = number_of(node.output(1))
    return [values, indices if number == np.int64 else graph.cast(indices, number)]


def _batch_normalisation(graph: OnnxGraph, node: Node) -> str:
    names = [graph.input(node, at) for at in range(5)]
    return graph.add("BatchNormalization", *names, epsilon=node.get_attributes()["epsilon"])


def _einsum(graph: OnnxGraph, node: Node) -> str:
    names = [graph.input(node, at) for at in range(node.get_input_size())]
    return graph.add("Einsum", *names, equation=node.get_attributes()["equation"])


_SAME = {
    "Abs": "Abs",
    "Add": "Add",
    "Ceiling": "Ceil",
    "Cos": "Cos",
    "Equal": "Equal",
    "Erf": "Erf",
    "Exp": "Exp",
    "Floor": "Floor",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "HSwish": "HardSwish",
    "IsNaN": "IsNaN",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Log": "Log",
    "LogicalAnd": "And",
    "LogicalNot": "Not",
    "LogicalOr": "Or",
    "LogicalXor": "Xor",
    "Maximum": "Max",
    "Minimum": "Min",
    "Mish": "Mish",
    "Multiply": "Mul",
    "Negative": "Neg",
    "Power": "Pow",
    "Relu": "Relu",
    "Sigmoid": "Sigmoid",
    "Sign": "Sign",
    "Sin": "Sin",
    "SoftPlus": "Softplus",
    "SoftSign": "Softsign",
    "Sqrt": "Sqrt",
    "Subtract": "Sub",
    "Tan": "Tan",
    "Tanh": "Tanh",
}

_REDUCTIONS = {
    "ReduceL1": "ReduceL1",
    "ReduceL2": "ReduceL2",
    "ReduceMax": "ReduceMax",
    "ReduceMean": "ReduceMean",
    "ReduceMin": "ReduceMin",
    "ReduceProd": "ReduceProd",
    "ReduceSum": "ReduceSum",
}

_RULES: dict[str, Rule] = {
    **{kind: _same(theirs) for kind, theirs in _SAME.items()},
    **{kind: _reduction(theirs) for kind, theirs in _REDUCTIONS.items()},
    **ARRAY_RULES,
    **WINDOW_RULES,
    "BatchNormInference": _batch_normalisation,
    "Clamp": _clamp,
    "Convert": _convert,
    "ConvertLike": _convert,
    "Divide": _divide,
    "Einsum": _einsum,
    "Elu": _elu,
    "FloorMod": _floor_mod,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "IsFinite": _is_finite,
    "LogSoftmax": _softmax("LogSoftmax"),
    "MatMul": _mat_mul,
    "NotEqual": _not_equal,
    "PRelu": _p_relu,
    "ReduceLogicalAnd": _logical_reduction("ReduceMin"),
    "ReduceLogicalOr": _logical_reduction("ReduceMax"),
    "Select": _select,
    "Selu": _selu,
    "Softmax": _softmax("Softmax"),
    "SquaredDifference": _squared_difference,
    "Swish": _swish,
    "TopK": _top_k,
}
