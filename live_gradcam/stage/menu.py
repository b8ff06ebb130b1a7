"""The menu of a show: what there is to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """What a viewer can choose from: methods, layers, classes, models."""

    methods: Sequence[str]
    """In the order that the key `m` goes through them."""

    together: Sequence[str] = ()
    """The methods that one pass serves, best first: for the view of up to four."""

    layers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """(path, shape), from shallow to deep; empty as long as they are not known."""

    labels: Sequence[str] = ()
    """The names of the classes or values, by their ids."""

    other_names: Sequence[Sequence[str]] = ()
    """For each class its further names, in other languages too, by which it is found; empty: there are none."""

    values: bool = False
    """Whether the network is no classifier, and these are values."""

    models: Sequence[str] = ("",)
    """Names of the models, one or two."""
