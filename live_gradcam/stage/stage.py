"""The stage: keys, the mouse, frames and answers in; what to ask, and pictures, out."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from live_gradcam.actions import ACTION_OF, HELP
from live_gradcam.event import Event, Pointer
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.look import View
from live_gradcam.question import Answer, Question
from live_gradcam.render.carrier import CarriedHeat
from live_gradcam.render.help_page import help_pages
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.presenter import Presenter
from live_gradcam.render.prompt import Prompt as DrawnPrompt
from live_gradcam.stage.choice import Choice, chosen_in_words, question_of
from live_gradcam.stage.controls import Controls
from live_gradcam.stage.menu import Menu
from live_gradcam.stage.pointing import Pointing
from live_gradcam.stage.prompt import Prompt
from live_gradcam.stage.status import Status

TOAST_SECONDS = 2.0

_IMMEDIATE: frozenset[View] = frozenset({"one", "side", "history"})
"""Views that show what any answer holds; the others wait for theirs."""


class Stage:
    """All that a show is, but for cameras, networks, windows and clocks.

    The same frames, events, answers and statuses in the same order give the same pictures, bit for bit: that is how
    a session is played again. Not thread-safe.

    Args:
        presenter: what draws.
        menu: what there is to choose from.
        choice: what is chosen at the beginning.
        live: whether frames come by themselves, so that freezing keeps one of them; from a file, what comes to a
            frozen stage is what the viewer wants to see.
    """

    def __init__(self, presenter: Presenter, menu: Menu, choice: Choice, *, live: bool = True) -> None:
        self._presenter = presenter
        self._live = live
        self._controls = Controls(menu, choice)
        self._answered = choice
        self._question = question_of(choice, menu)
        self._view: View = choice.look.view if choice.look.view in _IMMEDIATE else "one"
        self._status = Status()
        self._frame: Frame | None = None
        self._frozen: Pixels | None = None
        self._since = 0
        self._turned: Frame | None = None
        self._prompt: Prompt | None = None
        self._help_page: int | None = None
        self._toast = ""
        self._toast_since: float | None = None
        self._pointing = Pointing()
        self._requests: deque[str] = deque()

    @property
    def question(self) -> Question:
        """What is to be asked about the newest frame."""
        return self._question

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        return self._controls.choice

    @property
    def view(self) -> View:
        """What stands on the picture now; that which is chosen may still be waited for."""
        return self._view

    @property
    def menu(self) -> Menu:
        """What there is to choose from."""
        return self._controls.menu

    @property
    def frame(self) -> Frame | None:
        """The frame that is shown; None before the first."""
        return self._frame

    @property
    def frozen(self) -> bool:
        """Whether the picture stands still."""
        return self._frozen is not None

    @property
    def explanation(self) -> Explanation | None:
        """The newest explanation; None before the first."""
        return self._controls.explanation

    @property
    def toast(self) -> str:
        """What was said last."""
        return self._toast

    @property
    def prompt(self) -> Prompt | None:
        """The search for a class, while it is open."""
        return self._prompt

    @property
    def _now(self) -> float:
        return 0.0 if self._frame is None else self._frame.time + self._status.idle

    def take_requests(self) -> tuple[str, ...]:
        """Return the names of actions that others have to carry out, such as `record`, oldest first, once."""
        requests = tuple(self._requests)
        self._requests.clear()
        return requests

    def act(self, event: Event) -> None:
        """Take in what the viewer did."""
        if isinstance(event, Pointer):
            self._point(event)
        elif self._prompt is not None:
            self._type(event.name, self._prompt)
        elif event.name == "Escape":
            # It first closes what is open.
            if self._help_page is not None:
                self._help_page = None
            else:
                self._requests.append("quit")
        elif (action := ACTION_OF.get(event.name)) is not None:
            self._do(action)

    def see(self, frame: Frame) -> Frame:
        """Take in the next frame, and return it as it is shown: mirrored, or standing still."""
        pixels = frame.pixels
        if self.choice.mirror:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        if self._frozen is not None and self._live:
            pixels = self._frozen
        if self._frame is not None and self._frame.pixels.shape != pixels.shape:
            self._pointing.forget()
            self._answered = replace(self._answered, area=None)
            self._choose(replace(self.choice, area=None))
        self._frame = frame if pixels is frame.pixels else replace(frame, pixels=pixels)
        self._status = replace(self._status, idle=0.0)
        if self._toast_since is None:
            self._toast_since = self._now
        return self._frame

    def takes(self, frame: Frame) -> bool:
        """Whether an answer about a frame still counts: not, where the picture is mirrored since or of elsewhere."""
        return frame is self._turned or frame.index >= self._since

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Take in an answer about a frame that was seen; one that no longer counts is dropped."""
        if not self.takes(frame):
            return
        self._controls.explanation = answer.first
        if answer.question.layer is None:
            self._controls.usual_layer = answer.first.layer
        if answer.question == self._question:
            self._answered = self.choice
            self._view = self.choice.look.view
        self._presenter.explained(frame, answer)

    def refused(self, reason: str) -> None:
        """Take in that the question cannot be answered: what was answered last counts again."""
        answered = self._answered
        self._choose(
            replace(
                self.choice,
                method=answered.method,
                layer=answered.layer,
                target=answered.target,
                rival=answered.rival,
                area=answered.area,
                look=replace(self.choice.look, view=self._view),
            )
        )
        self._say(reason)

    def told(self, status: Status) -> None:
        """Take in what goes on around the picture."""
        self._status = status

    def announce(self, text: str) -> None:
        """Take in a line that is to be shown for a moment: what was saved, and where."""
        self._say(text)

    def source_changed(self) -> None:
        """Take in that the frames from now on come from somewhere else."""
        self._frozen = None
        self._pointing.forget()
        self._choose(replace(self.choice, area=None))
        self._forget_answers()

    def picture(self) -> tuple[Pixels, CarriedHeat | None]:
        """Return the picture of the newest frame, new (H, W, 3) uint8 BGR, and the heat on it."""
        frame = self._frame
        assert frame is not None, "a frame is seen before a picture is asked for"
        since = self._now if self._toast_since is None else self._toast_since
        look = self.choice.look
        self._presenter.look = replace(look, view=self._view)
        return self._presenter.picture(
            frame,
            Overlay(
                chosen=chosen_in_words(self.choice, self.menu, self._view),
                notice=self._status.notice,
                busy=self._status.busy,
                toast=self._toast if self._toast and 0 <= self._now - since < TOAST_SECONDS else None,
                frozen=self.frozen,
                prompt=None if self._prompt is None else _drawn(self._prompt),
                rectangle=self._pointing.rectangle,
                probe=self._pointing.probe,
                help=() if self._help_page is None else HELP,
                help_page=self._help_page or 0,
                statistics=self._status.statistics,
            ),
        )

    def with_recording(self, picture: Pixels, seconds: float) -> Pixels:
        """Return a copy of the newest picture with the sign that it is being recorded, and for how long."""
        return self._presenter.with_recording(picture, seconds)

    def _do(self, action: str) -> None:
        if action == "help":
            self._turn_help()
        elif action == "freeze":
            self._frozen = None if self.frozen or self._frame is None else self._frame.pixels
        elif action == "search":
            self._prompt = Prompt(self.menu.labels)
        elif self._controls.does(action):
            mirrored = self.choice.mirror
            self._controls.rows = self._presenter.rows
            text = self._controls.do(action)
            self._choose(self.choice)
            if text:
                self._say(text)
            if action in ("whole", "view"):
                self._pointing.probe = None
            if self.choice.mirror != mirrored:
                self._turn_round()
        else:
            self._requests.append(action)

    def _turn_help(self) -> None:
        """Show the help, its next page, or none after the last."""
        page = 0 if self._help_page is None else self._help_page + 1
        pages = 1 if self._frame is None else help_pages(HELP, self._frame.size)
        self._help_page = page if page < pages else None

    def _choose(self, choice: Choice) -> None:
        self._controls.choice = choice
        self._question = question_of(choice, self.menu)
        if choice.look.view in _IMMEDIATE:
            self._view = choice.look.view

    def _turn_round(self) -> None:
        """Go on with a picture that is mirrored, or no longer so."""
        self._pointing.forget()
        self._answered = replace(self._answered, area=None)
        if self._frame is not None:
            self._frame = replace(self._frame, pixels=np.ascontiguousarray(self._frame.pixels[:, ::-1]))
        if self._frozen is not None and self._frame is not None:
            self._frozen = self._frame.pixels
        self._forget_answers()
        self._turned = self._frame

    def _say(self, text: str) -> None:
        self._toast = text
        self._toast_since = None if self._frame is None else self._now

    def _forget_answers(self) -> None:
        self._since = 0 if self._frame is None else self._frame.index + 1
        self._turned = None
        self._presenter.cut()

    def _type(self, key: str, prompt: Prompt) -> None:
        if key == "Enter" and prompt.class_id is not None:
            self._say(self._controls.aim(prompt.class_id))
            self._choose(self.choice)
        self._prompt = None if key in ("Enter", "Escape") else prompt.typed(key)

    def _point(self, event: Pointer) -> None:
        if self._frame is None:
            return
        area = self._pointing.take(event, self._presenter.place_in_frame(event.x, event.y))
        if area is not None:
            self._choose(replace(self.choice, area=area))


def _drawn(prompt: Prompt) -> DrawnPrompt:
    """Return the prompt as it is drawn."""
    return DrawnPrompt(typed=prompt.text, completions=prompt.completions, chosen=prompt.chosen)
