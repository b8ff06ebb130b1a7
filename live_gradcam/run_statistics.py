"""Statistics of a run: counts, rates and latencies, in memory that does not grow with the run."""

from __future__ import annotations

import math
import threading
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any

from live_gradcam.explanation import NO_CLASS, Explanation
from live_gradcam.faithfulness import Baseline, Faithfulness
from live_gradcam.number_format import number_text

_SUMMARISED = 3
"""Classes or values in the summary at the end."""

_LOWEST_MS, _HIGHEST_MS = 0.01, 100_000.0
_STEPS_PER_DECADE = 100  # neighbouring steps differ by 2.3%


class Spread:
    """Distribution of a duration, kept as a logarithmic histogram; quantiles are accurate to 2.3%."""

    def __init__(self) -> None:
        decades = math.log10(_HIGHEST_MS / _LOWEST_MS)
        self._counts = array("Q", bytes(8 * (round(decades * _STEPS_PER_DECADE) + 1)))
        self._total = 0
        self._largest = 0.0

    def __len__(self) -> int:
        return self._total

    @property
    def largest(self) -> float:
        """The largest value, in ms."""
        return self._largest

    def add(self, milliseconds: float) -> None:
        """Count one value."""
        clipped = min(max(milliseconds, _LOWEST_MS), _HIGHEST_MS)
        self._counts[round(math.log10(clipped / _LOWEST_MS) * _STEPS_PER_DECADE)] += 1
        self._total += 1
        self._largest = max(self._largest, milliseconds)

    def quantile(self, share: float) -> float | None:
        """Return a quantile in ms, for a share in [0, 1]; None if nothing was counted."""
        if self._total == 0:
            return None
        wanted, seen = share * (self._total - 1), -1
        for step, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return _LOWEST_MS * 10 ** (step / _STEPS_PER_DECADE)
        return self._largest

    def summary(self, *, largest: bool = False) -> dict[str, float | None] | None:
        """Return {p50, p95} in ms, and max if `largest`; None if nothing was counted."""
        if self._total == 0:
            return None
        found = {"p50": _rounded(self.quantile(0.5)), "p95": _rounded(self.quantile(0.95))}
        return {**found, "max": _rounded(self._largest)} if largest else found


class Range:
    """Minimum, maximum and mean of a number."""

    def __init__(self) -> None:
        self.count = 0
        self.smallest = math.inf
        self.largest = -math.inf
        self._total = 0.0

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return self._total / self.count

    def add(self, value: float) -> None:
        """Count one value."""
        self.count += 1
        self._total += value
        self.smallest, self.largest = min(self.smallest, value), max(self.largest, value)

    def summary(self) -> dict[str, float]:
        """Return {mean, min, max}, to six significant digits."""
        found = {"mean": self.mean, "min": self.smallest, "max": self.largest}
        return {name: float(f"{value:.6g}") for name, value in found.items()}


class FaithfulnessCount:
    """Counts masking tests of heat."""

    def __init__(self) -> None:
        self.count = 0
        self._verdicts = 0
        self._holds = 0
        self._shares: set[float] = set()
        self._alone = 0.0
        self._without = 0.0
        self._probability = 0.0
        self._newest: Faithfulness | None = None

    def add(self, found: Faithfulness) -> None:
        """Count one test."""
        self.count += 1
        self._verdicts += found.holds is not None
        self._holds += found.holds is True
        self._shares.add(found.share)
        self._alone += found.heat.alone
        self._without += found.heat.without
        self._probability += found.probability
        self._newest = found

    def summary(self) -> dict[str, float | int | Baseline | None]:
        """Return the object that `--stats` writes: means of the probabilities, and the share of verdicts that hold.

        `share` is None if the tests kept parts of different sizes, and `holds` if there was no verdict.
        """
        assert self._newest is not None, "nothing was counted"
        means = {"probability": self._probability, "alone": self._alone, "without": self._without}
        return {
            "count": self.count,
            "holds": round(self._holds / self._verdicts, 4) if self._verdicts else None,
            **{name: round(total / self.count, 4) for name, total in means.items()},
            "share": self._newest.share if len(self._shares) == 1 else None,
            "baseline": self._newest.baseline,
        }


class RunStatistics:
    """Counts what happens in a run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.frames_captured = 0
        self.frames_explained = 0
        self.frames_shown = 0
        self.reconnects = 0
        self.traces = 0
        self.top: Counter[str] = Counter()
        """Label → number of explained frames where it is the most probable; empty if the network is no classifier."""
        self.headlines: Counter[str] = Counter()
        """Headline on the picture (a class, or a text such as `not sure`) → number of explained frames."""
        self.values: dict[str, Range] = {}
        """Name of a value → its range, for a network that is no classifier."""
        self.latency = Spread()
        """From capture to display."""
        self.age = Spread()
        """From the capture of the explained frame to the display of its heat."""
        self.stages: dict[str, Spread] = {}
        self.faithfulness = FaithfulnessCount()
        """Masking tests of the heat."""
        self._first: float | None = None
        self._last = 0.0
        self._first_explained: float | None = None
        self._last_explained = 0.0

    @property
    def seconds(self) -> float:
        """Seconds from the first shown picture to the last."""
        return 0.0 if self._first is None else self._last - self._first

    @property
    def shown_fps(self) -> float:
        """Shown pictures per second."""
        return (self.frames_shown - 1) / self.seconds if self.seconds > 0 else 0.0

    @property
    def explained_fps(self) -> float:
        """Explained frames per second."""
        seconds = 0.0 if self._first_explained is None else self._last_explained - self._first_explained
        return (self.frames_explained - 1) / seconds if seconds > 0 else 0.0

    def explained_by(self, explanation: Explanation, now: float) -> None:
        """Count an explained frame, at monotonic seconds `now`."""
        best = explanation.best
        label = None if best is None else best.label
        self.explained(label, now, explanation.numbers, headline=explanation.headline)

    def explained(
        self,
        label: str | None,
        now: float,
        values: Mapping[str, float] | None = None,
        *,
        headline: str | None = None,
    ) -> None:
        """Count an explained frame.

        Args:
            label: the most probable class; None if there are no classes.
            now: monotonic seconds.
            values: name → number, for a network that is no classifier.
            headline: the headline on the picture, as `Explanation.headline`; None for `label`.
        """
        headline = headline or label
        with self._lock:
            self.frames_explained += 1
            if label is not None:
                self.top[label] += 1
            if headline is not None:
                self.headlines[headline] += 1
            for name, value in (values or {}).items():
                self.values.setdefault(name, Range()).add(value)
            self._first_explained = now if self._first_explained is None else self._first_explained
            self._last_explained = now

    def shown(self, now: float, *, latency_ms: float | None, age_ms: float | None) -> None:
        """Count a shown picture.

        Args:
            now: monotonic seconds.
            latency_ms: age of the frame; None for files.
            age_ms: age of the frame that the heat explains; None for files and without heat.
        """
        with self._lock:
            self.frames_shown += 1
            self._first = now if self._first is None else self._first
            self._last = now
            if latency_ms is not None:
                self.latency.add(latency_ms)
            if age_ms is not None:
                self.age.add(age_ms)

    def stage(self, name: str, milliseconds: float) -> None:
        """Count how long one stage of the pipeline took for one frame."""
        with self._lock:
            self.stages.setdefault(name, Spread()).add(milliseconds)

    def tested(self, faithfulness: Faithfulness) -> None:
        """Count a masking test of the heat."""
        with self._lock:
            self.faithfulness.add(faithfulness)

    def mostly(self) -> str:
        """Return the most frequent headlines, or the values, as a short text.

        Such as `cat in 10 frames, dog in 1, not sure in 2`, `cat` for a single frame, or `age 31.2 (28.1 to 34)`.
        """
        ranked = self.headlines.most_common()
        common = [each for each in ranked if each[0] not in NO_CLASS][:_SUMMARISED]
        common += [each for each in ranked if each[0] in NO_CLASS]
        counted = [f"{label} in {count}" for label, count in common]
        if common:
            counted[0] += " frame" if common[0][1] == 1 else " frames"
        if self.frames_explained == 1:
            counted = [label for label, _ in common]
        for name, found in list(self.values.items())[:_SUMMARISED]:
            numbers = (found.mean, found.smallest, found.largest)
            mean, low, high = (number_text(each, numbers) for each in numbers)
            counted.append(
                f"{name} {mean}" + ("" if found.smallest == found.largest else f" ({low} to {high})")
            )
        return ", ".join(counted)

    def lines(self) -> tuple[str, ...]:
        r"""Return the lines that are shown on the picture, such as `shown\t30.0 fps`."""
        lines = [f"shown\t{self.shown_fps:.1f} fps", f"explained\t{self.explained_fps:.1f} fps"]
        for name, spread in (("latency", self.latency), ("age of heat", self.age)):
            middle, high = spread.quantile(0.5), spread.quantile(0.95)
            if middle is not None and high is not None:
                lines.append(f"{name}\t{middle:.0f} ms, 95% {high:.0f}")
        if self.reconnects:
            lines.append(f"reconnected\t{self.reconnects}")
        return tuple(lines)

    def report(self, *, source: str, model: str, method: str) -> dict[str, Any]:
        """Return everything as the object that `--stats` writes."""
        with self._lock:
            seconds = self.seconds
            values = {name: found.summary() for name, found in self.values.items()}
            return {
                "source": source,
                "model": model,
                "method": method,
                "frames_captured": self.frames_captured,
                "frames_explained": self.frames_explained,
                "frames_shown": self.frames_shown,
                "frames_dropped": max(0, self.frames_captured - self.frames_shown),
                "seconds": _rounded(seconds),
                "capture_fps": _rounded((self.frames_captured - 1) / seconds if seconds > 0 else 0.0),
                "explained_fps": _rounded(self.explained_fps),
                "shown_fps": _rounded(self.shown_fps),
                "latency_ms": self.latency.summary(largest=True),
                "explanation_age_ms": self.age.summary(),
                "stage_ms": {name: spread.summary() for name, spread in self.stages.items()},
                "traces": self.traces,
                "reconnects": self.reconnects,
                "top": dict(self.top.most_common()),
                **({"values": values} if values else {}),
                **({"faithfulness": self.faithfulness.summary()} if self.faithfulness.count else {}),
            }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
