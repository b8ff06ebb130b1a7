"""ROAD: the probability of a class after the most, or the least, important pixels were replaced by their neighbours.

Rong et al. 2022, "ROAD", arXiv:2202.00449. To replace pixels by a fixed colour draws the outline of the map, and the
network may read that. Noisy linear imputation (section 4) puts in their place the weighted mean of their eight
neighbours, four of which weigh 1/6 and the diagonal ones 1/12, and a little noise. Neighbours may be missing too, so
the values x of the missing pixels solve a linear system: for each missing pixel i

    Σ_j w_ij (x_i − x_j) = 0,

over its neighbours j inside the picture; the known ones keep their values. It is solved by conjugate gradients.

For each share s of the pixels, p_c is the class's probability after the imputation of

- road-most: the s hottest pixels ("most relevant first"); the mean over the shares, in [0, 1]. Lower is better.
- road-least: the s coldest pixels; likewise. Higher is better.
- road: (road-least − road-most) / 2, in [-0.5, 0.5]. Higher is better: both orders in one number, as pytorch-grad-cam's
  `ROADCombined` has it.

The paper reports the accuracy over a dataset; p_c instead of a hit or a miss says more with few photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask, ScoreOf, hottest_first

SHARES = tuple(tenth / 10 for tenth in range(1, 10))
"""The shares of the pixels that are imputed."""

NOISE = 1.28
"""Standard deviation of the noise in levels of 255: 0.01 of a picture that is scaled to [-1, 1]."""

_NEIGHBOURS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float64) / 12
_ACCURACY = 1e-6
"""The residual at which the system counts as solved, in relation to its right-hand side."""

_HALF = 1e-3
"""How far below a half a level still counts as one."""

_MOST_ROUNDS = 2000

_HAT = np.array([0.5, 1, 0.5])
_HAT_ENERGY = 8 / 9
"""The system's quadratic form of a product of two hats, on a grid of any spacing: the system's symbol is |k|²/3, and
the integral of the squared gradient of such a product is 8/3."""

Levels = npt.NDArray[np.float64]
"""(H, W, 3) float64 in [0, 255]."""


@dataclass(frozen=True, slots=True)
class Road:
    """The result of ROAD for one map."""

    most: float
    """The mean probability with the hottest pixels imputed, in [0, 1]; lower is better."""

    least: float
    """The mean probability with the coldest pixels imputed, in [0, 1]; higher is better."""

    @property
    def combined(self) -> float:
        """(least − most) / 2, in [-0.5, 0.5]; higher is better."""
        return (self.least - self.most) / 2


def linear_imputation(picture: Pixels, missing: Mask) -> Levels:
    """Return a picture whose missing pixels are the weighted means of their neighbours; not rounded.

    Args:
        picture: (H, W, 3) uint8 BGR; the missing pixels do not count.
        missing: (H, W) bool. If all are missing, all become 0.
    """
    unknown = missing[..., None].astype(np.float64)
    known = picture * (1 - unknown)
    weight = _summed(np.ones(missing.shape))[..., None]  # smaller at the borders, which have fewer neighbours
    right = _summed(known) * unknown
    enough = _ACCURACY * np.sqrt(_inner(right, right))
    values = _filled(known, 1 - unknown) * unknown
    residual = right - (weight * values - _summed(values)) * unknown
    precondition = _Preconditioner(missing, weight[..., 0])
    step = scaled = precondition(residual)
    product = _inner(residual, scaled)
    for _ in range(_MOST_ROUNDS):
        if np.all(np.sqrt(_inner(residual, residual)) <= enough):
            break
        applied = (weight * step - _summed(step)) * unknown
        length = _ratio(product, _inner(step, applied))
        values += length * step
        residual -= length * applied
        scaled = precondition(residual)
        before, product = product, _inner(residual, scaled)
        step = scaled + _ratio(product, before) * step
    return known + values


def noisy_imputation(picture: Pixels, missing: Mask, *, noise: float = NOISE, seed: int = 0) -> Pixels:
    """Return a picture whose missing pixels are imputed with noise: (H, W, 3) uint8 BGR.

    Args:
        picture: (H, W, 3) uint8 BGR.
        missing: (H, W) bool.
        noise: standard deviation of the noise, in levels.
        seed: the same seed gives every mask the same noise.
    """
    random = np.random.default_rng(seed).normal(0, noise, picture.shape) if noise else 0.0
    # Halves, which means of few neighbours often are, are rounded up in spite of the solver's rounding.
    imputed = np.floor(linear_imputation(picture, missing) + random + 0.5 + _HALF)
    imputed = np.clip(imputed, 0, 255).astype(np.uint8)
    return np.where(missing[..., None], imputed, picture)


def road_pictures(
    picture: Pixels, heat: HeatMap, shares: Sequence[float] = SHARES, *, noise: float = NOISE, seed: int = 0
) -> list[Pixels]:
    """Return the pictures with the hottest pixels imputed, for each share; then those with the coldest imputed.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32; only the order of its values counts.
        shares: of the pixels.
        noise: as in `noisy_imputation`.
        seed: as in `noisy_imputation`.
    """
    order = hottest_first(heat)
    pictures = []
    for first in (order, order[::-1]):
        for share in shares:
            missing = np.zeros(heat.size, np.bool_)
            missing[first[: round(share * heat.size)]] = True
            pictures.append(noisy_imputation(picture, missing.reshape(heat.shape), noise=noise, seed=seed))
    return pictures


def road(
    picture: Pixels,
    heat: HeatMap,
    score_of: ScoreOf,
    *,
    shares: Sequence[float] = SHARES,
    noise: float = NOISE,
    seed: int = 0,
) -> Road:
    """Return the result of ROAD for a map.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32, as in `road_pictures`.
        score_of: returns the probability of the explained class for each picture.
        shares: as in `road_pictures`.
        noise: as in `noisy_imputation`.
        seed: as in `noisy_imputation`.
    """
    pictures = road_pictures(picture, heat, shares, noise=noise, seed=seed)
    scores = np.asarray(score_of(pictures), np.float64)
    most, least = scores.reshape(2, len(shares)).mean(axis=1).tolist()
    return Road(most, least)


class _Preconditioner:
    """Solves the system roughly: corrections on coarser and coarser grids are added.

    Bramble, Pasciak and Xu 1990. A hole of a hundred pixels needs hundreds of rounds of plain conjugate gradients,
    because each round carries values one pixel further. A correction on a coarse grid reaches all of the hole at once.
    The basis functions are products of hats that lie within the holes. Filters compute them: matrix products would
    start threads, which on a busy machine take ten times as long.

    Args:
        missing: (H, W) bool.
        weight: (H, W) float64: the system's diagonal.
    """

    def __init__(self, missing: Mask, weight: npt.NDArray[np.float64]) -> None:
        self._fine = (missing / weight)[..., None]
        self._grids: list[npt.NDArray[np.float64]] = []
        spacing = 2
        while spacing < max(missing.shape):
            support = np.ones((2 * spacing - 1, 2 * spacing - 1), np.uint8)
            inside = cv2.erode(
                missing.astype(np.uint8), support, borderType=cv2.BORDER_CONSTANT, borderValue=1
            )
            nodes = np.asarray(inside, np.float64)[::spacing, ::spacing]
            if not nodes.any():
                break
            self._grids.append(nodes[..., None] / _HAT_ENERGY)
            spacing *= 2

    def __call__(self, residual: Levels) -> Levels:
        """Return the correction for a residual, both (H, W, 3) float64."""
        residuals = [residual]
        for _ in self._grids:
            residuals.append(_hatted(residuals[-1])[::2, ::2])
        correction = np.zeros_like(residuals[-1])
        for number in range(len(self._grids), 0, -1):
            correction += residuals[number] * self._grids[number - 1]
            finer = np.zeros_like(residuals[number - 1])
            finer[::2, ::2] = correction
            correction = _hatted(finer)
        return (correction + residual * self._fine) * (self._fine > 0)


def _hatted(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values (h, w, 3) filtered with a hat that is 2 wide, along both axes; 0 beyond the borders."""
    filtered = cv2.sepFilter2D(
        np.ascontiguousarray(values), cv2.CV_64F, _HAT, _HAT, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(filtered, np.float64).reshape(values.shape)


def _inner(one: Levels, other: Levels) -> npt.NDArray[np.float64]:
    """Return the inner product of each channel, (3,) float64. OpenCV adds them up in a third of NumPy's time."""
    return np.array(cv2.sumElems(cv2.multiply(one, other))[: one.shape[2]])


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the quotient, and 0 where a channel is solved exactly."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _summed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted sum of each pixel's neighbours; there are none beyond the borders."""
    summed = cv2.filter2D(values, cv2.CV_64F, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float64).reshape(values.shape)


def _filled(known: Levels, weight: Levels) -> Levels:
    """Return a first guess of the missing pixels: means over larger and larger squares until all are known.

    Args:
        known: (H, W, 3): the picture, 0 where it is missing.
        weight: (H, W, 1): 1 where it is known, 0 elsewhere.
    """
    height, width = known.shape[:2]
    if weight.min() > 0 or max(height, width) <= 1:
        return known / np.maximum(weight, 1e-12)
    size = (max(1, width // 2), max(1, height // 2))
    coarse = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float64)
    coarse_weight = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float64)
    guess = cv2.resize(
        _filled(coarse, coarse_weight[..., None]), (width, height), interpolation=cv2.INTER_LINEAR
    )
    return np.where(weight > 0, known / np.maximum(weight, 1e-12), np.asarray(guess, np.float64))
