"""Numbers as they are shown: three significant digits and the unit; probabilities in whole percent.

A value near zero is written in one of two ways. If one of the other numbers is at least 0.1, it is `−0.001`, or `0.00`
if it is smaller than 0.0005. If it stands alone, or all other numbers are small, it keeps two digits, `−0.00098`,
because the output's whole range may be that small. Below `_PLAIN` it has a power of ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

UNSURE = 0.3
"""Below this probability of the most probable class the picture says `not sure`.

A calibrated classifier is wrong there in more than seven of ten cases, so a large class name would usually be wrong.
docs/views.md has the default network's figures.
"""

LABEL_HOLDS = 0.5
"""A multi-label (sigmoid) label counts as present from this probability."""

NO_NUMBER = "no number"

_DIGITS = 3
_LARGEST = 1_000_000
_SMALLEST = 0.001
_PLAIN = 1e-5
"""The smallest number written without a power of ten."""

_ORDINARY = 0.1
"""Beside a number of at least this size, one below `_SMALLEST` counts as near zero."""

_ATTACHED = ("°", "′", "″")
"""Units written without a space."""


def percent_text(probability: float) -> str:
    """Return a probability in whole percent, such as `62%`; `<1%` if it rounds to 0.

    Halves are rounded up. A probability below `UNSURE` or `LABEL_HOLDS` is never rounded up to it: 29.6% is `29%`.
    """
    whole = math.floor(100 * probability + 0.5)
    for threshold in (UNSURE, LABEL_HOLDS):
        if probability < threshold <= whole / 100:
            whole -= 1
    return f"{whole}%" if whole else "<1%"


def number_text(value: float | None, beside: Iterable[float | None] = ()) -> str:
    """Return a number with three significant digits, or all digits before the point: `31.6`, `0.0417`, `1240`.

    Below 0.001 it has two significant digits, `0.00098`. Very large and small numbers have a power of ten: `3.2e−06`.
    None, NaN and infinity are `no number`.

    Args:
        value: the number.
        beside: other numbers of the same kind. If one of them is at least 0.1, a number near zero is written with three
            decimals, `0.001`, or as `0.00`.
    """
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    size = abs(value)
    if size == 0:
        return "0"
    if size < _SMALLEST and any(_is_ordinary(each) for each in beside):
        return "0.00" if size < _SMALLEST / 2 else "−0.001" if value < 0 else "0.001"
    rounded = float(f"{size:.1e}")
    if size >= _LARGEST or rounded < _PLAIN:
        text = f"{value:.1e}"
    elif rounded < _SMALLEST:
        text = f"{value:.{_decimals(rounded) - 1}f}"
    else:
        text = f"{value:.{_decimals(max(size, _SMALLEST))}f}"
    return text.replace("-", "−")


def counted(count: int, thing: str) -> str:
    """Return a count with its noun: `1 label`, `3 labels`, `2 classes`."""
    if count == 1:
        return f"1 {thing}"
    return f"{count} {thing}es" if thing.endswith("s") else f"{count} {thing}s"


def with_unit(text: str, unit: str) -> str:
    """Return a number's text with its unit: `31.6 years`, `12.3°`."""
    if text == NO_NUMBER:
        return text
    return f"{text}{unit}" if not unit or unit.startswith(_ATTACHED) else f"{text} {unit}"


def _is_ordinary(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and abs(value) >= _ORDINARY


def _decimals(size: float) -> int:
    return max(0, _DIGITS - 1 - math.floor(math.log10(size)))
