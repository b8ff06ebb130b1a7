"""The loop: pictures at the camera's rate, explanations at the network's, and an end that loses nothing."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import pytest
from fakes import LiveFake, explained
from limits import at_most, within
from programs import frames_in

from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.pipeline import play
from live_gradcam.question import Answer, Question
from live_gradcam.rendered_picture import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup

SIZE = (160, 120)


class FakeCamera(LiveFake):
    """A live source whose frames come at a rate; frame i is grey i. It may fall silent, fail or end."""

    size = SIZE

    def __init__(
        self, fps: float = 100, *, frames: int = 10_000, fails: bool = False, silent_after: int | None = None
    ) -> None:
        super().__init__("fake camera")
        self.fps: float | None = fps
        self._frames, self._fails, self._silent_after = frames, fails, silent_after
        self.captured: dict[int, float] = {}

    def frames(self) -> Iterator[Frame]:
        assert self.fps is not None
        for index in range(self._frames):
            if self.closed.wait(1 / self.fps):
                return
            if self._silent_after is not None and index >= self._silent_after:
                self.notice = "camera lost, reconnecting"
                self.closed.wait()
                return
            self.captured[index] = time.monotonic()
            self.frames_captured = len(self.captured)
            pixels = np.full((SIZE[1], SIZE[0], 3), index % 256, np.uint8)
            yield Frame(pixels, index, self.captured[index])
        if self._fails:
            raise SourceError("the fake camera caught fire. Put it out.")


class FakeExplainer:
    """Takes its time to answer, and may fail at one frame; it is ready for every question."""

    traces = 1

    def __init__(self, seconds: float = 0.0, *, fails_at: int | None = None) -> None:
        self._seconds, self._fails_at = seconds, fails_at
        self.explained = 0

    def ready(self, question: Question, size: tuple[int, int]) -> bool:  # noqa: ARG002 - for any
        return True

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:  # noqa: ARG002 - for any
        return iter(())

    def answer(self, pixels: Pixels, question: Question) -> Answer:  # noqa: ARG002 - the same for all
        if self.explained == self._fails_at:
            raise LiveGradcamError("the network broke. Take another.")
        self.explained += 1
        time.sleep(self._seconds)
        return Answer(question, (explained(region=(0, 0, *SIZE)),))


class FakeSink:
    """Keeps what it gets; it may hang, fail, or ask to end."""

    name = "fake sink"

    def __init__(
        self,
        *,
        ends_after: int | None = None,
        ends_at_heat: bool = False,
        fails_after: int | None = None,
        hangs_after: int | None = None,
        notice: str | None = None,
    ) -> None:
        self.notice = notice
        self._ends_at_heat = ends_at_heat
        self._ends_after, self._fails_after, self._hangs_after = ends_after, fails_after, hangs_after
        self.hangs = threading.Event()
        self.shown: list[int] = []
        self.pictures: list[Any] = []
        self.taken: list[Rendered] = []
        self.closed = 0

    @property
    def finished(self) -> bool:
        if self._ends_at_heat:
            return any(shown.heatmap is not None for shown in self.taken)
        return self._ends_after is not None and len(self.shown) >= self._ends_after

    @property
    def hot(self) -> Rendered:
        """The first picture with heat on it, of which nothing says that it is looked for."""
        return next(shown for shown in self.taken if shown.heatmap is not None)

    def write(self, shown: Rendered) -> None:
        if self._fails_after is not None and len(self.shown) >= self._fails_after:
            raise SinkError("the fake sink is full. Empty it.")
        if len(self.shown) == self._hangs_after:
            self.hangs.set()
            threading.Event().wait()
        self.shown.append(shown.frame.index)
        self.pictures.append(shown.pixels)
        self.taken.append(shown)

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


def show(
    source: FakeCamera, explainer: FakeExplainer, *sinks: FakeSink | Recorder, **settings: Any
) -> tuple[RunStatistics, SinkGroup]:
    statistics, several = RunStatistics(), SinkGroup()
    for sink in sinks:
        several.add(sink)
    play(source, explainer, several, Settings(**settings), statistics)
    return statistics, several


@pytest.mark.timed
def test_the_picture_never_waits_for_the_network() -> None:
    sink = FakeSink()
    statistics, _ = show(FakeCamera(100), FakeExplainer(0.2), sink, duration=1.5)
    assert statistics.frames_explained <= 10
    assert statistics.frames_shown >= 5 * statistics.frames_explained
    assert sink.shown == sorted(set(sink.shown)), "frames are shown in order, none twice"
    assert statistics.age.quantile(0.5) > statistics.latency.quantile(0.5)  # type: ignore[operator] # both are there


class SteppedShow:
    """A camera, a network and a sink in step: time is counted in the camera's frames, and nothing depends on a clock.

    The network takes as long as the camera takes for `frames_each` frames. The camera waits for every picture to be
    shown, and while the network has nothing in hand for that.
    """

    def __init__(self, frames_each: int, explained: int) -> None:
        self._changed = threading.Condition()
        self._frames_each, self._most = frames_each, explained
        self._given = self._seen = -1
        self._free_at: int | None = None
        """Number of the frame with whose picture the network will be done; None: it is."""
        self.begun: list[int] = []
        self.behind_at_the_end: list[int] = []

    def give(self, index: int) -> bool:
        """Wait until the camera may give this frame; return whether there is one more."""
        with self._changed:
            ready = self._changed.wait_for(lambda: self.over or self._is_due(index), 20)
            assert ready, "the show stands still"
            self._given = index
            return not self.over

    def _is_due(self, index: int) -> bool:
        if index == 0:
            return True
        return self._free_at is not None and self._seen == index - 1 < self._free_at

    def show(self, index: int) -> None:
        with self._changed:
            self._seen = index
            self._changed.notify_all()

    def explain(self, index: int) -> None:
        with self._changed:
            self.begun.append(index)
            self._free_at = self._given + self._frames_each
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self.over or self._seen == self._free_at, 20)
            assert done, "the show stands still"
            self.behind_at_the_end.append(self._given - index)
            self._free_at = None
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        return len(self.behind_at_the_end) >= self._most


class SteppedCamera(FakeCamera):
    def __init__(self, steps: SteppedShow) -> None:
        super().__init__()
        self._steps = steps

    def frames(self) -> Iterator[Frame]:
        index = 0
        while self._steps.give(index):
            self.captured[index] = time.monotonic()
            yield Frame(np.full((SIZE[1], SIZE[0], 3), index, np.uint8), index, self.captured[index])
            index += 1


class SteppedExplainer(FakeExplainer):
    def __init__(self, steps: SteppedShow) -> None:
        super().__init__()
        self._steps = steps

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        self._steps.explain(int(pixels[0, 0, 0]))
        return super().answer(pixels, question)


class SteppedSink(FakeSink):
    def __init__(self, steps: SteppedShow) -> None:
        super().__init__()
        self._steps = steps

    def write(self, shown: Rendered) -> None:
        super().write(shown)
        self._steps.show(shown.frame.index)


@pytest.mark.parametrize("frames_each", [1, 3, 7])
@pytest.mark.long
def test_no_frame_is_explained_that_is_older_than_one_explanation_and_one_camera_frame(
    frames_each: int,
) -> None:
    steps = SteppedShow(frames_each, explained=20)
    sink = SteppedSink(steps)
    show(SteppedCamera(steps), SteppedExplainer(steps), sink, frames=20)
    assert len(steps.begun) == 20
    # The newest frame each time, and those that came meanwhile are shown and passed over.
    assert steps.begun == [number * frames_each for number in range(20)]
    assert max(steps.behind_at_the_end) <= frames_each + 1
    assert sink.shown[: 19 * frames_each] == list(range(19 * frames_each)), "every frame is shown"


def test_the_age_at_which_a_frame_is_begun_is_told() -> None:
    statistics, _ = show(FakeCamera(100), FakeExplainer(0.05), FakeSink(), frames=10)
    waited, explained = statistics.stages["wait"].quantile(0.5), statistics.stages["explain"].quantile(0.5)
    assert waited is not None
    assert explained is not None
    assert 0 <= waited < explained, "the frame is the newest, not one that waited for the network"


def test_frames_counts_explained_frames() -> None:
    statistics, _ = show(FakeCamera(200), FakeExplainer(0.01), FakeSink(), frames=7)
    assert statistics.frames_explained == 7


def test_the_last_explanation_is_on_the_last_picture() -> None:
    sink = FakeSink()
    show(FakeCamera(200), FakeExplainer(0.1), sink, frames=1)
    # The heat is warm in the middle: the grey of the frame itself has no colour.
    middle = sink.pictures[-1][SIZE[1] // 2, SIZE[0] // 2].astype(int)
    assert middle.max() - middle.min() > 30


@pytest.mark.parametrize("ends_after", [1, 5])
def test_the_viewer_ends_it_within_a_second(ends_after: int) -> None:
    with at_most(1.5):
        sink = FakeSink(ends_after=ends_after)
        show(FakeCamera(100), FakeExplainer(0.3), sink)
    assert len(sink.shown) == ends_after


@pytest.mark.parametrize("fails", [False, True])
def test_opencv_draws_with_half_of_its_threads_while_a_camera_runs_and_gets_them_back(fails: bool) -> None:
    during: list[int] = []

    class Watches(FakeSink):
        def write(self, shown: Rendered) -> None:
            during.append(cv2.getNumThreads())
            super().write(shown)

    usual = cv2.getNumThreads()
    try:
        cv2.setNumThreads(6)
        with suppress(SourceError):
            show(FakeCamera(200, frames=5, fails=fails), FakeExplainer(), Watches())
        assert set(during) == {3}
        assert cv2.getNumThreads() == 6
    finally:
        cv2.setNumThreads(usual)


def test_an_error_of_the_source_reaches_the_user() -> None:
    with pytest.raises(SourceError, match="the fake camera caught fire"):
        show(FakeCamera(200, frames=20, fails=True), FakeExplainer(), FakeSink())


def test_the_end_of_the_source_is_the_end() -> None:
    sink = FakeSink()
    statistics, _ = show(FakeCamera(100, frames=30), FakeExplainer(), sink)
    assert sink.shown[-1] == 29
    assert statistics.frames_captured == 30


def test_a_model_that_fails_on_the_hundredth_frame_ends_it_with_its_line() -> None:
    explainer = FakeExplainer(fails_at=99)
    with pytest.raises(LiveGradcamError, match=r"the network broke\. Take another"):
        show(FakeCamera(500), explainer, FakeSink())
    assert explainer.explained == 99


def test_a_sink_that_fails_is_left_and_the_others_go_on() -> None:
    good, bad = FakeSink(ends_after=40), FakeSink(fails_after=5)
    _, several = show(FakeCamera(300), FakeExplainer(), good, bad)
    assert (len(good.shown), len(bad.shown)) == (40, 5)
    assert several.failures == ["the fake sink is full. Empty it."]
    several.close()
    several.close()
    assert (good.closed, bad.closed) == (1, 1)


def test_when_the_only_sink_has_failed_an_endless_run_is_over() -> None:
    _, several = show(FakeCamera(300), FakeExplainer(), FakeSink(fails_after=3))
    assert several.failures == ["the fake sink is full. Empty it."]


def has_recorded(recorder: Recorder, path: Path, shown: FakeSink) -> None:
    """Make sure that the film is whole, but for what a busy machine dropped and counted."""
    recorder.close()
    assert frames_in(path) + recorder.dropped == len(shown.shown)
    assert sorted(file.name for file in path.parent.iterdir()) == [path.with_suffix(".jsonl").name, path.name]


def test_when_the_model_fails_the_recording_is_whole(tmp_path: Path) -> None:
    sink, recorder = FakeSink(), Recorder(tmp_path / "out.mp4", wait=False)
    with pytest.raises(LiveGradcamError, match="the network broke"):
        show(FakeCamera(300), FakeExplainer(fails_at=99), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)
    assert len(sink.shown) > 50


def test_when_the_source_fails_the_recording_is_whole(tmp_path: Path) -> None:
    sink, recorder = FakeSink(), Recorder(tmp_path / "out.mp4", wait=False)
    with pytest.raises(SourceError, match="the fake camera caught fire"):
        show(FakeCamera(100, frames=30, fails=True), FakeExplainer(), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)


def test_when_another_sink_fails_the_recording_goes_on(tmp_path: Path) -> None:
    sink, recorder = FakeSink(ends_after=60), Recorder(tmp_path / "out.mp4", wait=False)
    show(FakeCamera(100), FakeExplainer(), FakeSink(fails_after=3), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)
    assert len(sink.shown) == 60


@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent")
def test_a_sink_that_hangs_keeps_nobody_from_ending_it_and_the_recording_is_whole(tmp_path: Path) -> None:
    hanging, recorder = FakeSink(hangs_after=30), Recorder(tmp_path / "out.mp4", wait=False)
    main = threading.main_thread().ident
    assert main is not None

    ended = threading.Event()

    def press_ctrl_c() -> None:
        hanging.hangs.wait()
        signal.pthread_kill(main, signal.SIGINT)
        while not ended.wait(10):  # Python loses one that comes while garbage is collected
            signal.pthread_kill(main, signal.SIGINT)

    ctrl_c = threading.Thread(target=press_ctrl_c)
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        show(FakeCamera(100), FakeExplainer(), recorder, hanging)
    ended.set()
    ctrl_c.join()
    hanging.shown.append(30)  # which the recording has, and it has not
    has_recorded(recorder, tmp_path / "out.mp4", hanging)


def test_what_a_sink_has_to_say_stands_on_the_picture_and_what_is_shown_comes_with_it() -> None:
    quiet = FakeSink(ends_at_heat=True)
    worried = FakeSink(ends_at_heat=True, notice="disk nearly full: 150 MB left")
    show(FakeCamera(100), FakeExplainer(), quiet)
    show(FakeCamera(100), FakeExplainer(), worried)
    corner = np.s_[4:20, 4:120]
    assert np.ptp(worried.hot.pixels[corner]) > 100  # light letters on a dark plate
    assert np.ptp(quiet.hot.pixels[corner]) < 100
    last = worried.hot
    assert last.explanation is not None
    assert last.latency_ms is not None
    assert last.latency_ms >= 0
    assert within(last.latency_ms, 1000)


def test_a_silent_camera_does_not_stop_the_clock() -> None:
    sink = FakeSink()
    with at_most(2.5):
        source = FakeCamera(200, silent_after=20)
        stop = threading.Timer(0.8, source.close)
        stop.start()
        statistics, _ = show(source, FakeExplainer(), sink)
        stop.join()
    assert statistics.frames_shown <= 20


def test_a_mirror_turns_what_is_explained_and_shown() -> None:
    class Half(FakeCamera):
        def frames(self) -> Iterator[Frame]:
            for frame in super().frames():
                frame.pixels[:, : SIZE[0] // 2] = 255
                yield frame

    sink = FakeSink(ends_after=1)
    show(Half(100), FakeExplainer(0.2), sink, mirror=True)
    assert sink.pictures[0][60, -5:].mean() == 255
    assert sink.pictures[0][60, :5].mean() < 50
