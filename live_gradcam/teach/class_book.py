"""The classes of a viewer: their names, their examples, and the bursts that are not learned yet."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels
from live_gradcam.teach.examples import MOST_IN_BURST, Burst, Examples
from live_gradcam.teach.teaching_state import TaughtClass


@dataclass(slots=True, eq=False)
class OpenBurst:
    """A burst that is being taken."""

    number: int
    """The class, 1 to 9."""

    until: float
    """When it ends, in monotonic seconds."""

    held: bool
    """Whether it goes on until a button is released."""

    pictures: list[Pixels] = field(default_factory=list)
    """(H, W, 3) uint8 BGR each, at the network's scale."""

    maps: list[npt.NDArray[np.float32]] = field(default_factory=list)
    """Their feature maps, (h, w, F) each."""


class ClassBook:
    """What a viewer has taught so far. Not thread-safe."""

    def __init__(self) -> None:
        self.examples = Examples()
        self.names: dict[int, str] = {}
        """The name of each class that has examples, or will have."""
        self.open: OpenBurst | None = None
        """The burst that is being taken."""
        self.waiting: list[OpenBurst] = []
        """The bursts that are being learned, or wait for it, oldest first."""

    @property
    def coming(self) -> list[OpenBurst]:
        """All bursts that are not learned yet, oldest first."""
        return self.waiting if self.open is None else [*self.waiting, self.open]

    @property
    def classes(self) -> tuple[TaughtClass, ...]:
        """The classes, in the order of their keys."""
        found = []
        for number, name in sorted(self.names.items()):
            bursts = self.examples.bursts_of(name)
            more = sum(
                min(len(each.pictures), MOST_IN_BURST) for each in self.coming if each.number == number
            )
            found.append(
                TaughtClass(
                    number=number,
                    name=name,
                    count=self.examples.count(name) + more,
                    bursts=len(bursts),
                    thumbnail=bursts[-1].samples[-1] if bursts else None,
                )
            )
        return tuple(found)

    def begin(self, burst: OpenBurst) -> None:
        """Begin a burst, whose class gets its usual name if it has none."""
        self.open = burst
        usual = f"class {burst.number}"
        free = usual if usual not in self.names.values() else f"{usual}'"
        self.names.setdefault(burst.number, free)

    def add(self, burst: OpenBurst, learned: Burst) -> str | None:
        """Take what was learned from a burst; return the name of its class, or None if the burst was forgotten."""
        if burst not in self.waiting:
            return None
        self.waiting.remove(burst)
        name = self.names[burst.number]
        self.examples = self.examples.with_burst(name, learned)
        return name

    def drop(self, bursts: Sequence[OpenBurst]) -> None:
        """Forget bursts that are not learned yet, and the names that nothing has any more."""
        self.open = None if self.open in bursts else self.open
        self.waiting = [each for each in self.waiting if each not in bursts]
        numbers = {each.number for each in self.coming}
        labels = self.examples.labels
        self.names = {
            number: name for number, name in self.names.items() if name in labels or number in numbers
        }

    def go_on_with(self, left: Examples, coming: Sequence[OpenBurst]) -> list[float]:
        """Go on with fewer examples, and without some bursts that are not learned yet.

        Returns:
            When the learned bursts that are gone were shown, which identifies them.
        """
        kept = {burst.shown_at for _, burst in left.bursts}
        gone = [burst.shown_at for _, burst in self.examples.bursts if burst.shown_at not in kept]
        self.examples = left
        self.drop(coming)
        return gone

    def rename(self, number: int, name: str) -> None:
        """Give a class another name, which no other class has."""
        before, self.names[number] = self.names[number], name
        if before in self.examples.labels:
            self.examples = self.examples.renamed(before, name)

    def now_called(self, names: Mapping[int, str]) -> dict[str, str]:
        """Return earlier name → present name of each class.

        Args:
            names: an earlier copy of the attribute.
        """
        return {before: self.names.get(number, before) for number, before in names.items()}

    def without(self, number: int) -> Examples:
        """Return the examples without a class; all of them if it has none yet."""
        name = self.names[number]
        return self.examples.without_class(name) if name in self.examples.labels else self.examples

    def time_of_next(self) -> float:
        """Return the time, in seconds since 1970: later than that of every burst, so that it identifies the next."""
        last = max((burst.shown_at for _, burst in self.examples.bursts), default=0.0)
        return max(time.time(), last + 1e-3)
