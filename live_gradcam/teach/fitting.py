"""Fits a head to examples by multinomial logistic regression, and measures it on bursts left out.

With features f_i of class c_i, weights a_i and K classes, the fit minimises

    Σ_i a_i (log Σ_c exp z_c(f_i) − z_{c_i}(f_i)) + (λ/2) s² Σ_c ‖w_c‖²,    z_c(f) = w_c · f + b_c,    Σ_i a_i = 1

(Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.108, with a Gaussian prior on the weights). The
classes have equal sums of weights a_i. s² is the mean squared distance of the features from their mean, so that λ
means the same for every network. The problem is convex: equal examples give equal heads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import LiveGradcamError, ModelError
from live_gradcam.taught_head import TaughtHead, check_names

PENALTY = 1e-4
"""λ, the strength of the regularisation."""

MOST_FOLDS = 5
"""Parts into which the bursts are divided, at most, to measure the accuracy."""

_TOLERANCE = 1e-4
"""The fit ends when no derivative of its objective is larger."""

_MOST_STEPS = 200

_MISSING = "teaching needs scikit-learn, which is not installed. Type: pip install 'live-gradcam[teach]'"

Rows = npt.NDArray[np.float32]
"""(N, F) float32: features, one example or copy a row."""

Numbers = npt.NDArray[np.intp]
"""(N,) intp: for each row the index of its class, or the number of its burst."""


@dataclass(frozen=True, slots=True)
class LeftOutAccuracy:
    """The accuracy on bursts that were left out of the fit."""

    right: int
    """How many examples were given their own class."""

    count: int
    """How many examples were tried, at least 1."""

    bursts: int
    """How many bursts they come from."""

    classes: int
    """How many classes they belong to."""

    @property
    def share(self) -> float:
        """The accuracy, in [0, 1]."""
        return self.right / self.count


def fit_head(
    labels: Sequence[str],
    rows: Rows,
    classes: Numbers,
    *,
    penalty: float = PENALTY,
) -> TaughtHead:
    """Fit a head to features.

    Args:
        labels: the names of the K classes.
        rows: (N, F) float32; every class has one row at least.
        classes: (N,) intp: the class of each row.
        penalty: λ of the objective, above 0.

    Raises:
        ModelError: there are fewer than two classes, or a class has no examples.
        LiveGradcamError: scikit-learn is missing.
    """
    check_names(labels)
    if len(labels) < 2:
        raise ModelError(
            f"there is one class only, '{labels[0]}': teach a second one, which it can be told from. 'nothing' will do."
        )
    counts = np.bincount(classes, minlength=len(labels))
    if not counts.all():
        name = labels[int(np.argmin(counts))]
        raise ModelError(f"'{name}' has no examples: teach it, or remove it.")
    problem = _Problem(rows)
    kernel, bias = problem.solve(classes, np.arange(len(rows)), len(labels), penalty)
    return TaughtHead(tuple(labels), kernel, bias)


def left_out_accuracy(
    rows: Rows, classes: Numbers, bursts: Numbers, tried: npt.NDArray[np.bool_], *, penalty: float = PENALTY
) -> LeftOutAccuracy | None:
    """Measure the accuracy on bursts that were left out of the fit.

    The frames of one burst are alike, so that a frame tells nothing about the frames beside it. The bursts are
    divided into at most five parts. For each part, a head is fitted to all other parts, and tried on this one. A
    class is tried where it has two bursts or more: else nothing would be left to learn it from.

    Args:
        rows: (N, F) float32: examples and their copies.
        classes: (N,) intp: the class of each row.
        bursts: (N,) intp: the burst of each row; a burst belongs to one class.
        tried: (N,) bool: the rows on which heads are tried; the copies are no pictures that the camera gave.
        penalty: λ of the objective, above 0.

    Returns:
        The accuracy; None where no class has two bursts, or where there is one class only.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    present, classes = np.unique(classes, return_inverse=True)
    if len(present) < 2:
        return None
    part_of = _parts(classes, bursts)
    if not part_of:
        return None
    problem = _Problem(rows)
    parts = np.array([part_of.get(int(burst), -1) for burst in bursts])
    right = 0
    for part in range(max(part_of.values()) + 1):
        kernel, bias = problem.solve(classes, np.flatnonzero(parts != part), len(present), penalty)
        left_out = (parts == part) & tried
        found = (rows[left_out] @ kernel + bias).argmax(axis=1)
        right += int((found == classes[left_out]).sum())
    counted = (parts >= 0) & tried
    return LeftOutAccuracy(right, int(counted.sum()), len(part_of), len(np.unique(classes[counted])))


def _parts(classes: Numbers, bursts: Numbers) -> dict[int, int]:
    """Return burst → part, for the bursts of classes that have two or more; each part has bursts of every class."""
    found: dict[int, int] = {}
    for number in np.unique(classes):
        own = np.unique(bursts[classes == number])
        if len(own) > 1:
            found |= {int(burst): place % MOST_FOLDS for place, burst in enumerate(own)}
    return found


class _Problem:
    """Rows, centred and scaled, and with fewer columns where there are fewer rows than features.

    The penalty depends on the lengths of the weights alone, and the best weights lie in the span of the centred rows
    (the representer theorem). So the rows may be given in an orthonormal basis of their span, which has N dimensions
    at most: Xᵀ = Q R, and the problem with the rows Rᵀ has the solution Qᵀ w.

    Args:
        rows: (N, F) float32.
    """

    def __init__(self, rows: Rows) -> None:
        self._mean = rows.mean(axis=0)
        centred = rows - self._mean
        length = float(np.sqrt(np.einsum("nf,nf->n", centred, centred).mean()))
        self._scale = length if length > 0 else 1.0
        centred /= self._scale
        self._basis: Rows | None = None
        if rows.shape[0] < rows.shape[1]:
            with _one_thread():
                self._basis, triangle = np.linalg.qr(centred.T)
            centred = np.ascontiguousarray(triangle.T)
        self._rows = centred

    def solve(
        self, classes: Numbers, chosen: Numbers, count: int, penalty: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return kernel (F, K) and bias (K,), float32, that are best for some of the rows."""
        rows, wanted = self._rows[chosen], classes[chosen]
        present = np.bincount(wanted, minlength=count)
        weights = (1.0 / (np.count_nonzero(present) * present))[wanted]
        # Of two classes, scikit-learn fits the difference w of both weights, ±w/2, and penalises ‖w‖² = 2 Σ_c ‖w_c‖².
        strength = penalty / 2 if count == 2 else penalty
        with _one_thread():
            regression = _regression(1.0 / strength)
            regression.fit(rows, wanted, sample_weight=weights)
        kernel = np.asarray(regression.coef_, np.float64)
        bias = np.asarray(regression.intercept_, np.float64)
        if count == 2:
            kernel, bias = np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
        if self._basis is not None:
            kernel = kernel @ self._basis.T
        kernel /= self._scale
        bias = bias - kernel @ self._mean
        return np.asarray(kernel.T, np.float32, order="C"), np.asarray(bias, np.float32)


def refuse_without_library() -> None:
    """Check that what teaching needs is installed, without loading it.

    Raises:
        LiveGradcamError: it is not.
    """
    if any(importlib.util.find_spec(name) is None for name in ("sklearn", "threadpoolctl")):
        raise LiveGradcamError(_MISSING)


def _regression(inverse_strength: float) -> Any:  # noqa: ANN401 - scikit-learn ships no types
    """Return scikit-learn's logistic regression."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error
    return LogisticRegression(C=inverse_strength, tol=_TOLERANCE, max_iter=_MOST_STEPS)


def _one_thread() -> AbstractContextManager[object]:
    """Return a scope in which linear algebra uses one thread.

    Several threads wait for one another without pause, beside a live loop that needs the same cores: on two busy
    cores a fit with two threads took five to ten times as long as with one.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
