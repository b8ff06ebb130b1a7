"""The explain thread: it takes the newest frame, answers the question about it, and keeps the newest answer."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from live_gradcam.concurrency.latest import Latest
from live_gradcam.explain.question_switch import Answers, QuestionSwitch
from live_gradcam.frame import Frame
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.9


class ExplainThread:
    """Explains in a thread of its own; never a stale frame, and nobody waits for it.

    An exception is raised to whoever asks for the newest answer; a new question that has none is refused, and the
    former one goes on.

    Args:
        answers: what answers.
        question: the first question, ready to be answered.
        statistics: where it is counted.
        limit: after how many frames it stops; None goes on until it is closed.
    """

    def __init__(
        self, answers: Answers, question: Question, statistics: RunStatistics, *, limit: int | None = None
    ) -> None:
        self._answers = answers
        self._conversation = QuestionSwitch(answers, question)
        self._statistics = statistics
        self._limit = limit
        self._offered: Latest[Frame] = Latest()
        self._answered: Latest[tuple[Frame, Answer]] = Latest()
        self._thread = threading.Thread(target=self._work, name="explain", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether its limit is reached and the last answer was taken."""
        return self._answered.closed

    @property
    def compiling(self) -> str | None:
        """What is being compiled for the question that was asked, `hirescam at block5c_add`; None where nothing is."""
        return self._conversation.compiling

    def ask(self, question: Question) -> None:
        """Ask this of every frame from now on; until it is compiled the former question is answered."""
        self._conversation.ask(question)

    def refused(self) -> str | None:
        """Return, once, why the question that was asked cannot be answered, one line; the former one goes on."""
        return self._conversation.refused()

    def offer(self, frame: Frame) -> None:
        """Offer a frame; it replaces one that was offered and not yet begun."""
        self._offered.put(frame)

    def newest(self) -> tuple[Frame, Answer] | None:
        """Return the newest answer not yet taken, with its frame; None where there is no new one.

        Raises:
            Exception: what the network failed with.
        """
        return self._answered.take(0)

    def close(self) -> None:
        """Stop after the frame in hand, and join the threads; one that is slow is left behind."""
        began = time.monotonic()
        self._offered.close()
        self._answered.close()
        self._conversation.close(_PATIENCE_SECONDS)
        self._thread.join(max(0.0, began + _PATIENCE_SECONDS - time.monotonic()))
        if self._thread.is_alive():
            # That is how slow the network is, and nothing that whoever quits has to know.
            logger.info("the thread '%s' is still at its last frame and is left behind", self._thread.name)

    def _work(self) -> None:
        try:
            while (frame := self._offered.take()) is not None:
                began = time.monotonic()
                answer = self._conversation.answer(frame.pixels)
                now = time.monotonic()
                self._statistics.stage("wait", 1000 * (began - frame.captured_at))
                self._statistics.stage("explain", 1000 * (now - began))
                self._statistics.explained_by(answer.first, now)
                self._statistics.traces = self._answers.traces
                self._answered.put((frame, answer))
                if self._statistics.frames_explained == self._limit:
                    break
            self._answered.close()
        except BaseException as error:  # whatever it is, the owner is told
            self._answered.close(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
