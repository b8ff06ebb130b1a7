"""Measures what the whole program reaches in each view: the tests' pretend webcam, a window on a pretend screen.

.venv/bin/python scripts/views_live.py [--seconds 10] [--size 1280x720] [--only VIEW]

It prints a table in Markdown, for docs/views.md; 25 shown fps are to be reached. It needs Linux, Xvfb and a C compiler,
and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakecam.webcam import PretendWebcam, build, panning, write_frames
from keeps_up import coffee
from screen import Screen

from live_gradcam.config import DEFAULT_MODEL, Settings
from live_gradcam.fixed_choices import View
from live_gradcam.live.choice import Choice, question_of
from live_gradcam.live.controls import VIEWS
from live_gradcam.live.run_setup import load, menu_of
from live_gradcam.pipeline import play
from live_gradcam.render.appearance import Appearance
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.window import Window
from live_gradcam.sources.opening import open_sources
from live_gradcam.viewer_input import Event, Key

LEAST_SHOWN = 25.0
FPS = 30


class PressedWindow(Window):
    """A window in which keys were pressed before its first picture.

    Args:
        title: what stands in the title bar.
        keys: names of the keys.
    """

    def __init__(self, title: str, keys: tuple[str, ...]) -> None:
        super().__init__(title)
        self._pressed: tuple[Event, ...] = tuple(Key(key) for key in keys)

    def take_events(self) -> tuple[Event, ...]:
        """Return those keys first."""
        pressed, self._pressed = self._pressed, ()
        return pressed + super().take_events()


def main() -> None:
    """Measure every view in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each view")
    parser.add_argument("--size", default="1280x720", help="of the camera")
    parser.add_argument("--only", choices=VIEWS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    if arguments.inside:
        print(json.dumps(report_of(arguments.only, (width, height), arguments.seconds)))
        return
    print("| view | shown fps | explained fps | latency p50, p95 ms | age of the heat p50, p95 ms | |")
    print("|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder, Screen() as screen:
        webcam = PretendWebcam(build(os.environ.get("CC", "cc"), Path(folder)), Path(folder, "frames"))
        write_frames(webcam.frames, list(panning(coffee(), 60)), [(width, height)], raw=False)
        environment = {**webcam.environment(), "DISPLAY": screen.address, "FAKECAM_FPS": str(FPS)}
        for view in [arguments.only] if arguments.only else VIEWS:
            typed = [
                "--inside",
                "--only",
                view,
                "--size",
                arguments.size,
                "--seconds",
                str(arguments.seconds),
            ]
            done = subprocess.run(
                [sys.executable, __file__, *typed],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{view}: {done.stdout}{done.stderr}")
            print(row(view, json.loads(done.stdout.splitlines()[-1])), flush=True)


def row(view: str, report: dict[str, Any]) -> str:
    """Return a row of the table."""
    shown, latency, age = report["shown_fps"], report["latency_ms"], report["explanation_age_ms"]
    verdict = "reached" if shown >= LEAST_SHOWN else f"**missed: shown ≥ {LEAST_SHOWN:g}**"
    return (
        f"| {view} | {shown:.1f} | {report['explained_fps']:.1f} | {latency['p50']:.0f}, {latency['p95']:.0f} "
        f"| {age['p50']:.0f}, {age['p95']:.0f} | {verdict} |"
    )


def report_of(view: View, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Run the loop in one view, whose graphs are compiled before, and return its statistics."""
    beside = DEFAULT_MODEL if view == "models" else None
    settings = Settings(source=0, beside=beside, size=size, camera_fps=FPS, duration=seconds)
    statistics = RunStatistics()
    with open_sources(settings) as source, SinkGroup() as sinks:
        answering = load(settings, source.size, lambda _: None)
        menu = menu_of(answering, settings)
        answering.compile(question_of(Choice(look=Appearance(view=view)), menu), source.size)
        presses = [each for each in VIEWS if each != "models" or beside].index(view)
        sinks.add(PressedWindow("live_gradcam", ("v",) * presses))
        play(source, answering, sinks, settings, statistics, menu=menu)
    return statistics.report(source=source.name, model=DEFAULT_MODEL, method=settings.method)


if __name__ == "__main__":
    main()
