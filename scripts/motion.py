"""Measures what carrying the heat along and keeping it smoothing are good for, with the demo and the default network.

.venv/bin/python scripts/motion.py [--size 1280x720] [--costs]

The figures stand in docs/motion.md, with what they mean.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np

import live_gradcam as lg
from live_gradcam.explanation import Explanation, HeatMap, Region
from live_gradcam.frame import Frame, Pixels
from live_gradcam.heatmap import over_region
from live_gradcam.question import Answer, Question
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tracking import HeatTracker
from live_gradcam.sources.demo.demo import DemoSource, GroundTruth

EVERY = 6
"""Of 30 frames a second one in six is explained: 5 a second."""

LATE = 3
"""Frames that an explanation takes where it is late: 100 ms."""

MOVING = 3.0
"""Pixels a frame, of 1280 across, above which a thing counts as moving; while the camera dwells it is below 2."""

MOVED = 1.0
"""Pixels, of 1280 across: where a thing has moved by less since the frame explained, there is nothing to carry."""

AS_IT_IS = HeatSmoothing(seconds=0, scale="frame")
STEADY = HeatSmoothing()

Point = tuple[float, float]


@dataclass(slots=True, eq=False)
class Course:
    """One way to show heat, and how far its centre lies from that of the frame's own explanation."""

    tracker: HeatTracker
    late: int
    every: int
    distances: list[float] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    """Whether the explanation shown and the frame's own are of one thing, alone and whole in the viewfinder."""
    explained: list[int] = field(default_factory=list)
    """Index of the frame whose explanation is shown; −1 for none."""


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1280x720", help="of the demo's frames")
    parser.add_argument("--costs", action="store_true", help="only what it costs: on a quiet machine")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    explainer = lg.Explainer("efficientnet-lite0")
    if not arguments.costs:
        tell_distances(explainer, (width, height))
        tell_flicker(explainer, (width, height))
    tell_costs(explainer)


def answer(explanation: Explanation) -> Answer:
    """Return the answer to the question that has one explanation."""
    return Answer(Question(), (explanation,))


def demo(size: tuple[int, int]) -> DemoSource:
    """Open the demo as a file, at a fixed time of day."""
    return DemoSource(live=False, size=size, wall_time=lambda: dt.datetime(2026, 1, 1, 10, 9, 36))


def tell_distances(explainer: lg.Explainer, size: tuple[int, int]) -> None:
    """Print how far the heat shown is from where it belongs."""
    courses = {
        f"{name}, {late * 1000 // 30} ms late": Course(
            HeatTracker(motion="off" if name == "held" else "on", smoothing=smoothing), late, every
        )
        for late in (0, LATE)
        for name, smoothing, every in (
            ("held", AS_IT_IS, EVERY),
            ("tracked", AS_IT_IS, EVERY),
            ("tracked, smoothing", STEADY, EVERY),
        )
    }
    courses["every frame explained, smoothing"] = Course(HeatTracker(smoothing=STEADY), 0, 1)
    courses["every frame explained, smoothed but held"] = Course(
        HeatTracker(motion="off", smoothing=STEADY), 0, 1
    )
    speeds: list[float] = []
    past: deque[tuple[Frame, Explanation, bool]] = deque(maxlen=EVERY + LATE)
    with demo(size) as source:
        for frame in source:
            explanation = explainer.explain(frame.pixels)
            known = is_about_one_thing(source.truth(frame.index), explanation)
            past.append((frame, explanation, known))
            speeds.append(speed(source, frame.index) * 1280 / size[0])
            own = centre(explanation.heatmap, explanation)
            for course in courses.values():
                if len(past) > course.late and (frame.index - course.late) % course.every == 0:
                    earlier, its, _ = past[-1 - course.late]
                    course.tracker.add_answer(earlier, answer(its))
                tracked = course.tracker.track(frame)
                shown = centre(tracked[0].heatmap, explanation) if tracked else None
                course.distances.append(distance(own, shown))
                index = tracked[0].index if tracked else -1
                course.explained.append(index)
                course.known.append(known and any(k for f, _, k in past if f.index == index))
    print(
        f"\nDistance of the heat's centre from that of the frame's own explanation, pixels of {size[0]}×{size[1]}:"
    )
    print("mean (median; frames)\n")
    groups: dict[str, Callable[[Course, int], bool]] = {
        "known thing, moving": lambda course, i: course.known[i] and speeds[i] > MOVING,
        "known thing, moved since": lambda course, i: (
            course.known[i] and sum(speeds[course.explained[i] + 1 : i + 1]) > MOVED
        ),
        "known thing": lambda course, i: course.known[i],
        "all moving": lambda _, i: speeds[i] > MOVING,
        "all": lambda *_: True,
    }
    print("| | " + " | ".join(groups) + " |")
    print("|---|" + "---:|" * len(groups))
    for name, course in courses.items():
        cells = []
        for chosen in groups.values():
            found = [d for i, d in enumerate(course.distances) if np.isfinite(d) and chosen(course, i)]
            if not found:
                cells.append("–")
                continue
            cells.append(f"{statistics.mean(found):.1f} ({statistics.median(found):.1f}; {len(found)})")
        print(f"| {name} | " + " | ".join(cells) + " |")


def is_about_one_thing(truths: tuple[GroundTruth, ...], explanation: Explanation) -> bool:
    """Return whether the heat can only be about one thing: alone in the viewfinder, whole, and recognised."""
    inside = [truth for truth in truths if overlap(truth.box, explanation.region)]
    if len(inside) != 1 or not inside[0].is_within(explanation.region):
        return False
    return explanation.target.label in inside[0].labels


def overlap(one: Region, other: Region) -> bool:
    """Return whether two boxes have anything in common."""
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def speed(source: DemoSource, index: int) -> float:
    """Return how far the things in view move from the frame before, in pixels."""
    now, then = source.truth(index), source.truth(max(index - 1, 0))
    middles = [
        [(x + w / 2, y + h / 2) for x, y, w, h in (truth.box for truth in each)] for each in (now, then)
    ]
    steps = [min((np.hypot(x - u, y - v) for u, v in middles[1]), default=0.0) for x, y in middles[0]]
    return float(max(steps, default=0.0))


def centre(heatmap: HeatMap, explanation: Explanation) -> Point | None:
    """Return the centre of the heat's mass, in pixels of the frame; None where there is no heat."""
    x, y, width, height = explanation.region
    side = 128
    heat = over_region(heatmap, (side, side), explanation.inset)
    mass = float(heat.sum())
    if mass <= 0:
        return None
    places = np.arange(side) + 0.5
    across, down = float(heat.sum(axis=0) @ places) / mass, float(heat.sum(axis=1) @ places) / mass
    return x + across * width / side, y + down * height / side


def distance(one: Point | None, other: Point | None) -> float:
    """Return how far two points are apart; not a number where one is missing."""
    return (
        float("nan")
        if one is None or other is None
        else float(np.hypot(one[0] - other[0], one[1] - other[1]))
    )


def tell_flicker(explainer: lg.Explainer, size: tuple[int, int]) -> None:
    """Print how much the heat changes from frame to frame where nothing does, but for the sensor's noise."""
    with demo(size) as source:
        still = source.frame_at(40)
    wall = replace(still, pixels=np.full_like(still.pixels, 150))
    print(
        "\nHeat on a picture that stands still under a sensor's noise (8 grey levels), every frame explained,"
    )
    print("in percent of full heat: mean change from one frame to the next; mean of the whole map\n")
    print(
        "| | clock: change | clock: mean | then a blank wall: change | blank wall: mean |\n|---|---:|---:|---:|---:|"
    )
    for name, smoothing in (
        ("each frame's own maximum", AS_IT_IS),
        ("stable scale alone", HeatSmoothing(seconds=0)),
        ("smoothing alone", HeatSmoothing(scale="frame")),
        ("smoothing", STEADY),
    ):
        tracker = HeatTracker(smoothing=smoothing)
        cells = []
        first = 0
        for picture in (still, wall):
            maps = list(heats(explainer, tracker, picture, first, 60))[10:]
            change = np.mean([np.abs(b - a).mean() for a, b in pairwise(maps)])
            cells += [f"{100 * change:.2f}", f"{100 * np.mean(maps):.1f}"]
            first += 60
        print(f"| {name} | " + " | ".join(cells) + " |")


def heats(
    explainer: lg.Explainer, tracker: HeatTracker, still: Frame, first: int, count: int
) -> Iterator[HeatMap]:
    """Give the heat of a still picture under noise, frame by frame."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 8, (8, *still.pixels.shape)).astype(np.float32)
    for number in range(count):
        rolled = np.roll(noise[number % 8], (37 * number, 53 * number), (0, 1))
        noisy: Pixels = np.clip(still.pixels + rolled, 0, 255).astype(np.uint8)
        moment = (first + number) / 30
        frame = Frame(noisy, first + number, moment, moment)
        tracker.add_answer(frame, answer(explainer.explain(frame.pixels)))
        for tracked in tracker.track(frame):
            yield tracked.heatmap * np.float32(tracked.opacity)


def tell_costs(explainer: lg.Explainer) -> None:
    """Print what a shown frame costs."""
    print(f"\nMilliseconds of one shown frame, median (least), {cv2.getNumThreads()} threads\n")
    print("| | tracked on | tracked on, with a new explanation | drawn, viewfinder | drawn, whole frame |")
    print("|---|---:|---:|---:|---:|")
    for size in ((1280, 720), (1920, 1080), (3840, 2160)):
        with demo(size) as source:
            frames = [source.frame_at(90 + number) for number in range(5)]
        explanation = explainer.explain(frames[1].pixels)
        whole = replace(explanation, region=(0, 0, *size))
        times: list[tuple[float, ...]] = []
        for _ in range(30):
            tracker = HeatTracker()
            for frame in frames[:3]:
                tracker.track(frame)
            tracker.add_answer(frames[1], answer(explanation))
            moments = [time.perf_counter()]
            tracker.track(frames[3])
            moments.append(time.perf_counter())
            tracker.add_answer(frames[2], answer(explanation))
            (tracked,) = tracker.track(frames[4])
            moments.append(time.perf_counter())
            for shown in (explanation, whole):
                lg.draw(frames[4].pixels, replace(shown, heatmap=tracked.heatmap))
                moments.append(time.perf_counter())
            times.append(tuple(1000 * (after - before) for before, after in pairwise(moments)))
        cells = [
            f"{statistics.median(column):.2f} ({min(column):.2f})" for column in zip(*times, strict=True)
        ]
        print(f"| {size[0]}×{size[1]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
