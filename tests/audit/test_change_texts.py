"""Differences in words: the figures agree when they are read as they stand, and a known sign is never a zero."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.audit.change_texts import ChangeText, need_text, share_text
from live_gradcam.audit.findings import PairedChange
from live_gradcam.metrics.bootstrap import Mean


def change(first: float, other: float, low: float, high: float) -> PairedChange:
    return PairedChange(first=first, other=other, difference=Mean(first - other, low, high, 30))


def figures(said: ChangeText) -> list[float]:
    """The texts as numbers: other, first, difference, low, high."""
    texts = (said.other, said.first, said.difference, said.low, said.high)
    return [float(each.rstrip("%").replace("−", "-")) for each in texts]


def test_rounded_figures_agree_with_each_other() -> None:
    said = share_text(change(0.004, 0.617, -0.62, -0.609))
    assert (said.other, said.first, said.difference, said.interval) == ("62%", "0%", "−62", "−62 to −61")
    said = need_text(change(0.004, 0.615, -0.7, -0.5))
    assert (said.other, said.first, said.difference) == ("0.61", "0.00", "−0.61")


@pytest.mark.parametrize("text", [share_text, need_text])
def test_any_figures_agree_and_stay_within_a_unit_of_the_numbers(text: object) -> None:
    assert text in (share_text, need_text)
    unit, scale = (1.0, 100) if text is share_text else (0.01, 1)
    random = np.random.default_rng(0)
    for _ in range(500):
        first, other = random.uniform(0, 1, 2)
        low, high = first - other + np.array([-1, 1]) * random.uniform(0, 0.1, 2)
        found = (share_text if text is share_text else need_text)(change(first, other, low, high))
        said_other, said_first, difference, below, above = figures(found)
        assert said_first - said_other == pytest.approx(difference, abs=1e-9)
        assert below <= difference <= above
        assert [below, difference, above] == pytest.approx(
            [scale * each for each in (low, first - other, high)], abs=unit
        )


def test_a_difference_whose_sign_is_known_does_not_read_as_zero() -> None:
    said = share_text(change(0.0532, 0.0514, 0.001, 0.003))
    assert (said.other, said.first, said.difference, said.interval) == (
        "5.1%",
        "5.3%",
        "+0.2",
        "+0.1 to +0.3",
    )
    unknown = share_text(change(0.0532, 0.0514, -0.004, 0.008))
    assert (unknown.other, unknown.first, unknown.difference) == ("5%", "5%", "0")
    assert unknown.interval == "0 to +1"
