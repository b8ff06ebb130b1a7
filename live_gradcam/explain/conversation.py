"""A conversation: questions may change at any moment, and an answer never waits for what has to be compiled first."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.preparing import Answers, Preparing, Size
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question

_PATIENCE_SECONDS = 0.9


class Conversation:
    """Answers the newest question that is ready; a newer one is prepared meanwhile.

    One thread answers; any thread may ask.

    Args:
        answers: what answers. It is not closed.
        question: the first question; what it needs is compiled with its first answer, unless it is ready.
    """

    def __init__(self, answers: Answers, question: Question) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._answered = question
        self._asked = question
        self._size: Size | None = None
        self._refused: str | None = None
        self._preparing = Preparing(answers)

    @property
    def compiling(self) -> str | None:
        """What is compiled for the question that was asked, `hirescam at block5c_add`; None once it is answered."""
        return None if self._asked == self._answered else self._preparing.doing

    @property
    def answered(self) -> Question:
        """The question that is answered now."""
        return self._answered

    def ask(self, question: Question) -> None:
        """Ask from now on; the former question goes on being answered until this one can be."""
        with self._lock:
            self._asked = question
            self._refused = None
            if question == self._answered:
                self._preparing.forget()
            elif self._size is not None:
                self._turn(self._size)

    def refused(self) -> str | None:
        """Return, once, why the question that was asked cannot be answered: one line. The former one goes on."""
        with self._lock:
            line, self._refused = self._refused, None
            return line

    def answer(self, pixels: Pixels) -> Answer:
        """Answer about a frame, (H, W, 3) uint8 BGR; the answer says to which question.

        Raises:
            Exception: what the question that is answered fails with.
        """
        height, width = pixels.shape[:2]
        with self._lock:
            self._size = (width, height)
            self._turn(self._size)
            question = self._answered
        return self._answers.answer(pixels, question)

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Stop preparing. The thread is joined, or left behind and named in the log after `patience` seconds."""
        self._preparing.close(patience)

    def _turn(self, size: Size) -> None:
        """Turn to the question that was asked, if it is ready or turns out to have no answer."""
        if self._asked == self._answered:
            return
        try:
            if self._preparing.finished(self._asked, size):
                self._answered = self._asked
        except LiveGradcamError as error:
            self._refused, self._asked = str(error), self._answered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
