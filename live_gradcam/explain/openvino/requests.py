"""Runs of a compiled graph: one request at a time for one picture, several at once for a batch."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.explain.array_types import Ids, Numbers, Pictures
from live_gradcam.explain.openvino.library import OpenVINO
from live_gradcam.explain.openvino.store import ARGUMENTS, Ports
from live_gradcam.explain.runtime import FIELDS, GraphOutputs


class Requests:
    """The requests of a compiled graph for one picture. Several threads may call `run`.

    Args:
        network: compiled, for one picture.
        ports: the tensors of its arguments and results.
        streams: how many pictures it computes at once.
    """

    def __init__(self, network: OpenVINO, ports: Ports, *, streams: int = 1) -> None:
        self._lock = threading.Lock()
        self._requests = [network.create_infer_request() for _ in range(streams)]
        self._names = list(ports.outputs)
        self._inputs = [
            {name: request.get_tensor(tensor).data for name, tensor in ports.inputs.items()}
            for request in self._requests
        ]
        self._outputs = [
            [request.get_tensor(tensor).data for tensor in ports.outputs.values()]
            for request in self._requests
        ]
        self._fixed = {
            name: np.array(each.values, np.dtype(each.dtype)).reshape(each.shape)
            for name, each in ports.fixed.items()
        }

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        """Run the graph for each picture; arguments and results are those of `CompiledGraph.run`.

        Raises:
            Exception: OpenVINO fails.
        """
        given: dict[str, npt.NDArray[Any]] = dict(
            zip(
                ARGUMENTS, (pictures, targets, strengths, *head), strict=False
            )  # kernel and bias: with slots only
        )
        rows: list[Sequence[Any]] = []
        with self._lock:
            for first in range(0, len(pictures), len(self._requests)):
                rows += self._side_by_side(
                    given, range(first, min(first + len(self._requests), len(pictures)))
                )
        count = len(pictures)
        found = dict(self._fixed)
        found |= zip(
            self._names, rows[0] if count == 1 else map(np.concatenate, zip(*rows, strict=True)), strict=True
        )
        if count > 1:
            found |= {name: np.repeat(each, count, axis=0) for name, each in self._fixed.items()}
        return GraphOutputs(*(found[name] for name in FIELDS))

    def _side_by_side(self, given: Mapping[str, npt.NDArray[Any]], numbers: range) -> list[Sequence[Any]]:
        """Run the graph for the pictures of these numbers, at most one for each request, and return their outputs."""
        begun: list[OpenVINO] = []
        try:
            for request, inputs, number in zip(self._requests, self._inputs, numbers, strict=False):
                for name, values in inputs.items():
                    np.copyto(values[0], given[name][number])
                request.start_async()
                begun.append(request)
            rows: list[Sequence[Any]] = []
            for request, outputs in zip(begun, self._outputs, strict=False):
                request.wait()
                rows.append([values.copy() for values in outputs])
        except BaseException:
            # The others still run: they would write into the tensors of the next pictures.
            for request in begun:
                request.cancel()
            for request in begun:
                with suppress(Exception):  # it was cancelled, or is the one that failed
                    request.wait()
            raise
        return rows
