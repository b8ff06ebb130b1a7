"""Replaces each branch of a TensorFlow graph whose condition is the same for every picture by the side that is taken.

A network that was saved by Keras 2 keeps such branches: `RandomCrop` asks in the graph whether it trains and whether
the picture is large enough. The side for training holds a random generator, which no constant can stand for.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from live_gradcam.models.inference_graph import constant, operation_of, ordered
from live_gradcam.models.type_names import GraphDef, NodeDef

_CALLS = {"If": "StatefulPartitionedCall", "StatelessIf": "PartitionedCall"}


@dataclass(frozen=True, slots=True)
class _Truth:
    """What is known of a tensor of booleans before any picture is."""

    every: bool | None
    """Whether all of its elements are true; None if that depends on the picture."""
    some: bool | None
    """Whether at least one of its elements is true; None if that depends on the picture."""


def take_settled_branches(definition: GraphDef) -> bool:
    """Replace each `If` with a known condition by a call of the function that it takes.

    Args:
        definition: changed in place; branches inside its functions stay.

    Returns:
        Whether there was one, so that the graph has calls again.
    """
    branches = [node for node in definition.node if node.op in _CALLS]
    if not branches:
        return False
    known: dict[str, _Truth] = {}
    for node in ordered(definition.node):
        truth = _truth(node, known)
        if truth is not None:
            known[node.name] = truth
    settled = [(node, _condition(node, known)) for node in branches]
    for node, condition in settled:
        if condition is not None:
            _call(node, taken=condition)
    return any(condition is not None for _, condition in settled)


def _condition(branch: NodeDef, known: dict[str, _Truth]) -> bool | None:
    truth = known.get(operation_of(branch.input[0]), _Truth(None, None))
    return truth.some if truth.every is None else truth.every  # a condition is one value


def _call(node: NodeDef, *, taken: bool) -> None:
    side = tf.compat.v1.AttrValue()
    side.CopyFrom(node.attr["then_branch" if taken else "else_branch"])
    given = list(node.input)[1:]
    node.op = _CALLS[node.op]
    for key in ("Tcond", "then_branch", "else_branch", "_lower_using_switch_merge"):
        node.attr.pop(key, None)
    node.attr["f"].CopyFrom(side)
    del node.input[:]
    node.input.extend(given)


def _truth(node: NodeDef, known: dict[str, _Truth]) -> _Truth | None:
    if node.op == "Const":
        if node.attr["dtype"].type != tf.bool.as_datatype_enum:
            return None
        value = constant(node)
        return _Truth(bool(value.all()), bool(value.any()))
    given = [
        known.get(operation_of(name), _Truth(None, None)) for name in node.input if not name.startswith("^")
    ]
    every, some = [each.every for each in given], [each.some for each in given]
    match node.op:
        case "Identity" | "Squeeze" | "Reshape":
            return given[0]
        case "Pack":
            return _Truth(_conjunction(every), _disjunction(some))
        case "All":  # perhaps of some axes only, so that there are several results
            return _Truth(every[0], True if every[0] else False if some[0] is False else None)
        case "Any":
            return _Truth(True if every[0] else False if some[0] is False else None, some[0])
        case "LogicalNot":
            return _Truth(*(None if value is None else not value for value in (some[0], every[0])))
        case "LogicalAnd":
            return _Truth(_conjunction(every), False if False in some else True if all(every) else None)
        case "LogicalOr":
            return _Truth(
                True if True in every else None if any(v is not False for v in some) else False,
                _disjunction(some),
            )
    return None


def _conjunction(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _disjunction(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False
