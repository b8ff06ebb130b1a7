"""What a method is, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from live_gradcam.errors import LiveGradcamError, unknown_name
from live_gradcam.explain.methods import gradcam

Tensor = Any


@dataclass(frozen=True, slots=True)
class Method:
    """One way to explain."""

    name: str
    """As `--method` takes it."""

    function: Callable[[Tensor, Tensor], Tensor]
    """(activations, gradients), both (N, h, w, K) float32, to the map (N, h, w) before ReLU."""

    rectified: bool
    """Whether the paper's formula ends in a ReLU."""

    paper: str
    """Authors, year, and where to find it."""


_METHODS = {
    method.name: method
    for method in (Method("gradcam", gradcam.gradcam, True, "Selvaraju et al. 2016, arXiv:1610.02391"),)
}

METHODS = tuple(_METHODS)
"""The names that `--method` knows."""


def method_named(name: str) -> Method:
    """Return the method of that name.

    Raises:
        LiveGradcamError: there is none.
    """
    try:
        return _METHODS[name.casefold()]
    except KeyError:
        raise LiveGradcamError(
            unknown_name("method", name, METHODS, f"Valid: {', '.join(METHODS)}.")
        ) from None
