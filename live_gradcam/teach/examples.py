"""The examples of up to nine classes, in bursts: the features of pictures and of their altered copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

MOST_OF_A_CLASS = 200
"""Pictures of a class that are learned; of more, as many are left out of each burst."""

Rows = npt.NDArray[np.float32]
"""(N, F) float32: the features of N pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """Pictures of one class that were taken in one go, and so are alike."""

    number: int
    """The class, 1 to 9."""

    rows: Rows
    """(n, F) float32: the features of its pictures."""

    copies: Rows
    """(c · n, F) float32: those of the altered copies; copy k of picture i is row k · n + i."""

    thumbnail: Pixels
    """(h, w, 3) uint8 BGR: the last picture, square."""

    place: object = None
    """Where it is stored (`ExamplesFolder.add`); None: nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """The rows that a head is fitted to."""

    numbers: tuple[int, ...]
    """The class of each column of the head."""

    rows: Rows
    """(N, F) float32: pictures and copies."""

    classes: npt.NDArray[np.intp]
    """(N,): the place in `numbers` of each row's class."""

    bursts: npt.NDArray[np.intp]
    """(N,): the burst of each row."""

    tried: npt.NDArray[np.bool_]
    """(N,): whether a row is a picture, and no copy."""


class Examples:
    """The bursts, oldest first, and the names of the classes. Not thread-safe."""

    def __init__(self) -> None:
        self.bursts: list[Burst] = []
        self._names: dict[int, str] = {}

    @property
    def numbers(self) -> tuple[int, ...]:
        """The classes that have examples, in the order of a head."""
        return tuple(sorted({each.number for each in self.bursts}))

    @property
    def names(self) -> Mapping[int, str]:
        """The names that were given, by class."""
        return self._names

    def name(self, number: int) -> str:
        """Return the name of a class, which has one before anybody gives it one."""
        return self._names.get(number, f"class {number}")

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""
        name = " ".join(name.split())
        if not name:
            return "a name has at least one letter"
        others = {self.name(each) for each in {*self.numbers, *self._names} if each != number}
        if name in others:
            return f"another class is called {name}"
        self._names[number] = name
        return name

    def of(self, number: int) -> list[Burst]:
        """Return the bursts of a class, oldest first."""
        return [each for each in self.bursts if each.number == number]

    def remove(self, gone: list[Burst]) -> None:
        """Remove bursts, and the names of classes that have none left."""
        self.bursts = [each for each in self.bursts if each not in gone]
        left = set(self.numbers)
        for number in {each.number for each in gone} - left:
            self._names.pop(number, None)

    def training_rows(self) -> TrainingRows:
        """Return the rows that a head is fitted to; there is at least one burst."""
        numbers = self.numbers
        counts = {number: sum(len(each.rows) for each in self.of(number)) for number in numbers}
        rows, classes, bursts, tried = [], [], [], []
        for place, burst in enumerate(self.bursts):
            count = len(burst.rows)
            kept = max(1, round(count * min(1.0, MOST_OF_A_CLASS / counts[burst.number])))
            chosen = np.linspace(0, count - 1, kept).round().astype(np.intp)
            copies = burst.copies.reshape(-1, count, burst.rows.shape[1])[:, chosen]
            rows += [burst.rows[chosen], copies.reshape(-1, burst.rows.shape[1])]
            length = kept * (1 + len(copies))
            classes.append(np.full(length, numbers.index(burst.number)))
            bursts.append(np.full(length, place))
            tried.append(np.arange(length) < kept)
        return TrainingRows(
            numbers,
            np.concatenate(rows),
            np.concatenate(classes).astype(np.intp),
            np.concatenate(bursts).astype(np.intp),
            np.concatenate(tried),
        )
