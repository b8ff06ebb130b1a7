"""Chooses the layers of a network that a viewer steps through, from shallow to deep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

import tensorflow as tf

from live_gradcam.errors import LayerError
from live_gradcam.explain.array_types import LayerShape, Operation
from live_gradcam.explain.feature_map import grids
from live_gradcam.explain.layer_calls import LayerCall
from live_gradcam.explain.target_layer import automatic
from live_gradcam.models.type_names import Tensor

MOST_STEPS = 30
"""How many layers there are to step through at most."""

_FEWEST_STEPS = 8
"""If fewer layers than these lie on every path through the network, layers on branches are steps too."""

# These layers normalise the output of the layer before them or apply a nonlinearity. Only the last of them is a step.
_REFINING = re.compile(r"Normalization$|^Activation$|ELU$|ReLU$|Dropout")


def choose_layer_steps(
    calls: Sequence[LayerCall],
    output: Tensor,
    scores: Tensor | None,
    input_size: tuple[int, int],
    chosen: Sequence[LayerCall],
) -> tuple[LayerShape, ...]:
    """Choose the layers to step through.

    Every path from the picture to the output leads through each of them. A layer on one of several branches, such as
    inside a residual block, shows only what its branch adds. A layer, its normalisation and its activation function
    count as one step, and so do the layers of one numbered block: the last of them is chosen. If too many remain, every
    second or third is chosen.

    Args:
        calls: the recorded layer calls.
        output: the network's output.
        scores: the scores that are differentiated; None for a score function of the user's.
        input_size: (height, width) of the network's input.
        chosen: the layers that are explained if none is named, always among the steps; empty: the last layer.

    Returns:
        `MOST_STEPS` layers at most, and `chosen`, from shallow to deep.
    """
    try:
        usable = sorted(automatic(calls, output, scores, input_size, ""), key=calls.index)
    except LayerError:
        return ()
    chosen = chosen or usable[-1:]
    if chosen[-1].output.shape.rank == 3 and chosen[-1] in usable:
        # No score depends on the tokens after the chosen ones.
        usable = usable[: usable.index(chosen[-1]) + 1]
    between, everything = paths_to((output if scores is None else scores).op)
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


def paths_to(end: Operation) -> tuple[set[Operation], set[Operation]]:
    """Return the operations between the picture and `end`, and those of them that every path leads through."""
    before, waiting = {end}, [end]
    while waiting:
        for tensor in waiting.pop().inputs:
            # Integer tensors, such as the lengths of axes, carry nothing of the picture.
            if tensor.op not in before and (tensor.dtype.is_floating or tensor.dtype == tf.uint8):
                before.add(tensor.op)
                waiting.append(tensor.op)
    ordered: dict[Operation, int] = {}
    for operation in end.graph.get_operations():
        is_picture = operation.type == "Placeholder" and operation.outputs[0].dtype == tf.uint8
        if operation in before and (is_picture or any(tensor.op in ordered for tensor in operation.inputs)):
            ordered[operation] = len(ordered)
    # Operations are in execution order. Every path leads through one if no tensor made before it is used after it.
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
    """Return a path up to its last number: `block3` of `block3_project`, and all of `block3`."""
    numbered = re.match(r"(.*\d[a-z]?)(?:_[^\d/]*)?$", path)
    return path if numbered is None else numbered[1]


def _shape_of(call: LayerCall, input_size: tuple[int, int]) -> tuple[int | None, ...]:
    if call.output.shape.rank == 4:
        return tuple(call.output.shape[1:])
    grid = next(grids(call.output.shape[1], input_size))
    return grid.height, grid.width, call.output.shape[-1]
