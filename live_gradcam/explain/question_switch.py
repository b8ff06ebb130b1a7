"""Changing the question while frames are answered: the old question is answered until the new one is compiled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import LiveGradcamError
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question

Size = tuple[int, int]
"""(width, height) of a frame in pixels."""


class Answers(Protocol):
    """Answers questions about frames: an `engine.Engine`, or a fake in tests."""

    @property
    def traces(self) -> int:
        """How often a network was traced."""

    def ready(self, question: Question, size: Size) -> bool:
        """Whether everything is compiled that a question needs for frames of a size."""

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        """Compile the graphs that a question needs, one with each step; yield before each step what it compiles."""

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame, (H, W, 3) uint8 BGR."""


Inner = TypeVar("Inner", bound=Answers)


class WrappedAnswers(Generic[Inner]):
    """The base of answers that add something to those of another, which compiles.

    Args:
        answers: the other one.
    """

    def __init__(self, answers: Inner) -> None:
        self._answers = answers

    @property
    def traces(self) -> int:
        """How often a network was traced."""
        return self._answers.traces

    def ready(self, question: Question, size: Size) -> bool:
        """Return whether everything is compiled that a question needs for frames of a size."""
        return self._answers.ready(question, size)

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        """Compile the graphs that a question needs, one with each step; yield before each step what it compiles."""
        return self._answers.prepare(question, size)


class QuestionSwitch(Closeable):
    """Answers the present question about frames, and lets any thread change the question.

    The graphs of a new question are compiled in a thread of its own. Until that is done, the former question is
    answered. Only one thread may call `answer`.

    Args:
        answers: answers the questions. `close` leaves it open.
        question: the first question. If it is not compiled yet, its first answer waits for that.
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
        """Change the question. The former one is answered until this one is compiled."""
        with self._lock:
            self._asked = question
            self._refused = None
            if question == self._answered:
                self._preparing.forget()
            elif self._size is not None:
                self._turn(self._size)

    def refused(self) -> str | None:
        """Return, once, one line that says why the new question cannot be answered; None if there is no such failure.

        The former question is then kept.
        """
        with self._lock:
            line, self._refused = self._refused, None
            return line

    def answer(self, pixels: Pixels) -> Answer:
        """Answer the present question about a frame, (H, W, 3) uint8 BGR. The answer names its question.

        Raises:
            Exception: any error of the network or method.
        """
        height, width = pixels.shape[:2]
        with self._lock:
            self._size = (width, height)
            self._turn(self._size)
            question = self._answered
        return self._answers.answer(pixels, question)

    def close(self, until: float | None = None) -> None:
        """Stop compiling after the present step, and join the thread.

        Args:
            until: when to stop waiting for the thread, in `time.monotonic()` seconds; None: after 0.8 s.
        """
        self._preparing.close(until)

    def _turn(self, size: Size) -> None:
        """Switch to the new question if it is compiled; return to the former one if it cannot be compiled."""
        if self._asked == self._answered:
            return
        try:
            if self._preparing.finished(self._asked, size):
                self._answered = self._asked
        except LiveGradcamError as error:
            self._refused, self._asked = str(error), self._answered


class Preparing:
    """Compiles the graphs of questions in a thread of its own. If several questions wait, only the newest is compiled.

    Args:
        answers: compiles the graphs.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: Latest[tuple[Question, Size]] = Latest()
        self._wanted: tuple[Question, Size] | None = None
        self._failure: tuple[tuple[Question, Size], Exception] | None = None
        self._doing: str | None = None
        self._worker = WorkerThread(
            self._prepare_all,
            name="prepare",
            end=self._waiting.close,
            left_behind=lambda: f"is still compiling {self._doing} and is left behind",
            level=logging.INFO,
        )

    @property
    def doing(self) -> str | None:
        """What is being compiled: `hirescam at block5c_add`; None where nothing is."""
        return self._doing

    def finished(self, question: Question, size: Size) -> bool:
        """Whether everything is compiled that a question needs; if not, begin to compile it, in place of any other.

        Raises:
            Exception: the error that compiling this question ended with; raised once.
        """
        wish = (question, size)
        if self._answers.ready(question, size):
            return True
        with self._lock:
            if self._failure is not None and self._failure[0] == wish:
                error, self._failure = self._failure[1], None
                raise error
            if wish != self._wanted:
                self._wanted = wish
                self._waiting.put(wish)
        return False

    def forget(self) -> None:
        """Compile no more; the present step is finished."""
        with self._lock:
            self._wanted = None

    def close(self, until: float | None = None) -> None:
        """Stop after the step in hand and join the thread, or leave it behind; see `QuestionSwitch.close`."""
        self.forget()
        self._worker.close(until)

    def _prepare_all(self) -> None:
        while (wish := self._waiting.take()) is not None:
            failure = None
            try:
                for step in self._answers.prepare(*wish):
                    if wish != self._wanted:
                        break
                    self._doing = step
            except Exception as error:  # any error is passed to the caller of `finished`
                failure = error
            self._doing = None
            with self._lock:
                if wish == self._wanted:
                    self._wanted = None
                    self._failure = None if failure is None else (wish, failure)
