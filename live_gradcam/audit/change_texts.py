"""A difference between two models in words: three figures that agree when they are read as they stand.

Rounded each by itself, 61.7% and 0.4% are 62% and 0%, and their difference is −61 points. Here the difference is that
of the rounded values, and its interval is widened to it where that is necessary: by one unit of the last digit at most.
A difference whose sign is known never reads as 0: all figures get more digits until it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.audit.findings import PairedChange

_PLACES = 4
"""More digits than these say nothing about photographs."""

_MINUS = str.maketrans("-", "−")


@dataclass(frozen=True, slots=True)
class ChangeText:
    """The figures of a difference, in words."""

    other: str
    """The value for the other model: `62%`, or `0.62`."""

    first: str
    """The value for the model that is audited."""

    difference: str
    """first − other, with its sign: in points, such as `−62`, or `−0.62`; `0` or `0.00` without."""

    low: str
    high: str
    """The ends of the difference's interval of 95%, in the same form."""

    is_known: bool
    """Whether the sign of the difference is known."""

    @property
    def interval(self) -> str:
        """The interval, such as `−68 to −57`."""
        return f"{self.low} to {self.high}"


def share_text(change: PairedChange) -> ChangeText:
    """Return the change of a share: whole percent, and the difference in points."""
    return _text(change, 100, 0, "%")


def need_text(change: PairedChange) -> ChangeText:
    """Return the change of a need, with two decimals."""
    return _text(change, 1, 2, "")


def _text(change: PairedChange, scale: int, places: int, unit: str) -> ChangeText:
    mean = change.difference
    while True:
        other, first, low, high = (
            round(scale * each, places) for each in (change.other, change.first, mean.low, mean.high)
        )
        difference = round(first - other, places)
        if difference or not change.is_known or places == _PLACES:
            break
        places += 1
    return ChangeText(
        other=_plain(other, places) + unit,
        first=_plain(first, places) + unit,
        difference=_signed(difference, places),
        low=_signed(min(low, difference), places),
        high=_signed(max(high, difference), places),
        is_known=change.is_known,
    )


def _plain(value: float, places: int) -> str:
    return f"{value + 0.0:.{places}f}".translate(_MINUS)  # + 0.0: there is no −0


def _signed(value: float, places: int) -> str:
    return f"{value:+.{places}f}".translate(_MINUS) if value else f"{0:.{places}f}"
