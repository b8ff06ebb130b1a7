#!/usr/bin/env python3
"""Measure two versions of the package in turn: start, memory, a camera at 30 and 60 fps, `annotate`.

`python scripts/compare_speed.py OLD NEW [--rounds 3] [--seconds 12]`: two checkouts. It prints a table in Markdown with
the medians of both and NEW divided by OLD. It needs what scripts/keeps_up.py needs, and a machine that does nothing
else. Compare a version with itself first: that shows how far the figures of this machine vary.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keeps_up import Figures, Run, coffee, figures_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
from fakecam.webcam import PretendWebcam, build, panning, write_frames
from screen import Screen

CAMERAS = (Run("30 fps", ()), Run("60 fps", (), fps=60))
OF_A_CAMERA = ("shown", "explained", "p50", "p95", "age p50")
FILM_FRAMES = 600


def cost(tree: Path, arguments: list[str]) -> tuple[float, float, float]:
    """Run a command, and return its seconds, its processor seconds and its largest memory in MB.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "live_gradcam", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} of {tree} ended with exit code {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def film(path: Path) -> None:
    """Write a film of a cup that moves, 1280×720."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (1280, 720))
    frames = [cv2.resize(frame, (1280, 720)) for frame in panning(coffee(), 60)]
    for index in range(FILM_FRAMES):
        writer.write(frames[index % len(frames)])
    writer.release()


def measured(tree: Path, webcam: PretendWebcam, screen: Screen, folder: Path, seconds: float) -> Figures:
    """Return every figure of one version, each measured once."""
    figures: Figures = {}
    wall, processor, memory = cost(tree, ["demo", "--frames", "1", "--no-window"])
    figures |= {"first picture, s": wall, "first picture, processor s": processor, "its memory, MB": memory}
    for run in CAMERAS:
        found = figures_of(run, webcam, screen, folder, seconds, tree)
        figures |= {f"{run.name}: {name}": found[name] for name in OF_A_CAMERA}
    out = folder / "annotated.mp4"
    for old in folder.glob("annotated*"):  # a finished file would be kept
        old.unlink()
    wall, processor, memory = cost(tree, ["annotate", str(folder / "film.mp4"), "--out", str(out)])
    per_second = FILM_FRAMES / (wall - figures["first picture, s"])
    return figures | {
        "annotate, frames/s": per_second,
        "annotate, processor s": processor,
        "annotate, MB": memory,
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each run with a camera")
    typed = parser.parse_args()
    trees = [typed.old.resolve(), typed.new.resolve()]
    rounds: list[list[Figures]] = [[], []]
    with tempfile.TemporaryDirectory() as place, Screen() as screen:
        folder = Path(place)
        webcam = PretendWebcam(build(os.environ.get("CC", "cc"), folder), folder / "frames")
        write_frames(webcam.frames, list(panning(coffee(), 60)), [(1280, 720)], raw=False)
        film(folder / "film.mp4")
        for tree in trees:  # files come into memory, bytecode is written
            cost(tree, ["demo", "--frames", "1", "--no-window"])
        for index in range(typed.rounds):
            for which in (0, 1) if index % 2 == 0 else (1, 0):
                rounds[which].append(measured(trees[which], webcam, screen, folder, typed.seconds))
    print("| median | old | new | new ÷ old (least to most of the rounds) |\n|---|---:|---:|---:|")
    for name in rounds[0][0]:
        old, new = ([each[name] for each in found] for found in rounds)
        ratios = [b / a for a, b in zip(old, new, strict=True)]
        print(
            f"| {name} | {statistics.median(old):.4g} | {statistics.median(new):.4g} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
