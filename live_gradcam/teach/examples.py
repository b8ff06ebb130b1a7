"""The examples that a viewer shows: bursts of pictures for named classes, as features.

No feature maps are kept: 200 examples take 4 MB, where their maps would take 50 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.name_suggestions import unknown_name
from live_gradcam.taught_head import MOST_CLASSES, check_names
from live_gradcam.teach.feature_extractor import (
    COPIES,
    FeatureExtractor,
    FeatureMaps,
    Pictures,
    altered_copies,
    pooled,
)
from live_gradcam.teach.fitting import Numbers, Rows
from live_gradcam.teach.thing_places import PlacesFrom, ThingPlaces, find_thing_places

MOST_EXAMPLES = 200
"""Examples that a class keeps, at most."""

MOST_IN_BURST = 60
"""Pictures that are taken of a burst, at most, evenly over its time: those of one burst are alike."""

MOST_SAMPLES = 4
"""Pictures of a burst that are kept: for thumbnails, and to see where the heat of a later head lies."""

PARTS = ("thing", "left", "right", "above", "below")
"""The parts of a picture: the thing with what it reaches, and the sides of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """The examples of one moment."""

    features: npt.NDArray[np.float32]
    """(N, COPIES, F) float32: the features of each example and of its altered copies; the first is the example."""

    parts: npt.NDArray[np.float32]
    """(5, F) float32: the mean features of all frames, divided into what each of `PARTS` adds; they sum to the mean."""

    reached: float
    """Mean share of the places that count as the thing's, in (0, 1]."""

    frames: int
    """How many frames `parts` are the mean of; `features` may be thinned out."""

    found_by: PlacesFrom
    """How the thing's places were found."""

    samples: Pictures
    """(1 to 4, H, W, 3) uint8 BGR: some of the pictures."""

    covered: npt.NDArray[np.bool_]
    """(1 to 4, h, w) bool: the thing's places in these pictures."""

    shown_at: float
    """When it was shown, in seconds since 1970 (`time.time()`)."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """The examples of all classes, as `fitting` takes them."""

    labels: tuple[str, ...]
    """The names of the classes, in the order in which they were first shown."""

    rows: Rows
    """(N, F) float32: examples and altered copies."""

    classes: Numbers
    """(N,) intp: the class of each row, an index of `labels`."""

    bursts: Numbers
    """(N,) intp: the burst of each row."""

    originals: npt.NDArray[np.bool_]
    """(N,) bool: whether a row is an example itself, and no copy."""


def burst_of(
    extractor: FeatureExtractor, pictures: Pictures, shown_at: float, *, maps: FeatureMaps | None = None
) -> Burst:
    """Return the burst of some pictures.

    Args:
        extractor: computes the features of the altered copies, and of the pictures if they are not given.
        pictures: (N, H, W, 3) uint8 BGR in order, at the size of the network's input. Of more than 60, 60 are taken
            evenly.
        shown_at: when they were shown, in seconds since 1970.
        maps: (N, h, w, F) float32: their feature maps, if they are known.

    Raises:
        ModelError: there are no pictures, or they have another size.
    """
    taken = evenly(len(pictures), MOST_IN_BURST)
    pictures = pictures[taken]
    maps = extractor.maps(pictures) if maps is None else maps[taken]
    count = len(pictures)
    places = find_thing_places(pictures, (maps.shape[1], maps.shape[2]))
    copies = pooled(extractor.maps(altered_copies(pictures))).reshape(COPIES - 1, count, -1)
    features = np.concatenate([pooled(maps)[None], copies]).transpose(1, 0, 2)
    samples = evenly(count, MOST_SAMPLES)
    return Burst(
        features=np.ascontiguousarray(features),
        parts=divided(maps, places),
        reached=float(places.reached.mean()),
        frames=count,
        found_by=places.found_by,
        samples=pictures[samples].copy(),
        covered=places.covered[samples],
        shown_at=shown_at,
    )


def divided(maps: FeatureMaps, places: ThingPlaces) -> npt.NDArray[np.float32]:
    """Return the mean features of pictures, divided into what the thing and the sides of it add.

    A feature is the mean of a feature map over its places, so that it is the sum of what any division of the places
    adds. A place outside the thing's belongs to the side in whose direction it lies from the thing's centre; one on a
    diagonal belongs to both sides by half.

    Args:
        maps: (N, h, w, F) float32.
        places: the thing's places in each picture.

    Returns:
        (5, F) float32, in the order of `PARTS`; they sum to the mean of the features.
    """
    count, rows, columns, _ = maps.shape
    x = ((np.arange(columns) + 0.5) / columns)[None, None, :]
    y = ((np.arange(rows) + 0.5) / rows)[None, :, None]
    thing = places.reached.astype(np.float32)
    area = thing.sum(axis=(1, 2), keepdims=True)
    # In a frame without the thing, the sides are those of the middle.
    to_x, to_y = (
        along - np.where(area > 0, (thing * along).sum(axis=(1, 2), keepdims=True) / np.maximum(area, 1), 0.5)
        for along in (x, y)
    )
    aside = np.abs(to_x) - np.abs(to_y)
    across = np.where(np.abs(aside) < 1e-6, 0.5, aside > 0) * (1 - thing)
    down = 1 - thing - across
    weights = np.stack(
        [thing, across * (to_x < 0), across * (to_x >= 0), down * (to_y < 0), down * (to_y >= 0)], axis=1
    ).astype(np.float32)
    sums = np.einsum("npyx,nyxf->pf", weights, maps, optimize=True)
    return np.asarray(sums / (count * rows * columns), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """All bursts that were shown, in order. A change returns new examples, so that a fit may go on with the old."""

    bursts: tuple[tuple[str, Burst], ...] = ()
    """(name of the class, burst) in the order in which they were shown."""

    most_examples: int = field(default=MOST_EXAMPLES, kw_only=True)
    """Examples that a class keeps, at most."""

    most_classes: int = field(default=MOST_CLASSES, kw_only=True)
    """Classes, at most."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, in the order in which they were first shown."""
        return tuple(dict.fromkeys(name for name, _ in self.bursts))

    def bursts_of(self, name: str) -> tuple[Burst, ...]:
        """Return the bursts of a class, in order; none for a name that is not among the classes."""
        return tuple(burst for each, burst in self.bursts if each == name)

    def count(self, name: str) -> int:
        """Return how many examples a class has, its copies not counted."""
        return sum(len(burst.features) for burst in self.bursts_of(name))

    def with_burst(self, name: str, burst: Burst) -> Examples:
        """Return the examples with one more burst.

        A class that has more than 200 then is thinned out evenly over its bursts: the longest ones give first, each
        evenly over its time. So an early burst keeps its weight, which may be the only one with another background.

        Raises:
            ModelError: the name is empty or no single line, there are nine other classes already, or the burst is of
                another network.
        """
        labels = self.labels
        check_names((name,))
        if name not in labels and len(labels) >= self.most_classes:
            raise ModelError(
                f"'{name}' would be class {len(labels) + 1}, and {self.most_classes} are the most: remove one first."
            )
        if self.bursts and self.bursts[0][1].features.shape[1:] != burst.features.shape[1:]:
            raise ModelError("these examples belong to another network. Begin again.")
        return replace(self, bursts=_thinned((*self.bursts, (name, burst)), name, self.most_examples))

    def without_last_burst(self) -> Examples:
        """Return the examples without the burst that was shown last; a class without bursts is gone.

        Raises:
            ModelError: there is none.
        """
        if not self.bursts:
            raise ModelError("there is no burst to take back: nothing was taught yet.")
        return replace(self, bursts=self.bursts[:-1])

    def without_class(self, name: str) -> Examples:
        """Return the examples without a class.

        Raises:
            ModelError: there is no such class.
        """
        self._check_known(name)
        return replace(self, bursts=tuple(each for each in self.bursts if each[0] != name))

    def renamed(self, name: str, new: str) -> Examples:
        """Return the examples with another name for a class, which keeps its place.

        Raises:
            ModelError: there is no such class, or another one has the new name.
        """
        self._check_known(name)
        check_names([new if each == name else each for each in self.labels])
        return replace(
            self, bursts=tuple((new if each == name else each, burst) for each, burst in self.bursts)
        )

    def rows(self) -> TrainingRows:
        """Return what a head is fitted to.

        Raises:
            ModelError: there are no examples.
        """
        if not self.bursts:
            raise ModelError("there are no examples: teach at least two classes.")
        labels = self.labels
        counts = [burst.features.shape[0] * burst.features.shape[1] for _, burst in self.bursts]
        classes = [labels.index(name) for name, _ in self.bursts]
        rows = np.concatenate(
            [burst.features.reshape(-1, burst.features.shape[-1]) for _, burst in self.bursts]
        )
        return TrainingRows(
            labels=labels,
            rows=rows,
            classes=np.repeat(np.array(classes, np.intp), counts),
            bursts=np.repeat(np.arange(len(counts), dtype=np.intp), counts),
            originals=np.arange(len(rows)) % self.bursts[0][1].features.shape[1] == 0,
        )

    def _check_known(self, name: str) -> None:
        if name not in self.labels:
            raise ModelError(unknown_name("class", name, self.labels, ""))


def evenly(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most so many of `count` numbers from 0 on, evenly spread, with the first and the last."""
    if count <= most:
        return np.arange(count)
    return np.round(np.linspace(0, count - 1, most)).astype(np.intp)


def quotas(counts: Sequence[int], most: int) -> list[int]:
    """Return how many of each burst's examples are kept, at most `most` in all: the longest bursts give first."""
    found = list(counts)
    level = max(found, default=0)
    while sum(found) > most:
        level -= 1
        excess = sum(found) - most
        for place, number in enumerate(found):
            if number > level and excess > 0:
                found[place] = level
                excess -= number - level
    return found


def _thinned(bursts: tuple[tuple[str, Burst], ...], name: str, most: int) -> tuple[tuple[str, Burst], ...]:
    """Return the bursts, with at most so many examples of one class."""
    counts = [len(burst.features) for each, burst in bursts if each == name]
    if sum(counts) <= most:
        return bursts
    left = iter(quotas(counts, most))
    found = []
    for each, burst in bursts:
        kept = next(left) if each == name else len(burst.features)
        if kept and kept < len(burst.features):
            burst = replace(burst, features=burst.features[evenly(len(burst.features), kept)].copy())
        if kept:
            found.append((each, burst))
    return tuple(found)
