"""Finds where a layer's cells look on the network's input, by gradients through the traced network."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explain.activation import Activation, activation_of
from live_gradcam.explain.geometry import COVERING, Geometry
from live_gradcam.explain.geometry_by_arithmetic import geometry_by_arithmetic
from live_gradcam.explain.geometry_store import GeometryStore, key_of
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.layer_steps import LayerShape, ways
from live_gradcam.explain.layers import layer_at
from live_gradcam.explain.receptive_fields import Probing, geometry_of
from live_gradcam.explain.traced_network import TracedNetwork

logger = logging.getLogger(__name__)

Tensor = Any

_FEWEST_OPERATIONS = 6
"""How many operations lie between two tensors that are probed, at least: two convolutions with bias and activation."""

_SMALL_NETWORK = 2_000_000
"""Numbers in the tensors that are probed, below which a network has so few channels that one picture does not reach
every place: a max pooling passes the gradient to the largest of its places only."""

_PICTURES = 4
"""How many pictures are looked at then."""

_CELLS, _ALL = 3, 3
"""How many single cells are probed, and the number of the probing of all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Knot:
    """A tensor that everything on the way from the picture to the layer passes through."""

    tensor: Tensor
    size: tuple[int, int]
    """(h, w), static."""

    activation: Activation

    @property
    def rows(self) -> tuple[int, int, int]:
        """Row of each of the cells that are probed."""
        low, middle, high = _spread(self.size[0])
        return low, middle, high

    @property
    def columns(self) -> tuple[int, int, int]:
        """Column of each: in another order than the rows, so that a transposed picture is noticed."""
        low, middle, high = _spread(self.size[1])
        return middle, high, low

    def seed(self, which: Tensor) -> Tensor:
        """Return what the gradient starts from: random in the channels, of one cell or of all."""
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
    """Where the layers of one network look on its input, found when it is first asked for.

    It is computed where all operations are known, else taken from the disk, else measured.

    Args:
        store: keeps what was measured.
    """

    def __init__(self, store: GeometryStore | None = None) -> None:
        self._store = store or GeometryStore()
        self._known: dict[tuple[str, tuple[int, int], tuple[int, int] | None], Geometry] = {}

    def of(
        self,
        subject: TracedNetwork,
        paths: Sequence[str],
        walk: Sequence[LayerShape],
        pixels: Tensor,
        activations: Sequence[Tensor],
    ) -> list[Geometry]:
        """Return how each layer's map lies on the input.

        Args:
            subject: the network at one input size.
            paths: of the layers.
            walk: the layers that are usually looked at, of which `Model.covering` speaks.
            pixels: the network's input in a traced graph.
            activations: what each layer gave there.
        """
        usual = {path for path, _ in walk} if subject.model.covering else set()
        found = []
        for path, activation in zip(paths, activations, strict=True):
            if path in usual:
                found.append(COVERING)
                continue
            key = path, subject.spec.input_size, subject.spec.grid
            if key not in self._known:
                by_arithmetic = geometry_by_arithmetic(pixels, activation)
                self._known[key] = by_arithmetic or self._measured(subject, path, activation)
            found.append(self._known[key])
        return found

    def _measured(self, subject: TracedNetwork, path: str, activation: Tensor) -> Geometry:
        try:
            key = key_of(subject.network, activation)
        except Exception as error:  # a network of the user's own, whose weights are kept in another way
            logger.debug("%s: it is measured at each start (%s)", subject.model.name, error)
            return located(subject, path)
        kept = self._store.find(key)
        if kept is not None:
            return kept
        measured = measured_geometry(subject, path)
        if measured is not None:
            self._store.keep(key, measured)
        return measured or COVERING


def located(subject: TracedNetwork, path: str) -> Geometry:
    """Return how a layer's map lies on the network's input; where that cannot be found, it covers the input.

    The network is differentiated in short pieces, between the tensors that everything passes through: how an inner
    cell of one depends on the one before is known exactly there, whatever kind of layer lies between, while through
    all of a deep network nearly every cell depends on nearly every pixel. What the pieces say is put together.

    Args:
        subject: the network at one input size.
        path: of the layer.
    """
    return measured_geometry(subject, path) or COVERING


def measured_geometry(subject: TracedNetwork, path: str) -> Geometry | None:
    """Return how a layer's map lies on the network's input, as of `located`; None where that cannot be found."""
    name, size = subject.model.name, subject.spec.input_size
    try:
        with tracing_lock:
            probe = _Probe(subject, path)
        geometry, measured = geometry_of(probe.probings(), size)
    except Exception as error:  # a network that cannot be differentiated can be explained all the same
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
    """The compiled gradients between the knots on the way to one layer. The caller holds `tracing_lock`."""

    def __init__(self, subject: TracedNetwork, path: str) -> None:
        self._subject = subject
        self._path = path
        self._knots: list[_Knot] = []
        size = subject.spec.input_size
        signature = (tf.TensorSpec((1, *size, 3), tf.uint8), tf.TensorSpec((), tf.int32))
        self._function = tf.function(self._energies, signature, autograph=False).get_concrete_function()

    def probings(self) -> list[Probing]:
        """Run it and return what was measured, from the layer back to the input."""
        numbers = sum(math.prod(knot.tensor.shape[1:]) for knot in self._knots)
        pictures = _PICTURES if numbers < _SMALL_NETWORK else 1
        random = np.random.default_rng(0)
        sums: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(_CELLS + 1)]
        for _ in range(pictures):
            noise = tf.constant(random.integers(0, 256, (1, *self._subject.spec.input_size, 3), np.uint8))
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
        """Return for each two neighbouring knots the energies (h, w) of the earlier one."""
        subject = self._subject
        pixels = tf.identity(subject.model.preprocessing(images))
        calls, _ = subject.run(pixels)
        spec = subject.spec
        tensor = layer_at(calls, self._path, spec.input_size, subject.model.name).output
        layer = activation_of(tensor, self._path, spec.input_size, spec.grid)
        self._knots = knots = _knots(pixels, layer)
        energies: list[Tensor] = [None] * (len(knots) - 1)
        # In two rounds, as no gradient passes a tensor where it is to stop: it cannot start there, too.
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
    """Return the network's input, tensors on the way that all depends on, and the layer, in this order."""
    end = layer.tensor.op
    between, everything = ways(end)
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
    """Return three cells of an axis, the outer two far from its ends, where what they look at is cut off."""
    low = int(0.3 * length)
    return low, (length - 1) // 2, length - 1 - low
