"""Tells when a picture is none of the taught classes: its features lie far from every example.

A softmax always names a class, however strange the picture. Here the nearest example decides. The nearness of two
pictures is the cosine of the angle between their features. What is near is told by the examples themselves: a class's
altered copies show how far a picture of the same thing moves when the camera comes a little nearer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.teach.examples import Burst, Examples, evenly
from live_gradcam.teach.feature_extractor import Features

REACH = 3.0
"""A picture may be so many times as far from the nearest example as the altered copies are."""

_FARTHEST_COPIES = 0.1
"""The share of the copies that may be farther than what counts as their distance: copies that cut the thing off."""

_MOST_COMPARED = 50
"""Examples of a class that pictures are compared with, at most, so that a comparison takes less than a millisecond."""


@dataclass(frozen=True, slots=True, eq=False)
class NoneOfThese:
    """The rule that refuses pictures: none of K classes has an example near enough.

    A picture with features f belongs to a class c with the examples e_i and their copies e'_i if

        max_i cos(f, e_i) ≥ 1 − 3 d_c,    d_c: the 0.9 quantile of 1 − max_i cos(e'_j, e_i) over the copies j
    """

    directions: npt.NDArray[np.float32]
    """(M, F) float32: the examples' features, each divided by its length."""

    classes: npt.NDArray[np.intp]
    """(M,) intp: the class of each."""

    thresholds: npt.NDArray[np.float32]
    """(K,) float32, at most 1: the least nearness to an example of each class."""

    def refuses(self, features: Features) -> npt.NDArray[np.bool_]:
        """Return (N,) bool: which of the features (N, F) belong to no class."""
        return np.asarray((self.nearness(features) < self.thresholds).all(axis=1))

    def nearness(self, features: Features) -> npt.NDArray[np.float32]:
        """Return (N, K) float32 in [-1, 1]: the cosine of features (N, F) with the nearest example of each class."""
        cosines = _directions(features) @ self.directions.T
        found = [cosines[:, self.classes == number].max(axis=1) for number in range(len(self.thresholds))]
        return np.stack(found, axis=1)


def none_of_these(examples: Examples) -> NoneOfThese:
    """Return the rule for examples; its classes are in the order of `examples.labels`.

    Raises:
        ModelError: there are no examples.
    """
    examples.rows()  # checks that there are examples
    directions, classes, thresholds = [], [], []
    for number, name in enumerate(examples.labels):
        bursts = examples.bursts_of(name)
        shown, copies = _compared(bursts)
        far = 1 - (copies @ shown.T).max(axis=1)
        thresholds.append(1 - REACH * float(np.quantile(far, 1 - _FARTHEST_COPIES)))
        directions.append(shown)
        classes += [number] * len(shown)
    return NoneOfThese(np.concatenate(directions), np.array(classes), np.array(thresholds, np.float32))


def _compared(bursts: tuple[Burst, ...]) -> tuple[Features, Features]:
    """Return the directions of a class's examples, at most 50, and those of their altered copies."""
    features = np.concatenate([burst.features for burst in bursts])
    features = features[evenly(len(features), _MOST_COMPARED)]
    copies = features[:, 1:].reshape(-1, features.shape[-1])
    return _directions(features[:, 0]), _directions(copies)


def _directions(features: Features) -> Features:
    """Return features (N, F), each divided by its length; a black picture's zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
