"""Measures what each view and style costs, with the demo and the default network's explanations.

.venv/bin/python scripts/views.py [--rounds 40]

A round is a new answer, mixed in and tracked, and a picture: what a frame costs where every frame is explained. The
table stands in docs/views.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import cv2
from make_pictures import METHODS, answer, strongest

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.frame import Frame
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.question import Answer, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.renderer import Renderer
from live_gradcam.sources.demo.demo import DemoSource

SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
FRAMES = range(90, 98)

Case = tuple[str, Appearance, str, Overlay]
"""What it is called, how it looks, which answer, and what else stands on it."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    columns = [measured(size, rounds) for size in SIZES]
    print(
        f"\nMilliseconds a frame of {rounds}, {cv2.getNumThreads()} threads: median (least; processor time)\n"
    )
    print("| | " + " | ".join(f"{width}×{height}" for width, height in SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


def cases() -> list[Case]:
    """Return everything that is measured."""
    nothing = Overlay()
    told = Overlay(
        toast="layer block5_conv3  14×14×512",
        busy="compiling hirescam …",
        frozen=True,
        statistics=("shown\t30.0 fps", "explained\t29.8 fps"),
    )
    keys = Overlay(
        help=tuple((key, f"what the key {key} does") for key in "abcdefghijklmnopqrstuvwxyz123456")
    )
    return [
        ("one", Appearance(), "one", nothing),
        ("one: fade", Appearance(style="fade"), "one", nothing),
        ("one: contours", Appearance(style="contours"), "one", nothing),
        ("one: masked", Appearance(style="masked"), "one", nothing),
        ("one: heat alone", Appearance(style="heat"), "one", nothing),
        ("side by side", Appearance(view="side"), "one", nothing),
        ("four methods", Appearance(view="methods"), "methods", nothing),
        ("four methods: contours", Appearance(view="methods", style="contours"), "methods", nothing),
        ("four targets", Appearance(view="targets"), "targets", nothing),
        ("two models", Appearance(view="models"), "models", nothing),
        ("channels", Appearance(view="channels"), "channels", nothing),
        ("concepts", Appearance(view="concepts"), "concepts", nothing),
        ("history", Appearance(view="history"), "one", nothing),
        ("proof", Appearance(view="proof"), "proof", nothing),
        ("one, with the badge", Appearance(badge=True), "proof", nothing),
        ("one, with the curves", Appearance(), "curves", Overlay(frozen=True)),
        ("proof, with the curves", Appearance(view="proof"), "curves", Overlay(frozen=True)),
        (
            "one, with scale, figures, toast and signs",
            Appearance(scale_bar=True, statistics=True),
            "one",
            told,
        ),
        ("help", Appearance(), "one", keys),
    ]


def measured(size: tuple[int, int], rounds: int) -> dict[str, str]:
    """Return what each case costs at a size."""
    with DemoSource(live=False, size=size) as demo:
        frames = [demo.frame_at(index) for index in FRAMES]
    answers = answers_about(frames[0])
    costs = {}
    for name, look, asked, overlay in cases():
        renderer = Renderer(look)
        times, processor = [], []
        for number in range(rounds + 3):
            # Back and forth, for a step from the last to the first would be a cut.
            turn = number % (2 * len(frames) - 2)
            pixels = frames[min(turn, 2 * len(frames) - 2 - turn)].pixels
            frame = Frame(pixels, number, number / 30)
            began, worked = time.perf_counter(), time.process_time()
            renderer.add_answer(frame, answers[asked])
            renderer.picture(frame, overlay)
            times.append(1000 * (time.perf_counter() - began))
            processor.append(1000 * (time.process_time() - worked))
        costs[name] = f"{median(times[3:]):.1f} ({min(times):.1f}; {median(processor[3:]):.1f})"
    return costs


def answers_about(frame: Frame) -> Mapping[str, Answer]:
    """Return what is asked for the views."""
    model = lg.load_model("efficientnet-lite0")
    explainers = [lg.Explainer(model, method=name) for name in METHODS]
    explanations = [each.explain(frame.pixels) for each in explainers]
    one = answer(explanations[0])
    with Engine([model]) as engine:
        asked = Question(proof=DEFAULT_SHARE, curves=True)
        proved = ProvedAnswers(engine, "crop", [model.input_size]).answer(frame.pixels, asked)
    return {
        "one": one,
        "methods": answer(*explanations),
        "targets": answer(*explainers[0].explain_top(frame.pixels, 4)),
        # The same network twice: drawing does not know.
        "models": Answer(Question(models=(0, 1)), (explanations[0], explanations[0])),
        "proof": replace(proved, curves=()),
        "curves": proved,
        "concepts": replace(one, concepts=lg.concepts(explainers[0], [frame.pixels]).maps[0]),
        "channels": Answer(Question(channels=9), one.explanations, strongest(model, frame, one.first)),
    }


if __name__ == "__main__":
    main()
