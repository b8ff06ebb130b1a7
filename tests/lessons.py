"""The planted shortcut: two like things, each taught in front of a background of its own, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explain.engine import Engine
from live_gradcam.models.model import Model
from live_gradcam.sources.demo.lesson_scene import BACKGROUNDS, FAMILIES, Cutout, LessonScene, photograph
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.examples import Burst, Examples, burst_of
from live_gradcam.teach.feature_extractor import FeatureExtractor, FeatureMaps, Pictures, pooled
from live_gradcam.teach.fitting import fit_head
from live_gradcam.teach.learned import ClassDifference, class_differences

FRAMES = 40


def extractor_for(model: Model) -> FeatureExtractor:
    return FeatureExtractor(Engine([model]), model.input_size)


TAUGHT, TRIED = 0, 1
"""Takes of a scene: in each the thing has another path."""


@dataclass(frozen=True)
class Lesson:
    """Two things of one family and two backgrounds."""

    things: tuple[Cutout, Cutout]
    backgrounds: tuple[str, str]
    seed: int

    def take(self, thing: int, background: int, take: int) -> tuple[Pictures, npt.NDArray[np.float32]]:
        """Return the frames of a burst (N, 224, 224, 3), and where the thing is (N, 224, 224)."""
        scene = LessonScene(self.things[thing], photograph(self.backgrounds[background]), (224, 224))
        seed = 1000 * self.seed + 100 * thing + 10 * background + take
        frames, places = zip(*scene.burst(FRAMES, seed=seed), strict=True)
        return np.stack(frames), np.stack(places)


def lesson(seed: int) -> Lesson:
    random = np.random.default_rng(seed)
    family = FAMILIES[seed % len(FAMILIES)]
    first, second = (family[number] for number in random.choice(len(family), 2, replace=False))
    left, right = (BACKGROUNDS[number] for number in random.choice(len(BACKGROUNDS), 2, replace=False))
    return Lesson((first, second), (left, right), seed)


def examples_of(bursts: list[tuple[int, Burst]]) -> Examples:
    examples = Examples()
    for thing, burst in bursts:
        examples = examples.with_burst(("first", "second")[thing], burst)
    return examples


def taught(examples: Examples) -> TaughtHead:
    rows = examples.rows()
    return fit_head(rows.labels, rows.rows, rows.classes)


def heat_on_thing(maps: FeatureMaps, places: npt.NDArray[np.float32], head: TaughtHead, number: int) -> float:
    """The mean share of a class's heat, enlarged to the frame, that lies on the pixels of the thing."""
    heat = np.maximum(head.maps(maps)[..., number], 0)
    size = places.shape[1:]
    large = np.stack([cv2.resize(each, size[::-1], interpolation=cv2.INTER_LINEAR) for each in heat])
    on_thing = (large * (places > 0.5)).sum(axis=(1, 2))
    return float((on_thing / np.maximum(large.sum(axis=(1, 2)), 1e-12)).mean())


@dataclass(frozen=True)
class Figures:
    """What a lesson gave."""

    name: str
    follows: float
    """With the shortcut, after the swap: the share of the frames whose label is that of the background."""
    right: float
    """Taught on both backgrounds: the share of new frames that are right."""
    heat_before: float
    """With the shortcut: the share of the heat on the thing, in new frames like those that were taught."""
    heat_after: float
    """Taught on both backgrounds: the same, in new frames on both."""
    shortcut: ClassDifference
    same: ClassDifference
    """Taught on the first background only."""
    both: ClassDifference


def figures(extractor: FeatureExtractor, seed: int) -> Figures:
    drawn = lesson(seed)
    every = [(thing, background) for thing in (0, 1) for background in (0, 1)]
    bursts = {each: burst_of(extractor, drawn.take(*each, TAUGHT)[0], 0.0) for each in every}
    tried = {
        each: (extractor.maps(pictures), places)
        for each in every
        for pictures, places in [drawn.take(*each, TRIED)]
    }

    def taught_on(*scenes: tuple[int, int]) -> tuple[TaughtHead, ClassDifference]:
        examples = examples_of([(scene[0], bursts[scene]) for scene in scenes])
        head = taught(examples)
        return head, class_differences(head, examples)[0]

    def right(head: TaughtHead, *scenes: tuple[int, int]) -> float:
        found = [head.logits(pooled(tried[scene][0])).argmax(axis=1) == scene[0] for scene in scenes]
        return float(np.mean(found))

    def heat(head: TaughtHead, *scenes: tuple[int, int]) -> float:
        return float(np.mean([heat_on_thing(*tried[scene], head, scene[0]) for scene in scenes]))

    shortcut, with_shortcut = taught_on((0, 0), (1, 1))
    _, on_the_same = taught_on((0, 0), (1, 0))
    both, on_both = taught_on(*every)
    names = [thing.name for thing in drawn.things]
    return Figures(
        name=f"{names[0]} on {drawn.backgrounds[0]}, {names[1]} on {drawn.backgrounds[1]}",
        follows=1 - right(shortcut, (0, 1), (1, 0)),
        right=right(both, *every),
        heat_before=heat(shortcut, (0, 0), (1, 1)),
        heat_after=heat(both, *every),
        shortcut=with_shortcut,
        same=on_the_same,
        both=on_both,
    )
