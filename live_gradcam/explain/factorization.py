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

ITERATIONS = 100
"""The most updates of H and W."""

_LOOK, _SETTLED = 5, 1e-3
"""After so many updates the loss is looked at; if it fell by less than this share of itself, the factors are found."""

_FLOOR = 1e-3
"""A start has no number below this share of its factor's mean: multiplicative updates leave a zero as it is."""

_ONE_THREAD = 250_000
"""Number of products up to which OpenBLAS multiplies matrices in one thread. Larger ones wake further threads, which
wait in loops: that takes ten times the processor time of the product, from the network."""

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
        iterations: the most updates of both; there are fewer if the loss settles.
        pause: is called before each update. It may wait, and it may raise to end the run.
    """
    used = a.any(axis=0)  # a channel that is 0 everywhere is 0 in all factors
    if not used.any():
        return np.zeros((len(a), count), a.dtype), np.zeros((count, a.shape[1]), a.dtype)
    dense = np.ascontiguousarray(a[:, used])
    w = extreme_rows(dense, count) if start is None else start[:, used].astype(a.dtype)
    h, w = lifted(weights_of(dense, w), axis=0), lifted(w, axis=1)
    before = loss(dense, h, w)
    for number in range(1, iterations + 1):
        pause()
        h, w = updated(dense, h, w)
        if number % _LOOK == 0:
            now = loss(dense, h, w)
            if before - now <= _SETTLED * before:
                break
            before = now
    whole = np.zeros((count, a.shape[1]), a.dtype)
    whole[:, used] = w
    return h, whole


def updated(a: Matrix, h: Matrix, w: Matrix) -> tuple[Matrix, Matrix]:
    """Return H and W after one multiplicative update of each, which never raises the loss.

    H ← H ∘ (A Wᵀ) / (H W Wᵀ), then W ← W ∘ (Hᵀ A) / (Hᵀ H W). A denominator of 0 belongs to a number that has no
    effect on H W; it becomes 0.
    """
    h = _scaled(h, _products(a, w), h @ (w @ w.T))
    blocks = _blocks(a, len(w))
    sums = np.asarray(np.sum([h[block].T @ a[block] for block in blocks], axis=0), a.dtype)
    return h, _scaled(w, sums, (h.T @ h) @ w)


def loss(a: Matrix, h: Matrix, w: Matrix) -> float:
    """Return ½ ‖A − H W‖²_F."""
    rests = (a[block] - h[block] @ w for block in _blocks(a, len(w)))
    return 0.5 * sum(float(np.einsum("nc,nc->", rest, rest)) for rest in rests)


def weights_of(a: Matrix, w: Matrix, inverses: Matrix | None = None) -> Matrix:
    """Return the H ≥ 0 that minimises ‖A − H W‖_F for a fixed W: (places, k).

    The minimum is exact: for each place, it is the best of the least-squares solutions of all 2^k sets of factors that
    are nowhere negative. (At the minimum, the factors with positive weights solve the problem without constraints.)

    Args:
        a: A, (places, channels).
        w: W, (k, channels), not negative; k is at most `MOST_FACTORS`.
        inverses: `inverses_of(w)`, to spare the time; None: it is computed.
    """
    products = _products(a, w)
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
        rest -= np.outer(np.einsum("nc,c->n", rest, direction), direction)
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


def _products(a: Matrix, w: Matrix) -> Matrix:
    """Return A Wᵀ."""
    return np.concatenate([a[block] @ w.T for block in _blocks(a, len(w))])


def _blocks(a: Matrix, count: int) -> list[slice]:
    """Return the rows of A in blocks that BLAS multiplies by `count` factors in the calling thread."""
    rows = max(1, _ONE_THREAD // (a.shape[1] * count + 1))
    return [slice(at, at + rows) for at in range(0, len(a), rows)]


def _scaled(factor: Matrix, numerator: Matrix, denominator: Matrix) -> Matrix:
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    return np.asarray(factor * ratio)
