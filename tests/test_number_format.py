import math

import pytest

from live_gradcam.number_format import counted, number_text, percent_text, with_unit

# The page writes them in the same way: tests/server/page/test_formulas.py.
NUMBERS: list[tuple[float | None, str]] = [
    (31.6213, "31.6"),
    (-1.3579, "−1.36"),
    (0.0417, "0.0417"),
    (1240.4, "1240"),
    (99.96, "100.0"),
    (0.0, "0"),
    (-0.0, "0"),
    (3.21e-5, "0.000032"),
    (9.96e-5, "0.00010"),
    (9.94e-6, "9.9e−06"),
    (9.96e-6, "0.000010"),
    (-3.2e-8, "−3.2e−08"),
    (-0.00098, "−0.00098"),
    (-0.0009996, "−0.00100"),
    (-4e9, "−4.0e+09"),
    (None, "no number"),
    (math.nan, "no number"),
    (math.inf, "no number"),
]
NUMBERS_BESIDE: list[tuple[float, tuple[float | None, ...], str]] = [
    (-0.00098, (12.0,), "−0.001"),
    (0.0005, (0.1,), "0.001"),
    (0.00049, (-0.4, None), "0.00"),
    (-3e-7, (31.6,), "0.00"),
    (-3e-7, (0.004, math.nan, math.inf, None), "−3.0e−07"),
    (0.0417, (31.6,), "0.0417"),
    (0.0, (31.6,), "0"),
]
SHARES: list[tuple[float, str]] = [
    (0.62, "62%"),
    (0.125, "13%"),
    (1.0, "100%"),
    (0.007, "1%"),
    (0.004, "<1%"),
    (0.0, "<1%"),
    (0.296, "29%"),
    (0.29999, "29%"),
    (0.3, "30%"),
    (0.306, "31%"),
    (0.4951, "49%"),
    (0.5, "50%"),
]
UNITS: list[tuple[str, str]] = [
    ("years", "31.6 years"),
    ("°", "31.6°"),
    ("°C", "31.6°C"),
    ("", "31.6"),
    ("%", "31.6 %"),
]


@pytest.mark.parametrize(
    ("value", "text"),
    NUMBERS,
)
def test_a_number_is_read_with_three_digits_that_count(value: float | None, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    NUMBERS_BESIDE,
)
def test_a_number_close_to_zero_has_three_decimals_beside_one_of_ordinary_size(
    value: float, beside: tuple[float | None, ...], text: str
) -> None:
    assert number_text(value, beside) == text


@pytest.mark.parametrize(
    ("probability", "said"),
    SHARES,
)
def test_a_probability_is_whole_percent_and_never_rounded_up_to_a_threshold(
    probability: float, said: str
) -> None:
    assert percent_text(probability) == said


@pytest.mark.parametrize(
    ("unit", "text"),
    UNITS,
)
def test_the_unit_stands_behind(unit: str, text: str) -> None:
    assert with_unit("31.6", unit) == text
    assert with_unit("no number", unit) == "no number"


@pytest.mark.parametrize(
    ("count", "thing", "text"),
    [
        (1, "label", "1 label"),
        (0, "label", "0 labels"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
        (3, "frame", "3 frames"),
    ],
)
def test_things_are_counted_in_the_singular_and_the_plural(count: int, thing: str, text: str) -> None:
    assert counted(count, thing) == text
