"""The state of a view: it takes frames and answers, and gives the next question and the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import Faithfulness, FrameTest
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Choice, Menu, chosen_in_words, question_of
from live_gradcam.live.controls import Controls
from live_gradcam.live.mouse import Mouse
from live_gradcam.live.panels import Panels, Toast
from live_gradcam.live.spare_tests import why_untested
from live_gradcam.live.status import Status
from live_gradcam.live.view_picture import ViewPicture
from live_gradcam.question import Answer, Question
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.renderer import Renderer
from live_gradcam.translations import ENGLISH, Words

_IMMEDIATE: frozenset[View] = frozenset({"one", "side", "history"})
"""Views that any answer can fill. Each other view is shown only when the answer to its own question has come."""

_TESTED: frozenset[View] = frozenset({"one", "side", "history"})
"""Views that show the masking test of the heat beside the label plate."""


class ViewState:
    """The state of a run as the viewer sees it, without cameras, networks, windows and clocks; see `InteractiveView`.

    The same frames, events, answers and statuses in the same order give the same pictures, bit for bit; replay relies
    on that. Not thread-safe.

    Args:
        renderer: draws the picture.
        menu: what the viewer can choose from.
        choice: the choice at the beginning.
        live: whether frames arrive in real time. A frozen live view keeps its frame; a frozen file shows the frames
            that the viewer moves to.
        slides: whether the viewer turns from picture to picture.
        words: the viewer's language.
    """

    failure: str | None = None
    """Why saving the session ended; None: all is well."""

    def __init__(
        self,
        renderer: Renderer,
        menu: Menu,
        choice: Choice,
        *,
        live: bool = True,
        slides: bool = False,
        words: Words = ENGLISH,
    ) -> None:
        self._renderer = renderer
        self._picture = ViewPicture(renderer, slides=slides, words=words)
        self._live = live
        self.slides = slides
        """Whether the viewer turns from picture to picture."""
        self._first_choice = choice
        self._controls = Controls(menu, choice)
        self._answered = choice
        self._question = question_of(choice, menu)
        self._view: View = choice.look.view if choice.look.view in _IMMEDIATE else "one"
        self._status = Status()
        self._frame: Frame | None = None
        self._frozen: Pixels | None = None
        self._since = 0
        self._asked_since = 0
        self._turned: Frame | None = None
        self._words = words
        self._panels = Panels(words)
        self._toast = Toast()
        self._mouse = Mouse()

    @property
    def question(self) -> Question:
        """The question about the newest frame."""
        return self._question

    @property
    def choice(self) -> Choice:
        """The present choice."""
        return self._controls.choice

    @property
    def view(self) -> View:
        """The view that is shown now; the chosen one may still wait for its answer."""
        return self._view

    @property
    def menu(self) -> Menu:
        """What the viewer can choose from."""
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
    def tested_share(self) -> float | None:
        """The share of the area for masking tests in spare time; None: the picture shows none."""
        look = self.choice.look
        is_wanted = look.badge and self._view in _TESTED and self._question.proof is None
        return look.share if is_wanted else None

    @property
    def faithfulness(self) -> Faithfulness | None:
        """The masking test on the newest picture; None if there is none."""
        return self._renderer.tests.shown

    @property
    def untested(self) -> str:
        """Why the newest picture shows no masking test, in a few words; empty if it shows one."""
        explanation = self.explanation
        if self.faithfulness is not None or explanation is None:
            return ""
        return why_untested(
            explanation,
            is_asked=self._question.proof is not None,
            is_on=self.choice.look.badge,
            is_shown=self._view in _TESTED,
        )

    @property
    def toast(self) -> str:
        """The line that was shown last."""
        return self._toast.text

    @property
    def _size(self) -> tuple[int, int]:
        """(width, height) of the picture in pixels."""
        return (1, 1) if self._frame is None else self._renderer.canvas(self._frame.size)

    @property
    def _now(self) -> float:
        return 0.0 if self._frame is None else self._frame.time + self._status.idle

    def close(self) -> None:
        """Finish the saved session; here nothing is saved."""

    def show_frame(self, frame: Frame) -> Frame:
        """Take the next frame, and return it as it is shown: mirrored, or frozen."""
        pixels = frame.pixels
        if self.choice.mirror:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        if self._frozen is not None and self._live:
            pixels = self._frozen
        if self._frame is not None and self._frame.pixels.shape != pixels.shape:
            self._mouse.forget()
            self._answered = replace(self._answered, area=None)
            self._choose(replace(self.choice, area=None))
        self._frame = frame if pixels is frame.pixels else replace(frame, pixels=pixels)
        self._status = replace(self._status, idle=0.0)
        self._toast.start(self._now)
        return self._frame

    def accepts(self, frame: Frame) -> bool:
        """Whether an answer about a frame still counts: it does not if the picture was mirrored or switched since."""
        return frame is self._turned or frame.index >= self._since

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """Take an answer about a frame; one that no longer counts is dropped."""
        if not self.accepts(frame):
            return
        self._controls.explanation = answer.first
        if answer.question.layer is None:
            self._controls.usual_layer = answer.first.layer
        if replace(answer.question, head=None) == self._question:
            self._answered = self.choice
            self._view = self.choice.look.view
        self._renderer.add_answer(frame, answer)

    def add_test(self, test: FrameTest) -> None:
        """Take the masking test of an earlier frame; one that no longer counts is dropped."""
        if test.index >= max(self._since, self._asked_since):
            self._renderer.tests.add(test, self._now)

    def refuse_question(self, reason: str) -> None:
        """Go back to the choice that was answered last: the question cannot be answered."""
        answered, asked = self._answered, self.choice.method
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
        self._controls.refused_method = asked if asked != answered.method else None
        self._say(reason)

    def set_status(self, status: Status) -> None:
        """Take the status of the run."""
        self._status = status
        self._renderer.room = status.room

    def announce(self, text: str) -> None:
        """Show a line for a moment, such as the name of a saved file."""
        self._say(text)

    def source_changed(self) -> None:
        """Forget what belongs to the former source."""
        self._frozen = None
        self._mouse.forget()
        self._answered = replace(self._answered, area=None)
        self._choose(replace(self.choice, area=None, curves=False))
        self._forget_answers()

    def picture(self) -> tuple[Pixels, TrackedHeat | None]:
        """Return the picture of the newest frame, new (H, W, 3) uint8 BGR, and the heat on it."""
        assert self._frame is not None, "a frame comes before a picture"
        return self._picture.draw(
            self._frame,
            self.choice,
            self._view,
            chosen=self._chosen(),
            explanation=self.explanation,
            frozen=self.frozen,
            mouse=self._mouse,
            panels=self._panels,
            status=self._status,
            toast=self._toast.text if self._toast.stands(self._now) else None,
        )

    def with_signs(self, picture: Pixels, *, seconds: float | None, hint: bool) -> Pixels:
        """Return a copy of the newest picture with the signs that only the window shows; see `ViewPicture`."""
        return self._picture.with_signs(picture, seconds=seconds, hint=hint)

    def _chosen(self) -> str:
        """Return what differs from the defaults, in the viewer's language."""
        is_answered = self.explanation is not None and self._answered.target == self.choice.target
        explained = self.explanation.target if self.explanation is not None and is_answered else None
        return chosen_in_words(self.choice, self.menu, self._view, explained=explained, words=self._words)

    def _choose(self, choice: Choice) -> None:
        self._controls.choice = choice
        question = question_of(choice, self.menu)
        if question != self._question:
            self._question = question
            # Heat for the new question comes with the next frame at the earliest.
            self._asked_since = 0 if self._frame is None else self._frame.index
            self._renderer.tests.forget_badge()
        if choice.look.view in _IMMEDIATE:
            self._view = choice.look.view

    def _turn_round(self) -> None:
        """Mirror the frame that is shown, too."""
        self._mouse.forget()
        self._answered = replace(self._answered, area=None)
        if self._frame is not None:
            self._frame = replace(self._frame, pixels=np.ascontiguousarray(self._frame.pixels[:, ::-1]))
        if self._frozen is not None and self._frame is not None:
            self._frozen = self._frame.pixels
        self._forget_answers()
        self._turned = self._frame

    def _say(self, text: str) -> None:
        self._toast.say(text, None if self._frame is None else self._now)

    def _forget_answers(self) -> None:
        self._since = 0 if self._frame is None else self._frame.index + 1
        self._turned = None
        self._renderer.cut()
