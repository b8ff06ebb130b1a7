"""Numbers as they are read out: three digits that count, and the unit."""

from __future__ import annotations

import math

NO_NUMBER = "no number"

_DIGITS = 3
_LARGEST = 1_000_000
_SMALLEST = 0.001

_ATTACHED = ("°", "′", "″")
"""Units that stand close to their number."""


def number_text(value: float | None) -> str:
    """Return a number with three significant digits, or all those before the point: `31.6`, `0.0417`, `1240`.

    What is very large or small has a power of ten: `3.2e−05`. None, NaN and infinity are `no number`.
    """
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    size = abs(value)
    if size == 0:
        return "0"
    if not _SMALLEST <= size < _LARGEST:
        return f"{value:.1e}".replace("-", "−")
    text = f"{value:.{_decimals(size)}f}"
    return text.replace("-", "−")


def with_unit(text: str, unit: str) -> str:
    """Return a number's text with its unit behind it: `31.6 years`, `12.3°`."""
    if text == NO_NUMBER:
        return text
    return f"{text}{unit}" if not unit or unit.startswith(_ATTACHED) else f"{text} {unit}"


def _decimals(size: float) -> int:
    return max(0, _DIGITS - 1 - math.floor(math.log10(size)))
