"""Monitoring of the server: its counters, and the memory of its process."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from live_gradcam.server.settings import LEAST_BYTES

_PART_OF_MACHINE = 0.5

_ONE_GRAPH = 100_000_000
"""Bytes that compiling and warming up one more graph may take."""

_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_bytes() -> int:
    """Return the memory of this machine, or of the container in which the process runs."""
    found = int(psutil.virtual_memory().total)
    for path in _CONTAINER_LIMITS:
        try:
            found = min(found, int(path.read_text("ascii")))
        except (OSError, ValueError):  # another system, or `max`: no limit
            continue
    return found


class Memory:
    """Watches the resident memory of this process.

    Args:
        limit: bytes that may be used; None: half of the machine's memory, and at least `LEAST_BYTES`.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or max(LEAST_BYTES, int(_PART_OF_MACHINE * machine_bytes()))
        self._process = psutil.Process()

    @property
    def used(self) -> int:
        """Resident memory of this process in bytes."""
        return int(self._process.memory_info().rss)

    @property
    def is_short(self) -> bool:
        """Whether one more graph could exceed the limit."""
        return self.used + _ONE_GRAPH > self.limit

    def settle(self) -> None:
        """Exclude all existing objects from garbage collection: they stay, and scanning them takes long."""
        gc.collect()
        gc.freeze()

    def free(self) -> None:
        """Return unused memory to the system: graphs hold reference cycles, which Python collects late."""
        gc.collect()
        trim()


def trim() -> None:
    """Let the C library return its free memory to the system, if it can."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):  # another C library, such as musl
            return


_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Counters for `/metrics`; thread-safe. Each server has its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        prefix = "live_gradcam"
        self._pictures = Counter(f"{prefix}_explained", "Pictures explained.", registry=self._registry)
        self._calls = Counter(f"{prefix}_calls", "Calls of the compiled network.", registry=self._registry)
        self._busy = Counter(f"{prefix}_explaining_seconds", "Time in the network.", registry=self._registry)
        self._compiled = Counter(
            f"{prefix}_compiled", "Methods and layers compiled.", registry=self._registry
        )
        self._compiling = Counter(
            f"{prefix}_compiling_seconds", "Time spent on compiling.", registry=self._registry
        )
        self._answers = Histogram(
            f"{prefix}_answer_seconds",
            "From a frame's arrival to its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.refused = Counter(
            f"{prefix}_refused", "Requests and messages refused.", ["status"], registry=self._registry
        )

    def explained(self, pictures: int, seconds: float) -> None:
        """Count a call of the network."""
        self._pictures.inc(pictures)
        self._calls.inc()
        self._busy.inc(seconds)

    def compiled(self, seconds: float) -> None:
        """Count a compiled graph."""
        self._compiled.inc()
        self._compiling.inc(seconds)

    def answered(self, seconds: float) -> None:
        """Count an answer, with the seconds since its frame arrived."""
        self._answers.observe(seconds)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a gauge that calls `value` whenever the metrics are read."""
        Gauge(f"live_gradcam_{name}", text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
