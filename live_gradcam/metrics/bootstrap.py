"""Bootstrap: the mean of a sample, and an interval that says how well it is known.

The percentile interval of Efron 1979: a sample of the same size is drawn from the sample, with replacement, many times;
the interval holds the middle 95% of the means. Photographs are what is drawn, so the interval is about other
photographs of the same kind, and not about other networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
"""How often the sample is drawn again."""

LEVEL = 0.95
"""The share of the means that the interval holds."""

_AT_ONCE = 2_000_000
"""Values that are drawn in one array."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over photographs, and its interval."""

    mean: float
    low: float
    """The lower end of the 95% interval."""

    high: float
    """The upper end."""

    count: int
    """How many photographs it is the mean of."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The paired difference of two methods: the mean of first − second over the photographs that both have."""

    metric: str
    first: str
    """The name of a method."""

    second: str
    mean: Mean

    @property
    def is_known(self) -> bool:
        """Whether the sign of the difference is known: 0 lies outside its interval."""
        return self.mean.low > 0 or self.mean.high < 0


def bootstrap_mean(
    values: Sequence[float] | npt.NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Mean:
    """Return the mean of values with its percentile interval.

    Args:
        values: at least one. Of a single value, the interval is that value.
        resamples: how often they are drawn again.
        level: the share of the means that the interval holds, in (0, 1).
        seed: the same seed gives the same interval.
    """
    sample = np.asarray(values, np.float64)
    random = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // sample.size)
    means = np.concatenate(
        [
            sample[random.integers(0, sample.size, (min(rows, resamples - done), sample.size))].mean(axis=1)
            for done in range(0, resamples, rows)
        ]
    )
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return Mean(float(sample.mean()), low, high, sample.size)


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], *, seed: int = 0
) -> Mean | None:
    """Return the mean of first − second over what both have, with its interval; None if they have nothing in common.

    The same photographs are hard for all methods, so the interval of the difference is much narrower than those of the
    two means.

    Args:
        first: photograph → value of one method.
        second: photograph → value of another.
        seed: as in `bootstrap_mean`.
    """
    both = sorted(first.keys() & second.keys())
    return bootstrap_mean([first[each] - second[each] for each in both], seed=seed) if both else None
