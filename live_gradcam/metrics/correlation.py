"""Correlations of two maps: Pearson's of their values, Spearman's of their ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
"""An array of numbers of any shape."""


def pearson(first: Values, second: Values) -> float:
    """Return Pearson's correlation of two arrays of one shape, in [-1, 1]; 0 if one of them is constant."""
    one, other = (np.asarray(each, np.float64).ravel() for each in (first, second))
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return float(np.clip(np.sum(one * other) / length, -1, 1)) if length > 0 else 0.0


def ranks(values: Values) -> npt.NDArray[np.float64]:
    """Return the rank of each value from 0, the smallest first; equal values share the mean of their ranks."""
    flat = np.asarray(values).ravel()
    _, place, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[place.ravel()], np.float64)


def spearman(first: Values, second: Values) -> float:
    """Return Spearman's rank correlation of two arrays of one shape, in [-1, 1]; 0 if one of them is constant."""
    return pearson(ranks(first), ranks(second))
