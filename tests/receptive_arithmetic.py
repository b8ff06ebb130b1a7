"""Receptive fields by arithmetic: sizes, strides and paddings as Keras's layers state them, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from live_gradcam.explain.map_geometry import Geometry

PADDINGS_OF_CORNERS = {"ZeroPadding2D": 1, "Cropping2D": -1}


@dataclass(frozen=True)
class Field:
    """Along one axis, in pixels of the input: cell 0 depends on first … last, each further cell on `stride` more."""

    first: float
    last: float
    stride: float
    cells: int

    def after(self, kernel: int, stride: int, before: int, cells: int) -> Field:
        """Of a window of `kernel` cells with `before` cells of padding before the first."""
        first = self.first - before * self.stride
        last = self.last + (kernel - 1 - before) * self.stride
        return Field(first, last, self.stride * stride, cells)

    def centre(self, cell: int) -> float:
        """Where a cell looks, in pixels from the input's edge."""
        return (self.first + self.last) / 2 + 0.5 + cell * self.stride


def fields_of(network: Any, axis: int) -> dict[str, Field]:
    """Layer's name → the field of its output, for a functional network; only of those that are maps."""
    found: dict[str, Field] = {}

    def of(tensor: Any) -> Field | None:
        return found.get(tensor._keras_history.operation.name)

    for layer in network.layers:
        shape = layer.output.shape
        if len(shape) != 4 or shape[1 + axis] == 1:
            continue
        cells = shape[1 + axis]
        if isinstance(layer, keras.layers.InputLayer):
            found[layer.name] = Field(0, 0, 1, cells)
            continue
        inputs = [
            each for tensor in layer._inbound_nodes[0].input_tensors if (each := of(tensor)) is not None
        ]
        if not inputs:
            continue
        assert len({each.stride for each in inputs}) == 1, layer.name
        merged = Field(
            min(each.first for each in inputs),
            max(each.last for each in inputs),
            inputs[0].stride,
            inputs[0].cells,
        )
        found[layer.name] = _of_layer(layer, axis, merged, cells)
    return found


def _of_layer(layer: Any, axis: int, merged: Field, cells: int) -> Field:
    if isinstance(layer, keras.Sequential):
        for each in layer.layers:
            merged = _of_layer(each, axis, merged, each.output.shape[1 + axis])
        return merged
    corner = PADDINGS_OF_CORNERS.get(type(layer).__name__)
    if corner is not None:
        amounts = layer.padding if corner > 0 else layer.cropping
        return merged.after(1, 1, corner * amounts[axis][0], cells)
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None or not hasattr(layer, "strides"):
        return merged.after(1, 1, 0, cells)
    spread = getattr(layer, "dilation_rate", (1, 1))
    spread = spread[axis] if isinstance(spread, tuple) else spread
    kernel, stride = (window[axis] - 1) * spread + 1, layer.strides[axis]
    needed = max(0, (cells - 1) * stride + kernel - merged.cells) if layer.padding == "same" else 0
    return merged.after(kernel, stride, needed // 2, cells)


def check_against_arithmetic(network: Any, geometry: Geometry, layer: str, tolerance: float = 0.5) -> None:
    """Check that each cell is drawn within half a cell of where it looks, exactly where it is not all of the input."""
    for axis in (0, 1):
        field = fields_of(network, axis)[layer]
        length = network.input_shape[1 + axis]
        begin, end = geometry.extent[1 - axis] * length, geometry.extent[3 - axis] * length
        cells = np.arange(field.cells)
        drawn = begin + (cells + 0.5) * (end - begin) / field.cells
        looks = np.array([field.centre(int(cell)) for cell in cells])
        assert np.abs(drawn - looks).max() <= tolerance * field.stride + 1e-3
        seen = geometry.seen[1 - axis] * length, geometry.seen[3 - axis] * length
        if (begin, end) != seen:
            np.testing.assert_allclose(drawn, looks, atol=0.25 * field.stride)
