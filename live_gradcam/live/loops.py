"""The loops: live, where the picture waits for nothing, and over a file, where every frame is explained."""

from __future__ import annotations

import time
from collections.abc import Iterator

from live_gradcam.explain.explain_thread import ExplainThread
from live_gradcam.explain.question_switch import Answers, QuestionSwitch
from live_gradcam.frame import Frame
from live_gradcam.live.run_controller import RunController
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sources.source import LiveSource, Seekable, Slides, Source

_NOTICE_AFTER_SECONDS = 0.25
"""Without a new frame for so long, the last picture is shown again, with what the source has to say."""

_SEEK_SECONDS = 5.0
_GLANCE_MS = 20


def play_live(source: LiveSource, answers: Answers, show: RunController, statistics: RunStatistics) -> None:
    """Show every frame as it comes, with the newest explanation there is.

    Args:
        source: open and live; it is closed at the end.
        answers: what answers the stage's questions.
        show: what shows.
        statistics: where it is counted.
    """
    stage = show.stage
    with (
        source,
        ExplainThread(answers, stage.question, statistics, limit=show.limit) as worker,
    ):
        while not show.ended:
            frame = source.newest(_NOTICE_AFTER_SECONDS)
            if (refused := worker.refused()) is not None:
                stage.refused(refused)
            worker.ask(stage.question)
            show.busy = worker.compiling
            if frame is None:
                if source.ended:
                    return
                show.wait()
                continue
            frame = show.see(frame)
            worker.offer(frame)
            if (found := worker.newest()) is not None:
                stage.explained(*found)
            finished = worker.finished  # asked before it is shown: what was taken is on this picture
            show.frame(frame)
            if finished:
                return


def play_file(source: Source, answers: Answers, show: RunController, statistics: RunStatistics) -> None:
    """Explain and show every frame in order, in a window at the file's own pace.

    Args:
        source: open.
        answers: what answers the stage's questions.
        show: what shows.
        statistics: where it is counted.
    """
    with QuestionSwitch(answers, show.stage.question) as conversation:
        if isinstance(source, Slides) and show.by_hand:
            _SlideLoop(source, answers, show, statistics, conversation).play()
        else:
            _FileLoop(source, answers, show, statistics, conversation).play()


class _FileLoop:
    """A file on the stage: it runs at its own pace, stops, and goes on elsewhere, as the viewer likes."""

    def __init__(
        self,
        source: Source,
        answers: Answers,
        show: RunController,
        statistics: RunStatistics,
        conversation: QuestionSwitch,
    ) -> None:
        self._source = source
        self._answers = answers
        self._show = show
        self._stage = show.stage
        self._statistics = statistics
        self._conversation = conversation
        self._explained: Frame | None = None
        self._began: float | None = None
        self._moved = False

    def play(self) -> None:
        show = self._show
        for each in self._frames():
            if show.is_over(each):
                break
            frame = show.see(each)
            began = time.monotonic()
            self._explain()
            now = time.monotonic()
            self._statistics.stage("explain", 1000 * (now - began))
            if self._stage.explanation is not None:
                self._statistics.explained_by(self._stage.explanation, now)
            self._statistics.traces = self._answers.traces
            if show.window is not None:
                self._wait_for(frame)
                if self._stage.frame is not self._explained:
                    self._explain()
                frame = self._stage.frame or frame
            if self._moved:
                self._moved = False
                show.moved(frame)
            show.frame(frame)
            if show.ended:
                return
            self._stand_still()
        if show.window is not None:
            self._hold()

    def _frames(self) -> Iterator[Frame]:
        """Yield the file's frames; after a move, those from there on."""
        source = self._source
        while True:
            moved = False
            for frame in source:
                yield frame
                if self._show.ended:
                    return
                for move in self._show.take_moves():
                    moved = self._move(move, frame) or moved
                if moved:
                    break
            if not moved:
                return

    def _move(self, move: str, frame: Frame) -> bool:
        """Move in the file, and return whether it goes on elsewhere."""
        source, show = self._source, self._show
        if move == "step":
            return False
        if not isinstance(source, Seekable):
            show.stage.announce("only in videos")
            return False
        now = frame.media_time or 0.0
        if move == "step-back":
            source.step_back(now)
        else:
            source.seek(max(0.0, now + (_SEEK_SECONDS if move == "seek" else -_SEEK_SECONDS)))
        self._began = None
        self._moved = True
        return True

    def _explain(self) -> None:
        """Answer the stage's question about the frame that is on it."""
        frame = self._explained = self._stage.frame
        assert frame is not None
        conversation = self._conversation
        if (refused := conversation.refused()) is not None:
            self._stage.refused(refused)
        conversation.ask(self._stage.question)
        self._stage.explained(frame, conversation.answer(frame.pixels))
        self._show.busy = conversation.compiling

    def _wait_for(self, frame: Frame) -> None:
        """Wait until a frame is due; one that is late is shown at once, and the rest follows it."""
        now = time.monotonic()
        if self._began is None or self._began + frame.time < now:
            self._began = now - frame.time
        while not self._show.ended and (left := self._began + frame.time - time.monotonic()) > 0:
            self._show.wait(max(1, min(_GLANCE_MS, int(1000 * left))))

    def _stand_still(self) -> None:
        """Stay with the frame as long as the picture is frozen and nobody moves on."""
        while self._stage.frozen and not self._show.ended and not self._show.moves_wait:
            self._linger()
            self._began = None

    def _hold(self) -> None:
        """Leave the last picture on the screen for as long as it lasts; a single one until the viewer ends it."""
        if self._statistics.frames_explained == 1 and self._show.endless:
            until = float("inf")
        elif self._source.fps:
            until = time.monotonic() + 1 / self._source.fps
        else:
            return
        while not self._show.ended and time.monotonic() < until:
            self._linger()

    def _linger(self) -> None:
        """Let the viewer change things about the frame that is on the stage."""
        show = self._show
        show.wait(_GLANCE_MS)
        explanation_is_old = (
            self._stage.question != self._conversation.answered or self._stage.frame is not self._explained
        )
        if (explanation_is_old or show.busy is not None) and not show.ended:
            self._explain()
            show.draw_again()


class _SlideLoop(_FileLoop):
    """Pictures on the stage: each stays until the viewer turns to another; one that moves is played meanwhile."""

    def __init__(
        self,
        source: Slides,
        answers: Answers,
        show: RunController,
        statistics: RunStatistics,
        conversation: QuestionSwitch,
    ) -> None:
        super().__init__(source, answers, show, statistics, conversation)
        self._slides = source
        self._turned = False

    def _frames(self) -> Iterator[Frame]:
        """Yield the pictures, in the order in which the viewer wants to see them."""
        goes_on = True
        while goes_on and not self._show.ended:
            goes_on = False
            for frame in self._slides:
                yield frame
                if self._turned or self._show.ended:
                    goes_on = True
                    break
            if self._turned:
                self._turned = False
                self._began = None
                self._stage.source_changed()

    def _stand_still(self) -> None:
        """Stay with a picture until the viewer turns to another."""
        while not self._show.ended:
            for move in self._show.take_moves():
                self._turn(1 if move in ("step", "seek") else -1)
            if self._turned or not (self._slides.ends_slide or self._stage.frozen):
                return
            self._linger()
            self._began = None

    def _turn(self, step: int) -> None:
        if self._slides.turn(step):
            self._turned = True
        elif not self._turned:
            self._show.stage.announce("this is the last picture" if step > 0 else "this is the first picture")
            self._show.draw_again()

    def _hold(self) -> None:
        """Nothing is left to hold: the last picture has stayed until the viewer ended it."""
