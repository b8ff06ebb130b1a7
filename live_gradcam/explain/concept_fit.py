"""A fit of concepts: factors of a layer's activations, and what is known about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from live_gradcam.errors import SettingsError
from live_gradcam.explain.array_types import Numbers
from live_gradcam.explain.factorization import (
    MOST_FACTORS,
    Matrix,
    factorize,
    inverses_of,
    loss,
    matched,
    unit_rows,
    weights_of,
)
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import ConceptMaps, Head, LayerActivation

_WORSE = 1.05
"""Factors that start from the former ones stay as long as the share that they leave unexplained is at most this many
times the smallest one since factors were last found anew."""


@dataclass(frozen=True, slots=True, eq=False)
class ConceptFit:
    """The concepts of some frames."""

    factors: Matrix
    """W, (k, C) float32: rows of length 1, none negative; a row of zeros has no use."""

    peaks: Numbers
    """(k,) float32: the maximum of each column of H in the fitted frames."""

    inverses: Matrix
    """`factorization.inverses_of(factors)`."""

    unexplained: float
    """‖A − H W‖² / ‖A‖² of the fitted frames, in [0, 1]; 0 if A is zero."""

    least: float
    """The smallest such share since the factors were last found anew."""

    predictions: tuple[Prediction | None, ...]
    """For each concept, the network's most probable class for a picture of nothing but the concept at its peak: the
    head is given the mean activation peak_k · W_k. None if the head is no pooling and dense layer, or the concept is
    zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Concepts:
    """The concepts of some pictures (`concepts`)."""

    layer: str
    """Path of the layer whose activations were factorized."""

    factors: Matrix
    """W, (k, C) float32: the channels of each concept, rows of length 1; a row of zeros has no use."""

    predictions: tuple[Prediction | None, ...]
    """For each concept, the network's most probable class for it alone, as in `ConceptFit`."""

    maps: tuple[ConceptMaps, ...]
    """For each picture, how strong each concept is at each place."""

    unexplained: float
    """‖A − H W‖² / ‖A‖², in [0, 1]; 0 if A is zero."""


class ActivatedExplainer(Protocol):
    """Gives activations: an `explainer.Explainer`."""

    def activations(self, images: Sequence[Pixels]) -> list[LayerActivation]:
        """Return the target layer's activation for each picture, (H, W, 3) uint8 BGR; none under the fit `scan`."""


def concepts(explainer: ActivatedExplainer, images: Sequence[Pixels], count: int = 4) -> Concepts:
    """Divide what a layer sees in some pictures into concepts: Deep Feature Factorization.

    The ReLU of the activations of all pictures is factorized together, A (n·h·w, C) ≈ H W with H, W ≥ 0 (Collins,
    Achanta and Süsstrunk, ECCV 2018, arXiv 1806.10206). The concept with the largest sum of weights comes first.

    Args:
        explainer: its layer is factorized; its method and target have no effect.
        images: at least one, (H, W, 3) uint8 BGR each.
        count: number of concepts, from 1 to 6.

    Raises:
        SettingsError: there is no picture, the count is not valid, or the explainer's fit is `scan`.
        LiveGradcamError: an image is no picture, or the network fails.
    """
    if not 1 <= count <= MOST_FACTORS:
        raise SettingsError(f"{count} concepts cannot be found: it must be between 1 and {MOST_FACTORS}.")
    if not len(images):
        raise SettingsError("there is no picture to find concepts in: give at least 1.")
    activations = explainer.activations(images)
    if not activations:
        raise SettingsError(
            "the fit 'scan' sees a picture in parts: concepts need another fit, such as 'crop'."
        )
    first = activations[0]
    fit = fitted(np.concatenate([places_of(each) for each in activations]), count, first.head)
    maps = tuple(maps_of(each, fit) for each in activations)
    return Concepts(first.layer, fit.factors, fit.predictions, maps, fit.unexplained)


def places_of(activation: LayerActivation) -> Matrix:
    """Return the ReLU of an activation as a matrix, (h·w, C) float32."""
    values = activation.values
    return np.maximum(values.reshape(-1, values.shape[2]), np.float32(0))


def fitted(
    rows: Matrix,
    count: int,
    head: Head | None = None,
    before: ConceptFit | None = None,
    *,
    pause: Callable[[], object] = lambda: None,
) -> ConceptFit:
    """Return the concepts of some frames.

    Without a former fit, the concept with the largest sum of weights comes first. With one, the factors start from the
    former ones. If these no longer explain the frames as well, the factors are found anew, and each takes the place of
    the former one that it is most like.

    Args:
        rows: A, (places, C) float32, not negative.
        count: number of concepts, k.
        head: what the network makes of a mean activation; None: it is not known.
        before: the former fit, with the same count and channels.
        pause: is called before each update, as in `factorize`.
    """
    whole = float(np.vdot(rows, rows))
    least = None if before is None else before.least
    if before is not None and least is not None:
        h, w = factorize(rows, count, before.factors, pause=pause)
        if 2 * loss(rows, h, w) > _WORSE * least * whole:
            least = None
    if before is None or least is None:
        h, found = factorize(rows, count, pause=pause)
        if before is None:
            sums = h.sum(axis=0) * np.linalg.norm(found, axis=1)
            order: Sequence[int] = np.argsort(-sums, kind="stable").tolist()
        else:
            order = matched(found, before.factors)
        w = found[list(order)]
    factors = unit_rows(w)
    inverses = inverses_of(factors)
    weights = weights_of(rows, factors, inverses)
    peaks = weights.max(axis=0)
    share = 2 * loss(rows, weights, factors) / whole if whole > 0 else 0.0
    return ConceptFit(
        factors=factors,
        peaks=peaks,
        inverses=inverses,
        unexplained=share,
        least=share if least is None else min(share, least),
        predictions=tuple(
            head(peak * factor) if head is not None and peak > 0 else None
            for peak, factor in zip(peaks, factors, strict=True)
        ),
    )


def unexplained(places: Matrix, fit: ConceptFit) -> float:
    """Return ‖A − H W‖² / ‖A‖² of a frame, in [0, 1]; 0 if A is zero."""
    whole = float(np.vdot(places, places))
    rest = 2 * loss(places, weights_of(places, fit.factors, fit.inverses), fit.factors)
    return rest / whole if whole > 0 else 0.0


def maps_of(activation: LayerActivation, fit: ConceptFit) -> ConceptMaps:
    """Return how strong the concepts of a fit are at each place of a picture: H for a fixed W, over the peaks."""
    height, width = activation.values.shape[:2]
    weights = weights_of(places_of(activation), fit.factors, fit.inverses)
    strengths = np.divide(weights, fit.peaks, out=np.zeros_like(weights), where=fit.peaks > 0)
    maps = np.clip(strengths.T.reshape(-1, height, width), 0.0, 1.0)
    return ConceptMaps(np.ascontiguousarray(maps), fit.predictions, activation.region, activation.inset)
