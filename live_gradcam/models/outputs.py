"""Which of a network's outputs is explained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from live_gradcam.errors import ModelError

Tensor = Any


def chosen_output(outputs: Any, wanted: str | int | None, *, names: Sequence[str], model: str) -> Tensor:  # noqa: ANN401 - tensors in any structure
    """Return the output that is explained.

    Args:
        outputs: what the network returned, or its symbolic outputs: a tensor, or a list or dict of them.
        wanted: name or index; None where there is but one.
        names: what the network calls its outputs, in order; empty where they have no names but a dict's keys.
        model: its name, for the messages.

    Raises:
        ModelError: there are several and none was chosen, or the chosen one is not there.
    """
    leaves = [
        ("/".join(map(str, path)) if any(isinstance(key, str) for key in path) else "", tensor)
        for path, tensor in keras.tree.flatten_with_path(outputs)
        if hasattr(tensor, "shape")
    ]
    if len(names) == len(leaves):
        leaves = [(keyed or name, tensor) for (keyed, tensor), name in zip(leaves, names, strict=True)]
    if not leaves:
        raise ModelError(f"{model} returns no tensor.")
    if wanted is None:
        if len(leaves) == 1:
            return leaves[0][1]
        raise ModelError(
            f"{model} has {len(leaves)} outputs: {_listed(leaves)}. Choose one: --output NAME or its number."
        )
    named = [tensor for name, tensor in leaves if name and name == str(wanted)]
    if len(named) == 1:
        return named[0]
    if named:
        raise ModelError(
            f"{model} has {len(named)} outputs called '{wanted}': {_listed(leaves)}. Choose by number."
        )
    if str(wanted).isdigit() and int(wanted) < len(leaves):
        return leaves[int(wanted)][1]
    raise ModelError(f"{model} has no output '{wanted}'. It has: {_listed(leaves)}.")


def output_of(network: Any, output: str | int | None, name: str) -> Tensor:  # noqa: ANN401 - a `Network`, whose module needs this one
    """Return the symbolic output that is explained; None for a subclassed network: only a trace can tell.

    Args:
        network: the network.
        output: name or index; None where there is but one.
        name: the network's name, for the messages.

    Raises:
        ModelError: as of `chosen_output`.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = outputs[0] if isinstance(network, keras.Sequential) else network.output
    names = getattr(network, "output_names", ())
    return chosen_output(structure, output, names=names, model=name)


def units_of(output: Tensor) -> int | None:
    """Return how many numbers an output has for each thing it decides: the length of its last axis, if known.

    A vector (N,) is one number for each picture. None stands for an output that is not known yet.
    """
    if output is None:
        return None
    if len(output.shape) == 1:
        return 1
    units = output.shape[-1]
    return None if units is None else int(units)


def numbers_of(output: Tensor) -> int | None:
    """Return how many values an output is: all its numbers, but one for each place of a map (N, h, w, C)."""
    units = units_of(output)
    if units is None or len(output.shape) in (1, 2, 4):
        return units
    return None if None in tuple(output.shape[1:]) else math.prod(output.shape[1:])


def classes_of(output: Tensor) -> int | None:
    """Return between how many classes an output decides: one unit decides between two."""
    units = units_of(output)
    return 2 if units == 1 else units


def _listed(leaves: Sequence[tuple[str, Tensor]]) -> str:
    twice = {name for name, count in Counter(name for name, _ in leaves).items() if count > 1}
    return ", ".join(
        f"{index}" + (f" '{name}'" if name and name not in twice else "") + f" {shape_text(tensor.shape)}"
        for index, (name, tensor) in enumerate(leaves)
    )


def shape_text(shape: Sequence[int | None]) -> str:
    """Return a shape as people write it: `(N, 16, 16, 3)`, `?` where a length is free."""
    lengths = ["N", *("?" if length is None else str(length) for length in list(shape)[1:])]
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
