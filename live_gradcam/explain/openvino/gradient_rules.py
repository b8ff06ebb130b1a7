"""Rules for the operations of TensorFlow's gradients that OpenVINO's frontend lacks, in terms of OpenVINO's own.

Each rule gets `openvino.opset14` and the node of TensorFlow's graph, and returns the node that takes its place. The
formulas are those of TensorFlow's documentation of the raw operations; dy is the gradient of the score by the
operation's output. A rule that cannot hold raises, and TensorFlow computes the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from live_gradcam.explain.openvino.library import core, openvino
from live_gradcam.explain.openvino.nodes import Node, Ops, Rule, Value
from live_gradcam.explain.openvino.shape_gradients import SHAPE_RULES
from live_gradcam.explain.openvino.window_gradients import WINDOW_RULES


def _number(ops: Ops, like: Value, value: float) -> Value:
    """Return a constant of the same type as a tensor."""
    return ops.constant(np.array(value, like.get_element_type().to_dtype()))


def _relu(ops: Ops, node: Node) -> Value:
    """ReluGrad(dy, y) = dy where y > 0, else 0."""
    dy, y = node.get_input(0), node.get_input(1)
    zero = _number(ops, y, 0.0)
    return ops.select(ops.greater(y, zero), dy, zero)


def _relu6(ops: Ops, node: Node) -> Value:
    """Relu6Grad(dy, y) = dy where 0 < y < 6, else 0."""
    dy, y = node.get_input(0), node.get_input(1)
    zero = _number(ops, y, 0.0)
    inside = ops.logical_and(ops.greater(y, zero), ops.less(y, _number(ops, y, 6.0)))
    return ops.select(inside, dy, zero)


def _leaky_relu(ops: Ops, node: Node) -> Value:
    """LeakyReluGrad(dy, x) = dy where x > 0, else alpha · dy."""
    dy, x = node.get_input(0), node.get_input(1)
    alpha = _number(ops, x, node.get_attribute("alpha", 0.2))
    return ops.select(ops.greater(x, _number(ops, x, 0.0)), dy, ops.multiply(alpha, dy))


def _elu(ops: Ops, node: Node) -> Value:
    """EluGrad(dy, y) = dy where y > 0, else dy · (y + 1)."""
    dy, y = node.get_input(0), node.get_input(1)
    below = ops.multiply(dy, ops.add(y, _number(ops, y, 1.0)))
    return ops.select(ops.greater(y, _number(ops, y, 0.0)), dy, below)


_SELU_SCALE = 1.0507009873554805
_SELU_SCALED_ALPHA = 1.7580993408473766


def _selu(ops: Ops, node: Node) -> Value:
    """SeluGrad(dy, y) = scale · dy where y ≥ 0, else dy · (y + scale · alpha)."""
    dy, y = node.get_input(0), node.get_input(1)
    below = ops.multiply(dy, ops.add(y, _number(ops, y, _SELU_SCALED_ALPHA)))
    above = ops.multiply(dy, _number(ops, y, _SELU_SCALE))
    return ops.select(ops.less(y, _number(ops, y, 0.0)), below, above)


def _softplus(ops: Ops, node: Node) -> Value:
    """SoftplusGrad(dy, x) = dy · sigmoid(x)."""
    dy, x = node.get_input(0), node.get_input(1)
    return ops.multiply(dy, ops.sigmoid(x))


def _softsign(ops: Ops, node: Node) -> Value:
    """SoftsignGrad(dy, x) = dy / (1 + |x|)²."""
    dy, x = node.get_input(0), node.get_input(1)
    below = ops.add(ops.absolute(x), _number(ops, x, 1.0))
    return ops.divide(dy, ops.multiply(below, below))


def _sigmoid(ops: Ops, node: Node) -> Value:
    """SigmoidGrad(y, dy) = dy · y · (1 − y)."""
    y, dy = node.get_input(0), node.get_input(1)
    return ops.multiply(ops.multiply(dy, y), ops.subtract(_number(ops, y, 1.0), y))


def _tanh(ops: Ops, node: Node) -> Value:
    """TanhGrad(y, dy) = dy · (1 − y²)."""
    y, dy = node.get_input(0), node.get_input(1)
    return ops.multiply(dy, ops.subtract(_number(ops, y, 1.0), ops.multiply(y, y)))


def _sqrt(ops: Ops, node: Node) -> Value:
    """SqrtGrad(y, dy) = dy / (2y)."""
    y, dy = node.get_input(0), node.get_input(1)
    return ops.divide(dy, ops.multiply(_number(ops, y, 2.0), y))


def _rsqrt(ops: Ops, node: Node) -> Value:
    """RsqrtGrad(y, dy) = −½ · dy · y³."""
    y, dy = node.get_input(0), node.get_input(1)
    cube = ops.multiply(y, ops.multiply(y, y))
    return ops.multiply(_number(ops, y, -0.5), ops.multiply(dy, cube))


def _reciprocal(ops: Ops, node: Node) -> Value:
    """ReciprocalGrad(y, dy) = −dy · y²."""
    y, dy = node.get_input(0), node.get_input(1)
    return ops.negative(ops.multiply(dy, ops.multiply(y, y)))


_RULES: dict[str, Rule] = {
    **WINDOW_RULES,
    **SHAPE_RULES,
    "ReluGrad": _relu,
    "Relu6Grad": _relu6,
    "LeakyReluGrad": _leaky_relu,
    "EluGrad": _elu,
    "SeluGrad": _selu,
    "SoftplusGrad": _softplus,
    "SoftsignGrad": _softsign,
    "SigmoidGrad": _sigmoid,
    "TanhGrad": _tanh,
    "SqrtGrad": _sqrt,
    "RsqrtGrad": _rsqrt,
    "ReciprocalGrad": _reciprocal,
    "InvGrad": _reciprocal,
}


def add_rules() -> None:
    """Add the rules to OpenVINO's core."""
    openvino()
    from openvino import opset14
    from openvino.frontend.tensorflow import ConversionExtension

    def outputs(node: Node, rule: Rule) -> list[Any]:
        found = rule(opset14, node)
        nodes = found if isinstance(found, list) else [found]
        return [output for each in nodes for output in each.outputs()]

    for operation, rule in _RULES.items():
        core().add_extension(ConversionExtension(operation, lambda node, rule=rule: outputs(node, rule)))
