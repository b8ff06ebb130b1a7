"""Non-negative matrix factorization in NumPy, as pure functions.

A ≈ H W with A (places, channels), H (places, k) and W (k, channels), none of them negative. The loss is
½ ‖A − H W‖²_F.

Multiplicative updates: Lee and Seung, Algorithms for Non-negative Matrix Factorization (NIPS 2000), theorem 1. The
start: successive projections (Araújo et al. 2001), which finds the rows that all others are mixtures of (Gillis and
Vavasis, arXiv 1208.1237, algorithm 1). All functions keep the dtype of A, float32 or float64.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.floating[Any]]
"""(rows, columns) float32 or float64."""

MOST_FACTORS = 6
"""The weights of k factors are found among 2^k sets of factors, and their order among k! orders."""

ITERATIONS = 60
"""Updates of H and W. After more, the default network's factors hardly change."""

_FLOOR = 1e-3
"""A start has no number below this share of its factor's mean: multiplicative updates leave a zero as it is."""

_ROUNDING = 16
"""Eigenvalues of W Wᵀ below so many rounding errors of the largest count as zero."""


def factorize(
    a: Matrix,
    count: int,
    start: Matrix | None = None,
    *,
    iterations: int = ITERATIONS,
    pause: Callable[[], object] = lambda: None,
) -> tuple[Matrix, Matrix]:
    """Return H (places, count) and W (count, channels) with A ≈ H W.

    Args:
        a: A, (places, channels), finite, not negative.
        count: k, from 1 to `MOST_FACTORS`.
        start: W to start from, (count, channels), not negative; None: rows of A (`extreme_rows`).
        iterations: number of updates of both.
        pause: is called before each update. It may wait, and it may raise to end the run.
    """
    w = extreme_rows(a, count) if start is None else start.astype(a.dtype)
    h, w = lifted(weights_of(a, w), axis=0), lifted(w, axis=1)
    for _ in range(iterations):
        pause()
        h, w = updated(a, h, w)
    return h, w


def updated(a: Matrix, h: Matrix, w: Matrix) -> tuple[Matrix, Matrix]:
    """Return H and W after one multiplicative update of each, which never raises the loss.

    H ← H ∘ (A Wᵀ) / (H W Wᵀ), then W ← W ∘ (Hᵀ A) / (Hᵀ H W). A denominator of 0 belongs to a number that has no
    effect on H W; it becomes 0.
    """
    h = _scaled(h, a @ w.T, h @ (w @ w.T))
    return h, _scaled(w, h.T @ a, (h.T @ h) @ w)


def loss(a: Matrix, h: Matrix, w: Matrix) -> float:
    """Return ½ ‖A − H W‖²_F."""
    rest = a - h @ w
    return 0.5 * float(np.vdot(rest, rest))


def weights_of(a: Matrix, w: Matrix, inverses: Matrix | None = None) -> Matrix:
    """Return the H ≥ 0 that minimises ‖A − H W‖_F for a fixed W: (places, k).

    The minimum is exact: for each place, it is the best of the least-squares solutions of all 2^k sets of factors that
    are nowhere negative. (At the minimum, the factors with positive weights solve the problem without constraints.)

    Args:
        a: A, (places, channels).
        w: W, (k, channels), not negative; k is at most `MOST_FACTORS`.
        inverses: `inverses_of(w)`, to spare the time; None: it is computed.
    """
    products = a @ w.T
    found = products @ (inverses_of(w) if inverses is None else inverses)
    # ½ ‖A − H W‖² − ½ ‖A‖² of each place and set.
    costs = -0.5 * np.einsum("snk,nk->sn", found, products)
    costs[(found < 0).any(axis=2)] = np.inf
    return np.asarray(found[costs.argmin(axis=0), np.arange(len(a))])


def inverses_of(w: Matrix) -> Matrix:
    """Return the inverse of W Wᵀ for each set of factors, with zeros for all others: (2^k, k, k)."""
    gram, count = w @ w.T, len(w)
    rounding = _ROUNDING * float(np.finfo(w.dtype).eps)
    inverses = np.zeros((2**count, count, count), w.dtype)
    for number in range(1, 2**count):
        chosen = np.flatnonzero([number >> factor & 1 for factor in range(count)])
        part = np.ix_(chosen, chosen)
        inverses[number][part] = np.linalg.pinv(gram[part], rcond=rounding, hermitian=True)
    return inverses


def extreme_rows(a: Matrix, count: int) -> Matrix:
    """Return the rows of A that successive projections choose, (count, channels).

    The longest row comes first; then all rows are projected onto the complement of its direction, and again. If all
    rows are mixtures of `count` independent rows with weights that sum to at most 1, these rows are found. Where A has
    fewer independent rows, the remaining ones are zero.
    """
    rest = a.copy()
    chosen = np.zeros((count, a.shape[1]), a.dtype)
    first = 0.0
    for number in range(count):
        lengths = np.einsum("ij,ij->i", rest, rest)
        place = int(lengths.argmax())
        first = first or float(lengths[place])
        if not lengths[place] > first * np.finfo(a.dtype).eps:
            break
        chosen[number] = a[place]
        direction = rest[place] / np.sqrt(lengths[place])
        rest -= np.outer(rest @ direction, direction)
    return chosen


def lifted(matrix: Matrix, axis: int) -> Matrix:
    """Return a matrix whose numbers are at least `_FLOOR` of the mean along an axis; a factor of zeros stays zero."""
    return np.asarray(np.maximum(matrix, matrix.dtype.type(_FLOOR) * matrix.mean(axis=axis, keepdims=True)))


def likeness(first: Matrix, second: Matrix) -> Matrix:
    """Return the cosine similarity of each row with each row of another matrix; 0 for a row of zeros."""
    return np.asarray(unit_rows(first) @ unit_rows(second).T)


def matched(new: Matrix, old: Matrix) -> tuple[int, ...]:
    """Return for each old factor the new factor that takes its place: the assignment with the most similarity.

    Args:
        new: (k, channels).
        old: (k, channels).
    """
    alike = likeness(old, new)
    places = range(len(old))
    return max(permutations(places), key=lambda order: sum(alike[place, order[place]] for place in places))


def unit_rows(matrix: Matrix) -> Matrix:
    """Return a matrix with rows of length 1; rows of zeros stay zeros."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0))


def _scaled(factor: Matrix, numerator: Matrix, denominator: Matrix) -> Matrix:
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    return np.asarray(factor * ratio)
