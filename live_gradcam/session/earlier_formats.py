"""Sessions of earlier formats: their keys keep the meaning that they had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from live_gradcam.frame import Frame
from live_gradcam.live.controls import STYLES, VIEWS
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.panels import Prompt
from live_gradcam.live.status import Request
from live_gradcam.question import Answer, Question
from live_gradcam.session.journal import FORMAT

_SINCE_2 = frozenset({"menu", "keep", "reset", "seek", "seek-back"})
"""Actions whose keys had no effect in format 1."""

_SINCE_4 = frozenset({"badge", "share", "curves"})
"""Actions whose keys had no effect in formats 1 to 3."""

_STYLES_OF_1 = tuple(style for style in STYLES if style != "fade")

_VIEWS_OF_4 = tuple(view for view in VIEWS if view != "concepts")
_VIEWS_OF_3 = tuple(view for view in _VIEWS_OF_4 if view != "proof")


def view_of_format(number: int) -> Callable[..., InteractiveView]:
    """Return the function that makes the view for the replay of a session of this format."""
    return InteractiveView if number >= FORMAT else partial(EarlierView, session_format=number)


class EarlierView(InteractiveView):
    """A view that plays sessions of earlier formats.

    In format 1, Esc ends the run at once, Enter closes the search even if no class fits, and some keys do not exist.
    In formats 1 and 2 the panes lie elsewhere, and the keys 1 to 5 may choose other rows; so class and area are taken
    from the questions that were answered. In formats 1 to 3 there are no masking tests.
    In formats 1 to 4 there are no concepts.

    Args:
        stage: positional arguments of `InteractiveView`.
        session_format: the format of the session, from 1.
        others: keyword arguments of `InteractiveView`.
    """

    def __init__(self, *stage: Any, session_format: int, **others: Any) -> None:  # noqa: ANN401 - as in InteractiveView
        super().__init__(*stage, **others)
        self._is_first = session_format == 1
        self._follows = session_format < 3
        self._asked: Question | None = None
        self._has_tests = session_format >= 4
        self._controls.views = _VIEWS_OF_4 if self._has_tests else _VIEWS_OF_3
        if self._is_first:
            self._controls.styles = _STYLES_OF_1

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """As in `InteractiveView`; first choose the class and the area of the answer's question."""
        if self._follows and self.accepts(frame) and answer.question != self._asked:
            self._asked = answer.question
            self._follow(answer.question)
        super().add_answer(frame, answer)

    def _follow(self, question: Question) -> None:
        """Choose the class and the area of a question that differs from the view's own question only in them."""
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
        if (self._has_tests or action not in _SINCE_4) and not (self._is_first and action in _SINCE_2):
            super()._do(action)

    def _type(self, key: str, prompt: Prompt) -> None:
        super()._type(key, prompt)
        if self._is_first and key == "Enter":
            self._panels.close()
