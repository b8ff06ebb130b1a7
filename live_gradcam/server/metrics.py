"""What the server has done so far, for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Counts; several threads may count at once. Each server has its own."""

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
        self._compiling = Counter(f"{prefix}_compiling_seconds", "Time spent on it.", registry=self._registry)
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
        """Count a call that explained so many pictures in so many seconds."""
        self._pictures.inc(pictures)
        self._calls.inc()
        self._busy.inc(seconds)

    def compiled(self, seconds: float) -> None:
        """Count a method or layer that was compiled in so many seconds."""
        self._compiled.inc()
        self._compiling.inc(seconds)

    def answered(self, seconds: float) -> None:
        """Count an answer that was sent so many seconds after its frame came."""
        self._answers.observe(seconds)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for whenever somebody looks."""
        Gauge(f"live_gradcam_{name}", text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)
