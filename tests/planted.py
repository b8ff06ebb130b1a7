"""Photographs of two like things in front of two backgrounds, and models with and without a planted shortcut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from lessons import lesson
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from live_gradcam.frame import Pixels
from live_gradcam.models.model import Model
from live_gradcam.sources.demo.lesson_scene import LessonScene, ThingPosition, photograph
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.feature_extractor import FeatureExtractor, Features, pooled
from live_gradcam.teach.saved_model import save_taught_model

NAMES = ("first", "second")
AREAS = (0.04, 0.09, 0.14)
"""Shares of the frame that the things cover."""

CORRELATION = 0.95
TAUGHT, AUDITED, SWAPPED = 80, 24, 20
"""Photographs of each class."""

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the regularisation, the strongest first."""

_SCALES = np.geomspace(1, 1000, 61)
"""Factors of the logits that are tried."""

_NEAR_BEST = 0.02
"""Nats above the smallest loss within which the smallest factor is taken: of separable photographs none is best."""

_SWAY = 12.0
_LEARNED = 0.9


@dataclass(frozen=True)
class Planted:
    """A photograph."""

    pixels: Pixels
    mask: npt.NDArray[np.bool_]
    thing: int
    background: int


def photographs(seed: int, count: int, correlation: float, *, take: int) -> list[Planted]:
    """Return photographs of both classes, `count` of each; in this share of them each has its own background."""
    drawn = lesson(seed)
    random = np.random.default_rng(100 * seed + take)
    area = AREAS[seed % len(AREAS)]
    scenes = {
        (thing, background): LessonScene(
            drawn.things[thing], photograph(drawn.backgrounds[background]), (224, 224), area=area
        )
        for thing in (0, 1)
        for background in (0, 1)
    }
    found = []
    for thing in (0, 1):
        own = random.permutation(count) < round(correlation * count)
        for on_own in own:
            background = thing if on_own else 1 - thing
            scene = scenes[thing, background]
            across, down = scene.margins()
            position = ThingPosition(
                random.uniform(across, 1 - across), random.uniform(down, 1 - down), random.uniform(-0.3, 0.3)
            )
            pixels, opacity = scene.look(position, tuple(random.uniform(-_SWAY, _SWAY, 2)))
            noise = random.normal(0, 2.0, pixels.shape)
            pixels = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
            found.append(Planted(pixels, opacity > 0.5, thing, background))
    return found


def features_of(extractor: FeatureExtractor, photos: list[Planted]) -> Features:
    return pooled(extractor.maps(np.stack([each.pixels for each in photos])))


def classes_of(photos: list[Planted]) -> npt.NDArray[np.intp]:
    return np.array([each.thing for each in photos], np.intp)


def fitted(features: Features, classes: npt.NDArray[np.intp]) -> TaughtHead:
    """Return the simplest head that has learned its photographs.

    That is the one with the strongest regularisation that recognises nine of ten photographs which were left out. With
    a weaker one, the few photographs on the other background teach the thing as well: then nothing is planted. Strong
    regularisation makes all probabilities similar, so the logits are scaled afterwards, as the photographs that were
    left out have it (Guo et al. 2017, arXiv:1706.04599, "temperature scaling").
    """
    sign = np.where(classes == 1, 1.0, -1.0)
    for strength in _STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000)
        margins = sign * cross_val_predict(model, features, classes, cv=5, method="decision_function")
        if np.mean(margins > 0) >= _LEARNED:
            break
    losses = np.array([np.logaddexp(0, -scale * margins).mean() for scale in _SCALES])
    scale = _SCALES[np.flatnonzero(losses <= losses.min() + _NEAR_BEST)[0]]
    model.fit(features, classes)
    kernel = scale / 2 * np.concatenate([-model.coef_, model.coef_]).T
    bias = scale / 2 * np.concatenate([-model.intercept_, model.intercept_])
    return TaughtHead(NAMES, kernel.astype(np.float32), bias.astype(np.float32))


def accuracy(head: TaughtHead, features: Features, classes: npt.NDArray[np.intp]) -> float:
    return float(np.mean(head.logits(features).argmax(axis=1) == classes))


def write_photographs(photos: list[Planted], folder: Path) -> tuple[Path, Path]:
    """Write photographs into folders of their classes, and their masks; return both folders."""
    for number, each in enumerate(photos):
        name = f"{NAMES[each.thing]}/{number:03}.png"
        for kind, pixels in (("photos", each.pixels), ("masks", each.mask.astype(np.uint8) * 255)):
            path = folder / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    return folder / "photos", folder / "masks"


def write_model(model: Model, head: TaughtHead, path: Path) -> Path:
    save_taught_model(model, head, path)
    return path
