"""The guide of the lesson: six steps, each with the key to press or what to look at, and what the demo shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from live_gradcam.teach.teaching_state import TeachingState

PICTURES = 30
"""Pictures that each teaching step needs: a second of a camera."""

LESSON_CLASSES = 2
"""How many classes the lesson teaches."""

SceneNumbers = tuple[int, int]
"""The number of a thing and of a background, 0 or 1 each."""

_ALL: tuple[SceneNumbers, ...] = ((0, 0), (0, 1), (1, 1), (1, 0))


@dataclass(frozen=True, slots=True)
class LessonStep:
    """A step of the lesson."""

    text: str
    """What to do or to look at; `{a}` and `{b}` stand for the things, `{g}` and `{h}` for the backgrounds."""

    scenes: tuple[SceneNumbers, ...]
    """What the demo shows, in turns."""

    teaches: int | None = None
    """The key that the step needs; None: it is ended by Enter."""


STEPS = (
    LessonStep("hold the key 1 while you see {a} in front of {g}", ((0, 0),), 1),
    LessonStep("hold the key 2 while you see {b} in front of {h}", ((1, 1),), 2),
    LessonStep(
        "the backgrounds are swapped. Does the name follow the thing? Where is the heat? Enter goes on",
        ((0, 1), (1, 0)),
    ),
    LessonStep("teach it better: hold 1 while you see {a} in front of {h}, too", ((0, 1),), 1),
    LessonStep("hold 2 while you see {b} in front of {g}, too", ((1, 0),), 2),
    LessonStep(
        "each thing was seen in front of both. What does the name follow now? Where is the heat now? w saves it",
        _ALL,
    ),
)
"""The steps of the lesson."""


class LessonGuide:
    """Leads a viewer through the lesson; all methods are called by the viewer's thread.

    Args:
        things: names of the two things in a sentence: `the red cup`.
        backgrounds: names of the two backgrounds in a sentence.
        names: names of the two classes: `red cup`; empty ones are the viewer's to give.
        show: shows scenes, in turns; with a camera nothing is to be done, because the viewer moves the things.
    """

    def __init__(
        self,
        things: tuple[str, str] = ("your first thing", "your second thing"),
        backgrounds: tuple[str, str] = ("the first background", "the second background"),
        *,
        names: tuple[str, str] = ("", ""),
        show: Callable[[Sequence[SceneNumbers]], object] = lambda _: None,
    ) -> None:
        self._names = {"a": things[0], "b": things[1], "g": backgrounds[0], "h": backgrounds[1]}
        self._labels = names
        self._show = show
        self._before: Mapping[int, int] = {}
        """Class → how many pictures it had when the step began."""
        self._counts: Mapping[int, int] = {}
        self._wrong: int | None = None
        """The class that was taught by mistake in this step."""
        self._learning = False
        self.number = 0
        """Number of the step, from 0."""

    @property
    def step(self) -> LessonStep:
        """The step in hand."""
        return STEPS[self.number]

    def follow(self, state: TeachingState) -> None:
        """Go on where the step is done: enough pictures were taken, and the key was let go."""
        self._counts = {each.number: each.count for each in state.classes}
        self._learning = state.learning
        if self.number and not state.classes and state.recording is None:
            self._begin(0)  # everything was forgotten
        key = self.step.teaches
        if key is None:
            return
        if self._taken(key) < PICTURES:
            self._wrong = self._mistaken(key) or (self._wrong if not self._taken(key) else None)
        elif state.recording != key and not self._wrong:
            self._begin(self.number + 1)

    def forgets(self, state: TeachingState) -> bool:
        """Return whether the last burst has to be forgotten: it was taught by mistake, and would spoil the lesson."""
        key = self.step.teaches
        return key is not None and state.recording is None and bool(self._wrong and self._mistaken(key))

    def new_names(self, state: TeachingState) -> dict[int, str]:
        """Return the names that the lesson gives to classes that have none of their own yet: class → name."""
        return {
            each.number: name
            for each in state.classes
            for number, name in enumerate(self._labels, 1)
            if name and each.number == number and each.name == f"class {number}"
        }

    def go_on(self) -> None:
        """Go on from a step in which there is only something to look at."""
        if self.step.teaches is None and self.number + 1 < len(STEPS):
            self._begin(self.number + 1)

    def line(self, words: Callable[[str], str] = str) -> str:
        """Return what to do now, in one or two sentences.

        Args:
            words: translates it.
        """
        key = self.step.teaches
        head = words(f"{self.number + 1} of {len(STEPS)}: ")
        if key is None and self._learning:
            return head + words("learning, wait …")
        if key is not None and self._wrong:
            return head + words(f"that was the key {self._wrong}, whose pictures are forgotten: hold {key}")
        text = head + words(self.step.text.format(**self._names))
        if key is None:
            return text
        taken = self._taken(key)
        count = "enough, let go" if taken >= PICTURES else f"{taken} of {PICTURES} pictures"
        return f"{text}: {words(count)}"

    def _begin(self, number: int) -> None:
        self.number = number
        self._wrong = None
        self._before = dict(self._counts)
        self._show(self.step.scenes)

    def _taken(self, key: int) -> int:
        """Return how many pictures of a class the step has."""
        return self._counts.get(key, 0) - self._before.get(key, 0)

    def _mistaken(self, key: int) -> int | None:
        """Return another class that was taught in the step; None where there is none."""
        return next((other for other in self._counts if other != key and self._taken(other) > 0), None)
