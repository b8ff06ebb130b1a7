"""The result of a graph: what the network says, maps and channels, for a batch of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOP = 5
"""How many classes a result names."""

MOST_VALUES = 256
"""How many values a result holds."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphOutputs:
    """What the graph returns for N pictures, M methods, T targets and G goals.

    Tensors while it is traced, and arrays afterwards.
    """

    top_ids: Any
    """(N, k) int32: the most probable classes or labels, best first; the first values in the output's order."""

    top_probabilities: Any
    """(N, k) float32; (N, 0) where there are none."""

    top_values: Any
    """(N, k) float32: the network's own numbers."""

    target_ids: Any
    """(N, G) int32; −1 for the user's own function."""

    target_probabilities: Any
    """(N, G) float32; (N, 0) where there are none."""

    target_values: Any
    """(N, G) float32: the network's own number, or what the user's own function gave."""

    rival_ids: Any
    """(N, G, R) int32; −1 for none."""

    rival_probabilities: Any
    """(N, G, R) float32; (N, G, 0) where there are none."""

    rival_values: Any
    """(N, G, R) float32."""

    finite: Any
    """(N,) bool: whether all that the network says is finite."""

    raw: Any
    """(N, M, T, h, w) float32."""

    evidence: Any
    """(N, M, T) bool: False where a map is rounding noise or not finite: nothing in the picture speaks for the class,
    or raises (or lowers) the value."""

    channel_numbers: Any
    """(N, C) int32: the strongest channels of the layer for the first goal."""

    channel_weights: Any
    """(N, C) float32."""

    channel_maps: Any
    """(N, C, h, w) float32."""


FIELDS = tuple(GraphOutputs.__slots__)
