"""A converted graph that OpenVINO runs (`runtime.CompiledGraph`)."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.explain.array_types import Ids, Numbers, Pictures
from live_gradcam.explain.openvino.library import (
    NumberFormat,
    available_cores,
    compiled,
    installed_version,
    reason_in,
)
from live_gradcam.explain.openvino.requests import Requests
from live_gradcam.explain.openvino.store import ARGUMENTS, KNOWN, NETWORK, GraphRecord
from live_gradcam.explain.runtime import GraphFacts, GraphOutputs

logger = logging.getLogger(__name__)

_COPIES_OF_WEIGHTS = 2
"""How many copies of the weights a compiled graph holds: one from the file, one in the order that the processor
likes."""


_MOST_APART: dict[NumberFormat, float] = {"f32": 1e-4, "bf16": 1e-2}
"""How far the maps of one picture may differ from one start to the next, in parts of the peak."""


class OpenVINOGraph:
    """A kept graph, compiled for this processor.

    One picture is computed by all cores, for the shortest wait. Several pictures are computed side by side, one by each
    core, which finishes more pictures a second than a batch does.

    Args:
        folder: the graph's folder in the store.
        record: what the store knows about it.
        precision: in which it computes.
        name: the model's name, for messages.

    Raises:
        Exception: OpenVINO cannot read or compile it.
    """

    fixed_batches = False

    def __init__(self, folder: Path, record: GraphRecord, precision: NumberFormat, name: str) -> None:
        self._folder = folder
        self._record = record
        self._name = name
        self.precision = precision
        network = compiled(folder / NETWORK, precision, cache_folder=folder)
        self._for_one = Requests(network, record.ports)
        self._check()
        self._for_many: Requests | None = None
        self._lock = threading.Lock()

    @property
    def facts(self) -> GraphFacts:
        """Facts about the network that are known after compiling this graph."""
        return self._record.facts

    @property
    def frozen(self) -> bool:
        """Whether the weights are constants of the graph: always."""
        return True

    @property
    def size(self) -> int:
        """Bytes of memory that the graph takes, estimated."""
        networks = 1 if self._for_many in (None, self._for_one) else 2
        try:
            weights = (self._folder / NETWORK).with_suffix(".bin").stat().st_size
        except OSError:
            weights = 0
        return networks * _COPIES_OF_WEIGHTS * weights

    def describe(self) -> str:
        """Return a few words on how it was compiled."""
        return f"OpenVINO {installed_version()}, {self.precision}, {self._record.operations} operations"

    def run(self, pictures: Pictures, targets: Ids, strengths: Numbers, *head: Numbers) -> GraphOutputs:
        """Run it."""
        try:
            requests = self._for_one if len(pictures) == 1 else self._side_by_side()
            return requests.run(pictures, targets, strengths, *head)
        except Exception as error:
            raise ModelError(f"{self._name} cannot be run by OpenVINO: {reason_in(error)}") from error

    def _check(self) -> None:
        """Explain the picture whose maps are known: a byte that changed on the disk shows in them.

        Raises:
            ModelError: the maps are others.
        """
        with np.load(self._folder / KNOWN, allow_pickle=False) as known:
            found = self._for_one.run(*(known[name] for name in ARGUMENTS if name in known)).raw
            wanted = known[self.precision]
        apart = np.abs(found - wanted).max(initial=0.0)
        if not apart <= _MOST_APART[self.precision] * np.abs(wanted).max(initial=0.0) + 1e-30:
            raise ModelError("it is damaged: it gives other maps than when it was kept")

    def _side_by_side(self) -> Requests:
        with self._lock:
            if self._for_many is None:
                streams = available_cores()
                try:
                    network = compiled(
                        self._folder / NETWORK, self.precision, streams=streams, cache_folder=self._folder
                    )
                    self._for_many = Requests(network, self._record.ports, streams=streams)
                except Exception as error:  # the store has dropped it, or memory is short
                    logger.info(
                        "%s: pictures are explained one after another: %s", self._name, reason_in(error)
                    )
                    self._for_many = self._for_one
            return self._for_many
