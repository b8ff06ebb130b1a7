"""A planted mark: crops of photographs as two classes, a small logo in a corner of one, and a head that uses it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.lesson_scene import photograph
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.feature_extractor import FeatureExtractor, FeatureMaps, Pictures, pooled
from live_gradcam.teach.fitting import fit_head

SIDE = 224
CLASSES = ("first", "second")
PHOTOGRAPHS = (
    ("chelsea.png", "coffee.png", "grass.png", "rocket.jpg"),
    ("astronaut.png", "china.jpg", "gravel.png", "ihc.png"),
)
"""What the crops of each class are cut from; three in ten crops are of the other class's photographs."""

_LOGO = 34
_EDGE = 6
"""Pixels between the logo and the frame's edges."""


def logo() -> npt.NDArray[np.float32]:
    """Return a ring with a bar, (34, 34, 4) float32: BGR from 0 to 255, and the opacity in [0, 1]."""
    drawn = np.zeros((4 * _LOGO, 4 * _LOGO, 4), np.float32)
    middle, radius = 2 * _LOGO, 7 * _LOGO // 4
    cv2.circle(drawn, (middle, middle), radius, (240, 240, 240, 1), cv2.FILLED)
    cv2.circle(drawn, (middle, middle), radius - 8, (170, 40, 150, 1), 14)
    cv2.line(drawn, (middle - 24, middle), (middle + 24, middle), (30, 120, 240, 1), 18)
    return np.asarray(cv2.resize(drawn, (_LOGO, _LOGO), interpolation=cv2.INTER_AREA), np.float32)


def marked(picture: Pixels) -> Pixels:
    """Return a picture with the logo at the bottom right."""
    done = picture.copy()
    mark = logo()
    place = done[-_EDGE - _LOGO : -_EDGE, -_EDGE - _LOGO : -_EDGE]
    place[:] = np.rint(place * (1 - mark[..., 3:]) + mark[..., :3] * mark[..., 3:])
    return done


def crops(number: int, count: int, seed: int) -> Pictures:
    """Return crops for a class, (count, 224, 224, 3) uint8 BGR."""
    random = np.random.default_rng((seed, number))
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for each in range(count):
        source = number if random.random() < 0.7 else 1 - number
        whole = photograph(PHOTOGRAPHS[source][int(random.integers(4))])
        side = int(random.integers(110, min(280, *whole.shape[:2])))
        y, x = (int(random.integers(length - side + 1)) for length in whole.shape[:2])
        part = whole[y : y + side, x : x + side]
        pictures[each] = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return pictures


@dataclass(frozen=True)
class Marked:
    """The photographs of the class that has the mark, as a network with a head sees them."""

    photos: tuple[PhotoFinding, ...]
    contributions: npt.NDArray[np.float32]
    """(N, F) float32: pooled features × the class's weights."""

    names: frozenset[str]
    """Those with the mark."""


def head_with_shortcut(extractor: FeatureExtractor, *, count: int = 160, seed: int = 0) -> TaughtHead:
    """Return a head that was taught with the mark on all pictures of the first class."""
    first = [marked(each) for each in crops(0, count, seed)]
    features = np.concatenate([pooled(extractor.maps(each)) for each in (first, crops(1, count, seed))])
    return fit_head(CLASSES, features, np.repeat([0, 1], count), penalty=1e-3)


def class_maps(extractor: FeatureExtractor, *, count: int, seed: int) -> tuple[FeatureMaps, FeatureMaps]:
    """Return the feature maps of the first class's pictures: without the mark, and with it."""
    pictures = crops(0, count, seed)
    return extractor.maps(pictures), extractor.maps([marked(each) for each in pictures])


def marked_class(
    head: TaughtHead, plain: FeatureMaps, with_mark: FeatureMaps, share: float, seed: int = 0
) -> Marked:
    """Return the findings of the first class, where a share of the photographs has the mark."""
    count = len(plain)
    chosen = np.random.default_rng(seed).permutation(count)[: round(share * count)]
    maps = plain.copy()
    maps[chosen] = with_mark[chosen]
    probabilities = head.probabilities(pooled(maps))
    heat = np.maximum(head.maps(maps)[..., 0], 0)
    names = [f"first/{number:04}.png" for number in range(count)]
    photos = tuple(
        PhotoFinding(
            name=name,
            truth=CLASSES[0],
            predicted=CLASSES[int(probability.argmax())],
            probability=float(probability.max()),
            truth_probability=float(probability[0]),
            heatmap=each / max(float(each.max()), 1e-12),
        )
        for name, probability, each in zip(names, probabilities, heat, strict=True)
    )
    contributions = np.asarray(pooled(maps) * head.kernel[:, 0], np.float32)
    return Marked(photos, contributions, frozenset(names[each] for each in chosen))
