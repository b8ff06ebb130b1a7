"""Spare tests: a step is begun only where nothing waits for it, and never one too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import explained

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import FrameTest
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.spare_tests import APART, EVERY, MOST_SAVED, PAUSE_SECONDS, SpareTests
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics

STEPS = 7
"""The masks, then six pictures."""

SIZE = (32, 32)


class Clock:
    """Time stands still but for the steps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Scores:
    """Scores each changed picture in a fixed time."""

    traces = 0

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.scored = 0

    def ready(self, question: Question, size: tuple[int, int]) -> bool:
        raise NotImplementedError

    prepare: Any = ready
    answer: Any = ready

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        self._clock.now += self._seconds
        self.scored += len(images)
        return [Answer(each, (cat(),)) for each in questions]


def cat(*, label: str = "tabby", probability: float = 0.8, method: str = "gradcam") -> Explanation:
    class_id = sum(map(ord, label))
    target = Prediction(class_id, label, probability)
    found = explained((0, 0, *SIZE), target=target)
    return Explanation(
        **{
            **{name: getattr(found, name) for name in found.__slots__},
            "top": (target, Prediction(0, "other", 0.1)),
            "method": method,
        }
    )


class Run:
    """A run whose frames come at a fixed rate and are explained in no time."""

    def __init__(self, *, fps: float = 30.0, step: float = 0.005, pause: float = PAUSE_SECONDS) -> None:
        self.clock = Clock()
        self.scores = Scores(self.clock, step)
        self.statistics = RunStatistics()
        answers = ProvedAnswers(self.scores, "crop", [SIZE])
        self.tests = SpareTests(answers, self.statistics, pause=pause, clock=self.clock)
        self.tests.share = 0.25
        self._interval = 1 / fps
        self._index = -1
        self._due = self.clock.now

    def frame(
        self, explanation: Explanation | None = None, *, waits: bool = False, question: Question | None = None
    ) -> int:
        """Let a frame come and be explained, and return how many steps followed."""
        self._index += 1
        self.clock.now = self._due = max(self._due, self.clock.now)
        self._due += self._interval
        self.tests.offered()
        frame = Frame(np.zeros((*SIZE, 3), np.uint8), self._index, self.clock.now)
        self.tests.explained(frame, Answer(question or Question(), (explanation or cat(),)))
        steps = 0
        while self.tests.step(waits=waits):
            steps += 1
        assert waits or self.clock.now <= self._due, "the next frame did not wait"
        return steps

    def until_result(self, most: int = 400) -> FrameTest | None:
        for _ in range(most):
            self.frame()
            if (found := self.tests.newest()) is not None and found.faithfulness.controls:
                return found
        return None


def test_a_test_is_done_within_a_few_frames_where_there_is_time() -> None:
    run = Run()
    found = run.until_result(5)
    assert found is not None
    assert found.index <= 2
    assert found.faithfulness.probability == 0.8
    assert found.faithfulness.share == 0.25
    assert run.scores.scored == STEPS - 1
    assert run.statistics.report(source="", model="", method="")["faithfulness"]["count"] == 1


@pytest.mark.parametrize("step", [0.005, 0.040, 0.5])
def test_where_frames_wait_few_steps_are_done_and_never_two_in_a_row(step: float) -> None:
    run = Run(step=step)
    steps = [run.frame(waits=True) for _ in range(60 * EVERY)]
    assert set(steps) == {0, 1}
    assert min(np.diff(np.flatnonzero(steps))) >= APART
    frames = np.arange(1, len(steps) + 1)
    assert (np.cumsum(steps) <= frames / EVERY + MOST_SAVED).all()
    assert sum(steps) >= len(steps) / EVERY - STEPS, "what is saved is spent"


@pytest.mark.parametrize("fps", [8, 15, 30, 60])
def test_without_free_time_the_first_verdict_of_a_class_comes_within_two_seconds(fps: int) -> None:
    run = Run(fps=fps)
    found = []
    for number in range(2 * fps):
        run.frame(waits=True)
        if (test := run.tests.newest()) is not None:
            found.append((number / fps, len(test.faithfulness.controls)))
    assert [controls for _, controls in found] == [0, 2], "its own figures come first, without a verdict"
    assert found[0][0] < 1


def test_without_free_time_a_class_is_tested_again_when_enough_is_saved_for_another() -> None:
    run = Run(fps=30)
    times = []
    for _ in range(40 * EVERY):
        run.frame(waits=True)
        if (test := run.tests.newest()) is not None and test.faithfulness.controls:
            times.append(run.clock.now)
            assert run.clock.now - test.time < 2, "the frame is a new one"
    assert len(times) > 3
    assert max(np.diff(times)) <= STEPS * EVERY / 30 + 2
    dog = cat(label="beagle")
    for _ in range(60):
        run.frame(dog, waits=True)
        if (test := run.tests.newest()) is not None and test.faithfulness.controls:
            assert test.faithfulness.label == "beagle"
            break
    else:
        pytest.fail("no verdict within two seconds")


def test_a_later_test_of_the_class_comes_with_its_verdict_only() -> None:
    run = Run(step=0.02)
    controls = []
    for _ in range(200):
        run.frame()
        if (test := run.tests.newest()) is not None:
            controls.append(len(test.faithfulness.controls))
    assert controls[:2] == [0, 2]
    assert len(controls) > 3
    assert set(controls[1:]) == {2}


def test_the_next_test_of_a_class_waits_so_that_the_figures_can_be_read() -> None:
    run = Run()
    first = run.until_result()
    second = run.until_result()
    assert first is not None
    assert second is not None
    assert PAUSE_SECONDS <= second.time - first.time <= PAUSE_SECONDS + 0.3


def test_another_class_is_tested_at_once() -> None:
    run = Run()
    assert run.until_result() is not None
    dog = cat(label="beagle")
    for _ in range(5):
        run.frame(dog)
    found = run.tests.newest()
    assert found is not None
    assert found.faithfulness.label == "beagle"


@pytest.mark.parametrize(
    "other",
    [
        {"explanation": cat(label="beagle")},
        {"explanation": cat(method="hirescam")},
        {"question": Question(area=(0, 0, 8, 8))},
        {"explanation": cat(probability=0.2)},
    ],
)
def test_a_test_is_given_up_when_something_else_is_explained(other: dict[str, Any]) -> None:
    run = Run(step=0.02)
    run.frame()
    run.frame()
    run.frame()
    scored = run.scores.scored
    assert 0 < scored < STEPS - 1
    run.tests.newest()
    run.frame(**other, waits=True)
    assert run.tests.newest() is None
    found = run.until_result(20)
    assert found is not None
    assert found.index >= 4
    assert found.faithfulness.label == "tabby"


@pytest.mark.parametrize("share", [None, 0.4])
def test_the_share_may_change_at_any_time(share: float | None) -> None:
    run = Run(step=0.02)
    run.frame()
    run.frame()
    run.tests.share = share
    for _ in range(20):
        run.frame()
    found = run.tests.newest()
    assert (None if found is None else found.faithfulness.share) == share


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Question(), (cat(probability=0.2),)),
        Answer(Question(proof=0.25), (cat(),)),
        Answer(Question(methods=("scorecam",)), (cat(method="scorecam"),)),
    ],
    ids=["not sure", "proved already", "many passes"],
)
def test_what_shows_no_figures_is_not_tested(answer: Answer) -> None:
    run = Run()
    for index in range(2 * EVERY):
        run.tests.offered()
        run.tests.explained(Frame(np.zeros((*SIZE, 3), np.uint8), index, run.clock.now), answer)
        assert not run.tests.step(waits=False, until=float("inf"))
        run.clock.now += 1 / 30
    assert run.scores.scored == 0


def test_a_camera_that_was_away_does_not_make_the_next_frames_late() -> None:
    run = Run(step=0.02)
    for _ in range(5):
        run.frame()
    run.clock.now += 20
    run.frame()
    interval = run.tests._free._interval
    assert interval is not None
    assert interval < 1.2 / 30


def lost_frames(run: Run, *, explained: int, shown: int) -> list[int]:
    """Let 200 frames come, of which some are not explained and some not shown; return after which steps were done."""
    steps = []
    for number in range(1, 201):
        run.statistics.frames_captured += 1
        run.statistics.frames_shown += bool(number % shown)
        if number % explained == 0:
            run.tests.offered()  # and replaced by the next
        if run.frame():
            steps.append(number)
        run.tests.newest()
    return steps


def test_where_all_frames_are_explained_and_shown_free_time_is_used_again_and_again() -> None:
    steps = lost_frames(Run(), explained=1000, shown=1000)
    assert len(steps) >= 10
    assert max(np.diff(steps)) < 60


@pytest.mark.parametrize("lost", [{"explained": 6, "shown": 1000}, {"explained": 1000, "shown": 6}])
def test_where_frames_are_lost_free_time_is_left_alone(lost: dict[str, int]) -> None:
    steps = [step for step in lost_frames(Run(), **lost) if step > 60]
    assert steps
    assert min(np.diff(steps)) >= APART
    assert len(steps) <= (200 - 60) / EVERY + MOST_SAVED


def test_a_rest_ends_when_no_frames_are_lost_any_more() -> None:
    run = Run()
    lost_frames(run, explained=6, shown=1000)
    run.clock.now += 120
    lost_frames(run, explained=1000, shown=1000)
    steps = lost_frames(run, explained=1000, shown=1000)
    assert len(steps) >= 10
