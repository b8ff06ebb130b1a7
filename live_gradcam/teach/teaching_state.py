"""What was taught and learned so far, as the window and the page show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from live_gradcam.frame import Pixels
from live_gradcam.taught_head import TaughtHead


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaughtClass:
    """A class that is taught."""

    number: int
    """Its key, 1 to 9."""

    name: str
    count: int
    """How many pictures it was taught with."""

    bursts: int
    """In how many bursts."""

    thumbnail: Pixels | None = None
    """(h, w, 3) uint8 BGR: its newest example, square."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TeachingState:
    """What was taught and learned so far."""

    classes: tuple[TaughtClass, ...] = ()
    """In the order of their keys."""

    recording: int | None = None
    """The class whose pictures are being taken; None: none."""

    newest: int | None = None
    """The class that was taught last."""

    learning: bool = False
    """Whether the pictures of a burst are being learned."""

    right: int = 0
    """How many pictures of left-out bursts were given their own class."""

    tried: int = 0
    """How many were tried; 0 where no class has two bursts."""

    warning: str = ""
    """What was learned instead of the things, and what to do; empty where nothing was found."""

    heat: str = ""
    """Where the heat of the classes lies; empty where nothing is known."""

    saved: TaughtHead | None = None
    """The head that was saved last; None before."""

    note: str = ""
    """What was done last: `saved mug.keras`; empty for nothing."""

    failure: str = ""
    """Why the last burst could not be learned; empty where it was."""

    def after(self, number: int) -> int | None:
        """Return the class after another, cyclically; None where there is none."""
        numbers = [each.number for each in self.classes]
        later = [each for each in numbers if each > number] or numbers
        return later[0] if later else None

    def line(self, words: Callable[[str], str] = str) -> str:
        """Return one line on how often the head is right and where its heat lies, or on what to do next.

        The warning is another line.

        Args:
            words: translates it.
        """
        if self.failure:
            return words(self.failure)
        if self.recording is not None:
            return words("move the thing about: to all sides, nearer and farther")
        if self.learning:
            return words("learning …")
        if not self.classes:
            return words("hold 1 while the camera sees your first thing")
        if len(self.classes) == 1:
            return words("hold 2 while it sees something else, or nothing")
        if self.tried:
            share = f"{self.right} of {self.tried} pictures ({self.right / self.tried:.0%})"
            known = f"right on {share} of bursts that were left out of the learning"
        else:
            known = "teach each class a second time, to see how often it is right"
        return words(" · ".join(filter(None, (self.note, known, self.heat))))
