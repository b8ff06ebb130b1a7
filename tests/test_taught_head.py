from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from live_gradcam.errors import ModelError
from live_gradcam.taught_head import TaughtHead


def head(labels: tuple[str, ...] = ("mug", "pen", "key"), features: int = 4, seed: int = 0) -> TaughtHead:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(features, len(labels))).astype(np.float32)
    return TaughtHead(labels, kernel, random.normal(size=len(labels)).astype(np.float32))


def test_probabilities_are_the_softmax_of_the_linear_logits() -> None:
    taught = head()
    features = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    for row, found in zip(features, taught.probabilities(features), strict=True):
        logits = [float(row @ taught.kernel[:, k] + taught.bias[k]) for k in range(3)]
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_large_logits_give_no_infinities() -> None:
    taught = TaughtHead(("a", "b"), np.array([[1e4, -1e4]], np.float32), np.zeros(2, np.float32))
    assert taught.probabilities(np.ones((1, 1), np.float32)).tolist() == [[1.0, 0.0]]


def test_the_mean_of_a_class_activation_map_and_the_bias_are_the_logit() -> None:
    taught = head()
    maps = np.random.default_rng(2).random((2, 3, 5, 4)).astype(np.float32)
    logits = taught.logits(maps.mean(axis=(1, 2)))
    np.testing.assert_allclose(taught.maps(maps).mean(axis=(1, 2)) + taught.bias, logits, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "b", "a")}, "two classes are called 'a'"),
        ({"labels": ("a", " b", "c")}, "class 2 is called ' b'"),
        ({"labels": ("a", "b", "")}, "class 3 is called ''"),
        ({"labels": ("a", "b\nc", "d")}, "class 2 is called"),
        ({"labels": ()}, "a taught head of 0 classes needs a kernel"),
        ({"labels": ("a", "b")}, r"kernel \(features, 2\) and a bias \(2,\); these are \(4, 3\) and \(3,\)"),
        ({"kernel": np.zeros((0, 3), np.float32)}, r"these are \(0, 3\)"),
        ({"bias": np.zeros(3)}, "bias of a taught head must be float32, not float64"),
        (
            {"kernel": np.full((4, 3), np.nan, np.float32)},
            "kernel of a taught head has numbers that are not finite",
        ),
    ],
)
def test_a_head_whose_parts_do_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    taught = head()
    parts = {"labels": taught.labels, "kernel": taught.kernel, "bias": taught.bias} | change
    with pytest.raises(ModelError, match=message):
        TaughtHead(**parts)
