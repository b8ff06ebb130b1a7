import math

import pytest

from live_gradcam.number import number_text, with_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (31.6213, "31.6"),
        (-1.3579, "−1.36"),
        (0.0417, "0.0417"),
        (1240.4, "1240"),
        (99.96, "100.0"),
        (0.0, "0"),
        (-0.0, "0"),
        (3.21e-5, "3.2e−05"),
        (-4e9, "−4.0e+09"),
        (None, "no number"),
        (math.nan, "no number"),
        (math.inf, "no number"),
    ],
)
def test_a_number_is_read_with_three_digits_that_count(value: float | None, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [("years", "31.6 years"), ("°", "31.6°"), ("°C", "31.6°C"), ("", "31.6"), ("%", "31.6 %")],
)
def test_the_unit_stands_behind(unit: str, text: str) -> None:
    assert with_unit("31.6", unit) == text
    assert with_unit("no number", unit) == "no number"
