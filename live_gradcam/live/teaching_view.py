"""The view while a viewer teaches: a digit that is held makes examples, and a strip shows what was learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.panels import Panels, Prompt
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.renderer import Renderer
from live_gradcam.render.teaching_strip import (
    StripCell,
    TeachingStrip,
    cell_at,
    draw_teaching_strip,
)
from live_gradcam.taught_head import MOST_CLASSES, TaughtHead
from live_gradcam.teach.lesson_guide import LESSON_CLASSES, LessonGuide
from live_gradcam.teach.teaching_state import TeachingState
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import TEACHING_ACTIONS, Event, Key, Pointer

_DIGITS = frozenset("123456789")
_MOST_LETTERS = 40


class Teaching(Protocol):
    """What the viewer does to the examples: a `teach.teacher.Teacher`, or a fake in tests."""

    @property
    def head(self) -> TaughtHead:
        """What was learned so far."""

    @property
    def state(self) -> TeachingState:
        """What was taught and learned so far, in numbers and words."""

    def hold(self, number: int, *, button: bool = False) -> str:
        """Begin a burst of a class, or prolong it; return a line if that is refused."""

    def release(self) -> None:
        """End the burst that a button began."""

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""

    def undo(self) -> str:
        """Forget the last burst, and return a line."""

    def forget(self, number: int | None) -> str:
        """Forget a class, or all; return a line."""

    def save(self) -> str:
        """Write the model file, and return a line."""


@dataclass(frozen=True, slots=True)
class NamePrompt:
    """The box that the name of a class is typed into."""

    hint: ClassVar[str] = "type a name, then Enter"
    none: ClassVar[str] = "Enter keeps it"
    completions: ClassVar[tuple[str, ...]] = ()
    chosen: ClassVar[int] = 0

    number: int
    """The class, 1 to 9."""

    text: str = ""

    @property
    def mark(self) -> str:
        """The digit of the class stands before its name."""
        return f"{self.number}: "

    def typed(self, key: str) -> NamePrompt:
        """Return the prompt after one more key."""
        if key == "Backspace":
            return replace(self, text=self.text[:-1])
        return self.with_text(key) if len(key) == 1 else self

    def with_text(self, text: str) -> NamePrompt:
        """Return the prompt after a pasted text; characters that cannot be shown are left out."""
        typed = self.text + "".join(filter(str.isprintable, text))
        return replace(self, text=typed[:_MOST_LETTERS])


class TeachingView(InteractiveView):
    """A view with a strip below the picture, in which the digits 1 to 9 teach.

    Args:
        renderer: as in `InteractiveView`.
        menu: as in `InteractiveView`; its labels follow what is taught.
        choice: as in `InteractiveView`.
        teaching: takes what the viewer teaches.
        lesson: says in the strip what to do next; None: the strip says what was learned.
        live: as in `InteractiveView`.
        slides: as in `InteractiveView`.
        fullscreen: as in `InteractiveView`.
        words: as in `InteractiveView`.
    """

    def __init__(
        self,
        renderer: Renderer,
        menu: Menu,
        choice: Choice,
        *,
        teaching: Teaching,
        lesson: LessonGuide | None = None,
        live: bool = True,
        slides: bool = False,
        fullscreen: bool = False,
        words: Words = ENGLISH,
    ) -> None:
        super().__init__(
            renderer,
            replace(menu, labels=(), other_names=()),
            choice,
            live=live,
            slides=slides,
            fullscreen=fullscreen,
            words=words,
        )
        self._teaching = teaching
        self._lesson = lesson
        self._panels = Panels(words, TEACHING_ACTIONS)
        self._held = False
        """Whether a button of the strip is held."""
        self._forgets = False
        """Whether the next digit forgets its class."""
        self._noted = ""
        """The note that was said last."""
        self._drawn: tuple[tuple[TeachingState, str, tuple[int, int]], Pixels] | None = None
        """What the newest strip shows, and the strip."""
        self.cells: tuple[StripCell, ...] = ()
        """The buttons of the strip."""

    def show_frame(self, frame: Frame) -> Frame:
        """Take the next frame; see `ViewState.show_frame`."""
        labels = self._teaching.head.labels
        if labels != self.menu.labels:
            self._controls.menu = replace(self.menu, labels=labels)
            self._choose(replace(self.choice, target=None, rival=None))
        return super().show_frame(frame)

    def handle(self, event: Event) -> None:
        """Handle a key, a text or the mouse."""
        if isinstance(event, Pointer) and (self._held or self._in_strip(event)):
            self._press(event)
        elif isinstance(event, Key) and self._forgets and self._panels.prompt is None:
            self._forget(event.name)
        elif event == Key("Enter") and self._lesson is not None and self._panels.prompt is None:
            self._lesson.go_on()
        else:
            super().handle(event)

    def picture(self) -> tuple[Pixels, TrackedHeat | None]:
        """Return the picture with the strip below it; see `ViewState.picture`."""
        picture, heat = super().picture()
        height, width = picture.shape[:2]
        state = self._teaching.state
        if self._lesson is not None:
            self._lesson.follow(state)
            if self._lesson.forgets(state):
                self._teaching.undo()
            for number, name in self._lesson.new_names(state).items():
                self._teaching.rename(number, name)
        if state.note != self._noted:
            self._noted = state.note
            self._say_if(state.note)
        task = "" if self._lesson is None else self._lesson.line(self._words)
        return np.vstack([picture, self._strip(state, task, (width, height))]), heat

    def _strip(self, state: TeachingState, task: str, size: tuple[int, int]) -> Pixels:
        """Return the strip below a picture of (width, height); it is drawn again only when something has changed."""
        shows = state, task, size
        if self._drawn is None or self._drawn[0] != shows:
            most = MOST_CLASSES if self._lesson is None else LESSON_CLASSES
            self.cells = _cells(state, self._words, most)
            lesson = self._lesson
            # The task needs most of the lines. The warning is the answer to a question, so it comes with that.
            asks = lesson is None or lesson.step.teaches is None
            warning = state.warning if asks else ""
            led = state.failure or ("" if warning or not asks else state.heat)
            strip = TeachingStrip(
                cells=self.cells,
                task=task,
                line=state.line(self._words) if lesson is None else self._words(led),
                warning=self._words(warning),
            )
            self._drawn = shows, draw_teaching_strip(strip, size)
        return self._drawn[1]

    def with_signs(self, picture: Pixels, *, seconds: float | None, hint: bool) -> Pixels:
        """Return a copy of the newest picture with the signs that only the window shows; see `ViewPicture`."""
        height = self._size[1]
        signed = super().with_signs(picture[:height], seconds=seconds, hint=hint)
        return np.vstack([signed, picture[height:]])

    def _do(self, action: str | None) -> None:
        if action is None:
            return
        if action.startswith("teach-"):
            self._say_if(self._teaching.hold(int(action.removeprefix("teach-"))))
        elif action == "name-class":
            self._name(self._teaching.state.newest)
        elif action == "undo-burst":
            self._say(self._teaching.undo())
        elif action == "forget-class":
            self._forgets = True
            self._say("forget which class? its number; g: all")
        elif action == "save-model":
            self._say(self._teaching.save())
        else:
            super()._do(action)

    def _type(self, key: str, prompt: Prompt) -> None:
        if not isinstance(prompt, NamePrompt):
            super()._type(key, prompt)
        elif key == "Enter":
            self._panels.close()
            self._say_if(self._teaching.rename(prompt.number, prompt.text) if prompt.text.strip() else "")
        elif key == "Tab":
            self._name(self._teaching.state.after(prompt.number))
        else:
            super()._type(key, prompt)

    def _name(self, number: int | None) -> None:
        if number is None:
            self._say("teach a class first: hold 1")
        else:
            self._panels.ask(NamePrompt(number))

    def _forget(self, key: str) -> None:
        self._forgets = False
        if key in _DIGITS:
            self._say(self._teaching.forget(int(key)))
        elif key == "g":
            self._say(self._teaching.forget(None))
        else:
            self._say("nothing is forgotten")

    def _say_if(self, line: str) -> None:
        if line:
            self._say(line)

    def _in_strip(self, event: Pointer) -> bool:
        return self._frame is not None and event.y >= self._size[1]

    def _press(self, event: Pointer) -> None:
        """Teach while the button of a class is held."""
        if event.kind == "down":
            number = cell_at(self.cells, self._size, event.x, event.y)
            if number is not None:
                self._held = True
                self._say_if(self._teaching.hold(number, button=True))
        elif event.kind == "up" and self._held:
            self._held = False
            self._teaching.release()


def _cells(state: TeachingState, words: Words, most: int) -> tuple[StripCell, ...]:
    """Return a cell for each class, and one for the next where there are fewer than the most."""
    cells = [
        StripCell(
            number=each.number,
            name=each.name,
            detail=words(f"{each.count} pictures"),
            picture=each.thumbnail,
            recording=state.recording == each.number,
        )
        for each in state.classes
    ]
    free = next(
        (number for number in range(1, most + 1) if number not in {each.number for each in state.classes}),
        None,
    )
    if free is not None:
        cells.append(
            StripCell(
                number=free,
                name=words(f"hold {free}"),
                detail=words("to teach a class"),
                recording=state.recording == free,
            )
        )
    return tuple(cells)
