"""The walk through a network's depth: the layers worth stepping through one by one, from shallow to deep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import tensorflow as tf

from live_gradcam.errors import LayerError
from live_gradcam.explain.activation import activation_of
from live_gradcam.explain.layer_calls import LayerCall
from live_gradcam.explain.layers import automatic

Tensor = Any

LayerShape = tuple[str, tuple[int | None, ...]]
"""Path of a layer, and its activation's (height, width, channels); None where a length is free."""

MOST_STEPS = 30
"""How many layers a walk has at most: as many as one has patience for."""

_FEWEST_STEPS = 8
"""A network so branched that fewer layers than these see everything is walked through all its layers."""

# They only scale or bend what the layer before them gave: of both, the last is shown.
_REFINING = re.compile(r"Normalization$|^Activation$|ELU$|ReLU$|Dropout")


def walk(
    calls: Sequence[LayerCall],
    output: Tensor,
    scores: Tensor | None,
    input_size: tuple[int, int],
    chosen: Sequence[LayerCall],
) -> tuple[LayerShape, ...]:
    """Choose the layers to step through.

    Everything that the network knows of the picture passes through each of them: a layer on one branch of several,
    inside a residual block, say, shows only what that branch adds. Of a layer, its normalisation and its activation
    function the last is taken, of the layers of one numbered block likewise; and where too many are left, every
    second or third.

    Args:
        calls: what was observed while the network was traced.
        output: what it returned.
        scores: what is differentiated; None where the user's own function decides.
        input_size: (height, width) of its input.
        chosen: what is explained where no layer is named, always part of the walk; empty: the last.

    Returns:
        `MOST_STEPS` layers at most, and `chosen`, from shallow to deep.
    """
    try:
        usable = sorted(automatic(calls, output, scores, input_size, ""), key=calls.index)
    except LayerError:
        return ()
    chosen = chosen or usable[-1:]
    if chosen[-1].output.shape.rank == 3 and chosen[-1] in usable:
        # Tokens after the chosen ones are tokens that no score depends on.
        usable = usable[: usable.index(chosen[-1]) + 1]
    between, everything = ways((output if scores is None else scores).op)
    usable = [call for call in usable if call.output.op in between]
    through = [call for call in usable if call.output.op in everything]
    steps = through if len(through) >= _FEWEST_STEPS else usable
    for one_thing in (_refines, _is_of_block):
        steps = [
            call
            for call, after in zip_longest(steps, steps[1:])
            if after is None or not one_thing(after, call)
        ]
    apart = max(1, -(-len(steps) // MOST_STEPS))
    kept = {*steps[::-1][::apart], *chosen}
    return tuple((call.path, _shape_of(call, input_size)) for call in sorted(kept, key=calls.index))


def ways(end: Any) -> tuple[set[Any], set[Any]]:  # noqa: ANN401 - tf.Operations
    """Return the operations between the picture and `end`, and those of them that all ways lead through."""
    before, waiting = {end}, [end]
    while waiting:
        for tensor in waiting.pop().inputs:
            # Lengths of axes go other ways than what is seen.
            if tensor.op not in before and (tensor.dtype.is_floating or tensor.dtype == tf.uint8):
                before.add(tensor.op)
                waiting.append(tensor.op)
    ordered: dict[Any, int] = {}
    for operation in end.graph.get_operations():
        is_picture = operation.type == "Placeholder" and operation.outputs[0].dtype == tf.uint8
        if operation in before and (is_picture or any(tensor.op in ordered for tensor in operation.inputs)):
            ordered[operation] = len(ordered)
    # In the order they were written every way leads forward. All lead through where none that began before goes on.
    last_use = dict(ordered)
    for operation, place in ordered.items():
        for tensor in operation.inputs:
            if tensor.op in last_use:
                last_use[tensor.op] = max(last_use[tensor.op], place)
    furthest, everything = 0, set()
    for operation, place in ordered.items():
        if furthest <= place:
            everything.add(operation)
        furthest = max(furthest, last_use[operation])
    return set(ordered), everything


def _refines(after: LayerCall, call: LayerCall) -> bool:
    return _REFINING.search(after.kind) is not None and after.output.shape[1:] == call.output.shape[1:]


def _is_of_block(after: LayerCall, call: LayerCall) -> bool:
    return _block(after.path) == _block(call.path)


def _block(path: str) -> str:
    """Return a path up to its last number: `block3` of `block3_project`; all of it where it ends in one."""
    numbered = re.match(r"(.*\d[a-z]?)(?:_[^\d/]*)?$", path)
    return path if numbered is None else numbered[1]


def _shape_of(call: LayerCall, input_size: tuple[int, int]) -> tuple[int | None, ...]:
    if call.output.shape.rank == 4:
        return tuple(call.output.shape[1:])
    grid = activation_of(call.output, call.path, input_size, None).grid
    assert grid is not None
    return grid.height, grid.width, call.output.shape[-1]
