"""Finds sequences (N, T, K) whose steps are no places of the picture, although their number would fit a grid of tokens.

A transformer's tokens are the places of a feature map, (N, h, w, K) as (N, h·w, K), or of patches of the picture. A
recurrent network behind convolutions takes rows or columns, (N, h, w, K) as (N, h, w·K), their means, or a vector that
was cut in pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import tensorflow as tf

from live_gradcam.models.type_names import Operation, Shape, Tensor

MOST_EXTRA_TOKENS = 16
"""How many class and register tokens may precede the tokens of the grid."""

_REARRANGING = frozenset(("Cast", "ExpandDims", "Identity", "Reshape", "Squeeze", "StopGradient"))
"""Operations that keep the elements and their order."""


@dataclass(frozen=True, slots=True)
class _History:
    """What is known of a tensor that depends on the picture."""

    origin: Shape
    """Shape of the feature map or vector that it rearranges; its own if it was computed."""

    grids: frozenset[tuple[int, int]]
    """(height, width) of the feature maps that it depends on."""

    is_open: bool = False
    """Whether it depends on something from which places may come in an unknown way, such as patches with six axes."""

    steps: bool | None = None
    """Whether it depends on a sequence: True if the steps are places, False if they are none; None if it does not."""


class _Trace:
    """What is known of the operations of one graph, which only grows."""

    def __init__(self) -> None:
        self.read = 0
        """How many operations are known."""

        self.histories: dict[str, _History] = {}


_traces: WeakKeyDictionary[tf.Graph, _Trace] = WeakKeyDictionary()


def has_no_places(sequence: Tensor) -> bool:
    """Return whether the steps of a sequence are no places of the picture.

    Args:
        sequence: (N, T, K) in the trace of a network, whose input is the placeholder with four axes.
    """
    trace = _traces.setdefault(sequence.graph, _Trace())
    operations = sequence.graph.get_operations()
    known = trace.histories
    for operation in operations[trace.read :]:
        if not operation.outputs or operation.type in ("Shape", "ShapeN"):
            continue
        if operation.type == "Placeholder":
            if operation.outputs[0].shape.rank == 4:
                known[operation.name] = _with_map(_History((), frozenset()), operation.outputs[0])
            continue
        given = [tensor for tensor in operation.inputs if tensor.op.name in known]
        if given:
            known[operation.name] = _history(operation, given, [known[each.op.name] for each in given])
    trace.read = len(operations)
    history = known.get(sequence.op.name)
    return history is not None and history.steps is False


def _history(operation: Operation, given: list[Tensor], before: list[_History]) -> _History:
    """Return the history of an operation's output.

    Args:
        operation: it depends on the picture.
        given: those of its inputs that depend on the picture.
        before: their histories.
    """
    output = operation.outputs[0]
    shape, rearranges = _shape(output), operation.type in _REARRANGING
    source = _shape(given[0])
    if rearranges and len(source) < 4 and len(before[0].origin) >= len(source):
        source = before[0].origin
    found = _History(
        origin=source if rearranges else shape,
        grids=frozenset().union(*(each.grids for each in before)),
        is_open=any(each.is_open for each in before),
        steps=_common([each.steps for each in before]),
    )
    if len(shape) >= 4 and not found.steps:
        # Whatever it was made of, it is a feature map now.
        return _with_map(_History(found.origin, found.grids, found.is_open), output)
    if len(shape) != 3 or found.steps is not None or None in shape[1:]:
        return found
    kept = _keeps_places(source, shape) if rearranges else None
    if kept is None:
        counts = {height * width for height, width in found.grids}
        fits = any(int(shape[1] or 0) - extra in counts for extra in range(MOST_EXTRA_TOKENS + 1))
        kept = found.is_open or fits
    return _History(found.origin, found.grids, found.is_open, kept)


def _common(steps: list[bool | None]) -> bool | None:
    """Return what a result of several tensors is: places if one of them has places, for the others join them."""
    return True if True in steps else False if False in steps else None


def _with_map(history: _History, output: Tensor) -> _History:
    """Return a history that includes a tensor (N, h, w, K), or one with more axes."""
    shape = _shape(output)
    if len(shape) != 4:
        return _History(history.origin, history.grids, is_open=True)
    height, width = int(shape[1] or 0), int(shape[2] or 0)
    grids = {(height, width)} if min(height, width) > 1 else set()
    return _History(history.origin, history.grids | grids, history.is_open)


def _keeps_places(before: Shape, after: Shape) -> bool | None:
    """Return whether the steps of a rearranged tensor are places; None where that cannot be told.

    Args:
        before: (N, h, w, K) of a feature map or (N, D) of a vector.
        after: (N, T, K) of the same elements in the same order.
    """
    lengths, steps = before[1:], after[1:]
    if len(before) not in (2, 4) or None in lengths or None in steps:
        return None
    if math.prod(int(length or 0) for length in lengths) != math.prod(int(length or 0) for length in steps):
        return None  # the batch was folded into another axis
    if len(before) == 2:
        return False
    height, width, channels = (int(length or 0) for length in lengths)
    return steps == (height * width, channels) and min(height, width) > 1


def _shape(tensor: Tensor) -> Shape:
    return () if tensor.shape.rank is None else tuple(tensor.shape)
