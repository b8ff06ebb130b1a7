"""Progress of a long run: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from live_gradcam.archive.annotate_job import AnnotateJob, Outcome
from live_gradcam.number_format import counted

_PLAIN_LINE_SECONDS = 10.0


_LEAST_RATE = 0.95
"""Below this rate, in items a second, the time of one item is told: 0.0 a second says nothing."""


class _Rate(ProgressColumn):
    """Frames a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(_rate(speed) if speed else "")


def _rate(speed: float) -> str:
    """Return a rate above 0, in items a second, in words."""
    if speed >= _LEAST_RATE:
        return f"{speed:.1f} a second"
    seconds = 1 / speed
    return f"{f'{seconds:.1f} s' if seconds < 10 else worded(seconds)} each"


class RunProgress:
    """Shows the progress of a long run on the terminal.

    Args:
        quiet: whether to print warnings only.
        unit: what is counted: `frame`.
    """

    def __init__(self, *, quiet: bool, unit: str) -> None:
        self._unit = unit
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"{unit}s"),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            transient=True,
        )
        self._lock = threading.Lock()
        self._task = self._bar.add_task("", start=False, visible=False, total=None)
        self._total = 0
        self._done = 0
        self._first = 0
        """How many were finished when the time began: loading the network has no part in the rate."""
        self._began: float | None = None
        self._told = 0.0

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, markup=False)

    def advance(self, count: int) -> None:
        """Count what is finished, and show the progress."""
        if not count:
            return
        with self._lock:
            now = time.monotonic()
            if self._began is None:
                self._began = self._told = now
                self._first = count
                self._bar.update(self._task, visible=True, total=self._total or None)
                self._bar.start_task(self._task)
            self._done += count
            self._bar.update(self._task, advance=count)
            if self._bar.disable and now - self._told > _PLAIN_LINE_SECONDS:
                self._told = now
                self.say(self._plain(now - self._began))

    def _plain(self, seconds: float) -> str:
        rate = (self._done - self._first) / seconds
        left = max(0, self._total - self._done) / rate
        share = f"{min(1.0, self._done / self._total):.0%}, " if self._total else ""
        return f"{share}{counted(self._done, self._unit)}, {_rate(rate)}, {worded(left)} left"

    def __enter__(self) -> Self:
        self._bar.start()
        # The bar replaces stderr so that lines appear above it; log messages must go there, too.
        self._logging_to = [
            (handler, handler.setStream(sys.stderr))
            for handler in logging.getLogger().handlers
            if type(handler) is logging.StreamHandler and not handler.stream.closed
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        for handler, stream in self._logging_to:
            if stream is not None:
                handler.setStream(stream)


class AnnotateProgress(RunProgress):
    """Shows the progress of `annotate`.

    Args:
        quiet: whether to print warnings only.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet, unit="frame")
        self._files = 0
        self._ended = 0

    def begin(self, work: AnnotateJob) -> None:
        """Take the work to be done."""
        self._files, self._total = len(work.entries), work.frames
        self._describe()

    def end(self, outcome: Outcome) -> None:
        """Print the result of one file."""
        with self._lock:
            self._ended += 1
            self._describe()
        name = outcome.entry.name
        if outcome.failure is None:
            if outcome.entry.kind == "video":
                self.say(f"{name}: {counted(outcome.frames, 'frame')}")
        else:
            frames = counted(outcome.frames, "frame")
            self.say(f"{name}: failed" if not outcome.frames else f"{name}: {frames}, not all")

    def _describe(self) -> None:
        self._bar.update(self._task, description=f"file {min(self._ended + 1, self._files)} of {self._files}")


class EvaluateProgress(RunProgress):
    """Shows the progress of `evaluate`.

    Args:
        quiet: whether to print warnings only.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet, unit="photo")

    def begin(self, photos: int) -> None:
        """Take the number of photographs to come."""
        self._total += photos


def worded(seconds: float) -> str:
    """Return a length of time in words: `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
