"""The bars: the probabilities of the top classes, moving smoothly from one explanation to the next.

Values of a network that is no classifier are rows without bars, and stand there as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from live_gradcam.explanation import Prediction
from live_gradcam.number import UNSURE

SHOWN = 5

DEFAULT_SECONDS = 0.15
"""In which a bar comes 63% of its way."""

_LEAD = 0.01
"""By which a class must exceed the one above it to take its place: rows that hardly differ do not dance."""

_GONE = 0.002
_LONGEST_STEP = 2.0
"""Seconds; after a longer gap, bars are where they belong at once."""

_Class = tuple[int, str]


class Bars:
    """The top classes as they are to be shown. All that moves is moved by the frames' own time.

    Args:
        seconds: in which a bar comes 63% of its way; 0: at once.
    """

    def __init__(self, seconds: float = DEFAULT_SECONDS) -> None:
        self._seconds = seconds
        self._goals: dict[_Class, float] = {}
        self._values: dict[_Class, float] = {}
        """In the order of the rows; also some that are not shown."""
        self._time: float | None = None
        self._sure = True
        self._fixed: tuple[Prediction, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the first class is probable enough to be believed, by the number that stands beside it."""
        return self._sure

    @property
    def shown(self) -> tuple[Prediction, ...]:
        """The top classes as they stand now, at most five, the first on top."""
        if self._fixed:
            return self._fixed
        rows = list(self._values.items())[:SHOWN]
        return tuple(Prediction(class_id, label, value) for (class_id, label), value in rows)

    def see(self, top: Sequence[Prediction], time: float, *, believed: float = UNSURE) -> None:
        """Go on to a frame.

        The same time again, or an earlier one, moves the bars to where they belong at once: the picture stands
        still then, or begins anew.

        Args:
            top: the newest top classes, best first.
            time: of the frame, in seconds.
            believed: the probability from which on the first class is believed.
        """
        self._fixed = tuple(each for each in top if each.probability is None)[:SHOWN]
        self._goals = {
            (each.class_id, each.label): each.probability for each in top if each.probability is not None
        }
        step = None if self._time is None else time - self._time
        self._time = time
        if step is None or self._seconds == 0 or not 0 < step <= _LONGEST_STEP or not self._values:
            self._values = dict(sorted(self._goals.items(), key=lambda item: -item[1]))
        else:
            self._move(1.0 - math.exp(-step / self._seconds))
        self._sure = self._first >= believed

    @property
    def _first(self) -> float:
        return next(iter(self._values.values()), 1.0)

    def _move(self, share: float) -> None:
        """Move each bar this share of its way, and let those that are longer now pass those above them."""
        values = {
            each: value + (self._goals.get(each, 0.0) - value) * share for each, value in self._values.items()
        }
        values = {each: value for each, value in values.items() if value > _GONE or each in self._goals}
        values |= {each: goal * share for each, goal in self._goals.items() if each not in values}
        rows: list[_Class] = []
        for each, value in values.items():
            place = len(rows)
            while place > 0 and value > values[rows[place - 1]] + _LEAD:
                place -= 1
            rows.insert(place, each)
        self._values = {each: values[each] for each in rows}
