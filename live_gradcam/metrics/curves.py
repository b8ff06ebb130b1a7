"""Deletion and insertion: how a class's probability changes while a picture is changed along a map.

Petsiuk et al. 2018, "RISE", arXiv:1806.07421, and the authors' `evaluation.py` for what the text leaves open. The
pixels are ordered by their heat, the hottest first. In step k of K the first k/K of them are changed:

- deletion: from the picture to a baseline. p_c falls fast if the map is right, so a *lower* area is better.
- insertion: from a baseline to the picture. p_c rises fast if the map is right, so a *higher* area is better.

The value is the area under p_c over the changed fraction by the trapezoidal rule, in [0, 1].

RISE changes 224 pixels a step; here the number of steps is free. RISE deletes to the mean colour of the training set,
which a network's preprocessing turns into 0: a grey close to 127. RISE inserts into a picture blurred by a Gaussian
(standard deviation 5, cut off at 11 pixels of 224), in which much can still be recognised. `grey` and `light-blur` are
these two baselines; others can be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import HeatMap
from live_gradcam.faithfulness import Baseline
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import ScoreOf, Scores, baseline_picture, hottest_first

Way = Literal["deletion", "insertion"]

STEPS = 20
"""How many steps a curve has: twenty-one pictures, of which the first and the last do not depend on the map."""

BASELINES: dict[Way, Baseline] = {"deletion": "grey", "insertion": "light-blur"}
"""The usual baseline of each curve."""

Order = npt.NDArray[np.intp]
"""(H·W,) flat indices of all pixels, each once."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeCurve:
    """The scores of one class while a picture is changed step by step."""

    fractions: npt.NDArray[np.float64]
    """(K + 1,): the share of the pixels that is changed, from 0 to 1."""

    scores: Scores
    """(K + 1,): the score of the class at each of them."""

    @property
    def area(self) -> float:
        """The area under the scores over the fractions, by the trapezoidal rule."""
        widths = np.diff(self.fractions)
        return float(np.sum(widths * (self.scores[1:] + self.scores[:-1]) / 2))


def changed_counts(pixels: int, steps: int) -> npt.NDArray[np.int64]:
    """Return how many pixels are changed at each of the steps + 1 points of a curve, from 0 to all."""
    return np.rint(np.linspace(0, pixels, steps + 1)).astype(np.int64)


def pictures_along(begin: Pixels, end: Pixels, order: Order, steps: int) -> Iterator[Pixels]:
    """Yield the pictures of a curve: `begin`, then with more and more pixels of `end`, then `end`.

    Args:
        begin: (H, W, 3) uint8 BGR.
        end: of the same shape.
        order: the pixels in the order in which they change.
        steps: the number of steps; one picture more is yielded. Each is a new array.
    """
    counts = changed_counts(order.size, steps)
    picture = begin.copy()
    source, target = end.reshape(-1, 3), picture.reshape(-1, 3)
    yield picture.copy()
    for first, last in pairwise(counts):
        chosen = order[first:last]
        target[chosen] = source[chosen]
        yield picture.copy()


def changed_pictures(
    way: Way, picture: Pixels, heat: HeatMap, *, steps: int = STEPS, baseline: Baseline | None = None
) -> Iterator[Pixels]:
    """Yield the steps + 1 pictures of a deletion or insertion curve; the arguments are those of `curve`."""
    other = baseline_picture(picture, baseline or BASELINES[way])
    begin, end = (picture, other) if way == "deletion" else (other, picture)
    return pictures_along(begin, end, hottest_first(heat), steps)


def scored_curve(scores: Sequence[float] | Scores, pixels: int) -> ChangeCurve:
    """Return the curve of the scores of all its pictures.

    Args:
        scores: (K + 1,): the score of the class for each picture, in order.
        pixels: how many pixels a picture has.
    """
    fractions = changed_counts(pixels, len(scores) - 1) / pixels
    return ChangeCurve(fractions, np.asarray(scores, np.float64))


def curve(
    way: Way,
    picture: Pixels,
    heat: HeatMap,
    score_of: ScoreOf,
    *,
    steps: int = STEPS,
    baseline: Baseline | None = None,
) -> ChangeCurve:
    """Return the deletion or the insertion curve of a map.

    Args:
        way: which curve.
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32; only the order of its values counts. Of pixels with the same heat, those further up and
            to the left change first.
        score_of: returns the probability of the explained class for each picture.
        steps: how many steps.
        baseline: the picture to delete to, or to insert into; None: that of `BASELINES`.
    """
    pictures = list(changed_pictures(way, picture, heat, steps=steps, baseline=baseline))
    return scored_curve(score_of(pictures), heat.size)


def deletion(
    picture: Pixels,
    heat: HeatMap,
    score_of: ScoreOf,
    *,
    steps: int = STEPS,
    baseline: Baseline | None = None,
) -> float:
    """Return the area under the deletion curve, in [0, 1]; lower is better. The arguments are those of `curve`."""
    return curve("deletion", picture, heat, score_of, steps=steps, baseline=baseline).area


def insertion(
    picture: Pixels,
    heat: HeatMap,
    score_of: ScoreOf,
    *,
    steps: int = STEPS,
    baseline: Baseline | None = None,
) -> float:
    """Return the area under the insertion curve, in [0, 1]; higher is better. The arguments are those of `curve`."""
    return curve("insertion", picture, heat, score_of, steps=steps, baseline=baseline).area
