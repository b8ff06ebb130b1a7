"""Watches a network while it is traced: which layer was called, in which order, and what it gave.

Keras has no way to ask a nested, subclassed or skip-connected model for an inner activation without re-wiring
it. So for the length of one trace, under a lock, `keras.layers.Layer.__call__` is wrapped; calls on other
threads pass through untouched, and the wrap is taken off even when tracing fails. No model is changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from live_gradcam.models.graph_layers import GraphLayer
from live_gradcam.models.graph_network import watcher
from live_gradcam.models.model import layer_name

Tensor = Any

tracing_lock = threading.RLock()
"""Held while a network is traced: one trace at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerCall:
    """One call of one layer."""

    layer: Any
    """The `keras.layers.Layer`."""

    path: str
    """Names of the layers it was called inside of, outermost first, and its own: `base/conv5_block3_out`. The
    model itself is not named."""

    output: Any
    """What it returned: a tensor, or a structure of tensors."""

    depth: int
    """How many layers it was called inside of; 0 for the model itself."""

    @property
    def kind(self) -> str:
        """The layer's class; of a layer of an imported graph, its operation."""
        return self.layer.kind if isinstance(self.layer, GraphLayer) else type(self.layer).__name__


@dataclass(frozen=True, slots=True, eq=False)
class _GraphLayers:
    """Takes the layers of imported graphs into the calls that are collected."""

    calls: list[LayerCall]
    names: list[str]
    """Of the layers that run at present, outermost first."""

    path: str | None
    instead: Tensor

    def replacement(self, path: str) -> Tensor | None:
        """Return what a layer seems to give; None where it is left."""
        return self.instead if self.path is not None and self._inside(path) == self.path else None

    def saw(self, layer: GraphLayer, output: Tensor) -> None:
        """Take a layer's output."""
        self.calls.append(LayerCall(layer, self._inside(layer.path), output, len(self.names)))

    def _inside(self, path: str) -> str:
        return "/".join((*self.names[1:], path))


@contextmanager
def observed_calls(*, path: str | None = None, replacement: Tensor = None) -> Iterator[list[LayerCall]]:
    """Collect every layer call that this thread makes inside the `with` block, in the order they end.

    The caller holds `tracing_lock`.

    Args:
        path: a layer whose output is replaced, so that the rest of the network goes on from there.
        replacement: what it seems to give.
    """
    calls: list[LayerCall] = []
    names: list[str] = []
    watching = threading.get_ident()
    original = keras.layers.Layer.__call__

    def observed(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any layer's arguments
        if threading.get_ident() != watching:
            return original(layer, *args, **kwargs)
        names.append(layer_name(layer))
        try:
            output = original(layer, *args, **kwargs)
            here = "/".join(names[1:])
            if path is not None and here == path:
                output = replacement
            calls.append(LayerCall(layer, here, output, len(names) - 1))
        finally:
            names.pop()
        return output

    keras.layers.Layer.__call__ = observed
    watching_graphs = watcher.set(_GraphLayers(calls, names, path, replacement))
    try:
        yield calls
    finally:
        watcher.reset(watching_graphs)
        keras.layers.Layer.__call__ = original
