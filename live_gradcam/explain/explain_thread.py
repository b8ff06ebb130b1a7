"""The explain thread: explains the newest frame, again and again, and keeps the newest explanation."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.concurrency.worker_thread import PATIENCE, WorkerThread
from live_gradcam.explain.question_switch import Answers, QuestionSwitch
from live_gradcam.frame import Frame
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

_FIRST_ANSWER = 30.0
"""Seconds that a patient caller waits for an answer: the network may still be compiled."""


class SpareWork(Protocol):
    """Work for the time that explaining leaves free. All methods but `offered` are called by the explain thread."""

    def offered(self) -> None:
        """Note that a frame comes; called by the thread that offers frames."""

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Take an answer about a frame."""

    def step(self, *, waits: bool) -> bool:
        """Do a step if there is time for one, and return whether there was.

        Args:
            waits: whether a frame waits to be explained.
        """


class ExplainThread(Closeable):
    """Explains frames in a thread of its own: always the newest frame, and nobody waits for it.

    `newest` raises what the network raises. A new question that cannot be answered is refused, and the previous one
    continues.

    Args:
        answers: answers questions about frames.
        question: the first question, ready to be answered.
        statistics: where explanations are counted.
        limit: after how many frames it stops; None: when it is closed.
        spare: is done while no frame waits; None: nothing is.
    """

    def __init__(
        self,
        answers: Answers,
        question: Question,
        statistics: RunStatistics,
        *,
        limit: int | None = None,
        spare: SpareWork | None = None,
    ) -> None:
        self._answers = answers
        self._questions = QuestionSwitch(answers, question)
        self._statistics = statistics
        self._limit = limit
        self._spare = spare
        self._offered: Latest[Frame] = Latest()
        self._answered: Latest[tuple[Frame, Answer]] = Latest()
        self._worker = WorkerThread(
            self._explain_all,
            name="explain",
            end=self._end,
            then=self._answered.close,
            # The network is slow, and a user who quits need not know.
            left_behind="is still at its last frame and is left behind",
            level=logging.INFO,
        )

    @property
    def finished(self) -> bool:
        """Whether its limit is reached and the last answer was taken."""
        return self._answered.closed

    @property
    def compiling(self) -> str | None:
        """What is compiled for the newest question, such as `hirescam at block5c_add`; None: nothing."""
        return self._questions.compiling

    def ask(self, question: Question) -> None:
        """Answer this question about every frame from now on; until it is compiled, the previous one continues."""
        self._questions.ask(question)

    def refused(self) -> str | None:
        """Return, once, why the newest question cannot be answered, in one line; the previous one continues."""
        return self._questions.refused()

    def offer(self, frame: Frame) -> None:
        """Offer a frame; it replaces one that was offered and is not begun."""
        if self._spare is not None:
            self._spare.offered()
        self._offered.put(frame)

    def newest(self, *, patient: bool = False) -> tuple[Frame, Answer] | None:
        """Return the newest answer that was not taken yet, with its frame; None if there is none.

        Args:
            patient: whether to wait for one, half a minute at most.

        Raises:
            Exception: what the network raised.
        """
        return self._answered.take(_FIRST_ANSWER if patient else 0)

    def close(self) -> None:
        """Stop after the frame in hand and join the threads; a slow one is left behind."""
        until = time.monotonic() + PATIENCE
        self._end()
        self._questions.close(until)
        self._worker.close(until)

    def _end(self) -> None:
        self._offered.close()
        self._answered.close()

    def _explain_all(self) -> None:
        while (frame := self._offered.take()) is not None:
            began = time.monotonic()
            answer = self._questions.answer(frame.pixels)
            now = time.monotonic()
            self._statistics.stage("wait", 1000 * (began - frame.captured_at))
            self._statistics.stage("explain", 1000 * (now - began))
            self._statistics.explained_by(answer.first, now)
            self._statistics.traces = self._answers.traces
            self._answered.put((frame, answer))
            if self._statistics.frames_explained == self._limit:
                return
            if self._spare is not None:
                self._spare.explained(frame, answer)
                # While a graph is compiled no time is spare: steps would make that take several times as long.
                while self.compiling is None and self._spare.step(waits=self._offered.waits):
                    pass
