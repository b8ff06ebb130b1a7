"""The loops of a run: a live source shows each frame at once, a file explains every frame before it is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator

from live_gradcam.explain.explain_thread import ExplainThread
from live_gradcam.explain.question_switch import Answers, QuestionSwitch
from live_gradcam.frame import Frame
from live_gradcam.live.run_controller import RunController
from live_gradcam.live.spare_tests import SpareTests
from live_gradcam.live.status import Request
from live_gradcam.question import Answer, Question
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sources.source import LiveSource, Seekable, Slides, Source

_NOTICE_AFTER_SECONDS = 0.25
"""After this time without a frame, the last picture is drawn again with the source's notice."""

_SEEK_SECONDS = 5.0
_POLL_MS = 20


def run_live(
    source: LiveSource,
    answers: Answers,
    controller: RunController,
    statistics: RunStatistics,
    tests: SpareTests | None = None,
) -> None:
    """Show every frame as it comes, with the newest explanation.

    Args:
        source: an open live source; it is closed at the end.
        answers: answers the view's questions.
        controller: draws and shows.
        statistics: counts.
        tests: the masking tests in spare time; None: there are none.
    """
    view = controller.view
    thread = ExplainThread(answers, view.question, statistics, limit=controller.limit, spare=tests)
    with source, thread as explainer:
        while not controller.ended:
            frame = source.newest(_NOTICE_AFTER_SECONDS)
            if (reason := explainer.refused()) is not None:
                view.refuse_question(reason)
            explainer.ask(view.question)
            controller.busy = explainer.compiling
            if tests is not None:
                tests.share = view.tested_share
            if frame is None:
                if source.ended:
                    return
                controller.wait()
                continue
            frame = controller.take_frame(frame)
            explainer.offer(frame)
            # If the source ended while the network was loaded, its last frame waits for the first answer.
            if (answer := explainer.newest(patient=source.ended and view.explanation is None)) is not None:
                view.add_answer(*answer)
                _count(answer[1], statistics)
            if tests is not None and (test := tests.newest()) is not None:
                view.add_test(test)
            finished = explainer.finished  # read before `show`, so that the last answer is still shown
            controller.show(frame)
            if finished:
                return


def _count(answer: Answer, statistics: RunStatistics) -> None:
    if answer.proof is not None:
        statistics.tested(answer.proof.faithfulness)


def run_file(
    source: Source,
    answers: Answers,
    controller: RunController,
    statistics: RunStatistics,
    tests: SpareTests | None = None,
) -> None:
    """Explain and show every frame in order; in a window at the file's own pace.

    Args:
        source: the open source.
        answers: answers the view's questions.
        controller: draws and shows.
        statistics: counts.
        tests: the masking tests in spare time; None: there are none.
    """
    with QuestionSwitch(answers, controller.view.question) as questions:
        if isinstance(source, Slides) and controller.by_hand:
            return _SlideLoop(source, answers, controller, statistics, questions, tests).run()
        return _FileLoop(source, answers, controller, statistics, questions, tests).run()


class _FileLoop:
    """The loop over a file: at its own pace, with the pauses and jumps that the viewer asks for."""

    def __init__(
        self,
        source: Source,
        answers: Answers,
        controller: RunController,
        statistics: RunStatistics,
        questions: QuestionSwitch,
        tests: SpareTests | None,
    ) -> None:
        self._source = source
        self._answers = answers
        self._controller = controller
        self._view = controller.view
        self._statistics = statistics
        self._questions = questions
        self._tests = tests
        self._explained: Frame | None = None
        self._answered: Question | None = None
        self._began: float | None = None
        self._moved = False

    def run(self) -> None:
        controller = self._controller
        for each in self._frames():
            if controller.is_over(each):
                break
            frame = controller.take_frame(each)
            began = time.monotonic()
            self._explain()
            now = time.monotonic()
            self._statistics.stage("explain", 1000 * (now - began))
            if self._view.explanation is not None:
                self._statistics.explained_by(self._view.explanation, now)
            self._statistics.traces = self._answers.traces
            if controller.window is not None:
                self._wait_for(frame)
                if self._view.frame is not self._explained:
                    self._explain()
                frame = self._view.frame or frame
            if self._moved:
                self._moved = False
                controller.moved(frame)
            controller.show(frame)
            if controller.ended:
                return
            self._pause()
        if controller.window is not None:
            self._hold_last()

    def _frames(self) -> Iterator[Frame]:
        """Yield the frames of the file; after a move, the frames from the new place."""
        source = self._source
        while True:
            moved = False
            for frame in source:
                yield frame
                if self._controller.ended:
                    return
                for move in self._controller.take_moves():
                    moved = self._move(move, frame) or moved
                if moved:
                    break
            if not moved:
                return

    def _move(self, move: Request, frame: Frame) -> bool:
        """Move in the file, and return whether it continues elsewhere."""
        source = self._source
        if move is Request.STEP:
            return False
        if not isinstance(source, Seekable):
            self._view.announce("only works with video files")
            return False
        now = frame.media_time or 0.0
        if move is Request.STEP_BACK:
            source.step_back(now)
        else:
            source.seek(max(0.0, now + move.direction * _SEEK_SECONDS))
        self._began = None
        self._moved = True
        return True

    def _explain(self) -> None:
        """Answer the view's question about its frame."""
        frame = self._explained = self._view.frame
        assert frame is not None
        self._ask()
        answer = self._questions.answer(frame.pixels)
        self._answered = self._questions.answered
        self._view.add_answer(frame, answer)
        _count(answer, self._statistics)
        self._controller.busy = self._questions.compiling
        if self._tests is not None:
            self._tests.share = self._view.tested_share
            self._tests.explained(frame, answer)
            self._test(None)

    def _ask(self) -> bool:
        """Ask the view's question, which is answered once it is compiled; return whether the former was refused."""
        if (reason := self._questions.refused()) is not None:
            self._view.refuse_question(reason)
        self._questions.ask(self._view.question)
        self._controller.busy = self._questions.compiling
        return reason is not None

    def _test(self, until: float | None) -> bool:
        """Do a step of a masking test that ends before the next frame is due, and return whether it gave a result."""
        if self._tests is None or self._controller.busy is not None:  # tests would slow compiling down
            return False
        if not self._tests.step(waits=until is None, until=until):
            return False
        if (test := self._tests.newest()) is not None:
            self._view.add_test(test)
        return test is not None

    def _wait_for(self, frame: Frame) -> None:
        """Wait until a frame is due; a late frame is shown at once, and delays those after it."""
        now = time.monotonic()
        if self._began is None or self._began + frame.time < now:
            self._began = now - frame.time
        due = self._began + frame.time
        while not self._controller.ended and (left := due - time.monotonic()) > 0:
            self._test(due)
            self._controller.wait(max(1, min(_POLL_MS, int(1000 * left))))

    def _pause(self) -> None:
        """Stay at the frame while the picture is frozen and the viewer asks for no other place."""
        while self._view.frozen and not self._controller.ended and not self._controller.moves_wait:
            self._wait()
            self._began = None

    def _hold_last(self) -> None:
        """Show the last picture for its time; a single picture until the viewer ends the run."""
        if self._statistics.frames_explained == 1 and self._controller.endless:
            until = float("inf")
        elif self._source.fps:
            until = time.monotonic() + 1 / self._source.fps
        else:
            return
        while not self._controller.ended and time.monotonic() < until:
            self._wait()

    def _wait(self) -> None:
        """Wait a moment; explain and draw the frame again if the viewer changed something."""
        controller = self._controller
        controller.wait(_POLL_MS)
        if controller.ended:
            return
        # While the question is compiled, the former is not answered again, which would slow that down.
        redraws = self._ask()
        if self._questions.answered != self._answered or self._view.frame is not self._explained:
            self._explain()
            controller.redraw()
        elif redraws or self._test(float("inf")):
            controller.redraw()


class _SlideLoop(_FileLoop):
    """The loop over slides: each one stays until the viewer goes to another; an animated one plays once."""

    _source: Slides
    _turned = False

    def _frames(self) -> Iterator[Frame]:
        """Yield the pictures in the order in which the viewer turns them."""
        goes_on = True
        while goes_on and not self._controller.ended:
            goes_on = False
            for frame in self._source:
                yield frame
                if self._turned or self._controller.ended:
                    goes_on = True
                    break
            if self._turned:
                self._turned = False
                self._began = None
                self._view.source_changed()

    def _pause(self) -> None:
        """Stay at a picture until the viewer turns to another."""
        while not self._controller.ended:
            for move in self._controller.take_moves():
                self._turn(move.direction)
            if self._turned or not (self._source.ends_slide or self._view.frozen):
                return
            self._wait()
            self._began = None

    def _turn(self, step: int) -> None:
        if self._source.turn(step):
            self._turned = True
        elif not self._turned:
            self._view.announce("this is the last picture" if step > 0 else "this is the first picture")
            self._controller.redraw()

    def _hold_last(self) -> None:
        """Do nothing: the last picture has already stayed until the viewer ended the run."""
