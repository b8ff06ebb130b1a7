"""Measures whether the whole program keeps up with a camera: the tests' pretend webcam, a window on a pretend screen.

.venv/bin/python scripts/keeps_up.py [--seconds 15] [--rounds 3] [--only loop|drawing]

It prints tables in Markdown, with what is to be reached beside what was. It needs Linux, Xvfb and a C compiler, and a
machine that does nothing else. The figures stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
import av
import numpy as np
from fakecam.webcam import PretendWebcam, build, panning, write_frames
from fakes import answered, explained
from screen import Screen

import live_gradcam as lg
from live_gradcam.frame import Frame, Pixels
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.render.renderer import Renderer

SCRIPTS = Path(__file__).resolve().parent
SEED = 0
RANDOM_VGG16 = f"{Path(__file__).stem}:random_vgg16"
ALONE_SECONDS = 5.0
"""How long the bare network runs, before and after the loop has run with it."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is to be reached."""

    figure: str
    least: float | None = None
    most: float | None = None

    def is_reached(self, figures: Figures) -> bool:
        """Return whether it is."""
        value = figures[self.figure]
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"{self.figure} " + (f"≥ {self.least:g}" if self.most is None else f"≤ {self.most:g}")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the program."""

    name: str
    goals: tuple[Goal, ...]
    fps: int = 30
    size: tuple[int, int] = (1280, 720)
    record: bool = False
    random_vgg16: bool = False


RUNS = (
    Run("30 fps", (Goal("shown", 29.5), Goal("explained", 29.5), Goal("p95", most=25))),
    Run("30 fps, recording", (Goal("shown", 29.5), Goal("recorded", 29.5)), record=True),
    Run(
        "60 fps",
        (Goal("shown", 58), Goal("explained", 55), Goal("p95", most=25)),
        fps=60,
    ),
    Run(
        "VGG16, 30 fps",
        (Goal("shown", 29.5), Goal("÷ alone", 0.75), Goal("p95", most=35)),
        random_vgg16=True,
    ),
    Run("1920×1080, 30 fps", (Goal("shown", 29.5),), size=(1920, 1080)),
)

DRAWING = {(1280, 720): 3.0, (1920, 1080): 6.0, (3840, 2160): 20.0}
"""Size → milliseconds that drawing may take."""

DRAWING_SECONDS = 2.0
SWAYS = 12
"""Pixels."""

EXPLAINED_EVERY = 6
"""Frames."""


def random_vgg16() -> Any:  # noqa: ANN401 - a keras.Model
    """Return VGG16 with seeded random weights: it costs what the real ones cost, and needs no download."""
    from live_gradcam.models.zoo import with_random_weights

    return with_random_weights("vgg16", SEED).network


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="how often each run is made; medians count")
    parser.add_argument("--only", choices=("loop", "drawing"))
    arguments = parser.parse_args()
    if arguments.only != "loop":
        tell_drawing()
    if arguments.only != "drawing":
        with tempfile.TemporaryDirectory() as folder, Screen() as screen:
            tell_loop(Path(folder), screen, arguments.seconds, arguments.rounds)


def coffee() -> Pixels:
    """Return a cup of espresso, (400, 600, 3) BGR, which the default network knows."""
    from skimage import data

    return np.asarray(data.coffee()[..., ::-1], np.uint8)


def tell_loop(folder: Path, screen: Screen, seconds: float, rounds: int) -> None:
    """Print what the whole program reaches: medians, and of explained frames the least and the most too."""
    webcam = PretendWebcam(build(os.environ.get("CC", "cc"), folder), folder / "frames")
    sizes = sorted({run.size for run in RUNS})
    write_frames(webcam.frames, list(panning(coffee(), 60)), sizes, raw=False)
    print(
        "| camera | shown fps | recorded fps | explained fps | latency p50, p95 ms | age of the heat p50, p95 ms "
        "| age of a frame when it is begun p50, p95 ms | |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for run in RUNS:
        alone = Alone() if run.random_vgg16 else None
        if alone is not None:
            alone.measure()
        rounds_made = []
        for _ in range(rounds):
            rounds_made.append(figures_of(run, webcam, screen, folder, seconds))
            if alone is not None:
                alone.measure()
        figures = {name: statistics.median(each[name] for each in rounds_made) for name in rounds_made[0]}
        explained = [each["explained"] for each in rounds_made]
        explained_fps = f"{figures['explained']:.1f} ({min(explained):.1f} to {max(explained):.1f})"
        if alone is not None:
            figures["÷ alone"] = figures["explained"] / alone.fps
            least, most = min(explained) / alone.fps, max(explained) / alone.fps
            explained_fps += (
                f"; {figures['÷ alone']:.2f} ({least:.2f} to {most:.2f}) of {alone.fps:.1f} alone"
            )
        recorded = f"{figures['recorded']:.1f}" if run.record else ""
        print(
            f"| {run.name} | {figures['shown']:.1f} | {recorded} | {explained_fps} "
            f"| {pair(figures, '')} | {pair(figures, 'age ')} | {pair(figures, 'wait ')} "
            f"| {verdict(run.goals, figures)} |",
            flush=True,
        )


def pair(figures: Figures, of: str) -> str:
    """Return two quantiles of one figure."""
    return f"{figures[f'{of}p50']:.0f}, {figures[f'{of}p95']:.0f}"


def verdict(goals: tuple[Goal, ...], figures: Figures) -> str:
    """Return what was to be reached, and whether it was."""
    missed = [str(goal) for goal in goals if not goal.is_reached(figures)]
    wanted = ", ".join(str(goal) for goal in goals)
    return f"reached: {wanted}" if not missed else f"**missed: {', '.join(missed)}** of {wanted}"


def figures_of(
    run: Run, webcam: PretendWebcam, screen: Screen, folder: Path, seconds: float, tree: Path | None = None
) -> Figures:
    """Run the program and return its figures.

    Args:
        run: what is run.
        webcam: the camera.
        screen: where the window opens.
        folder: for the files that the program writes.
        seconds: how long it runs.
        tree: the checkout whose package is run; None: the package of this environment.

    Raises:
        RuntimeError: it failed; the message is its own.
    """
    stats, film = folder / "stats.json", folder / "film.mp4"
    typed = ["--source", "0", "--size", f"{run.size[0]}x{run.size[1]}", "--camera-fps", str(run.fps)]
    typed += ["--duration", f"{seconds:g}", "--stats", str(stats), "--window"]
    typed += ["--record", str(film), "--overwrite"] if run.record else []
    typed += ["--model", RANDOM_VGG16] if run.random_vgg16 else []
    environment = {**webcam.environment(), "DISPLAY": screen.address, "FAKECAM_FPS": str(run.fps)}
    environment |= {} if tree is None else {"PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, "-m", "live_gradcam", *typed],
        env=environment,
        cwd=SCRIPTS,  # where the factory of the random network is found
        capture_output=True,
        text=True,
        check=False,
    )
    agreed = f"{run.size[0]}×{run.size[1]} at {run.fps} fps, MJPG"
    if done.returncode or agreed not in done.stdout:
        raise RuntimeError(f"{run.name} with {agreed}: {done.stdout}{done.stderr}")
    if done.stderr:
        print(done.stderr.strip(), file=sys.stderr)
    report = json.loads(stats.read_text())
    return {
        "shown": report["shown_fps"],
        "explained": report["explained_fps"],
        "recorded": recorded_fps(film) if run.record else 0.0,
        **report["latency_ms"],
        **{f"age {name}": value for name, value in report["explanation_age_ms"].items()},
        **{f"wait {name}": value for name, value in report["stage_ms"]["wait"].items()},
    }


def recorded_fps(film: Path) -> float:
    """Return the frames that can be decoded in a second of a film."""
    with av.open(str(film)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    return (len(times) - 1) / (times[-1] - times[0])


class Alone:
    """The bare network on a picture that is ready, and nothing beside it."""

    def __init__(self) -> None:
        with native_stderr_filtered():
            from live_gradcam.explain.article_baseline import BareForward
            from live_gradcam.models.zoo import with_random_weights

            model = with_random_weights("vgg16", SEED)
        picture = np.asarray(cv2.resize(coffee(), model.input_size[::-1]), np.uint8)
        self._forward = BareForward(model, picture, frozen=False)
        self._forward()
        self._times: list[float] = []

    @property
    def fps(self) -> float:
        """Predictions in a second, the median over every measurement."""
        return 1 / statistics.median(self._times)

    def measure(self) -> None:
        """Measure once more."""
        self._times += times_of(self._forward, ALONE_SECONDS)


def tell_drawing() -> None:
    """Print what drawing costs."""
    print("| median ms | heat, plate, viewfinder | heat over the whole frame | following and drawing | |")
    print("|---|---:|---:|---:|---|")
    for size, most in DRAWING.items():
        figures = drawing(size)
        goals = tuple(Goal(name, most=most) for name in ("viewfinder", "whole"))
        numbers = " | ".join(f"{value:.1f}" for value in figures.values())
        print(f"| {size[0]}×{size[1]} | {numbers} | {verdict(goals, figures)} |", flush=True)
    print()


def drawing(size: tuple[int, int]) -> Figures:
    """Return the median milliseconds of drawing on frames of (width, height) pixels."""
    width, height = size
    large = cv2.resize(coffee(), (width + SWAYS, height + SWAYS), interpolation=cv2.INTER_CUBIC)
    steps = [*range(SWAYS), *range(SWAYS, 0, -1)]
    swaying = [np.ascontiguousarray(large[step:, step:][:height, :width], np.uint8) for step in steps]
    pixels = swaying[0]
    middle = explained(((width - height) // 2, 0, height, height))
    whole = explained((0, 0, width, height))
    renderer = Renderer()
    index = 0

    def follow() -> None:
        nonlocal index
        frame = Frame(swaying[index % len(swaying)], index, index / 30)
        if index % EXPLAINED_EVERY == 0:
            renderer.add_answer(frame, answered(middle))
        renderer.picture(frame)
        index += 1

    return {
        "viewfinder": median_ms(lambda: lg.draw(pixels, middle)),
        "whole": median_ms(lambda: lg.draw(pixels, whole)),
        "followed": median_ms(follow),
    }


def median_ms(function: Callable[[], Any]) -> float:
    """Return how long a call takes, in milliseconds."""
    return 1000 * statistics.median(times_of(function, DRAWING_SECONDS))


def times_of(function: Callable[[], Any], seconds: float) -> list[float]:
    """Return how many seconds each call took, called for so long and twenty times at least."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 20:
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    main()
