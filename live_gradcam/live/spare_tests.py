"""Spare tests: the masking tests of a run, done step by step in the time that nothing else needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import FrameTest
from live_gradcam.frame import Frame
from live_gradcam.metrics.heat_test import HeatTest, untestable
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.prediction import Value
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

EVERY = 24
"""Where there is no free time, each explained frame saves one part in so many of a step."""

MOST_SAVED = 8
"""So many steps are saved at most; a test has seven. The first test of a class takes what there is, so that its verdict
comes soon. A later one begins when all is saved, so that another class usually finds enough."""

APART, APART_SECONDS = 2, 0.2
"""A saved step is spent after so many explained frames and so many seconds at the earliest: so the lost frames lie
apart, and the seven steps of a test take less than two seconds from 8 explained frames a second on."""

PAUSE_SECONDS = 1.0
"""From the result for a class to the next test for it: a figure that changes more often cannot be read."""

_EARLY, _SLOWER = 0.9, 1.3
"""A frame may come after this share of the usual interval, and a step may take longer than usual by this factor."""

_FOLLOWS = 0.1
"""Weight of the newest interval in the usual one."""

_WINDOW, _LOST = 24, 2
"""There is no free time if more than so many of so many frames were lost."""

_REST_SECONDS, _LONGEST_REST = 2.0, 60.0
"""How long free time is left alone after frames were lost, at first and at most: each time it doubles."""


Room = Literal["free", "saved"]
"""What a step takes its time from: what nothing else needs, or what frames have saved for it."""


class FreeTime:
    """Tells whether there is time for a step: no frame waits, the next one is not due, and none were lost lately.

    Where there is none, explained frames save steps: n frames lose at most n / `EVERY` + `MOST_SAVED` others.

    Args:
        statistics: counts captured and shown frames.
    """

    def __init__(self, statistics: RunStatistics) -> None:
        self._statistics = statistics
        self._offered_at: float | None = None
        self._interval: float | None = None
        self._offered = 0
        self._explained = 0
        self._cost = 0.0
        self._before: tuple[int, int] | None = None
        self._rests_until = float("-inf")
        self._rest = _REST_SECONDS
        self._since = 0
        self._saved = MOST_SAVED * EVERY
        self._spent_at = float("-inf")

    def offered(self, now: float) -> None:
        """Note that a frame comes."""
        before, self._offered_at = self._offered_at, now
        self._offered += 1
        if before is not None:
            usual = now - before if self._interval is None else self._interval
            # A frame that comes late because the camera was away does not make the usual interval longer.
            self._interval = usual + _FOLLOWS * (min(now - before, 2 * usual) - usual)

    def explained(self, now: float) -> None:
        """Note that a frame was explained, and look for lost frames now and then."""
        self._since += 1
        self._saved = min(MOST_SAVED * EVERY, self._saved + 1)
        self._explained += 1
        if self._explained % _WINDOW or self._offered_at is None:
            return
        counted = self._statistics
        lost = self._offered - self._explained, counted.frames_captured - counted.frames_shown
        before, self._before = self._before, lost
        if before is None:
            return
        if any(each - earlier > _LOST for each, earlier in zip(lost, before, strict=True)):
            self._rests_until = now + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST)
        elif now > self._rests_until + 2 * self._rest:
            self._rest = _REST_SECONDS

    def room(self, now: float, *, waits: bool, until: float | None, urgent: bool) -> Room | None:
        """Return what a step may take its time from; None if it must wait.

        Args:
            now: monotonic seconds.
            waits: whether a frame waits to be explained.
            until: when the next frame comes, in monotonic seconds; None: as expected.
            urgent: whether the step may take all that is saved.
        """
        if not waits and now >= self._rests_until:
            expected = self._next if until is None else until
            if now + _SLOWER * self._cost <= expected:
                return "free"
        enough = EVERY if urgent else MOST_SAVED * EVERY
        apart = self._since >= APART and now - self._spent_at >= APART_SECONDS
        return "saved" if apart and self._saved >= enough else None

    def spent(self, now: float, seconds: float, room: Room) -> None:
        """Note that a step ended, how many seconds it took, and from what."""
        self._since = 0
        self._spent_at = now
        self._saved -= EVERY * (room == "saved")
        self._cost = max(seconds, self._cost + (seconds - self._cost) * _FOLLOWS)

    @property
    def _next(self) -> float:
        """When the next frame is expected, in monotonic seconds; in the past until that can be told."""
        if self._offered_at is None or self._interval is None:
            return float("-inf")
        return self._offered_at + _EARLY * self._interval


class SpareTests:
    """Tests the heat of a run's frames, as `ExplainThread` and the loops over files have time for it.

    `offered` and `newest` may be called by another thread than the other methods.

    Args:
        answers: begins tests.
        statistics: counts the results.
        pause: seconds from a result to the next test of the same class; 0 where frames are independent pictures.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        answers: ProvedAnswers,
        statistics: RunStatistics,
        *,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.share: float | None = None
        """The share of the area that the tests keep; None: nothing is tested."""
        self._answers = answers
        self._statistics = statistics
        self._pause = pause
        self._clock = clock
        self._free = FreeTime(statistics)
        self._subject: _Subject | None = None
        self._waiting: tuple[Frame, Answer, float] | None = None
        self._running: tuple[Frame, HeatTest] | None = None
        self._ended: float | None = None
        self._found: Latest[FrameTest] = Latest()

    def offered(self) -> None:
        """Note that a frame comes."""
        self._free.offered(self._clock())

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Take an answer about a frame: it is tested, or a later one, if no other test goes on.

        A test is given up if the question, the class, the method or the layer has changed.
        """
        self._free.explained(self._clock())
        share = self.share
        subject = None if share is None else _subject_of(answer, share)
        if subject != self._subject:
            self._subject, self._waiting, self._running, self._ended = subject, None, None, None
        if subject is None or share is None or self._running is not None:
            return
        if self._ended is None or self._clock() - self._ended >= self._pause:
            self._waiting = frame, answer, share

    def step(self, *, waits: bool, until: float | None = None) -> bool:
        """Do a step of a test if there is time for one, and return whether there was.

        Args:
            waits: whether a frame waits to be explained.
            until: when the next frame comes, in the seconds of `clock`; None: as expected.
        """
        if self._waiting is None and self._running is None:
            return False
        began = self._clock()
        room = self._free.room(
            began, waits=waits, until=until, urgent=self._running is not None or self._ended is None
        )
        if room is None:
            return False
        self._advance()
        now = self._clock()
        self._free.spent(now, now - began, room)
        return True

    def newest(self) -> FrameTest | None:
        """Return the newest result that was not taken yet; None if there is none.

        The first one of a class comes without controls, as soon as its own figures are known.
        """
        return self._found.take(0)

    def _advance(self) -> None:
        """Begin the waiting test, or score the next picture of the running one."""
        if self._waiting is not None:
            frame, answer, share = self._waiting
            self._waiting = None
            self._running = frame, self._answers.test(frame.pixels, answer, share)
            return
        assert self._running is not None
        frame, test = self._running
        found = test.step()
        if found is None:
            return
        if test.is_done:
            self._running, self._ended = None, self._clock()
            self._statistics.tested(found)
        elif self._ended is not None:
            return  # an earlier result, which has controls, is on the picture
        self._found.put(FrameTest(frame.index, frame.time, found))


_Subject = tuple[Question, int, str, str, float]
"""What a test is about: the question, the class, the method, the layer and the share."""


def _subject_of(answer: Answer, share: float) -> _Subject | None:
    """Return what a test of an answer would be about; None if it is not tested in spare time.

    Only heat for the class that the picture names is: the figures stand beside that name.
    """
    explanation = answer.first
    if answer.question.proof is not None or not names_target(explanation) or untestable(explanation):
        return None
    assert not isinstance(explanation.target, Value)
    target = explanation.target
    return answer.question, target.class_id, explanation.method, explanation.layer, share


def names_target(explanation: Explanation) -> bool:
    """Return whether the explained class is the most probable one, and probable enough to be named."""
    best, target = explanation.best, explanation.target
    if best is None or isinstance(target, Value) or best.class_id != target.class_id:
        return False
    return (best.probability or 0.0) >= explanation.needed


def why_untested(explanation: Explanation, *, is_asked: bool, is_on: bool, is_shown: bool) -> str:
    """Return in a few words why a picture shows no test of an explanation.

    Args:
        explanation: the explanation.
        is_asked: whether the question asks for the test of each frame.
        is_on: whether heat is tested in spare time.
        is_shown: whether the view shows such tests.
    """
    if reason := untestable(explanation):
        return reason
    if not is_asked:
        if not is_on:
            return "no test: it is switched off"
        if not is_shown:
            return "no test: this view shows none"
        if not names_target(explanation):
            best = explanation.best
            is_sure = best is not None and (best.probability or 0.0) >= explanation.needed
            return (
                f"no test: {'it is not the class on the picture' if is_sure else 'the network is not sure'}"
            )
    return "no test: none was done in time (--faithfulness takes the time)"
