"""Keeps measured geometries on disk, so that a network is measured once and not at every start.

The key of a geometry covers all operations between the picture and the layer with their settings and sizes, all
weights, TensorFlow's version, and the code that measures. Weights count because a weight of zero hides a part of a
receptive field. A kept geometry therefore equals a new measurement.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tensorflow as tf
from platformdirs import user_cache_path

from live_gradcam.cache_files import JsonFiles
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.models.model import weights_sha256
from live_gradcam.models.type_names import Network, Tensor
from live_gradcam.version import __version__

logger = logging.getLogger(__name__)

_MEASURING = ("geometry_by_gradients.py", "receptive_fields.py", "layer_steps.py")
"""The modules that measure. Another version of them makes other keys."""

_Attribute = Any
"""An `AttrValue`, and a `FunctionDef`: protocol buffers of TensorFlow, which ships no types."""

_Function = Any

MOST_KEPT = 1000
"""How many files are kept; the oldest are deleted first."""

_OUTERMOST = 100.0
"""Fractions of the input beyond which no map lies."""


class GeometryStore:
    """One small file for each layer of a network at one input size.

    Args:
        folder: the files' folder; None: one in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or user_cache_path("live-gradcam", appauthor=False) / "geometry"
        self._files = JsonFiles(folder, MOST_KEPT)

    def find(self, key: str) -> Geometry | None:
        """Return the geometry of a key; None if there is no file, or it is damaged."""
        try:
            stored = self._files.read(key)
            extent, seen = (tuple(float(each) for each in stored[name]) for name in ("extent", "seen"))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        if len(extent) != 4 or len(seen) != 4:
            return None
        if not all(math.isfinite(each) and abs(each) <= _OUTERMOST for each in (*extent, *seen)):
            return None
        return None if 0.0 in (extent[2] - extent[0], extent[3] - extent[1]) else Geometry(extent, seen)

    def keep(self, key: str, geometry: Geometry) -> None:
        """Write a geometry."""
        self._files.write(key, {"extent": geometry.extent, "seen": geometry.seen})


def key_of(network: Network, activation: Tensor) -> str:
    """Return the key of a layer of a network at one input size, in hexadecimal.

    Args:
        network: the network.
        activation: the layer's output in a traced graph.
    """
    digest = hashlib.sha256(f"{__version__} {tf.__version__} {weights_sha256(network)}".encode())
    for name in _MEASURING:
        with suppress(OSError):  # a package without sources has only its version
            digest.update(Path(__file__).with_name(name).read_bytes())
    graph = activation.graph
    before, waiting = {activation.op}, [activation.op]
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.op not in before:
                before.add(tensor.op)
                waiting.append(tensor.op)
    numbers: dict[Operation, int] = {}
    has_functions = False
    for operation in graph.get_operations():
        if operation not in before:
            continue
        inputs = [(numbers.get(tensor.op, -1), tensor.value_index) for tensor in operation.inputs]
        outputs = [(tensor.dtype.name, str(tensor.shape)) for tensor in operation.outputs]
        numbers[operation] = len(numbers)
        digest.update(repr((operation.type, inputs, outputs)).encode())
        settings = operation.node_def.attr
        digest.update(b"".join(_settings(settings)))
        has_functions = has_functions or any(each.HasField("func") for each in settings.values())
    if has_functions:
        for part in _functions(graph.as_graph_def().library.function):
            digest.update(part)
    return digest.hexdigest()


def _settings(attributes: Mapping[str, _Attribute]) -> Iterator[bytes]:
    for name in sorted(attributes):
        value = attributes[name]
        if name.startswith("_") or name in ("container", "shared_name"):
            continue  # its device, and its name
        yield name.encode()
        yield (
            _unnumbered(value.func.name)
            if value.HasField("func")
            else value.SerializeToString(deterministic=True)
        )


def _functions(library: Iterable[_Function]) -> Iterator[bytes]:
    """Yield the definitions of a graph's functions, whose names hold numbers that depend on earlier traces."""
    for function in sorted(library, key=lambda each: _unnumbered(each.signature.name)):
        yield _unnumbered(function.signature.name)
        for node in function.node_def:
            yield repr((node.name, node.op, list(node.input))).encode()
            yield from _settings(node.attr)
        yield repr(sorted(function.ret.items())).encode()


def _unnumbered(name: str) -> bytes:
    return re.sub(r"_\d+", "", name).encode()
