"""The geometry of a map by measurement, from gradients through the traced network."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explain.array_types import LayerShape
from live_gradcam.explain.feature_map import Activation, activation_of
from live_gradcam.explain.geometry_by_arithmetic import geometry_by_arithmetic
from live_gradcam.explain.geometry_store import GeometryStore, key_of
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.layer_steps import paths_to
from live_gradcam.explain.map_geometry import COVERING, Geometry
from live_gradcam.explain.receptive_fields import Probing, geometry_of
from live_gradcam.explain.target_layer import layer_at
from live_gradcam.explain.traced_network import TracedNetwork
from live_gradcam.models.type_names import Tensor

logger = logging.getLogger(__name__)

_FEWEST_OPERATIONS = 6
"""How many operations lie between two probed tensors at least: two convolutions with bias and activation."""

_SMALL_NETWORK = 2_000_000
"""Size of the probed tensors, in numbers, below which one picture does not reach every place: max pooling passes the
gradient to the largest of its places only, and there are few channels."""

_PICTURES = 4
"""How many pictures such a small network is probed with."""

_CELLS, _ALL = 3, 3
"""How many single cells are probed, and the index of the probing of all cells together."""


@dataclass(frozen=True, slots=True, eq=False)
class _Knot:
    """A tensor between the picture and the layer that every path passes through."""

    tensor: Tensor
    size: tuple[int, int]
    """(h, w), static."""

    activation: Activation

    @property
    def rows(self) -> tuple[int, int, int]:
        """The rows of the probed cells."""
        low, middle, high = _spread(self.size[0])
        return low, middle, high

    @property
    def columns(self) -> tuple[int, int, int]:
        """The columns of the probed cells, in another order than the rows, so that a transposition is noticed."""
        low, middle, high = _spread(self.size[1])
        return middle, high, low

    def seed(self, which: Tensor) -> Tensor:
        """Return the gradient to start from: random in the channels, non-zero at one cell or at all."""
        random = np.random.default_rng(self.size[0])
        tables = []
        for length, cells in zip(self.size, (self.rows, self.columns), strict=True):
            table = np.zeros((_CELLS + 1, length), np.float32)
            table[range(_CELLS), cells] = 1.0
            table[_ALL] = random.uniform(0.5, 1.5, length) * random.choice((-1.0, 1.0), length)
            tables.append(tf.gather(tf.constant(table), which))
        channels = random.normal(size=self.tensor.shape[-1]).astype(np.float32)
        seed = tables[0][None, :, None, None] * tables[1][None, None, :, None] * tf.constant(channels)
        grid = self.activation.grid
        if grid is not None:
            tokens = tf.reshape(seed, (1, grid.height * grid.width, -1))
            seed = tf.pad(tokens, [[0, 0], [grid.extra, 0], [0, 0]])
        return tf.cast(seed, self.tensor.dtype)


class Places:
    """The geometries of the layers of one network, each found when it is first needed.

    A geometry is computed if all operations are known, else read from the disk, else measured.

    Args:
        store: keeps the measured geometries on disk.
    """

    def __init__(self, store: GeometryStore | None = None) -> None:
        self._store = store or GeometryStore()
        self._known: dict[tuple[str, tuple[int, int], tuple[int, int] | None], Geometry] = {}

    def of(
        self,
        traced: TracedNetwork,
        paths: Sequence[str],
        layer_steps: Sequence[LayerShape],
        pixels: Tensor,
        activations: Sequence[Tensor],
    ) -> list[Geometry]:
        """Return the geometry of each layer's map.

        Args:
            traced: the network at one input size.
            paths: the layers' paths.
            layer_steps: the layers to step through, for which `Model.covering` holds.
            pixels: the network's input in a traced graph.
            activations: the output of each layer there.
        """
        usual = {path for path, _ in layer_steps} if traced.model.covering else set()
        found = []
        for path, activation in zip(paths, activations, strict=True):
            if path in usual:
                found.append(COVERING)
                continue
            key = path, traced.spec.input_size, traced.spec.grid
            if key not in self._known:
                by_arithmetic = geometry_by_arithmetic(pixels, activation)
                self._known[key] = by_arithmetic or self._measured(traced, path, activation)
            found.append(self._known[key])
        return found

    def _measured(self, traced: TracedNetwork, path: str, activation: Tensor) -> Geometry:
        try:
            key = key_of(traced.network, activation)
        except Exception as error:  # a user's network that keeps its weights in another way
            logger.debug("%s: it is measured at each start (%s)", traced.model.name, error)
            return located(traced, path)
        kept = self._store.find(key)
        if kept is not None:
            return kept
        measured = measured_geometry(traced, path)
        if measured is not None:
            self._store.keep(key, measured)
        return measured or COVERING


def located(traced: TracedNetwork, path: str) -> Geometry:
    """Return the geometry of a layer's map; one that cannot be found is taken to cover the input.

    The network is differentiated in short pieces, between tensors that every path passes through. A piece tells
    exactly which cells of the earlier tensor a cell of the later one depends on, whatever layers lie between. Through
    a whole deep network nearly every cell depends on nearly every pixel. The results of the pieces are combined.

    Args:
        traced: the network at one input size.
        path: the layer's path.
    """
    return measured_geometry(traced, path) or COVERING


def measured_geometry(traced: TracedNetwork, path: str) -> Geometry | None:
    """Return the geometry of a layer's map, as `located` does; None if it cannot be found."""
    name, size = traced.model.name, traced.spec.input_size
    try:
        with tracing_lock:
            probe = _Probe(traced, path)
        geometry, measured = geometry_of(probe.probings(), size)
    except Exception as error:  # a network that cannot be measured can still be explained
        logger.debug("%s: the place of %s is not known (%s): its map covers the input", name, path, error)
        return None
    logger.debug(
        "%s: %s covers %s of the input and sees %s%s",
        name,
        path,
        *(tuple(round(each, 4) for each in box) for box in (geometry.extent, geometry.seen)),
        "" if measured else "; where nothing could be measured, the cells divide evenly what they see",
    )
    return geometry


class _Probe:
    """The compiled gradients between the knots before one layer. The caller holds `tracing_lock`."""

    def __init__(self, traced: TracedNetwork, path: str) -> None:
        self._traced = traced
        self._path = path
        self._knots: list[_Knot] = []
        size = traced.spec.input_size
        signature = (tf.TensorSpec((1, *size, 3), tf.uint8), tf.TensorSpec((), tf.int32))
        self._function = tf.function(self._energies, signature, autograph=False).get_concrete_function()

    def probings(self) -> list[Probing]:
        """Run the gradients and return the measurements, from the layer back to the input."""
        numbers = sum(math.prod(knot.tensor.shape[1:]) for knot in self._knots)
        pictures = _PICTURES if numbers < _SMALL_NETWORK else 1
        random = np.random.default_rng(0)
        sums: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(_CELLS + 1)]
        for _ in range(pictures):
            noise = tf.constant(random.integers(0, 256, (1, *self._traced.spec.input_size, 3), np.uint8))
            for which, sofar in enumerate(sums):
                found = [each.numpy() for each in self._function(noise, tf.constant(which))]
                sums[which] = [a + b for a, b in zip(sofar, found, strict=True)] if sofar else found
        return [
            Probing(
                later.rows, later.columns, later.size, [sums[n][at] for n in range(_CELLS)], sums[_ALL][at]
            )
            for at, later in reversed(list(enumerate(self._knots[1:])))
        ]

    def _energies(self, images: Tensor, which: Tensor) -> list[Tensor]:
        """Return, for each pair of neighbouring knots, the energies (h, w) of the earlier one."""
        traced = self._traced
        pixels = tf.identity(traced.model.preprocessing(images))
        calls, _ = traced.run_network(pixels)
        spec = traced.spec
        tensor = layer_at(calls, self._path, spec.input_size, traced.model.name).output
        layer = activation_of(tensor, self._path, spec.input_size, spec.grid)
        self._knots = knots = _knots(pixels, layer)
        energies: list[Tensor] = [None] * (len(knots) - 1)
        # Two rounds, because a gradient cannot both start and stop at one tensor.
        for begin in (0, 1):
            earlier, later = knots[begin:-1:2], knots[begin + 1 :: 2]
            if not earlier:
                continue
            stops = [knot.tensor for knot in earlier]
            seeds = [knot.seed(which) for knot in later]
            ends = [knot.tensor for knot in later]
            gradients = tf.gradients(ends, stops, grad_ys=seeds, stop_gradients=stops)
            for number, (knot, gradient) in enumerate(zip(earlier, gradients, strict=True)):
                if gradient is None:
                    energies[begin + 2 * number] = tf.zeros(knot.size)
                else:
                    squared = tf.square(knot.activation.as_map(gradient))
                    energies[begin + 2 * number] = tf.reduce_sum(squared, axis=(0, 3))
        return energies


def _knots(pixels: Tensor, layer: Activation) -> list[_Knot]:
    """Return the knots: the network's input, tensors that every path passes through, and the layer, in this order."""
    end = layer.tensor.op
    between, everything = paths_to(end)
    found = [_Knot(pixels, _size(pixels), Activation(pixels))]
    last = -_FEWEST_OPERATIONS
    started = pixels.op not in everything
    for number, operation in enumerate(each for each in end.graph.get_operations() if each in between):
        if operation is pixels.op:
            started, last = True, number
        if not started or operation is end or operation is pixels.op or operation not in everything:
            continue
        tensor = operation.outputs[0]
        if number - last >= _FEWEST_OPERATIONS and _is_map(tensor):
            found.append(_Knot(tensor, _size(tensor), Activation(tensor)))
            last = number
    size = _size(layer.tensor) if layer.grid is None else (layer.grid.height, layer.grid.width)
    return [*found, _Knot(layer.tensor, size, layer)]


def _is_map(tensor: Tensor) -> bool:
    shape = tensor.shape
    return (
        shape.rank == 4
        and tensor.dtype.is_floating
        and None not in shape[1:]
        and max(shape[1:3]) > 1
        and (shape[0] is None or shape[0] == 1)
    )


def _size(tensor: Tensor) -> tuple[int, int]:
    height, width = tensor.shape[1:3]
    return int(height), int(width)


def _spread(length: int) -> tuple[int, int, int]:
    """Return three cells of an axis. The outer two are far from its ends, where receptive fields are cut off."""
    low = int(0.3 * length)
    return low, (length - 1) // 2, length - 1 - low
