"""Measures teaching: the lesson as a person plays it in a window, what the heads have learned, and what they cost.

.venv/bin/python scripts/lesson.py [--only lesson|learned|things|cost] [--size 1280x720] [--pictures FOLDER] [--drawn]

It prints a table in Markdown, with what is to be reached beside what was; the figures stand in docs/teaching.md. The
lesson needs Linux and Xvfb, and its frame rates a machine that does nothing else. `--pictures` keeps a picture of each
step of the lesson.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
import numpy as np
import numpy.typing as npt
from screen import Screen

from live_gradcam.config import Settings
from live_gradcam.explain.engine import Engine
from live_gradcam.frame import Pixels
from live_gradcam.live.choice import Choice, question_of
from live_gradcam.live.run_setup import load, menu_of
from live_gradcam.pipeline import play
from live_gradcam.question import Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.rendered_picture import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.window import Window
from live_gradcam.sources.demo.camera_path import CameraPath, Stop
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.sources.demo.lesson_demo import LessonDemo, Scene, drawn_props, find_props
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.examples import Examples, burst_of
from live_gradcam.teach.feature_extractor import FeatureExtractor, FeatureMaps, pooled
from live_gradcam.teach.learn_thread import LearnThread
from live_gradcam.teach.learner import Lesson, lesson_from
from live_gradcam.teach.lesson_guide import PICTURES, STEPS, LessonGuide
from live_gradcam.teach.saved_model import save_taught_model
from live_gradcam.teach.taught_answers import TaughtAnswers
from live_gradcam.teach.teacher import Teacher
from live_gradcam.viewer_input import Event, Key

SIZE = (1280, 720)
LOOK_SECONDS = 11.0
"""How long the person looks where there is something to look at: each scene is seen."""

THINK_SECONDS = 1.5
"""How long the person reads before pressing a key."""

REPEAT_SECONDS = 0.04
"""Time between the repetitions of a held key."""

MOST_SECONDS = 300.0
EVERY = 9
"""Of the frames of a scene, every ninth is tried: successive ones are alike."""

APART = 190
"""Frames from the beginning of a burst of the lesson to the beginning of the next: six seconds."""

TRIED = 50
"""Frames of a scene that are tried."""

PARTS = ("lesson", "learned", "things", "cost")
CLASSES = {"analog clock": "clock", "Egyptian cat": "cat", "espresso": "cup"}
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, and what it has to reach."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    def row(self) -> str:
        """Return its row of the table."""
        if self.least is None and self.most is None:
            return f"| {self.name} | {self.value:.3g} | | |"
        goal = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        reached = (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )
        return f"| {self.name} | {self.value:.3g} | {goal} | {'yes' if reached else '**no**'} |"


class PersonAtWindow(Window):
    """A window, and a person who reads the strip, holds the key that it asks for, and looks.

    Args:
        title: what stands in the title bar.
        guide: says what to do.
        teacher: tells what was learned.
        pictures: keeps a picture of each step; None: none is kept.
    """

    def __init__(self, title: str, guide: LessonGuide, teacher: Teacher, pictures: Path | None) -> None:
        super().__init__(title)
        self._guide = guide
        self._teacher = teacher
        self._pictures = pictures
        self._step, self._since, self._pressed = -1, 0.0, 0.0
        self._kept: set[str] = set()
        self._saved_by_key = False
        self.first_key: float | None = None
        self.saved_at: float | None = None
        self.writes: list[tuple[float, bool]] = []
        """When each picture was shown, and whether something was being learned."""

    def write(self, rendered: Rendered) -> None:
        """Show a picture, and keep some."""
        super().write(rendered)
        now = time.monotonic()
        state = self._teacher.state
        self.writes.append((now, state.learning or state.recording is not None))
        name = f"{self._guide.number + 1}"
        if self._guide.step.teaches is not None:
            name += "-holding" if state.recording is not None else "-asked"
        else:
            name += f"-looking-{int((now - self._since) // 4)}"
        if self._pictures is not None and name not in self._kept and now > self._since + 1:
            self._kept.add(name)
            cv2.imwrite(str(self._pictures / f"{name}.png"), rendered.pixels)

    def take_events(self) -> tuple[Event, ...]:
        """Return what the person presses now."""
        now, state = time.monotonic(), self._teacher.state
        if self._guide.number != self._step:
            self._step, self._since = self._guide.number, now
        if self.saved_at is None and state.saved is not None:
            self.saved_at = now
        if not self.writes or now < self._since + THINK_SECONDS or now < self._pressed + REPEAT_SECONDS:
            return super().take_events()
        key = self._key(now, state.learning)
        if key is None:
            return super().take_events()
        self._pressed = now
        self.first_key = self.first_key or now
        return (Key(key), *super().take_events())

    def _key(self, now: float, learning: bool) -> str | None:
        key = self._guide.step.teaches
        if key is not None:
            return None if learning or "let go" in self._guide.line() else str(key)
        if not self._saved_by_key:
            self._saved_by_key = True
            return "w"
        if now < self._since + LOOK_SECONDS * len(self._guide.step.scenes) / 2:
            return None
        return "Enter" if self._step + 1 < len(STEPS) else "q"


def main() -> None:
    """Measure the parts, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--size", default="1280x720", help="of the lesson's frames")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each step")
    parser.add_argument("--drawn", action="store_true", help="play the lesson with the drawn things")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    if arguments.inside:
        for figure in lesson_figures((width, height), arguments.pictures, drawn=arguments.drawn):
            print(figure.row(), flush=True)
        return
    print("| what | measured | to be reached | reached |\n|---|---:|---:|---|", flush=True)
    for part in [arguments.only] if arguments.only else PARTS:
        if part == "lesson":
            play_under_a_screen(sys.argv[1:])
            continue
        figures = {
            "learned": lambda: learned_figures((width, height), drawn=arguments.drawn),
            "things": things_figures,
            "cost": cost_figures,
        }[part]()
        for figure in figures:
            print(figure.row(), flush=True)


def play_under_a_screen(typed: Sequence[str]) -> None:
    """Play the lesson in a process of its own, whose window is on a pretend screen."""
    with Screen() as screen:
        done = subprocess.run(
            [sys.executable, __file__, *typed, "--inside"],
            env={**os.environ, "DISPLAY": screen.address},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stdout)
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("|")), flush=True)


def lesson_figures(size: tuple[int, int], pictures: Path | None, *, drawn: bool) -> Iterator[Figure]:
    """Play the lesson, and give its figures."""
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    settings = Settings(source="demo", duration=MOST_SECONDS)
    counted = RunStatistics()
    props = drawn_props() if drawn else find_props()
    with (
        tempfile.TemporaryDirectory() as folder,
        LessonDemo(size=size, props=props) as demo,
        LearnThread() as thread,
        SinkGroup() as sinks,
    ):
        engine = load(settings, size, lambda _: None, NOTHING_TAUGHT)
        extractor = FeatureExtractor(engine, engine.models[0].input_size)
        out = Path(folder, "taught.keras")

        def save(head: TaughtHead) -> str:
            save_taught_model(engine.models[0].loaded(), head, out)
            return out.name

        teacher = Teacher(extractor, save=save, do=thread.do)
        names = (props.thing_names[0].removeprefix("the "), props.thing_names[1].removeprefix("the "))
        guide = LessonGuide(props.thing_names, props.background_names, names=names, show=demo.show)
        menu = menu_of(engine, settings)
        answers = TaughtAnswers(engine, teacher)
        for _ in answers.prepare(question_of(Choice(look=Appearance()), menu), size):
            pass
        person = PersonAtWindow("lesson", guide, teacher, pictures)
        sinks.add(person)
        play(demo, answers, sinks, settings, counted, menu=menu, teacher=teacher, lesson=guide)
        assert person.first_key is not None, guide.line()
        assert person.saved_at is not None, guide.line()
        yield Figure(
            "first key to a saved model of two classes, s", person.saved_at - person.first_key, most=60
        )
        yield Figure(
            "frames shown per second, while pictures are taken and learned", rate(person.writes), least=29.5
        )
        yield Figure(
            "frames shown per second, whole lesson", rate([(at, True) for at, _ in person.writes]), least=29.5
        )
        engine.close()


def rate(writes: Sequence[tuple[float, bool]]) -> float:
    """Return how many pictures were shown per second, in the times that count."""
    gaps = [later - earlier for (earlier, _), (later, counts) in pairwise(writes) if counts]
    return len(gaps) / sum(gaps)


def learned_figures(size: tuple[int, int], *, drawn: bool) -> Iterator[Figure]:
    """Teach the lesson's bursts, and give what the two heads name and where their heat is, on frames of other times.

    Each burst has as many successive frames as the lesson asks for, which is as alike as a person's frames can be.
    """
    engine = load(Settings(source="demo"), size, lambda _: None, NOTHING_TAUGHT)
    extractor = FeatureExtractor(engine, engine.models[0].input_size)
    with LessonDemo(size=size, props=drawn_props() if drawn else find_props()) as demo:
        demo.close()  # no camera is needed
        yield from figures_of_bursts(extractor, demo)
    engine.close()


def figures_of_bursts(extractor: FeatureExtractor, demo: LessonDemo) -> Iterator[Figure]:
    """Give the figures of the heads that are taught with the scenes of a demo."""
    names = demo.props.thing_names
    examples = Examples()
    heads: list[TaughtHead] = []
    for start, scene in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        seen = []
        for number in range(PICTURES):
            pixels = demo.look_at(start * APART + number, scene)[0]
            seen.append(extractor.seen(pixels[middle(pixels)]))
        burst = burst_of(extractor, np.stack(seen), time.time())
        examples = examples.with_burst(names[scene[0]], burst)
        if start in (1, 3):
            heads.append(lesson_from(examples).head)
    first, last = heads
    scenes: dict[Scene, tuple[FeatureMaps, npt.NDArray[np.bool_]]] = {}
    for scene in ((0, 0), (0, 1), (1, 0), (1, 1)):
        seen, covered = tried_frames(extractor, demo, scene)
        maps = extractor.maps(seen)
        grid = maps.shape[2:0:-1]
        areas = [cv2.resize(each, grid, interpolation=cv2.INTER_AREA) for each in covered]
        scenes[scene] = (maps, np.stack(areas) > 0.05)
    swapped = [named(first, scenes[scene][0], names) == scene[1] for scene in ((0, 1), (1, 0))]
    yield Figure(
        "after the swap: named by the background, share of frames", float(np.mean(swapped)), least=0.9
    )
    right = [named(last, maps, names) == scene[0] for scene, (maps, _) in scenes.items()]
    yield Figure("taught on both: named by the thing, share of frames", float(np.mean(right)), least=0.95)
    before, after = (
        float(np.mean([heat_on(head, maps, covered) for maps, covered in scenes.values()]))
        for head in (first, last)
    )
    yield Figure("heat on the thing, before: share", before)
    yield Figure("heat on the thing, taught on both: share", after)
    yield Figure("heat on the thing, after ÷ before", after / before, least=3)


def tried_frames(
    extractor: FeatureExtractor, demo: LessonDemo, scene: Scene
) -> tuple[list[Pixels], list[npt.NDArray[np.float32]]]:
    """Return frames of a scene as the network sees them, and where the thing is."""
    seen, covered = [], []
    for number in range(TRIED):
        pixels, opacity = demo.look_at(20_000 + number * EVERY, scene)
        rows = middle(pixels)
        seen.append(extractor.seen(pixels[rows]))
        covered.append(opacity[rows])
    return seen, covered


def middle(pixels: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns of the square in the middle, which the network sees."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return slice(top, top + side), slice(left, left + side)


def named(head: TaughtHead, maps: FeatureMaps, names: tuple[str, str]) -> npt.NDArray[np.intp]:
    """Return the class of each picture, 0 or 1 as its thing."""
    numbers = np.array([names.index(label) for label in head.labels])
    return np.asarray(numbers[head.logits(pooled(maps)).argmax(axis=1)])


def heat_on(head: TaughtHead, maps: FeatureMaps, covered: npt.NDArray[np.bool_]) -> float:
    """Return the mean share of the named class's heat that lies on the thing."""
    best = head.logits(pooled(maps)).argmax(axis=1)
    heat = np.maximum(np.take_along_axis(head.maps(maps), best[:, None, None, None], axis=3)[..., 0], 0)
    sums = heat.sum(axis=(1, 2))
    shares = (heat * covered).sum(axis=(1, 2))[sums > 0] / sums[sums > 0]
    return float(shares.mean())


def things_figures() -> Iterator[Figure]:
    """Teach the demo's clock, cat and cup from one pass of its camera, and try later passes."""
    engine = load(Settings(source="demo"), SIZE, lambda _: None, NOTHING_TAUGHT)
    extractor = FeatureExtractor(engine, engine.models[0].input_size)
    with DemoSource(live=False, size=SIZE) as demo:
        stops = [thing.stop for thing in demo._desk.things]
        examples = Examples()
        taught = list(things_seen(demo, every=4))
        for name in CLASSES.values():
            seen = [extractor.seen(pixels[middle(pixels)]) for each, pixels, _ in taught if each == name]
            examples = examples.with_burst(name, burst_of(extractor, np.stack(seen), time.time()))
        lesson = lesson_from(examples)
        results: list[tuple[bool, bool, bool]] = []
        for zoom, x, y in ((0.85, 25, -15), (1.12, -20, 20), (0.93, -30, -20), (1.05, 15, 25)):
            demo._path = CameraPath([Stop(each.x + x, each.y + y, each.zoom * zoom) for each in stops])
            results += [
                tried(extractor, lesson, name, pixels, demo_box)
                for name, pixels, demo_box in things_seen(demo, every=10)
            ]
    engine.close()
    right, peak, refused = np.array(results, np.float64).mean(axis=0)
    yield Figure(f"clock, cat, cup on later passes ({len(results)} frames): right", right, least=0.95)
    yield Figure("clock, cat, cup: peak of the heat in the true box", peak, least=0.9)
    yield Figure("clock, cat, cup: refused as none of these", refused, most=0.05)


def things_seen(demo: DemoSource, *, every: int) -> Iterator[tuple[str, Pixels, tuple[int, int, int, int]]]:
    """Give the frames of a pass in which one thing lies wholly in the middle: name, pixels, box."""
    side = min(SIZE)
    square = ((SIZE[0] - side) // 2, (SIZE[1] - side) // 2, side, side)
    for index in range(0, demo.length, every):
        inside = [truth for truth in demo.truth(index) if truth.is_within(square)]
        if len(inside) == 1 and (name := CLASSES.get(inside[0].labels[0])):
            yield name, demo.frame_at(index).pixels, inside[0].box


def tried(
    extractor: FeatureExtractor, lesson: Lesson, name: str, pixels: Pixels, box: tuple[int, int, int, int]
) -> tuple[bool, bool, bool]:
    """Return whether a frame is named right, whether its heat's peak is in the box, and whether it is refused."""
    rows, columns = middle(pixels)
    maps = extractor.maps([extractor.seen(pixels[rows, columns])])
    best = int(lesson.head.logits(pooled(maps)).argmax())
    heat = lesson.head.maps(maps)[0, ..., best]
    down, across = np.unravel_index(int(heat.argmax()), heat.shape)
    side = rows.stop - rows.start
    y = rows.start + (down + 0.5) / heat.shape[0] * side
    x = columns.start + (across + 0.5) / heat.shape[1] * side
    left, top, width, height = box
    inside = left <= x < left + width and top <= y < top + height
    refused = lesson.refusal is not None and bool(lesson.refusal.refuses(pooled(maps))[0])
    return lesson.head.labels[best] == name, inside, refused


def cost_figures() -> Iterator[Figure]:
    """Give what an explained frame costs with a taught head, beside the default model, in one process by turns."""
    settings = Settings(source="demo")
    own = load(settings, SIZE, lambda _: None)
    taught = load(settings, SIZE, lambda _: None, NOTHING_TAUGHT)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    question = question_of(Choice(look=Appearance()), menu_of(own, settings))
    features = FeatureExtractor(taught, taught.models[0].input_size).maps([pixels[:224, :224]]).shape[-1]
    labels = tuple(f"class {number}" for number in (1, 2, 3))
    kernel = random.normal(0, 0.05, (features, len(labels))).astype(np.float32)
    headed = replace(question, head=TaughtHead(labels, kernel, np.zeros(len(labels), np.float32)))
    pairs: tuple[tuple[Engine, Question], ...] = ((own, question), (taught, headed))
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 10):
        for (engine, asked), spent in zip(pairs, times, strict=True):
            began = time.perf_counter()
            engine.answer(pixels, asked)
            if number >= 10:
                spent.append(time.perf_counter() - began)
    default, with_head = (statistics.median(each) * 1000 for each in times)
    yield Figure(
        f"explained frame, taught head ÷ default model ({default:.1f} ms)", with_head / default, most=1.05
    )
    own.close()
    taught.close()


if __name__ == "__main__":
    main()
