"""Measures what questions cost, and what happens to the picture while one is being compiled.

.venv/bin/python scripts/questions.py [--seconds 20] [--model efficientnet-lite0]

The figures stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import time
from functools import partial
from pathlib import Path

import numpy as np

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.explain_thread import ExplainThread
from live_gradcam.frame import Frame, Pixels
from live_gradcam.question import Question
from live_gradcam.render.renderer import Renderer
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.timing import interleaved_ms

SIZE = (1280, 720)
FPS = 30
ONE = Question()
COSTS = {
    "one map": ONE,
    "one map, not frozen": Question(methods=("hirescam",)),
    "four methods": Question(methods=("gradcam", "gradcam++", "layercam", "eigencam")),
    "four targets": Question(targets=("#1", "#2", "#3", "#4")),
    "four methods of four targets": Question(
        methods=("gradcam", "gradcam++", "layercam", "hirescam"), targets=("#1", "#2", "#3", "#4")
    ),
    "nine channels": Question(channels=9),
    "two models (the same twice)": Question(models=(0, 1)),
}


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20, help="how long to measure the costs")
    parser.add_argument("--model", default="efficientnet-lite0")
    arguments = parser.parse_args()
    model = lg.load_model(arguments.model)
    with DemoSource(live=False, size=SIZE, wall_time=lambda: dt.datetime(2026, 1, 1, 10, 9, 36)) as demo:
        frames = [frame.pixels for frame in itertools.islice(demo, 2 * FPS)]
    answering = Engine([model, model])
    answering.compile(ONE, SIZE)
    tell_changes(answering, frames)
    for question in COSTS.values():
        for _ in answering.prepare(question, SIZE):
            pass
    runs = {name: partial(answering.answer, frames[0], question) for name, question in COSTS.items()}
    medians, rounds = interleaved_ms(runs, arguments.seconds)
    print(f"\n{model.name}, {rounds} rounds: median ms, ÷ one map")
    for name, median in medians.items():
        print(f"{name:32} {median:6.1f} {median / medians['one map']:5.2f}")


def tell_changes(answering: Engine, frames: list[Pixels]) -> None:
    """Tell what is shown and explained while the picture goes on and questions are compiled."""
    layers = [path for path, _ in answering.layers_of()][:-1:3]
    questions = [Question(methods=("hirescam",)), *(Question(layer=path) for path in layers)]
    statistics = RunStatistics()
    renderer = Renderer()
    numbers = itertools.count()
    print(f"{FPS} pictures a second are drawn at {SIZE[0]}×{SIZE[1]}")
    with ExplainThread(answering, ONE, statistics) as worker:

        def show(until: float, question: Question) -> None:
            """Show pictures until a moment, or until a question is answered, and tell how that went."""
            began = last = due = time.monotonic()
            explained, pauses = statistics.frames_explained, []
            answered = False
            while not answered and time.monotonic() < until:
                due = max(due + 1 / FPS, time.monotonic() - 2 / FPS)
                time.sleep(max(0.0, due - time.monotonic()))
                number = next(numbers)
                frame = Frame(frames[number % len(frames)], number, time.monotonic())
                worker.offer(frame)
                if (found := worker.newest()) is not None:
                    renderer.add_answer(*found)
                    answered = found[1].question == question
                renderer.picture(frame)
                pauses.append(1000 * (frame.captured_at - last))
                last = frame.captured_at
            seconds = time.monotonic() - began
            explained = statistics.frames_explained - explained
            print(
                f"{seconds:4.1f} s: shown {len(pauses) / seconds:4.1f} fps, explained {explained / seconds:4.1f}, "
                f"picture to picture p95 {np.percentile(pauses, 95):3.0f}, at most {max(pauses):3.0f} ms; "
                f"memory {memory():4.0f} MB"
            )

        print(f"{'warming up':28}", end="", flush=True)
        show(time.monotonic() + 2, Question(channels=1))
        print(f"{'nothing is compiled':28}", end="", flush=True)
        show(time.monotonic() + 5, Question(channels=1))
        for question in questions:
            worker.ask(question)
            print(f"{question.methods[0]:>9} at {question.layer or 'the usual':15}", end="", flush=True)
            show(time.monotonic() + 60, question)


def memory() -> float:
    """Return how much memory the process has, in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


if __name__ == "__main__":
    main()
