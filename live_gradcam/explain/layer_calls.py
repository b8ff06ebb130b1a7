"""Records the layer calls of a network while it is traced: the layers in order, and their outputs.

Keras cannot return an inner activation of a nested, subclassed or skip-connected model without re-wiring the model.
So `keras.layers.Layer.__call__` is wrapped during one trace, under a lock. Calls of other threads are not recorded, and
the wrapper is removed even if tracing fails. No model is changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras

from live_gradcam.models.graph_layers import GraphLayer
from live_gradcam.models.graph_network import watcher
from live_gradcam.models.model import layer_name
from live_gradcam.models.type_names import Layer, Tensor, Tensors

tracing_lock = threading.RLock()
"""Held while a network is traced: one trace at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerCall:
    """One call of one layer."""

    layer: Layer

    path: str
    """Names of the enclosing layers, outermost first, and its own name: `base/conv5_block3_out`. The model itself is
    not named."""

    output: Tensors
    """Its result: a tensor, or a structure of tensors."""

    depth: int
    """How many layers enclose the call; 0 for the model itself."""

    @property
    def kind(self) -> str:
        """The layer's class, or the operation of a layer of an imported graph."""
        return self.layer.kind if isinstance(self.layer, GraphLayer) else type(self.layer).__name__


@dataclass(frozen=True, slots=True, eq=False)
class _GraphLayers:
    """Records the layers of imported graphs among the calls."""

    calls: list[LayerCall]
    names: list[str]
    """Names of the layers that are running, outermost first."""

    path: str | None
    instead: Tensor

    def replacement(self, path: str) -> Tensor | None:
        """Return the replacement of a layer's output; None if it is not replaced."""
        return self.instead if self.path is not None and self._inside(path) == self.path else None

    def saw(self, layer: GraphLayer, output: Tensor) -> None:
        """Record a layer's output."""
        self.calls.append(LayerCall(layer, self._inside(layer.path), output, len(self.names)))

    def _inside(self, path: str) -> str:
        return "/".join((*self.names[1:], path))


@contextmanager
def observed_calls(*, path: str | None = None, replacement: Tensor = None) -> Iterator[list[LayerCall]]:
    """Record every layer call of this thread inside the `with` block, in the order in which the calls end.

    The caller holds `tracing_lock`.

    Args:
        path: a layer whose output is replaced: the rest of the network continues from the replacement.
        replacement: the replacement.
    """
    calls: list[LayerCall] = []
    names: list[str] = []
    watching = threading.get_ident()
    original = keras.layers.Layer.__call__

    def observed(layer: Layer, *args: object, **kwargs: object) -> Tensors:
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
