"""A stage as it was when a session of an earlier format was saved: its keys mean what they meant then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from live_gradcam.frame import Frame
from live_gradcam.live.class_search import ClassSearch
from live_gradcam.live.controls import STYLES
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.status import Request
from live_gradcam.question import Answer, Question
from live_gradcam.session.journal import FORMAT

_SINCE_2 = frozenset({"menu", "keep", "reset", "seek", "seek-back"})
"""Actions of keys that did nothing to the picture in sessions of format 1."""

_STYLES_OF_1 = tuple(style for style in STYLES if style != "fade")


def view_of_format(number: int) -> Callable[..., InteractiveView]:
    """Return what makes the view on which a session of a format is played."""
    return InteractiveView if number >= FORMAT else partial(EarlierView, session_format=number)


class EarlierView(InteractiveView):
    """Plays sessions of earlier formats.

    Of format 1, Esc ends the show at once, Enter closes the search whether a class fits or not, and some keys do not
    exist yet. Of every earlier format the panes lie elsewhere, and the keys 1 to 5 may take other rows: which class and
    which area came of it is read from the questions that were answered.

    Args:
        presenter: as of `InteractiveView`.
        session_format: of the session.
        others: as of `InteractiveView`.
    """

    def __init__(self, *stage: Any, session_format: int, **others: Any) -> None:  # noqa: ANN401 - as of Stage
        super().__init__(*stage, **others)
        self._is_first = session_format == 1
        self._asked: Question | None = None
        if self._is_first:
            self._controls.styles = _STYLES_OF_1

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """As of `InteractiveView`."""
        if self.accepts(frame) and answer.question != self._asked:
            self._asked = answer.question
            self._follow(answer.question)
        super().add_answer(frame, answer)

    def _follow(self, question: Question) -> None:
        """Choose the class and the area that a question names, where it differs from the stage's own in them alone."""
        own = self.question
        if question == own or replace(question, targets=own.targets, area=own.area) != own:
            return
        choice = replace(self.choice, area=question.area)
        (target, *others) = question.targets
        if not others and question.targets != own.targets and (target is None or isinstance(target, int)):
            choice = replace(choice, target=target, rival=None)
        self._choose(choice)

    def _escape(self) -> None:
        if not self._is_first:
            super()._escape()
        elif not self._panels.close():
            self._requests.append(Request.QUIT)

    def _do(self, action: str | None) -> None:
        if not (self._is_first and action in _SINCE_2):
            super()._do(action)

    def _type(self, key: str, prompt: ClassSearch) -> None:
        super()._type(key, prompt)
        if self._is_first and key == "Enter":
            self._panels.close()
