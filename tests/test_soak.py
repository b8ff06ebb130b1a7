"""The live loop for many minutes: nothing grows. `scripts/soak.py` runs it."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from live_gradcam.fixed_choices import Runtime
from live_gradcam.pipeline import run

SECONDS = float(os.environ.get("LIVE_GRADCAM_SOAK_SECONDS", "600"))

WARM_UP = min(60.0, SECONDS / 2)
"""Seconds after which memory is looked at first."""

FEWEST_A_SECOND = 20_000 / 600
MOST_GROWTH = 20.0
AS_FAST_AS_IT_CAN = 1000
"""Frames per second that the demo is asked for."""

SIZE = (640, 360)
"""Small, for more frames in the time: what grows, grows with each."""

MEGABYTE = 1 << 20


class Memory(threading.Thread):
    """Looks once a second at how much memory the process has, in MB."""

    def __init__(self) -> None:
        super().__init__(name="memory")
        self.over = threading.Event()
        self.seen: list[tuple[float, float]] = []

    def run(self) -> None:
        began = time.monotonic()
        while not self.over.wait(1):
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            self.seen.append((time.monotonic() - began, resident / MEGABYTE))

    def after(self, seconds: float) -> float:
        return next(resident for moment, resident in self.seen if moment >= seconds)


@pytest.mark.soak
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux: memory is read from /proc")
@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_nothing_grows(engine: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    memory = Memory()

    def begin(line: str) -> None:
        if line.startswith("Ctrl-C ends it"):  # what is said last before the show
            memory.start()

    done = run(
        source="demo",
        size=SIZE,
        camera_fps=AS_FAST_AS_IT_CAN,
        window=False,
        duration=SECONDS,
        engine=engine,
        show_stats=True,
        tell=begin,
    )
    memory.over.set()
    memory.join()
    counted = done.statistics
    first, last = memory.after(WARM_UP), memory.seen[-1][1]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{engine}: {counted.frames_shown} frames shown in {counted.seconds:.0f} s "
            f"({counted.shown_fps:.1f} fps), "
            f"{counted.frames_explained} explained ({counted.explained_fps:.1f} fps), traces: {counted.traces}\n"
            f"memory: {first:.1f} MB after {WARM_UP:.0f} s, {last:.1f} MB at the end "
            f"({last - first:+.1f}), at most {max(seen for _, seen in memory.seen):.1f} MB\n"
        )
    assert counted.frames_shown >= FEWEST_A_SECOND * SECONDS
    assert last - first <= MOST_GROWTH
    assert counted.traces == 1
    assert set(threading.enumerate()) <= before
