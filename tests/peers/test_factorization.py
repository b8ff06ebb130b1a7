"""Our multiplicative updates beside those of scikit-learn, from the same start.

`python3 scripts/peers.py test` runs these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from live_gradcam.explain.factorization import Matrix, factorize, loss, updated

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
]

UPDATES = 60


@pytest.fixture
def decomposition() -> Any:
    return pytest.importorskip(
        "sklearn.decomposition",
        reason="needs scikit-learn: it is installed by `python3 scripts/peers.py test`",
    )


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_start_gives_scikit_learn_s_factors(seed: int, count: int, decomposition: Any) -> None:
    random = np.random.default_rng(seed)
    a = np.maximum(random.normal(size=(98, 64)), 0)
    h: Matrix = random.random((98, count))
    w: Matrix = random.random((count, 64))
    peer = decomposition.NMF(count, solver="mu", init="custom", max_iter=UPDATES, tol=0)
    theirs = peer.fit_transform(a, W=h.copy(), H=w.copy())
    for _ in range(UPDATES):
        h, w = updated(a, h, w)
    assert loss(a, h, w) == pytest.approx(loss(a, theirs, peer.components_), rel=1e-6)
    np.testing.assert_allclose(h, theirs, atol=1e-6)
    np.testing.assert_allclose(w, peer.components_, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_our_start_is_as_good_as_scikit_learn_s_after_as_many_updates(seed: int, decomposition: Any) -> None:
    random = np.random.default_rng(seed)
    mixed = random.dirichlet(np.full(4, 0.3), 200) @ random.random((4, 64)) ** 3
    a = np.maximum(mixed + 0.02 * random.normal(size=mixed.shape), 0)
    peer = decomposition.NMF(4, solver="mu", init="nndsvda", max_iter=UPDATES, tol=0)
    theirs = peer.fit_transform(a)
    assert loss(a, *factorize(a, 4, iterations=UPDATES)) <= 1.001 * loss(a, theirs, peer.components_)
