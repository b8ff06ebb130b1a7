"""Factors of matrices that can be written down, and the promises of the multiplicative updates."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from live_gradcam.explain.factorization import (
    MOST_FACTORS,
    Matrix,
    extreme_rows,
    factorize,
    inverses_of,
    likeness,
    loss,
    matched,
    unit_rows,
    updated,
    weights_of,
)

SEEDS = (0, 1, 2)


def noise(rows: int, columns: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).random((rows, columns))


def separable(seed: int, *, count: int = 4) -> tuple[Matrix, Matrix, Matrix]:
    """A = H W whose first rows are those of W: every other row is a mixture of them."""
    random = np.random.default_rng(seed)
    w = random.random((count, 40)) * (random.random((count, 40)) > 0.5)
    h = np.concatenate([np.eye(count), 0.9 * random.dirichlet(np.full(count, 0.5), 200)])
    return h @ w, h, w


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rows_that_all_others_are_mixtures_of_are_found_exactly(seed: int) -> None:
    a, h, w = separable(seed)
    found = extreme_rows(a, 4)
    order = list(matched(found, w))
    assert np.array_equal(found[order], w)
    np.testing.assert_allclose(weights_of(a, found[order]), h, atol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_separable_matrix_is_factorized_exactly(seed: int) -> None:
    a, _, w = separable(seed)
    h, found = factorize(a, 4)
    assert loss(a, h, found) < 1e-6 * loss(a, np.zeros_like(h), found)
    assert np.diag(likeness(found[list(matched(found, w))], w)).min() > 1 - 1e-6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", range(1, MOST_FACTORS + 1))
def test_weights_fulfil_the_conditions_of_a_constrained_minimum(seed: int, count: int) -> None:
    """Karush, Kuhn and Tucker: H ≥ 0, the gradient is ≥ 0, and one of both is 0 for each number."""
    a, w = noise(50, 20, seed), noise(count, 20, seed + 10) ** 3
    h = weights_of(a, w)
    gradient = (h @ w - a) @ w.T
    assert h.min() >= 0
    assert gradient.min() > -1e-9
    assert np.abs(h * gradient).max() < 1e-9


def test_weights_are_the_best_of_a_fine_grid() -> None:
    w = np.array([[1.0, 0.2, 0.0], [0.9, 0.3, 0.1]])
    a = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.9, 0.5, 0.1]])
    steps = np.arange(0, 3, 0.01)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    for row, found in zip(a, weights_of(a, w), strict=True):
        best = ((row - grid @ w) ** 2).sum(axis=1).min()
        assert ((row - found @ w) ** 2).sum() <= best + 1e-12


def test_equal_factors_have_weights_too() -> None:
    w = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    a = np.array([[3.0, 6.0]])
    h = weights_of(a, w)
    assert h.min() >= 0
    np.testing.assert_allclose(h @ w, a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_update_never_raises_the_loss_and_nothing_becomes_negative(seed: int, dtype: type) -> None:
    a: Matrix = noise(60, 30, seed).astype(dtype)
    h: Matrix = noise(60, 5, seed + 1).astype(dtype)
    w: Matrix = noise(5, 30, seed + 2).astype(dtype)
    before = loss(a, h, w)
    rounding = 60 * 30 * float(np.finfo(dtype).eps)
    for _ in range(100):
        h, w = updated(a, h, w)
        after = loss(a, h, w)
        assert after <= before * (1 + rounding)
        assert min(h.min(), w.min()) >= 0
        assert h.dtype == w.dtype == dtype
        before = after


def test_an_update_equals_the_formula_number_by_number() -> None:
    a, h, w = noise(4, 5, 1), noise(4, 2, 2), noise(2, 5, 3)
    expected = h.copy()
    product = h @ w
    for i, k in np.ndindex(*h.shape):
        above = sum(a[i, j] * w[k, j] for j in range(5))
        below = sum(product[i, j] * w[k, j] for j in range(5))
        expected[i, k] = h[i, k] * above / below
    new_w = w.copy()
    product = expected @ w
    for k, j in np.ndindex(*w.shape):
        above = sum(expected[i, k] * a[i, j] for i in range(4))
        below = sum(expected[i, k] * product[i, j] for i in range(4))
        new_w[k, j] = w[k, j] * above / below
    found_h, found_w = updated(a, h, w)
    np.testing.assert_allclose(found_h, expected, rtol=1e-12)
    np.testing.assert_allclose(found_w, new_w, rtol=1e-12)


def test_zero_activations_have_finite_factors() -> None:
    h, w = factorize(np.zeros((49, 8), np.float32), 4)
    assert not h.any()
    assert not w.any()
    assert np.isfinite(inverses_of(w)).all()


def test_fewer_kinds_of_rows_than_factors_leave_some_factors_zero() -> None:
    a = np.outer([1.0, 2.0, 0.5], [1.0, 0.0, 3.0])
    h, w = factorize(a, 3)
    np.testing.assert_allclose(h @ w, a, atol=1e-5)
    assert [bool(row.any()) for row in w] == [True, False, False]


def test_a_start_may_have_zeros_where_the_factors_have_none() -> None:
    """Multiplicative updates alone would keep a zero for ever."""
    a, _, w = separable(5)
    start = np.where(w > 0.5, w, 0.0)
    h, found = factorize(a, 4, start, iterations=400)
    assert loss(a, h, found) < 1e-4 * loss(a, np.zeros_like(h), found)


def test_the_pause_comes_before_each_update_and_may_end_the_run() -> None:
    calls = []
    factorize(noise(10, 5, 0), 2, iterations=7, pause=lambda: calls.append(1))
    assert len(calls) == 7

    def ended() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        factorize(noise(10, 5, 0), 2, pause=ended)


def test_nothing_that_was_given_is_changed() -> None:
    a, start = noise(20, 6, 0), noise(3, 6, 1)
    kept = a.copy(), start.copy()
    factorize(a, 3, start)
    extreme_rows(a, 3)
    weights_of(a, start)
    assert np.array_equal(a, kept[0])
    assert np.array_equal(start, kept[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_in_another_order_are_matched(seed: int) -> None:
    old = noise(5, 30, seed)
    for order in list(permutations(range(5)))[::17]:
        new = np.empty_like(old)
        new[list(order)] = 2 * old + 0.05 * noise(5, 30, seed + 1)
        assert matched(new, old) == order


def test_the_assignment_has_the_largest_sum_not_the_best_pair_first() -> None:
    old = np.array([[1.0, 0.0], [0.8, 0.6]])
    new = np.array([[0.85, 0.53], [0.6, 0.8]])
    # The best pair alone, the second old with the first new, would leave the first old with nothing.
    assert likeness(old, new).argmax() == 2
    assert matched(new, old) == (0, 1)


def test_likeness_is_the_cosine_and_0_for_zeros() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    expected = np.array([[1, 0, 0.6], [0, 0, 0], [0.6, 0, 1]])
    np.testing.assert_allclose(likeness(rows, rows), expected, atol=1e-12)
    assert np.linalg.norm(unit_rows(rows), axis=1).tolist() == [1.0, 0.0, 1.0]


def test_the_inverses_are_those_of_each_set_of_factors() -> None:
    w = noise(3, 10, 4)
    inverses = inverses_of(w)
    assert inverses.shape == (8, 3, 3)
    for size in range(4):
        for chosen in combinations(range(3), size):
            number = sum(1 << each for each in chosen)
            part = np.ix_(chosen, chosen)
            np.testing.assert_allclose(inverses[number][part] @ (w @ w.T)[part], np.eye(size), atol=1e-9)
            assert np.count_nonzero(inverses[number]) == size * size
