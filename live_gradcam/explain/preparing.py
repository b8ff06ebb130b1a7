"""The preparing thread: it compiles what questions need, while others are answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Protocol

from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.slot import Slot

logger = logging.getLogger(__name__)

Size = tuple[int, int]
"""(width, height) of a frame in pixels."""


class Answers(Protocol):
    """What answers questions about frames: `answering.Answering`, and what stands for it in tests."""

    @property
    def traces(self) -> int:
        """How often a network was traced."""

    def ready(self, question: Question, size: Size) -> bool:
        """Whether everything is compiled that a question needs for frames of a size."""

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        """Compile what a question needs, step by step; give before each step what it compiles."""

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame, (H, W, 3) uint8 BGR."""


class Preparing:
    """Compiles in a thread of its own: one thing at a time, and of what waits the newest only.

    Args:
        answers: what compiles.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: Slot[tuple[Question, Size]] = Slot()
        self._wanted: tuple[Question, Size] | None = None
        self._failure: tuple[tuple[Question, Size], Exception] | None = None
        self._doing: str | None = None
        self._thread = threading.Thread(target=self._work, name="prepare", daemon=True)
        self._thread.start()

    @property
    def doing(self) -> str | None:
        """What is being compiled: `hirescam at block5c_add`; None where nothing is."""
        return self._doing

    def finished(self, question: Question, size: Size) -> bool:
        """Whether a question is ready to be answered; if not, it is prepared, and no other that was wanted before.

        Raises:
            Exception: what the preparation of this question failed with, once.
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
        """Want nothing any more; the step that was begun is finished."""
        with self._lock:
            self._wanted = None

    def close(self, patience: float) -> None:
        """Stop after the step in hand, and join the thread; one that is slow is left behind.

        Args:
            patience: seconds to wait for it at most.
        """
        self.forget()
        self._waiting.close()
        self._thread.join(patience)
        if self._thread.is_alive():
            logger.info(
                "the thread '%s' is still compiling %s and is left behind", self._thread.name, self._doing
            )

    def _work(self) -> None:
        while (wish := self._waiting.take()) is not None:
            failure = None
            try:
                for step in self._answers.prepare(*wish):
                    if wish != self._wanted:
                        break
                    self._doing = step
            except Exception as error:  # whatever it is, whoever asked is told
                failure = error
            self._doing = None
            with self._lock:
                if wish == self._wanted:
                    self._wanted = None
                    self._failure = None if failure is None else (wish, failure)
